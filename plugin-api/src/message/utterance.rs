use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What is said to a visitor: one text for the eye and one for the voice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// For the eye.
    pub display: String,
    /// For the voice: fully vocalised Arabic, without emoji, tatweel, Markdown or bidi controls.
    pub speak: String,
    /// A BCP 47 tag.
    pub language: String,
    /// What it is for.
    pub kind: UtteranceKind,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What an utterance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UtteranceKind {
    /// A greeting by name.
    Named,
    /// A greeting for a guest.
    Guest,
    /// Anything else.
    Other,
}

impl Utterance {
    /// The same text for eye and voice.
    #[must_use]
    pub fn plain(text: &str, language: &str) -> Self {
        Self {
            display: text.to_owned(),
            speak: text.to_owned(),
            language: language.to_owned(),
            kind: UtteranceKind::Other,
            extra: Extra::new(),
        }
    }
}

cbor_message!(Utterance, "majlis/utterance@1");
