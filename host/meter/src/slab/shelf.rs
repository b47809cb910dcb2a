//! Where free slots wait: one shelf for each small class, and one for all large lengths.
//!
//! The lists run through the headers and the locks are plain futexes, so nothing here ever allocates: a release may
//! happen in any stage's call and must not show in its figures.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::header::{Header, Headers};
use super::space::Space;

const RELAXED: Ordering = Ordering::Relaxed;
const PAGE: usize = 4_096;

/// (slot, slab) in bytes. A slab is some hundred kilobytes: one mapping serves many slots, and is touched page by page.
const CLASSES: [(usize, usize); 5] =
    [(256, 256 << 10), (1 << 10, 512 << 10), (4 << 10, 512 << 10), (16 << 10, 1 << 20), (64 << 10, 1 << 20)];
const LARGEST_SMALL: usize = CLASSES[CLASSES.len() - 1].0;

/// Large slots that come back while what was in use before them still counts.
const RECENT: u64 = 64;

/// Large free slots are found by their length in one of these lists.
const LISTS: usize = 32;

pub(super) struct Shelves {
    small: [Mutex<Small>; CLASSES.len()],
    large: Mutex<Large>,
    idle_limit: u64,
}

/// Free slots of one class, and the slab from which the next new ones are cut.
struct Small {
    free: List,
    next: *mut u8,
    offset: u64,
    /// Bytes of the slab that are not cut yet.
    left: usize,
}

struct Large {
    lists: [List; LISTS],
    idle: u64,
    /// Bytes of the slots that somebody holds.
    held: u64,
    /// The most of them since so many arrivals, and in as many before.
    most: [u64; 2],
    /// Counts what came to the lists.
    arrivals: u64,
}

/// Slots from the newest to the oldest.
#[derive(Clone, Copy)]
struct List {
    newest: *mut Header,
    oldest: *mut Header,
}

// SAFETY: the pointers lead to headers and pages of the pool that owns the shelf, and are used under the shelf's lock.
unsafe impl Send for Small {}
// SAFETY: as above.
unsafe impl Send for Large {}

impl Shelves {
    pub(super) fn new(idle_limit: u64) -> Self {
        let small = || Mutex::new(Small { free: List::EMPTY, next: ptr::null_mut(), offset: 0, left: 0 });
        Self {
            small: std::array::from_fn(|_| small()),
            large: Mutex::new(Large { lists: [List::EMPTY; LISTS], idle: 0, held: 0, most: [0; 2], arrivals: 0 }),
            idle_limit,
        }
    }

    /// A free slot for `len` bytes, a new one if there is none.
    pub(super) fn take(
        &self,
        len: usize,
        headers: &Headers,
        space: &Space,
        pool: *const (),
    ) -> io::Result<NonNull<Header>> {
        match class_of(len) {
            Some(class) => self.take_small(class, headers, space, pool),
            None => self.take_large(len, headers, space, pool),
        }
    }

    fn take_small(
        &self,
        class: usize,
        headers: &Headers,
        space: &Space,
        pool: *const (),
    ) -> io::Result<NonNull<Header>> {
        let (size, slab) = CLASSES[class];
        let mut shelf = lock(&self.small[class]);
        if let Some(header) = NonNull::new(shelf.free.newest) {
            shelf.free.remove(header);
            return Ok(header);
        }
        let header = headers.get(pool)?;
        // SAFETY: a fresh header, ours alone.
        let slot = unsafe { header.as_ref() };
        let mut mapped = 0;
        if shelf.left == 0 {
            match space.map(slab) {
                Ok((ptr, offset)) => (shelf.next, shelf.offset, shelf.left) = (ptr.as_ptr(), offset, slab),
                Err(error) => {
                    headers.put_back(slot);
                    return Err(error);
                }
            }
            mapped = slab;
        }
        slot.place(shelf.next, shelf.offset, size, mapped);
        shelf.next = shelf.next.wrapping_add(size);
        shelf.offset += size as u64;
        shelf.left -= size;
        Ok(header)
    }

    fn take_large(&self, len: usize, headers: &Headers, space: &Space, pool: *const ()) -> io::Result<NonNull<Header>> {
        let capacity = len.checked_next_multiple_of(PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
        {
            let mut shelf = lock(&self.large);
            let list = list_of(capacity);
            let found = shelf.lists[list].iter().find(|slot| slot.capacity() == capacity).map(NonNull::from);
            if let Some(header) = found {
                shelf.lists[list].remove(header);
                shelf.idle -= capacity as u64;
                shelf.hold(capacity);
                return Ok(header);
            }
        }
        let header = headers.get(pool)?;
        // SAFETY: a fresh header, ours alone.
        let slot = unsafe { header.as_ref() };
        match space.map(capacity) {
            Ok((ptr, offset)) => slot.place(ptr.as_ptr(), offset, capacity, capacity),
            Err(error) => {
                headers.put_back(slot);
                return Err(error);
            }
        }
        lock(&self.large).hold(capacity);
        Ok(header)
    }

    /// Takes a slot that nobody holds.
    pub(super) fn put_back(&self, slot: &Header, headers: &Headers, space: &Space) {
        if let Some(class) = CLASSES.iter().position(|(size, _)| *size == slot.capacity()) {
            lock(&self.small[class]).free.push(slot);
            return;
        }
        let mut shelf = lock(&self.large);
        shelf.arrivals += 1;
        slot.links.since.store(shelf.arrivals, RELAXED);
        shelf.idle += slot.capacity() as u64;
        shelf.held -= slot.capacity() as u64;
        shelf.lists[list_of(slot.capacity())].push(slot);
        if shelf.arrivals.is_multiple_of(RECENT) {
            shelf.most = [shelf.held, shelf.most[0]];
        }
        // Where many were under way a moment ago they will be again: to unmap and map them costs more than all that is
        // done with them.
        let recent = shelf.most[0].max(shelf.most[1]).saturating_sub(shelf.held);
        shelf.discard_beyond(self.idle_limit.max(recent), headers, space);
    }

    /// Gives back what a burst left.
    pub(super) fn shrink(&self, headers: &Headers, space: &Space) {
        let mut shelf = lock(&self.large);
        shelf.most = [shelf.held; 2];
        shelf.discard_beyond(self.idle_limit.min(super::REST_LIMIT), headers, space);
    }

    pub(super) fn idle_bytes(&self) -> u64 {
        lock(&self.large).idle
    }

    /// Gives the pages of free slots back.
    pub(super) fn trim(&self, headers: &Headers, space: &Space) {
        {
            let mut shelf = lock(&self.large);
            shelf.most = [shelf.held; 2];
            shelf.discard_beyond(0, headers, space);
        }
        for (shelf, (size, _)) in self.small.iter().zip(CLASSES).filter(|(_, (size, _))| *size >= PAGE) {
            for slot in lock(shelf).free.iter().filter(|slot| slot.is_dirty()) {
                if space.clear(slot.offset(), size) {
                    slot.set_clean();
                }
            }
        }
    }
}

impl Large {
    fn hold(&mut self, capacity: usize) {
        self.held += capacity as u64;
        self.most[0] = self.most[0].max(self.held);
    }

    fn discard_beyond(&mut self, limit: u64, headers: &Headers, space: &Space) {
        while self.idle > limit {
            let Some(oldest) = self.remove_oldest() else {
                break;
            };
            discard(oldest, headers, space);
        }
    }

    fn remove_oldest(&mut self) -> Option<&'static Header> {
        let oldest = |list: &List| NonNull::new(list.oldest);
        let since = |header: &NonNull<Header>| {
            // SAFETY: headers on the shelf live as long as the pool.
            unsafe { header.as_ref() }.links.since.load(RELAXED)
        };
        let header = self.lists.iter().filter_map(oldest).min_by_key(since)?;
        // SAFETY: as above; the reference is used only while the pool's shelf is.
        let slot = unsafe { header.as_ref() };
        self.lists[list_of(slot.capacity())].remove(header);
        self.idle -= slot.capacity() as u64;
        Some(slot)
    }
}

impl List {
    const EMPTY: Self = Self { newest: ptr::null_mut(), oldest: ptr::null_mut() };

    fn push(&mut self, slot: &Header) {
        let header = ptr::from_ref(slot).cast_mut();
        slot.links.newer.store(ptr::null_mut(), RELAXED);
        slot.links.older.store(self.newest, RELAXED);
        match NonNull::new(self.newest) {
            // SAFETY: a header on the list; changed under the shelf's lock.
            Some(newest) => unsafe { newest.as_ref() }.links.newer.store(header, RELAXED),
            None => self.oldest = header,
        }
        self.newest = header;
    }

    fn remove(&mut self, header: NonNull<Header>) {
        // SAFETY: this one and its neighbours are headers on the list; changed under the shelf's lock.
        unsafe {
            let links = &header.as_ref().links;
            let newer = links.newer.swap(ptr::null_mut(), RELAXED);
            let older = links.older.swap(ptr::null_mut(), RELAXED);
            match NonNull::new(newer) {
                Some(slot) => slot.as_ref().links.older.store(older, RELAXED),
                None => self.newest = older,
            }
            match NonNull::new(older) {
                Some(slot) => slot.as_ref().links.newer.store(newer, RELAXED),
                None => self.oldest = newer,
            }
        }
    }

    /// From the newest on: its pages are the likeliest to be in the processor's cache.
    fn iter(&self) -> impl Iterator<Item = &Header> {
        // SAFETY: the list's headers live as long as the pool, and the shelf's lock keeps the links.
        let at = |header: *mut Header| NonNull::new(header).map(|header| unsafe { header.as_ref() });
        std::iter::successors(at(self.newest), move |slot| at(slot.links.older.load(RELAXED)))
    }
}

fn discard(slot: &Header, headers: &Headers, space: &Space) {
    space.clear(slot.offset(), slot.capacity());
    if let Some((ptr, len)) = slot.mapping() {
        // SAFETY: a large slot is a mapping of its own, it is on no list any more and nobody holds it.
        unsafe { space.unmap(ptr, len) };
    }
    headers.put_back(slot);
}

fn class_of(len: usize) -> Option<usize> {
    (len <= LARGEST_SMALL).then(|| CLASSES.iter().position(|(size, _)| len <= *size)).flatten()
}

fn list_of(capacity: usize) -> usize {
    (capacity / PAGE) % LISTS
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
