//! A queue of frames that keeps the newest: whoever is slow loses what is old.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Frames that wait, `room` of them at most.
pub(crate) struct Ring<T> {
    room: usize,
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
    resting: bool,
    dropped: u64,
}

impl<T> Ring<T> {
    pub(crate) fn new(room: usize) -> Self {
        let state = State { waiting: VecDeque::with_capacity(room), closed: false, resting: false, dropped: 0 };
        Self { room, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn push(&self, frame: T) {
        let mut state = self.state.lock();
        if state.resting {
            state.dropped += 1;
            drop(state);
            return drop(frame);
        }
        let oldest = if state.waiting.len() >= self.room { state.waiting.pop_front() } else { None };
        state.dropped += u64::from(oldest.is_some());
        state.waiting.push_back(frame);
        drop(state);
        self.changed.notify_one();
        // Outside of the lock: giving a frame back takes a while.
        drop(oldest);
    }

    /// Whether frames are passed over, those that wait as well.
    pub(crate) fn rest(&self, resting: bool) {
        let mut state = self.state.lock();
        state.resting = resting;
        let passed = if resting { std::mem::take(&mut state.waiting) } else { VecDeque::new() };
        state.dropped += passed.len() as u64;
        drop(state);
        drop(passed);
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_one();
    }

    /// The oldest that waits; none when it is closed and empty. One reader at a time.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state.lock();
                if let Some(frame) = state.waiting.pop_front() {
                    return Some(frame);
                }
                if state.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_is_kept_and_nothing_at_all_while_nobody_wants_one() {
        let ring = Ring::new(1);
        for frame in 1..=2 {
            ring.push(frame);
        }
        assert_eq!(ring.next().await, Some(2));
        ring.push(3);
        ring.rest(true);
        ring.push(4);
        assert_eq!(ring.dropped(), 3, "one that was overtaken, one that waited, one that came");
        ring.rest(false);
        ring.push(5);
        assert_eq!(ring.next().await, Some(5));
        ring.rest(true);
        ring.close();
        assert_eq!(ring.next().await, None, "an end is told to whoever rests too");
    }
}
