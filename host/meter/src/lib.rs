//! What a stage call costs: the allocator, the clocks, call records, histograms, the two ledgers and the report.
//!
//! One decision shapes this crate: bytes are counted *where they are allocated*, by the process's own `malloc`. The
//! host's allocator is jemalloc under the plain names, so a Rust plugin, a C++ library inside it and the host all draw
//! from it, and its counters of the calling thread cost a few nanoseconds to read. Resident memory alone would miss
//! the peak of a call, blur every small one, and charge a page to whoever ran when it was touched.
//!
//! Three consequences:
//! - *Who* is a thread's question. A thread is bound to the arena of its name once, at its start ([`arena`]); nothing
//!   is switched on a call, because thread caches ignore the switch.
//! - Allocated bytes and resident pages are two quantities, and no row of one is ever added to the other ([`ledger`]).
//! - Buffers that travel from stage to stage would be a gain for ever in the first and a loss for ever in the second;
//!   they lie outside `malloc`, in slabs with an account of their own ([`slab`]).
//!
//! `unsafe` lives on islands here, each with its invariant: [`alloc`], [`thread`] and [`slab`].
//!
//! It must never know: what a plugin is, what is in a packet, a pipeline's text, or who the visitor is.

pub mod account;
pub mod alloc;
pub mod arena;
pub mod calendar;
pub mod clock;
pub mod histogram;
pub mod ledger;
pub mod record;
pub mod report;
pub mod resident;
pub mod slab;
pub mod thread;

pub use alloc::Jemalloc;
pub use arena::{ArenaId, Arenas, Held};
pub use calendar::Calendar;
pub use clock::{Clock, Monotonic, Nanos, Turned};
pub use histogram::Histogram;
pub use slab::Pool;
pub use thread::{CallMeter, Peak};
