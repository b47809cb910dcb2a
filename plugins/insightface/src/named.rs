//! People whom the pipeline file names: enrolled at each opening from their photographs, in memory and nowhere else.
//!
//! The file is the record: who takes an entry out of it has withdrawn it. So nothing of these people is written to the
//! store, and no verb adds to them.

use std::fmt;
use std::path::PathBuf;

use majlis_plugin_api::{Error, Host, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::Analyser;
use crate::applicant::Applicant;
use crate::consent::Timestamp;
use crate::gallery::{Gallery, Names, Person, Policy};
use crate::photograph::{Ahead, PORTRAIT, portrait};
use crate::stage::told;

/// A person who agreed to be recognised and announced aloud; the operator who writes the entry answers for that.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    /// Unique among these people.
    id: String,
    /// The name in Arabic script.
    #[serde(default)]
    name_ar: String,
    /// The vocalised name, as it is to be spoken.
    #[serde(default)]
    name_speak: String,
    /// The name in Latin script.
    #[serde(default)]
    name_latin: String,
    /// Photographs (JPEG or PNG) with the person's face, at least 80 px across, and no other of similar size.
    #[schemars(schema_with = "photographs")]
    photos: Vec<PathBuf>,
    /// Who agreed, when and to what, in words.
    #[schemars(length(min = 1))]
    consent: String,
    /// The last day on which the consent holds, like `2026-12-31` (UTC). Without it: as long as the entry stands here.
    #[serde(default)]
    until: Option<String>,
    /// Whether the person agreed to be announced aloud by name.
    #[serde(default = "yes")]
    announce: bool,
    /// Countries (ISO 3166-1, two letters) in which a service may be sent the name.
    #[serde(default)]
    name_sent_to: Vec<String>,
}

fn yes() -> bool {
    true
}

// The attribute for a format would go to the list instead of its items.
fn photographs(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "path" }, "minItems": 1 })
}

// Not derived: a name must not get into a log by way of `{:?}`.
impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").finish_non_exhaustive()
    }
}

/// One of them, checked, with the place in the configuration.
struct Entry {
    index: usize,
    person: Person,
    photographs: usize,
}

/// People whose photographs are on their way.
pub(crate) struct Roster {
    entries: Vec<Entry>,
    ahead: Ahead,
}

impl Roster {
    /// Checks what is said of everybody, and begins to decode photographs. Who agreed until a day that is over is left out.
    pub(crate) fn begin(people: &[Named], now: Timestamp, host: &Host) -> Result<Self> {
        let (entries, paths) = checked(people, now)?;
        let paths = paths.iter().map(|path| host.path(path)).collect();
        Ok(Self { entries, ahead: Ahead::start(host, paths)? })
    }

    /// The gallery of these people.
    pub(crate) fn enrol(self, analyser: &mut Analyser, policy: Policy) -> Result<Gallery> {
        let mut gallery = Gallery::new(analyser.model().clone(), policy);
        for entry in &self.entries {
            for number in 0..entry.photographs {
                let place = format!("people[{}].photos[{number}]", entry.index);
                self.add(entry, analyser, &mut gallery).map_err(|error| Error::config(place, error.to_string()))?;
            }
        }
        Ok(gallery)
    }

    fn add(&self, entry: &Entry, analyser: &mut Analyser, gallery: &mut Gallery) -> Result<()> {
        let photograph = self.ahead.next()?;
        let view = photograph.view().map_err(told)?;
        let minimum = gallery.policy().minimum_side.max(PORTRAIT);
        let faces = analyser.detect_all(&view).map_err(told)?;
        let face = portrait(faces, minimum).map_err(Error::new)?;
        let face = analyser.embed(&view, face).map_err(told)?;
        let template = gallery.template(&face).map_err(told)?;
        gallery.add(entry.person.clone(), &template).map_err(told)
    }
}

fn checked(people: &[Named], now: Timestamp) -> Result<(Vec<Entry>, Vec<PathBuf>)> {
    let (mut entries, mut paths) = (Vec::new(), Vec::new());
    for (index, named) in people.iter().enumerate() {
        let wrong = |key: &str, what: String| Err(Error::config(format!("people[{index}].{key}"), what));
        let person = match named.person() {
            Ok(person) => person,
            Err(error) => return wrong(error.path(), error.to_string()),
        };
        if let Some(first) = people[..index].iter().position(|other| other.id == named.id) {
            return wrong("id", format!("people[{first}] has the same id"));
        }
        if named.photos.is_empty() {
            return wrong("photos", "a person is enrolled from at least one photograph".into());
        }
        if !person.consent.allows_recognition(now) {
            tracing::warn!(entry = format!("people[{index}]"), "the consent has ended: the person is not recognised");
            continue;
        }
        paths.extend_from_slice(&named.photos);
        entries.push(Entry { index, person, photographs: named.photos.len() });
    }
    Ok((entries, paths))
}

impl Named {
    fn person(&self) -> Result<Person> {
        Applicant {
            id: &self.id,
            names: Names {
                arabic: self.name_ar.clone(),
                spoken: self.name_speak.clone(),
                latin: self.name_latin.clone(),
            },
            // When is said in words; it was before somebody wrote the entry.
            given: 0,
            consent: &self.consent,
            until: self.until.as_deref(),
            announce: self.announce,
            name_sent_to: &self.name_sent_to,
        }
        .person()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = 1_790_000_000;

    fn named(change: Value) -> Named {
        let mut whole = json!({ "id": "p1", "name_latin": "Noura", "photos": ["a.jpg"], "consent": "in writing" });
        let change = change.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(change);
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn who_is_named_may_be_announced_and_the_name_stays_here() {
        let (entries, _) = checked(&[named(json!({}))], NOW).unwrap();
        let consent = &entries[0].person.consent;
        assert!(consent.allows_announcement(NOW) && consent.name_sent_to.is_empty());
        let silent = named(json!({ "announce": false, "name_sent_to": ["sa"] }));
        let consent = silent.person().unwrap().consent;
        assert!(!consent.allows_announcement(NOW) && consent.allows_sending_to("SA", NOW));
    }

    #[test]
    fn what_is_wrong_with_a_person_is_told_with_its_place() {
        for (change, path) in [
            (json!({ "consent": " " }), "people[1].consent"),
            (json!({ "name_latin": "" }), "people[1].name_ar"),
            (json!({ "id": "" }), "people[1].id"),
            (json!({ "id": "p0" }), "people[1].id"),
            (json!({ "photos": [] }), "people[1].photos"),
            (json!({ "until": "tomorrow" }), "people[1].until"),
            (json!({ "name_sent_to": ["KSA"] }), "people[1].name_sent_to"),
        ] {
            let people = [named(json!({ "id": "p0" })), named(change)];
            assert_eq!(checked(&people, NOW).err().unwrap().path(), path);
        }
    }

    #[test]
    fn after_the_end_of_consent_the_photograph_is_not_even_read() {
        let past = named(json!({ "until": "2020-01-01" }));
        let future = named(json!({ "id": "p2", "until": "2030-01-01", "photos": ["b.jpg", "c.jpg"] }));
        let (entries, paths) = checked(&[past, future], NOW).unwrap();
        assert_eq!((entries.len(), entries[0].index), (1, 1));
        assert_eq!(paths, [PathBuf::from("b.jpg"), "c.jpg".into()]);
    }

    #[test]
    fn a_name_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", named(json!({}))).contains("Noura"));
    }
}
