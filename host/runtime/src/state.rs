//! All that the scheduler knows, under one lock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use majlis_abi::host::Notice;
use majlis_abi::plugin::Buffer;
use majlis_abi::raw::RawEvent;
use majlis_meter::Nanos;
use majlis_meter::histogram::Histogram;
use majlis_meter::record::{Closed, Opening, Producer, StageTotals, VisitRecord, VisitTotals};

use crate::graph::StageSet;
use crate::setup::OpenError;
use crate::work::Work;

/// Visits are counted up from 1, so their numbers are their own hashes.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        // The table takes its group from the low bits and its tag from the high ones.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A table by number of visit, or of work.
pub(crate) type ByNumber<T> = HashMap<u64, T, BuildHasherDefault<NumberHasher>>;

/// A packet in a queue.
pub(crate) struct Queued {
    pub(crate) buffer: Buffer,
    /// Its time stamp.
    pub(crate) time: Nanos,
    /// When it came into the queue.
    pub(crate) arrival: Nanos,
    pub(crate) sequence: u64,
    pub(crate) cause: u64,
    pub(crate) producer: Producer,
    /// When it was produced, before any blocking.
    pub(crate) produced: Nanos,
}

/// An event in a queue.
#[derive(Clone, Copy)]
pub(crate) struct QueuedEvent {
    pub(crate) event: RawEvent,
    pub(crate) arrival: Nanos,
    pub(crate) producer: Producer,
}

/// The one wake of a stage and a visit.
#[derive(Clone, Copy)]
pub(crate) struct Wake {
    pub(crate) due: Nanos,
    pub(crate) asked: Nanos,
    pub(crate) producer: Producer,
}

/// One input of a stage, for one visit.
#[derive(Default)]
pub(crate) struct InputQueue {
    pub(crate) packets: VecDeque<Queued>,
    /// The consumer was told that its producer failed, and has not had a packet since.
    pub(crate) failed: bool,
}

/// What waits before a stage for one visit; the lane of visit 0 is that of packets of no visit.
#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) inputs: Vec<InputQueue>,
    pub(crate) events: VecDeque<QueuedEvent>,
    pub(crate) resumed: VecDeque<(Arc<Work>, Nanos)>,
    pub(crate) wake: Option<Wake>,
    /// Deferred work of this stage and visit that is neither over nor cancelled.
    pub(crate) works: u32,
    /// Raised by each flush that reaches the stage.
    pub(crate) flush: u64,
    /// It stands in its thread's ring.
    pub(crate) ready: bool,
}

impl Lane {
    pub(crate) fn new(inputs: usize) -> Self {
        Self { inputs: (0..inputs).map(|_| InputQueue::default()).collect(), ..Self::default() }
    }

    pub(crate) fn has_packets(&self) -> bool {
        self.inputs.iter().any(|input| !input.packets.is_empty())
    }

    /// Nothing of the visit is queued, armed or under way here.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_packets()
            && self.events.is_empty()
            && self.resumed.is_empty()
            && self.wake.is_none()
            && self.works == 0
    }
}

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
    pub(crate) lanes: ByNumber<Lane>,
    /// When it failed, as far as its restart policy looks back.
    pub(crate) failures: VecDeque<Nanos>,
    /// Counts instances, so that deferred work of a former one is known.
    pub(crate) instance: u64,
    /// A source that said it has nothing more.
    pub(crate) ended: bool,
    /// By incoming edge: nothing more comes.
    pub(crate) inputs_ended: Vec<bool>,
    /// Its own outputs were told so.
    pub(crate) told_end: bool,
    /// Opening it ahead was asked for.
    pub(crate) open_ahead: bool,
    pub(crate) totals: StageTotals,
    pub(crate) wall: Histogram,
    pub(crate) work: Histogram,
    /// When the pause before the next attempt began.
    pub(crate) paused_since: Option<Nanos>,
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

/// A packet that a call on the same thread emitted: this lane's this input is served next.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) stage: usize,
    pub(crate) visit: u64,
    pub(crate) slot: usize,
}

/// What a thread has to look at when its time comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Wake { stage: usize, visit: u64 },
    Deadline { work: u64 },
    Retry { stage: usize },
    Drained,
}

/// Spans that a thread remembers.
pub(crate) const SPANS: usize = 64;

#[derive(Default)]
pub(crate) struct ThreadState {
    /// Flush and *gone*: served before everything else.
    pub(crate) urgent: VecDeque<(usize, u64, QueuedEvent)>,
    pub(crate) kept: VecDeque<Kept>,
    /// (stage, visit) in turn.
    pub(crate) ring: VecDeque<(usize, u64)>,
    pub(crate) timers: BinaryHeap<Reverse<(Nanos, Timer)>>,
    pub(crate) spans: VecDeque<ThreadSpan>,
    /// The call that is in progress.
    pub(crate) running: Option<(usize, u64)>,
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
    /// The instance that opened it.
    pub(crate) instance: u64,
    pub(crate) stay: Stay,
    /// Stages that hear of it and have not seen it close.
    pub(crate) waiting: StageSet,
    /// Stages whose `VisitClosed` is queued.
    pub(crate) told: StageSet,
    /// The opener has nothing more of it either.
    pub(crate) opener_done: bool,
}

pub(crate) struct EdgeState {
    pub(crate) bytes: u64,
    pub(crate) sequence: u64,
    pub(crate) drops: u64,
}

pub(crate) struct WorkState {
    pub(crate) work: Arc<Work>,
    pub(crate) on_cancel: Vec<Notice>,
    pub(crate) on_space: Vec<(usize, Notice)>,
}

/// How a run stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Running,
    Draining,
    /// Threads close their stages and end.
    Ending,
}

/// What is done after the lock is released.
#[derive(Default)]
pub(crate) struct After {
    pub(crate) wake: Vec<usize>,
    pub(crate) space: bool,
    pub(crate) notices: Vec<Notice>,
    pub(crate) closed: Vec<(VisitRecord, Closed)>,
    pub(crate) milestones: Vec<(u64, String)>,
    pub(crate) complaints: Vec<(usize, String)>,
    pub(crate) ended: bool,
}

impl After {
    pub(crate) fn is_empty(&self) -> bool {
        self.wake.is_empty()
            && !self.space
            && self.notices.is_empty()
            && self.closed.is_empty()
            && self.milestones.is_empty()
            && self.complaints.is_empty()
            && !self.ended
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
    pub(crate) next_visit: u64,
    pub(crate) works: ByNumber<WorkState>,
    pub(crate) next_work: u64,
    pub(crate) calls: u64,
    /// Calls that wait for space on an edge.
    pub(crate) waiting_for_space: u32,
    pub(crate) openings: Vec<Opening>,
    pub(crate) totals: VisitTotals,
    pub(crate) to_milestone: Histogram,
    pub(crate) failure: Option<(usize, String)>,
    pub(crate) after: After,
}
