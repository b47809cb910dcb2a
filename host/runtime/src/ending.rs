//! How streams end, and with them the run.

use majlis_abi::raw::{RawEvent, event};
use majlis_meter::Nanos;
use majlis_meter::record::Producer;

use crate::graph::Graph;
use crate::lane::QueuedEvent;
use crate::state::{Life, Phase, State};

impl State {
    /// Passes the end of streams on. An output has ended when nothing can come out of it any more: an origin's when its
    /// stage says so, one of feedback never, another's when its stage has heard that its inputs have ended, and holds nothing.
    pub(crate) fn pass_ends(&mut self, graph: &Graph, now: Nanos) {
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for (stage, node) in graph.stages.iter().enumerate() {
                if self.stages[stage].inputs_ended != self.stages[stage].inputs_told {
                    self.tell_ends(graph, stage, now);
                }
                for (output, edges) in node.outgoing.iter().enumerate() {
                    if self.stages[stage].outputs_ended[output] || !self.has_ended(graph, stage, node.origin[output]) {
                        continue;
                    }
                    self.stages[stage].outputs_ended[output] = true;
                    for edge in edges {
                        self.stages[graph.edge(*edge).to].inputs_ended[graph.slots[*edge]] = true;
                        changed = true;
                    }
                }
            }
        }
    }

    fn has_ended(&self, graph: &Graph, stage: usize, origin: bool) -> bool {
        let node = &graph.stages[stage];
        let state = &self.stages[stage];
        if self.is_running(graph, stage) {
            return false;
        }
        let own = state.ended || node.starts_by_itself && matches!(state.life, Life::Failed(_));
        if node.source {
            own && state.lanes.are_done()
        } else if origin {
            own
        } else {
            // An open stage may have a last word when it hears of it; an unopened one is passed.
            let heard = match state.life {
                Life::Open | Life::Opening => &state.inputs_told,
                Life::Closed { .. } | Life::Failed(_) => &state.inputs_ended,
            };
            // Word of what was sent comes as long as something is sent: its end is never waited for.
            let ended = |(edge, ended): (&usize, &bool)| *ended || graph.is_feedback(*edge);
            node.incoming.iter().zip(heard).all(ended) && state.lanes.are_done()
        }
    }

    /// Tells an open stage which of its inputs have ended, each after the last packet that it had, of whatever visit.
    fn tell_ends(&mut self, graph: &Graph, stage: usize, now: Nanos) {
        if !self.is_open(stage) {
            return;
        }
        for (slot, edge) in graph.stages[stage].incoming.iter().enumerate() {
            let state = &mut self.stages[stage];
            let empty = || state.lanes.iter().all(|(_, lane)| lane.inputs[slot].packets.is_empty());
            if !state.inputs_ended[slot] || state.inputs_told[slot] || !empty() {
                continue;
            }
            state.inputs_told[slot] = true;
            let wiring = graph.edge(*edge);
            // Of an input with several producers, when the last one has ended.
            let others = graph.stages[stage].incoming.iter().zip(&state.inputs_told);
            if others.into_iter().any(|(other, told)| !told && graph.edge(*other).input == wiring.input) {
                continue;
            }
            let input = wiring.input as u32;
            let event = RawEvent { kind: event::END_OF_STREAM, input, visit: 0, time: 0, how: 0, reserved: 0 };
            let producer = Producer::Origin(wiring.from as u16);
            self.queue_event(graph, stage, 0, QueuedEvent { event, arrival: now, producer });
        }
    }

    /// Whether nothing is left to do: every source has ended (or the host drains), every visit is closed, and no
    /// packet, work or call of no visit is under way.
    fn is_finished(&self, graph: &Graph) -> bool {
        let draining = self.phase == Phase::Draining;
        let sources_done = || {
            graph
                .stages
                .iter()
                .zip(&self.stages)
                .all(|(node, state)| !node.starts_by_itself || state.ended || matches!(state.life, Life::Failed(_)))
        };
        self.visits.is_empty()
            && (draining || sources_done())
            && self.threads.iter().all(|thread| thread.running.is_none() && thread.urgent.is_empty())
            && self.stages.iter().all(|stage| !matches!(stage.life, Life::Opening) && stage.lanes.none().is_quiet())
    }

    /// Ends the run when nothing is left to do.
    pub(crate) fn end_if_finished(&mut self, graph: &Graph, now: Nanos) {
        if matches!(self.phase, Phase::Running | Phase::Draining) && self.is_finished(graph) {
            self.end(graph, now);
        }
    }

    /// All visits are gone; threads tell that, close their stages and end.
    pub(crate) fn end(&mut self, graph: &Graph, now: Nanos) {
        if self.phase == Phase::Ending {
            return;
        }
        self.phase = Phase::Ending;
        for visit in self.visits.keys().copied().collect::<Vec<u64>>() {
            self.visit_gone(graph, visit, now);
        }
        for thread in 0..graph.threads.len() {
            self.wake_thread(thread);
        }
        self.after.all_space = true;
        self.after.ended = true;
    }
}
