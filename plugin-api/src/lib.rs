//! What a plugin author reads, and all that a plugin depends on.
//!
//! A plugin is a `cdylib` with a manifest, a type that implements [`Stage`], and one line that exports it:
//!
//! ```
//! use majlis_plugin_api::{Faces, Flow, Host, Input, Output, Result, Stage, Utterance, export_stage, manifest};
//!
//! manifest! {
//!     name: "hello",
//!     summary: "Says hello to whoever is seen",
//!     inputs: { faces: Faces },
//!     outputs: { utterance: Utterance },
//!     milestones: ["greeted"],
//!     schema: "../doc/hello.schema.json",
//! }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! pub struct Config {
//!     /// What to say.
//!     text: String,
//! }
//!
//! pub struct Hello {
//!     text: String,
//! }
//!
//! impl Stage for Hello {
//!     type Config = Config;
//!     fn open(config: Config, _: &Host) -> Result<Self> {
//!         Ok(Self { text: config.text })
//!     }
//!     fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
//!         let Input::Packet(packet) = input else { return Ok(Flow::Continue) };
//!         let Some(faces) = packet.get(input::faces)? else { return Ok(Flow::Continue) };
//!         if !faces.faces.is_empty() {
//!             out.emit(output::utterance, Utterance::plain(&self.text, "en"))?;
//!             out.milestone("greeted");
//!         }
//!         Ok(Flow::Continue)
//!     }
//! }
//!
//! export_stage!(Hello);
//! # fn main() {}
//! ```
//!
//! The decision that shapes this crate: **the author's trait and the boundary's trait are different types**, and a
//! macro joins them. So no type of the boundary stands in a signature here, an author writes no `unsafe`, and in that
//! one join live, once, the catching of panics, the poisoning of an instance, the bridge of `tracing` to the host,
//! and the path of a wrong configuration key.
//!
//! No plugin sleeps, or starts a thread in order to wait: it says [`Flow::WakeAt`], or [`Output::defer`]s its work.
//!
//! It must never know: the host's crates, TOML, other plugins.
#![forbid(unsafe_code)]

mod error;
#[doc(hidden)]
pub mod export;
mod host;
mod log;
#[doc(hidden)]
pub mod manifest;
mod message;
mod output;
mod packet;
mod pending;
mod port;
mod secret;
pub mod service;
mod span;
mod stage;
#[cfg(feature = "tokio")]
mod tasks;
mod time;
mod visit;

pub use error::{Error, Refused, Result};
pub use host::{Adopted, Host, Origin, Wire};
pub use message::{
    Any, Audio, AudioMut, AvatarSeen, AvatarStep, Data, Delivered, Delivery, Dismissed, Doubt, Extra, Face, Faces,
    Frame, FrameMut, Identity, Invite, Listener, Message, Observation, Person, Piece, PixelFormat, PossibleFace,
    RoomOrder, SampleFormat, Scene, Speech, SpeechFrom, SpeechTarget, Utterance, UtteranceKind, Welcome, WelcomeKind,
    from_cbor, to_cbor,
};
pub use output::Output;
pub use packet::Packet;
pub use pending::{Gone, Pending};
pub use port::{AnyOut, In, InName, Out};
pub use secret::Secret;
pub use span::Span;
pub use stage::{Event, Flow, Input, Stage};
#[cfg(feature = "tokio")]
pub use tasks::{Task, Tasks, Then};
pub use time::Time;
pub use visit::{Closed, NoVisit, Visit, VisitId};

pub use majlis_abi::plugin::{Buffer, BufferMut};
/// Any value that a verb takes or answers.
pub use serde_json::Value;

#[doc(hidden)]
pub mod __private {
    pub use majlis_abi::export as abi;
    pub use majlis_abi::preamble::{OURS, Preamble};
    pub use majlis_abi::raw::{RawError, RawExtension, StageBox};
    pub use majlis_abi::root::{Description, PluginModule, PluginModule_Ref};
    pub use majlis_abi::{MINOR, entry::stage_box};
}
