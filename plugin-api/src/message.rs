//! The packet types. Frames and audio are a flat header and raw bytes, so that they can lie in shared memory and never
//! be copied; the small messages are CBOR maps with text keys whose unknown keys are kept, so that fields may be added.

mod audio;
mod avatar;
mod delivered;
mod faces;
mod frame;
mod invite;
mod order;
mod rgb;
mod scene;
mod utterance;
mod welcome;

use std::collections::BTreeMap;

use ciborium::Value as Cbor;
use majlis_abi::plugin::{Buffer, HostHandle};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Result;

pub use audio::{Audio, AudioMut, Piece, SampleFormat};
pub use avatar::{AvatarSeen, AvatarStep};
pub use delivered::{Delivered, Delivery};
pub use faces::{Doubt, Face, Faces, Identity, Person, PossibleFace};
pub use frame::{Frame, FrameMut, PixelFormat};
pub use invite::{Invite, Listener};
pub use order::{Dismissed, RoomOrder, Speech, SpeechFrom, SpeechTarget};
pub use scene::{Observation, Scene};
pub use utterance::{Utterance, UtteranceKind};
pub use welcome::{Welcome, WelcomeKind};

/// Something that travels on an edge.
pub trait Message: Sized {
    /// Its name with a version, like `majlis/frame@1`: an edge joins equal names only.
    const TYPE: &'static str;

    /// Its bytes, in a buffer of the host.
    ///
    /// # Errors
    /// It cannot be encoded.
    fn encode(&self, host: &HostHandle) -> Result<Buffer>;

    /// A message from a packet's bytes. `packet_type` is the edge's type, for those that take any.
    ///
    /// # Errors
    /// The bytes are no such message.
    fn decode(buffer: &Buffer, packet_type: &str) -> Result<Self>;
}

/// Encodes a value as CBOR.
///
/// # Errors
/// The value cannot be encoded.
pub fn to_cbor<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    ciborium::into_writer(value, &mut bytes)?;
    Ok(bytes)
}

/// Decodes a value from CBOR.
///
/// # Errors
/// The bytes are no such value.
pub fn from_cbor<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(ciborium::from_reader(bytes)?)
}

pub(crate) fn encode_cbor<T: Serialize>(message: &T, host: &HostHandle) -> Result<Buffer> {
    let bytes = to_cbor(message)?;
    let mut buffer = host.buffer(bytes.len());
    buffer.copy_from_slice(&bytes);
    Ok(buffer.freeze())
}

macro_rules! cbor_message {
    ($type:ty, $name:literal) => {
        impl $crate::message::Message for $type {
            const TYPE: &'static str = $name;
            fn encode(&self, host: &majlis_abi::plugin::HostHandle) -> $crate::Result<majlis_abi::plugin::Buffer> {
                $crate::message::encode_cbor(self, host)
            }
            fn decode(buffer: &majlis_abi::plugin::Buffer, _: &str) -> $crate::Result<Self> {
                $crate::message::from_cbor(buffer).map_err(|error| error.within(concat!("not a ", $name)))
            }
        }
    };
}
pub(crate) use cbor_message;

/// Keys of a message that this version does not know; they are kept and sent on.
pub type Extra = BTreeMap<String, Cbor>;

/// A packet of any type: for stages that look at edges or pass packets on.
#[derive(Clone, Debug)]
pub struct Any {
    /// The packet's type.
    pub packet_type: String,
    /// Its bytes.
    pub buffer: Buffer,
}

impl Any {
    /// The packet as JSON, as it may be shown to people: a frame or audio as its header and a hash of its content,
    /// secrets as `***`. Embeddings are numbers of the message and are shown; leave them out of what is kept.
    ///
    /// # Errors
    /// The bytes are no packet of their type.
    pub fn to_json(&self) -> Result<serde_json::Value> {
        match self.packet_type.as_str() {
            Frame::TYPE => Ok(Frame::decode(&self.buffer, Frame::TYPE)?.to_json()),
            Audio::TYPE => Ok(Audio::decode(&self.buffer, Audio::TYPE)?.to_json()),
            _ => Ok(printable(&from_cbor::<Cbor>(&self.buffer)?)),
        }
    }
}

impl Message for Any {
    const TYPE: &'static str = "any";
    fn encode(&self, _: &HostHandle) -> Result<Buffer> {
        Ok(self.buffer.clone())
    }
    fn decode(buffer: &Buffer, packet_type: &str) -> Result<Self> {
        Ok(Self { packet_type: packet_type.to_owned(), buffer: buffer.clone() })
    }
}

fn printable(value: &Cbor) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Cbor::Null => Json::Null,
        Cbor::Bool(bool) => Json::Bool(*bool),
        Cbor::Integer(number) => i64::try_from(*number)
            .map(Json::from)
            .or_else(|_| u64::try_from(*number).map(Json::from))
            .unwrap_or_else(|_| Json::String(format!("{}", i128::from(*number)))),
        Cbor::Float(number) => Json::from(*number),
        Cbor::Text(text) => Json::String(text.clone()),
        Cbor::Bytes(bytes) => Json::String(format!("{} bytes", bytes.len())),
        Cbor::Array(items) => Json::Array(items.iter().map(printable).collect()),
        Cbor::Map(entries) => {
            if entries.iter().any(|(key, _)| key.as_text() == Some("$secret")) {
                return Json::String("***".into());
            }
            Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| {
                        let key = key.as_text().map_or_else(|| printable(key).to_string(), str::to_owned);
                        (key, printable(value))
                    })
                    .collect(),
            )
        }
        Cbor::Tag(_, inner) => printable(inner),
        _ => Json::Null,
    }
}

/// A message of a plugin's own: a kind, which the plugins that exchange it agree on, and a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// What it is, like `acme/badge@1`.
    pub kind: String,
    /// The value.
    pub value: serde_json::Value,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}
cbor_message!(Data, "majlis/data@1");
