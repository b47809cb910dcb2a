//! LiveKit's own library, opened through the host.

use std::path::Path;

use majlis_livekit_ffi::{Ffi, Library, Options, library};
use majlis_plugin_api::service::native;
use majlis_plugin_api::{Error, Host, Result};

/// Finds the library, lets the host check and open it, and starts its one instance or joins the one that runs.
pub(crate) fn open(configured: Option<&Path>, host: &Host) -> Result<Ffi> {
    let path = library::find(configured).map_err(told)?;
    let path = native::open(host, library::NAME, &path, Some(library::sha256().map_err(told)?))?;
    let library = Library::opened(&path).map_err(told)?;
    let threads = host.clone();
    let spawn = move |work| threads.spawn("livekit", work).map_err(|error| error.to_string());
    // Its log may repeat tokens and texts: nobody takes it.
    Ffi::shared(&library, Options { spawn: Some(Box::new(spawn)), log: None }).map_err(told)
}

/// What it says, with what to do about it.
pub(crate) fn told(error: majlis_livekit_ffi::Error) -> Error {
    match error.remedy() {
        Some(remedy) => Error::new(format!("{error}; {remedy}")),
        None => Error::new(error.to_string()),
    }
}
