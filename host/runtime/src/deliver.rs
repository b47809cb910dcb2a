//! Packets and events on their way into a stage's lanes.

use majlis_abi::raw::{RawEvent, event};
use majlis_config::Overflow;
use majlis_meter::Nanos;
use majlis_meter::record::Producer;

use crate::graph::Graph;
use crate::state::{Kept, Lane, Life, Phase, Queued, QueuedEvent, State, Stay};

/// Packets that may be kept for a stage of the same thread, however short its edge is.
const KEPT: usize = 1_024;
/// The one packet type that may be dropped in a loop without anybody missing it.
const FRAME: &str = "majlis/frame@1";

/// Who puts a packet on an edge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A call on this thread: it may wait for space.
    Call { thread: usize },
    /// Anybody else: it never waits.
    Other,
}

/// What became of a packet.
pub(crate) enum Put {
    Taken,
    /// The visit is gone for this stage: dropped, and counted late.
    Late,
    /// The edge is full and its policy is to block.
    Full(Queued),
    /// More was kept than a thread may keep.
    Overrun,
}

pub(crate) fn upstream_failed(input: usize, visit: u64) -> RawEvent {
    RawEvent { kind: event::UPSTREAM_FAILED, input: input as u32, visit, time: 0, how: 0, reserved: 0 }
}

impl State {
    pub(crate) fn lane(&mut self, graph: &Graph, stage: usize, visit: u64) -> &mut Lane {
        let inputs = graph.stages[stage].incoming.len();
        self.stages[stage].lanes.entry(visit).or_insert_with(|| Lane::new(inputs))
    }

    /// Whether a stage still takes something of a visit.
    pub(crate) fn listens(&self, stage: usize, visit: u64) -> bool {
        visit == 0
            || self.visits.get(&visit).is_some_and(|state| {
                state.stay != Stay::Gone && (state.waiting.has(stage) || (state.opener == stage && !state.opener_done))
            })
    }

    /// Puts a lane into its thread's turn.
    pub(crate) fn make_ready(&mut self, graph: &Graph, stage: usize, visit: u64) {
        let thread = graph.stages[stage].thread;
        if let Some(lane) = self.stages[stage].lanes.get_mut(&visit)
            && !std::mem::replace(&mut lane.ready, true)
        {
            self.threads[thread].ring.push_back((stage, visit));
        }
        self.wake_thread(thread);
    }

    /// Puts a packet on an edge, by its policy.
    pub(crate) fn put(&mut self, graph: &Graph, edge: usize, visit: u64, mut packet: Queued, by: By) -> Put {
        let wiring = graph.edge(edge);
        let (stage, slot) = (wiring.to, graph.slots[edge]);
        if !self.listens(stage, visit) || matches!(self.stages[stage].life, Life::Failed(_)) && visit == 0 {
            if let Some(state) = self.visits.get_mut(&visit) {
                state.record.late += 1;
            }
            return Put::Late;
        }
        let thread = graph.stages[stage].thread;
        let same_thread = by == By::Call { thread };
        let size = packet.buffer.len() as u64;
        let inputs = graph.stages[stage].incoming.len();
        let lane = self.stages[stage].lanes.entry(visit).or_insert_with(|| Lane::new(inputs));
        let queued = lane.inputs[slot].packets.len();
        let bytes = self.edges[edge].bytes;
        let too_many = queued >= wiring.depth;
        let too_large = bytes > 0 && bytes + size > wiring.bytes;
        if too_many || too_large {
            match wiring.overflow {
                Overflow::Block if same_thread => {
                    if queued >= wiring.depth.max(KEPT) {
                        return Put::Overrun;
                    }
                }
                Overflow::Block => return Put::Full(packet),
                Overflow::DropNewest => {
                    self.dropped(graph, edge, visit, 1);
                    return Put::Taken;
                }
                policy => {
                    // Beyond the edge's bytes it is the fullest visit that is shortened, not the one that comes.
                    let (victim, keep) = if too_many {
                        (visit, if policy == Overflow::Latest { 0 } else { wiring.depth - 1 })
                    } else {
                        let fullest = self.fullest(stage, slot).unwrap_or(visit);
                        let len = self.queue_len(stage, slot, fullest);
                        (fullest, if policy == Overflow::Latest { usize::from(fullest != visit) } else { len.saturating_sub(1) })
                    };
                    self.shorten(graph, edge, victim, keep);
                }
            }
        }
        let edge_state = &mut self.edges[edge];
        edge_state.sequence += 1;
        edge_state.bytes += size;
        packet.sequence = edge_state.sequence;
        let lane = self.lane(graph, stage, visit);
        let input = &mut lane.inputs[slot];
        let recovered = std::mem::take(&mut input.failed);
        let (arrival, producer) = (packet.arrival, packet.producer);
        if recovered {
            let port = wiring.input as u32;
            lane.events.push_back(QueuedEvent {
                event: RawEvent { kind: event::UPSTREAM_RECOVERED, input: port, visit: 0, time: 0, how: 0, reserved: 0 },
                arrival,
                producer,
            });
        }
        lane.inputs[slot].packets.push_back(packet);
        if same_thread {
            self.threads[thread].kept.push_back(Kept { stage, visit, slot });
        } else {
            self.make_ready(graph, stage, visit);
        }
        Put::Taken
    }

    fn queue_len(&self, stage: usize, slot: usize, visit: u64) -> usize {
        self.stages[stage].lanes.get(&visit).map_or(0, |lane| lane.inputs[slot].packets.len())
    }

    fn fullest(&self, stage: usize, slot: usize) -> Option<u64> {
        let bytes = |packets: &std::collections::VecDeque<Queued>| packets.iter().map(|packet| packet.buffer.len()).sum::<usize>();
        let lanes = self.stages[stage].lanes.iter();
        lanes.max_by_key(|(visit, lane)| (bytes(&lane.inputs[slot].packets), **visit)).map(|(visit, _)| *visit)
    }

    /// Drops the oldest packets of a queue until `keep` are left.
    fn shorten(&mut self, graph: &Graph, edge: usize, visit: u64, keep: usize) {
        let (stage, slot) = (graph.edge(edge).to, graph.slots[edge]);
        let Some(lane) = self.stages[stage].lanes.get_mut(&visit) else { return };
        let mut count = 0;
        while lane.inputs[slot].packets.len() > keep {
            if let Some(packet) = lane.inputs[slot].packets.pop_front() {
                self.edges[edge].bytes -= packet.buffer.len() as u64;
                count += 1;
            }
        }
        self.dropped(graph, edge, visit, count);
    }

    fn dropped(&mut self, graph: &Graph, edge: usize, visit: u64, count: u64) {
        if count == 0 {
            return;
        }
        self.edges[edge].drops += count;
        if let Some(state) = self.visits.get_mut(&visit) {
            state.record.dropped(edge as u16, count);
        }
        let wiring = graph.edge(edge);
        if wiring.looping && wiring.ty != FRAME {
            let text = format!(
                "visit {visit}: a {} was dropped on the edge to `{}`, which is full and must not block because it is part of a loop",
                wiring.ty,
                graph.name(wiring.to)
            );
            self.after.complaints.push((wiring.to, text));
        }
    }

    /// Takes the head of a queue.
    pub(crate) fn pop(&mut self, graph: &Graph, stage: usize, visit: u64, slot: usize) -> Option<(usize, Queued)> {
        let edge = graph.stages[stage].incoming[slot];
        let packet = self.stages[stage].lanes.get_mut(&visit)?.inputs[slot].packets.pop_front()?;
        self.edges[edge].bytes -= packet.buffer.len() as u64;
        self.gave_space(edge);
        Some((edge, packet))
    }

    /// An edge has space: whoever waits for it may go on.
    pub(crate) fn gave_space(&mut self, edge: usize) {
        if self.waiting_for_space > 0 {
            self.after.space = true;
        }
        if self.works.is_empty() {
            return;
        }
        for state in self.works.values_mut() {
            let mut at = 0;
            while at < state.on_space.len() {
                if state.on_space[at].0 == edge {
                    let (_, notice) = state.on_space.swap_remove(at);
                    self.after.notices.push(notice);
                } else {
                    at += 1;
                }
            }
        }
    }

    /// Empties what a visit has queued before a stage.
    pub(crate) fn empty_queues(&mut self, graph: &Graph, stage: usize, visit: u64) {
        for slot in 0..graph.stages[stage].incoming.len() {
            while self.pop(graph, stage, visit, slot).is_some() {}
        }
    }

    /// Queues an event before an open stage; an unopened one is passed by the caller.
    pub(crate) fn queue_event(&mut self, graph: &Graph, stage: usize, visit: u64, queued: QueuedEvent) {
        self.lane(graph, stage, visit).events.push_back(queued);
        self.make_ready(graph, stage, visit);
    }

    pub(crate) fn is_open(&self, stage: usize) -> bool {
        matches!(self.stages[stage].life, Life::Open)
    }

    /// Tells all that is downstream of a stage that a packet of a visit will have no answer. One for each (input,
    /// visit) until the next packet there; an unopened stage is passed.
    pub(crate) fn tell_failed(&mut self, graph: &Graph, stage: usize, visit: u64, now: Nanos, producer: Producer) {
        let mut open = vec![stage];
        let mut seen = vec![stage];
        while let Some(from) = open.pop() {
            for edge in graph.stages[from].outgoing.iter().flatten().copied() {
                let wiring = graph.edge(edge);
                let (to, slot) = (wiring.to, graph.slots[edge]);
                if !self.listens(to, visit) {
                    continue;
                }
                if self.is_open(to) {
                    let input = &mut self.lane(graph, to, visit).inputs[slot];
                    if !std::mem::replace(&mut input.failed, true) {
                        let event = upstream_failed(wiring.input, visit);
                        self.queue_event(graph, to, visit, QueuedEvent { event, arrival: now, producer });
                    }
                } else if !seen.contains(&to) {
                    seen.push(to);
                    open.push(to);
                }
            }
        }
    }

    /// Passes the end of streams on: a stage whose inputs have all ended, and which holds nothing, has ended as well.
    pub(crate) fn pass_ends(&mut self, graph: &Graph, now: Nanos) {
        loop {
            let mut changed = false;
            for stage in 0..graph.stages.len() {
                if self.stages[stage].told_end || !self.has_ended(graph, stage) {
                    continue;
                }
                self.stages[stage].told_end = true;
                changed = true;
                for edge in graph.stages[stage].outgoing.iter().flatten().copied() {
                    let wiring = graph.edge(edge);
                    self.stages[wiring.to].inputs_ended[graph.slots[edge]] = true;
                    if self.is_open(wiring.to) {
                        let input = wiring.input as u32;
                        let event = RawEvent { kind: event::END_OF_STREAM, input, visit: 0, time: 0, how: 0, reserved: 0 };
                        let queued = QueuedEvent { event, arrival: now, producer: Producer::Origin(stage as u16) };
                        self.queue_event(graph, wiring.to, 0, queued);
                    }
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn has_ended(&self, graph: &Graph, stage: usize) -> bool {
        let node = &graph.stages[stage];
        let state = &self.stages[stage];
        if node.starts_by_itself {
            return state.ended && state.lanes.values().all(Lane::is_idle) && !self.is_running(graph, stage);
        }
        let waited = node.incoming.iter().zip(&state.inputs_ended).all(|(edge, ended)| *ended || graph.edge(*edge).looping);
        waited && state.lanes.values().all(Lane::is_idle) && !self.is_running(graph, stage)
    }

    pub(crate) fn is_running(&self, graph: &Graph, stage: usize) -> bool {
        self.threads[graph.stages[stage].thread].running.is_some_and(|(running, _)| running == stage)
    }

    /// Whether nothing is left to do: every source has ended (or the host drains), every visit is closed, and no
    /// packet, work or call of no visit is under way.
    pub(crate) fn is_finished(&self, graph: &Graph) -> bool {
        let sources_done = graph.stages.iter().zip(&self.stages).all(|(node, state)| {
            !node.starts_by_itself || state.ended || self.phase == Phase::Draining || matches!(state.life, Life::Failed(_))
        });
        sources_done
            && self.visits.is_empty()
            && self.threads.iter().all(|thread| thread.running.is_none() && thread.urgent.is_empty())
            && self.stages.iter().all(|stage| {
                !matches!(stage.life, Life::Opening)
                    && stage.lanes.get(&0).is_none_or(|lane| {
                        !lane.has_packets() && lane.events.is_empty() && lane.resumed.is_empty() && lane.works == 0
                    })
            })
    }
}
