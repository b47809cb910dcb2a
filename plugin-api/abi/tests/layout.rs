//! The frozen layout: a golden file of names, sizes and offsets, and the hashes that the preamble carries.
//! While the major is a draft, `MAJLIS_BLESS=1 cargo test -p majlis-abi` writes both anew.

use std::path::Path;

use majlis_abi::layout::{HASHES, NAMES, TYPES, descriptions, hash};

fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn names_sizes_and_offsets_are_the_golden_ones() {
    let text: String = NAMES.iter().zip(descriptions()).map(|(name, walk)| format!("## {name}\n{walk}\n")).collect();
    let path = file("tests/layout.golden");
    if std::env::var_os("MAJLIS_BLESS").is_some() {
        std::fs::write(&path, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "the boundary's layout changed; a released major never does. Now:\n{text}");
}

#[test]
fn the_constants_of_the_preamble_are_the_hashes_of_the_walk() {
    let walked: [u64; TYPES] = descriptions().map(|walk| hash(&walk));
    if std::env::var_os("MAJLIS_BLESS").is_some() {
        let lines: String =
            walked.iter().zip(NAMES).map(|(hash, name)| format!("    {hash:#018x}, // {name}\n")).collect();
        std::fs::write(file("src/hashes.in"), format!("[\n{lines}]\n")).expect("the hashes can be written");
        return;
    }
    for ((name, constant), walked) in NAMES.iter().zip(HASHES).zip(walked) {
        assert_eq!(constant, walked, "hash of `{name}`");
    }
}
