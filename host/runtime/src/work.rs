//! Work that outlives its call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use majlis_abi::host::{Awaited, Ending, Notice, NotEmitted, PendingSide};
use majlis_abi::plugin::Buffer;
use majlis_meter::Nanos;
use majlis_meter::record::{Producer, Why, WorkOutcome};

use crate::core::Core;
use crate::deliver::{By, Put};
use crate::graph::Graph;
use crate::host::Holding;
use crate::state::{Queued, State};

/// One piece of deferred work; what changes under the lock stands in the state's table under its number.
pub(crate) struct Work {
    pub(crate) core: Arc<Core>,
    pub(crate) number: u64,
    pub(crate) stage: usize,
    pub(crate) instance: u64,
    pub(crate) visit: u64,
    /// Its place in the visit's record.
    pub(crate) span: Option<u32>,
    /// The stage's flush number when its call began.
    pub(crate) flush: u64,
    /// The time stamp of what its call was entered with.
    pub(crate) time: Nanos,
    pub(crate) begun: Nanos,
    /// Mirrors the table, so that a plugin can ask without the lock.
    pub(crate) cancelled: AtomicBool,
    pub(crate) resumed: AtomicU64,
}

impl Work {
    pub(crate) fn resumed_at(&self) -> Nanos {
        self.resumed.load(Ordering::Relaxed)
    }

    fn producer(&self) -> Producer {
        self.span.map_or(Producer::Origin(self.stage as u16), Producer::Span)
    }
}

impl PendingSide for Work {
    fn emit(&self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        let core = &*self.core;
        let _holding = Holding::queue();
        let Some(edges) = core.graph.stages[self.stage].outgoing.get(output as usize) else { return Err(NotEmitted::NoPort) };
        let now = core.now();
        let mut state = core.lock();
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(NotEmitted::Gone);
        }
        // All edges of the output take it, or none: half a fan-out could not be given back.
        if edges.iter().any(|edge| state.blocks(&core.graph, *edge, self.visit, buffer.len())) {
            return Err(NotEmitted::Full(buffer));
        }
        for edge in edges {
            let packet = Queued {
                buffer: buffer.clone(),
                time: self.time,
                arrival: now,
                sequence: 0,
                cause: self.number,
                producer: self.producer(),
                produced: now,
            };
            if let Put::Full(_) = state.put(&core.graph, *edge, self.visit, packet, By::Other) {
                return Err(NotEmitted::Full(buffer));
            }
        }
        drop(state);
        drop(buffer);
        Ok(())
    }

    fn notify(&self, awaited: Awaited, notice: Notice) {
        let core = &*self.core;
        let mut state = core.lock();
        let full = match awaited {
            Awaited::Cancelled => None,
            Awaited::Space(output) => core.graph.stages[self.stage]
                .outgoing
                .get(output as usize)
                .and_then(|edges| edges.iter().copied().find(|edge| state.blocks(&core.graph, *edge, self.visit, 1))),
        };
        let over = match (awaited, full, state.works.get_mut(&self.number)) {
            (Awaited::Cancelled, _, Some(work)) => {
                work.on_cancel.push(notice);
                return;
            }
            (Awaited::Space(_), Some(edge), Some(work)) => {
                work.on_space.push((edge, notice));
                return;
            }
            _ => notice,
        };
        // There is space, or the work is over: now, but not under the lock.
        state.after.notices.push(over);
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn mark(&self, step: &str) {
        let now = self.core.now();
        let mut state = self.core.lock();
        if let (Some(span), Some(visit)) = (self.span, state.visits.get_mut(&self.visit))
            && let Some(work) = visit.record.work_mut(span)
            && work.end.is_none()
        {
            work.marks.push((step.to_owned(), now));
        }
    }

    fn milestone(&self, name: &str) {
        let now = self.core.now();
        let mut state = self.core.lock();
        if !self.cancelled.load(Ordering::Relaxed) {
            state.milestone(&self.core.graph, self.visit, name, now, self.producer(), self.stage);
        }
    }

    fn visit(&self) -> u64 {
        self.visit
    }

    fn end(self: Arc<Self>, ending: Ending) {
        let core = Arc::clone(&self.core);
        let now = core.now();
        let mut state = core.lock();
        if ending == Ending::Resume && !self.cancelled.load(Ordering::Relaxed) {
            self.resumed.store(now, Ordering::Relaxed);
            let (stage, visit) = (self.stage, self.visit);
            state.lane(&core.graph, stage, visit).resumed.push_back((self, now));
            state.make_ready(&core.graph, stage, visit);
            return;
        }
        let (outcome, failed) = match ending {
            Ending::Finished => (WorkOutcome::Finished, false),
            Ending::Failed(why) => (WorkOutcome::Failed(why), true),
            Ending::Dropped | Ending::Resume => (WorkOutcome::Dropped, true),
        };
        state.end_work(&core.graph, self.number, outcome, failed, now);
    }
}

impl State {
    /// Whether a packet would have to wait on an edge.
    fn blocks(&self, graph: &Graph, edge: usize, visit: u64, size: usize) -> bool {
        let wiring = graph.edge(edge);
        if wiring.overflow != majlis_config::Overflow::Block || !self.listens(wiring.to, visit) {
            return false;
        }
        let queued = self.stages[wiring.to].lanes.get(&visit).map_or(0, |lane| lane.inputs[graph.slots[edge]].packets.len());
        let bytes = self.edges[edge].bytes;
        queued >= wiring.depth || bytes > 0 && bytes + size as u64 > wiring.bytes
    }

    fn forget_work(&mut self, graph: &Graph, number: u64, outcome: WorkOutcome, now: Nanos) -> Option<Arc<Work>> {
        let mut state = self.works.remove(&number)?;
        let work = state.work;
        self.after.notices.append(&mut state.on_cancel);
        self.after.notices.extend(state.on_space.drain(..).map(|(_, notice)| notice));
        if let (Some(span), Some(visit)) = (work.span, self.visits.get_mut(&work.visit))
            && let Some(record) = visit.record.work_mut(span)
            && record.end.is_none()
        {
            record.end = Some(now);
            record.outcome = outcome;
        }
        let _ = graph;
        self.stages[work.stage].work.record(now.saturating_sub(work.begun));
        if let Some(lane) = self.stages[work.stage].lanes.get_mut(&work.visit) {
            lane.works = lane.works.saturating_sub(1);
        }
        Some(work)
    }

    /// Deferred work ends.
    pub(crate) fn end_work(&mut self, graph: &Graph, number: u64, outcome: WorkOutcome, failed: bool, now: Nanos) {
        let Some(work) = self.forget_work(graph, number, outcome, now) else { return };
        if failed {
            self.tell_failed(graph, work.stage, work.visit, now, work.producer());
        }
        self.advance_closing(graph, work.visit, now);
        self.pass_ends(graph, now);
        self.end_if_finished(graph);
    }

    /// Cancels one piece of deferred work.
    pub(crate) fn cancel_work(&mut self, graph: &Graph, number: u64, why: Why, now: Nanos) {
        let Some(work) = self.forget_work(graph, number, WorkOutcome::Cancelled(why), now) else { return };
        work.cancelled.store(true, Ordering::Relaxed);
        let (stage, visit) = (work.stage, work.visit);
        if let Some(lane) = self.stages[stage].lanes.get_mut(&visit) {
            lane.resumed.retain(|(resumed, _)| resumed.number != number);
        }
        match why {
            // The stage has failed for that packet.
            Why::Deadline => {
                self.stages[stage].totals.failed += 1;
                self.tell_failed(graph, stage, visit, now, work.producer());
            }
            Why::Stage => self.tell_failed(graph, stage, visit, now, work.producer()),
            Why::Gone | Why::Flush | Why::Drain => {}
        }
        self.advance_closing(graph, visit, now);
        self.end_if_finished(graph);
    }

    /// Cancels all deferred work that is chosen.
    pub(crate) fn cancel_works(&mut self, graph: &Graph, why: Why, now: Nanos, chosen: impl Fn(&Work) -> bool) {
        let numbers: Vec<u64> = self.works.values().filter(|state| chosen(&state.work)).map(|state| state.work.number).collect();
        for number in numbers {
            self.cancel_work(graph, number, why, now);
        }
    }

    /// Sets a milestone.
    pub(crate) fn milestone(&mut self, graph: &Graph, visit: u64, name: &str, now: Nanos, producer: Producer, stage: usize) {
        let Some(state) = self.visits.get_mut(&visit) else { return };
        if state.record.milestone(name, now, producer, stage as u16) {
            if graph.pipeline.until.as_deref() == Some(name) {
                state.record.settle();
            }
            self.after.milestones.push((visit, name.to_owned()));
        }
    }
}
