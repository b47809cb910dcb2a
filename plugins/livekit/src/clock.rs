//! The server's clock on the host's: a participant's arrival is known by the one and told by the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use majlis_plugin_api::Time;
use parking_lot::Mutex;

/// A join that is told of as it happens happened at most so long ago, whatever the server's clock does.
const LATELY: Duration = Duration::from_secs(5);
/// And of a moment it is told so long after it at most; what is older is of a clock that was set back.
const LATEST: Duration = Duration::from_secs(30);
/// Two clocks go apart by a part in so many at most.
const DRIFT: u32 = 10_000;

/// A server's clock, as far as it is known. The machine's own time of day is not asked for: only moments that the server named are
/// compared. All rooms on the server share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock(Arc<Mutex<Option<Pair>>>);

/// A moment on both clocks: the server named it, and it was told of then.
#[derive(Clone, Copy, Debug)]
struct Pair {
    server: SystemTime,
    host: Time,
}

impl ServerClock {
    /// The server named this moment, and it was told of then, perhaps long after. The pair that took the shortest way is kept.
    pub(crate) fn learn(&self, server: SystemTime, told: Time) {
        self.keep_if(server, told, |placed, _| placed > told || placed < before(told, LATEST));
    }

    /// The same of a moment that was told of soon after: the two clocks may have gone apart since they were compared last.
    pub(crate) fn learn_soon(&self, server: SystemTime, told: Time) {
        self.keep_if(server, told, |placed, since| placed + since / DRIFT > told || placed < before(told, LATEST));
    }

    /// The same of an own join, which took so long and ended then: what cannot lie within it is of a clock that was set.
    pub(crate) fn learn_own(&self, server: SystemTime, told: Time, took: Duration) {
        self.keep_if(server, told, |placed, _| placed > told || placed < before(told, took));
    }

    /// Takes this pair if none is known, or if it is better than what is: where that places the moment, and how long ago it was kept.
    fn keep_if(&self, server: SystemTime, told: Time, is_better: impl Fn(Time, Duration) -> bool) {
        let mut known = self.0.lock();
        if known.as_ref().is_none_or(|pair| is_better(pair.place(server), told.since(pair.host))) {
            *known = Some(Pair { server, host: told });
        }
    }

    /// A moment of the server's on the host's clock, never before its beginning; nothing while no moment is known.
    pub(crate) fn place(&self, server: SystemTime) -> Option<Time> {
        self.0.lock().map(|pair| pair.place(server))
    }

    /// When somebody came whose join has just been told of.
    pub(crate) fn just_now(&self, server: SystemTime, now: Time) -> Option<Time> {
        self.place(server).map(|at| at.clamp(before(now, LATELY), now))
    }
}

impl Pair {
    fn place(&self, server: SystemTime) -> Time {
        match server.duration_since(self.server) {
            Ok(later) => self.host + later,
            Err(earlier) => before(self.host, earlier.duration()),
        }
    }
}

/// So long before; never before the host's beginning.
fn before(time: Time, by: Duration) -> Time {
    let nanos = time.since(Time::default()).saturating_sub(by).as_nanos();
    Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    fn server(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn clock(at: SystemTime, told: Time) -> ServerClock {
        let clock = ServerClock::default();
        clock.learn(at, told);
        clock
    }

    #[test]
    fn whoever_came_before_us_came_earlier_on_the_hosts_clock_by_as_much() {
        let clock = clock(server(100_000), host(60_000));
        assert_eq!(clock.place(server(97_500)), Some(host(57_500)));
        assert_eq!(clock.place(server(101_000)), Some(host(61_000)));
        assert_eq!(clock.place(server(1)), Some(host(0)), "before the host began there is no time");
    }

    #[test]
    fn the_quickest_word_sets_the_clocks_for_every_room_of_the_server() {
        let clock = clock(server(1_000), host(10_200));
        let elsewhere = clock.clone();
        elsewhere.learn(server(2_000), host(11_050));
        assert_eq!(clock.place(server(3_000)), Some(host(12_050)));
        clock.learn(server(3_000), host(12_400));
        assert_eq!(clock.place(server(3_000)), Some(host(12_050)), "one that took longer teaches nothing");
    }

    #[test]
    fn a_word_of_an_hour_ago_is_not_trusted_to_the_millisecond() {
        let clock = clock(server(0), host(1_000));
        let later = 3_600_000;
        clock.learn_soon(server(later), host(later + 1_400));
        assert_eq!(clock.place(server(later)), Some(host(later + 1_000)), "that took longer than clocks go apart");
        clock.learn(server(later), host(later + 1_300));
        assert_eq!(clock.place(server(later)), Some(host(later + 1_000)), "nobody knows how late that was told of");
        clock.learn_soon(server(later), host(later + 1_300));
        assert_eq!(clock.place(server(later)), Some(host(later + 1_300)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_for_hours() {
        let clock = clock(server(10_000_000), host(60_000));
        assert_eq!(clock.just_now(server(1_000), host(70_000)), Some(host(65_000)));
        assert_eq!(clock.just_now(server(10_060_000), host(70_000)), Some(host(70_000)), "nobody comes later than now");
        clock.learn(server(2_000), host(71_000));
        assert_eq!(clock.place(server(1_000)), Some(host(70_000)), "nobody tells of a join hours later");
        clock.learn(server(2_000), host(91_000));
        assert_eq!(clock.place(server(1_000)), Some(host(70_000)), "but perhaps somewhat later");
        clock.learn_own(server(2_000), host(91_000), Duration::from_millis(150));
        assert_eq!(clock.place(server(1_000)), Some(host(90_000)), "an own join is over when it is over");
    }

    #[test]
    fn of_a_server_that_has_named_no_moment_nothing_is_known() {
        assert_eq!(ServerClock::default().place(server(1)), None);
    }
}
