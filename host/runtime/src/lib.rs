//! Threads, edges, events, wakes, visits and the life cycle of stages: a checked pipeline in, calls across the boundary
//! and their records out.
//!
//! The decision that shapes this crate: **one lock for all that the scheduler knows**. Queues, wakes, visits and
//! deferred work stand in one `State`, and every rule (a visit that is gone empties every queue, a
//! flush withdraws what is under way, the last stage that has seen a visit writes its report) is one transaction on
//! it. The lock is held for tens of nanoseconds and never across the boundary; what may block or call back (waking
//! threads, a plugin's notices, reports) is collected in `After` and done after it is released. On the cores
//! of an exhibition's machine a lock for each queue gains nothing, and deadlocks between them would be ours to find.
//!
//! It must never know: TOML, HTTP, what a frame or a face is, where a plugin's file lies.
#![forbid(unsafe_code)]

mod call;
mod core;
mod deliver;
mod ending;
mod finish;
mod graph;
mod host;
mod lane;
mod life;
mod mapped;
mod notes;
mod runtime;
mod schedule;
mod setup;
mod state;
mod timer;
mod verb;
mod visit;
mod work;
mod worker;

pub use runtime::{Controls, CutOff, Ended, Runtime, StartError};
pub use setup::{Observer, OpenError, Opened, Opener, Services, Setup, Then};
pub use verb::{VerbError, control_alone};
