//! Whether a request is one that the vendor's published description allows.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/audio/speech`.
    Speech,
}

/// What of a request's body does not fit the description; nothing where the description is not at hand, which is said loudly.
///
/// # Panics
/// The description is no description.
#[must_use]
pub fn faults(kind: Kind, body: &Value) -> Vec<String> {
    static ORACLES: OnceLock<Option<[Validator; 2]>> = OnceLock::new();
    let oracles = ORACLES.get_or_init(|| {
        let path = majlis_testkit::testdata::path("specs/openai-subset.json")?;
        let text = std::fs::read_to_string(path).expect("the description can be read");
        let description: Value = serde_json::from_str(&text).expect("the description is JSON");
        Some(["CreateChatCompletionRequest", "CreateSpeechRequest"].map(|name| {
            let schema = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "components": description["components"],
                "$ref": format!("#/components/schemas/{name}"),
            });
            jsonschema::options().build(&schema).expect("the description's schemas are schemas")
        }))
    });
    let Some([chat, speech]) = oracles else { return Vec::new() };
    let oracle = match kind {
        Kind::Chat => chat,
        Kind::Speech => speech,
    };
    found(oracle, body)
}

/// What of a body does not fit.
pub(crate) fn found(oracle: &Validator, body: &Value) -> Vec<String> {
    let told = |error: jsonschema::ValidationError<'_>| {
        // A picture in a message would be all of it.
        let words: String = error.to_string().chars().take(200).collect();
        format!("{words} at {}", error.instance_path())
    };
    oracle.iter_errors(body).map(told).collect()
}
