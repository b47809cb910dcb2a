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
    dropped: u64,
}

impl<T> Ring<T> {
    pub(crate) fn new(room: usize) -> Self {
        let state = State { waiting: VecDeque::with_capacity(room), closed: false, dropped: 0 };
        Self { room, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn push(&self, frame: T) {
        let mut state = self.state.lock();
        let oldest = if state.waiting.len() >= self.room { state.waiting.pop_front() } else { None };
        state.dropped += u64::from(oldest.is_some());
        state.waiting.push_back(frame);
        drop(state);
        self.changed.notify_one();
        // Outside of the lock: giving a frame back takes a while.
        drop(oldest);
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
