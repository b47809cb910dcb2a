//! Visits: how they open, how they close, and what a flush withdraws.
//!
//! A visit's end travels like a packet: a stage sees `VisitClosed` once, after every stage before it has seen it and
//! when it holds nothing of the visit itself. Edges that leave an origin inside a loop are not waited for.

use majlis_abi::host::NoVisit;
use majlis_abi::raw::{RawEvent, closed, event};
use majlis_meter::Nanos;
use majlis_meter::record::{Closed, Producer, Span, VisitRecord, VisitSummary, Why};

use crate::graph::{Graph, StageSet};
use crate::lane::{Lane, QueuedEvent};
use crate::state::{Phase, State, Stay, VisitState};

/// Closed visits that a run remembers in a line each.
const RECENT: usize = 64;

fn visit_event(kind: u32, visit: u64, how: u32) -> RawEvent {
    RawEvent { kind, input: u32::MAX, visit, time: 0, how, reserved: 0 }
}

impl VisitState {
    /// What the close stands on the next stage because of: what ended last since the opener ended the visit, or, if
    /// nothing had to be waited for, the opener.
    fn closing(&self) -> Producer {
        let ended = |span: &Span| span.end().filter(|end| *end >= self.ended);
        let since = self.record.indexed().filter_map(|(index, span)| Some((ended(span)?, index)));
        since.max().map_or(Producer::Origin(self.record.source), |(_, index)| Producer::Span(index))
    }
}

impl State {
    /// Opens a visit for a stage, in the call of this number or (0) outside of any, of somebody who came at `arrived`.
    pub(crate) fn open_visit(
        &mut self,
        graph: &Graph,
        opener: usize,
        call: u64,
        arrived: Nanos,
        now: Nanos,
    ) -> Result<u64, NoVisit> {
        if matches!(self.phase, Phase::Draining | Phase::Ending) {
            return Err(NoVisit::Draining);
        }
        if self.visits.len() >= graph.pipeline.max_visits as usize {
            self.totals.refused += 1;
            return Err(NoVisit::Full);
        }
        self.next_visit += 1;
        let visit = self.next_visit;
        let mut record = VisitRecord::new(visit, arrived.min(now), opener as u16);
        if !self.visits.is_empty() {
            record.other_visits_overlap = true;
            record.others.visits = self.visits.len() as u32;
            for other in self.visits.values_mut() {
                other.record.other_visits_overlap = true;
                other.record.others.visits += 1;
            }
        }
        let audience = &graph.stages[opener].audience;
        self.totals.opened += 1;
        self.visits.insert(
            visit,
            VisitState {
                record,
                opener,
                opened: now,
                instance: self.stages[opener].instance,
                call,
                stay: Stay::Open,
                told: StageSet::none(graph.stages.len()),
                waiting: audience.clone(),
                opener_done: false,
                ended: 0,
                reached_in: None,
            },
        );
        let producer = Producer::Origin(opener as u16);
        for stage in audience.iter().filter(|stage| self.is_open(*stage)).collect::<Vec<_>>() {
            let queued = QueuedEvent { event: visit_event(event::VISIT_OPENED, visit, 0), arrival: now, producer };
            self.queue_event(graph, stage, visit, queued);
        }
        Ok(visit)
    }

    /// A stage that has just opened is told of each live visit before it gets anything else.
    pub(crate) fn tell_live_visits(&mut self, graph: &Graph, stage: usize) {
        let thread = graph.stages[stage].thread;
        for (visit, state) in &self.visits {
            if state.stay != Stay::Gone && state.waiting.has(stage) {
                let event = visit_event(event::VISIT_OPENED, *visit, 0);
                let producer = Producer::Origin(state.record.source);
                let queued = QueuedEvent { event, arrival: state.opened, producer };
                self.threads[thread].urgent.push_back((stage, *visit, queued));
            }
        }
    }

    /// The opener says that nothing more comes.
    pub(crate) fn end_visit(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        if let Some(state) = self.visits.get_mut(&visit)
            && state.stay == Stay::Open
        {
            state.stay = Stay::Ending;
            state.ended = now;
            self.closing += 1;
            self.advance_closing(graph, visit, now);
        }
    }

    /// The visitor left: everything of the visit is dropped at once.
    pub(crate) fn visit_gone(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        let Some(state) = self.visits.get_mut(&visit).filter(|state| state.stay != Stay::Gone) else { return };
        self.closing += usize::from(state.stay == Stay::Open);
        state.stay = Stay::Gone;
        let producer = Producer::Origin(state.record.source);
        let (waiting, told) = (state.waiting.clone(), state.told.clone());
        state.told = waiting.clone();
        for stage in 0..graph.stages.len() {
            self.empty_queues(graph, stage, visit);
            let (mut opened, mut closing) = (None, false);
            if let Some(lane) = self.stages[stage].lanes.get_mut(visit) {
                opened = lane.events.iter().find(|queued| queued.event.kind == event::VISIT_OPENED).copied();
                closing = lane.events.iter().any(|queued| queued.event.kind == event::VISIT_CLOSED);
                lane.wake = None;
                lane.events.clear();
                lane.resumed.clear();
            }
            // It is being told just now that the visit ended: that is the last thing that it sees of it.
            if !waiting.has(stage) || told.has(stage) && !closing {
                continue;
            }
            if self.is_open(stage) {
                let thread = graph.stages[stage].thread;
                let event = visit_event(event::VISIT_CLOSED, visit, closed::GONE);
                // A stage never hears of the close of a visit of whose opening it has not heard.
                for queued in opened.into_iter().chain([QueuedEvent { event, arrival: now, producer }]) {
                    self.threads[thread].urgent.push_back((stage, visit, queued));
                }
                self.wake_thread(thread);
            } else {
                self.passed(graph, stage, visit);
            }
        }
        self.cancel_works(graph, Why::Gone, now, |work| work.visit == visit);
        // Calls that wait for space for this visit need not wait any more.
        self.after.all_space = true;
        self.advance_closing(graph, visit, now);
    }

    /// A stage has nothing more to see of a visit: what came for it since is late.
    fn passed(&mut self, graph: &Graph, stage: usize, visit: u64) {
        let dropped = self.empty_queues(graph, stage, visit);
        if let Some(state) = self.visits.get_mut(&visit) {
            state.waiting.remove(stage);
            state.record.late += dropped;
        }
        self.stages[stage].lanes.remove(visit);
        for edge in &graph.stages[stage].incoming {
            self.gave_space(graph, *edge, 0);
        }
    }

    /// A stage has seen `VisitClosed`, and what it began in that call for the visit is over.
    pub(crate) fn saw_closed(&mut self, graph: &Graph, stage: usize, visit: u64, now: Nanos) {
        self.cancel_works(graph, Why::Gone, now, |work| work.stage == stage && work.visit == visit);
        self.passed(graph, stage, visit);
        self.advance_closing(graph, visit, now);
    }

    fn holds_nothing(&self, graph: &Graph, stage: usize, visit: u64) -> bool {
        let running = self.threads[graph.stages[stage].thread].running;
        self.stages[stage].lanes.get(visit).is_none_or(Lane::is_idle)
            && running.is_none_or(|running| (running.stage, running.visit) != (stage, visit))
    }

    /// Lets a closing visit stand on the next stages, and writes its record when the last one has seen it.
    pub(crate) fn advance_closing(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        let Some(state) = self.visits.get(&visit).filter(|state| state.stay != Stay::Open) else { return };
        let (stay, opener) = (state.stay, state.opener);
        // The call that opened it may still emit for it.
        let running = self.threads[graph.stages[opener].thread].running;
        let opening = running.is_some_and(|running| running.number == state.call);
        let opener_done = !opening && (stay == Stay::Gone || self.holds_nothing(graph, opener, visit));
        if let Some(state) = self.visits.get_mut(&visit) {
            state.opener_done |= opener_done;
        }
        if stay == Stay::Ending {
            while let Some(stage) = self.next_to_close(graph, visit) {
                self.tell_closed(graph, stage, visit, now);
            }
        }
        let last = self.visits.get(&visit).is_some_and(|state| {
            state.opener_done && state.waiting.iter().next().is_none() && !self.anybody_runs(visit)
        });
        if last {
            self.write_off(graph, visit, now);
        }
    }

    /// A stage before which everybody has seen the visit close, and that holds nothing of it.
    fn next_to_close(&self, graph: &Graph, visit: u64) -> Option<usize> {
        let state = self.visits.get(&visit)?;
        let passed = |from: usize| !state.waiting.has(from) && (from != state.opener || state.opener_done);
        let stood_before = |stage: usize| {
            let mut edges = graph.stages[stage].incoming.iter().map(|edge| graph.edge(*edge));
            edges.all(|edge| edge.looping || passed(edge.from))
        };
        let mut waiting = state.waiting.iter().filter(|stage| !state.told.has(*stage) && stood_before(*stage));
        waiting.find(|stage| self.holds_nothing(graph, *stage, visit))
    }

    /// An unopened stage is passed.
    fn tell_closed(&mut self, graph: &Graph, stage: usize, visit: u64, now: Nanos) {
        if !self.is_open(stage) {
            return self.passed(graph, stage, visit);
        }
        let Some(state) = self.visits.get_mut(&visit) else { return };
        state.told.insert(stage);
        let producer = state.closing();
        let event = visit_event(event::VISIT_CLOSED, visit, closed::ENDED);
        self.queue_event(graph, stage, visit, QueuedEvent { event, arrival: now, producer });
    }

    /// The same for every visit that closes.
    pub(crate) fn advance_all(&mut self, graph: &Graph, now: Nanos) {
        if self.closing == 0 {
            return;
        }
        let closing = |(visit, state): (&u64, &VisitState)| (state.stay != Stay::Open).then_some(*visit);
        for visit in self.visits.iter().filter_map(closing).collect::<Vec<u64>>() {
            self.advance_closing(graph, visit, now);
        }
    }

    fn anybody_runs(&self, visit: u64) -> bool {
        self.threads.iter().any(|thread| thread.running.is_some_and(|running| running.visit == visit))
    }

    fn write_off(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        for stage in 0..graph.stages.len() {
            self.passed(graph, stage, visit);
        }
        let Some(mut state) = self.visits.remove(&visit) else { return };
        self.closing -= 1;
        self.after.quiet = self.visits.is_empty();
        let how = if state.stay == Stay::Gone { Closed::Gone } else { Closed::Ended };
        state.record.closed = Some((now, how));
        match how {
            Closed::Ended => self.totals.ended += 1,
            Closed::Gone => self.totals.gone += 1,
        }
        let until = graph.pipeline.until.as_deref();
        let to_milestone = until
            .and_then(|until| state.record.reached(until))
            .map(|milestone| milestone.time.saturating_sub(state.record.arrival));
        if let Some(time) = to_milestone {
            self.to_milestone.record(time);
        }
        let (mut live, mut peak) = (0, 0);
        for fold in &state.record.folds {
            live += fold.live;
            peak = peak.max(fold.peak);
        }
        for span in &state.record.spans {
            if let Span::Call(call) = span {
                live += call.cost.live;
                peak = peak.max(call.cost.peak);
            }
        }
        if self.totals.recent.len() == RECENT {
            self.totals.recent.remove(0);
        }
        let arrival = state.record.arrival;
        self.totals.recent.push(VisitSummary { visit, arrival, closed: now, how, to_milestone, live, peak });
        self.after.closed.push((state.record, how));
        self.pass_ends(graph, now);
        self.end_if_finished(graph, now);
    }

    /// Withdraws what is under way for a visit downstream of an output.
    pub(crate) fn flush(
        &mut self,
        graph: &Graph,
        caller: usize,
        output: usize,
        visit: u64,
        now: Nanos,
        producer: Producer,
    ) {
        let mut reached: Vec<usize> = Vec::new();
        for edge in graph.downstream_of(caller, output) {
            let (to, slot) = (graph.edge(edge).to, graph.slots[edge]);
            if !self.listens(to, visit) {
                continue;
            }
            while self.pop(graph, to, visit, slot).is_some() {}
            if !reached.contains(&to) {
                reached.push(to);
            }
        }
        for stage in reached {
            let lane = self.lane(stage, visit);
            lane.flush += 1;
            let number = lane.flush;
            if self.is_open(stage) {
                let lane = self.lane(stage, visit);
                let opened = lane.events.iter().position(|queued| queued.event.kind == event::VISIT_OPENED);
                let opened = opened.and_then(|at| lane.events.remove(at));
                let event = visit_event(event::FLUSH, visit, 0);
                let thread = graph.stages[stage].thread;
                for queued in opened.into_iter().chain([QueuedEvent { event, arrival: now, producer }]) {
                    self.threads[thread].urgent.push_back((stage, visit, queued));
                }
                self.wake_thread(thread);
            }
            let begun_before =
                |work: &crate::work::Work| work.stage == stage && work.visit == visit && work.flush < number;
            self.cancel_works(graph, Why::Flush, now, begun_before);
        }
        // Calls that wait for space withdraw what they had, or find space.
        self.after.all_space = true;
        self.advance_closing(graph, visit, now);
    }
}
