//! What the bytes of a library say, without running any of it.

use std::path::Path;

use majlis_abi::preamble::{Mismatch, Preamble};
use majlis_abi::root::{MANIFEST_SECTION, PREAMBLE_SECTION, PREAMBLE_SYMBOL, ROOT_SYMBOL};

use crate::codes;
use crate::elf::Library;
use crate::refused::Refused;

/// A library whose bytes have the shape of a plugin of this host's boundary. Only [`probe`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probed {
    /// The text of `.stage.manifest`, not yet parsed.
    pub manifest_text: String,
    /// The preamble, already compared with the host's.
    pub preamble: Preamble,
    /// The libraries that it needs (`DT_NEEDED`), in order.
    pub needed: Vec<String>,
    /// The name that other libraries know it by.
    pub soname: Option<String>,
    /// Where it looks for what it needs (`DT_RUNPATH`, `DT_RPATH`), as written: `$ORIGIN` is the library's folder.
    pub search: Vec<String>,
    /// The symbols that it exports.
    pub exports: Vec<String>,
    /// What `.comment` says of its compiler, such as `rustc version 1.95.0 (…)`.
    pub compiler: Option<String>,
}

/// Why bytes are no plugin of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Stable; [`explain`](crate::explain) knows it.
    pub code: &'static str,
    /// What is wrong, with both sides.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// The manifest's text, where it could be read: who was refused.
    pub manifest_text: Option<String>,
}

impl Verdict {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), remedy: remedy.into(), manifest_text: None }
    }

    /// The refusal of the library at this path.
    #[must_use]
    pub fn at(self, path: &Path) -> Refused {
        Refused { code: self.code, reason: self.reason, remedy: self.remedy, path: path.to_owned(), verbose: None }
    }
}

/// Reads a library from its bytes: structure, sections, symbols, preamble, in this order, and stops at the first
/// thing that is wrong. It runs nothing, opens nothing and does not panic, whatever the bytes are.
///
/// # Errors
/// The first thing that is wrong.
pub fn probe(bytes: &[u8]) -> Result<Probed, Verdict> {
    let library = Library::read(bytes)?;
    let manifest = library.section(MANIFEST_SECTION)?;
    let preamble = library.section(PREAMBLE_SECTION)?;
    let (manifest, block) = match (manifest, preamble) {
        (Some(manifest), Some(preamble)) => (manifest, preamble),
        (None, None) => {
            let reason = format!(
                "it is a shared library without {MANIFEST_SECTION} and {PREAMBLE_SECTION}, so no Majlis plugin"
            );
            return Err(Verdict::new(codes::L0108, reason, "keep libraries that are no plugins elsewhere"));
        }
        (manifest, _) => {
            return Err(missing(if manifest.is_some() { PREAMBLE_SECTION } else { MANIFEST_SECTION }));
        }
    };
    let Ok(manifest_text) = std::str::from_utf8(manifest.bytes) else {
        let reason = format!("its {MANIFEST_SECTION} section is not UTF-8 text");
        return Err(Verdict::new(codes::L0110, reason, "build it with the macro manifest! of majlis-plugin-api"));
    };
    // A linker may fill a section up to its alignment.
    let manifest_text = manifest_text.trim_end_matches('\0').to_owned();
    let named = |verdict: Verdict| Verdict { manifest_text: Some(manifest_text.clone()), ..verdict };

    let preamble = Preamble::read(block.bytes).and_then(|preamble| preamble.check().map(|()| preamble));
    let preamble = preamble.map_err(|mismatch| named(mismatched(&mismatch)))?;

    let exports = library.exports().map_err(named)?;
    let export = |name: &str| exports.iter().find(|export| export.name == name);
    let (Some(symbol), Some(_)) = (export(PREAMBLE_SYMBOL), export(ROOT_SYMBOL)) else {
        let absent = if export(PREAMBLE_SYMBOL).is_none() { PREAMBLE_SYMBOL } else { ROOT_SYMBOL };
        return Err(named(missing(absent)));
    };
    // After opening, the preamble is read again through its symbol: it has to be the block that was just checked.
    if symbol.section != Some(block.index) || symbol.address != block.address {
        let reason = format!("its symbol {PREAMBLE_SYMBOL} does not stand at the start of {PREAMBLE_SECTION}");
        return Err(named(Verdict::new(codes::L0111, reason, "build it with majlis-plugin-api")));
    }
    let comment = library.section(".comment").ok().flatten().map(|section| section.bytes).unwrap_or_default();
    Ok(Probed {
        compiler: compiler(comment),
        exports: exports.into_iter().map(|export| export.name).collect(),
        manifest_text,
        needed: library.needed,
        preamble,
        search: library.search,
        soname: library.soname,
    })
}

fn missing(what: &str) -> Verdict {
    let reason = format!("its {what} is missing, so the host cannot enter it");
    Verdict::new(codes::L0109, reason, "build it with export_stage! and do not strip exported symbols")
}

/// A mismatch says reason and remedy in one line, parted by its last semicolon.
pub(crate) fn mismatched(mismatch: &Mismatch) -> Verdict {
    let code = match mismatch {
        Mismatch::NotAPreamble { .. } => codes::L0111,
        Mismatch::Major { .. } => codes::L0112,
        Mismatch::Aborts => codes::L0113,
        Mismatch::Layout { .. } => codes::L0114,
    };
    let line = mismatch.to_string();
    let (reason, remedy) = line.rsplit_once("; ").unwrap_or((&line, "build it with majlis-plugin-api"));
    Verdict::new(code, reason, remedy)
}

fn compiler(comment: &[u8]) -> Option<String> {
    let lines = comment.split(|byte| *byte == 0).filter_map(|line| std::str::from_utf8(line).ok());
    let mut lines = lines.filter(|line| !line.is_empty());
    let first = lines.clone().next();
    lines.find(|line| line.starts_with("rustc ")).or(first).map(str::to_owned)
}
