//! Packets and events on their way into a stage's lanes.

use majlis_abi::plugin::Buffer;
use majlis_abi::raw::{RawEvent, event};
use majlis_config::Overflow;
use majlis_meter::Nanos;
use majlis_meter::record::Producer;

use crate::call::Later;
use crate::graph::Graph;
use crate::lane::{Held, Queued, QueuedEvent};
use crate::state::{Kept, Phase, State, Stay, Wanted};

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

/// What an emission that never waits is made of.
#[derive(Clone, Copy)]
pub(crate) struct Emission {
    pub(crate) stage: usize,
    pub(crate) visit: u64,
    /// The time stamp.
    pub(crate) time: Nanos,
    pub(crate) cause: u64,
    pub(crate) producer: Producer,
    pub(crate) now: Nanos,
}

impl State {
    /// Whether a stage still takes something of a visit: after its `VisitClosed` is on its way nothing may follow.
    pub(crate) fn listens(&self, stage: usize, visit: u64) -> bool {
        visit == 0
            || self.visits.get(&visit).is_some_and(|state| {
                state.stay != Stay::Gone
                    && (state.waiting.has(stage) && !state.told.has(stage)
                        || (state.opener == stage && !state.opener_done))
            })
    }

    /// Puts a lane into its thread's turn.
    pub(crate) fn make_ready(&mut self, graph: &Graph, stage: usize, visit: u64) {
        let thread = graph.stages[stage].thread;
        if let Some(lane) = self.stages[stage].lanes.get_mut(visit)
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
        if !self.listens(stage, visit) {
            self.late(visit);
            return Put::Late;
        }
        let thread = graph.stages[stage].thread;
        let same_thread = by == By::Call { thread };
        let size = packet.buffer.len();
        let queued = self.lane(stage, visit).inputs[slot].packets.len();
        let too_large = !self.has_room(graph, edge, size);
        if queued >= wiring.depth || too_large {
            match wiring.overflow {
                Overflow::Block if same_thread && queued < wiring.depth.max(KEPT) => {}
                Overflow::Block if same_thread => return Put::Overrun,
                Overflow::Block => return Put::Full(packet),
                policy => {
                    if queued >= wiring.depth {
                        match policy {
                            Overflow::DropOldest => self.shorten(graph, edge, visit, wiring.depth - 1),
                            Overflow::Latest => self.shorten(graph, edge, visit, 0),
                            _ => {
                                self.dropped(graph, edge, visit, 1);
                                return Put::Taken;
                            }
                        }
                    }
                    if !self.make_room(graph, edge, visit, size, policy) {
                        self.dropped(graph, edge, visit, 1);
                        return Put::Taken;
                    }
                }
            }
        }
        let edge_state = &mut self.edges[edge];
        edge_state.sequence += 1;
        edge_state.bytes += size;
        let sequence = edge_state.sequence;
        packet.sequence = sequence;
        let lane = self.lane(stage, visit);
        if std::mem::take(&mut lane.inputs[slot].failed) {
            let port = wiring.input;
            let (arrival, producer) = (packet.arrival, packet.producer);
            // Of an input with several producers, until the last one that failed answers again.
            let still = graph.stages[stage].incoming.iter().zip(&lane.inputs);
            if !still.into_iter().any(|(other, input)| input.failed && graph.edge(*other).input == port) {
                let input = port as u32;
                let event = RawEvent { kind: event::UPSTREAM_RECOVERED, input, visit: 0, time: 0, how: 0, reserved: 0 };
                lane.events.push_back(QueuedEvent { event, arrival, producer });
            }
        }
        lane.inputs[slot].packets.push_back(packet);
        if same_thread {
            self.threads[thread].kept.push_back(Kept { stage, visit, slot, sequence });
        } else {
            self.make_ready(graph, stage, visit);
        }
        Put::Taken
    }

    /// Puts a packet of no visit that a call on this thread emitted; true if more was kept than a thread may keep.
    pub(crate) fn deliver_later(
        &mut self,
        graph: &Graph,
        stage: usize,
        flush: u64,
        thread: usize,
        later: Later,
    ) -> bool {
        if self.phase == Phase::Ending || self.stages[stage].lanes.none().flush != flush {
            return false;
        }
        let put = self.put(graph, later.edge, 0, later.packet, By::Call { thread });
        debug_assert!(!matches!(put, Put::Full(_)), "on its own thread a packet is kept and never waits");
        matches!(put, Put::Overrun)
    }

    /// Puts a buffer on all edges of an output without waiting, or gives it back: half a fan-out could not be given
    /// back.
    pub(crate) fn put_all(
        &mut self,
        graph: &Graph,
        edges: &[usize],
        buffer: Buffer,
        emission: Emission,
    ) -> Result<(), Buffer> {
        let Emission { stage, visit, time, cause, producer, now } = emission;
        if edges.iter().any(|edge| self.blocks(graph, *edge, visit, buffer.len() as u64)) {
            return Err(buffer);
        }
        let mut rest = Some(buffer);
        for (at, edge) in edges.iter().enumerate() {
            let held = if at + 1 == edges.len() {
                rest.take().map(|buffer| Held::of(buffer, stage as u16))
            } else {
                rest.as_ref().map(Held::share)
            };
            let Some(buffer) = held else { break };
            let packet = Queued { buffer, time, arrival: now, sequence: 0, cause, producer, produced: now };
            let put = self.put(graph, *edge, visit, packet, By::Other);
            debug_assert!(!matches!(put, Put::Full(_)), "what has room under the lock is taken");
        }
        Ok(())
    }

    /// Whether a packet would have to wait on an edge.
    pub(crate) fn blocks(&self, graph: &Graph, edge: usize, visit: u64, size: u64) -> bool {
        let wiring = graph.edge(edge);
        if wiring.overflow != Overflow::Block || !self.listens(wiring.to, visit) {
            return false;
        }
        // A call that waits comes first: else work that refills each place as it becomes free could keep it for ever.
        let behind_call = self.edges[edge].awaited.is_some_and(|call| call.bytes || call.visit == visit);
        behind_call || self.queued(graph, edge, visit) >= wiring.depth || !self.has_room(graph, edge, size)
    }

    fn queued(&self, graph: &Graph, edge: usize, visit: u64) -> usize {
        let lane = self.stages[graph.edge(edge).to].lanes.get(visit);
        lane.map_or(0, |lane| lane.inputs[graph.slots[edge]].packets.len())
    }

    /// What a call that finds an edge full waits for.
    pub(crate) fn awaited_by_call(&self, graph: &Graph, edge: usize, visit: u64) -> Wanted {
        Wanted { visit, bytes: self.queued(graph, edge, visit) < graph.edge(edge).depth }
    }

    /// One packet always has room, however large it is.
    fn has_room(&self, graph: &Graph, edge: usize, size: u64) -> bool {
        let bytes = self.edges[edge].bytes;
        bytes == 0 || bytes + size <= graph.edge(edge).bytes
    }

    /// Beyond the edge's bytes it is the fullest visit that is shortened, not the one that comes. False if the packet
    /// that comes is the one to go.
    fn make_room(&mut self, graph: &Graph, edge: usize, visit: u64, size: u64, policy: Overflow) -> bool {
        let (stage, slot) = (graph.edge(edge).to, graph.slots[edge]);
        while !self.has_room(graph, edge, size) {
            let newest_goes = policy == Overflow::DropNewest;
            let fullness = |(number, bytes, len): (u64, u64, usize)| {
                let bytes = if number == visit { bytes + size } else { bytes };
                (len > 0 || newest_goes && number == visit).then_some((bytes, number, len))
            };
            let lanes = self.stages[stage].lanes.iter().map(|(number, lane)| {
                let packets = &lane.inputs[slot].packets;
                (number, packets.iter().map(|packet| packet.buffer.len()).sum(), packets.len())
            });
            let Some((_, fullest, len)) = lanes.filter_map(fullness).max() else { return true };
            match policy {
                Overflow::DropNewest if fullest == visit => return false,
                Overflow::DropNewest => {
                    let newest = self.lane(stage, fullest).inputs[slot].packets.pop_back();
                    self.edges[edge].bytes -= newest.map_or(0, |packet| packet.buffer.len());
                    self.dropped(graph, edge, fullest, 1);
                }
                Overflow::Latest => {
                    self.shorten(graph, edge, fullest, usize::from(fullest != visit && len > 1));
                }
                _ => self.shorten(graph, edge, fullest, len - 1),
            }
        }
        true
    }

    /// Drops the oldest packets of a queue until `keep` are left.
    fn shorten(&mut self, graph: &Graph, edge: usize, visit: u64, keep: usize) {
        let (stage, slot) = (graph.edge(edge).to, graph.slots[edge]);
        let Some(lane) = self.stages[stage].lanes.get_mut(visit) else { return };
        let mut count = 0;
        while lane.inputs[slot].packets.len() > keep {
            if let Some(packet) = lane.inputs[slot].packets.pop_front() {
                self.edges[edge].bytes -= packet.buffer.len();
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
            let whose = if visit == 0 { "no visit".to_owned() } else { format!("visit {visit}") };
            let text = format!(
                "was not given a {} of {whose}: its queue is full, and it must not block where it is part of a loop",
                wiring.ty
            );
            self.after.complaints.push((wiring.to, text));
        }
    }

    /// Something was emitted for a visit after it had closed there.
    pub(crate) fn late(&mut self, visit: u64) {
        if let Some(state) = self.visits.get_mut(&visit) {
            state.record.late += 1;
        }
    }

    /// Takes the head of a queue.
    pub(crate) fn pop(&mut self, graph: &Graph, stage: usize, visit: u64, slot: usize) -> Option<(usize, Queued)> {
        let edge = graph.stages[stage].incoming[slot];
        let packets = &mut self.stages[stage].lanes.get_mut(visit)?.inputs[slot].packets;
        let packet = packets.pop_front()?;
        let left = packets.len();
        self.edges[edge].bytes -= packet.buffer.len();
        self.gave_space(graph, edge, left);
        Some((edge, packet))
    }

    /// An edge has space: whoever waits for it may go on. A call is woken when a queue is two thirds empty (`left`
    /// packets are in it), not for each packet, which would cost a change of threads each time. Nothing is lost by
    /// that: as long as it waits nobody else puts anything there, so what it waits for only gets shorter.
    pub(crate) fn gave_space(&mut self, graph: &Graph, edge: usize, left: usize) {
        if self.edges[edge].awaited.is_none() {
            self.tell_of_space(edge);
        } else if left <= graph.edge(edge).depth / 3 {
            self.after.space.insert(edge);
        }
    }

    /// Deferred work may try again.
    pub(crate) fn tell_of_space(&mut self, edge: usize) {
        let waiting = &mut self.edges[edge].on_space;
        if !waiting.is_empty() {
            self.after.notices.extend(waiting.drain(..).map(|(_, notice)| notice));
        }
    }

    /// Empties what a visit has queued before a stage; answers how many packets that were.
    pub(crate) fn empty_queues(&mut self, graph: &Graph, stage: usize, visit: u64) -> u64 {
        let mut count = 0;
        for slot in 0..graph.stages[stage].incoming.len() {
            while self.pop(graph, stage, visit, slot).is_some() {
                count += 1;
            }
        }
        count
    }

    /// Queues an event before an open stage; an unopened one is passed by the caller.
    pub(crate) fn queue_event(&mut self, graph: &Graph, stage: usize, visit: u64, queued: QueuedEvent) {
        self.lane(stage, visit).events.push_back(queued);
        self.make_ready(graph, stage, visit);
    }

    /// Tells all that is downstream of a stage that a packet of a visit will have no answer. One for each (input,
    /// visit) until the next packet there; an unopened stage is passed, but not by its origins: what these say is no answer
    /// to its inputs.
    pub(crate) fn tell_failed(&mut self, graph: &Graph, stage: usize, visit: u64, now: Nanos, producer: Producer) {
        let mut open = vec![stage];
        let mut seen = vec![stage];
        while let Some(from) = open.pop() {
            let node = &graph.stages[from];
            let answers = node.outgoing.iter().zip(&node.origin).filter(|(_, origin)| node.source || !**origin);
            for edge in answers.flat_map(|(edges, _)| edges).copied() {
                let wiring = graph.edge(edge);
                let (to, slot) = (wiring.to, graph.slots[edge]);
                if !self.listens(to, visit) {
                    continue;
                }
                if self.is_open(to) {
                    let lane = self.lane(to, visit);
                    let mut known = graph.stages[to].incoming.iter().zip(&lane.inputs);
                    let known = known.any(|(other, queue)| queue.failed && graph.edge(*other).input == wiring.input);
                    lane.inputs[slot].failed = true;
                    if !known {
                        let input = wiring.input as u32;
                        let event =
                            RawEvent { kind: event::UPSTREAM_FAILED, input, visit, time: 0, how: 0, reserved: 0 };
                        self.queue_event(graph, to, visit, QueuedEvent { event, arrival: now, producer });
                    }
                } else if !seen.contains(&to) {
                    seen.push(to);
                    open.push(to);
                }
            }
        }
    }
}
