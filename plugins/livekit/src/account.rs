//! What is said, in the report: for each utterance's sound the work of saying it, and when the visitor heard it.

use std::collections::BTreeMap;
use std::time::Duration;

use majlis_plugin_api::{Delivery, Pending};
use tokio::time::Instant;

use crate::floor::Key;

/// An avatar that does not say when it begins to play is taken to be heard so long after the sound was sent to it.
const HEARD_AFTER: Duration = Duration::from_secs(1);

/// The works of all that is being said, or waits for it.
#[derive(Default)]
pub(crate) struct Account {
    works: BTreeMap<Key, Spoken>,
}

struct Spoken {
    work: Pending,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Held,
    /// Until when its avatar may say that it plays.
    Sent(Instant),
    Heard,
}

impl Spoken {
    fn is_heard(&mut self) {
        if self.progress != Progress::Heard {
            self.progress = Progress::Heard;
            self.work.mark("heard");
            self.work.milestone("heard");
        }
    }
}

impl Account {
    /// The first of a sound came.
    pub(crate) fn begins(&mut self, key: Key, work: Pending) {
        work.mark("held");
        if let Some(before) = self.works.insert(key, Spoken { work, progress: Progress::Held }) {
            before.work.finish();
        }
    }

    /// The first of it went out: to an avatar, or from the agent itself, and then it is heard.
    pub(crate) fn sent(&mut self, key: Key, by_itself: bool, now: Instant) {
        let Some(spoken) = self.works.get_mut(&key) else { return };
        if spoken.progress == Progress::Held {
            spoken.work.mark("sent");
            spoken.progress = Progress::Sent(now + HEARD_AFTER);
        }
        if by_itself {
            spoken.is_heard();
        }
    }

    /// It is heard.
    pub(crate) fn heard(&mut self, key: Key) {
        if let Some(spoken) = self.works.get_mut(&key) {
            spoken.is_heard();
        }
    }

    /// Nothing more becomes of it.
    pub(crate) fn over(&mut self, key: Key, delivery: Option<Delivery>) {
        let Some(mut spoken) = self.works.remove(&key) else { return };
        if delivery == Some(Delivery::Played) {
            spoken.is_heard();
        }
        spoken.work.finish();
    }

    /// When something is taken to be heard.
    pub(crate) fn due(&self) -> Option<Instant> {
        let times = self.works.values().filter_map(|spoken| match spoken.progress {
            Progress::Sent(until) => Some(until),
            Progress::Held | Progress::Heard => None,
        });
        times.min()
    }

    /// Time passed.
    pub(crate) fn pass(&mut self, now: Instant) {
        for spoken in self.works.values_mut() {
            if matches!(spoken.progress, Progress::Sent(until) if until <= now) {
                spoken.is_heard();
            }
        }
    }
}
