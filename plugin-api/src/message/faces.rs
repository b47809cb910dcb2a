use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What a recogniser says of one frame: these faces, or none. It answers for every frame, so that *no face was seen*
/// and *nobody could look* are different.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Faces {
    /// Width of the frame, in pixels.
    pub width: u32,
    /// Height of the frame, in pixels.
    pub height: u32,
    /// The frame's place on the recogniser's input, so that a picture can be matched with its faces.
    pub frame: u64,
    /// The faces, by descending score.
    pub faces: Vec<Face>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One face.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Face {
    /// `[x1, y1, x2, y2]` in pixels of the frame, not clipped to it.
    pub bbox: [f32; 4],
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// Key points `[x, y]` in pixels of the frame: eyes, nose, corners of the mouth, from the picture's left; or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_points: Vec<[f32; 2]>,
    /// Who it is.
    pub identity: Identity,
    /// Cosine to the most similar enrolled person, -1 to 1, where anybody is enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
    /// The normed embedding, where the recogniser is asked to emit it. It identifies a person: never keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embedding: Vec<f32>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Face {
    /// The shorter side of the box, in pixels.
    #[must_use]
    pub fn size(&self) -> f32 {
        (self.bbox[2] - self.bbox[0]).min(self.bbox[3] - self.bbox[1])
    }
}

/// What is known of who a face is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// An enrolled person.
    Known(Person),
    /// Nobody who is enrolled.
    Unknown,
    /// Too small to say; never named.
    TooSmall,
    /// Not decided yet, which is not unknown.
    Undecided,
}

/// An enrolled person, as far as a greeting needs to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// The id in the gallery.
    pub id: String,
    /// The name in Arabic script, for the eye.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name_ar: String,
    /// The vocalised name, for the voice.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name_speak: String,
    /// The name in Latin script.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name_latin: String,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Person {
    /// Whether the person agreed to be named aloud. Who did not is greeted as a guest. A recogniser that knows no such
    /// wish says nothing (the key `announce` is absent), and then the name may be said.
    #[must_use]
    pub fn may_be_announced(&self) -> bool {
        self.extra.get("announce").is_none_or(|wish| wish.as_bool() != Some(false))
    }
}

cbor_message!(Faces, "majlis/faces@1");
