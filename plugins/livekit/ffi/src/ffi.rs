//! The instance as others hold it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use parking_lot::Mutex;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::library::Library;
use crate::proto::{LogLevel, LogRecord};

/// A thread's whole life, to be run on a thread that somebody else makes.
pub type Work = Box<dyn FnOnce() + Send>;

/// Makes a thread and runs the work there, so that the thread bears its owner's name and is metered.
pub type Spawn = Box<dyn FnOnce(Work) -> Result<(), String>>;

/// Takes what the library logs. It is called on the crate's thread and must not wait.
pub type Log = Box<dyn Fn(&Record<'_>) + Send + Sync>;

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// What happens.
    Info,
    /// What happens inside.
    Debug,
    /// Everything.
    Trace,
}

/// A line of the library's log.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// How important it is.
    pub level: Level,
    /// Who says it: a module of the library, or `libwebrtc`.
    pub target: &'a str,
    /// The source file, where it is known.
    pub file: Option<&'a str>,
    /// The line in it.
    pub line: Option<u32>,
    /// What is said. **It may repeat what was sent**: tokens, names, texts. It belongs into no log that is kept.
    pub message: &'a str,
}

impl<'a> Record<'a> {
    pub(crate) fn new(record: &'a LogRecord) -> Self {
        let level = match record.level() {
            LogLevel::Error => Level::Error,
            LogLevel::Warn => Level::Warn,
            LogLevel::Info => Level::Info,
            LogLevel::Debug => Level::Debug,
            LogLevel::Trace => Level::Trace,
        };
        Self {
            level,
            target: &record.target,
            file: record.file.as_deref(),
            line: record.line,
            message: &record.message,
        }
    }
}

/// What the first one who asks for the instance decides.
#[derive(Default)]
pub struct Options {
    /// Who makes the crate's one thread; none: the standard library.
    pub spawn: Option<Spawn>,
    /// Who takes the library's log; none: nobody.
    pub log: Option<Log>,
}

/// LiveKit's library, running: one instance for the process, however many ask for it.
///
/// It runs until [`Ffi::dispose`] or the process ends: what it costs when no room is open is 10 MB and threads that sleep. A
/// shared library that links this crate has an instance of its own, and the last one to start takes all events: let one
/// plugin own the rooms of a process.
#[derive(Clone)]
pub struct Ffi(pub(crate) Arc<Core>);

static SHARED: Mutex<Option<Ffi>> = Mutex::new(None);

impl Ffi {
    /// The instance; the first to ask starts it, and only that one's options count.
    ///
    /// # Errors
    /// [`Error::Conflict`] where it runs from another file, [`Error::Ended`] after a panic of the library,
    /// [`Error::Thread`].
    pub fn shared(library: &Library, options: Options) -> Result<Self> {
        let mut shared = SHARED.lock();
        if let Some(running) = &*shared {
            running.0.ended()?;
            if running.0.path != library.path {
                return Err(Error::Conflict { running: running.0.path.clone(), wanted: library.path.clone() });
            }
            return Ok(running.clone());
        }
        let core = Core::new(library.path.clone(), library.native, options.log);
        let (sender, events) = mpsc::channel();
        let weak = Arc::downgrade(&core);
        let work: Work = Box::new(move || Core::read(&weak, &events));
        match options.spawn {
            Some(spawn) => spawn(work).map_err(Error::Thread)?,
            None => {
                let thread = std::thread::Builder::new().name("livekit".into());
                thread.spawn(work).map_err(|error| Error::Thread(error.to_string()))?;
            }
        }
        core.initialize(sender);
        Ok(shared.insert(Self(core)).clone())
    }

    /// Leaves every room and ends the instance; the next [`Ffi::shared`] starts another. It waits until the rooms are left,
    /// so it does not belong onto a thread that drives futures.
    pub fn dispose(self) {
        let mut shared = SHARED.lock();
        if shared.as_ref().is_some_and(|running| Arc::ptr_eq(&running.0, &self.0)) {
            self.0.dispose();
            *shared = None;
        }
    }

    /// Whether it works; after a panic of the library nothing does.
    ///
    /// # Errors
    /// [`Error::Ended`] with what the library said.
    pub fn check(&self) -> Result<()> {
        self.0.ended()
    }

    /// How many things of the library's are owned at the moment: rooms, tracks, frames.
    #[must_use]
    pub fn handles(&self) -> usize {
        self.0.handles.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::{FfiEvent, FfiEventMessage, Panic};
    use crate::{AudioSource, ConnectOptions, DisconnectReason, Room, RoomEvent};

    /// A real panic of this build aborts the process, so its event is said by the callback.
    #[tokio::test]
    async fn a_panic_of_the_library_ends_everything_with_what_it_said() {
        let skipped = "a panic of the library";
        let Some(path) = majlis_test_livekit::library(skipped) else { return };
        let Some(server) = majlis_test_livekit::Server::start(skipped) else { return };
        let ffi = Ffi::shared(&Library::open(&path).unwrap(), Options::default()).unwrap();
        let options = ConnectOptions::default();
        let token = server.token("host", "stand-1");
        let mut host = Room::connect(&ffi, &server.url(), &token, &options).await.unwrap();
        let mut method = host.room.register_rpc("ask").unwrap();
        let mut source = AudioSource::new(&ffi, 48_000, 1, Duration::from_secs(1)).unwrap();

        // Somebody waits for an answer that never comes: nobody is called so.
        let asking = host.room.perform_rpc("nobody", "ask", "", Duration::from_secs(60));
        let panic = Panic { message: "out of luck".into() };
        let event = FfiEvent { message: Some(FfiEventMessage::Panic(panic)) };
        let (asked, ()) = tokio::join!(asking, async { crate::native::say(&event) });
        assert!(matches!(asked, Err(Error::Ended(_))), "{asked:?}");

        // The room tells of it, then is silent, and so is whoever waits for questions.
        let mut last = None;
        while let Some(event) = host.events.next().await {
            last = Some(event);
        }
        assert!(matches!(last, Some(RoomEvent::Disconnected { reason: DisconnectReason::UnknownReason })), "{last:?}");
        assert!(method.next().await.is_none());

        // From there on nothing works, and everything says why.
        let Err(Error::Ended(reason)) = ffi.check() else { panic!("it has ended") };
        assert_eq!(reason, "out of luck");
        assert!(matches!(source.capture(vec![0; 480]).await, Err(Error::Ended(_))));
        assert!(matches!(host.room.set_name("a").await, Err(Error::Ended(_))));
        let again = Ffi::shared(&Library::open(&path).unwrap(), Options::default());
        assert!(matches!(again.map(drop), Err(Error::Ended(_))));
    }
}
