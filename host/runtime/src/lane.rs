//! What waits before a stage, by visit.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use majlis_abi::plugin::Buffer;
use majlis_abi::raw::{RawBuffer, RawEvent};
use majlis_meter::record::Producer;
use majlis_meter::{Nanos, slab};

use crate::host::Holding;
use crate::work::Work;

/// Visits are counted up from 1, so their numbers are their own hashes.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, number: u64) {
        // The table takes its group from the low bits and its tag from the high ones.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A table by number of visit, or of work.
pub(crate) type ByNumber<T> = HashMap<u64, T, BuildHasherDefault<NumberHasher>>;

/// A hold on a buffer on the queues' account: whoever drops it, whichever stage's thread that is, gives the queues'
/// hold back and not one of that stage.
pub(crate) struct Held(Option<Buffer>);

impl Held {
    /// Takes over a hold that is on `holder`'s account.
    pub(crate) fn of(buffer: Buffer, holder: u16) -> Self {
        slab::hand_to_queue(&buffer, holder);
        Self(Some(buffer))
    }

    /// Another hold.
    pub(crate) fn share(buffer: &Buffer) -> Self {
        let _holding = Holding::queue();
        Self(Some(buffer.clone()))
    }

    /// Another hold on the same bytes.
    pub(crate) fn again(&self) -> Self {
        Self::share(self.buffer())
    }

    pub(crate) fn len(&self) -> u64 {
        self.buffer().len() as u64
    }

    pub(crate) fn raw(&self) -> RawBuffer {
        self.buffer().as_raw()
    }

    fn buffer(&self) -> &Buffer {
        self.0.as_ref().expect("it is taken out only when this is dropped")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _holding = Holding::queue();
        self.0 = None;
    }
}

/// A packet in a queue.
pub(crate) struct Queued {
    pub(crate) buffer: Held,
    /// Its time stamp.
    pub(crate) time: Nanos,
    /// When it came into the queue.
    pub(crate) arrival: Nanos,
    pub(crate) sequence: u64,
    pub(crate) cause: u64,
    pub(crate) producer: Producer,
    /// When it was produced, before any blocking.
    pub(crate) produced: Nanos,
}

/// An event in a queue.
#[derive(Clone, Copy)]
pub(crate) struct QueuedEvent {
    pub(crate) event: RawEvent,
    pub(crate) arrival: Nanos,
    pub(crate) producer: Producer,
}

/// The one wake of a stage and a visit.
#[derive(Clone, Copy)]
pub(crate) struct Wake {
    pub(crate) due: Nanos,
    pub(crate) asked: Nanos,
    pub(crate) producer: Producer,
}

/// One edge into a stage, for one visit.
#[derive(Default)]
pub(crate) struct InputQueue {
    pub(crate) packets: VecDeque<Queued>,
    /// Its producer failed, and nothing came since.
    pub(crate) failed: bool,
}

/// What waits before a stage for one visit; the lane of visit 0 is that of packets of no visit.
#[derive(Default)]
pub(crate) struct Lane {
    /// By incoming edge.
    pub(crate) inputs: Vec<InputQueue>,
    pub(crate) events: VecDeque<QueuedEvent>,
    pub(crate) resumed: VecDeque<(Arc<Work>, Nanos)>,
    pub(crate) wake: Option<Wake>,
    /// Deferred work of this stage and visit that is neither over nor cancelled.
    pub(crate) works: u32,
    /// Raised by each flush that reaches the stage.
    pub(crate) flush: u64,
    /// It stands in its thread's ring.
    pub(crate) ready: bool,
}

impl Lane {
    fn new(inputs: usize) -> Self {
        Self { inputs: (0..inputs).map(|_| InputQueue::default()).collect(), ..Self::default() }
    }

    pub(crate) fn has_packets(&self) -> bool {
        self.inputs.iter().any(|input| !input.packets.is_empty())
    }

    /// Nothing is queued or under way here; a wake may be armed.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.has_packets() && self.events.is_empty() && self.resumed.is_empty() && self.works == 0
    }

    /// Nothing of the visit is queued, armed or under way here.
    pub(crate) fn is_idle(&self) -> bool {
        self.wake.is_none() && self.is_quiet()
    }

    /// The edge whose packet is next: of several heads the one with the oldest time stamp.
    pub(crate) fn oldest_head(&self, in_time: impl Fn(&Queued) -> bool) -> Option<usize> {
        self.inputs
            .iter()
            .enumerate()
            .filter_map(|(slot, input)| input.packets.front().map(|packet| (slot, packet)))
            .filter(|(_, packet)| in_time(packet))
            .min_by_key(|(slot, packet)| (packet.time, packet.arrival, *slot))
            .map(|(slot, _)| slot)
    }
}

/// The lanes of a stage. That of no visit is always there and needs no look-up: packets of no visit are the path on
/// which every nanosecond is paid for each of them.
pub(crate) struct Lanes {
    inputs: usize,
    none: Lane,
    visits: ByNumber<Lane>,
}

impl Lanes {
    pub(crate) fn new(inputs: usize) -> Self {
        Self { inputs, none: Lane::new(inputs), visits: ByNumber::default() }
    }

    pub(crate) fn get(&self, visit: u64) -> Option<&Lane> {
        if visit == 0 { Some(&self.none) } else { self.visits.get(&visit) }
    }

    pub(crate) fn get_mut(&mut self, visit: u64) -> Option<&mut Lane> {
        if visit == 0 { Some(&mut self.none) } else { self.visits.get_mut(&visit) }
    }

    /// The lane of a visit, made if it is not there.
    pub(crate) fn of(&mut self, visit: u64) -> &mut Lane {
        if visit == 0 {
            return &mut self.none;
        }
        self.visits.entry(visit).or_insert_with(|| Lane::new(self.inputs))
    }

    pub(crate) fn remove(&mut self, visit: u64) {
        self.visits.remove(&visit);
    }

    pub(crate) fn none(&self) -> &Lane {
        &self.none
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        std::iter::once(0).chain(self.visits.keys().copied()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Lane)> {
        std::iter::once((0, &self.none)).chain(self.visits.iter().map(|(visit, lane)| (*visit, lane)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        std::iter::once(&mut self.none).chain(self.visits.values_mut())
    }

    /// Nothing is left here: no packet, event or work, and no wake of a visit. A wake of no visit keeps nothing alive.
    pub(crate) fn are_done(&self) -> bool {
        self.none.is_quiet() && self.visits.values().all(Lane::is_idle)
    }
}
