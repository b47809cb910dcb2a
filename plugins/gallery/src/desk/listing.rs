//! What can be read of people: who is there, all of one of them, who cannot be recognised, and who a photograph shows.

use majlis_plugin_api::{Host, Result, Value};
use serde_json::json;

use super::{Desk, nobody};
use crate::consent::{Timestamp, day, moment, today};
use crate::enrolment::found;
use crate::face::Face;
use crate::people::Listed;
use crate::person::Person;
use crate::photograph::Photograph;
use crate::recogniser::Recogniser;
use crate::template::ModelId;
use crate::verbs::Why;
use crate::{check, why};

impl Desk {
    pub(super) fn list(&self) -> Result<Value> {
        let now = today();
        let mut people: Vec<Value> =
            self.named.people().iter().map(|person| row("pipeline", person, None, now)).collect();
        if let Some(store) = &self.store {
            let listed = store.people().listed(self.model())?;
            people.extend(listed.iter().map(|listed| row("store", &listed.person, Some(listed), now)));
        }
        Ok(json!({ "model": self.model().to_string(), "people": people }))
    }

    pub(super) fn show(&self, id: &str) -> Result<Value> {
        let now = today();
        if let Some(person) = self.named.person(id) {
            return Ok(whole("pipeline", person, None, now));
        }
        let listed = match &self.store {
            Some(store) => store.people().listed(self.model())?,
            None => Vec::new(),
        };
        let listed = listed.iter().find(|listed| listed.person.id == id).ok_or_else(nobody)?;
        Ok(whole("store", &listed.person, Some(listed), now))
    }

    pub(super) fn check(&self, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let listed = |model: &ModelId| match &self.store {
            Some(store) => store.people().listed(model),
            None => Ok(Vec::new()),
        };
        let in_use = (self.settings.pack.clone(), self.model().clone());
        let packs = [in_use].into_iter().chain(recogniser.others()?);
        let packs = packs.map(|(pack, model)| Ok(check::Pack { listed: listed(&model)?, pack, model }));
        let packs = packs.collect::<Result<Vec<_>>>()?;
        Ok(check::answer(self.named.people(), &packs, today()))
    }

    pub(super) fn why(&self, asked: &Why, host: &Host, recogniser: &mut dyn Recogniser) -> Result<Value> {
        let now = today();
        let photograph = Photograph::open(&host.path(&asked.photo))?;
        let picture = photograph.picture();
        let stored = self.stored();
        let galleries = self.galleries(stored.as_deref());
        let mut faces = Vec::new();
        for detection in found(&picture, recogniser)? {
            let embedding = recogniser.embed(&picture, &detection)?;
            faces.push(Face { detection, embedding });
        }
        let asked = match asked.id.as_deref() {
            Some(id) => {
                let person = match self.named.person(id) {
                    Some(person) => Some(person.clone()),
                    None => self.store.as_ref().map(|store| store.people().person(id)).transpose()?.flatten(),
                };
                let usable = galleries.iter().any(|gallery| gallery.person(id).is_some());
                let holds = person.map(|person| person.consent.allows_recognition(now));
                Some(why::Asked { id, not_compared: why::not_compared(holds, usable) })
            }
            None => None,
        };
        let mut answer = why::answer(&faces, &galleries, &self.settings.thresholds, asked.as_ref(), now);
        answer["model"] = json!(self.model().to_string());
        Ok(answer)
    }
}

/// A person in a list. When is part of the consent's words in the pipeline file.
fn row(place: &str, person: &Person, listed: Option<&Listed>, now: Timestamp) -> Value {
    let Person { id, names, consent, .. } = person;
    json!({
        "id": id, "name_ar": names.arabic, "name_speak": names.spoken, "name_latin": names.latin, "enrolled_in": place,
        "consent": consent.text, "given": (listed.is_some() && !consent.text.is_empty()).then(|| moment(consent.given)),
        "until": consent.until.map(|until| day(until.saturating_sub(1))),
        "recognised_now": consent.allows_recognition(now) && listed.is_none_or(|listed| listed.usable > 0),
        "announce": if consent.announce { person.announce.word() } else { "none" }, "name_sent_to": consent.name_sent_to,
    })
}

/// All of a person that can be read.
fn whole(place: &str, person: &Person, listed: Option<&Listed>, now: Timestamp) -> Value {
    let mut whole = row(place, person, listed, now);
    let more = json!({
        "title": person.title, "gender": person.gender, "language": person.language, "precedence": person.precedence,
        "notes": person.notes, "given_by": person.consent.given_by, "guardian": person.consent.guardian,
        "vectors": listed.map(|listed| listed.vectors), "vectors_of_this_model": listed.map(|listed| listed.usable),
        "upright_faces": listed.map(|listed| listed.crops),
    });
    if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), more) {
        whole.extend(more);
    }
    whole
}
