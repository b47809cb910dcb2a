use majlis_plugin_api::{Data, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The kind of the message that tells what is said when.
pub const PHONEMES: &str = "majlis/phonemes@1";

/// What is said when, for whoever moves a mouth by it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phonemes {
    /// What the symbols are of, such as `ipa`.
    pub alphabet: String,
    /// The times were spread over the sound and not measured.
    pub estimated: bool,
    /// In the order in which they are heard.
    pub phonemes: Vec<Phoneme>,
}

/// One phoneme.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phoneme {
    /// The symbol, without marks of stress.
    pub symbol: String,
    /// When it begins, in milliseconds from the first sample of the utterance.
    pub start_ms: f64,
    /// When it ends.
    pub end_ms: f64,
    /// The word that it is of, counted from 0.
    pub word: u32,
}

impl Phonemes {
    /// These, and after so many milliseconds those. Words are counted on.
    pub(crate) fn followed_by(mut self, next: Self, after_ms: f64) -> Self {
        let words = self.phonemes.iter().map(|phoneme| phoneme.word + 1).max().unwrap_or(0);
        self.estimated |= next.estimated;
        self.phonemes.extend(next.phonemes.into_iter().map(|phoneme| Phoneme {
            start_ms: phoneme.start_ms + after_ms,
            end_ms: phoneme.end_ms + after_ms,
            word: phoneme.word + words,
            ..phoneme
        }));
        self
    }

    pub(crate) fn bytes(&self) -> usize {
        self.phonemes.iter().map(|phoneme| size_of::<Phoneme>() + phoneme.symbol.len()).sum()
    }

    /// The message about an utterance.
    pub(crate) fn message(&self, utterance: u64) -> Data {
        let mut value = json!(self);
        if let Value::Object(map) = &mut value {
            map.insert("utterance".into(), utterance.into());
        }
        Data { kind: PHONEMES.into(), value, extra: Default::default() }
    }
}
