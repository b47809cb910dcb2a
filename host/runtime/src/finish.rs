//! What a call came to: its records, its failure, and what it says about what comes next.

use majlis_abi::raw::{RawError, RawFlow, error, flow};
use majlis_meter::Nanos;
use majlis_meter::record::{CallKind, Cost, Outcome, Producer};

use crate::call::Entered;
use crate::core::Core;
use crate::graph::Graph;
use crate::lane::Wake;
use crate::setup::{OpenError, Then};
use crate::state::{Occupation, State, ThreadSpan};

/// What a call that has returned said and cost.
pub(crate) struct Returned {
    /// Its error is boxed so that the rest stays small: it is moved for every call.
    pub(crate) flow: Result<RawFlow, Box<RawError>>,
    pub(crate) cost: majlis_meter::thread::Cost,
}

pub(crate) fn record_cost(cost: &majlis_meter::thread::Cost) -> Cost {
    Cost { allocated: cost.allocated, freed: cost.freed, live: cost.live, peak: cost.peak, cpu: cost.cpu }
}

impl State {
    /// Writes down what a call came to; true if its instance is over. `followed` if what it put off is served next; if
    /// not, that is delivered first.
    pub(crate) fn finish(
        &mut self,
        core: &Core,
        call: &mut Entered<'_>,
        returned: &mut Returned,
        followed: bool,
    ) -> bool {
        let graph = &core.graph;
        if !followed && let Some(later) = call.later.take() {
            call.overrun |= self.deliver_later(graph, call.stage, call.flush, call.thread, later);
        }
        let (stage, key, end) = (call.stage, call.key, returned.cost.end);
        self.threads[call.thread].running = None;
        if call.overrun && returned.flow.is_ok() {
            let text = "it emitted more in one call than the edge to a stage of the same thread holds";
            returned.flow = Err(Box::new(RawError::new(error::FAILED, text)));
        }
        let deadline = graph.stages[stage].deadline;
        let late = deadline.is_some_and(|deadline| end.saturating_sub(returned.cost.start) > deadline);
        self.count(core, call, &returned.cost);
        let over = match &returned.flow {
            Ok(flow) => {
                if late {
                    self.stages[stage].totals.late += 1;
                }
                if call.span.is_some() || !call.notes.is_empty() {
                    self.write_down(call, &returned.cost, &if late { Outcome::Late } else { Outcome::Ok });
                }
                if flow.kind != flow::CONTINUE {
                    let producer = call.span.map_or(Producer::Origin(stage as u16), Producer::Span);
                    self.take_flow(graph, stage, key, *flow, end, producer);
                }
                false
            }
            Err(error) => self.call_failed(graph, call, error, &returned.cost),
        };
        if call.saw_closed {
            self.saw_closed(graph, stage, key, end);
        }
        // What follows is under way, so nothing has ended; see `follows`.
        if !followed {
            self.after_call(graph, stage, end);
        }
        over
    }

    /// What a failed call means; true if its instance is over.
    #[cold]
    fn call_failed(
        &mut self,
        graph: &Graph,
        call: &Entered<'_>,
        error: &RawError,
        cost: &majlis_meter::thread::Cost,
    ) -> bool {
        let (stage, key, end) = (call.stage, call.key, cost.end);
        let (node, own) = (&graph.stages[stage], Producer::Origin(stage as u16));
        let panicked = matches!(error.code, error::PANICKED | error::POISONED);
        let totals = &mut self.stages[stage].totals;
        let outcome = if panicked {
            totals.panicked += 1;
            Outcome::Panicked(error.message.to_string())
        } else {
            totals.failed += 1;
            Outcome::Failed(error.message.to_string())
        };
        self.write_down(call, cost, &outcome);
        // A wake of no visit is the beat of a source; for another stage it is housekeeping.
        let answers = match call.kind {
            CallKind::Packet | CallKind::Resumed => true,
            CallKind::Wake => key != 0 || node.source,
            _ => false,
        };
        if answers {
            // Its last visit is the one whose packet has no answer; that of its wake is the one with which it began.
            let last = call.notes.opened.last().copied();
            let (visit, span) = last.map_or((key, call.span), |(visit, span)| (visit, Some(span)));
            self.tell_failed(graph, stage, visit, end, span.map_or(own, Producer::Span));
            self.stop_if_wanted(graph, stage, &error.message, end);
        }
        let is_beat = node.source && key == 0 && call.kind == CallKind::Wake;
        let then = if panicked {
            let reason = format!("the stage panicked: {}", error.message);
            Some(self.failed(graph, stage, OpenError { code: "R0101", reason, path: String::new() }, end))
        } else if is_beat && self.lane(stage, 0).wake.is_none() {
            Some(self.source_failed(graph, stage, &error.message, end))
        } else {
            None
        };
        let text = format!("{}: {}", if panicked { "panicked" } else { "failed" }, error.message);
        let then_words = then.map_or_else(String::new, |then| format!("; {then}"));
        self.after.complaints.push((stage, text + &then_words));
        panicked || then == Some(Then::GivenUp)
    }

    /// What is counted of every call.
    fn count(&mut self, core: &Core, call: &Entered<'_>, cost: &majlis_meter::thread::Cost) {
        let stage = call.stage;
        let totals = &mut self.stages[stage].totals;
        let is_event = matches!(call.kind, CallKind::Event);
        *if is_event { &mut totals.events } else { &mut totals.calls } += 1;
        totals.allocated += cost.allocated;
        totals.freed += cost.freed;
        totals.max_peak = totals.max_peak.max(cost.peak);
        if let Some(cpu) = cost.cpu {
            *totals.cpu.get_or_insert_default() += cpu;
        }
        let visit = call.notes.opened.last().map_or(call.key, |(visit, _)| *visit);
        if core.metering {
            if !is_event {
                self.stages[stage].wall.record(cost.end.saturating_sub(cost.start));
            }
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
        if core.metering || call.span.is_some() || visit != call.key {
            let what = Occupation::Call { visit };
            self.occupied(call.thread, ThreadSpan { stage, what, start: cost.start, end: cost.end });
        }
    }

    /// Its lines in the records of the visits that it was for.
    fn write_down(&mut self, call: &Entered<'_>, cost: &majlis_meter::thread::Cost, outcome: &Outcome) {
        let notes = &call.notes;
        if !notes.is_empty() {
            let totals = &mut self.stages[call.stage].totals;
            totals.because(&notes.facts);
            totals.add_up(&notes.facts);
            if call.span.is_none() && call.notes.opened.is_empty() {
                totals.say(&notes.facts);
            }
        }
        let places = call.span.map(|span| (call.key, span)).into_iter().chain(call.notes.opened.iter().copied());
        for (visit, span) in places {
            let Some(state) = self.visits.get_mut(&visit) else { continue };
            let Some(line) = state.record.call_mut(span) else { continue };
            line.kind = call.kind;
            line.start = cost.start;
            line.end = cost.end;
            line.cost = record_cost(cost);
            line.outcome = outcome.clone();
            notes.steps.clone_into(&mut line.steps);
            notes.facts.clone_into(&mut line.facts);
            // The wait ended when the call began, which is a little after it was taken.
            let ready = line.trigger.ready();
            line.waits.retain_mut(|cut| {
                cut.end = cut.end.min(cost.start);
                cut.start = cut.start.max(ready);
                cut.start < cut.end
            });
            if state.reached_in.take_if(|call| *call == span).is_some() {
                self.after.reached.push(state.record.clone());
            }
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
