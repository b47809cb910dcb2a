//! The library's messages, as far as they are used: written by hand, one file a subject.
//!
//! Names are those of the library (`ConnectCallback.Result` is `ConnectCallbackResult`). Fields that are not used are left
//! out; a field that brings a handle never is, because somebody has to drop it. `tests/messages.rs` holds each number, type
//! and label against the descriptors that came with the library.
#![allow(clippy::large_enum_variant)] // a message is read once and taken apart

mod audio;
mod envelope;
mod event;
mod local;
mod participant;
mod room;
mod rpc;
mod stream;
mod track;
mod video;

pub use self::event::ConnectionState;
pub use self::participant::DisconnectReason;
pub use self::track::{TrackKind, TrackSource, VideoCodec};
pub use self::video::VideoRotation;

pub(crate) use self::audio::*;
pub(crate) use self::envelope::*;
pub(crate) use self::event::*;
pub(crate) use self::local::*;
pub(crate) use self::participant::*;
pub(crate) use self::room::*;
pub(crate) use self::rpc::*;
pub(crate) use self::stream::*;
pub(crate) use self::track::*;
pub(crate) use self::video::*;
