//! The calling thread: what a call on it costs, and which threads the host knows.
//!
//! Unsafe island. The invariants: the two counters of a thread are read on that thread only, and while it lives; the
//! bounds of a stack are used only while its thread is registered, which ends on the thread itself.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::alloc;
use crate::clock::{self, Clock, Nanos};

/// What one call cost.
///
/// The bytes are those that the *calling thread* allocated and freed, in native code as well; they are 0 where the
/// allocator is [not available](alloc::available).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// When the call began.
    pub start: Nanos,
    /// When it ended.
    pub end: Nanos,
    /// Bytes allocated.
    pub allocated: u64,
    /// Bytes freed, those that another thread had allocated included.
    pub freed: u64,
    /// Allocated less freed.
    pub live: i64,
    /// The most that was alive at once above the level at the start, in bytes. It may be up to 61,952 too low, so show
    /// it as a [`Peak`].
    pub peak: u64,
    /// Processor time of the calling thread, where it was asked for.
    pub cpu: Option<Nanos>,
}

/// A peak as it may be shown: below 64 KiB it is not resolved, and 0 would be a lie.
///
/// ```
/// use majlis_meter::Peak;
/// assert_eq!(Peak(0).to_string(), "< 64 KiB");
/// assert_eq!(Peak(14_000_000).to_string(), "14.0 MB");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peak(pub u64);

impl Peak {
    /// Peaks below this many bytes are not resolved.
    pub const RESOLUTION: u64 = 64 * 1_024;

    /// Whether the figure is large enough to mean something.
    pub fn is_resolved(self) -> bool {
        self.0 >= Self::RESOLUTION
    }
}

impl fmt::Display for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_resolved() { f.pad(&format!("{:.1} MB", self.0 as f64 / 1e6)) } else { f.pad("< 64 KiB") }
    }
}

/// The meter of a call that is in progress on this thread. A thread has one peak, so meters are never nested.
#[must_use = "a call is measured between `start` and `stop`"]
#[derive(Debug)]
pub struct CallMeter {
    start: Nanos,
    allocated: u64,
    freed: u64,
    cpu: Option<Nanos>,
    /// Not `Send`: the counters are this thread's.
    here: PhantomData<*const ()>,
}

impl CallMeter {
    /// Begins to measure. Both ends together cost 69 ns, 47 of them for the clock's two reads (`examples/meter.rs`).
    pub fn start(clock: &(impl Clock + ?Sized)) -> Self {
        alloc::peak_reset();
        let (allocated, freed) = counters();
        Self { start: clock.now(), allocated, freed, cpu: None, here: PhantomData }
    }

    /// Begins to measure; with `cpu` the thread's processor time as well, which costs more than the rest.
    pub fn start_as(clock: &(impl Clock + ?Sized), cpu: bool) -> Self {
        let cpu = cpu.then(clock::thread_cpu);
        Self { cpu, ..Self::start(clock) }
    }

    /// Ends, and tells what was used since the start.
    pub fn stop(self, clock: &(impl Clock + ?Sized)) -> Cost {
        let end = clock.now();
        let (allocated, freed) = counters();
        let (allocated, freed) = (allocated - self.allocated, freed - self.freed);
        Cost {
            start: self.start,
            end,
            allocated,
            freed,
            live: allocated.wrapping_sub(freed) as i64,
            peak: alloc::peak_read(),
            cpu: self.cpu.map(|before| clock::thread_cpu() - before),
        }
    }
}

/// What metering one call costs on this machine: the mean of 10,000 empty ones, about 1 ms in all; 6 ms with `cpu`.
pub fn overhead(clock: &(impl Clock + ?Sized), cpu: bool) -> Nanos {
    const CALLS: u64 = 10_000;
    let before = clock.now();
    for _ in 0..CALLS {
        std::hint::black_box(CallMeter::start_as(clock, cpu).stop(clock));
    }
    (clock.now() - before) / CALLS
}

/// Bytes that the calling thread allocated and freed since it began; 0 where the allocator is not available. 1 ns.
pub fn counters() -> (u64, u64) {
    static STILL: u64 = 0;
    thread_local! {
        static COUNTERS: Cell<Option<(*const u64, *const u64)>> = const { Cell::new(None) };
    }
    let (allocated, freed) = COUNTERS.get().unwrap_or_else(|| {
        let found = alloc::thread_counters().unwrap_or((&raw const STILL, &raw const STILL));
        COUNTERS.set(Some(found));
        found
    });
    // SAFETY: this thread's counters. Volatile, since the compiler does not know that allocating writes them.
    unsafe { (allocated.read_volatile(), freed.read_volatile()) }
}

/// A thread of the host, or one that was adopted.
#[derive(Debug)]
struct Known {
    tid: u32,
    /// First and last address of its stack; empty for the main thread, whose stack grows and has a name in `/proc`.
    stack: std::ops::Range<usize>,
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

fn known() -> MutexGuard<'static, Vec<Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the thread off the list when it ends.
struct Registered;

impl Drop for Registered {
    fn drop(&mut self) {
        let me = tid();
        known().retain(|thread| thread.tid != me);
    }
}

thread_local! {
    static REGISTERED: Cell<Option<Registered>> = const { Cell::new(None) };
}

/// Registers the calling thread, until it ends or is forsaken.
pub(crate) fn adopt() {
    let tid = tid();
    if known().iter().any(|thread| thread.tid == tid) {
        return;
    }
    let stack = if tid == std::process::id() { 0..0 } else { own_stack().unwrap_or(0..0) };
    known().push(Known { tid, stack });
    // A thread whose locals are gone already is about to end; nobody would take it off the list.
    if REGISTERED.try_with(|r| r.set(Some(Registered))).is_err() {
        drop(Registered);
    }
}

/// Takes the calling thread off the list.
pub(crate) fn forsake() {
    REGISTERED.with(|r| drop(r.take()));
}

/// Whether the thread with this number was bound to an arena.
pub fn is_known(tid: u32) -> bool {
    known().iter().any(|thread| thread.tid == tid)
}

/// Resident bytes of the stacks of all known threads but the main one, whose stack has a name in `/proc`.
pub fn stacks_resident() -> u64 {
    // The lock keeps each thread on its list, and so its stack mapped, while it is looked at.
    known().iter().map(|thread| resident_within(&thread.stack)).sum()
}

/// The number by which the kernel knows the calling thread.
pub fn tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

fn own_stack() -> Option<std::ops::Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, read by the second and destroyed by the third, once.
    let status = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let status = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        status
    };
    (status == 0).then(|| low.addr()..low.addr() + size)
}

fn resident_within(range: &std::ops::Range<usize>) -> u64 {
    const AT_ONCE: usize = 512;
    let page = rustix::param::page_size();
    let (mut at, end) = (range.start.next_multiple_of(page), range.end / page * page);
    let mut pages = 0;
    while at < end {
        let len = (end - at).min(AT_ONCE * page);
        let mut states = [0_u8; AT_ONCE];
        // SAFETY: one byte a page is written, and there is room for `AT_ONCE`; the memory itself is not touched.
        let status = unsafe { libc::mincore(std::ptr::without_provenance_mut(at), len, states.as_mut_ptr()) };
        if status == 0 {
            pages += states[..len / page].iter().filter(|state| **state & 1 == 1).count();
        }
        at += len;
    }
    (pages * page) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_below_its_resolution_is_never_shown_as_a_figure() {
        assert_eq!(Peak(0).to_string(), "< 64 KiB");
        assert_eq!(Peak(Peak::RESOLUTION - 1).to_string(), "< 64 KiB");
        assert_eq!(Peak(Peak::RESOLUTION).to_string(), "0.1 MB");
        assert_eq!(format!("{:>10}", Peak(156_800_000)), "  156.8 MB");
    }

    #[test]
    fn a_thread_is_known_from_its_adoption_to_its_end_and_its_stack_is_counted() {
        const DEPTH: usize = 600_000;
        #[inline(never)]
        fn touch_stack() -> u64 {
            let deep = std::hint::black_box([1_u8; DEPTH]);
            stacks_resident() + u64::from(deep[DEPTH - 1] - 1)
        }
        let tid = std::thread::spawn(|| {
            assert!(!is_known(tid()));
            adopt();
            adopt();
            assert!(is_known(tid()));
            let before = stacks_resident();
            let after = touch_stack();
            assert!(after >= before + DEPTH as u64 - 65_536, "{before} {after}");
            tid()
        })
        .join()
        .unwrap();
        assert!(!is_known(tid));
    }

    #[test]
    fn a_forsaken_thread_is_a_stranger_again() {
        std::thread::spawn(|| {
            adopt();
            forsake();
            assert!(!is_known(tid()));
        })
        .join()
        .unwrap();
    }
}
