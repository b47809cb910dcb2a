//! One call, as the entered stage sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use majlis_abi::host::{CallSide, NoVisit, NotEmitted};
use majlis_abi::plugin::Buffer;
use majlis_abi::raw::{RawEvent, event};
use majlis_meter::Nanos;
use majlis_meter::record::{Call, CallKind, Producer, Span, Trigger, Work as WorkRecord};

use crate::core::Core;
use crate::deliver::{By, Put};
use crate::host::StageHost;
use crate::lane::{Held, Queued};
use crate::notes::Notes;
use crate::schedule::{Begun, Item};
use crate::state::{Phase, State, Stay, WorkState};
use crate::timer::Timer;
use crate::work::Work;

/// A packet of no visit for the one stage, of the same thread, that its output is wired to. It cannot be served before
/// its call is over, so it is handed over with what the call came to, in one transaction.
pub(crate) struct Later {
    pub(crate) edge: usize,
    pub(crate) packet: Queued,
}

/// What a call is entered with, beside the packet that it holds itself.
pub(crate) enum With {
    Packet,
    Event(RawEvent),
    Wake { due: Nanos },
    Resumed(Arc<Work>),
}

/// It is used again for the call that follows on its thread, which is cheaper than to make another one.
pub(crate) struct Entered<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) thread: usize,
    pub(crate) stage: usize,
    /// The visit with which it began: that of its wake.
    pub(crate) key: u64,
    /// The visit that its messages are of now.
    pub(crate) visit: u64,
    /// Its place in the record of the visit with which it began.
    pub(crate) span: Option<u32>,
    /// Its place in the record of the visit that its messages are of.
    pub(crate) here: Option<u32>,
    pub(crate) kind: CallKind,
    pub(crate) trigger: Trigger,
    /// The flush number of its lane when it began, or when it opened its visit.
    pub(crate) flush: u64,
    /// When it began.
    pub(crate) start: Nanos,
    /// The time stamp that its packets carry.
    pub(crate) time: Nanos,
    pub(crate) number: u64,
    /// Of the packet that it was entered with: the edge, the place on it, and the call that it came from.
    pub(crate) edge: usize,
    pub(crate) sequence: u64,
    pub(crate) cause: u64,
    /// The queue's hold on that packet, kept until the call is over; none while `later` has it.
    pub(crate) packet: Option<Held>,
    pub(crate) later: Option<Later>,
    /// It emitted more than may be kept: it has failed, whatever it says.
    pub(crate) overrun: bool,
    /// It is told of a visit's close.
    pub(crate) saw_closed: bool,
    pub(crate) notes: Notes,
}

impl<'a> Entered<'a> {
    /// `notes`: empty, with the room of those of an earlier call.
    pub(crate) fn new(core: &'a Arc<Core>, thread: usize, begun: Begun, notes: Notes) -> (Self, With) {
        let Begun { stage, visit, item, span, trigger, flush, number } = begun;
        let mut call = Self {
            core,
            thread,
            stage,
            key: visit,
            visit,
            span,
            here: span,
            kind: item.kind(),
            trigger,
            flush,
            start: 0,
            time: 0,
            number,
            edge: 0,
            sequence: 0,
            cause: 0,
            packet: None,
            later: None,
            overrun: false,
            saw_closed: false,
            notes,
        };
        let with = match item {
            Item::Packet { edge, packet } => {
                call.take(edge, packet);
                With::Packet
            }
            Item::Event(queued) => {
                call.saw_closed = queued.event.kind == event::VISIT_CLOSED;
                With::Event(queued.event)
            }
            Item::Wake { due } => {
                call.time = due;
                With::Wake { due }
            }
            Item::Resumed(work) => {
                call.time = work.time;
                With::Resumed(work)
            }
        };
        (call, with)
    }

    /// The packet that it is entered with.
    #[inline]
    pub(crate) fn take(&mut self, edge: usize, packet: Queued) {
        let Queued { buffer, time, sequence, cause, .. } = packet;
        (self.edge, self.sequence, self.cause, self.time) = (edge, sequence, cause, time);
        self.packet = Some(buffer);
    }

    /// Delivers what was put off: whatever takes the lock next in this call comes after it.
    fn deliver_later(&mut self, state: &mut State) {
        let Some(later) = self.later.take() else { return };
        if self.packet.is_none() && self.kind == CallKind::Packet {
            // The stage may still look at what it passed on.
            self.packet = Some(later.packet.buffer.again());
        }
        self.overrun |= state.deliver_later(&self.core.graph, self.stage, self.flush, self.thread, later);
    }

    fn producer(&self) -> Producer {
        self.here.map_or(Producer::Origin(self.stage as u16), Producer::Span)
    }

    /// The time of an emission. Of packets of no visit that stay on this thread nobody will ask for it, and reading
    /// the clock would be a fifth of what they cost.
    fn noted(&self, edges: &[usize]) -> Nanos {
        let graph = &self.core.graph;
        let stays = |edge: &usize| graph.stages[graph.edge(*edge).to].thread == self.thread;
        if self.visit == 0 && edges.iter().all(stays) { self.start } else { self.core.now() }
    }

    /// The edge to the one stage, of the same thread, that a message of no visit goes to, if nothing was put off yet.
    fn only_here(&self, edges: &[usize]) -> Option<usize> {
        match edges {
            [edge] if self.visit == 0 && self.later.is_none() => {
                let graph = &self.core.graph;
                (graph.stages[graph.edge(*edge).to].thread == self.thread).then_some(*edge)
            }
            _ => None,
        }
    }

    fn queued(&self, buffer: Held, produced: Nanos) -> Queued {
        let (time, cause, producer) = (self.time, self.number, self.producer());
        Queued { buffer, time, arrival: produced, sequence: 0, cause, producer, produced }
    }

    /// Puts a message on all edges of an output, and waits for space where it must.
    fn put_all(&mut self, edges: &[usize], held: Held, produced: Nanos) -> Result<(), NotEmitted> {
        let core = &**self.core;
        let mut state = core.lock();
        self.deliver_later(&mut state);
        if self.is_withdrawn(&state) {
            state.late(self.visit);
            return Err(NotEmitted::Gone);
        }
        let mut rest = Some(held);
        for (at, edge) in edges.iter().enumerate() {
            let held = if at + 1 == edges.len() { rest.take() } else { rest.as_ref().map(Held::again) };
            let Some(held) = held else { break };
            let mut packet = self.queued(held, produced);
            let mut looked = false;
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
                    looked = !looked;
                    let awaited = state.awaited_by_call(&core.graph, *edge, self.visit);
                    if looked {
                        state.look_for_space(*edge, awaited)
                    } else {
                        state.wait_for_space(*edge, awaited)
                    }
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
        let core = self.core;
        let edges = core.graph.stages[self.stage].outgoing.get(output as usize).ok_or(NotEmitted::NoPort)?;
        let produced = self.noted(edges);
        let held = Held::of(buffer, self.stage as u16);
        if let Some(edge) = self.only_here(edges) {
            self.later = Some(Later { edge, packet: self.queued(held, produced) });
            return Ok(());
        }
        self.put_all(edges, held, produced)
    }

    fn forward(&mut self, output: u32) -> Result<(), NotEmitted> {
        let core = self.core;
        let edges = core.graph.stages[self.stage].outgoing.get(output as usize).ok_or(NotEmitted::NoPort)?;
        let produced = self.noted(edges);
        if let Some(edge) = self.only_here(edges) {
            // The hold on which it came goes on with it, and nobody has to count.
            let held = self.packet.take().ok_or(NotEmitted::NoPacket)?;
            self.later = Some(Later { edge, packet: self.queued(held, produced) });
            return Ok(());
        }
        let held = self.packet.as_ref().or(self.later.as_ref().map(|later| &later.packet.buffer));
        let held = held.filter(|_| self.kind == CallKind::Packet).map(Held::again).ok_or(NotEmitted::NoPacket)?;
        self.put_all(edges, held, produced)
    }

    fn open_visit(&mut self, arrived: Option<u64>) -> Result<u64, NoVisit> {
        let now = self.core.now();
        let mut state = self.core.lock();
        self.deliver_later(&mut state);
        let visit = state.open_visit(&self.core.graph, self.stage, self.number, arrived.unwrap_or(now), now)?;
        let call = Call {
            stage: self.stage as u16,
            thread: self.thread as u16,
            kind: self.kind,
            trigger: Trigger { producer: Producer::Origin(self.stage as u16), ..self.trigger },
            start: self.start,
            end: Call::RUNNING,
            ..Call::default()
        };
        self.here = state.visits.get_mut(&visit).map(|state| state.record.push(Span::Call(call)));
        let place = self.here.map(|span| (visit, span));
        self.notes.opened.extend(place);
        self.visit = visit;
        self.flush = state.stages[self.stage].lanes.get(visit).map_or(0, |lane| lane.flush);
        // Who is noticed by a packet is told of by that packet: its time stays that of what it shows.
        if arrived.is_none() || self.kind != CallKind::Packet {
            self.time = arrived.unwrap_or(now).min(now);
        }
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
        let span = match (self.here, state.visits.get_mut(&self.visit)) {
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
        let now = self.core.now();
        self.notes.step(name, now);
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.notes.fact(name, value);
    }

    fn cancelled(&self) -> bool {
        self.is_over(&self.core.lock())
    }

    fn visit(&self) -> u64 {
        self.visit
    }
}
