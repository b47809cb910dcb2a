//! What a runtime is made from: a checked pipeline, and who opens, serves and watches it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use majlis_abi::raw::StageBox;
use majlis_config::{Manifest, Pipeline};
use majlis_meter::Clock;
use majlis_meter::record::{Closed, MappedFile, RunRecord, VisitRecord};

/// Everything that a run needs.
pub struct Setup {
    /// The checked pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The manifest of each stage's plugin, by index of stage.
    pub manifests: Vec<Manifest>,
    /// Makes instances.
    pub opener: Arc<dyn Opener>,
    /// Answers what plugins ask beside packets.
    pub services: Arc<dyn Services>,
    /// Is told what happens.
    pub observer: Arc<dyn Observer>,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
    /// Whether calls are timed and their memory measured.
    pub metering: bool,
    /// Whether each call's processor time is measured with it: that costs more than all other figures of a call.
    pub processor: bool,
}

/// A fresh instance of a stage, not yet open.
pub struct Opened {
    /// The instance.
    pub stage: StageBox,
}

/// Why there is no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct OpenError {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong and what to do about it.
    pub reason: String,
    /// The path of the wrong configuration key, or nothing.
    pub path: String,
}

/// What comes of a stage whose instance failed, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It had to be open before the start: the run is not started.
    NotStarted,
    /// It is tried again when something needs it, or by itself if it is a source.
    TriedAgain {
        /// Not earlier than this.
        after: Duration,
        /// How often its restart policy still allows that.
        left: usize,
    },
    /// Its restart policy allows no other try, or its configuration was refused, which would be refused again.
    GivenUp,
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("it has to be open before the start, so nothing is started"),
            Self::TriedAgain { after, left } => {
                let tries = if *left == 1 { "1 try is".to_owned() } else { format!("{left} tries are") };
                write!(f, "it is tried again, {after:?} from now at the earliest; {tries} left")
            }
            Self::GivenUp => f.write_str("it is given up for this run, and what comes for it has no answer"),
        }
    }
}

/// Makes instances of stages: the loader, or a test's own.
pub trait Opener: Send + Sync {
    /// A fresh instance of the stage with this index, made on the calling thread.
    ///
    /// # Errors
    /// The plugin was refused.
    fn create(&self, stage: usize) -> Result<Opened, OpenError>;

    /// What is mapped now, so that an opening's mapped files can be told. Nothing where that is not known.
    fn mapped(&self) -> Vec<MappedFile> {
        Vec::new()
    }
}

/// Answers what plugins ask beside packets.
pub trait Services: Send + Sync {
    /// A request to a service; request and answer are CBOR.
    ///
    /// # Errors
    /// One sentence for an operator.
    fn request(&self, stage: usize, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, String>;

    /// The path of a model.
    ///
    /// # Errors
    /// One sentence for an operator.
    fn model(&self, name: &str) -> Result<String, String>;
}

/// Is told what happens. Nothing is called with the scheduler's lock held, and nothing may block for long: it is
/// called on the threads of stages.
pub trait Observer: Send + Sync {
    /// Whether a log line of this level (1 error … 5 trace) would be seen.
    fn log_enabled(&self, level: u32, target: &str) -> bool;
    /// A line of a plugin's log.
    fn log(&self, stage: &str, level: u32, target: &str, message: &str);
    /// A stage shows text to the operator.
    fn print(&self, stage: &str, visit: u64, text: &str);
    /// All stages that must be open before the first packet are open.
    fn ready(&self) {}
    /// A milestone of a visit was reached.
    fn milestone(&self, visit: u64, name: &str) {
        let _ = (visit, name);
    }
    /// A stage could not be opened, and what comes of it; told for each try.
    fn refused(&self, stage: usize, error: &OpenError, then: Then) {
        let _ = (stage, error, then);
    }
    /// Whether it wants to be told of visits that [`reached`](Self::reached) their milestone. Asked once, before the start.
    fn follows_milestones(&self) -> bool {
        false
    }
    /// A visit reached the milestone at which its account ends, and the call that set it is over: here is a copy of what
    /// is known of the visit, and the run as it stands. It comes before the visit is told as closed, from another thread
    /// perhaps.
    fn reached(&self, visit: VisitRecord, run: &dyn Fn() -> RunRecord) {
        let _ = (visit, run);
    }
    /// The last stage has seen a visit close: here is all that is known of it, and the run as it stands.
    fn closed(&self, visit: VisitRecord, how: Closed, run: &dyn Fn() -> RunRecord) {
        let _ = (visit, how, run);
    }
    /// The run ends, and no stage is closed before this returns: what they hold is still theirs.
    fn ending(&self, run: RunRecord) {
        let _ = run;
    }
}
