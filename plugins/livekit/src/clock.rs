//! The server's clock on the host's: a participant's arrival is known by the one and told by the other.

use std::time::{Duration, SystemTime};

use majlis_plugin_api::Time;

/// A join that is told of as it happens happened at most so long ago, whatever the server's clock does.
const LATELY: Duration = Duration::from_secs(5);

/// A moment on both clocks. The machine's own time of day is not asked for: only moments that the server named are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerClock {
    server: SystemTime,
    host: Time,
}

impl ServerClock {
    /// The server named this moment, and it was told of at that one.
    pub(crate) fn new(server: SystemTime, host: Time) -> Self {
        Self { server, host }
    }

    /// One more moment that was told of. The pair that took the shortest way is kept.
    pub(crate) fn learn(&mut self, server: SystemTime, host: Time) {
        if self.place(server) > host {
            *self = Self { server, host };
        }
    }

    /// A moment of the server's on the host's clock; never before its beginning.
    pub(crate) fn place(&self, server: SystemTime) -> Time {
        match server.duration_since(self.server) {
            Ok(later) => self.host + later,
            Err(earlier) => {
                Time::from_nanos(nanos(self.host.since(Time::default()).saturating_sub(earlier.duration())))
            }
        }
    }

    /// When somebody came whose join has just been told of.
    pub(crate) fn just_now(&self, server: SystemTime, now: Time) -> Time {
        let earliest = Time::from_nanos(nanos(now.since(Time::default()).saturating_sub(LATELY)));
        self.place(server).clamp(earliest, now)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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

    #[test]
    fn whoever_came_before_us_came_earlier_on_the_hosts_clock_by_as_much() {
        let clock = ServerClock::new(server(100_000), host(60_000));
        assert_eq!(clock.place(server(97_500)), host(57_500));
        assert_eq!(clock.place(server(101_000)), host(61_000));
        assert_eq!(clock.place(server(1)), host(0), "before the host began there is no time");
    }

    #[test]
    fn the_quickest_word_sets_the_clocks() {
        let mut clock = ServerClock::new(server(1_000), host(10_200));
        clock.learn(server(2_000), host(11_050));
        assert_eq!(clock.place(server(3_000)), host(12_050));
        clock.learn(server(3_000), host(12_400));
        assert_eq!(clock.place(server(3_000)), host(12_050), "one that took longer teaches nothing");
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_for_hours() {
        let clock = ServerClock::new(server(10_000_000), host(60_000));
        assert_eq!(clock.just_now(server(1_000), host(70_000)), host(65_000));
        assert_eq!(clock.just_now(server(10_060_000), host(70_000)), host(70_000), "nobody comes later than now");
    }
}
