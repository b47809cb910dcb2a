//! What is counted beside the visits, for the report of the run.

use std::sync::atomic::{AtomicU64, Ordering};

use majlis_plugin_api::Output;

/// Counted by tasks, told by the stage's calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    refused: Count,
    again: Count,
}

/// A number that only rises, and how much of it was told.
#[derive(Debug, Default)]
struct Count {
    now: AtomicU64,
    told: AtomicU64,
}

impl Tally {
    /// So many offers of the server were refused until now: nothing was free, or the host was too busy.
    pub(crate) fn refused(&self, until_now: u64) {
        self.refused.now.fetch_max(until_now, Ordering::Relaxed);
    }

    /// How many.
    pub(crate) fn refusals(&self) -> u64 {
        self.refused.now.load(Ordering::Relaxed)
    }

    /// An agent was sent for again.
    pub(crate) fn sent_again(&self) {
        self.again.now.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells what has not been told yet.
    pub(crate) fn tell(&self, out: &mut Output<'_>) {
        for (name, count) in [("refused", &self.refused), ("sent_again", &self.again)] {
            let more = count.more();
            if more > 0 {
                out.count(name, more);
            }
        }
    }
}

impl Count {
    fn more(&self) -> u64 {
        let now = self.now.load(Ordering::Relaxed);
        now - self.told.swap(now, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_one_is_told_once() {
        let tally = Tally::default();
        tally.refused(2);
        tally.refused(2);
        assert_eq!((tally.refused.more(), tally.refused.more()), (2, 0));
        tally.refused(3);
        assert_eq!((tally.refused.more(), tally.refusals()), (1, 3));
        tally.sent_again();
        assert_eq!(tally.again.more(), 1);
    }
}
