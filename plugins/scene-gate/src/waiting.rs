//! Frames of a visit that wait for what the recogniser says of them.

use std::collections::VecDeque;

use majlis_plugin_api::{Frame, Pending, Time};

/// So many frames wait at most. A recogniser works on one and has the newest in its queue; what lies between them it will
/// never look at.
const MOST: usize = 4;

/// A frame that waits.
pub(crate) struct Held {
    /// When it was taken, which is how it is found again.
    pub(crate) time: Time,
    /// Since when it waits.
    pub(crate) since: Time,
    pub(crate) frame: Frame,
    /// The work of waiting, for a frame that goes on even if nobody looks at it: it keeps the frame's time.
    pub(crate) pending: Option<Pending>,
}

/// The frames that wait, oldest first.
#[derive(Default)]
pub(crate) struct Waiting {
    frames: VecDeque<Held>,
}

impl Waiting {
    /// Keeps a frame. Answers with the one that has to make room for it.
    pub(crate) fn keep(&mut self, held: Held) -> Option<Held> {
        // Not the oldest, which the recogniser may just be working on, but the newest until now.
        let gone = if self.frames.len() == MOST { self.frames.pop_back() } else { None };
        self.frames.push_back(held);
        gone
    }

    /// The oldest that was taken before `time`.
    pub(crate) fn before(&mut self, time: Time) -> Option<Held> {
        let older = self.frames.front().is_some_and(|held| held.time < time);
        if older { self.frames.pop_front() } else { None }
    }

    /// The one that was taken at `time`, if the older ones are taken out.
    pub(crate) fn at(&mut self, time: Time) -> Option<Held> {
        let is = self.frames.front().is_some_and(|held| held.time == time);
        if is { self.frames.pop_front() } else { None }
    }

    /// The oldest.
    pub(crate) fn oldest(&mut self) -> Option<Held> {
        self.frames.pop_front()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Since when the oldest waits.
    pub(crate) fn since(&self) -> Option<Time> {
        self.frames.front().map(|held| held.since)
    }
}

impl Held {
    /// It waits no more.
    pub(crate) fn done(self) -> Frame {
        if let Some(pending) = self.pending {
            pending.finish();
        }
        self.frame
    }
}
