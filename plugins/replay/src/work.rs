//! The stand-in for work: memory that is really there, and time that really passes.
//!
//! The one place where a plugin sleeps: what sleeps here was busy in the system that was measured.

use std::time::Duration;

use majlis_plugin_api::Time;

/// Smallest page of the systems that this runs on.
const PAGE: usize = 4_096;
/// How long work goes on without looking whether it was withdrawn.
const SLICE: Duration = Duration::from_millis(50);

/// Memory whose every page was written, so that it counts as resident and not only as asked for.
pub(crate) fn memory(megabytes: f64) -> Vec<u8> {
    // In range: the configuration was checked.
    let bytes = (megabytes * 1e6).round() as usize;
    let mut memory = vec![0; bytes];
    for page in memory.chunks_mut(PAGE) {
        page[0] = 1;
    }
    memory
}

/// Lets the rest of `time` pass since `begun`, unless the work is withdrawn.
pub(crate) fn pass(time: Duration, begun: Time, now: impl Fn() -> Time, withdrawn: impl Fn() -> bool) {
    let target = begun + time;
    let mut left = target.since(now());
    while !left.is_zero() && !withdrawn() {
        let slice = left.min(SLICE);
        std::thread::sleep(slice);
        // A sleep may be longer than asked for; and on a clock that stands still it has to end as well.
        left = (left - slice).min(target.since(now()));
    }
}
