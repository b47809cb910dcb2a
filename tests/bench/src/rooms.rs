//! Rooms and avatars: the whole program on the official LiveKit server.
//!
//! The decision that shapes it: **everybody but the program and its peer lives in this process**. The visitor with its camera, the
//! avatar and the vendor that is asked for it are real participants and a real server, and all of them note their times on the
//! one clock of this process. What happens inside of the program is laid on the same clock by its milestones
//! ([`crate::program::Run::zero`]).

pub(crate) mod avatar;
pub(crate) mod dispatch;
mod memory;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use majlis_test_guests::{Hall, Picture};

use crate::measure::Bench;
use crate::voice::need_espeak;

/// Longer than anything here takes that goes well.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often is looked whether something has come whose time is noted by itself.
const LOOK: Duration = Duration::from_millis(1);
/// Who stands before the cameras. Everybody is enrolled in rooms.toml and avatars.toml, and each picture has 640 x 480
/// pixels.
const PEOPLE: [&str; 5] = ["1-salem.png", "2-layla.png", "4-noura.png", "8-daniel.png", "9-fahd.png"];
const NOBODY: &str = "5-empty.png";

/// A server with rooms, and what the program needs to come there.
struct Place<'a> {
    bench: &'a Bench,
    hall: Arc<Hall>,
    /// A copy of LiveKit's library that nobody else has mapped: in a sum of shares (PSS) it counts whole. The guests of this process
    /// would bear half of it.
    library: PathBuf,
    /// Stores of the runs.
    stores: PathBuf,
}

impl<'a> Place<'a> {
    /// Starts the server; or says what is missing here, and how it is brought.
    fn open(bench: &'a Bench) -> Result<Self, String> {
        need_espeak()?;
        let library = majlis_test_livekit::both()?;
        let hall = guarded(|| Hall::open("figures of rooms").ok_or_else(|| "the server does not start".to_owned()))?;
        let work = std::path::absolute(bench.work.join("rooms")).map_err(|error| error.to_string())?;
        let failed = |error: std::io::Error| format!("{}: {error}", work.display());
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(failed)?;
        }
        std::fs::create_dir_all(&work).map_err(failed)?;
        let copy = work.join("liblivekit_ffi.so");
        std::fs::copy(&library, &copy).map_err(failed)?;
        Ok(Self { bench, hall: Arc::new(hall), library: copy, stores: work.join("stores") })
    }

    /// `majlis run` of a pipeline of ours on this server, with a store of its own.
    fn command(&self, pipeline: &str) -> Command {
        let mut command = self.bench.command(&self.bench.pipeline(pipeline));
        command
            .args(["--milestones", "-v", "--report", "json", "--visits", "all"])
            .env("LIVEKIT_FFI_PATH", &self.library);
        self.name_server(&mut command);
        command
    }

    /// As programs of LiveKit's take it.
    fn name_server(&self, command: &mut Command) {
        let server = &self.hall.server;
        command.env("LIVEKIT_URL", server.url()).env("LIVEKIT_API_KEY", server.key());
        command.env("LIVEKIT_API_SECRET", server.secret());
    }

    /// What the camera of a visitor shows.
    fn somebody(&self, number: usize) -> Picture {
        self.picture(PEOPLE[number % PEOPLE.len()])
    }

    /// What a camera shows before which nobody stands.
    fn nobody(&self) -> Picture {
        self.picture(NOBODY)
    }

    fn picture(&self, name: &str) -> Picture {
        Picture::open(&self.bench.pipelines.join("../../../models/demo/visitors").join(name), (640, 480))
    }
}

/// A guest who is not let in, or an answer of the server that is an error, panics as in a test; here it is a round that failed.
fn guarded<T>(round: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(round)).unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().map(String::as_str);
        Err(told.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a guest gave up").to_owned())
    })
}

/// Looks until it is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("{what} did not come within {PATIENCE:?}"));
        }
        sleep(LOOK);
    }
}

/// A moment that the server named: it runs on this machine, and its milliseconds are cut off, so the moment is never too late.
fn moment(at: SystemTime) -> Instant {
    let (now, day) = (Instant::now(), SystemTime::now());
    day.duration_since(at).ok().and_then(|ago| now.checked_sub(ago)).unwrap_or(now)
}

/// Milliseconds from one moment to another, which may lie before it.
fn millis(from: Instant, to: Instant) -> f64 {
    let later = to.saturating_duration_since(from).as_secs_f64();
    let earlier = from.saturating_duration_since(to).as_secs_f64();
    (later - earlier) * 1e3
}
