//! The chain that ours is held against: five threads with channels between them that do nothing but hand a frame on.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::stages::FRAME;

const STAGES: usize = 5;

struct Packet {
    sent: Instant,
    frame: Arc<[u8]>,
}

/// Between the calling thread and a sink with a thread of its own.
fn with_chain<R>(depth: usize, ends: impl FnOnce(Sender<Packet>, Receiver<Packet>) -> R) -> R {
    let (first, mut before) = bounded::<Packet>(depth);
    thread::scope(|scope| {
        for _ in 0..STAGES {
            let (to, next) = bounded(depth);
            let from = std::mem::replace(&mut before, next);
            scope.spawn(move || {
                for packet in from {
                    if to.send(packet).is_err() {
                        break;
                    }
                }
            });
        }
        ends(first, before)
    })
}

fn frame() -> Arc<[u8]> {
    vec![0; FRAME].into()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One frame after another, each when the one before has arrived. Nanoseconds of each.
pub(crate) fn answered(frames: usize) -> Vec<u64> {
    let frame = frame();
    with_chain(4, |to, from| {
        let mut latencies = Vec::with_capacity(frames);
        for _ in 0..frames {
            let packet = Packet { sent: Instant::now(), frame: Arc::clone(&frame) };
            let Ok(arrived) = to.send(packet).map_err(drop).and_then(|()| from.recv().map_err(drop)) else { break };
            latencies.push(nanos(arrived.sent.elapsed()));
        }
        latencies
    })
}

/// A frame each `period`. Nanoseconds of each.
pub(crate) fn paced(frames: usize, period: Duration) -> Vec<u64> {
    let frame = frame();
    with_chain(4, |to, from| {
        let sink = thread::spawn(move || from.iter().map(|packet| nanos(packet.sent.elapsed())).collect());
        let begun = Instant::now();
        for number in 0..u32::try_from(frames).unwrap_or(u32::MAX) {
            thread::sleep((begun + period * number).saturating_duration_since(Instant::now()));
            let _ = to.send(Packet { sent: Instant::now(), frame: Arc::clone(&frame) });
        }
        drop(to);
        sink.join().unwrap_or_default()
    })
}

/// As many as queues of this depth take. When each arrived, in nanoseconds.
pub(crate) fn streamed(frames: usize, depth: usize) -> Vec<u64> {
    let frame = frame();
    with_chain(depth, |to, from| {
        let begun = Instant::now();
        let sink = thread::spawn(move || {
            let arrived = |packet: Packet| {
                std::hint::black_box(&packet.frame);
                nanos(begun.elapsed())
            };
            from.iter().map(arrived).collect()
        });
        for _ in 0..frames {
            let _ = to.send(Packet { sent: Instant::now(), frame: Arc::clone(&frame) });
        }
        drop(to);
        sink.join().unwrap_or_default()
    })
}
