//! What every stage that asks a service over HTTP shares: one client, what may be tried again and what must not be, bounded
//! answers, and sentences that tell an operator what to do.
//!
//! The decision that shapes it: **a failure says what may follow it**. A server that is busy or a connection that broke may be
//! asked again ([`Failure::may_pass`]), inside the time that the answer is still wanted. A key that is refused, an account without
//! credit or a model that does not exist is asked about once, and then an operator has to act: the breaker opens, tells how to
//! mend it, and lets one question through now and then. What is in between, such as an answer that is no answer, ends this one
//! question. So no stage decides by status codes, and none asks a wrong key three times while a visitor waits.
//!
//! Whatever is asked lives in a future that owns its connection: dropped, the connection or its stream is closed.
//!
//! It must never know: what is asked and what the answer means. No sentence of it holds a key, and none of an address more than
//! scheme, host and path.
#![forbid(unsafe_code)]

mod breaker;
mod client;
mod endpoint;
mod events;
mod failure;
mod judge;
mod remote;
mod reply;
mod sse;
mod tries;

pub use client::{ClientOptions, cause};
pub use endpoint::{Auth, Endpoint, is_here};
pub use events::Events;
pub use failure::Failure;
pub use remote::{Remote, Warmed};
pub use reply::Reply;
pub use sse::ServerEvent;
