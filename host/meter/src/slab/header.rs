//! What the host knows of a slot: outside the shared file, so that no worker can change it, and outside `malloc`, so
//! that no stage is charged for it.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::mm::{MapFlags, ProtFlags};

use super::{HOST, QUEUE};

const RELAXED: Ordering = Ordering::Relaxed;

/// A slot's header. One count for each holder follows it in memory. What [`super::retain`] and [`super::release`] touch
/// lies in the first 64 bytes.
///
/// Every field is atomic because [`super::Pool::table`] reads headers while others use them; the fields below `links`
/// change only while nobody holds the slot.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Header {
    refs: AtomicU32,
    producer: AtomicU16,
    /// How many stages there are: the length of the counts, less two.
    stages: AtomicU16,
    len: AtomicUsize,
    ptr: AtomicPtr<u8>,
    counts: AtomicPtr<AtomicU16>,
    /// Bytes from the slot's start that may not be zero.
    dirty: AtomicUsize,
    pub(super) links: Links,
    offset: AtomicU64,
    capacity: AtomicUsize,
    /// The length of the mapping that begins here; 0 in a slot that shares another's.
    mapped: AtomicUsize,
    pool: AtomicPtr<()>,
}

/// Neighbours on a free list, and when the slot came there.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) newer: AtomicPtr<Header>,
    pub(super) older: AtomicPtr<Header>,
    pub(super) since: AtomicU64,
}

impl Header {
    /// # Safety
    /// `token` is a slot's and the caller keeps a hold on it.
    pub(super) unsafe fn of<'a>(token: *const u8) -> &'a Self {
        // SAFETY: a token is the address of a header, which lives as long as its pool.
        unsafe { &*token.cast() }
    }

    /// Where the slot is from now on.
    pub(super) fn place(&self, ptr: *mut u8, offset: u64, capacity: usize, mapped: usize) {
        self.ptr.store(ptr, RELAXED);
        self.offset.store(offset, RELAXED);
        self.capacity.store(capacity, RELAXED);
        self.mapped.store(mapped, RELAXED);
        self.dirty.store(0, RELAXED);
    }

    pub(super) fn set_pool(&self, pool: *const ()) {
        self.pool.store(pool.cast_mut(), RELAXED);
    }

    /// Begins a life: one hold, of the producer's; zeros up to `zeros`, and from `len` to the end.
    pub(super) fn begin(&self, producer: u16, len: usize, zeros: usize) {
        let dirty = self.dirty.load(RELAXED);
        let clear = |from: usize, to: usize| {
            if from < to {
                // SAFETY: inside the slot, since `dirty` and `len` are; nobody holds the slot yet.
                unsafe { ptr::write_bytes(self.ptr().add(from), 0, to - from) }
            }
        };
        clear(0, zeros.min(dirty));
        clear(len, dirty);
        self.dirty.store(len, RELAXED);
        self.len.store(len, RELAXED);
        self.producer.store(producer, RELAXED);
        for holder in self.holders() {
            holder.store(0, RELAXED);
        }
        self.holders()[self.index(producer)].store(1, RELAXED);
        // A table that sees the hold sees whose slot it is.
        self.refs.store(1, Ordering::Release);
    }

    pub(super) fn retain(&self, holder: u16) {
        self.refs.fetch_add(1, RELAXED);
        self.holders()[self.index(holder)].fetch_add(1, RELAXED);
    }

    /// Whether that was the last hold.
    pub(super) fn release(&self, holder: u16) -> bool {
        self.take_off(holder);
        self.refs.fetch_sub(1, Ordering::Release) == 1
    }

    pub(super) fn move_holder(&self, from: u16, to: u16) {
        self.holders()[self.index(to)].fetch_add(1, RELAXED);
        self.take_off(from);
    }

    /// A buffer that a stage took and a thread of nobody's drops would leave a hold of the stage's for ever: then
    /// somebody else's is taken off, so that holds and counts agree.
    fn take_off(&self, holder: u16) {
        let less = |count: &AtomicU16| count.fetch_update(RELAXED, RELAXED, |n| n.checked_sub(1)).is_ok();
        if !less(&self.holders()[self.index(holder)]) {
            let _ = self.holders().iter().any(less);
        }
    }

    /// Its producer and length, if somebody holds it.
    pub(super) fn in_use(&self) -> Option<(u16, usize)> {
        (self.refs.load(Ordering::Acquire) > 0).then(|| (self.producer(), self.len()))
    }

    pub(super) fn for_each_holder(&self, mut f: impl FnMut(u16)) {
        let stages = self.stages.load(RELAXED);
        for (at, count) in (0..).zip(self.holders()) {
            if count.load(RELAXED) > 0 {
                f(if at < stages {
                    at
                } else if at == stages {
                    QUEUE
                } else {
                    HOST
                });
            }
        }
    }

    fn index(&self, holder: u16) -> usize {
        let stages = self.stages.load(RELAXED);
        usize::from(match holder {
            QUEUE => stages,
            stage if stage < stages => stage,
            _ => stages + 1,
        })
    }

    fn holders(&self) -> &[AtomicU16] {
        let count = usize::from(self.stages.load(RELAXED)) + 2;
        // SAFETY: `Headers` leaves room for the counts behind each header, and they live as long.
        unsafe { std::slice::from_raw_parts(self.counts.load(RELAXED), count) }
    }

    pub(super) fn ptr(&self) -> *mut u8 {
        self.ptr.load(RELAXED)
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(RELAXED)
    }

    pub(super) fn producer(&self) -> u16 {
        self.producer.load(RELAXED)
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset.load(RELAXED)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity.load(RELAXED)
    }

    pub(super) fn pool(&self) -> *const () {
        self.pool.load(RELAXED)
    }

    /// The mapping that begins with this slot.
    pub(super) fn mapping(&self) -> Option<(*mut u8, usize)> {
        let len = self.mapped.load(RELAXED);
        (len > 0).then(|| (self.ptr(), len))
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(RELAXED) > 0
    }

    pub(super) fn set_clean(&self) {
        self.dirty.store(0, RELAXED);
    }
}

/// All headers of a pool, in pages of their own that are unmapped with it.
pub(super) struct Headers {
    stages: u16,
    /// Bytes from one header to the next.
    stride: usize,
    state: Mutex<State>,
}

struct State {
    /// The newest chunk; each begins with a pointer to the one before.
    chunk: *mut u8,
    /// Bytes of it that are given out.
    used: usize,
    /// Headers whose slots are no more, linked by `older`.
    free: *mut Header,
}

// SAFETY: the pointers lead to pages that this list alone owns, and are followed under its lock.
unsafe impl Send for State {}

/// 64 KiB: 511 headers for up to 14 stages. Untouched pages cost nothing.
const CHUNK: usize = 64 << 10;

/// Two slots never share a cache line.
const LINE: usize = 64;

/// Stages with counts of their own, so that a header fits into a chunk by far.
pub(super) const MOST_STAGES: usize = 4_096;

impl Headers {
    pub(super) fn new(stages: usize) -> Self {
        let stages = stages.min(MOST_STAGES) as u16;
        let counts = (usize::from(stages) + 2) * size_of::<AtomicU16>();
        Self {
            stages,
            stride: (size_of::<Header>() + counts).next_multiple_of(LINE),
            state: Mutex::new(State { chunk: ptr::null_mut(), used: CHUNK, free: ptr::null_mut() }),
        }
    }

    /// A header, all zeros but for what never changes.
    pub(super) fn get(&self, pool: *const ()) -> io::Result<NonNull<Header>> {
        let mut state = self.lock();
        if let Some(header) = NonNull::new(state.free) {
            // SAFETY: a header of this list that has no slot.
            let slot = unsafe { header.as_ref() };
            state.free = slot.links.older.swap(ptr::null_mut(), RELAXED);
            return Ok(header);
        }
        if state.used + self.stride > CHUNK {
            // SAFETY: a new mapping at an address of the kernel's choice.
            let chunk = unsafe {
                let read_write = ProtFlags::READ | ProtFlags::WRITE;
                rustix::mm::mmap_anonymous(ptr::null_mut(), CHUNK, read_write, MapFlags::PRIVATE)?.cast::<u8>()
            };
            // SAFETY: the chunk is page-aligned, and its first header comes behind the pointer.
            unsafe { chunk.cast::<*mut u8>().write(state.chunk) };
            state.chunk = chunk;
            state.used = LINE;
        }
        // SAFETY: inside the chunk; zeros are a valid header.
        let header = unsafe { NonNull::new_unchecked(state.chunk.add(state.used)).cast::<Header>() };
        // SAFETY: so is what follows it, up to the stride.
        let counts = unsafe { header.add(1) }.as_ptr().cast();
        state.used += self.stride;
        // SAFETY: as above, and nobody else knows it yet.
        let slot = unsafe { header.as_ref() };
        slot.stages.store(self.stages, RELAXED);
        slot.counts.store(counts, RELAXED);
        slot.set_pool(pool);
        Ok(header)
    }

    /// Takes back a header whose slot is unmapped.
    pub(super) fn put_back(&self, slot: &Header) {
        slot.place(ptr::null_mut(), 0, 0, 0);
        let mut state = self.lock();
        slot.links.older.store(state.free, RELAXED);
        state.free = ptr::from_ref(slot).cast_mut();
    }

    /// Visits every header that was ever given out.
    pub(super) fn for_each(&self, mut f: impl FnMut(&Header)) {
        let state = self.lock();
        let (mut chunk, mut used) = (state.chunk, state.used);
        while !chunk.is_null() {
            for at in (LINE..).step_by(self.stride).take_while(|at| at + self.stride <= used) {
                // SAFETY: below `used` there are headers at each stride.
                f(unsafe { &*chunk.add(at).cast::<Header>() });
            }
            // SAFETY: a chunk begins with the pointer to the one before.
            chunk = unsafe { chunk.cast::<*mut u8>().read() };
            used = CHUNK;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        let mut chunk = self.lock().chunk;
        while !chunk.is_null() {
            // SAFETY: a chunk begins with the pointer to the one before; the pool is gone, so nobody has a header.
            unsafe {
                let before = chunk.cast::<*mut u8>().read();
                let _ = rustix::mm::munmap(chunk.cast(), CHUNK);
                chunk = before;
            }
        }
    }
}
