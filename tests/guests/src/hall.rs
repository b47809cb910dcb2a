use std::future::Future;
use std::time::{Duration, Instant};

use majlis_livekit_ffi::{Ffi, Library, Options};
use majlis_test_livekit::Server;
use tokio::runtime::{Builder, Runtime};

/// Longer than anything takes on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server with rooms, LiveKit's library, and threads on which guests live. Everything ends with it.
pub struct Hall {
    /// The official server.
    pub server: Server,
    pub(crate) ffi: Ffi,
    pub(crate) runtime: Runtime,
}

impl Hall {
    /// Starts it, or says that what is to be tested is skipped.
    ///
    /// # Panics
    /// The library or the server is not there and nothing may be missing (`MAJLIS_REQUIRE=all`), or does not start.
    #[must_use]
    pub fn open(skipped: &str) -> Option<Self> {
        let library = majlis_test_livekit::library(skipped)?;
        let server = Server::start(skipped)?;
        let library = Library::open(&library).expect("it is the pinned one");
        let ffi = Ffi::shared(&library, Options::default()).expect("it starts");
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        Some(Self { server, ffi, runtime })
    }

    /// Waits for a future, but not for ever.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await });
        waited.unwrap_or_else(|_| panic!("{what} took more than {PATIENCE:?}"))
    }
}

/// Looks again and again until it is so.
///
/// # Panics
/// It is not so in a minute; `told` says what is the case then.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool, told: impl FnOnce() -> String) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come: {}", told());
        std::thread::sleep(Duration::from_millis(10));
    }
}
