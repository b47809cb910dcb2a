//! Arenas: whose memory is it, answered by the thread that allocated it.
//!
//! An arena belongs to a thread's *name* and not to a thread, because it costs 46 to 52 µs and 92 kB, there are 4,094 of
//! them, and none ever comes back: a stage that is restarted or released a thousand times finds the arena it had. All
//! adopted threads of a stage share one more, by the name that the runtime chooses for its background.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{alloc, thread};

/// An arena of the allocator, or the lack of one: where the allocator is not available, or all arenas are taken, a
/// thread stays unbound and its memory stands under *unclaimed*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArenaId(u32);

impl ArenaId {
    /// No arena: nothing can be held in it, and binding a thread to it changes nothing.
    pub const NONE: Self = Self(u32::MAX);

    /// Its number in the allocator.
    pub(crate) fn index(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// What an arena holds, in bytes, as of the last [`alloc::refresh`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes of blocks that the program has: allocated and not yet freed. Exact to 88 B where it was tried.
    pub bytes: u64,
    /// Bytes of blocks that wait in thread caches to be used again. A row of its own, never part of [`Self::bytes`].
    pub tcache_bytes: u64,
}

/// The arenas of the process, by the names of their threads. There is one registry, because there is one allocator.
#[derive(Debug)]
pub struct Arenas {
    names: Mutex<Vec<(String, ArenaId)>>,
}

impl Arenas {
    /// The registry.
    pub fn process() -> &'static Self {
        static PROCESS: Arenas = Arenas { names: Mutex::new(Vec::new()) };
        &PROCESS
    }

    /// The arena of threads of this name: made the first time and kept for ever. [`ArenaId::NONE`] if there is none.
    pub fn named(&self, name: &str) -> ArenaId {
        let mut names = self.names();
        if let Some((_, arena)) = names.iter().find(|(n, _)| n == name) {
            return *arena;
        }
        let made = alloc::mibs().and_then(|mibs| mibs.create.read::<u32>()).map_or(ArenaId::NONE, ArenaId);
        if made != ArenaId::NONE {
            names.push((name.to_owned(), made));
        }
        made
    }

    /// All arenas that have a name, in the order in which they were made.
    pub fn all(&self) -> Vec<(String, ArenaId)> {
        self.names().clone()
    }

    /// Binds the calling thread: what it allocates from here on is held in `arena`. Once, at the thread's start: blocks
    /// that it allocated before stay where they are. The thread counts as adopted until it ends or is
    /// [unbound](Self::unbind). Returns whether an arena took it.
    pub fn bind(&self, arena: ArenaId) -> bool {
        thread::adopt();
        move_to(arena)
    }

    /// Takes the calling thread out of its arena again, for a thread that outlives its adoption: its cache is emptied,
    /// and what it allocates afterwards is unclaimed.
    pub fn unbind(&self) {
        move_to(ArenaId(0));
        thread::forsake();
    }

    /// What an arena held at the last [`alloc::refresh`]; `None` without an arena.
    pub fn held(&self, arena: ArenaId) -> Option<Held> {
        let mibs = alloc::mibs()?;
        let index = arena.index()?;
        let allocated = mibs.small.at(2, index).read::<usize>()? + mibs.large.at(2, index).read::<usize>()?;
        let cached = mibs.tcache_bytes.at(2, index).read::<usize>()?;
        // The caches are read without stopping their threads, so for a moment they may seem to hold more than all.
        Some(Held { bytes: allocated.saturating_sub(cached) as u64, tcache_bytes: cached as u64 })
    }

    /// What arenas without a name held at the last [`alloc::refresh`]: memory of threads that nobody adopted.
    pub fn unclaimed(&self) -> Option<Held> {
        let mibs = alloc::mibs()?;
        let count = mibs.arenas.read::<u32>()?;
        let names = self.names();
        let mut sum = Held::default();
        for arena in (0..count).map(ArenaId).filter(|a| !names.iter().any(|(_, named)| named == a)) {
            let in_use = arena.index().and_then(|i| mibs.initialized.at(1, i).read::<bool>());
            if let Some(held) = in_use.unwrap_or(false).then(|| self.held(arena)).flatten() {
                sum.bytes += held.bytes;
                sum.tcache_bytes += held.tcache_bytes;
            }
        }
        Some(sum)
    }

    fn names(&self) -> MutexGuard<'_, Vec<(String, ArenaId)>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn move_to(arena: ArenaId) -> bool {
    let Some(mibs) = alloc::mibs() else {
        return false;
    };
    if arena == ArenaId::NONE {
        return false;
    }
    // Blocks that wait in the thread's cache belong to the arena that it leaves: without this the next allocations
    // would be served from there and counted there.
    alloc::thread_tcache_flush();
    mibs.thread_arena.write(arena.0)
}
