//! A server of our own that speaks `/v1/chat/completions`, `/v1/audio/speech` and, below `/VENDOR`, the APIs of vendors of avatars as
//! those do, and misbehaves on demand: tests of vision, voices, avatars and whole shows ask it over real sockets.
//!
//! ```no_run
//! use majlis_test_server::{Act, Server};
//!
//! let server = Server::start();
//! server.script([Act::status(429).header("retry-after", "1"), Act::say(r#"{"people":2,"tags":[]}"#)]);
//! // … a stage asks `server.base_url()` twice …
//! assert_eq!(server.requests().len(), 2);
//! assert_eq!(server.open_streams(), 0);
//! ```
//!
//! The decision that shapes it: **it is an oracle before it is a mock**. Each request is held against the vendor's published
//! description, and one that does not fit is answered 400 and fails the test when the server is dropped, whatever the test looks
//! at. What it then answers is one [`Act`] of a script; without a script it behaves.
//!
//! It must never know: who asks, and what for.
#![forbid(unsafe_code)]

mod act;
mod answer;
mod avatars;
mod door;
mod oracle;
mod seen;
mod server;

pub use act::Act;
pub use avatars::{AvatarCall, Session, avatar_faults};
pub use door::Proof;
pub use oracle::{Kind, faults};
pub use seen::Request;
pub use server::{Builder, Server};
