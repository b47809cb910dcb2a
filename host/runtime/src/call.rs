//! One call, as the entered stage sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use majlis_abi::host::{CallSide, NoVisit, NotEmitted};
use majlis_abi::plugin::Buffer;
use majlis_meter::Nanos;
use majlis_meter::record::{Call, CallKind, Producer, Span, Trigger, Work as WorkRecord};

use crate::core::Core;
use crate::deliver::{By, Put};
use crate::host::StageHost;
use crate::lane::{Held, Queued};
use crate::state::{Phase, State, Stay, WorkState};
use crate::timer::Timer;
use crate::work::Work;

/// A packet of no visit for the one stage, of the same thread, that its output is wired to. It cannot be served before
/// its call is over, so it is handed over with what the call came to, in one transaction.
pub(crate) struct Later {
    pub(crate) edge: usize,
    pub(crate) packet: Queued,
}

pub(crate) struct Entered<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) stage: usize,
    pub(crate) thread: usize,
    /// The visit that its messages are of now.
    pub(crate) visit: u64,
    /// Its place in that visit's record.
    pub(crate) span: Option<u32>,
    pub(crate) kind: CallKind,
    pub(crate) trigger: Trigger,
    pub(crate) flush: u64,
    /// When it began.
    pub(crate) start: Nanos,
    /// The time stamp that its packets carry.
    pub(crate) time: Nanos,
    pub(crate) number: u64,
    /// The queue's hold on the packet that it was entered with, kept until it is over or has been passed on.
    pub(crate) packet: Option<Held>,
    /// Keeps the packet's bytes until the call is over when that hold was passed on.
    pub(crate) passed_on: Option<Buffer>,
    pub(crate) steps: Vec<(String, Nanos)>,
    pub(crate) facts: Vec<(String, String)>,
    /// Its places in the records of visits that it opened.
    pub(crate) opened: Vec<(u64, u32)>,
    /// It emitted more than may be kept: it has failed, whatever it says.
    pub(crate) overrun: bool,
    pub(crate) later: &'a mut Option<Later>,
}

impl Entered<'_> {
    /// Delivers what was put off: whatever takes the lock next in this call comes after it.
    fn deliver_later(&mut self, state: &mut State) {
        if let Some(later) = self.later.take() {
            self.overrun |= state.deliver_later(&self.core.graph, self.stage, self.flush, self.thread, later);
        }
    }

    fn producer(&self) -> Producer {
        self.span.map_or(Producer::Origin(self.stage as u16), Producer::Span)
    }

    /// The time of an emission. Of packets of no visit that stay on this thread nobody will ask for it, and reading
    /// the clock would be a fifth of what they cost.
    fn noted(&self, edges: &[usize]) -> Nanos {
        let graph = &self.core.graph;
        let stays = |edge: &usize| graph.stages[graph.edge(*edge).to].thread == self.thread;
        if self.visit == 0 && edges.iter().all(stays) { self.start } else { self.core.now() }
    }

    /// Puts a buffer on the queues' account. Of a packet that is passed on, the hold on which it came goes on with it,
    /// and the stage's takes its place: that saves counting one down and another up.
    fn hand_over(&mut self, buffer: Buffer) -> Held {
        match self.packet.take_if(|held| held.is(&buffer)) {
            Some(held) => {
                self.passed_on = Some(buffer);
                held
            }
            None => Held::of(buffer, self.stage as u16),
        }
    }

    /// What it still does is for nobody.
    fn is_over(&self, state: &State) -> bool {
        state.phase == Phase::Ending || self.is_withdrawn(state)
    }

    fn is_withdrawn(&self, state: &State) -> bool {
        let visit_gone = self.visit != 0 && state.visits.get(&self.visit).is_none_or(|visit| visit.stay == Stay::Gone);
        visit_gone || state.stages[self.stage].lanes.get(self.visit).map_or(0, |lane| lane.flush) != self.flush
    }
}

impl CallSide for Entered<'_> {
    type Host = StageHost;

    fn emit(&mut self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        let core = &**self.core;
        let edges = core.graph.stages[self.stage].outgoing.get(output as usize).ok_or(NotEmitted::NoPort)?;
        let produced = self.noted(edges);
        if let ([edge], 0, None) = (&edges[..], self.visit, &self.later)
            && core.graph.stages[core.graph.edge(*edge).to].thread == self.thread
        {
            let buffer = self.hand_over(buffer);
            let (time, cause, producer) = (self.time, self.number, self.producer());
            let packet = Queued { buffer, time, arrival: produced, sequence: 0, cause, producer, produced };
            *self.later = Some(Later { edge: *edge, packet });
            return Ok(());
        }
        let mut state = core.lock();
        self.deliver_later(&mut state);
        if self.is_withdrawn(&state) {
            state.late(self.visit);
            return Err(NotEmitted::Gone);
        }
        let mut rest = Some(buffer);
        for (at, edge) in edges.iter().enumerate() {
            let held = if at + 1 == edges.len() {
                rest.take().map(|buffer| self.hand_over(buffer))
            } else {
                rest.as_ref().map(Held::share)
            };
            let Some(buffer) = held else { break };
            let mut packet = Queued {
                buffer,
                time: self.time,
                arrival: produced,
                sequence: 0,
                cause: self.number,
                producer: self.producer(),
                produced,
            };
            loop {
                match state.put(&core.graph, *edge, self.visit, packet, By::Call { thread: self.thread }) {
                    Put::Taken | Put::Late => break,
                    Put::Overrun => {
                        self.overrun = true;
                        break;
                    }
                    Put::Full(again) => packet = again,
                }
                // A flush makes space as well, but not for what it withdrew: so both before waiting and after it.
                if self.is_over(&state) {
                    state.late(self.visit);
                    return Err(NotEmitted::Gone);
                }
                // First, what this call did before has to be told to those who may make the space; and meanwhile they
                // may have made it.
                if !state.settle() {
                    state.wait_for_space(*edge);
                    packet.arrival = core.now();
                }
                if self.is_over(&state) {
                    state.late(self.visit);
                    return Err(NotEmitted::Gone);
                }
            }
        }
        if self.overrun { Err(NotEmitted::Overrun) } else { Ok(()) }
    }

    fn open_visit(&mut self) -> Result<u64, NoVisit> {
        let now = self.core.now();
        let mut state = self.core.lock();
        self.deliver_later(&mut state);
        let visit = state.open_visit(&self.core.graph, self.stage, self.number, now)?;
        let call = Call {
            stage: self.stage as u16,
            thread: self.thread as u16,
            kind: self.kind,
            trigger: Trigger { producer: Producer::Origin(self.stage as u16), ..self.trigger },
            start: self.start,
            end: Call::RUNNING,
            ..Call::default()
        };
        self.span = state.visits.get_mut(&visit).map(|state| state.record.push(Span::Call(call)));
        self.opened.extend(self.span.map(|span| (visit, span)));
        self.visit = visit;
        self.flush = state.stages[self.stage].lanes.get(visit).map_or(0, |lane| lane.flush);
        self.time = now;
        Ok(visit)
    }

    fn defer(&mut self, label: &str) -> Arc<Work> {
        let core = self.core;
        let now = core.now();
        let mut state = core.lock();
        self.deliver_later(&mut state);
        state.next_work += 1;
        let number = state.next_work;
        // Born cancelled: its visit left, or a flush passed, while the call went on.
        let over = self.is_over(&state);
        let span = match (self.span, state.visits.get_mut(&self.visit)) {
            (Some(call), Some(visit)) if !over => {
                let (stage, label) = (self.stage as u16, label.to_owned());
                let record = WorkRecord { stage, label, call, begun: now, ..WorkRecord::default() };
                Some(visit.record.push(Span::Work(record)))
            }
            _ => None,
        };
        let deadline = core.graph.stages[self.stage].deadline.map(|deadline| self.start.saturating_add(deadline));
        let work = Arc::new(Work {
            core: Arc::clone(core),
            number,
            stage: self.stage,
            instance: state.stages[self.stage].instance,
            visit: self.visit,
            span,
            flush: self.flush,
            time: self.time,
            begun: now,
            cancelled: AtomicBool::new(false),
            resumed: AtomicU64::new(0),
            deadline,
            refused: AtomicUsize::new(0),
        });
        if over {
            work.cancelled.store(true, Ordering::Relaxed);
            return work;
        }
        state.works.insert(number, WorkState { work: Arc::clone(&work), on_cancel: Vec::new() });
        state.lane(self.stage, self.visit).works += 1;
        if let Some(due) = deadline {
            state.set_timer(self.thread, due, Timer::Deadline { work: number });
        }
        work
    }

    fn flush(&mut self, output: u32) {
        let now = self.core.now();
        let mut state = self.core.lock();
        self.deliver_later(&mut state);
        state.flush(&self.core.graph, self.stage, output as usize, self.visit, now, self.producer());
    }

    fn milestone(&mut self, name: &str) {
        let now = self.core.now();
        let mut state = self.core.lock();
        state.milestone(&self.core.graph, self.visit, name, now, self.producer(), self.stage);
    }

    fn step(&mut self, name: &str) {
        self.steps.push((name.to_owned(), self.core.now()));
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), value.to_owned()));
    }

    fn cancelled(&self) -> bool {
        self.is_over(&self.core.lock())
    }

    fn visit(&self) -> u64 {
        self.visit
    }
}
