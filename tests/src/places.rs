//! Where the program, its plugins and the pipelines are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// The folder that cargo built everything into, found from this very test.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a running test is a file");
    test.parent().and_then(Path::parent).expect("tests are built into target/PROFILE/deps").to_owned()
}

/// The folder with the plugins: `MAJLIS_PLUGINS`, or where cargo builds them.
#[must_use]
pub fn plugins() -> PathBuf {
    let folder = std::env::var_os("MAJLIS_PLUGINS").map_or_else(built, PathBuf::from);
    let missing: Vec<&str> = [
        "replay",
        "images",
        "greeting",
        "avatar_console",
        "jsonl",
        "identity",
        "insightface",
        "presence",
        "scene_gate",
        "yunet",
        "audio_file",
        "voice_espeak",
        "voice_file",
        "fixture_memory",
        "fixture_services",
    ]
    .into_iter()
    .filter(|name| !folder.join(format!("libmajlis_{name}.so")).is_file())
    .collect();
    assert!(
        missing.is_empty(),
        "{} lacks the plugins {}: build everything first, with `cargo build --workspace`",
        folder.display(),
        missing.join(", ")
    );
    folder
}

/// The program.
#[must_use]
pub fn binary() -> PathBuf {
    let binary = built().join("majlis");
    assert!(
        binary.is_file(),
        "{} is not there: build everything first, with `cargo build --workspace`",
        binary.display()
    );
    binary
}

/// A pipeline that is shipped, by its file name.
#[must_use]
pub fn pipeline(name: &str) -> PathBuf {
    root().join("pipelines").join(name)
}

/// The text of a shipped pipeline for a folder of the test's own: the demo pack is named by its whole path.
///
/// # Panics
/// The workspace's path is not UTF-8.
#[must_use]
pub fn with_whole_paths(text: &str) -> String {
    let models = root().join("models/demo");
    text.replace("../models/demo", models.to_str().expect("the workspace has a path in UTF-8"))
}

/// A shipped pipeline as text, [`with_whole_paths`].
///
/// # Panics
/// There is no such pipeline.
#[must_use]
pub fn shipped(name: &str) -> String {
    with_whole_paths(&std::fs::read_to_string(pipeline(name)).expect("it is shipped"))
}

/// Whether the program that speaks is here; if not, the test says what it skips.
///
/// # Panics
/// It is not here, and nothing may be missing (`MAJLIS_REQUIRE=all`).
#[must_use]
pub fn espeak_is_here(skipped: &str) -> bool {
    if Command::new("espeak-ng").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let missing = "espeak-ng is not there; `apt-get install espeak-ng` installs it";
    assert!(std::env::var_os("MAJLIS_REQUIRE").is_none_or(|what| what != "all"), "{skipped}: {missing}");
    eprintln!("\n*** SKIPPED: {skipped}\n*** {missing}\n");
    false
}

/// ONNX Runtime, where `make onnxruntime` puts it or `ORT_DYLIB_PATH` names it.
#[must_use]
pub fn onnxruntime() -> Option<PathBuf> {
    let named = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let fetched = cache.and_then(|cache| {
        let versions = std::fs::read_dir(cache.join("majlis/onnxruntime")).ok()?;
        versions
            .flatten()
            .map(|version| version.path().join(format!("libonnxruntime.so.{}", version.file_name().display())))
            .find(|file| file.is_file())
    });
    named.or(fetched).filter(|file| file.is_file())
}
