use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What became of an utterance, told back to whoever composed it. It is of no visit, which may be over by then: emit it through
/// [`Host::origin`](crate::Host::origin), from an output that is marked `#[feedback]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    /// Its [`number`](crate::Utterance::number).
    pub utterance: u64,
    /// What became of it.
    pub delivery: Delivery,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What became of an utterance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Its text is seen.
    Shown,
    /// Its sound was heard to its end.
    Played,
    /// Its sound was broken off, or none could be made.
    Cut,
}

cbor_message!(Delivered, "majlis/delivered@1");
