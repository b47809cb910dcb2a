//! What a thread has to look at when its time comes.

use std::cmp::Reverse;

use majlis_meter::Nanos;
use majlis_meter::record::Why;

use crate::graph::Graph;
use crate::runtime::CutOff;
use crate::state::{Earliest, Life, Phase, State};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Wake { stage: usize, visit: u64 },
    Deadline { work: u64 },
    Retry { stage: usize },
    Drained,
}

/// Entries are not removed when a wake is replaced or work ends: they are found stale when they come due, and thrown
/// out together when the heap has doubled. A stage that puts its wake off at every packet keeps a handful.
#[derive(Default)]
pub(crate) struct Timers {
    heap: Earliest<Timer>,
    /// The size at which stale entries are looked for.
    limit: usize,
}

const FEW: usize = 64;

impl Timers {
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }
}

impl State {
    pub(crate) fn set_timer(&mut self, thread: usize, due: Nanos, timer: Timer) {
        let timers = &mut self.threads[thread].timers;
        timers.heap.push(Reverse((due, timer)));
        if timers.heap.len() <= timers.limit.max(FEW) {
            return;
        }
        let mut entries = std::mem::take(&mut timers.heap).into_vec();
        entries.sort_unstable();
        entries.dedup();
        entries.retain(|Reverse((due, timer))| self.is_current(*due, *timer));
        let timers = &mut self.threads[thread].timers;
        timers.limit = 2 * entries.len();
        timers.heap = entries.into();
    }

    fn is_current(&self, due: Nanos, timer: Timer) -> bool {
        match timer {
            Timer::Wake { stage, visit } => {
                self.stages[stage].lanes.get(visit).and_then(|lane| lane.wake).is_some_and(|wake| wake.due == due)
            }
            Timer::Deadline { work } => self.works.contains_key(&work),
            Timer::Retry { stage } => {
                matches!(self.stages[stage].life, Life::Closed { not_before } if not_before == due)
            }
            Timer::Drained => self.phase == Phase::Draining,
        }
    }

    pub(crate) fn run_timers(&mut self, graph: &Graph, thread: usize, now: Nanos) {
        while self.threads[thread].timers.next_due().is_some_and(|due| due <= now) {
            let Some(Reverse((due, timer))) = self.threads[thread].timers.heap.pop() else { return };
            match timer {
                Timer::Wake { stage, visit } => {
                    if self.is_current(due, timer) {
                        self.make_ready(graph, stage, visit);
                    }
                }
                Timer::Deadline { work } => self.cancel_work(graph, work, Why::Deadline, now),
                Timer::Retry { stage } => {
                    for visit in self.stages[stage].lanes.numbers() {
                        self.make_ready(graph, stage, visit);
                    }
                }
                Timer::Drained => self.end_if_drained(graph, now),
            }
        }
    }

    /// At `until` of a drain nobody is waited for any longer. Each thread looks, and so does whoever waits for the
    /// end: the others may all be in calls.
    pub(crate) fn end_if_drained(&mut self, graph: &Graph, now: Nanos) {
        if self.phase == Phase::Draining && self.until.is_some_and(|until| until <= now) {
            self.cut_off = Some(CutOff::Drain { visits: self.visits.len() });
            self.end(graph, now);
        }
    }
}
