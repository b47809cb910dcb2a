use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What a vision model says of the scene.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Tags of a closed list.
    pub tags: Vec<String>,
    /// A phrase in the greeting's language.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub observation: String,
    /// How many people are seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u32>,
    /// Whether the answer came from a cache.
    #[serde(default)]
    pub cached: bool,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

cbor_message!(Scene, "majlis/scene@1");
