//! Third-party data that tests read and that is not part of the project.

use std::path::PathBuf;

/// A file or folder of the test data, or nothing when the test has to be skipped: then it says so, loudly.
///
/// The data is looked for in `MAJLIS_TESTDATA`, otherwise in `../shared/testdata` beside the workspace.
///
/// # Panics
/// It is absent and `MAJLIS_REQUIRE` is `all`.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MAJLIS_TESTDATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata")), PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("MAJLIS_REQUIRE").is_some_and(|what| what == "all");
    assert!(!required, "MAJLIS_REQUIRE=all, but there is no {}", path.display());
    eprintln!("SKIPPED: there is no {}; set MAJLIS_TESTDATA to the folder with the test data", path.display());
    None
}
