//! What an operator can do with the gallery: add, list, forget.

use std::path::PathBuf;

use majlis_plugin_api::{Error, Result, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::applicant::Applicant;
use crate::consent::Timestamp;
use crate::gallery::{Gallery, Names, Person};

/// Enrols a person in the store. The consent that is recorded is given now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    /// Unique in the store; `forget` erases by it.
    pub(crate) id: String,
    /// A photograph (JPEG or PNG) that shows this person's face and no other.
    #[schemars(extend("format" = "path"))]
    pub(crate) photo: PathBuf,
    /// The name in Arabic script.
    #[serde(default)]
    name_ar: String,
    /// The vocalised name, as it is to be spoken.
    #[serde(default)]
    name_speak: String,
    /// The name in Latin script.
    #[serde(default)]
    name_latin: String,
    /// The text that the person agreed to: its name and version.
    consent: String,
    /// The last day on which the consent holds, like `2026-12-31` (UTC). Without it: until it is taken back.
    #[serde(default)]
    until: Option<String>,
    /// The person agreed to be announced aloud by name.
    #[serde(default)]
    announce: bool,
    /// Countries (ISO 3166-1, two letters) in which a service may be sent the name.
    #[serde(default)]
    name_sent_to: Vec<String>,
}

/// Lists who is enrolled, in the pipeline file or in the store: ids, names and what was agreed to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {}

/// Erases a person in every file of the store. An entry of the pipeline file stays: then it says so, and fails.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forget {
    /// The id that the person was enrolled with.
    pub(crate) id: String,
}

/// The arguments of a verb; no arguments are an empty object.
pub(crate) fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    Ok(serde_json::from_value(arguments)?)
}

impl Add {
    /// The person that is to be enrolled at `now`.
    pub(crate) fn person(&self, now: Timestamp) -> Result<Person> {
        let person = Applicant {
            id: &self.id,
            names: Names {
                arabic: self.name_ar.clone(),
                spoken: self.name_speak.clone(),
                latin: self.name_latin.clone(),
            },
            given: now,
            consent: &self.consent,
            until: self.until.as_deref(),
            announce: self.announce,
            name_sent_to: &self.name_sent_to,
        }
        .person()?;
        match &self.until {
            Some(day) if !person.consent.allows_recognition(now) => {
                Err(Error::config("until", format!("`{day}` is over")))
            }
            _ => Ok(person),
        }
    }
}

/// Where a person is enrolled.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In the pipeline file's `people`.
    Pipeline,
    /// In the store.
    Store,
}

/// The answer to `list`.
pub(crate) fn listed(galleries: &[(Place, &Gallery)], now: Timestamp) -> Value {
    let people: Vec<Value> = galleries
        .iter()
        .flat_map(|(place, gallery)| gallery.people().iter().map(|person| row(*place, person, now)))
        .collect();
    let model = galleries.first().map(|(_, gallery)| gallery.model().to_string());
    json!({ "model": model, "people": people })
}

fn row(place: Place, Person { id, names, consent }: &Person, now: Timestamp) -> Value {
    let (place, given) = match place {
        // When is part of the consent's words there.
        Place::Pipeline => ("pipeline", None),
        Place::Store => ("store", Some(consent.given)),
    };
    json!({
        "id": id, "name_ar": names.arabic, "name_speak": names.spoken, "name_latin": names.latin, "enrolled_in": place,
        "consent": consent.text, "given": given, "until": consent.until,
        "recognised_now": consent.allows_recognition(now), "announce": consent.announce, "name_sent_to": consent.name_sent_to,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_790_000_000;

    fn add(change: Value) -> Result<Person> {
        let mut whole = json!({ "id": "p1", "photo": "p1.jpg", "name_latin": "Noura", "consent": "expo-2" });
        whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        arguments::<Add>(whole)?.person(NOW)
    }

    #[test]
    fn the_schemas_are_those_of_the_types() {
        majlis_testkit::schema::check::<Add>("verbs/add.schema.json");
        majlis_testkit::schema::check::<List>("verbs/list.schema.json");
        majlis_testkit::schema::check::<Forget>("verbs/forget.schema.json");
    }

    #[test]
    fn consent_is_given_now_and_to_no_more_than_was_said() {
        let person = add(json!({})).unwrap();
        assert_eq!((person.consent.given, person.consent.until), (NOW, None));
        assert!(person.consent.recognise && !person.consent.announce && person.consent.name_sent_to.is_empty());
        let person = add(json!({ "until": "2026-12-31", "announce": true, "name_sent_to": ["sa"] })).unwrap();
        assert_eq!(person.consent.until, Some(1_798_761_600));
        assert!(person.consent.announce && person.consent.allows_sending_to("SA", NOW));
    }

    #[test]
    fn a_person_without_consent_name_or_id_is_not_enrolled() {
        for (change, path) in [
            (json!({ "consent": " " }), "consent"),
            (json!({ "name_latin": "" }), "name_ar"),
            (json!({ "id": "" }), "id"),
            (json!({ "until": "tomorrow" }), "until"),
            (json!({ "until": "2020-01-01" }), "until"),
            (json!({ "name_sent_to": ["KSA"] }), "name_sent_to"),
        ] {
            assert_eq!(add(change).unwrap_err().path(), path);
        }
        assert!(add(json!({ "agreed": true })).is_err());
    }
}
