//! Where the third-party test data lies, and what to do when it does not.

#![allow(dead_code)] // each test file uses a part

use std::path::{Path, PathBuf};

use majlis_insightface::backend::onnxruntime::{OnnxRuntime, Options};
use majlis_insightface::{Rgb8, runtime_path};

/// `$MAJLIS_TESTDATA`, or `../shared/testdata` beside the workspace; None, said loudly, when it is absent.
pub(crate) fn folder() -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata");
    let folder = std::env::var_os("MAJLIS_TESTDATA").map_or_else(usual, PathBuf::from);
    present(folder.join("models/det_500m.onnx").is_file(), &format!("test data in {}", folder.display())).then_some(folder)
}

/// ONNX Runtime with one thread, as `make onnxruntime` puts it; None, said loudly, when it is absent.
pub(crate) fn runtime(cache: Option<PathBuf>) -> Option<OnnxRuntime> {
    let path = runtime_path::find(None, |name| std::env::var_os(name));
    if let Err(error) = &path {
        present(false, &format!("{error}"));
    }
    let options = Options { threads: 1, cache, spawn: None };
    Some(OnnxRuntime::open(&path.ok()?, options).unwrap())
}

fn present(is: bool, what: &str) -> bool {
    let required = std::env::var("MAJLIS_REQUIRE").is_ok_and(|value| value == "all");
    assert!(is || !required, "MAJLIS_REQUIRE=all, and there is no {what}");
    if !is {
        eprintln!("SKIPPED: {}: no {what}", std::thread::current().name().unwrap_or("a test"));
    }
    is
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
