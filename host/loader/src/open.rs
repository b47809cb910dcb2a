//! The island: `dlopen` and the two symbols of a plugin.
//!
//! Its invariant: `dlopen` gets only files whose segments and tables were read and found inside the file (a
//! [`Verified`] copy of probed bytes, or a native library that `elf` accepted), and what it gives is never closed, so
//! every address and every `'static` that a library hands out stays valid for the life of the process.
#![allow(unsafe_code)]

use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use majlis_abi::preamble::Preamble;
use majlis_abi::root::{PREAMBLE_SYMBOL, Plugin, ROOT_SYMBOL};

use crate::codes;
use crate::probe::{Probed, Verdict};
use crate::refused::Refused;
use crate::store::Verified;

/// `RTLD_NODELETE` of glibc and musl; libloading does not name it.
const RTLD_NODELETE: i32 = 0x1000;

/// Opens the copy of a plugin and checks what only an open library can show: preamble, then layout.
pub(crate) fn plugin(verified: &Verified, probed: &Probed) -> Result<Plugin, Refused> {
    let at = |verdict: Verdict| verdict.at(verified.origin());
    let library = load(verified.path()).map_err(at)?;
    let preamble = symbol(&library, PREAMBLE_SYMBOL).map_err(at)?;
    let root = symbol(&library, ROOT_SYMBOL).map_err(at)?;
    // SAFETY: the probe saw this symbol at the start of a section that holds a whole preamble, and the mapped file is
    // the one that was probed.
    let seen = unsafe { Preamble::at(preamble.cast()) };
    if seen.as_ref() != Ok(&probed.preamble) {
        let reason = "its preamble in memory differs from the one in its file";
        return Err(at(Verdict::new(codes::L0405, reason, "build it with majlis-plugin-api")));
    }
    // SAFETY: the library is never closed, and its preamble was compared above with what the probe accepted.
    unsafe { Plugin::from_symbol(root) }.map_err(|long| {
        let reason = "the boundary's deep check of layouts refused it, though its preamble agrees with the host's";
        let verdict = Verdict::new(codes::L0406, reason, "build it against the released majlis-plugin-api");
        Refused { verbose: Some(long), ..at(verdict) }
    })
}

/// Opens a native library whose structure was checked, and keeps it open.
pub(crate) fn native(path: &Path) -> Result<(), Verdict> {
    load(path).map(drop)
}

/// Open for good: dropping it takes nothing away, because of `RTLD_NODELETE`.
fn load(path: &Path) -> Result<Library, Verdict> {
    // `NOW`: a missing symbol is an error here and not a crash at the first visitor. `LOCAL`: no plugin resolves a
    // symbol against another's.
    let flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    // SAFETY: initialisers of the library run here; they are the operator's choice to trust. The file's structure was
    // checked, which is what `dlopen` itself does not do.
    unsafe { Library::open(Some(path), flags) }.map_err(|error| words(&describe(error), path))
}

fn symbol(library: &Library, name: &str) -> Result<*const (), Verdict> {
    // SAFETY: the symbol is only taken as an address; nothing is read here.
    let found = unsafe { library.get::<*const ()>(name) };
    found.map(|symbol| symbol.as_raw_ptr().cast_const().cast()).map_err(|error| {
        let reason = format!("its symbol {name} cannot be found once it is open: {}", describe(error));
        Verdict::new(codes::L0405, reason, "build it with majlis-plugin-api")
    })
}

fn describe(error: libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } | libloading::Error::DlSym { source } => source.to_string(),
        other => other.to_string(),
    }
}

/// The system's words, told apart by what an operator has to do.
fn words(error: &str, path: &Path) -> Verdict {
    let own = path.to_string_lossy();
    if let Some((library, _)) = error.split_once(": cannot open shared object file")
        && library != own
    {
        let reason = format!("it needs the library {library}, which is not installed");
        let remedy = format!("install the package that brings {library}, or put the file beside the plugin");
        return Verdict::new(codes::L0401, reason, remedy);
    }
    // The store's copy says nothing to an operator; the refusal names the file that he knows.
    let error = error.strip_prefix(&*own).map_or(error, |rest| rest.trim_start_matches(": "));
    if let Some((_, symbol)) = error.split_once("undefined symbol: ") {
        let reason = format!("it needs the symbol {symbol}, which none of its libraries has");
        return Verdict::new(codes::L0402, reason, "install the version of that library which it was built for");
    }
    if error.contains("version `") && error.contains("' not found") {
        let reason = format!("it was built for a newer system: {error}");
        return Verdict::new(codes::L0403, reason, "install a build for this system");
    }
    let remedy = if error.contains("failed to map segment") {
        "choose a cache folder on a file system that is not mounted noexec"
    } else {
        "see the system's words"
    };
    Verdict::new(codes::L0404, format!("the system cannot open it: {error}"), remedy)
}

/// Tells native runtimes to send nothing about this machine: some builds of ONNX Runtime do so unless the environment
/// forbids it before they are first loaded. To be called first in `main`; `own` is how many threads may be there beside
/// the calling one that never look at the environment, such as the allocator's.
///
/// Answers false, and does nothing, if there are more, for then the environment may not be written.
pub fn silence_native_telemetry(own: usize) -> bool {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return false };
    let alone = threads.count() <= 1 + own;
    if alone {
        // SAFETY: no other thread of this process reads or writes the environment yet.
        unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") }
    }
    alone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(error: &str) -> (&'static str, String) {
        let verdict = words(error, Path::new("/store/ab.so"));
        (verdict.code, verdict.reason)
    }

    #[test]
    fn the_systems_words_become_what_an_operator_can_do() {
        let (missing, reason) = code("libonnx.so.1: cannot open shared object file: No such file or directory");
        assert_eq!((missing, reason.contains("libonnx.so.1")), (codes::L0401, true));
        let (symbol, reason) = code("/store/ab.so: undefined symbol: avcodec_open9");
        assert_eq!((symbol, reason.contains("avcodec_open9")), (codes::L0402, true));
        let newer = "/lib/libc.so.6: version `GLIBC_2.99' not found (required by /store/ab.so)";
        assert_eq!(code(newer).0, codes::L0403);
        assert_eq!(code("/store/ab.so: failed to map segment from shared object").0, codes::L0404);
        assert_eq!(code("/store/ab.so: cannot open shared object file: Permission denied").0, codes::L0404);
    }
}
