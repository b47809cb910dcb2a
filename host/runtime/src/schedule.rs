//! What a thread does next.
//!
//! In this order: flush and *gone*; packets kept from a call on the same thread, in order of emission; then (stage,
//! visit) in turn. Within one visit events, resumptions and due wakes come by arrival, and of several inputs' heads the
//! oldest time stamp: a packet that arrived before a wake was due is served before it. That order within a visit holds
//! for kept packets as well.

use std::sync::Arc;

use majlis_abi::raw::{RawEvent, event, flow};
use majlis_meter::Nanos;
use majlis_meter::record::{BegunFor, Call, CallKind, Cut, CutKind, Outcome, Producer, Span, Trigger};

use crate::call::{Entered, Later};
use crate::finish::Returned;
use crate::graph::Graph;
use crate::lane::{Lane, Queued, QueuedEvent};
use crate::state::{Kept, Life, Occupation, Phase, Running, SPANS, State, ThreadSpan};
use crate::work::Work;

/// What a stage is entered with.
pub(crate) enum Item {
    Packet { edge: usize, packet: Queued },
    Event(QueuedEvent),
    Wake { due: Nanos },
    Resumed(Arc<Work>),
}

impl Item {
    pub(crate) fn kind(&self) -> CallKind {
        match self {
            Self::Packet { .. } => CallKind::Packet,
            Self::Event(_) => CallKind::Event,
            Self::Wake { .. } => CallKind::Wake,
            Self::Resumed(_) => CallKind::Resumed,
        }
    }
}

/// A call that is about to be made.
pub(crate) struct Begun {
    pub(crate) stage: usize,
    pub(crate) visit: u64,
    pub(crate) item: Item,
    /// Its place in the visit's record.
    pub(crate) span: Option<u32>,
    pub(crate) trigger: Trigger,
    /// The lane's flush number when it began.
    pub(crate) flush: u64,
    /// A number for traces.
    pub(crate) number: u64,
}

/// What a thread does next.
pub(crate) enum Next {
    /// `slot` is the edge of the packet that needs the stage.
    Open {
        stage: usize,
        begun_for: Option<u64>,
        slot: Option<usize>,
    },
    Call(Begun),
    Sleep(Option<Nanos>),
    End,
}

/// Which of a lane's things comes first.
#[derive(Clone, Copy)]
enum Choice {
    Event,
    Wake(Nanos),
    Resumed,
    Packet(usize),
}

enum Openness {
    Open,
    Closed,
    NotYet,
    Never,
}

/// Of all but the packets. The clock is read only where a wake is armed.
fn first_of(lane: &Lane, clock: &impl Fn() -> Nanos) -> Option<(Nanos, Choice)> {
    if lane.events.is_empty() && lane.resumed.is_empty() && lane.wake.is_none() {
        return None;
    }
    let event = lane.events.front().map(|event| (event.arrival, Choice::Event));
    let resumed = lane.resumed.front().map(|(_, arrival)| (*arrival, Choice::Resumed));
    let wake = lane.wake.filter(|wake| wake.due <= clock()).map(|wake| (wake.due, Choice::Wake(wake.due)));
    [event, resumed, wake].into_iter().flatten().min_by_key(|(arrival, _)| *arrival)
}

/// Whether what is first comes before a packet. A packet that came at the very moment at which a wake was due came in
/// time; an event of that moment was first.
fn comes_before((at, choice): (Nanos, Choice), arrival: Nanos) -> bool {
    at < arrival || at == arrival && !matches!(choice, Choice::Wake(_))
}

fn choose(lane: &Lane, clock: &impl Fn() -> Nanos) -> Option<Choice> {
    let first = first_of(lane, clock);
    let in_time = |packet: &Queued| first.is_none_or(|first| !comes_before(first, packet.arrival));
    lane.oldest_head(in_time).map(Choice::Packet).or(first.map(|(_, choice)| choice))
}

/// Kept packets come before timers and other lanes, but a loop on one thread must not keep those waiting for ever.
const LOOK_AT_TIMERS: u64 = 64;

impl State {
    /// What this thread does next.
    pub(crate) fn next(&mut self, graph: &Graph, thread: usize, clock: impl Fn() -> Nanos) -> Next {
        let timed = !self.threads[thread].timers.is_empty();
        if timed && (self.threads[thread].kept.is_empty() || self.calls.is_multiple_of(LOOK_AT_TIMERS)) {
            self.run_timers(graph, thread, clock());
        }
        while let Some((stage, visit, queued)) = self.threads[thread].urgent.pop_front() {
            if self.is_open(stage) {
                return Next::Call(self.begin(graph, stage, visit, Item::Event(queued), &clock));
            }
        }
        match self.phase {
            Phase::Ending => return Next::End,
            Phase::Starting => return Next::Sleep(None),
            Phase::Running | Phase::Draining => {}
        }
        if let Some(next) = self.next_kept(graph, thread, &clock).or_else(|| self.next_in_turn(graph, thread, &clock)) {
            return next;
        }
        for stage in graph.threads[thread].iter().copied() {
            if self.stages[stage].open_ahead && matches!(self.openness(stage, &clock), Openness::Closed) {
                return Next::Open { stage, begun_for: None, slot: None };
            }
        }
        // Packets that were skipped may have been what a visit, or the run, still waited for.
        if self.phase == Phase::Ending || !self.threads[thread].urgent.is_empty() {
            return self.next(graph, thread, clock);
        }
        Next::Sleep(self.threads[thread].timers.next_due())
    }

    /// Whether the packet that a call put off is what [`next`](Self::next) would come to once it was queued: then it
    /// need not be.
    pub(crate) fn follows(&self, graph: &Graph, call: &Entered<'_>, returned: &Returned) -> bool {
        let Some(later) = &call.later else { return false };
        let (stage, slot) = (graph.edge(later.edge).to, graph.slots[later.edge]);
        let (from, thread) = (&self.stages[call.stage], &self.threads[call.thread]);
        let lane = self.stages[stage].lanes.none();
        let went_well = !call.overrun
            && !call.saw_closed
            && returned.flow.as_ref().is_ok_and(|flow| flow.kind != flow::ENDED)
            && from.lanes.none().flush == call.flush;
        let goes_on = matches!(self.phase, Phase::Running | Phase::Draining)
            && self.closing == 0
            && !from.ended
            && !from.inputs_ended.contains(&true);
        let is_next = thread.urgent.is_empty()
            && thread.kept.is_empty()
            && (thread.timers.is_empty() || !self.calls.is_multiple_of(LOOK_AT_TIMERS));
        let is_first = self.is_open(stage)
            && lane.events.is_empty()
            && lane.resumed.is_empty()
            && lane.wake.is_none()
            && !lane.inputs[slot].failed
            && self.edges[later.edge].bytes == 0;
        went_well && goes_on && is_next && is_first
    }

    /// Makes of a call the one that its packet was put off for; see [`follows`](Self::follows).
    #[inline]
    pub(crate) fn follow(&mut self, graph: &Graph, call: &mut Entered<'_>) {
        let Some(Later { edge, mut packet }) = call.later.take() else { return };
        let stage = graph.edge(edge).to;
        self.edges[edge].sequence += 1;
        packet.sequence = self.edges[edge].sequence;
        self.calls += 1;
        self.threads[call.thread].running = Some(Running { stage, visit: 0, number: self.calls });
        call.stage = stage;
        call.kind = CallKind::Packet;
        call.trigger = Trigger { producer: packet.producer, time: packet.produced, due: None };
        call.flush = self.stages[stage].lanes.none().flush;
        call.number = self.calls;
        // It began with no visit, and so did the one before, which could put off nothing else.
        call.notes.clear();
        call.take(edge, packet);
    }

    fn next_kept(&mut self, graph: &Graph, thread: usize, clock: &impl Fn() -> Nanos) -> Option<Next> {
        while let Some(kept) = self.threads[thread].kept.front().copied() {
            let Kept { stage, visit, slot, sequence } = kept;
            let lane = self.stages[stage].lanes.get(visit);
            // What stands before it came from another thread: an edge is first-in-first-out for all of them.
            let head = lane.and_then(|lane| lane.inputs[slot].packets.front()).filter(|head| head.sequence <= sequence);
            let Some(head) = head else {
                self.threads[thread].kept.pop_front();
                continue;
            };
            let (arrival, is_it) = (head.arrival, head.sequence == sequence);
            match self.openness(stage, clock) {
                Openness::Open => {
                    let before = first_of(self.lane(stage, visit), clock).filter(|first| comes_before(*first, arrival));
                    let choice = before.map_or(Choice::Packet(slot), |(_, choice)| choice);
                    if is_it && before.is_none() {
                        self.threads[thread].kept.pop_front();
                    }
                    if let Some(item) = self.take(graph, stage, visit, choice) {
                        return Some(Next::Call(self.begin(graph, stage, visit, item, clock)));
                    }
                }
                Openness::Closed => return Some(Next::Open { stage, begun_for: Some(visit), slot: Some(slot) }),
                Openness::NotYet | Openness::Never => {
                    // Its lane waits in the ring, where a pause does not hold up the other stages of the thread.
                    self.threads[thread].kept.pop_front();
                    self.make_ready(graph, stage, visit);
                }
            }
        }
        None
    }

    fn next_in_turn(&mut self, graph: &Graph, thread: usize, clock: &impl Fn() -> Nanos) -> Option<Next> {
        let mut left = self.threads[thread].ring.len();
        while left > 0 {
            left -= 1;
            let (stage, visit) = self.threads[thread].ring.pop_front()?;
            let Some(lane) = self.stages[stage].lanes.get_mut(visit) else { continue };
            lane.ready = false;
            match self.openness(stage, clock) {
                Openness::Open => {
                    let lane = self.lane(stage, visit);
                    let Some(choice) = choose(lane, clock) else { continue };
                    let Some(item) = self.take(graph, stage, visit, choice) else { continue };
                    let begun = self.begin(graph, stage, visit, item, clock);
                    self.make_ready(graph, stage, visit);
                    return Some(Next::Call(begun));
                }
                Openness::Closed => {
                    let lane = self.lane(stage, visit);
                    let slot = lane.oldest_head(|_| true);
                    if slot.is_some() || lane.wake.is_some_and(|wake| wake.due <= clock()) {
                        self.make_ready(graph, stage, visit);
                        return Some(Next::Open { stage, begun_for: Some(visit), slot });
                    }
                    // Events never open a stage; they were passed on when they came.
                }
                Openness::NotYet => self.make_ready(graph, stage, visit),
                Openness::Never => {
                    self.skip_all(graph, stage, visit, clock());
                    // Lanes behind those that were looked at may have been told so.
                    left = self.threads[thread].ring.len();
                }
            }
        }
        None
    }

    fn take(&mut self, graph: &Graph, stage: usize, visit: u64, choice: Choice) -> Option<Item> {
        let lane = self.stages[stage].lanes.get_mut(visit)?;
        match choice {
            Choice::Event => lane.events.pop_front().map(Item::Event),
            Choice::Resumed => lane.resumed.pop_front().map(|(work, _)| Item::Resumed(work)),
            Choice::Wake(due) => Some(Item::Wake { due }),
            Choice::Packet(slot) => {
                self.pop(graph, stage, visit, slot).map(|(edge, packet)| Item::Packet { edge, packet })
            }
        }
    }

    fn openness(&self, stage: usize, clock: &impl Fn() -> Nanos) -> Openness {
        match &self.stages[stage].life {
            Life::Open => Openness::Open,
            Life::Closed { not_before } if *not_before == 0 || *not_before <= clock() => Openness::Closed,
            Life::Closed { .. } | Life::Opening => Openness::NotYet,
            Life::Failed(_) => Openness::Never,
        }
    }

    /// The stage is not tried again: its packets have no answer.
    pub(crate) fn skip_all(&mut self, graph: &Graph, stage: usize, visit: u64, now: Nanos) {
        let why = match &self.stages[stage].life {
            Life::Failed(error) => error.reason.clone(),
            _ => String::new(),
        };
        for slot in 0..graph.stages[stage].incoming.len() {
            while let Some((_, packet)) = self.pop(graph, stage, visit, slot) {
                self.skip(graph, stage, visit, &packet, &why, now);
            }
        }
        if let Some(lane) = self.stages[stage].lanes.get_mut(visit) {
            lane.events.clear();
            lane.wake = None;
        }
        self.advance_closing(graph, visit, now);
        if visit == 0 {
            self.pass_ends(graph, now);
            self.end_if_finished(graph, now);
        }
    }

    /// A packet that is not given to its stage: a line of the report, and word to what is downstream.
    pub(crate) fn skip(&mut self, graph: &Graph, stage: usize, visit: u64, packet: &Queued, why: &str, now: Nanos) {
        self.stages[stage].totals.skipped += 1;
        let trigger = Trigger { producer: packet.producer, time: packet.produced, due: None };
        let producer = if self.visits.contains_key(&visit) {
            let waits = self.waits(graph, stage, visit, &trigger, now);
            let call = Call {
                stage: stage as u16,
                thread: graph.stages[stage].thread as u16,
                trigger,
                waits,
                start: now,
                end: now,
                outcome: Outcome::Skipped(why.to_owned()),
                ..Call::default()
            };
            self.visits.get_mut(&visit).map(|state| Producer::Span(state.record.push(Span::Call(call))))
        } else {
            None
        };
        self.tell_failed(graph, stage, visit, now, producer.unwrap_or(Producer::Origin(stage as u16)));
    }

    /// Notes that a call begins.
    #[inline]
    fn begin(&mut self, graph: &Graph, stage: usize, visit: u64, item: Item, clock: &impl Fn() -> Nanos) -> Begun {
        let own = Producer::Origin(stage as u16);
        let trigger = match &item {
            Item::Packet { packet, .. } => Trigger { producer: packet.producer, time: packet.produced, due: None },
            Item::Event(queued) => Trigger { producer: queued.producer, time: queued.arrival, due: None },
            Item::Wake { due } => {
                let wake = self.lane(stage, visit).wake.take();
                let (asked, producer) = wake.map_or((*due, own), |wake| (wake.asked, wake.producer));
                Trigger { producer, time: asked, due: Some(*due) }
            }
            Item::Resumed(work) => {
                Trigger { producer: work.span.map_or(own, Producer::Span), time: work.resumed_at(), due: None }
            }
        };
        let thread = graph.stages[stage].thread;
        self.calls += 1;
        let number = self.calls;
        self.threads[thread].running = Some(Running { stage, visit, number });
        let span = if visit != 0 && self.visits.contains_key(&visit) {
            let now = clock();
            let waits = self.waits(graph, stage, visit, &trigger, now);
            let call = Call {
                stage: stage as u16,
                thread: thread as u16,
                kind: item.kind(),
                trigger,
                waits,
                start: now,
                end: Call::RUNNING,
                ..Call::default()
            };
            self.visits.get_mut(&visit).map(|state| state.record.push(Span::Call(call)))
        } else {
            None
        };
        let flush = self.stages[stage].lanes.get(visit).map_or(0, |lane| lane.flush);
        Begun { stage, visit, item, span, trigger, flush, number }
    }

    /// What the stage's thread did between the trigger and now.
    fn waits(&self, graph: &Graph, stage: usize, visit: u64, trigger: &Trigger, now: Nanos) -> Vec<Cut> {
        let from = trigger.ready();
        let spans = &self.threads[graph.stages[stage].thread].spans;
        let mut cuts = Vec::new();
        if spans.len() == SPANS
            && let Some(oldest) = spans.front()
            && from < oldest.start
        {
            cuts.push(Cut { start: from, end: oldest.start.min(now), kind: CutKind::Busy });
        }
        // They do not overlap and are in order, so only the last ones can reach into the wait.
        let first = spans.partition_point(|span| span.end <= from);
        for span in spans.range(first..).filter(|span| span.start < now) {
            let other = span.stage as u16;
            let kind = match span.what {
                Occupation::Call { visit: its } => CutKind::OtherCall { stage: other, same_visit: its == visit },
                Occupation::Opening { begun_for } if span.stage == stage => {
                    let begun_for = match begun_for {
                        Some(its) if its == visit => BegunFor::ThisVisit,
                        Some(0) => BegunFor::NoVisit,
                        Some(_) => BegunFor::OtherVisit,
                        None => BegunFor::Prewarm,
                    };
                    CutKind::OwnOpening { stage: other, begun_for }
                }
                Occupation::Opening { .. } => CutKind::OtherOpening { stage: other },
                Occupation::Pause => CutKind::RestartDelay { stage: other },
            };
            let (start, end) = (span.start.max(from), span.end.min(now));
            if start < end {
                cuts.push(Cut { start, end, kind });
            }
        }
        cuts
    }

    /// Notes what occupied a thread.
    pub(crate) fn occupied(&mut self, thread: usize, span: ThreadSpan) {
        let spans = &mut self.threads[thread].spans;
        debug_assert!(spans.back().is_none_or(|last| last.end <= span.start), "a thread's spans never overlap");
        if spans.len() == SPANS {
            spans.pop_front();
        }
        spans.push_back(span);
    }

    /// Tells an open stage that the host drains.
    pub(crate) fn tell_drain(&mut self, graph: &Graph, stage: usize, until: Nanos, now: Nanos) {
        let event = RawEvent { kind: event::DRAIN, input: u32::MAX, visit: 0, time: until, how: 0, reserved: 0 };
        self.queue_event(
            graph,
            stage,
            0,
            QueuedEvent { event, arrival: now, producer: Producer::Origin(stage as u16) },
        );
    }
}
