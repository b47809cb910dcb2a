use serde::{Deserialize, Serialize};

use super::{Cbor, Extra, cbor_message};

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
    /// Nobody looked at this frame: the boxes are carried on from earlier ones, and who came since is in none. Never enough to
    /// hide the faces of a picture.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extrapolated: bool,
    /// The faces; a recogniser says in which order.
    pub faces: Vec<Face>,
    /// What might be faces and is not sure enough to be among them: for hiding faces in a picture, and for nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub possible: Vec<PossibleFace>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a face might be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PossibleFace {
    /// `[x1, y1, x2, y2]` in pixels of the frame, not clipped to it.
    pub bbox: [f32; 4],
    /// The detector's score, 0 to 1.
    pub score: f32,
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
    /// The number under which the recogniser follows this face from frame to frame of one stream, never used again in it;
    /// None where it does not follow faces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u64>,
    /// The box is extrapolated from earlier frames and nobody looked at this one: good for following a face, and never
    /// enough to recognise or to hide one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub predicted: bool,
    /// The normed embedding, where the recogniser is asked to emit it. It identifies a person: never keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embedding: Vec<f32>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Face {
    /// A face of which nothing is known but where it is: of nobody who is enrolled.
    #[must_use]
    pub fn unknown(bbox: [f32; 4], score: f32) -> Self {
        Self {
            bbox,
            score,
            key_points: Vec::new(),
            identity: Identity::Unknown,
            similarity: None,
            track: None,
            predicted: false,
            embedding: Vec::new(),
            extra: Extra::default(),
        }
    }

    /// The shorter side of the box, in pixels.
    #[must_use]
    pub fn size(&self) -> f32 {
        (self.bbox[2] - self.bbox[0]).min(self.bbox[3] - self.bbox[1])
    }

    /// Why it is undecided, where the recogniser says so: the key `doubt`, beside an identity that earlier readers know.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        let word = self.extra.get("doubt")?.as_text()?;
        [Doubt::Likeness, Doubt::Ambiguous, Doubt::Poor, Doubt::Few].into_iter().find(|doubt| doubt.word() == word)
    }

    /// The same face, undecided for this reason.
    #[must_use]
    pub fn doubted(mut self, doubt: Doubt) -> Self {
        self.identity = Identity::Undecided;
        self.extra.insert("doubt".into(), Cbor::Text(doubt.word().into()));
        self
    }
}

/// Why a face is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is like somebody, and not enough.
    Likeness,
    /// It is as much like one person as like another.
    Ambiguous,
    /// It cannot be seen well enough to be compared.
    Poor,
    /// It was not seen often enough yet, or the looks at it do not agree.
    Few,
}

impl Doubt {
    fn word(self) -> &'static str {
        match self {
            Self::Likeness => "likeness",
            Self::Ambiguous => "ambiguous",
            Self::Poor => "poor",
            Self::Few => "few",
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_cbor, to_cbor};

    #[test]
    fn a_doubt_travels_beside_an_identity_that_earlier_readers_know() {
        for doubt in [Doubt::Likeness, Doubt::Ambiguous, Doubt::Poor, Doubt::Few] {
            let bytes = to_cbor(&Face::unknown([0.0; 4], 0.9).doubted(doubt)).expect("a face can be written");
            let read: Face = from_cbor(&bytes).expect("and read");
            assert_eq!((read.identity.clone(), read.doubt()), (Identity::Undecided, Some(doubt)));
        }
        assert_eq!(Face::unknown([0.0; 4], 0.9).doubt(), None);
    }
}
