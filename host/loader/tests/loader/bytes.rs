//! A library's bytes and the verdict on them.

use majlis_abi::preamble::OURS;
use majlis_loader::{codes, probe::probe};

use crate::fixture::{good, section, with, with_at};

fn verdict(bytes: &[u8]) -> (&'static str, String) {
    let verdict = probe(bytes).expect_err("accepted");
    assert!(!verdict.remedy.is_empty() && !verdict.reason.contains('\n'), "{verdict:?}");
    (verdict.code, verdict.reason)
}

#[test]
fn a_good_plugin_says_who_it_is_and_what_it_needs() {
    let probed = probe(&good()).unwrap();
    assert!(probed.manifest_text.contains("name = \"fixture\""));
    assert_eq!(probed.preamble, OURS);
    assert!(probed.needed.iter().any(|needed| needed == "libc.so.6"), "{:?}", probed.needed);
    assert!(probed.compiler.unwrap().starts_with("rustc version"));
    assert!(probed.exports.iter().any(|export| export == "majlis_root"));
}

#[test]
fn what_is_no_elf_library_is_told_apart() {
    assert_eq!(verdict(b"").0, codes::L0102);
    let (code, reason) = verdict(b"<html>404 not found</html>\n");
    assert_eq!((code, reason.as_str()), (codes::L0103, "it is a text file"));
    assert!(verdict(b"MZ\x90\0\x03\0\0\0").1.contains("Windows"));
    assert_eq!(verdict(&[0; 4096]).0, codes::L0103);
    assert_eq!(verdict(b"\x7fELF\x02\x01").0, codes::L0106);
}

#[test]
fn another_machine_is_named() {
    let changed = |at: usize, byte: u8| {
        let mut bytes = good();
        bytes[at] = byte;
        verdict(&bytes)
    };
    assert!(changed(4, 1).1.contains("32-bit"));
    assert!(changed(5, 2).1.contains("big-endian"));
    let (code, reason) = changed(18, 243);
    assert_eq!(code, codes::L0104);
    assert!(reason.contains("riscv64") && reason.contains(std::env::consts::ARCH), "{reason}");
    assert_eq!(changed(16, 1).0, codes::L0105);
}

#[test]
fn truncated_in_the_segments_or_in_the_section_table() {
    let bytes = good();
    let middle = section(&bytes, ".text").start;
    let (code, reason) = verdict(&bytes[..middle]);
    assert_eq!(code, codes::L0106, "{reason}");
    assert!(reason.contains(&format!("the file at byte {middle}")), "{reason}");
    let (code, reason) = verdict(&bytes[..bytes.len() - 100]);
    assert_eq!(code, codes::L0107, "{reason}");
    assert!(reason.contains(&format!("ends at byte {}", bytes.len())), "{reason}");
    for tenth in 0..100 {
        assert!(probe(&bytes[..bytes.len() * tenth / 100]).is_err());
    }
}

#[test]
fn a_foreign_library_is_no_plugin() {
    let libc = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path = libc.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.contains("libc.so"));
    let bytes = std::fs::read(path.expect("the test is linked with libc")).unwrap();
    assert_eq!(verdict(&bytes).0, codes::L0108);
}

#[test]
fn a_wrong_boundary_is_one_line_with_both_sides() {
    let (code, reason) = verdict(&with_at(".stage.abi", 8, &7u32.to_le_bytes()));
    assert_eq!(code, codes::L0112);
    assert!(reason.contains("major 7") && reason.contains("host speaks 1"), "{reason}");
    assert_eq!(verdict(&with_at(".stage.abi", 16, &0u32.to_le_bytes())).0, codes::L0113);
    let (code, reason) = verdict(&with_at(".stage.abi", 24, &1u64.to_le_bytes()));
    assert_eq!(code, codes::L0114);
    assert!(reason.contains("`Error`") && reason.contains("0000000000000001"), "{reason}");
    assert_eq!(verdict(&with_at(".stage.abi", 0, b"X")).0, codes::L0111);
}

#[test]
fn a_refused_plugin_keeps_its_manifest() {
    let refused = probe(&with_at(".stage.abi", 8, &7u32.to_le_bytes())).unwrap_err();
    assert!(refused.manifest_text.unwrap().contains("name = \"fixture\""));
}

#[test]
fn a_missing_part_is_named() {
    let (code, reason) = verdict(&with(".dynstr", "majlis_root", "majlis_rooT"));
    assert_eq!((code, reason.contains("majlis_root")), (codes::L0109, true));
    assert!(verdict(&with(".dynstr", "majlis_preamble", "majlis_preamblE")).1.contains("majlis_preamble"));
    let (code, reason) = verdict(&with(".shstrtab", ".stage.abi", ".stage.abX"));
    assert_eq!((code, reason.contains(".stage.abi")), (codes::L0109, true));
    assert_eq!(verdict(&with_at(".stage.manifest", 0, &[0xff])).0, codes::L0110);
}

#[test]
fn a_preamble_elsewhere_than_its_symbol_is_refused() {
    let mut bytes = good();
    let (names, table) = (section(&bytes, ".dynstr"), section(&bytes, ".dynsym"));
    let name = bytes[names].windows(16).position(|name| name == b"majlis_preamble\0").unwrap() as u32;
    let symbol = table.step_by(24).find(|at| bytes[*at..*at + 4] == name.to_le_bytes()).unwrap();
    // Moved by eight bytes into its section.
    let value = u64::from_le_bytes(bytes[symbol + 8..symbol + 16].try_into().unwrap());
    bytes[symbol + 8..symbol + 16].copy_from_slice(&(value + 8).to_le_bytes());
    assert_eq!(verdict(&bytes).0, codes::L0111);
}

/// A small generator with a fixed seed (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn no_bytes_make_the_probe_panic() {
    let original = good();
    let mut bytes = original.clone();
    // Where a wrong byte leads somewhere: headers, tables, names, and the sections of ours.
    let program_headers = 64..64 + 56 * 12;
    let section_table = original.len() - 64 * 40..original.len();
    let mut targets = vec![0..64, program_headers, section_table];
    targets.extend([".dynsym", ".dynstr", ".dynamic", ".stage.abi", ".shstrtab"].map(|name| section(&original, name)));
    let mut random = Random(0x5eed_0001);
    let (mut refused, mut accepted) = (0, 0);
    for case in 0..4000 {
        let mut changed = Vec::new();
        for _ in 0..=random.below(4) {
            let target = &targets[random.below(targets.len())];
            let at = target.start + random.below(target.len());
            bytes[at] = [0, 0xff, 0x7f, 0x80, random.below(256) as u8][random.below(5)];
            changed.push(at);
        }
        let end = if case % 4 == 0 { random.below(bytes.len()) } else { bytes.len() };
        match probe(&bytes[..end]) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
        changed.into_iter().for_each(|at| bytes[at] = original[at]);
    }
    // Both must have happened, or the cases prove nothing.
    assert!(refused > 1000 && accepted > 100, "{refused} refused, {accepted} accepted");
}
