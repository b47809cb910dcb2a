//! Work that outlives its call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use majlis_abi::host::{Awaited, Ending, NotEmitted, Notice, PendingSide};
use majlis_abi::plugin::Buffer;
use majlis_meter::Nanos;
use majlis_meter::record::{Producer, Why, WorkOutcome};

use crate::core::Core;
use crate::deliver::Emission;
use crate::graph::Graph;
use crate::state::State;

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
    /// Then it is cancelled.
    pub(crate) deadline: Option<Nanos>,
    /// Bytes of the message that was last given back.
    pub(crate) refused: AtomicUsize,
}

impl Work {
    pub(crate) fn resumed_at(&self) -> Nanos {
        self.resumed.load(Ordering::Relaxed)
    }

    fn producer(&self) -> Producer {
        self.span.map_or(Producer::Origin(self.stage as u16), Producer::Span)
    }

    /// Whether it was cancelled. At its deadline it is, also while the thread that watches it is in a long call.
    fn is_over(&self, state: &mut State, now: Nanos) -> bool {
        if !self.cancelled.load(Ordering::Relaxed) && self.deadline.is_some_and(|deadline| deadline <= now) {
            state.cancel_work(&self.core.graph, self.number, Why::Deadline, now);
        }
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl PendingSide for Work {
    fn emit(&self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        let core = &*self.core;
        let edges = core.graph.stages[self.stage].outgoing.get(output as usize).ok_or(NotEmitted::NoPort)?;
        let now = core.now();
        let mut state = core.lock();
        if self.is_over(&mut state, now) {
            state.late(self.visit);
            return Err(NotEmitted::Gone);
        }
        let (stage, visit, time) = (self.stage, self.visit, self.time);
        let emission = Emission { stage, visit, time, cause: self.number, producer: self.producer(), now };
        let size = buffer.len();
        state.put_all(&core.graph, edges, buffer, emission).map_err(|buffer| {
            self.refused.store(size, Ordering::Relaxed);
            NotEmitted::Full(buffer)
        })
    }

    fn notify(&self, awaited: Awaited, notice: Notice) {
        let core = &*self.core;
        let mut state = core.lock();
        match awaited {
            Awaited::Cancelled => {
                if let Some(work) = state.works.get_mut(&self.number) {
                    work.on_cancel.push(notice);
                    return;
                }
            }
            Awaited::Space(output) => {
                // Space is space for what was refused: with less it would be refused again at once.
                let size = self.refused.load(Ordering::Relaxed).max(1) as u64;
                let edges = core.graph.stages[self.stage].outgoing.get(output as usize).map_or(&[][..], Vec::as_slice);
                let full = edges.iter().find(|edge| state.blocks(&core.graph, **edge, self.visit, size));
                if let Some(edge) = full.filter(|_| state.works.contains_key(&self.number)) {
                    state.edges[*edge].on_space.push((self.number, notice));
                    return;
                }
            }
        }
        // There is space, or the work is over: now, but not under the lock.
        state.after.notices.push(notice);
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
        if !self.is_over(&mut state, now) {
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
        if ending == Ending::Resume && !self.is_over(&mut state, now) {
            self.resumed.store(now, Ordering::Relaxed);
            let (stage, visit) = (self.stage, self.visit);
            state.lane(stage, visit).resumed.push_back((self, now));
            state.make_ready(&core.graph, stage, visit);
            return;
        }
        let (outcome, failed) = match &ending {
            Ending::Finished => (WorkOutcome::Finished, None),
            Ending::Failed(why) => (WorkOutcome::Failed(why.clone()), Some(why.as_str())),
            Ending::Dropped | Ending::Resume => {
                (WorkOutcome::Dropped, Some("its deferred work was dropped unfinished"))
            }
        };
        state.end_work(&core.graph, self.number, outcome, failed, now);
    }
}

impl State {
    fn forget_work(&mut self, graph: &Graph, number: u64, outcome: WorkOutcome, now: Nanos) -> Option<Arc<Work>> {
        let mut state = self.works.remove(&number)?;
        let work = state.work;
        self.after.notices.append(&mut state.on_cancel);
        for edge in graph.stages[work.stage].outgoing.iter().flatten() {
            let waiting = &mut self.edges[*edge].on_space;
            while let Some(at) = waiting.iter().position(|(its, _)| *its == number) {
                self.after.notices.push(waiting.swap_remove(at).1);
            }
        }
        if let (Some(span), Some(visit)) = (work.span, self.visits.get_mut(&work.visit))
            && let Some(record) = visit.record.work_mut(span)
            && record.end.is_none()
        {
            record.end = Some(now);
            record.outcome = outcome;
        }
        self.stages[work.stage].work.record(now.saturating_sub(work.begun));
        if let Some(lane) = self.stages[work.stage].lanes.get_mut(work.visit) {
            lane.works = lane.works.saturating_sub(1);
        }
        Some(work)
    }

    /// Deferred work ends; `failed` says why it did not do what it was begun for.
    pub(crate) fn end_work(
        &mut self,
        graph: &Graph,
        number: u64,
        outcome: WorkOutcome,
        failed: Option<&str>,
        now: Nanos,
    ) {
        let Some(work) = self.forget_work(graph, number, outcome, now) else { return };
        if let Some(reason) = failed {
            self.work_failed(graph, &work, reason, now);
        }
        self.work_over(graph, &work, now);
    }

    /// Cancels one piece of deferred work.
    pub(crate) fn cancel_work(&mut self, graph: &Graph, number: u64, why: Why, now: Nanos) {
        let Some(work) = self.forget_work(graph, number, WorkOutcome::Cancelled(why), now) else { return };
        work.cancelled.store(true, Ordering::Relaxed);
        if let Some(lane) = self.stages[work.stage].lanes.get_mut(work.visit) {
            lane.resumed.retain(|(resumed, _)| resumed.number != number);
        }
        match why {
            Why::Deadline => self.work_failed(graph, &work, "its deferred work was not done by its deadline", now),
            Why::Stage => self.tell_failed(graph, work.stage, work.visit, now, work.producer()),
            Why::Gone | Why::Flush | Why::Drain => {}
        }
        self.work_over(graph, &work, now);
    }

    /// The stage has failed for the packet that the work was begun for.
    fn work_failed(&mut self, graph: &Graph, work: &Work, reason: &str, now: Nanos) {
        self.stages[work.stage].totals.failed += 1;
        self.tell_failed(graph, work.stage, work.visit, now, work.producer());
        self.stop_if_wanted(graph, work.stage, reason, now);
    }

    fn work_over(&mut self, graph: &Graph, work: &Work, now: Nanos) {
        self.advance_closing(graph, work.visit, now);
        self.pass_ends(graph, now);
        self.end_if_finished(graph, now);
    }

    /// Cancels all deferred work that is chosen.
    pub(crate) fn cancel_works(&mut self, graph: &Graph, why: Why, now: Nanos, chosen: impl Fn(&Work) -> bool) {
        let numbers: Vec<u64> =
            self.works.values().filter(|state| chosen(&state.work)).map(|state| state.work.number).collect();
        for number in numbers {
            self.cancel_work(graph, number, why, now);
        }
    }

    /// Sets a milestone.
    pub(crate) fn milestone(
        &mut self,
        graph: &Graph,
        visit: u64,
        name: &str,
        now: Nanos,
        producer: Producer,
        stage: usize,
    ) {
        let Some(state) = self.visits.get_mut(&visit) else { return };
        if state.record.milestone(name, now, producer, stage as u16) {
            if graph.pipeline.until.as_deref() == Some(name) {
                state.record.settle();
                if self.tells_reached {
                    // A call that is under way has yet to say what it took.
                    state.reached_in = match producer {
                        Producer::Span(span) => state.record.call_mut(span).map(|_| span),
                        Producer::Origin(_) | Producer::Folded => None,
                    };
                    if state.reached_in.is_none() {
                        self.after.reached.push(state.record.clone());
                    }
                }
            }
            self.after.milestones.push((visit, name.to_owned()));
        }
    }
}
