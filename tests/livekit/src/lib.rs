//! The official LiveKit server, for tests that need a room: started on free ports of the loopback interface, with a key of its
//! own, and ended with the test.
//!
//! ```no_run
//! use majlis_test_livekit::{Server, VideoGrants};
//!
//! let Some(server) = Server::start("a room is joined") else { return };
//! let token = server.token("guest", "stand-1");
//! let recorder = server.access("recorder").with_grants(VideoGrants { hidden: true, ..server.grants("stand-1") });
//! ```
//!
//! The decision that shapes it: **the real server or nothing**. Where `make livekit` has not put it, a test says loudly what it
//! skips, and with `MAJLIS_REQUIRE=all` it fails.
//!
//! It must never know: who joins, and what for.
#![forbid(unsafe_code)]

mod door;
mod place;
mod server;
mod way;

pub use door::{ask_for_token, door_in};
pub use livekit_token::{AccessToken, VideoGrants};
pub use place::{both, descriptors, library, server_binary};
pub use server::Server;
pub use way::Way;
