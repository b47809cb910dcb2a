//! The allocator of the process: its settings, and its figures by cached MIBs.
//!
//! Unsafe island. The invariant: a control is read and written only with the type that jemalloc documents for it
//! (jemalloc itself refuses another size), and its name was resolved on this process's own allocator.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::OnceLock;

use tikv_jemalloc_sys as je;

use crate::arena::ArenaId;

/// The allocator. A binary, and each of its test binaries, declares it:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: majlis_meter::Jemalloc = majlis_meter::Jemalloc;
///
/// fn main() {
///     assert!(majlis_meter::alloc::available());
/// }
/// ```
///
/// Code in C allocates from it as soon as this crate is linked; without the declaration Rust code comes to it through
/// `malloc`, a few nanoseconds later.
pub use tikv_jemallocator::Jemalloc;

/// Settings for a process that runs for months on a small machine, read before `main` (`MALLOC_CONF` in the
/// environment overrides them).
///
/// - `background_thread`: a stage that freed its temporaries and then waits for the next visitor never allocates, so
///   its arena would never get round to giving pages back; one sleeping thread does it for all. Ten threads that each
///   freed 12 MB and then slept: 5.4 MB resident with it, 54.7 MB without; it used 4.4 ms in 14 s, nearly all of it for
///   the 120 MB, then 0.003 % of a core.
/// - `dirty_decay_ms` 2,000 instead of 10,000: longer than the pause between two frames, shorter than the one between
///   two visitors. `muzzy_decay_ms` 0: pages given back lazily stay in RSS, where an operator sees them.
/// - `narenas` 2: stages have arenas of their own, what is left are threads that nobody adopted. The default (four a
///   processor) costs 92 kB each as soon as threads wander into them.
/// - `thp:never`: where huge pages are set to `always`, one touched byte of an arena becomes 2 MiB.
#[used]
#[cfg_attr(not(target_env = "musl"), unsafe(export_name = "malloc_conf"))]
#[cfg_attr(target_env = "musl", unsafe(export_name = "_rjem_malloc_conf"))]
pub static MALLOC_CONF: Option<&'static c_char> = {
    const TEXT: &CStr =
        c"background_thread:true,max_background_threads:1,dirty_decay_ms:2000,muzzy_decay_ms:0,narenas:2,thp:never";
    // SAFETY: the first byte of a constant that lives for ever and ends with a zero byte.
    Some(unsafe { &*TEXT.as_ptr() })
};

/// What jemalloc says about itself, in bytes, as of the last [`refresh`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Allocated by the program, blocks that wait in thread caches included (`stats.allocated`).
    pub allocated: u64,
    /// Pages that hold at least one allocated byte (`stats.active`).
    pub active: u64,
    /// The allocator's own book-keeping (`stats.metadata`).
    pub metadata: u64,
    /// Freed pages that were not given back yet (`stats.arenas.*.pdirty` and `pmuzzy`).
    pub dirty: u64,
    /// The allocator's estimate of its resident pages: pages that were never touched are in it.
    pub resident: u64,
}

/// Whether the process's `malloc` is the allocator of this crate. If not, every figure of it is absent and reports say
/// so: another `malloc` was preloaded, or the platform does not let one be replaced.
pub fn available() -> bool {
    mibs().is_some()
}

/// The totals; `None` if the allocator is [not available](available).
pub fn totals() -> Option<Totals> {
    let mibs = mibs()?;
    let page = rustix::param::page_size() as u64;
    let pages = |mib: &Mib<4>| mib.at(2, ALL_ARENAS).read::<usize>().unwrap_or(0) as u64 * page;
    let bytes = |mib: &Mib<2>| mib.read::<usize>().map(|n| n as u64);
    Some(Totals {
        allocated: bytes(&mibs.allocated)?,
        active: bytes(&mibs.active)?,
        metadata: bytes(&mibs.metadata)?,
        dirty: pages(&mibs.dirty) + pages(&mibs.muzzy),
        resident: bytes(&mibs.resident)?,
    })
}

/// Takes a new snapshot of all statistics: what [`totals`] and [`crate::Arenas::held`] read afterwards belongs together.
///
/// It costs 7 to 40 µs and visits the locks of all arenas in turn: for reports and samples, never for a call.
pub fn refresh() {
    if let Some(mibs) = mibs() {
        mibs.epoch.write(1_u64);
    }
}

/// Gives the freed pages of an arena back to the system.
pub fn purge(arena: ArenaId) {
    if let (Some(mibs), Some(index)) = (mibs(), arena.index()) {
        mibs.purge.at(1, index).trigger();
    }
}

/// Gives the freed pages of all arenas back to the system.
pub fn purge_all() {
    if let Some(mibs) = mibs() {
        mibs.purge.at(1, ALL_ARENAS).trigger();
    }
}

/// Empties the calling thread's cache: blocks that it freed are free in their arenas from here on. About 1 µs.
pub fn thread_tcache_flush() {
    if let Some(mibs) = mibs() {
        mibs.tcache_flush.trigger();
    }
}

/// Starts to look for the calling thread's peak afresh, at its present level.
pub fn peak_reset() {
    if let Some(mibs) = mibs() {
        mibs.peak_reset.trigger();
    }
}

/// The most that the calling thread had alive above its level at [`peak_reset`], in bytes; up to 61,952 too low, since
/// the allocator looks once in 64 KiB. 0 if not available.
pub fn peak_read() -> u64 {
    mibs().and_then(|mibs| mibs.peak_read.read::<u64>()).unwrap_or(0)
}

/// One setting of the running allocator (`opt.narenas`, …) as a number: what it took from [`MALLOC_CONF`].
pub fn option(name: &CStr) -> Option<i64> {
    available().then_some(())?;
    let mib = Mib::<2>::find(name)?;
    None.or_else(|| mib.read::<u32>().map(i64::from))
        .or_else(|| mib.read::<isize>().map(|n| n as i64))
        .or_else(|| mib.read::<bool>().map(i64::from))
}

/// Where jemalloc counts what the calling thread allocated and freed. Valid for the thread's life, read-only.
pub(crate) fn thread_counters() -> Option<(*const u64, *const u64)> {
    let mibs = mibs()?;
    let allocated = mibs.thread_allocatedp.read::<*mut u64>()?;
    let freed = mibs.thread_freedp.read::<*mut u64>()?;
    (!allocated.is_null() && !freed.is_null()).then_some((allocated.cast_const(), freed.cast_const()))
}

/// `MALLCTL_ARENAS_ALL`.
const ALL_ARENAS: usize = 4_096;

/// Every control that is used after the start, resolved once: a name costs ten times as much as its MIB.
pub(crate) struct Mibs {
    epoch: Mib<1>,
    allocated: Mib<2>,
    active: Mib<2>,
    metadata: Mib<2>,
    resident: Mib<2>,
    dirty: Mib<4>,
    muzzy: Mib<4>,
    purge: Mib<3>,
    tcache_flush: Mib<3>,
    peak_reset: Mib<3>,
    peak_read: Mib<3>,
    thread_allocatedp: Mib<2>,
    thread_freedp: Mib<2>,
    pub(crate) thread_arena: Mib<2>,
    pub(crate) arenas: Mib<2>,
    pub(crate) create: Mib<2>,
    pub(crate) initialized: Mib<3>,
    pub(crate) small: Mib<5>,
    pub(crate) large: Mib<5>,
    pub(crate) tcache_bytes: Mib<4>,
}

impl Mibs {
    fn find() -> Option<Self> {
        Some(Self {
            epoch: Mib::find(c"epoch")?,
            allocated: Mib::find(c"stats.allocated")?,
            active: Mib::find(c"stats.active")?,
            metadata: Mib::find(c"stats.metadata")?,
            resident: Mib::find(c"stats.resident")?,
            dirty: Mib::find(c"stats.arenas.0.pdirty")?,
            muzzy: Mib::find(c"stats.arenas.0.pmuzzy")?,
            purge: Mib::find(c"arena.0.purge")?,
            tcache_flush: Mib::find(c"thread.tcache.flush")?,
            peak_reset: Mib::find(c"thread.peak.reset")?,
            peak_read: Mib::find(c"thread.peak.read")?,
            thread_allocatedp: Mib::find(c"thread.allocatedp")?,
            thread_freedp: Mib::find(c"thread.deallocatedp")?,
            thread_arena: Mib::find(c"thread.arena")?,
            arenas: Mib::find(c"arenas.narenas")?,
            create: Mib::find(c"arenas.create")?,
            initialized: Mib::find(c"arena.0.initialized")?,
            small: Mib::find(c"stats.arenas.0.small.allocated")?,
            large: Mib::find(c"stats.arenas.0.large.allocated")?,
            tcache_bytes: Mib::find(c"stats.arenas.0.tcache_bytes")?,
        })
    }
}

/// The resolved controls; `None` where `malloc` is somebody else's.
pub(crate) fn mibs() -> Option<&'static Mibs> {
    static MIBS: OnceLock<Option<Mibs>> = OnceLock::new();
    MIBS.get_or_init(|| Mibs::find().filter(counts_malloc)).as_ref()
}

/// Linking jemalloc does not make it `malloc`: a preloaded library, or a platform where the plain names cannot be
/// taken, leaves it idle with counters that stand still. So ask it about a block that came from `malloc`.
fn counts_malloc(mibs: &Mibs) -> bool {
    const BLOCK: usize = 1 << 20;
    let Some(counter) = mibs.thread_allocatedp.read::<*mut u64>().filter(|p| !p.is_null()) else {
        return false;
    };
    // SAFETY: jemalloc's counter of this thread, aligned and alive; the block is freed once.
    unsafe {
        let before = counter.read_volatile();
        libc::free(std::hint::black_box(libc::malloc(BLOCK)));
        counter.read_volatile() - before >= BLOCK as u64
    }
}

/// Types of jemalloc's controls: plain numbers for which any bit pattern that jemalloc writes is a value.
pub(crate) trait Figure: Copy {
    const ZERO: Self;
}
impl Figure for u32 {
    const ZERO: Self = 0;
}
impl Figure for u64 {
    const ZERO: Self = 0;
}
impl Figure for usize {
    const ZERO: Self = 0;
}
impl Figure for isize {
    const ZERO: Self = 0;
}
impl Figure for bool {
    const ZERO: Self = false;
}
impl Figure for *mut u64 {
    const ZERO: Self = ptr::null_mut();
}

/// A control's name, resolved.
#[derive(Clone, Copy)]
pub(crate) struct Mib<const N: usize>([usize; N]);

impl<const N: usize> Mib<N> {
    fn find(name: &CStr) -> Option<Self> {
        let (mut mib, mut len) = ([0; N], N);
        // SAFETY: a zero-ended name, and room for `len` parts.
        let status = unsafe { je::mallctlnametomib(name.as_ptr(), mib.as_mut_ptr(), &raw mut len) };
        (status == 0 && len == N).then_some(Self(mib))
    }

    /// The same control of another arena, whose index stands at `place`.
    pub(crate) fn at(mut self, place: usize, arena: usize) -> Self {
        self.0[place] = arena;
        self
    }

    pub(crate) fn read<T: Figure>(&self) -> Option<T> {
        let mut value = T::ZERO;
        let mut len = size_of::<T>();
        // SAFETY: jemalloc writes at most `len` bytes, and nothing but a `T` where the sizes agree.
        let status = unsafe {
            je::mallctlbymib(self.0.as_ptr(), N, (&raw mut value).cast::<c_void>(), &raw mut len, ptr::null_mut(), 0)
        };
        (status == 0 && len == size_of::<T>()).then_some(value)
    }

    pub(crate) fn write<T: Figure>(&self, mut value: T) -> bool {
        // SAFETY: jemalloc reads `size_of::<T>()` bytes, or refuses.
        let status = unsafe {
            je::mallctlbymib(
                self.0.as_ptr(),
                N,
                ptr::null_mut(),
                ptr::null_mut(),
                (&raw mut value).cast::<c_void>(),
                size_of::<T>(),
            )
        };
        status == 0
    }

    fn trigger(&self) {
        // SAFETY: no value goes either way.
        unsafe {
            je::mallctlbymib(self.0.as_ptr(), N, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0);
        }
    }
}
