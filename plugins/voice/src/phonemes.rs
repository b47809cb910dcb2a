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
