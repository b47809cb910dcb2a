//! Slabs for packets: memory that travels, outside `malloc`.
//!
//! A frame that one stage makes and another drops would be a gain for ever in the account of the first and a loss for
//! ever in that of the second, and as a block of an arena it would be counted twice. So frames and audio lie in one
//! memfd of the host's, in slots that are used again and again: the steady state allocates nothing, a worker process
//! can map the same pages, and each slot knows who made it and who holds it.
//!
//! - **Lengths.** Up to 64 KiB a slot is of the next class (256 B, 1, 4, 16, 64 KiB), many to a slab. A longer one is a
//!   slab of its own, rounded up to 4 KiB, and used again only for lengths that round to the same.
//! - **Memory.** Pages are touched when they are first written. Free large slots are kept up to a limit, or as many
//!   as were in use a moment ago, and the ones unused for longest go first. [`Pool::shrink`] forgets that moment, and
//!   [`Pool::trim`] gives back the rest, for hours without visitors.
//! - **Privacy.** Inside its length a slot shows what was in it before, since clearing 6 MB costs more than writing
//!   them: the producer fills it, or takes it by [`Pool::take_zeroed`]. *Beyond* its length there are only zeros up to
//!   the slot's end, so that a worker which maps whole pages never sees a former visitor.
//! - **Holders.** A stage is its index in the pipeline; [`QUEUE`] and [`HOST`] stand for what is no stage. Holding is
//!   counted for each slot and holder: a stage that holds one slot twice holds one slot.
//!
//! Unsafe island. The invariants: a slot's header is never unmapped before the pool, which outlives every hold; bytes
//! are written only through the one [`SlotMut`]; a slot's links and place are changed only under the lock of its class.
#![allow(unsafe_code)]

mod carry;
mod header;
mod shelf;
mod space;

pub use carry::{hand_to_queue, hold_as};

use std::collections::BTreeMap;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use header::{Header, Headers};
use shelf::Shelves;
pub(crate) use space::NAME;
use space::Space;

/// The holder of a slot that waits on an edge.
pub const QUEUE: u16 = 0xFFFE;
/// The host itself, and every thread that belongs to no stage.
pub const HOST: u16 = 0xFFFF;

/// Free large slots are kept up to this many bytes, five frames of 1920 x 1080 in RGB, or up to what was in use a moment
/// ago.
pub const IDLE_LIMIT: u64 = 32 << 20;

/// Of those this many bytes stay when the last visit has closed: a frame of 1920 x 1080 in RGB, and some photographs. Making
/// the other slots of a stream anew takes a millisecond, once a visit.
pub const REST_LIMIT: u64 = 8 << 20;

/// Why there is no slot.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The system gave no shared memory.
    #[error(
        "packet-memory: no shared memory for a packet of {len} bytes ({source}); give the process more memory, or \
         lower queue depths: `check` prints what a pipeline may need"
    )]
    Memory {
        /// What was asked for, in bytes.
        len: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl PoolError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "packet-memory",
        }
    }
}

/// All packet memory of a run. Clones are the same pool. It lives until the last clone *and* the last slot are dropped.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

/// What a pool is made of.
struct Inner {
    headers: Headers,
    shelves: Shelves,
    space: Space,
    /// Slots taken, by producer.
    made: Box<[AtomicU64]>,
}

/// Slots of one producer that one holder holds: *A made them, B keeps them*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Who took them: a stage's index, or [`HOST`].
    pub producer: u16,
    /// Who holds them: a stage's index, [`QUEUE`] or [`HOST`].
    pub holder: u16,
    /// How many. A slot that two hold stands in two rows.
    pub count: u64,
    /// Their lengths together, in bytes.
    pub bytes: u64,
}

/// Where the pool's memory is, in bytes and slots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of pages that exist (of those in use, those that wait to be used again, and partly used ones).
    pub resident: u64,
    /// Slots that somebody holds, each once.
    pub held: u64,
    /// Their lengths together.
    pub held_bytes: u64,
    /// Large slots that wait to be used again.
    pub idle_bytes: u64,
}

/// A slot's parts, as they cross a boundary, with one hold that goes with them.
#[derive(Debug, Clone, Copy)]
pub struct RawSlot {
    /// The first byte, 64-byte aligned.
    pub ptr: *mut u8,
    /// The length, in bytes.
    pub len: usize,
    /// What [`retain`], [`release`] and [`move_holder`] know the slot by.
    pub token: *const u8,
}

/// A slot that its producer fills. Held by the producer.
#[derive(Debug)]
pub struct SlotMut {
    slot: Slot,
}

/// A filled slot and one hold on it.
#[derive(Debug)]
pub struct Slot {
    header: NonNull<Header>,
    holder: u16,
}

// SAFETY: the bytes behind a `Slot` are not written while it exists; those behind a `SlotMut` only through it. Headers
// are atomics.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Pool {
    /// A pool for stages with indices below `stages`; a holder beyond them counts as [`HOST`]. It takes no memory for
    /// packets before the first one.
    pub fn new(stages: usize) -> Result<Self, PoolError> {
        Self::with_idle_limit(stages, IDLE_LIMIT)
    }

    /// The same with another limit for free large slots, in bytes.
    pub fn with_idle_limit(stages: usize, idle_limit: u64) -> Result<Self, PoolError> {
        let stages = stages.min(header::MOST_STAGES);
        let inner = Inner {
            headers: Headers::new(stages),
            shelves: Shelves::new(idle_limit),
            space: Space::new().map_err(|source| PoolError::Memory { len: 0, source })?,
            made: (0..=stages).map(|_| AtomicU64::new(0)).collect(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A slot of `len` bytes, made and held by `producer`. What is in it is unspecified: see *Privacy* at the
    /// [module](self).
    ///
    /// No system call and no allocation once slots of this length were used and released before.
    pub fn take(&self, producer: u16, len: usize) -> Result<SlotMut, PoolError> {
        self.take_with(producer, len, 0)
    }

    /// A slot of `len` zeros.
    pub fn take_zeroed(&self, producer: u16, len: usize) -> Result<SlotMut, PoolError> {
        self.take_with(producer, len, len)
    }

    fn take_with(&self, producer: u16, len: usize, zeros: usize) -> Result<SlotMut, PoolError> {
        let inner = &*self.inner;
        let header = inner
            .shelves
            .take(len, &inner.headers, &inner.space, Arc::as_ptr(&self.inner).cast())
            .map_err(|source| PoolError::Memory { len, source })?;
        // SAFETY: a header that the shelves gave out is ours alone until it is released.
        let slot = unsafe { header.as_ref() };
        slot.begin(producer, len, zeros);
        inner.made[inner.made_index(producer)].fetch_add(1, Ordering::Relaxed);
        // A slot keeps its pool: the other half is in `Inner::put_back`.
        std::mem::forget(Arc::clone(&self.inner));
        Ok(SlotMut { slot: Slot { header, holder: producer } })
    }

    /// Who holds whose slots, by producer and holder. Looks at every slot, without stopping those who use them: each
    /// row is right for some moment of the look. 8 µs for 1,000 slots; for reports and samples.
    pub fn table(&self) -> Vec<InFlight> {
        let mut rows = BTreeMap::<(u16, u16), (u64, u64)>::new();
        self.inner.headers.for_each(|slot| {
            let Some((producer, len)) = slot.in_use() else {
                return;
            };
            slot.for_each_holder(|holder| {
                let row = rows.entry((producer, holder)).or_default();
                row.0 += 1;
                row.1 += len as u64;
            });
        });
        rows.into_iter()
            .map(|((producer, holder), (count, bytes))| InFlight { producer, holder, count, bytes })
            .collect()
    }

    /// How many slots a stage (or [`HOST`]) has taken since the pool was made.
    pub fn made(&self, producer: u16) -> u64 {
        self.inner.made[self.inner.made_index(producer)].load(Ordering::Relaxed)
    }

    /// Where the pool's memory is.
    pub fn usage(&self) -> Usage {
        let (mut held, mut held_bytes) = (0, 0);
        self.inner.headers.for_each(|slot| {
            if let Some((_, len)) = slot.in_use() {
                held += 1;
                held_bytes += len as u64;
            }
        });
        Usage { resident: self.resident_bytes(), held, held_bytes, idle_bytes: self.inner.shelves.idle_bytes() }
    }

    /// Bytes of pages that exist: what the packets add to resident memory. One system call.
    pub fn resident_bytes(&self) -> u64 {
        self.inner.space.resident()
    }

    /// Gives the memory of free large slots back to the system, but for [`REST_LIMIT`]: what a burst left. For the end of
    /// the last visit.
    pub fn shrink(&self) {
        self.inner.shelves.shrink(&self.inner.headers, &self.inner.space);
    }

    /// Gives the memory of all free slots back to the system, but for slots below 4 KiB, whose pages others share. For
    /// times without visitors; the next slots are made anew.
    pub fn trim(&self) {
        self.inner.shelves.trim(&self.inner.headers, &self.inner.space);
    }

    /// The file in which all slots lie, at their [`Slot::offset`]. Whoever is given it can write to it; reopen it
    /// read-only by `/proc/self/fd` for a worker.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inner.space.fd()
    }
}

impl Inner {
    fn made_index(&self, producer: u16) -> usize {
        usize::from(producer).min(self.made.len() - 1)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.usage().fmt(f)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Every slot keeps the pool, so none is held any more. Headers unmap themselves after this.
        self.headers.for_each(|slot| {
            if let Some((ptr, len)) = slot.mapping() {
                // SAFETY: the mapping is the pool's own and nobody can reach it any more.
                unsafe { self.space.unmap(ptr, len) };
            }
        });
    }
}

impl SlotMut {
    /// From here on it is only read.
    pub fn freeze(self) -> Slot {
        self.slot
    }

    /// Gives the parts and the hold away: whoever has them releases it.
    pub fn into_raw(self) -> RawSlot {
        self.slot.into_raw()
    }
}

impl Deref for SlotMut {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.slot
    }
}

impl DerefMut for SlotMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        let slot = self.slot.header();
        // SAFETY: mapped and initialised for `len` bytes; a `SlotMut` is the only hold on its slot.
        unsafe { std::slice::from_raw_parts_mut(slot.ptr(), slot.len()) }
    }
}

impl Slot {
    /// Takes over parts that [`SlotMut::into_raw`] or [`Slot::into_raw`] gave, and their hold.
    ///
    /// # Safety
    /// `token` is a slot's, one of its holds is the caller's and on account of `holder`, and nobody writes the bytes.
    pub unsafe fn from_raw(token: *const u8, holder: u16) -> Self {
        // SAFETY: passed on; a token is never null.
        Self { header: unsafe { NonNull::new_unchecked(token.cast_mut()) }.cast(), holder }
    }

    /// Gives the parts and the hold away: whoever has them releases it.
    pub fn into_raw(self) -> RawSlot {
        let slot = ManuallyDrop::new(self);
        RawSlot { ptr: slot.header().ptr(), len: slot.len(), token: slot.token() }
    }

    /// Another hold, on account of `holder`.
    pub fn share(&self, holder: u16) -> Self {
        self.header().retain(holder);
        Self { header: self.header, holder }
    }

    /// Puts this hold on account of somebody else: into a queue, out of it, to a stage.
    pub fn move_to(&mut self, holder: u16) {
        self.header().move_holder(self.holder, holder);
        self.holder = holder;
    }

    /// On whose account this hold is.
    pub fn holder(&self) -> u16 {
        self.holder
    }

    /// Who took the slot.
    pub fn producer(&self) -> u16 {
        self.header().producer()
    }

    /// Where the slot begins in [`Pool::fd`], in bytes.
    pub fn offset(&self) -> u64 {
        self.header().offset()
    }

    /// What [`retain`], [`release`] and [`move_holder`] know the slot by.
    pub fn token(&self) -> *const u8 {
        self.header.as_ptr().cast_const().cast()
    }

    fn header(&self) -> &Header {
        // SAFETY: headers live as long as the pool, which this hold keeps.
        unsafe { self.header.as_ref() }
    }
}

impl Deref for Slot {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let slot = self.header();
        // SAFETY: mapped and initialised for `len` bytes; nobody writes while this hold exists.
        unsafe { std::slice::from_raw_parts(slot.ptr(), slot.len()) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: this hold is given back once.
        unsafe { release(self.token(), self.holder) }
    }
}

/// One more hold on a slot, on account of `holder`. No lock: together with its [`release`] four atomic additions, 27 ns.
///
/// # Safety
/// `token` is a slot's, and the caller has one of its holds.
pub unsafe fn retain(token: *const u8, holder: u16) {
    // SAFETY: passed on.
    unsafe { Header::of(token) }.retain(holder);
}

/// Gives one hold back, on account of `holder`; the last one makes the slot free. A holder that has none gives back
/// somebody else's: holds and holders always agree in number.
///
/// # Safety
/// `token` is a slot's, and one of its holds is the caller's, who has it no longer.
pub unsafe fn release(token: *const u8, holder: u16) {
    // SAFETY: passed on.
    let slot = unsafe { Header::of(token) };
    if slot.release(holder) {
        // All that the other holders did with the bytes comes before their next use.
        fence(Ordering::Acquire);
        // SAFETY: the last hold: the slot is ours, and so is the pool's count that `Pool::take` left with it.
        unsafe { put_back(NonNull::from(slot)) }
    }
}

/// Puts a hold from the account of one holder on that of another.
///
/// # Safety
/// As [`retain`].
pub unsafe fn move_holder(token: *const u8, from: u16, to: u16) {
    // SAFETY: passed on.
    unsafe { Header::of(token) }.move_holder(from, to);
}

/// Where a slot begins in [`Pool::fd`], in bytes.
///
/// # Safety
/// As [`retain`].
pub unsafe fn offset_of(token: *const u8) -> u64 {
    // SAFETY: passed on.
    unsafe { Header::of(token) }.offset()
}

/// # Safety
/// The slot was taken from its pool and nobody holds it.
unsafe fn put_back(header: NonNull<Header>) {
    // SAFETY: `Pool::take_with` forgot one count of the pool for this slot. It is dropped at the end of this function,
    // perhaps as the last one, which is why no reference to the header comes in as an argument.
    let pool = unsafe { Arc::from_raw(header.as_ref().pool().cast::<Inner>()) };
    // SAFETY: the pool lives, and so do its headers.
    pool.shelves.put_back(unsafe { header.as_ref() }, &pool.headers, &pool.space);
}
