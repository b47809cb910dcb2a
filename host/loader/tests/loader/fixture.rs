//! The good library, and the tools that damage copies of it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use majlis_config::Entry;
use majlis_loader::Loader;
use object::{Object, ObjectSection};
use tempfile::TempDir;

/// The bytes of the good plugin, built once.
pub(crate) fn good() -> Vec<u8> {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(build).clone()
}

fn build() -> Vec<u8> {
    let exe = std::env::current_exe().unwrap();
    let profile = exe.ancestors().nth(2).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--quiet", "-p", "majlis-fixture-plugin", "--target-dir"]);
    cargo.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().unwrap().success(), "the fixture does not build");
    fs::read(profile.join("libmajlis_fixture_plugin.so")).unwrap()
}

/// Where a section lies in the file.
pub(crate) fn section(bytes: &[u8], name: &str) -> Range<usize> {
    let file = object::read::elf::ElfFile64::<object::LittleEndian>::parse(bytes).unwrap();
    let (start, len) = file.section_by_name(name).unwrap().file_range().unwrap();
    start as usize..(start + len) as usize
}

/// Replaces every occurrence within a range by text of the same length; there must be one.
pub(crate) fn replace(bytes: &mut [u8], within: Range<usize>, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut found = 0;
    for at in within.start..within.end - from.len() + 1 {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{from:?} does not stand there");
}

/// The good plugin with text of one section replaced.
pub(crate) fn with(name: &str, from: &str, to: &str) -> Vec<u8> {
    let mut bytes = good();
    let range = section(&bytes, name);
    replace(&mut bytes, range, from, to);
    bytes
}

/// The good plugin with the bytes at a place of a section replaced.
pub(crate) fn with_at(name: &str, at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = good();
    let start = section(&bytes, name).start + at;
    bytes[start..start + new.len()].copy_from_slice(new);
    bytes
}

/// A plugin folder, a store and a loader.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) loader: Loader,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let loader = Loader::new(folder.path().join("store"));
        fs::create_dir(folder.path().join("plugins")).unwrap();
        Self { folder, loader }
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    pub(crate) fn put(&self, file: &str, bytes: &[u8]) -> PathBuf {
        let path = self.plugins().join(file);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Puts a library there, scans, and gives the entry that must come of it.
    pub(crate) fn entry(&self, bytes: &[u8]) -> Entry {
        self.put("libfixture.so", bytes);
        let catalogue = self.loader.scan(&[self.plugins()]);
        assert!(catalogue.refused.is_empty(), "{:?}", catalogue.refused);
        catalogue.plugins["fixture"].clone()
    }
}

/// A shared library in C.
pub(crate) fn c_library(folder: &Path, file: &str, source: &str, arguments: &[&str]) -> PathBuf {
    let (path, text) = (folder.join(file), folder.join(format!("{file}.c")));
    fs::write(&text, source).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&path).arg(&text).args(arguments);
    assert!(cc.status().unwrap().success(), "cc failed");
    path
}
