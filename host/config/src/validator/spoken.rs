//! `x-spoken`: texts that a voice will say.

use majlis_templates::{misread, primary};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Fault, Violation, join};

/// Beside a table whose keys, but for those that its `properties` name, are languages: which texts below them a voice says.
const SPOKEN: &str = "x-spoken";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoken {
    /// Keys of these texts, at any depth. No digits stand in them.
    keys: Vec<String>,
    /// Languages in which each word has its vowel marks.
    #[serde(default)]
    vocalised: Vec<String>,
    /// Languages in which the first of `keys` is needed and not empty.
    #[serde(default)]
    needed: Vec<String>,
}

/// Whether the keyword is written as it must be.
pub(super) fn audit(rules: &Value) -> Result<(), String> {
    Spoken::deserialize(rules).map(drop).map_err(|error| error.to_string())
}

pub(super) fn faults(schema: &Map<String, Value>, table: &Map<String, Value>, pointer: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let Some(rules) = schema.get(SPOKEN).and_then(|rules| Spoken::deserialize(rules).ok()) else {
        return found;
    };
    let is_named = |key: &str| schema.get("properties").is_some_and(|properties| properties.get(key).is_some());
    for (language, said) in table.iter().filter(|(key, _)| !is_named(key)) {
        let Some(said) = said.as_object() else { continue };
        let is_in = |tags: &[String]| tags.iter().any(|tag| tag.eq_ignore_ascii_case(primary(language)));
        let below = join(pointer, language);
        if let Some(key) = rules.keys.first().filter(|_| is_in(&rules.needed)) {
            let is_there = said.get(key).is_some_and(|text| text.as_str().is_none_or(|text| !text.trim().is_empty()));
            if !is_there {
                let fault = Fault::Unspoken { key: key.clone(), language: language.clone() };
                found.push(Violation { pointer: below.clone(), fault });
            }
        }
        texts(said, &rules.keys, is_in(&rules.vocalised), &below, &mut found);
    }
    found
}

fn texts(table: &Map<String, Value>, keys: &[String], vocalised: bool, pointer: &str, found: &mut Vec<Violation>) {
    for (key, value) in table {
        let below = join(pointer, key);
        match value {
            Value::Object(table) => texts(table, keys, vocalised, &below, found),
            Value::String(text) if keys.contains(key) => found.extend(misread(text, vocalised).map(|misread| {
                let fault = Fault::Spoken { told: misread.message("{}"), remedy: misread.remedy() };
                Violation { pointer: below.clone(), fault }
            })),
            _ => {}
        }
    }
}
