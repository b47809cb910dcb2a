//! What an operator can do with the gallery: the arguments of its verbs.
//!
//! Each recogniser declares them in its manifest, with the schemas in `plugins/gallery/verbs`, so that all have the same
//! and the host knows none of them.

use std::path::PathBuf;

use majlis_plugin_api::{Error, Result, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::announce::Announce;
use crate::applicant::described;
use crate::consent::Timestamp;
use crate::person::Person;

described! {
    /// Enrols a person in the store from one or more photographs, or from what the camera of the running show sees. The
    /// consent that is recorded is given now. Without either: a person who was imported without consent agrees.
    #[schemars(extend("x-positional" = ["id", "photos"], "x-answer" = ["id", "people", "faces", "px", "sharpness"]))]
    pub struct Enrol {
        announce = "not_at_all";
        /// Unique in the store; `forget` erases by it.
        pub(crate) id: String,
        /// A photograph (JPEG or PNG) that shows the person's face.
        #[schemars(extend("format" = "path"))]
        #[serde(default)]
        pub(crate) photo: Option<PathBuf>,
        /// Photographs of the person.
        #[schemars(schema_with = "paths")]
        #[serde(default)]
        pub(crate) photos: Vec<PathBuf>,
        /// From what the running stage sees now: the person stands before its camera, alone, for some seconds.
        #[serde(default)]
        pub(crate) live: bool,
        /// Which face of the photograph is the person's, where it shows several: 1 is the nearest to the middle and largest.
        #[schemars(range(min = 1))]
        #[serde(default)]
        pub(crate) face: Option<usize>,
        /// The text that the person agreed to: its name and version.
        pub(crate) consent: String,
    }
}

fn not_at_all() -> Announce {
    Announce::None
}

// The attribute for a format would go to the list instead of its items.
fn paths(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "path" } })
}

/// Lists who is enrolled, in the pipeline file or in the store: ids, names and what was agreed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-answer" = ["id", "name_latin", "name_ar", "recognised_now", "until", "enrolled_in", "announce", "consent", "name_sent_to"]))]
#[serde(deny_unknown_fields)]
pub struct List {}

/// Shows all that is kept of a person, except vectors and pictures.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-positional" = ["id"], "x-answer" = ["id", "name_latin", "name_ar", "recognised_now", "until", "enrolled_in", "announce", "consent", "name_sent_to"]))]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// The id that the person was enrolled with.
    pub(crate) id: String,
}

/// Erases a person in every file of the store. An entry of the pipeline file stays: then it says so, and fails.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-positional" = ["id"], "x-answer" = ["id"]))]
#[serde(deny_unknown_fields)]
pub struct Forget {
    /// The id that the person was enrolled with.
    pub(crate) id: String,
}

/// Erases everybody of the store whose consent is over. A show does so by itself, at its start and each hour.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Purge {}

/// Writes everybody of the store into a file that a passphrase opens.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-positional" = ["file"]))]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The file; it must not be there yet, and only its owner can read it.
    #[schemars(extend("format" = "path"))]
    pub(crate) file: PathBuf,
    /// A file whose first line is the passphrase, of 12 characters at least. Without it: the environment's
    /// MAJLIS_PASSPHRASE.
    #[schemars(extend("format" = "path"))]
    #[serde(default)]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Takes people from an export, or from JSON with names and vectors of people who enrolled elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-positional" = ["file"], "x-answer" = ["imported", "inactive", "refused", "id", "why"]))]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The file: an export, or JSON: { "model": SHA256, "people": [{ "id", "name_latin", …, "vectors": [[…]], "consent" }] }.
    #[schemars(extend("format" = "path"))]
    pub(crate) file: PathBuf,
    /// A file whose first line is the export's passphrase. Without it: the environment's MAJLIS_PASSPHRASE.
    #[schemars(extend("format" = "path"))]
    #[serde(default)]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Makes vectors of the model that is in use, and of those that are enrolled for, for everybody whose upright face is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reindex {}

/// Says who cannot be recognised now, and why: no vectors of a model, or no consent that holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-answer" = ["said", "people", "recognised_now", "packs", "pack", "without_vectors", "can_be_read_again", "to_enrol_again", "model"]))]
#[serde(deny_unknown_fields)]
pub struct Check {}

/// Says who a photograph shows, and why: each face, what it was compared with, and each threshold.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-positional" = ["photo", "id"], "x-answer" = [
    "said", "remedy", "asked", "not_compared", "compared_with", "model", "faces", "face", "outcome", "because", "like_asked", "bbox",
    "px", "score", "norm", "checks", "check", "measured", "needed", "holds", "key", "closest", "id", "name", "similarity",
]))]
#[serde(deny_unknown_fields)]
pub struct Why {
    /// The photograph (JPEG or PNG).
    #[schemars(extend("format" = "path"))]
    pub(crate) photo: PathBuf,
    /// Also say how like this person each face is.
    #[serde(default)]
    pub(crate) id: Option<String>,
}

/// The arguments of a verb; no arguments are an empty object.
pub(crate) fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    Ok(serde_json::from_value(arguments)?)
}

impl Enrol {
    /// The photographs, in the order in which they are counted.
    pub(crate) fn photographs(&self) -> Vec<&PathBuf> {
        self.photo.iter().chain(&self.photos).collect()
    }

    /// The person who is to be enrolled at `now`. Who is kept already keeps the names, where none are given.
    pub(crate) fn person(&self, now: Timestamp, kept: Option<&Person>) -> Result<Person> {
        let mut applicant = self.described(&self.id, &self.consent, now);
        if let Some(kept) = kept.filter(|_| applicant.names.are_empty()) {
            applicant.names = kept.names.clone();
        }
        let person = applicant.person()?;
        match &self.until {
            Some(day) if person.consent.is_over(now) => Err(Error::config("until", format!("`{day}` is over"))),
            _ => Ok(person),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_790_000_000;

    fn enrol(change: Value) -> Result<Person> {
        let mut whole = json!({ "id": "p1", "photo": "p1.jpg", "name_latin": "Noura", "consent": "expo-2" });
        whole.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        arguments::<Enrol>(whole)?.person(NOW, None)
    }

    #[test]
    fn the_schemas_are_those_of_the_types() {
        majlis_testkit::schema::check::<Enrol>("verbs/enrol.schema.json");
        majlis_testkit::schema::check::<List>("verbs/list.schema.json");
        majlis_testkit::schema::check::<Show>("verbs/show.schema.json");
        majlis_testkit::schema::check::<Forget>("verbs/forget.schema.json");
        majlis_testkit::schema::check::<Purge>("verbs/purge.schema.json");
        majlis_testkit::schema::check::<Export>("verbs/export.schema.json");
        majlis_testkit::schema::check::<Import>("verbs/import.schema.json");
        majlis_testkit::schema::check::<Reindex>("verbs/reindex.schema.json");
        majlis_testkit::schema::check::<Check>("verbs/check.schema.json");
        majlis_testkit::schema::check::<Why>("verbs/why.schema.json");
    }

    #[test]
    fn consent_is_given_now_and_to_no_more_than_was_said() {
        let person = enrol(json!({})).unwrap();
        assert_eq!((person.consent.given, person.consent.until), (NOW, None));
        assert!(person.consent.recognise && !person.consent.announce && person.consent.name_sent_to.is_empty());
        let person = enrol(json!({ "until": "2026-12-31", "announce": true, "name_sent_to": ["sa"] })).unwrap();
        assert_eq!(person.consent.until, Some(1_798_761_600));
        assert!(person.name_may_be_said(NOW) && person.consent.allows_sending_to("SA", NOW));
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
            (json!({ "minor": true }), "guardian"),
        ] {
            assert_eq!(enrol(change).unwrap_err().path(), path);
        }
        assert!(enrol(json!({ "agreed": true })).is_err());
        assert_eq!(enrol(json!({ "minor": true, "guardian": "her mother" })).unwrap().consent.guardian, "her mother");
    }

    #[test]
    fn a_passphrase_is_no_argument() {
        let arguments = arguments::<Export>(json!({ "file": "a", "passphrase": "secret" }));
        assert!(arguments.is_err());
    }
}
