//! Whether a vendor is asked at all: one that failed again and again keeps nobody waiting.

use std::time::Duration;

use majlis_plugin_api::Time;

/// After so many failures in a row nobody is made to wait for it.
const MOST_MISSES: u32 = 2;
/// It rests twice as long each time, up to so many times the first.
const LONGEST_REST: u32 = 20;

/// How a vendor did of late.
#[derive(Debug)]
pub(crate) struct Health {
    /// So long it rests at first.
    rest: Duration,
    misses: u32,
    /// It is not asked until then; afterwards one is let through.
    rests: Option<(Time, Duration)>,
    /// One was let through, and nothing is known of it yet.
    probing: bool,
}

impl Health {
    pub(crate) fn new(rest: Duration) -> Self {
        Self { rest, misses: 0, rests: None, probing: false }
    }

    /// Whether it may be asked now.
    pub(crate) fn may_ask(&self, now: Time) -> bool {
        self.rests.is_none_or(|(until, _)| until <= now && !self.probing)
    }

    /// Whether it may be asked now; while it rested, for one only.
    pub(crate) fn admit(&mut self, now: Time) -> bool {
        let may = self.may_ask(now);
        self.probing |= may && self.rests.is_some();
        may
    }

    /// It did what it should.
    pub(crate) fn well(&mut self) {
        *self = Self::new(self.rest);
    }

    /// It did not. Answers how long it rests from now on, if it did not before or the rest begins anew.
    pub(crate) fn missed(&mut self, now: Time, somebody_must_act: bool) -> Option<Duration> {
        self.misses += 1;
        if self.rests.is_none() && self.misses < MOST_MISSES && !somebody_must_act {
            return None;
        }
        let rest = match self.rests {
            // Others that were under way tell nothing new.
            Some((until, _)) if until > now => return None,
            Some((_, before)) => (before * 2).min(self.rest * LONGEST_REST),
            None => self.rest,
        };
        (self.rests, self.probing) = (Some((now + rest, rest)), false);
        Some(rest)
    }

    /// Nobody waited for what became of it.
    pub(crate) fn undecided(&mut self) {
        self.probing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn who_fails_twice_rests_and_then_one_is_let_through() {
        let mut health = Health::new(REST);
        assert_eq!(health.missed(at(0), false), None);
        assert!(health.admit(at(1)));
        assert_eq!(health.missed(at(1), false), Some(REST));
        assert!(!health.admit(at(30)));
        assert!(health.admit(at(31)));
        assert!(!health.admit(at(31)), "one only");
        assert_eq!(health.missed(at(40), false), Some(REST * 2));
        assert!(!health.admit(at(99)) && health.admit(at(100)));
        health.undecided();
        assert!(health.admit(at(101)), "the first was given up by its visitor");
        health.well();
        assert!(health.admit(at(101)) && health.admit(at(101)));
    }

    #[test]
    fn what_somebody_must_mend_makes_it_rest_at_once() {
        let mut health = Health::new(REST);
        assert_eq!(health.missed(at(0), true), Some(REST));
        assert!(!health.may_ask(at(1)));
    }
}
