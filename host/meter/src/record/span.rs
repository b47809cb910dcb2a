//! Spans: calls, the waits before them, and work that outlives a call.

use super::Nanos;

/// The handle that a packet, an event, a milestone or a deferred work was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Producer {
    /// A call (`Output`) or a deferred work (`Pending`) of this visit, by its index.
    Span(u32),
    /// Nothing that was metered: a source's own threads (`Origin`), or the host for this stage.
    Origin(u16),
    /// A span that is no longer kept.
    Folded,
}

/// What occupies a visit for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// One entry into a stage.
    Call(Call),
    /// What a call began and another thread finishes.
    Work(Work),
}

impl Span {
    /// The stage that it belongs to.
    pub fn stage(&self) -> u16 {
        match self {
            Self::Call(call) => call.stage,
            Self::Work(work) => work.stage,
        }
    }

    /// When it began.
    pub fn start(&self) -> Nanos {
        match self {
            Self::Call(call) => call.start,
            Self::Work(work) => work.begun,
        }
    }

    /// When it ended; `None` while it is under way.
    pub fn end(&self) -> Option<Nanos> {
        match self {
            Self::Call(call) => (!call.is_running()).then_some(call.end),
            Self::Work(work) => work.end,
        }
    }

    /// Whether it ended otherwise than the author meant it to.
    pub fn troubled(&self) -> bool {
        match self {
            Self::Call(call) => call.outcome != Outcome::Ok,
            Self::Work(work) => {
                !matches!(work.outcome, WorkOutcome::Running | WorkOutcome::Finished | WorkOutcome::Resumed)
            }
        }
    }
}

/// Why a stage was entered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// A packet.
    #[default]
    Packet,
    /// A wake that was due.
    Wake,
    /// An event of the host.
    Event,
    /// A deferred work that called its stage again.
    Resumed,
    /// A verb.
    Control,
    /// The end of the stage.
    Close,
}

/// What a call was given: at a join the input that was served last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Where it came from.
    pub producer: Producer,
    /// When it was produced, before any blocking. For a wake: when it was asked for.
    pub time: Nanos,
    /// Only a wake has one: from `time` to `due` is timer, from `due` to the call's start is wait.
    pub due: Option<Nanos>,
}

impl Trigger {
    /// When the call could have begun at the earliest.
    pub fn ready(&self) -> Nanos {
        self.due.map_or(self.time, |due| due.max(self.time))
    }
}

impl Default for Trigger {
    fn default() -> Self {
        Self { producer: Producer::Origin(0), time: 0, due: None }
    }
}

/// What the consumer's thread did during a part of a wait. What no cut covers is hand-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// From when, not before the trigger was ready.
    pub start: Nanos,
    /// Until when, not after the call's start.
    pub end: Nanos,
    /// With what.
    pub kind: CutKind,
}

/// What a thread was busy with while a call waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CutKind {
    /// The opening of the stage that was to be called.
    OwnOpening {
        /// That stage.
        stage: u16,
        /// Whose packet began the opening.
        begun_for: BegunFor,
    },
    /// The opening of another stage of the thread.
    OtherOpening {
        /// That other stage.
        stage: u16,
    },
    /// Another call.
    OtherCall {
        /// Its stage.
        stage: u16,
        /// Whether it was a call of this visit.
        same_visit: bool,
    },
    /// The pause before a failed stage is made anew.
    RestartDelay {
        /// That stage.
        stage: u16,
    },
    /// Something that is too long ago to be known.
    Busy,
}

/// For whom an opening was begun. Its memory is the stage's, and of no visit that shared it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BegunFor {
    /// This visit.
    ThisVisit,
    /// Another one; this one only waited for the rest.
    OtherVisit,
    /// A packet of no visit; this one only waited for the rest.
    NoVisit,
    /// Nobody: the stage was opened ahead.
    Prewarm,
}

/// What a call cost its thread. All zero where memory is not metered ([`super::RunRecord::unmetered`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Bytes allocated by the calling thread.
    pub allocated: u64,
    /// Bytes freed by the calling thread.
    pub freed: u64,
    /// Allocated less freed.
    pub live: i64,
    /// The most that was alive above the level at the call's start, in bytes, to 64 KiB.
    pub peak: u64,
    /// Processor time of the calling thread, where it was asked for.
    pub cpu: Option<Nanos>,
}

impl From<crate::thread::Cost> for Cost {
    fn from(cost: crate::thread::Cost) -> Self {
        let crate::thread::Cost { allocated, freed, live, peak, cpu, .. } = cost;
        Self { allocated, freed, live, peak, cpu }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    #[default]
    Ok,
    /// With an error: its text.
    Failed(String),
    /// With a panic: its text.
    Panicked(String),
    /// It was not made: why.
    Skipped(String),
    /// Well, but past its deadline; what it gave was used.
    Late,
}

/// One entry into a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The stage.
    pub stage: u16,
    /// The thread on which it ran.
    pub thread: u16,
    /// Why it was entered.
    pub kind: CallKind,
    /// What it was given.
    pub trigger: Trigger,
    /// What its thread did between [`Trigger::ready`] and `start`.
    pub waits: Vec<Cut>,
    /// When it was entered.
    pub start: Nanos,
    /// When it returned; [`Call::RUNNING`] while it has not.
    pub end: Nanos,
    /// What it cost.
    pub cost: Cost,
    /// How it ended.
    pub outcome: Outcome,
    /// Steps that the plugin named, each with the moment at which it was reached.
    pub steps: Vec<(String, Nanos)>,
    /// Facts that the plugin attached: printed in reports, never in traces. A plugin puts no name,
    /// image or embedding of a visitor here.
    pub facts: Vec<(String, String)>,
}

impl Call {
    /// The end of a call that has not returned.
    pub const RUNNING: Nanos = Nanos::MAX;

    /// Whether it has not returned.
    pub fn is_running(&self) -> bool {
        self.end == Self::RUNNING
    }

    /// How long it took; 0 while it has not returned.
    pub fn length(&self) -> Nanos {
        if self.is_running() { 0 } else { self.end.saturating_sub(self.start) }
    }
}

/// Who cancelled a deferred work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The visitor left.
    Gone,
    /// A flush passed its stage.
    Flush,
    /// Its deadline came.
    Deadline,
    /// Its stage failed or was released.
    Stage,
    /// The run ended.
    Drain,
}

/// How a deferred work ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WorkOutcome {
    /// It has not.
    #[default]
    Running,
    /// It was finished.
    Finished,
    /// It failed: why.
    Failed(String),
    /// It was cancelled.
    Cancelled(Why),
    /// Its handle was dropped unfinished.
    Dropped,
    /// It called its stage again; what followed is that call's.
    Resumed,
}

/// What a call began and another thread finishes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// The stage.
    pub stage: u16,
    /// What the plugin calls it.
    pub label: String,
    /// The call that began it, by index.
    pub call: u32,
    /// When it was begun, inside that call.
    pub begun: Nanos,
    /// Steps, each with the moment at which it was reached.
    pub marks: Vec<(String, Nanos)>,
    /// When it ended.
    pub end: Option<Nanos>,
    /// How it ended.
    pub outcome: WorkOutcome,
}
