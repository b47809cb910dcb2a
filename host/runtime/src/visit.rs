//! Visits: how they open, how they close, and what a flush withdraws.
//!
//! A visit's end travels like a packet: a stage sees `VisitClosed` once, after every stage before it has seen it and
//! when it holds nothing of the visit itself. Edges that leave an origin inside a loop are not waited for.

use majlis_abi::host::NoVisit;
use majlis_abi::raw::{RawEvent, closed, event};
use majlis_meter::Nanos;
use majlis_meter::record::{Closed, Producer, VisitRecord, VisitSummary, Why};

use crate::graph::Graph;
use crate::state::{Lane, Phase, QueuedEvent, State, Stay, VisitState};

/// Closed visits that a run remembers in a line each.
const RECENT: usize = 64;

pub(crate) fn visit_event(kind: u32, visit: u64, how: u32) -> RawEvent {
    RawEvent { kind, input: u32::MAX, visit, time: 0, how, reserved: 0 }
}

impl State {
    /// Opens a visit for a stage.
    pub(crate) fn open_visit(&mut self, graph: &Graph, opener: usize, now: Nanos, producer: Producer) -> Result<u64, NoVisit> {
        if self.phase != Phase::Running {
            return Err(NoVisit::Draining);
        }
        if self.visits.len() >= graph.pipeline.max_visits as usize {
            self.totals.refused += 1;
            return Err(NoVisit::Full);
        }
        self.next_visit += 1;
        let visit = self.next_visit;
        let mut record = VisitRecord::new(visit, now, opener as u16);
        if !self.visits.is_empty() {
            record.other_visits_overlap = true;
            record.others.visits = self.visits.len() as u32;
            for other in self.visits.values_mut() {
                other.record.other_visits_overlap = true;
                other.record.others.visits += 1;
            }
        }
        let audience = graph.stages[opener].audience.clone();
        self.totals.opened += 1;
        self.visits.insert(
            visit,
            VisitState {
                record,
                opener,
                instance: self.stages[opener].instance,
                stay: Stay::Open,
                told: crate::graph::StageSet::none(graph.stages.len()),
                waiting: audience.clone(),
                opener_done: false,
            },
        );
        for stage in audience.iter().filter(|stage| self.is_open(*stage)).collect::<Vec<_>>() {
            let queued = QueuedEvent { event: visit_event(event::VISIT_OPENED, visit, 0), arrival: now, producer };
            self.queue_event(graph, stage, visit, queued);
        }
        Ok(visit)
    }

    /// A stage that has just opened is told of each live visit first.
    pub(crate) fn tell_live_visits(&mut self, graph: &Graph, stage: usize) {
        let live: Vec<(u64, Nanos, u16)> = self
            .visits
            .iter()
            .filter(|(_, state)| state.stay != Stay::Gone && state.waiting.has(stage))
            .map(|(visit, state)| (*visit, state.record.arrival, state.record.source))
            .collect();
        for (visit, arrival, source) in live {
            let event = visit_event(event::VISIT_OPENED, visit, 0);
            // By the visit's arrival, so that it comes before everything else of the visit.
            let queued = QueuedEvent { event, arrival, producer: Producer::Origin(source) };
            self.lane(graph, stage, visit).events.push_front(queued);
            self.make_ready(graph, stage, visit);
        }
    }

    /// The opener says that nothing more comes.
    pub(crate) fn end_visit(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        if let Some(state) = self.visits.get_mut(&visit)
            && state.stay == Stay::Open
        {
            state.stay = Stay::Ending;
            self.advance_closing(graph, visit, now);
        }
    }

    /// The visitor left: everything of the visit is dropped at once.
    pub(crate) fn visit_gone(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        let Some(state) = self.visits.get_mut(&visit) else { return };
        if state.stay == Stay::Gone {
            return;
        }
        state.stay = Stay::Gone;
        let source = state.record.source;
        for stage in 0..graph.stages.len() {
            self.empty_queues(graph, stage, visit);
            if let Some(lane) = self.stages[stage].lanes.get_mut(&visit) {
                lane.wake = None;
                lane.events.clear();
                lane.resumed.clear();
            }
        }
        self.cancel_works(graph, Why::Gone, now, |work| work.visit == visit);
        // Calls that wait for space for this visit need not wait any more.
        self.after.space = true;
        let waiting: Vec<usize> = self.visits.get(&visit).map(|state| state.waiting.iter().collect()).unwrap_or_default();
        for stage in waiting {
            if self.is_open(stage) {
                let event = visit_event(event::VISIT_CLOSED, visit, closed::GONE);
                let queued = QueuedEvent { event, arrival: now, producer: Producer::Origin(source) };
                let thread = graph.stages[stage].thread;
                self.threads[thread].urgent.push_back((stage, visit, queued));
                self.wake_thread(thread);
                if let Some(state) = self.visits.get_mut(&visit) {
                    state.told.insert(stage);
                }
            } else {
                self.passed(stage, visit);
            }
        }
        self.advance_closing(graph, visit, now);
    }

    /// All visits are gone.
    pub(crate) fn all_gone(&mut self, graph: &Graph, now: Nanos) {
        let visits: Vec<u64> = self.visits.keys().copied().collect();
        for visit in visits {
            self.visit_gone(graph, visit, now);
        }
    }

    /// A stage has nothing more to see of a visit.
    fn passed(&mut self, stage: usize, visit: u64) {
        if let Some(state) = self.visits.get_mut(&visit) {
            let mut waiting = crate::graph::StageSet::none(self.stages.len());
            for other in state.waiting.iter().filter(|other| *other != stage) {
                waiting.insert(other);
            }
            state.waiting = waiting;
        }
        self.stages[stage].lanes.remove(&visit);
    }

    /// A stage has seen `VisitClosed`.
    pub(crate) fn saw_closed(&mut self, graph: &Graph, stage: usize, visit: u64, now: Nanos) {
        self.passed(stage, visit);
        self.advance_closing(graph, visit, now);
    }

    fn holds_nothing(&self, graph: &Graph, stage: usize, visit: u64) -> bool {
        let running = self.threads[graph.stages[stage].thread].running;
        self.stages[stage].lanes.get(&visit).is_none_or(Lane::is_idle) && running != Some((stage, visit))
    }

    /// Lets a closing visit stand on the next stages, and writes its record when the last one has seen it.
    pub(crate) fn advance_closing(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        let Some(state) = self.visits.get(&visit) else { return };
        let (stay, opener) = (state.stay, state.opener);
        if stay == Stay::Open {
            return;
        }
        // The opener's own call may still emit for it.
        let opener_busy = self.is_running(graph, opener) || !self.holds_nothing(graph, opener, visit);
        let opener_done = stay == Stay::Gone || !opener_busy;
        if let Some(state) = self.visits.get_mut(&visit) {
            state.opener_done |= opener_done;
        }
        loop {
            let Some(state) = self.visits.get(&visit) else { return };
            let ready: Vec<usize> = state
                .waiting
                .iter()
                .filter(|stage| !state.told.has(*stage))
                .filter(|stage| {
                    graph.stages[*stage].incoming.iter().map(|edge| graph.edge(*edge)).all(|edge| {
                        edge.looping || (!state.waiting.has(edge.from) && (edge.from != opener || state.opener_done))
                    })
                })
                .filter(|stage| self.holds_nothing(graph, *stage, visit))
                .collect();
            if ready.is_empty() {
                break;
            }
            let source = state.record.source;
            for stage in ready {
                if self.is_open(stage) {
                    let event = visit_event(event::VISIT_CLOSED, visit, closed::ENDED);
                    self.queue_event(graph, stage, visit, QueuedEvent { event, arrival: now, producer: Producer::Origin(source) });
                    if let Some(state) = self.visits.get_mut(&visit) {
                        state.told.insert(stage);
                    }
                } else {
                    self.passed(stage, visit);
                }
            }
        }
        let last = self.visits.get(&visit).is_some_and(|state| {
            state.opener_done && state.waiting.iter().next().is_none() && (stay == Stay::Ending || !self.anybody_runs(visit))
        });
        if last {
            self.write_off(graph, visit, now);
        }
    }

    fn anybody_runs(&self, visit: u64) -> bool {
        self.threads.iter().any(|thread| thread.running.is_some_and(|(_, running)| running == visit))
    }

    fn write_off(&mut self, graph: &Graph, visit: u64, now: Nanos) {
        let Some(mut state) = self.visits.remove(&visit) else { return };
        for stage in &mut self.stages {
            stage.lanes.remove(&visit);
        }
        let how = if state.stay == Stay::Gone { Closed::Gone } else { Closed::Ended };
        state.record.closed = Some((now, how));
        match how {
            Closed::Ended => self.totals.ended += 1,
            Closed::Gone => self.totals.gone += 1,
        }
        let to_milestone = graph
            .pipeline
            .until
            .as_deref()
            .and_then(|until| state.record.reached(until))
            .map(|milestone| milestone.time.saturating_sub(state.record.arrival));
        if let Some(time) = to_milestone {
            self.to_milestone.record(time);
        }
        let (mut live, mut peak) = (0, 0);
        for span in &state.record.spans {
            if let majlis_meter::record::Span::Call(call) = span {
                live += call.cost.live;
                peak = peak.max(call.cost.peak);
            }
        }
        if self.totals.recent.len() == RECENT {
            self.totals.recent.remove(0);
        }
        self.totals.recent.push(VisitSummary { visit, arrival: state.record.arrival, closed: now, how, to_milestone, live, peak });
        self.after.closed.push((state.record, how));
        self.pass_ends(graph, now);
        self.end_if_finished(graph);
    }

    /// Withdraws what is under way for a visit downstream of an output.
    pub(crate) fn flush(&mut self, graph: &Graph, caller: usize, output: usize, visit: u64, now: Nanos, producer: Producer) {
        let edges = graph.downstream_of(caller, output);
        let mut reached: Vec<usize> = Vec::new();
        for edge in edges {
            let (to, slot) = (graph.edge(edge).to, graph.slots[edge]);
            while self.pop(graph, to, visit, slot).is_some() {}
            if !reached.contains(&to) {
                reached.push(to);
            }
        }
        for stage in reached {
            self.lane(graph, stage, visit).flush += 1;
            if self.is_open(stage) && self.listens(stage, visit) {
                let thread = graph.stages[stage].thread;
                let queued = QueuedEvent { event: visit_event(event::FLUSH, visit, 0), arrival: now, producer };
                self.threads[thread].urgent.push_back((stage, visit, queued));
                self.wake_thread(thread);
            }
            let number = self.stages[stage].lanes.get(&visit).map_or(0, |lane| lane.flush);
            self.cancel_works(graph, Why::Flush, now, |work| work.stage == stage && work.visit == visit && work.flush < number);
        }
        self.after.space = true;
    }

    /// Ends the run when nothing is left to do.
    pub(crate) fn end_if_finished(&mut self, graph: &Graph) {
        if self.phase != Phase::Ending && self.is_finished(graph) {
            self.end(graph);
        }
    }

    /// Threads close their stages and end.
    pub(crate) fn end(&mut self, graph: &Graph) {
        self.phase = Phase::Ending;
        for thread in 0..graph.threads.len() {
            self.wake_thread(thread);
        }
        self.after.space = true;
        self.after.ended = true;
    }

    /// An instance is dropped: its deferred work is cancelled, and visits that it opened are gone.
    pub(crate) fn instance_over(&mut self, graph: &Graph, stage: usize, now: Nanos) {
        let instance = self.stages[stage].instance;
        self.cancel_works(graph, Why::Stage, now, |work| work.stage == stage && work.instance == instance);
        let orphans: Vec<u64> = self
            .visits
            .iter()
            .filter(|(_, state)| state.opener == stage && state.instance == instance && state.stay == Stay::Open)
            .map(|(visit, _)| *visit)
            .collect();
        for visit in orphans {
            self.visit_gone(graph, visit, now);
        }
        // What was queued for it will not be read, and a visit must not wait for a stage that is not there.
        for lane in self.stages[stage].lanes.values_mut() {
            lane.events.clear();
        }
        let told: Vec<u64> = self
            .visits
            .iter()
            .filter(|(_, state)| state.told.has(stage) && state.waiting.has(stage))
            .map(|(visit, _)| *visit)
            .collect();
        for visit in told {
            self.saw_closed(graph, stage, visit, now);
        }
    }
}
