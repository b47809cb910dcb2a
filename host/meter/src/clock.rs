//! Clocks: time is an argument, so that a test turns it instead of waiting.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since a clock's beginning. Never negative, never going back.
pub type Nanos = u64;

/// Something that a waiter wants to be told by: see [`Clock::register_waker`].
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// A monotonic clock, and the time of day that goes with it.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the clock's beginning.
    fn now(&self) -> Nanos;

    /// Milliseconds since 1970 in UTC, for people: never subtract two of them.
    fn unix_ms(&self) -> u64;

    /// How long a thread may really sleep for `due`: zero if it has come, `None` if only a [waker](Self::register_waker)
    /// tells when it does.
    fn real_time_until(&self, due: Nanos) -> Option<Duration>;

    /// `waker` is called after each turn of a clock that is turned by hand, on the turning thread. A clock that runs by
    /// itself drops it: there [`Self::real_time_until`] is enough.
    fn register_waker(&self, waker: Waker) {
        drop(waker);
    }
}

/// The clock of a run: starts at 0 where it is made, so make it first in `main`.
///
/// It does not advance while the machine is suspended. A read costs 20 to 25 ns.
#[derive(Debug, Clone)]
pub struct Monotonic {
    beginning: Nanos,
}

impl Monotonic {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self { beginning: monotonic() }
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Nanos {
        monotonic() - self.beginning
    }

    fn unix_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
    }

    fn real_time_until(&self, due: Nanos) -> Option<Duration> {
        Some(Duration::from_nanos(due.saturating_sub(self.now())))
    }
}

/// A clock that a test turns. Clones are the same clock.
#[derive(Clone, Default)]
pub struct Turned {
    inner: Arc<Turning>,
}

#[derive(Default)]
struct Turning {
    now: AtomicU64,
    wakers: Mutex<Vec<Arc<Waker>>>,
}

impl Turned {
    /// What [`Clock::unix_ms`] says when this clock shows 0: 1 January 2024, 00:00 UTC.
    pub const UNIX_MS_AT_ZERO: u64 = 1_704_067_200_000;

    /// A clock that shows 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns the clock on by `by` and wakes who waits for it.
    pub fn advance(&self, by: Duration) {
        self.inner.now.fetch_add(by.as_nanos() as Nanos, Ordering::SeqCst);
        self.wake();
    }

    /// Turns the clock to `to` and wakes who waits for it.
    ///
    /// # Panics
    /// If that would turn it back.
    pub fn set(&self, to: Nanos) {
        let before = self.inner.now.fetch_max(to, Ordering::SeqCst);
        assert!(before <= to, "a clock that shows {before} ns cannot be turned back to {to} ns");
        self.wake();
    }

    fn wake(&self) {
        // Called outside the lock: a waker may register another, or turn the clock itself.
        let wakers = self.inner.wakers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for waker in wakers {
            waker();
        }
    }
}

impl Clock for Turned {
    fn now(&self) -> Nanos {
        self.inner.now.load(Ordering::SeqCst)
    }

    fn unix_ms(&self) -> u64 {
        Self::UNIX_MS_AT_ZERO + self.now() / 1_000_000
    }

    fn real_time_until(&self, due: Nanos) -> Option<Duration> {
        (due <= self.now()).then_some(Duration::ZERO)
    }

    fn register_waker(&self, waker: Waker) {
        self.inner.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(waker));
    }
}

impl std::fmt::Debug for Turned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Turned({} ns)", self.now())
    }
}

/// What the system's monotonic clock shows; `Instant` does not tell, and its arithmetic costs a sixth of a read.
fn monotonic() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as Nanos * 1_000_000_000 + time.tv_nsec as Nanos
}

/// Processor time that the calling thread has used since it began. About 200 ns a read, more than all other figures of
/// a call together: only where it was asked for.
pub fn thread_cpu() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as Nanos * 1_000_000_000 + time.tv_nsec as Nanos
}

/// Processor time that all threads of the process have used since it began.
pub fn process_cpu() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as Nanos * 1_000_000_000 + time.tv_nsec as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_wakes_those_who_wait_and_only_then_is_the_time_due() {
        let clock = Turned::new();
        let woken = Arc::new(Mutex::new(Vec::new()));
        clock.register_waker(Box::new({
            let (clock, woken) = (clock.clone(), Arc::clone(&woken));
            move || woken.lock().unwrap().push(clock.real_time_until(1_500_000_000))
        }));
        assert_eq!(clock.real_time_until(1), None);
        clock.advance(Duration::from_secs(1));
        clock.set(1_500_000_000);
        assert_eq!(*woken.lock().unwrap(), [None, Some(Duration::ZERO)]);
        assert_eq!(clock.unix_ms(), Turned::UNIX_MS_AT_ZERO + 1_500);
    }

    #[test]
    #[should_panic(expected = "cannot be turned back")]
    fn a_turned_clock_never_goes_back() {
        let clock = Turned::new();
        clock.advance(Duration::from_nanos(2));
        clock.set(1);
    }

    #[test]
    fn the_monotonic_clock_says_how_long_to_sleep() {
        let clock = Monotonic::new();
        assert_eq!(clock.real_time_until(0), Some(Duration::ZERO));
        let hour = 3_600_000_000_000;
        let left = clock.real_time_until(hour).unwrap();
        assert!(left > Duration::from_secs(3_000) && left <= Duration::from_nanos(hour), "{left:?}");
    }
}
