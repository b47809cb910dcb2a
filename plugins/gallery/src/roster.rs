//! People whom the pipeline file names: enrolled at each opening from their photographs, in memory and nowhere else.
//!
//! The file is the record: who takes an entry out of it has withdrawn it. So nothing of these people is written to the
//! store, and no verb adds to them.

use std::path::PathBuf;

use majlis_plugin_api::{Error, Host, Result};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::announce::Announce;
use crate::applicant::described;
use crate::consent::{Timestamp, today};
use crate::decision::Thresholds;
use crate::enrolment::{admit, portrait};
use crate::gallery::Gallery;
use crate::person::Person;
use crate::photograph::Ahead;
use crate::recogniser::Recogniser;

described! {
    /// A person who agreed to be recognised and announced aloud; the operator who writes the entry answers for that.
    pub struct Named {
        announce = "by_name";
        /// Unique among these people.
        id: String,
        /// Photographs (JPEG or PNG) with the person's face, at least 80 px across, and no other of similar size.
        #[schemars(schema_with = "photographs")]
        photos: Vec<PathBuf>,
        /// Who agreed, when and to what, in words.
        #[schemars(length(min = 1))]
        consent: String,
    }
}

fn by_name() -> Announce {
    Announce::Name
}

// The attribute for a format would go to the list instead of its items.
fn photographs(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "path" }, "minItems": 1 })
}

/// One of them, checked, with the place in the configuration.
struct Entry {
    index: usize,
    person: Person,
    photographs: usize,
}

/// People whose photographs are on their way.
pub struct Roster {
    entries: Vec<Entry>,
    ahead: Ahead,
}

impl Roster {
    /// Checks what is said of everybody, and begins to decode photographs. Who agreed until a day that is over is left out.
    ///
    /// # Errors
    /// What is wrong, with its place: `people[2].until`.
    pub fn begin(people: &[Named], host: &Host) -> Result<Self> {
        let (entries, paths) = checked(people, today())?;
        let paths = paths.iter().map(|path| host.path(path)).collect();
        Ok(Self { entries, ahead: Ahead::start(host, paths)? })
    }

    /// The gallery of these people.
    ///
    /// # Errors
    /// The photograph that is nobody's portrait, with its place: `people[2].photos[0]`.
    pub fn enrol(self, recogniser: &mut dyn Recogniser, thresholds: &Thresholds) -> Result<Gallery> {
        let mut gallery = Gallery::new(recogniser.model().clone());
        for entry in &self.entries {
            for number in 0..entry.photographs {
                let place = format!("people[{}].photos[{number}]", entry.index);
                self.add(entry, recogniser, thresholds, &mut gallery)
                    .map_err(|error| Error::config(place, error.to_string()))?;
            }
        }
        Ok(gallery)
    }

    fn add(
        &self,
        entry: &Entry,
        recogniser: &mut dyn Recogniser,
        thresholds: &Thresholds,
        gallery: &mut Gallery,
    ) -> Result<()> {
        let photograph = self.ahead.next()?;
        let face = portrait(recogniser.detect(&photograph.picture())?)?;
        let admitted = admit(&photograph.picture(), &face, thresholds, recogniser)?;
        Ok(gallery.add(entry.person.clone(), &admitted.template)?)
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
        // When is said in words; it was before somebody wrote the entry.
        self.described(&self.id, &self.consent, 0).person()
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
        let silent = named(json!({ "announce": false, "name_sent_to": ["sa"] })).person().unwrap();
        assert!(!silent.consent.allows_announcement(NOW) && silent.consent.allows_sending_to("SA", NOW));
        let titled = named(json!({ "announce": "title", "title": "Minister" })).person().unwrap();
        assert!(titled.consent.allows_announcement(NOW) && !titled.name_may_be_said(NOW));
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
            (json!({ "minor": true }), "people[1].guardian"),
            (json!({ "announce": "title" }), "people[1].title"),
            (json!({ "gender": "f" }), "people[1].gender"),
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
