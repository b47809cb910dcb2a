//! Where `make livekit` puts what the tests use.

use std::path::PathBuf;

/// A folder of the user's cache that belongs to Majlis.
fn cache(folder: &str) -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let caches = caches.or_else(|| variable("HOME").map(|home| home.join(".cache"))).unwrap_or_default();
    caches.join("majlis").join(folder)
}

/// A file that somebody named in a variable, or that `make livekit` put there; or what is missing.
fn found(variable: &str, path: PathBuf) -> Result<PathBuf, String> {
    let path = std::env::var_os(variable).filter(|value| !value.is_empty()).map_or(path, PathBuf::from);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is not there; `make livekit` puts it there", path.display()))
    }
}

/// A file, or nothing: then the test says what it skips.
fn file(skipped: &str, variable: &str, path: PathBuf) -> Option<PathBuf> {
    let missing = match found(variable, path) {
        Ok(path) => return Some(path),
        Err(missing) => missing,
    };
    assert!(std::env::var_os("MAJLIS_REQUIRE").is_none_or(|all| all != "all"), "{skipped}: {missing}");
    eprintln!("\n*** SKIPPED: {skipped}\n*** {missing}\n");
    None
}

const LIBRARY: (&str, &str) = ("LIVEKIT_FFI_PATH", "livekit/1.2.1/liblivekit_ffi.so");
const SERVER: (&str, &str) = ("LIVEKIT_SERVER", "livekit-server/1.13.5/livekit-server");

/// The library, where the server is there too, for whoever asks before anything is started.
///
/// # Errors
/// One of them is not there; the text says how it is brought.
pub fn both() -> Result<PathBuf, String> {
    found(SERVER.0, cache(SERVER.1))?;
    found(LIBRARY.0, cache(LIBRARY.1))
}

/// LiveKit's own library; `skipped` says what is not tested without it.
///
/// # Panics
/// It is not there, and nothing may be missing (`MAJLIS_REQUIRE=all`).
#[must_use]
pub fn library(skipped: &str) -> Option<PathBuf> {
    file(skipped, LIBRARY.0, cache(LIBRARY.1))
}

/// The descriptors of the library's messages: one `FileDescriptorSet`.
///
/// # Panics
/// They are not there, and nothing may be missing.
#[must_use]
pub fn descriptors(skipped: &str) -> Option<PathBuf> {
    file(skipped, "LIVEKIT_FFI_DESCRIPTORS", cache("livekit/1.2.1/livekit_ffi.fds"))
}

/// The official server.
///
/// # Panics
/// It is not there, and nothing may be missing.
#[must_use]
pub fn server_binary(skipped: &str) -> Option<PathBuf> {
    file(skipped, SERVER.0, cache(SERVER.1))
}
