//! LiveKit's own library, as safe Rust: join rooms, receive and publish tracks, send and receive packets, streams and
//! questions. The library (`liblivekit_ffi.so`, libwebrtc inside) is opened at run time; nothing is linked or built.
//!
//! ```no_run
//! # async fn example() -> majlis_livekit_ffi::Result<()> {
//! use majlis_livekit_ffi::{ConnectOptions, Ffi, Library, Options, Room, RoomEvent, VideoStream, library};
//!
//! let ffi = Ffi::shared(&Library::open(&library::find(None)?)?, Options::default())?;
//! let mut joined = Room::connect(&ffi, "wss://…", "a token", &ConnectOptions::default()).await?;
//! while let Some(event) = joined.events.next().await {
//!     match event {
//!         RoomEvent::TrackPublished { publication, .. } => publication.set_subscribed(true)?,
//!         RoomEvent::TrackSubscribed { track, .. } => {
//!             let mut pictures = VideoStream::new(&track)?;
//!             let first = pictures.next().await;
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The decision that shapes it: **the rules that cost days are kept by types, not by whoever calls**. What the library counts
//! is given back when its owner is dropped; a room is told that we are ready before anybody has it; a write waits for the one
//! before; memory that is lent lives until its answer; what the library would leave undone in silence is refused with the
//! grant that lacks. Futures are plain: they need no runtime of any kind, and dropping one takes nothing back and breaks
//! nothing.
//!
//! It must never know: what a room is joined for. Visits, avatars and speech belong to the stage.
#![deny(unsafe_op_in_unsafe_fn)]

mod audio;
mod core;
mod error;
mod event;
mod ffi;
mod handle;
pub mod library;
mod local;
mod native;
mod participant;
mod prompt;
mod proto;
mod reader;
mod ring;
mod room;
mod routes;
mod rpc;
mod track;
mod video;
mod writer;

pub use audio::{AudioFrame, AudioSource, AudioStream};
pub use error::{Error, Result};
pub use event::{DataPacket, Events, RoomEvent};
pub use ffi::{Ffi, Level, Log, Options, Record, Spawn, Work};
pub use library::Library;
pub use local::{DataOptions, StreamOptions};
pub use participant::{Participant, ParticipantKind, Permission};
pub use proto::{ConnectionState, DisconnectReason, TrackKind, TrackSource, VideoCodec, VideoRotation};
pub use reader::{ByteReader, Pieces, StreamInfo, TextReader};
pub use room::{ConnectOptions, Joined, Present, Room, RoomInfo, Trouble};
pub use rpc::{Invocation, Method, RpcError};
pub use track::{LocalTrack, Publication, PublishAudio, PublishVideo, RemoteTrack};
pub use video::{Picture, Plane, VideoFrame, VideoSource, VideoStream};
pub use writer::ByteWriter;
