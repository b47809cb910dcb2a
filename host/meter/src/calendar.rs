//! When something was, as people say it: the clock of a run begins where the program does and knows no date.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::Nanos;

/// What the calendar of a place shows while a run's clock shows something else.
///
/// It is a pair of readings, so it tells moments near them: whoever tells moments of another day takes it anew, because
/// the system's time may be set, and a monotonic clock stands still while the machine sleeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// What the run's clock showed.
    clock: Nanos,
    /// The time of day at that moment.
    time: Timestamp,
    zone: TimeZone,
}

impl Calendar {
    /// The calendar of `zone`, an IANA name, at the moment at which the run's clock shows `clock` and milliseconds since 1970
    /// are `unix_ms`; `None` if there is no such zone or no such time.
    pub fn new(clock: Nanos, unix_ms: u64, zone: &str) -> Option<Self> {
        let time = Timestamp::from_millisecond(i64::try_from(unix_ms).ok()?).ok()?;
        Some(Self { clock, time, zone: TimeZone::get(zone).ok()? })
    }

    /// Date and time of day to the second, such as `2026-03-01 18:04:05`.
    pub fn shown(&self, at: Nanos) -> String {
        self.at(at).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    }

    /// The same to the millisecond with the distance from UTC, such as `2026-03-01T18:04:05.250+03:00` (RFC 3339).
    pub fn exact(&self, at: Nanos) -> String {
        self.at(at).map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()).unwrap_or_default()
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// `None` only for what lies further away than 292 years.
    fn at(&self, at: Nanos) -> Option<jiff::Zoned> {
        let since = i64::try_from(i128::from(at) - i128::from(self.clock)).ok()?;
        let time = self.time.checked_add(jiff::SignedDuration::from_nanos(since)).ok()?;
        Some(time.to_zoned(self.zone.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;
    /// 2026-03-29 00:59:58 UTC, two seconds before clocks in Berlin are put forward.
    const BEFORE_SUMMER: u64 = 1_774_745_998_000;

    #[test]
    fn a_moment_is_told_by_the_clocks_of_the_place_on_that_day() {
        let berlin = Calendar::new(10 * SECOND, BEFORE_SUMMER, "Europe/Berlin").unwrap();
        assert_eq!(berlin.exact(10 * SECOND), "2026-03-29T01:59:58.000+01:00");
        assert_eq!(berlin.exact(12 * SECOND + 250_000_000), "2026-03-29T03:00:00.250+02:00");
        assert_eq!(berlin.shown(0), "2026-03-29 01:59:48");
        let riyadh = Calendar::new(10 * SECOND, BEFORE_SUMMER, "Asia/Riyadh").unwrap();
        assert_eq!((riyadh.shown(10 * SECOND).as_str(), riyadh.zone()), ("2026-03-29 03:59:58", "Asia/Riyadh"));
    }

    #[test]
    fn what_is_no_zone_or_no_time_gives_no_calendar() {
        assert_eq!(Calendar::new(0, BEFORE_SUMMER, "Asia/Riad"), None);
        assert_eq!(Calendar::new(0, u64::MAX, "UTC"), None);
        assert_eq!(Calendar::new(0, 0, "UTC").unwrap().exact(0), "1970-01-01T00:00:00.000+00:00");
        assert_eq!(Calendar::new(0, 0, "UTC").unwrap().shown(i64::MAX as Nanos), "2262-04-11 23:47:16");
    }
}
