//! Where the library is, and whether it is the one that this crate was written for.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::native::Native;

/// The version of the wheel that carries the library.
pub const VERSION: &str = "1.2.1";

/// The file's name.
pub const FILE: &str = "liblivekit_ffi.so";

/// What the library is called where a plugin's manifest or a host names it.
pub const NAME: &str = "livekit_ffi";

/// The sha256 of the library by processor, as Rust calls it.
const PINNED: [(&str, &str); 2] = [
    ("x86_64", "b0e3b91dcf42b486045b6acca4863b132e3c4d114d5701b5759c7661c04ea1eb"),
    ("aarch64", "1851e0a2b740be6041e5a8bf66f419f78f0a424348b4d44d52bf2ece231ab740"),
];

/// The sha256 that the library has to have on this machine, in hexadecimal.
///
/// # Errors
/// [`Error::Machine`]: none is pinned.
pub fn sha256() -> Result<&'static str> {
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    let pinned = PINNED.iter().find(|(name, _)| system == "linux" && *name == processor);
    pinned.map(|(_, sha256)| *sha256).ok_or_else(|| Error::Machine { machine: format!("{system} on {processor}") })
}

/// Finds the library: what the configuration names, else `LIVEKIT_FFI_PATH`, else where `make livekit` puts it.
///
/// A path that somebody wrote down and that leads nowhere is an error: falling through to another library would hide it.
///
/// # Errors
/// [`Error::Missing`] with the places that were looked at.
pub fn find(configured: Option<&Path>) -> Result<PathBuf> {
    find_in(configured, |name| std::env::var_os(name))
}

fn find_in(configured: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let variable = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let (path, said_by) = if let Some(path) = configured {
        (path.to_owned(), "the configuration")
    } else if let Some(path) = variable("LIVEKIT_FFI_PATH") {
        (path, "LIVEKIT_FFI_PATH")
    } else {
        // The standard has it that a relative path is to be ignored.
        let caches = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let Some(caches) = caches.or_else(|| variable("HOME").map(|home| home.join(".cache"))) else {
            return Err(Error::Missing { looked: vec!["no place: neither XDG_CACHE_HOME nor HOME is set".into()] });
        };
        (caches.join("majlis/livekit").join(VERSION).join(FILE), "make livekit")
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::Missing { looked: vec![format!("{} ({said_by})", path.display())] })
}

/// A library that may be used: its bytes were checked, and it is open.
#[derive(Clone)]
pub struct Library {
    pub(crate) path: PathBuf,
    pub(crate) native: Native,
}

impl Library {
    /// Checks the file's sha256 and opens it: for programs and tests without a host. In 30 ms, most of it the hash.
    ///
    /// # Errors
    /// [`Error::Hash`], [`Error::Unopened`], [`Error::Machine`].
    pub fn open(path: &Path) -> Result<Self> {
        let expected = sha256()?;
        let found =
            digest(path).map_err(|error| Error::Unopened { path: path.to_owned(), reason: error.to_string() })?;
        if found != expected {
            return Err(Error::Hash { path: path.to_owned(), found, expected });
        }
        Self::opened(path)
    }

    /// Joins a library that a host has checked against [`sha256`] and opened under this path.
    ///
    /// # Errors
    /// [`Error::Unopened`]: the system does not open it, or it lacks a function.
    pub fn opened(path: &Path) -> Result<Self> {
        let native =
            Native::open(path).map_err(|error| Error::Unopened { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { path: path.to_owned(), native })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn digest(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => hash.update(&piece[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
