//! How busy this host is, for the server that chooses among hosts.
//!
//! What counts is what this process uses of what it may use, of processors and of memory. A machine's other programs are its
//! operator's, who says with `max_visits` how much of it is ours.

use std::collections::VecDeque;
use std::time::Duration;

use majlis_livekit_dispatch::Load;
use majlis_plugin_api::service::load;
use majlis_plugin_api::{Host, Time};
use parking_lot::Mutex;

/// The host is asked this often at most: the worker asks with every message that it hears.
const EVERY: Duration = Duration::from_millis(500);
/// Processor time is looked at over so long: a model that loads makes no host full, and a crowd soon does.
const OVER: Duration = Duration::from_secs(5);

/// Asks the host, and remembers.
pub(crate) struct Gauge {
    host: Host,
    readings: Mutex<Readings>,
}

/// What was read lately.
#[derive(Debug, Default)]
struct Readings {
    /// When, and the processor time used until then, in nanoseconds; the oldest first.
    used: VecDeque<(Time, u64)>,
    last: Load,
}

impl Gauge {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, readings: Mutex::default() }
    }

    /// The load now.
    pub(crate) fn now(&self) -> Load {
        let mut readings = self.readings.lock();
        let now = self.host.now();
        if readings.is_due(now) {
            match load::now(&self.host) {
                Ok(reading) => readings.read(now, &reading),
                Err(error) => tracing::warn!("the host does not say how busy it is: {error}"),
            }
        }
        readings.last
    }
}

impl Readings {
    fn is_due(&self, now: Time) -> bool {
        self.used.back().is_none_or(|(at, _)| now.since(*at) >= EVERY)
    }

    fn read(&mut self, now: Time, reading: &load::Load) {
        self.used.push_back((now, reading.used_ns));
        // One that is older stays: what was used since then is known over the whole time.
        while self.used.get(1).is_some_and(|(at, _)| now.since(*at) >= OVER) {
            self.used.pop_front();
        }
        let limit = reading.limit.filter(|limit| *limit > 0);
        let memory = limit.unwrap_or(u64::MAX).min(if reading.memory > 0 { reading.memory } else { u64::MAX });
        self.last = Load { processor: self.processor(reading.processors), memory: share(reading.resident, memory) };
    }

    fn processor(&self, processors: u32) -> f32 {
        let (Some((since, before)), Some((until, used))) = (self.used.front(), self.used.back()) else { return 0.0 };
        let there_was = until.since(*since).as_nanos() * u128::from(processors);
        share(used.saturating_sub(*before), u64::try_from(there_was).unwrap_or(u64::MAX))
    }
}

#[allow(clippy::cast_possible_truncation)] // a share is small
fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn reading(used_ns: u64) -> load::Load {
        load::Load { cores: 0.0, resident: 400, limit: None, visits: 0, used_ns, processors: 2, memory: 1_000 }
    }

    fn at(half_seconds: u64) -> Time {
        Time::from_nanos(half_seconds * SECOND / 2)
    }

    #[test]
    fn the_processors_count_over_the_last_seconds_and_not_since_the_beginning() {
        let mut readings = Readings::default();
        readings.read(at(0), &reading(0));
        assert_eq!(readings.last.processor, 0.0, "one reading says nothing");
        // An hour at rest, and then both processors are busy.
        readings.read(at(7_200), &reading(0));
        for half in 1..=10 {
            readings.read(at(7_200 + half), &reading(half * SECOND));
        }
        assert!((readings.last.processor - 1.0).abs() < 1e-6, "{readings:?}");
        assert!(readings.used.len() <= 12, "{readings:?}");
        // One of them is free again.
        for half in 1..=10 {
            readings.read(at(7_210 + half), &reading((10 * SECOND) + half * SECOND / 2));
        }
        assert!((readings.last.processor - 0.5).abs() < 1e-6, "{readings:?}");
    }

    #[test]
    fn memory_counts_by_the_limit_or_by_what_the_machine_has_whichever_is_less() {
        let mut readings = Readings::default();
        for (limit, memory, load) in [
            (None, 1_000, 0.4),
            (Some(500), 1_000, 0.8),
            (Some(4_000), 1_000, 0.4),
            (None, 0, 0.0),
            (Some(0), 800, 0.5),
        ] {
            readings.read(at(0), &load::Load { limit, memory, ..reading(0) });
            assert!((readings.last.memory - load).abs() < 1e-6, "{limit:?} {memory}: {readings:?}");
        }
    }

    #[test]
    fn the_host_is_not_asked_more_often_than_twice_a_second() {
        let mut readings = Readings::default();
        assert!(readings.is_due(at(0)));
        readings.read(at(0), &reading(0));
        assert!(!readings.is_due(Time::from_nanos(SECOND / 2 - 1)));
        assert!(readings.is_due(at(1)));
    }
}
