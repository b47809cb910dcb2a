use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What a vision model says of the scene.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// The place of the frame that was looked at, on the input of whoever looked.
    #[serde(default)]
    pub frame: u64,
    /// Tags of a closed list.
    pub tags: Vec<String>,
    /// A phrase about the visitors' surroundings, once for each language in which there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// How many people are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u32>,
    /// Tokens that the answer took, question included; 0 for one of a cache.
    #[serde(default)]
    pub tokens: u64,
    /// Whether the answer came from a cache.
    #[serde(default)]
    pub cached: bool,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A phrase in one language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// A BCP 47 tag.
    pub language: String,
    /// For the eye.
    pub display: String,
    /// For the voice. Empty: it may be shown and not said, as free text that nobody vocalised.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub speak: String,
}

cbor_message!(Scene, "majlis/scene@1");
