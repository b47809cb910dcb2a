//! All that the scheduler knows, under one lock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use majlis_abi::host::Notice;
use majlis_meter::Nanos;
use majlis_meter::histogram::Histogram;
use majlis_meter::record::{Closed, Opening, StageTotals, VisitRecord, VisitTotals};

use crate::graph::{Graph, StageNode, StageSet};
use crate::lane::{ByNumber, Lane, Lanes, QueuedEvent};
use crate::runtime::CutOff;
use crate::setup::{OpenError, Then};
use crate::timer::Timers;
use crate::work::Work;

/// Where a stage is in its life.
pub(crate) enum Life {
    /// Nothing needed it yet, or its instance was dropped and may be made anew from `not_before` on.
    Closed { not_before: Nanos },
    /// Its instance is being made.
    Opening,
    /// It can be entered.
    Open,
    /// It is not tried again.
    Failed(OpenError),
}

pub(crate) struct StageState {
    pub(crate) life: Life,
    pub(crate) lanes: Lanes,
    /// When it failed, as far as its restart policy looks back.
    pub(crate) failures: VecDeque<Nanos>,
    /// Counts instances, so that deferred work of a former one is known.
    pub(crate) instance: u64,
    /// It said that it has nothing more of its own.
    pub(crate) ended: bool,
    /// By incoming edge: nothing more comes.
    pub(crate) inputs_ended: Vec<bool>,
    /// By incoming edge: the instance was told so.
    pub(crate) inputs_told: Vec<bool>,
    /// By output: nothing more comes out of it.
    pub(crate) outputs_ended: Vec<bool>,
    /// Opening it ahead was asked for.
    pub(crate) open_ahead: bool,
    pub(crate) totals: StageTotals,
    pub(crate) wall: Histogram,
    pub(crate) work: Histogram,
    /// When the pause before the next attempt began.
    pub(crate) paused_since: Option<Nanos>,
}

impl StageState {
    pub(crate) fn new(node: &StageNode) -> Self {
        let inputs = node.incoming.len();
        Self {
            life: Life::Closed { not_before: 0 },
            lanes: Lanes::new(inputs),
            failures: VecDeque::new(),
            instance: 0,
            ended: false,
            inputs_ended: vec![false; inputs],
            inputs_told: vec![false; inputs],
            outputs_ended: vec![false; node.outgoing.len()],
            open_ahead: false,
            totals: StageTotals::default(),
            wall: Histogram::new(),
            work: Histogram::new(),
            paused_since: None,
        }
    }
}

/// What occupied a thread.
#[derive(Clone, Copy)]
pub(crate) enum Occupation {
    Call { visit: u64 },
    Opening { begun_for: Option<u64> },
    Pause,
}

#[derive(Clone, Copy)]
pub(crate) struct ThreadSpan {
    pub(crate) stage: usize,
    pub(crate) what: Occupation,
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
}

/// A packet that a call on the same thread emitted: it is served next. Its number tells it from what the edge's policy
/// put in its place, and from what another thread put before it.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) stage: usize,
    pub(crate) visit: u64,
    pub(crate) slot: usize,
    pub(crate) sequence: u64,
}

/// Spans that a thread remembers.
pub(crate) const SPANS: usize = 64;

/// A call in progress.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub(crate) stage: usize,
    /// The visit with which it began.
    pub(crate) visit: u64,
    pub(crate) number: u64,
}

#[derive(Default)]
pub(crate) struct ThreadState {
    /// Flush and *gone*, and what a stage must know before them: served before everything else.
    pub(crate) urgent: VecDeque<(usize, u64, QueuedEvent)>,
    pub(crate) kept: VecDeque<Kept>,
    /// (stage, visit) in turn.
    pub(crate) ring: VecDeque<(usize, u64)>,
    pub(crate) timers: Timers,
    pub(crate) spans: VecDeque<ThreadSpan>,
    pub(crate) running: Option<Running>,
    /// It sleeps and has to be woken.
    pub(crate) asleep: bool,
    /// It has closed its stages and ended.
    pub(crate) over: bool,
}

/// How far a visit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stay {
    Open,
    Ending,
    Gone,
}

pub(crate) struct VisitState {
    pub(crate) record: VisitRecord,
    pub(crate) opener: usize,
    /// When it opened it: not before the visitor arrived, and later where it takes time to notice somebody.
    pub(crate) opened: Nanos,
    /// The instance that opened it.
    pub(crate) instance: u64,
    /// The call that opened it, or 0: until it is over it may emit for the visit.
    pub(crate) call: u64,
    pub(crate) stay: Stay,
    /// Stages that hear of it and have not seen it close.
    pub(crate) waiting: StageSet,
    /// Stages whose `VisitClosed` is queued or being served.
    pub(crate) told: StageSet,
    /// The opener has nothing more of it either.
    pub(crate) opener_done: bool,
    /// When the opener ended it; 0 before.
    pub(crate) ended: Nanos,
    /// The call under way that set the milestone at which the account ends: the observer is told when it is over.
    pub(crate) reached_in: Option<u32>,
}

#[derive(Default)]
pub(crate) struct EdgeState {
    pub(crate) bytes: u64,
    pub(crate) sequence: u64,
    pub(crate) drops: u64,
    /// The call that waits for space: there is one at most, on the thread of the stage that the edge begins at.
    pub(crate) awaited: Option<Wanted>,
    /// Deferred work that waits for space, by number.
    pub(crate) on_space: Vec<(u64, Notice)>,
}

/// What a call waits for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) visit: u64,
    /// It is the edge's bytes that do not suffice, which all visits share.
    pub(crate) bytes: bool,
}

pub(crate) struct WorkState {
    pub(crate) work: Arc<Work>,
    pub(crate) on_cancel: Vec<Notice>,
}

/// How a run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Eager stages are being opened; nobody is entered yet.
    Starting,
    Running,
    Draining,
    /// Threads tell what is gone, close their stages and end.
    Ending,
}

/// Threads to wake: a bit each, so that waking one allocates nothing, and a list for the rest.
#[derive(Default)]
pub(crate) struct WakeSet {
    bits: u64,
    more: Vec<usize>,
}

impl WakeSet {
    pub(crate) fn insert(&mut self, thread: usize) {
        match u32::try_from(thread).ok().and_then(|thread| 1_u64.checked_shl(thread)) {
            Some(bit) => self.bits |= bit,
            None => self.more.push(thread),
        }
    }

    pub(crate) fn for_each(self, mut wake: impl FnMut(usize)) {
        let mut bits = self.bits;
        while bits != 0 {
            wake(bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        self.more.into_iter().for_each(wake);
    }
}

/// What is done after the lock is released.
#[derive(Default)]
pub(crate) struct After {
    pub(crate) wake: WakeSet,
    /// Edges whose waiting call may go on.
    pub(crate) space: WakeSet,
    /// All waiting calls have to look.
    pub(crate) all_space: bool,
    pub(crate) ended: bool,
    /// The last visit has left: what packets needed while there were many is given back.
    pub(crate) quiet: bool,
    pub(crate) notices: Vec<Notice>,
    pub(crate) closed: Vec<(VisitRecord, Closed)>,
    pub(crate) milestones: Vec<(u64, String)>,
    /// Visits as of the milestone at which their accounts end.
    pub(crate) reached: Vec<VisitRecord>,
    pub(crate) complaints: Vec<(usize, String)>,
    pub(crate) refused: Vec<(usize, OpenError, Then)>,
}

impl After {
    /// Asked whenever the lock is released, so it adds up instead of asking one by one.
    pub(crate) fn is_empty(&self) -> bool {
        let sets = self.wake.bits | self.space.bits | u64::from(self.all_space) | u64::from(self.ended | self.quiet);
        let more = self.wake.more.len() | self.space.more.len();
        let lists = self.notices.len() | self.closed.len() | self.milestones.len() | self.complaints.len();
        sets == 0 && more | lists | self.refused.len() | self.reached.len() == 0
    }
}

pub(crate) struct State {
    pub(crate) phase: Phase,
    /// At `until` of a drain all visits are gone.
    pub(crate) until: Option<Nanos>,
    pub(crate) stages: Vec<StageState>,
    pub(crate) threads: Vec<ThreadState>,
    pub(crate) edges: Vec<EdgeState>,
    /// In order of arrival.
    pub(crate) visits: BTreeMap<u64, VisitState>,
    /// How many of them are not simply open.
    pub(crate) closing: usize,
    pub(crate) next_visit: u64,
    pub(crate) works: ByNumber<WorkState>,
    pub(crate) next_work: u64,
    pub(crate) calls: u64,
    pub(crate) openings: Vec<Opening>,
    pub(crate) totals: VisitTotals,
    pub(crate) to_milestone: Histogram,
    pub(crate) failure: Option<(usize, String)>,
    /// The run did not come to its end by itself.
    pub(crate) cut_off: Option<CutOff>,
    /// The observer wants to know of visits that reach their milestone.
    pub(crate) tells_reached: bool,
    pub(crate) after: After,
}

impl State {
    pub(crate) fn new(graph: &Graph) -> Self {
        Self {
            phase: Phase::Starting,
            until: None,
            stages: graph.stages.iter().map(StageState::new).collect(),
            threads: graph.threads.iter().map(|_| ThreadState::default()).collect(),
            edges: graph.pipeline.edges.iter().map(|_| EdgeState::default()).collect(),
            visits: BTreeMap::new(),
            closing: 0,
            next_visit: 0,
            works: ByNumber::default(),
            next_work: 0,
            calls: 0,
            openings: Vec::new(),
            totals: VisitTotals::default(),
            to_milestone: Histogram::new(),
            failure: None,
            cut_off: None,
            tells_reached: false,
            after: After::default(),
        }
    }

    pub(crate) fn lane(&mut self, stage: usize, visit: u64) -> &mut Lane {
        self.stages[stage].lanes.of(visit)
    }

    pub(crate) fn is_open(&self, stage: usize) -> bool {
        matches!(self.stages[stage].life, Life::Open)
    }

    /// Whether a call of this stage is in progress.
    pub(crate) fn is_running(&self, graph: &Graph, stage: usize) -> bool {
        self.threads[graph.stages[stage].thread].running.is_some_and(|running| running.stage == stage)
    }
}

/// The earliest first.
pub(crate) type Earliest<T> = BinaryHeap<Reverse<(Nanos, T)>>;
