//! The third-party test data, and the runtime that it is run on.

#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};

use majlis_recognition::backend::onnxruntime::{OnnxRuntime, Options};
use majlis_recognition::{Rgb8, runtime_path};

/// The folder of the test data; None, said loudly, when it is absent.
pub(crate) fn folder() -> Option<PathBuf> {
    majlis_testkit::testdata::path("models/det_500m.onnx")?;
    majlis_testkit::testdata::path("")
}

/// Whether ONNX Runtime is there; where it is not, that is said loudly, or is a failure with `MAJLIS_REQUIRE=all`.
pub(crate) fn has_runtime() -> bool {
    let Err(error) = runtime_path::find(None, |name| std::env::var_os(name)) else {
        return true;
    };
    let required = std::env::var_os("MAJLIS_REQUIRE").is_some_and(|what| what == "all");
    assert!(!required, "MAJLIS_REQUIRE=all, but: {error}");
    eprintln!("SKIPPED: {error}; run `make onnxruntime`");
    false
}

/// ONNX Runtime with one thread.
pub(crate) fn runtime(cache: Option<PathBuf>) -> Option<OnnxRuntime> {
    if !has_runtime() {
        return None;
    }
    let path = runtime_path::find(None, |name| std::env::var_os(name)).unwrap();
    Some(OnnxRuntime::open(&path, Options { threads: 1, cache, spawn: None }).unwrap())
}

/// A decoded photograph.
pub(crate) struct Photo {
    pub(crate) bytes: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Photo {
    pub(crate) fn open(path: &Path) -> Self {
        let picture = image::open(path).unwrap().to_rgb8();
        Self { width: picture.width() as usize, height: picture.height() as usize, bytes: picture.into_raw() }
    }

    pub(crate) fn view(&self) -> Rgb8<'_> {
        Rgb8::packed(&self.bytes, self.width, self.height).unwrap()
    }
}
