//! One version of a native library a process.

use std::fs;

use majlis_loader::{Natives, codes};
use tempfile::TempDir;

use crate::fixture::c_library;

#[test]
fn a_native_library_opens_once_and_the_same_bytes_elsewhere_are_the_same_library() {
    let folder = TempDir::new().unwrap();
    let path = c_library(folder.path(), "libone.so", "int one(void) { return 1; }", &[]);
    let twin = folder.path().join("twin.so");
    fs::copy(&path, &twin).unwrap();
    let natives = Natives::new();
    let first = natives.open("one", &path, None, "faces").unwrap();
    assert_eq!(natives.open("one", &path, None, "avatar").unwrap(), first);
    assert_eq!(natives.open("one", &twin, None, "avatar").unwrap(), first);
    assert!(fs::read_to_string("/proc/self/maps").unwrap().contains(first.to_str().unwrap()));
}

#[test]
fn a_second_version_names_both_stages() {
    let folder = TempDir::new().unwrap();
    let soname = ["-Wl,-soname,libtwo.so.1"];
    let old = c_library(folder.path(), "old.so", "int two(void) { return 1; }", &soname);
    let new = c_library(folder.path(), "new.so", "int two(void) { return 2; }", &soname);
    let natives = Natives::new();
    natives.open("two", &old, None, "faces").unwrap();
    // By its name, and by its soname under another name.
    for name in ["two", "zwei"] {
        let refused = natives.open(name, &new, None, "avatar").unwrap_err();
        assert_eq!(refused.code, codes::L0601);
        assert!(refused.reason.contains("`faces`") && refused.reason.contains("`avatar`"), "{refused}");
        assert!(refused.reason.contains("old.so") && refused.reason.contains("new.so"), "{refused}");
    }
    // Replaced where it lies: the process still has the old one.
    fs::rename(&new, &old).unwrap();
    let refused = natives.open("two", &old, None, "avatar").unwrap_err();
    assert!(refused.code == codes::L0601 && refused.reason.contains("restart"), "{refused}");
}

#[test]
fn what_is_pinned_truncated_or_incomplete_is_refused_and_may_be_tried_again() {
    let folder = TempDir::new().unwrap();
    let path = c_library(folder.path(), "libthree.so", "int three(void) { return 3; }", &[]);
    let natives = Natives::new();
    assert_eq!(natives.open("three", &path, Some([1; 32]), "faces").unwrap_err().code, codes::L0603);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(natives.open("three", &path, None, "faces").unwrap_err().code, codes::L0602);
    fs::write(&path, &whole).unwrap();
    assert!(natives.open("three", &path, None, "faces").is_ok());
    assert_eq!(natives.open("gone", &folder.path().join("gone.so"), None, "faces").unwrap_err().code, codes::L0602);
    let needy = c_library(folder.path(), "libneedy.so", "int nowhere(void); int f(void) { return nowhere(); }", &[]);
    assert_eq!(natives.open("needy", &needy, None, "faces").unwrap_err().code, codes::L0402);
}
