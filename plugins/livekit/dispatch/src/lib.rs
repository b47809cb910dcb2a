//! LiveKit's own dispatch, from the side of those who serve rooms: a worker that takes jobs, the tokens that let people, agents
//! and avatars in, the questions about rooms, and the choice of the nearest server.
//!
//! The decision that shapes it: **the server decides who serves a room; a worker only says the truth, at once.** Each offer is
//! answered where it is read, and the slot is taken in the same step, so two jobs never share one, however close they come.
//! Nothing a user of the crate does can hold an answer back: jobs and news reach the user through a channel that never fills the
//! worker's way, and a job that the user drops frees its slot. What the server does not do, such as asking again for a job that
//! found no worker, is left to whoever watches the room.
//!
//! The crate has no thread: [`worker()`] gives a future that the caller's tokio runtime runs.
//!
//! It must never know: what is done in a room, media, and who a visitor is. Keys, secrets and tokens print as `***`; names and
//! metadata get into no sentence of it.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod address;
mod api;
mod error;
mod identity;
mod keys;
mod region;
mod token;
mod twirp;
mod worker;

pub use address::Address;
pub use api::Api;
pub use error::{Error, Result};
pub use identity::new_identity;
pub use keys::Keys;
pub use region::{Candidate, Choice, Measured, Regions, Wanted};
pub use token::{AgentPass, AskedAgent, AvatarPass, ListenerPass, Pass, VisitorPass};
pub use worker::{Event, Handle, Job, Load, Outcome, Running, Worker, WorkerOptions, worker};

/// LiveKit's messages, as its own crate has them.
pub use livekit_protocol as proto;
/// How a server is reached.
pub use majlis_remote::ClientOptions;
