//! What sessions may cost: minutes of a day and calls of an hour, counted for each vendor, since each has a price and a contract of
//! its own.
//!
//! Pure: moments are arguments, in seconds since 1970. Other runs of this host count as well, as they stand in the store.

use std::collections::BTreeMap;

/// An hour, in seconds.
const HOUR: i64 = 3_600;
/// What was spent is forgotten after so many seconds: then it is in no day of any time zone.
pub(crate) const REMEMBERED: i64 = 48 * HOUR;

/// A session that bills, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Billed {
    pub(crate) vendor: String,
    /// When it was asked for.
    pub(crate) began: i64,
    /// Until then it bills, as far as is known.
    pub(crate) until: i64,
}

/// What a vendor was used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Seconds of this day.
    pub(crate) seconds: u64,
    /// Calls within an hour.
    pub(crate) calls: u64,
}

impl Used {
    /// Minutes of this day; one that has begun counts.
    pub(crate) fn minutes(self) -> u64 {
        self.seconds.div_ceil(60)
    }
}

/// What a vendor may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) minutes_per_day: Option<u32>,
    pub(crate) calls_per_hour: Option<u32>,
}

impl Limit {
    /// Why the vendor is asked for nothing more.
    pub(crate) fn reached(self, used: Used) -> Option<&'static str> {
        if self.minutes_per_day.is_some_and(|most| used.seconds >= u64::from(most) * 60) {
            Some("has used its minutes of the day")
        } else if self.calls_per_hour.is_some_and(|most| used.calls >= u64::from(most)) {
            Some("has used its calls of the hour")
        } else {
            None
        }
    }
}

/// All sessions that may matter.
#[derive(Debug, Default)]
pub(crate) struct Spending {
    /// Of this run, by number.
    own: BTreeMap<u64, Billed>,
    asked: u64,
    /// Of others.
    others: Vec<Billed>,
}

impl Spending {
    /// A session is asked for, and may run so long. Answers its number.
    pub(crate) fn ask(&mut self, vendor: &str, now: i64, longest: i64) -> u64 {
        self.asked += 1;
        self.own.retain(|_, session| session.until > now - REMEMBERED);
        let until = now.saturating_add(longest);
        self.own.insert(self.asked, Billed { vendor: vendor.to_owned(), began: now, until });
        self.asked
    }

    /// It is known to bill no longer.
    pub(crate) fn over(&mut self, number: u64, now: i64) {
        if let Some(session) = self.own.get_mut(&number) {
            session.until = session.until.min(now.max(session.began));
        }
    }

    /// It never began: it was a call and no minute.
    pub(crate) fn never_began(&mut self, number: u64) {
        if let Some(session) = self.own.get_mut(&number) {
            session.until = session.began;
        }
    }

    /// The sessions of others, as they are known now.
    pub(crate) fn others(&mut self, sessions: Vec<Billed>) {
        self.others = sessions;
    }

    /// What a vendor was used for since midnight, and within an hour.
    pub(crate) fn used(&self, vendor: &str, midnight: i64, now: i64) -> Used {
        let theirs = self.own.values().chain(&self.others).filter(|session| session.vendor == vendor);
        let mut used = Used::default();
        for session in theirs {
            let seconds = session.until.min(now) - session.began.max(midnight);
            used.seconds += u64::try_from(seconds).unwrap_or(0);
            used.calls += u64::from(session.began > now - HOUR);
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIDNIGHT: i64 = 1_000_000;

    #[test]
    fn what_runs_counts_until_now_and_what_may_still_run_until_its_end() {
        let mut spending = Spending::default();
        let (first, second) = (spending.ask("tavus", MIDNIGHT + 100, 600), spending.ask("tavus", MIDNIGHT + 100, 600));
        spending.ask("bey", MIDNIGHT + 100, 600);
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 160), Used { seconds: 120, calls: 2 });
        spending.over(first, MIDNIGHT + 130);
        spending.over(first, MIDNIGHT + 500);
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 160).seconds, 90, "what is over stays over");
        // Nobody says that the second is over: it bills until it ends by itself.
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 5_000), Used { seconds: 630, calls: 0 });
        spending.never_began(second);
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 5_000).seconds, 30);
    }

    #[test]
    fn a_session_over_midnight_counts_in_both_days_with_its_part() {
        let mut spending = Spending::default();
        let session = spending.ask("tavus", MIDNIGHT - 300, 3_600);
        spending.over(session, MIDNIGHT + 120);
        assert_eq!(spending.used("tavus", MIDNIGHT - 86_400, MIDNIGHT).seconds, 300);
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 1_000).seconds, 120);
    }

    #[test]
    fn the_sessions_of_others_count_and_are_known_anew_each_time() {
        let mut spending = Spending::default();
        let of = |began, until| Billed { vendor: "tavus".into(), began, until };
        spending.others(vec![of(MIDNIGHT, MIDNIGHT + 60), of(MIDNIGHT + 10, MIDNIGHT + 10)]);
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 100), Used { seconds: 60, calls: 2 });
        spending.others(Vec::new());
        assert_eq!(spending.used("tavus", MIDNIGHT, MIDNIGHT + 100), Used::default());
    }

    #[test]
    fn a_limit_is_reached_when_all_of_it_is_used_and_says_which_one() {
        let used = |seconds, calls| Used { seconds, calls };
        assert_eq!(Limit::default().reached(used(1_000_000, 1_000)), None);
        let limit = Limit { minutes_per_day: Some(2), calls_per_hour: Some(3) };
        assert_eq!(limit.reached(used(119, 2)), None);
        assert_eq!(limit.reached(used(120, 0)), Some("has used its minutes of the day"));
        assert_eq!(limit.reached(used(0, 3)), Some("has used its calls of the hour"));
        assert_eq!(used(61, 0).minutes(), 2);
    }

    proptest! {
        #[test]
        fn seconds_are_those_of_all_sessions_and_never_fewer_a_moment_later(
            sessions in prop::collection::vec((0..172_800_i64, 0..7_200_i64), 0..20),
            asked in 0..172_800_i64,
        ) {
            let mut spending = Spending::default();
            let billed = |(began, length): &(i64, i64)| Billed {
                vendor: "tavus".into(), began: MIDNIGHT + began, until: MIDNIGHT + began + length,
            };
            spending.others(sessions.iter().map(billed).collect());
            let now = MIDNIGHT + 400_000;
            let whole: i64 = sessions.iter().map(|(_, length)| length).sum();
            prop_assert_eq!(spending.used("tavus", MIDNIGHT, now).seconds, u64::try_from(whole).unwrap_or(0));
            let (before, after) = (
                spending.used("tavus", MIDNIGHT, MIDNIGHT + asked),
                spending.used("tavus", MIDNIGHT, MIDNIGHT + asked + 1),
            );
            prop_assert!(before.seconds <= after.seconds);
        }
    }
}
