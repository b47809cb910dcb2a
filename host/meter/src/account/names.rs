//! What reports call things, and how a span becomes a line.

use super::lines::{Line, LineKind, Mishap};
use super::walk::{Segment, SegmentKind};
use crate::record::{Call, CallKind, Fold, MappedFile, Nanos, Outcome, RunRecord, Work, WorkOutcome};

/// A file that an opening mapped, with the names of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Its name without its folder.
    pub file: String,
    /// Its resident bytes.
    pub bytes: u64,
    /// Other stages that were opening when it was mapped, and whose it may be.
    pub or_by: Vec<String>,
}

impl Mapped {
    pub(crate) fn of(file: &MappedFile, run: &RunRecord) -> Self {
        Names(run).mapped(file)
    }
}

/// What reports call things.
pub(super) struct Names<'a>(pub(super) &'a RunRecord);

impl Names<'_> {
    pub(super) fn stage(&self, stage: u16) -> String {
        match self.0.stages.get(usize::from(stage)) {
            Some(info) => info.shown().to_owned(),
            None => format!("stage {stage}"),
        }
    }

    pub(super) fn opening(&self, stage: u16) -> String {
        match self.0.stages.get(usize::from(stage)) {
            Some(info) => info.opening_shown(),
            None => format!("stage {stage} (opening)"),
        }
    }

    pub(super) fn mapped(&self, file: &MappedFile) -> Mapped {
        let or_by = file.or_by.iter().map(|stage| self.stage(*stage)).collect();
        Mapped { file: file.file.clone(), bytes: file.bytes, or_by }
    }

    /// Waits that a reader wants to see apart by stage keep it.
    pub(super) fn apart(&self, segment: &Segment) -> Option<u16> {
        match segment.kind {
            SegmentKind::HandOver | SegmentKind::OwnFolded => None,
            _ => segment.stage,
        }
    }

    pub(super) fn wait(&self, kind: SegmentKind, stage: Option<u16>) -> String {
        let name = || stage.map_or_else(|| "a stage".to_owned(), |stage| self.stage(stage));
        match kind {
            SegmentKind::HandOver => "Hand-over between threads".to_owned(),
            SegmentKind::Timer => format!("{}: timer", name()),
            SegmentKind::OtherVisit => format!("Waiting: {} served another visitor", name()),
            SegmentKind::OtherOpening => {
                let opening = stage.map_or_else(name, |stage| self.opening(stage));
                format!("Waiting: {opening} on the same thread")
            }
            SegmentKind::RestartDelay => format!("{}: pause before its restart", name()),
            SegmentKind::Busy => "Waiting: the thread was busy".to_owned(),
            SegmentKind::Source => format!("Waiting for {}", name()),
            SegmentKind::Folded | SegmentKind::OwnFolded => "Earlier calls that are no longer kept".to_owned(),
            SegmentKind::Quiet => "Nothing more until the close".to_owned(),
            SegmentKind::Untracked => "Not tracked".to_owned(),
            SegmentKind::Call | SegmentKind::Work | SegmentKind::Opening(_) => name(),
        }
    }

    pub(super) fn call(&self, call: &Call, to: Nanos) -> Line {
        let suffix = match call.kind {
            CallKind::Packet => "",
            CallKind::Wake => " (wake)",
            CallKind::Event => " (event)",
            CallKind::Resumed => " (resumed)",
            CallKind::Control => " (control)",
            CallKind::Close => " (close)",
        };
        let title = format!("{}{suffix}", self.stage(call.stage));
        let end = if call.is_running() { to.max(call.start) } else { call.end };
        let kind = LineKind::Call(call.kind);
        let mut line = Line::new(kind, Some(call.stage), title, call.start, end);
        line.thread = Some(call.thread);
        line.running = call.is_running();
        line.cpu = call.cost.cpu;
        if !self.0.unmetered {
            line.live = Some(call.cost.live);
            line.peak = Some(call.cost.peak);
        }
        line.mishap = match &call.outcome {
            Outcome::Ok => None,
            Outcome::Failed(why) => Some(Mishap::Failed(why.clone())),
            Outcome::Panicked(why) => Some(Mishap::Panicked(why.clone())),
            Outcome::Skipped(why) => Some(Mishap::Skipped(why.clone())),
            Outcome::Late => Some(Mishap::Late),
        };
        line.steps.clone_from(&call.steps);
        line.facts.clone_from(&call.facts);
        line
    }

    pub(super) fn work(&self, work: &Work, to: Nanos) -> Line {
        let title = format!("{}: {}", self.stage(work.stage), work.label);
        let end = work.end.unwrap_or(to.max(work.begun));
        let mut line = Line::new(LineKind::Work, Some(work.stage), title, work.begun, end);
        line.running = work.end.is_none();
        line.mishap = match &work.outcome {
            WorkOutcome::Running | WorkOutcome::Finished | WorkOutcome::Resumed => None,
            WorkOutcome::Failed(why) => Some(Mishap::Failed(why.clone())),
            WorkOutcome::Cancelled(why) => Some(Mishap::Cancelled(*why)),
            WorkOutcome::Dropped => Some(Mishap::Dropped),
        };
        line.steps.clone_from(&work.marks);
        line
    }

    pub(super) fn fold(&self, fold: &Fold, arrival: Nanos) -> Line {
        let title = format!("{} (earlier calls)", self.stage(fold.stage));
        let stage = Some(fold.stage);
        let mut line = Line::new(LineKind::Folded, stage, title, arrival, arrival);
        line.count = fold.calls + fold.works;
        line.took = fold.time;
        if !self.0.unmetered {
            line.live = Some(fold.live);
            line.peak = Some(fold.peak);
        }
        line
    }
}
