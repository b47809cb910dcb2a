//! What a thread does next.
//!
//! In this order: flush and *gone*; packets kept from a call on the same thread, in order of emission; then (stage,
//! visit) in turn. Within one visit events, resumptions and due wakes come by arrival, and of several inputs' heads the
//! oldest time stamp: a packet that arrived before a wake was due is served before it.

use std::cmp::Reverse;
use std::sync::Arc;

use majlis_meter::Nanos;
use majlis_meter::record::{BegunFor, Call, CallKind, Cut, CutKind, Producer, Span, Trigger, Why};

use crate::graph::Graph;
use crate::state::{Lane, Life, Occupation, Phase, Queued, QueuedEvent, SPANS, State, ThreadSpan, Timer};
use crate::work::Work;

/// What a stage is entered with.
pub(crate) enum Item {
    Packet { edge: usize, packet: Queued },
    Event(QueuedEvent),
    Wake { due: Nanos },
    Resumed(Arc<Work>),
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
    Open { stage: usize, begun_for: Option<u64> },
    Call(Begun),
    Sleep(Option<Nanos>),
    End,
}

/// Which of a lane's things comes first.
enum Choice {
    Event,
    Wake(Nanos),
    Resumed,
    Packet(usize),
}

fn choose(lane: &Lane, now: Nanos) -> Option<Choice> {
    let mut first: Option<(Nanos, Choice)> = None;
    let mut offer = |arrival: Nanos, choice: Choice| {
        if first.as_ref().is_none_or(|(earliest, _)| arrival < *earliest) {
            first = Some((arrival, choice));
        }
    };
    if let Some(event) = lane.events.front() {
        offer(event.arrival, Choice::Event);
    }
    if let Some((_, arrival)) = lane.resumed.front() {
        offer(*arrival, Choice::Resumed);
    }
    if let Some(wake) = lane.wake.filter(|wake| wake.due <= now) {
        offer(wake.due, Choice::Wake(wake.due));
    }
    let limit = first.as_ref().map(|(arrival, choice)| (*arrival, matches!(choice, Choice::Wake(_))));
    // A packet that came at the very moment at which a wake was due came in time; an event at that moment was first.
    let in_time = |packet: &Queued| limit.is_none_or(|(limit, wake)| packet.arrival < limit || wake && packet.arrival == limit);
    let head = lane
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(slot, input)| input.packets.front().map(|packet| (slot, packet)))
        .filter(|(_, packet)| in_time(packet))
        .min_by_key(|(slot, packet)| (packet.time, packet.arrival, *slot));
    match head {
        Some((slot, _)) => Some(Choice::Packet(slot)),
        None => first.map(|(_, choice)| choice),
    }
}

impl State {
    /// What this thread does next.
    pub(crate) fn next(&mut self, graph: &Graph, thread: usize, clock: impl Fn() -> Nanos) -> Next {
        // The clock is read only where something depends on it.
        if !self.threads[thread].timers.is_empty() {
            self.run_timers(graph, thread, clock());
        }
        if self.phase == Phase::Ending {
            return Next::End;
        }
        while let Some((stage, visit, queued)) = self.threads[thread].urgent.pop_front() {
            if self.is_open(stage) {
                return Next::Call(self.begin(graph, stage, visit, Item::Event(queued), clock()));
            }
        }
        while let Some(kept) = self.threads[thread].kept.front().copied() {
            let waiting = self.stages[kept.stage].lanes.get(&kept.visit).is_some_and(|lane| !lane.inputs[kept.slot].packets.is_empty());
            if !waiting {
                self.threads[thread].kept.pop_front();
                continue;
            }
            match self.openness(kept.stage, clock()) {
                Openness::Open => {
                    let lane = self.stages[kept.stage].lanes.get_mut(&kept.visit);
                    // `VisitOpened` comes before the first packet, however that came.
                    if let Some(event) = lane.and_then(|lane| lane.events.pop_front()) {
                        return Next::Call(self.begin(graph, kept.stage, kept.visit, Item::Event(event), clock()));
                    }
                    self.threads[thread].kept.pop_front();
                    if let Some((edge, packet)) = self.pop(graph, kept.stage, kept.visit, kept.slot) {
                        let item = Item::Packet { edge, packet };
                        return Next::Call(self.begin(graph, kept.stage, kept.visit, item, clock()));
                    }
                }
                Openness::Closed => return Next::Open { stage: kept.stage, begun_for: Some(kept.visit) },
                Openness::NotYet | Openness::Never => {
                    // Its lane waits in the ring, where a pause does not hold up the other stages of the thread.
                    self.threads[thread].kept.pop_front();
                    self.make_ready(graph, kept.stage, kept.visit);
                }
            }
        }
        if let Some(next) = self.next_in_turn(graph, thread, &clock) {
            return next;
        }
        for stage in graph.threads[thread].iter().copied() {
            if self.stages[stage].open_ahead && matches!(self.openness(stage, clock()), Openness::Closed) {
                self.stages[stage].open_ahead = false;
                return Next::Open { stage, begun_for: None };
            }
        }
        Next::Sleep(self.threads[thread].timers.peek().map(|Reverse((due, _))| *due))
    }

    fn next_in_turn(&mut self, graph: &Graph, thread: usize, clock: &impl Fn() -> Nanos) -> Option<Next> {
        for _ in 0..self.threads[thread].ring.len() {
            let (stage, visit) = self.threads[thread].ring.pop_front()?;
            let Some(lane) = self.stages[stage].lanes.get_mut(&visit) else { continue };
            lane.ready = false;
            let now = clock();
            match self.openness(stage, now) {
                Openness::Open => {}
                Openness::Closed => {
                    let lane = self.lane(graph, stage, visit);
                    if lane.has_packets() || lane.wake.is_some_and(|wake| wake.due <= now) {
                        self.make_ready(graph, stage, visit);
                        return Some(Next::Open { stage, begun_for: Some(visit) });
                    }
                    // Events never open a stage; they were passed on when they came.
                    continue;
                }
                Openness::NotYet => {
                    self.make_ready(graph, stage, visit);
                    continue;
                }
                Openness::Never => {
                    self.skip_all(graph, stage, visit, now);
                    continue;
                }
            }
            let lane = self.lane(graph, stage, visit);
            let item = match choose(lane, now) {
                None => continue,
                Some(Choice::Event) => lane.events.pop_front().map(Item::Event),
                Some(Choice::Resumed) => lane.resumed.pop_front().map(|(work, _)| Item::Resumed(work)),
                Some(Choice::Wake(due)) => Some(Item::Wake { due }),
                Some(Choice::Packet(slot)) => {
                    self.pop(graph, stage, visit, slot).map(|(edge, packet)| Item::Packet { edge, packet })
                }
            };
            let Some(item) = item else { continue };
            let begun = self.begin(graph, stage, visit, item, now);
            self.make_ready(graph, stage, visit);
            return Some(Next::Call(begun));
        }
        None
    }

    fn openness(&self, stage: usize, now: Nanos) -> Openness {
        match &self.stages[stage].life {
            Life::Open => Openness::Open,
            Life::Closed { not_before } if *not_before <= now => Openness::Closed,
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
        let lane = self.lane(graph, stage, visit);
        lane.events.clear();
        lane.wake = None;
        self.advance_closing(graph, visit, now);
    }

    /// A packet that is not given to its stage: a line of the report, and word to what is downstream.
    pub(crate) fn skip(&mut self, graph: &Graph, stage: usize, visit: u64, packet: &Queued, why: &str, now: Nanos) {
        self.stages[stage].totals.skipped += 1;
        let trigger = Trigger { producer: packet.producer, time: packet.produced, due: None };
        let thread = graph.stages[stage].thread;
        let waits = self.waits(graph, stage, visit, &trigger, now);
        let outcome = majlis_meter::record::Outcome::Skipped(why.to_owned());
        let producer = self.visits.get_mut(&visit).map_or(Producer::Origin(stage as u16), |state| {
            let call = Call { stage: stage as u16, thread: thread as u16, trigger, waits, start: now, end: now, outcome, ..Call::default() };
            Producer::Span(state.record.push(Span::Call(call)))
        });
        self.tell_failed(graph, stage, visit, now, producer);
    }

    fn run_timers(&mut self, graph: &Graph, thread: usize, now: Nanos) {
        while let Some(Reverse((due, timer))) = self.threads[thread].timers.peek().copied() {
            if due > now {
                return;
            }
            self.threads[thread].timers.pop();
            match timer {
                Timer::Wake { stage, visit } => {
                    let armed = self.stages[stage].lanes.get(&visit).and_then(|lane| lane.wake);
                    if armed.is_some_and(|wake| wake.due == due) {
                        self.make_ready(graph, stage, visit);
                    }
                }
                Timer::Deadline { work } => self.cancel_work(graph, work, Why::Deadline, now),
                Timer::Retry { stage } => {
                    let waiting: Vec<u64> = self.stages[stage].lanes.keys().copied().collect();
                    for visit in waiting {
                        self.make_ready(graph, stage, visit);
                    }
                }
                Timer::Drained => {
                    if self.phase != Phase::Running {
                        self.all_gone(graph, now);
                        self.end(graph);
                    }
                }
            }
        }
    }

    /// Notes that a call begins.
    fn begin(&mut self, graph: &Graph, stage: usize, visit: u64, item: Item, now: Nanos) -> Begun {
        let (kind, trigger) = match &item {
            Item::Packet { packet, .. } => {
                (CallKind::Packet, Trigger { producer: packet.producer, time: packet.produced, due: None })
            }
            Item::Event(queued) => {
                (CallKind::Event, Trigger { producer: queued.producer, time: queued.arrival, due: None })
            }
            Item::Wake { due } => {
                let wake = self.lane(graph, stage, visit).wake.take();
                let (asked, producer) = wake.map_or((*due, Producer::Origin(stage as u16)), |wake| (wake.asked, wake.producer));
                (CallKind::Wake, Trigger { producer, time: asked, due: Some(*due) })
            }
            Item::Resumed(work) => {
                let span = work.span.map_or(Producer::Origin(stage as u16), Producer::Span);
                (CallKind::Resumed, Trigger { producer: span, time: work.resumed_at(), due: None })
            }
        };
        let thread = graph.stages[stage].thread;
        self.threads[thread].running = Some((stage, visit));
        self.calls += 1;
        let span = if self.visits.contains_key(&visit) {
            let waits = self.waits(graph, stage, visit, &trigger, now);
            let call = Call { stage: stage as u16, thread: thread as u16, kind, trigger, waits, start: now, end: Call::RUNNING, ..Call::default() };
            self.visits.get_mut(&visit).map(|state| state.record.push(Span::Call(call)))
        } else {
            None
        };
        let flush = self.stages[stage].lanes.get(&visit).map_or(0, |lane| lane.flush);
        Begun { stage, visit, item, span, trigger, flush, number: self.calls }
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
        for span in spans.iter().filter(|span| span.end > from && span.start < now) {
            let other = span.stage as u16;
            let kind = match span.what {
                Occupation::Call { visit: its } => CutKind::OtherCall { stage: other, same_visit: its == visit },
                Occupation::Opening { begun_for } if span.stage == stage => {
                    let begun_for = match begun_for {
                        Some(its) if its == visit => BegunFor::ThisVisit,
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
}

enum Openness {
    Open,
    Closed,
    NotYet,
    Never,
}
