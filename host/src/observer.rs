//! What happens in a run, on its way to the terminal, the logs and the reports.

use std::sync::Arc;

use majlis_meter::record::{Closed, RunRecord, VisitRecord};
use majlis_meter::{Clock, Monotonic};
use majlis_runtime::{Observer, OpenError, Then};

use crate::reports::Reporter;
use crate::{log, talk};

/// Shows a stage that was not opened.
pub(crate) type Refused = Box<dyn Fn(usize, &OpenError, Option<Then>) + Send + Sync>;

pub(crate) struct Watching {
    pub(crate) reports: Reporter,
    /// Where stages' text goes: stdout carries either data or a report.
    pub(crate) print_to_stderr: bool,
    /// The hidden `--milestones`.
    pub(crate) milestones: bool,
    pub(crate) clock: Monotonic,
    /// How a refused stage is shown: at its place of the pipeline file.
    pub(crate) refused: Refused,
}

impl Watching {
    fn moment(&self, what: &str, visit: u64) {
        if self.milestones {
            eprintln!("{{\"milestone\":{what:?},\"visit\":{visit},\"ns\":{}}}", self.clock.now());
        }
    }
}

impl Observer for Watching {
    fn log_enabled(&self, level: u32, _: &str) -> bool {
        log::enabled(level)
    }

    fn log(&self, stage: &str, level: u32, target: &str, message: &str) {
        log::plugin_line(stage, level, target, message);
    }

    fn print(&self, stage: &str, visit: u64, text: &str) {
        if self.print_to_stderr { talk::shown(stage, visit, text) } else { say!("{text}") }
    }

    fn ready(&self) {
        self.moment("ready", 0);
        self.reports.ready();
    }

    fn milestone(&self, visit: u64, name: &str) {
        self.moment(name, visit);
    }

    fn refused(&self, stage: usize, error: &OpenError, then: Then) {
        (self.refused)(stage, error, Some(then));
    }

    fn follows_milestones(&self) -> bool {
        self.reports.follows()
    }

    fn reached(&self, visit: VisitRecord, run: &dyn Fn() -> RunRecord) {
        self.reports.reached(visit, run);
    }

    fn closed(&self, visit: VisitRecord, _: Closed, run: &dyn Fn() -> RunRecord) {
        self.reports.closed(visit, run);
    }

    fn ending(&self, run: RunRecord) {
        self.reports.ending(run);
    }
}

/// Shared by the runtime and by who writes the last report.
pub(crate) type Shared = Arc<Watching>;
