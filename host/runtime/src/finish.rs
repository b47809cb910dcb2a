//! What a call came to: its records, its failure, and what it says about what comes next.

use majlis_abi::raw::{RawError, RawFlow, error, flow};
use majlis_meter::Nanos;
use majlis_meter::record::{CallKind, Cost, Outcome, Producer};

use crate::call::Later;
use crate::core::Core;
use crate::graph::Graph;
use crate::lane::Wake;
use crate::setup::OpenError;
use crate::state::{Occupation, State, ThreadSpan};

/// A call that has returned.
pub(crate) struct Returned {
    pub(crate) stage: usize,
    pub(crate) thread: usize,
    /// The visit with which it began: that of its wake.
    pub(crate) key: u64,
    /// Its place in that visit's record.
    pub(crate) span: Option<u32>,
    pub(crate) kind: CallKind,
    /// It was told of a visit's close.
    pub(crate) saw_closed: bool,
    pub(crate) flow: Result<RawFlow, RawError>,
    pub(crate) cost: majlis_meter::thread::Cost,
    pub(crate) steps: Vec<(String, Nanos)>,
    pub(crate) facts: Vec<(String, String)>,
    /// Its places in the records of visits that it opened.
    pub(crate) opened: Vec<(u64, u32)>,
    pub(crate) overrun: bool,
    /// The flush number of its lane when it began.
    pub(crate) flush: u64,
}

pub(crate) fn record_cost(cost: &majlis_meter::thread::Cost) -> Cost {
    Cost { allocated: cost.allocated, freed: cost.freed, live: cost.live, peak: cost.peak, cpu: cost.cpu }
}

impl State {
    /// Writes down what a call came to; true if its instance is over. `later` is delivered first; `followed` if what it
    /// emitted is served next.
    pub(crate) fn finish(
        &mut self,
        core: &Core,
        returned: &mut Returned,
        later: Option<Later>,
        followed: bool,
    ) -> bool {
        let graph = &core.graph;
        if let Some(later) = later {
            let Returned { stage, flush, thread, .. } = *returned;
            returned.overrun |= self.deliver_later(graph, stage, flush, thread, later);
        }
        let (stage, key, end) = (returned.stage, returned.key, returned.cost.end);
        let node = &graph.stages[stage];
        self.threads[returned.thread].running = None;
        if returned.overrun && returned.flow.is_ok() {
            let text = "it emitted more in one call than the edge to a stage of the same thread holds";
            returned.flow = Err(RawError::new(error::FAILED, text));
        }
        let late = node.deadline.is_some_and(|deadline| end.saturating_sub(returned.cost.start) > deadline);
        let outcome = match &returned.flow {
            Ok(_) if late => Outcome::Late,
            Ok(_) => Outcome::Ok,
            Err(error) if matches!(error.code, error::PANICKED | error::POISONED) => {
                Outcome::Panicked(error.message.to_string())
            }
            Err(error) => Outcome::Failed(error.message.to_string()),
        };
        self.write_down(core, returned, &outcome);
        // Its last visit is the one whose packet has no answer; that of its wake is the one with which it began.
        let own = Producer::Origin(stage as u16);
        let mut over = false;
        match &returned.flow {
            Ok(flow) => self.take_flow(graph, stage, key, *flow, end, returned.span.map_or(own, Producer::Span)),
            Err(error) => {
                let panicked = matches!(outcome, Outcome::Panicked(_));
                let text = format!("{}: {}", if panicked { "panicked" } else { "failed" }, error.message);
                self.after.complaints.push((stage, text));
                // A wake of no visit is the beat of a source; for another stage it is housekeeping.
                let answers = match returned.kind {
                    CallKind::Packet | CallKind::Resumed => true,
                    CallKind::Wake => key != 0 || node.source,
                    _ => false,
                };
                if answers {
                    let last = returned.opened.last().copied();
                    let (visit, span) = last.map_or((key, returned.span), |(visit, span)| (visit, Some(span)));
                    self.tell_failed(graph, stage, visit, end, span.map_or(own, Producer::Span));
                    self.stop_if_wanted(graph, stage, &error.message, end);
                }
                if panicked {
                    let reason = format!("the stage panicked: {}", error.message);
                    self.failed(graph, stage, OpenError { code: "R0101", reason, path: String::new() }, end);
                    over = true;
                } else if node.source
                    && key == 0
                    && returned.kind == CallKind::Wake
                    && self.lane(stage, 0).wake.is_none()
                {
                    over = self.source_failed(graph, stage, &error.message, end);
                }
            }
        }
        if returned.saw_closed {
            self.saw_closed(graph, stage, key, end);
        }
        // What follows is under way, so nothing has ended; see `follows`.
        if !followed {
            self.after_call(graph, stage, end);
        }
        over
    }

    fn write_down(&mut self, core: &Core, returned: &Returned, outcome: &Outcome) {
        let (stage, key, cost) = (returned.stage, returned.key, &returned.cost);
        let totals = &mut self.stages[stage].totals;
        totals.calls += 1;
        totals.allocated += cost.allocated;
        totals.freed += cost.freed;
        totals.max_peak = totals.max_peak.max(cost.peak);
        match outcome {
            Outcome::Late => totals.late += 1,
            Outcome::Panicked(_) => totals.panicked += 1,
            Outcome::Failed(_) => totals.failed += 1,
            Outcome::Ok | Outcome::Skipped(_) => {}
        }
        let visit = returned.opened.last().map_or(key, |(visit, _)| *visit);
        if core.metering {
            self.stages[stage].wall.record(cost.end.saturating_sub(cost.start));
            // What other visits do on the same stages is a line of each visit's report.
            if self.visits.len() > 1 {
                for (number, other) in &mut self.visits {
                    if *number != visit && other.waiting.has(stage) {
                        other.record.others.calls += 1;
                        other.record.others.live += cost.live;
                    }
                }
            }
        }
        if core.metering || returned.span.is_some() || !returned.opened.is_empty() {
            let what = Occupation::Call { visit };
            self.occupied(returned.thread, ThreadSpan { stage, what, start: cost.start, end: cost.end });
        }
        for (visit, span) in returned.span.map(|span| (key, span)).into_iter().chain(returned.opened.iter().copied()) {
            let Some(state) = self.visits.get_mut(&visit) else { continue };
            let Some(call) = state.record.call_mut(span) else { continue };
            call.kind = returned.kind;
            call.start = cost.start;
            call.end = cost.end;
            call.cost = record_cost(cost);
            call.outcome = outcome.clone();
            call.steps.clone_from(&returned.steps);
            call.facts.clone_from(&returned.facts);
            // The wait ended when the call began, which is a little after it was taken.
            let ready = call.trigger.ready();
            call.waits.retain_mut(|cut| {
                cut.end = cut.end.min(cost.start);
                cut.start = cut.start.max(ready);
                cut.start < cut.end
            });
        }
    }

    /// What a call says about what comes next.
    fn take_flow(&mut self, graph: &Graph, stage: usize, visit: u64, said: RawFlow, now: Nanos, producer: Producer) {
        match said.kind {
            flow::WAKE_AT if self.listens(stage, visit) => {
                self.arm(graph, stage, visit, Wake { due: said.at, asked: now, producer });
            }
            flow::CANCEL_WAKE | flow::ENDED => {
                if let Some(lane) = self.stages[stage].lanes.get_mut(visit) {
                    lane.wake = None;
                }
                self.stages[stage].ended |= said.kind == flow::ENDED;
            }
            _ => {}
        }
    }

    /// What may have become possible because a call is over.
    fn after_call(&mut self, graph: &Graph, stage: usize, now: Nanos) {
        self.advance_all(graph, now);
        if self.stages[stage].ended || self.stages[stage].inputs_ended.contains(&true) {
            self.pass_ends(graph, now);
        }
        self.end_if_finished(graph, now);
    }
}
