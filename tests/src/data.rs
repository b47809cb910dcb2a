//! What tests read and write: third-party data, and folders of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::places;

/// The folder of third-party data with ONNX Runtime at hand, or nothing: then the test says what it skips.
///
/// # Panics
/// Something is missing and `MAJLIS_REQUIRE` is `all`.
#[must_use]
pub fn testdata(skipped: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("MAJLIS_TESTDATA").map_or_else(|| places::root().join("../shared/testdata"), PathBuf::from);
    let missing = if !folder.join("models").is_dir() {
        format!("there is no test data at {}; name its folder in MAJLIS_TESTDATA", folder.display())
    } else if places::onnxruntime().is_none() {
        "ONNX Runtime is not there; `make onnxruntime` fetches it".to_owned()
    } else {
        return Some(folder.canonicalize().unwrap_or(folder));
    };
    assert!(std::env::var_os("MAJLIS_REQUIRE").is_none_or(|all| all != "all"), "{skipped}: {missing}");
    eprintln!("\n*** SKIPPED: {skipped}\n*** {missing}\n");
    None
}

/// A folder that goes with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    #[must_use]
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder can be made");
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// Makes a pipe: opening it for writing waits for its reader, so it is the test that says when.
    #[must_use]
    pub fn pipe(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo is part of every system");
        path
    }

    /// Reads a file.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        let path = self.file(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Every file below it, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder of the test can be read").flatten() {
                let kind = entry.file_type().expect("an entry has a kind");
                if kind.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files.sort();
        files
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

/// `text` with `old` replaced by `new`.
///
/// # Panics
/// `old` does not stand in it: what a test changes has to be there.
#[must_use]
pub fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "`{old}` does not stand in:\n{text}");
    text.replace(old, new)
}
