//! What the stages behind learn of a face.

use majlis_plugin_api as api;
use serde_json::json;

use crate::announce::Announce;
use crate::consent::Timestamp;
use crate::decision::{Decision, Outcome};
use crate::face::Face;
use crate::person::Person;

/// What is said of who a face is.
pub(crate) struct Said {
    identity: api::Identity,
    similarity: Option<f32>,
    doubt: Option<api::Doubt>,
}

impl Said {
    /// What one look came to.
    pub(crate) fn of(decision: &Decision<'_>, now: Timestamp) -> Self {
        let similarity = decision.best.as_ref().map(|best| best.similarity);
        match (decision.outcome, &decision.best) {
            (Outcome::Known, Some(best)) => Self::known(best.person, best.similarity, now),
            (Outcome::Unknown | Outcome::Known, _) => Self::unknown(similarity),
            (Outcome::TooSmall, _) => Self { identity: api::Identity::TooSmall, similarity, doubt: None },
            (Outcome::Undecided, _) => Self::undecided(api::Doubt::Likeness).near(similarity),
            (Outcome::Ambiguous, _) => Self::undecided(api::Doubt::Ambiguous).near(similarity),
            (Outcome::Poor, _) => Self::undecided(api::Doubt::Poor).near(similarity),
        }
    }

    pub(crate) fn known(known: &Person, similarity: f32, now: Timestamp) -> Self {
        Self { identity: api::Identity::Known(person(known, now)), similarity: Some(similarity), doubt: None }
    }

    /// Nobody of the gallery, and how close the closest is.
    pub(crate) fn unknown(similarity: Option<f32>) -> Self {
        Self { identity: api::Identity::Unknown, similarity, doubt: None }
    }

    pub(crate) fn undecided(doubt: api::Doubt) -> Self {
        Self { identity: api::Identity::Undecided, similarity: None, doubt: Some(doubt) }
    }

    /// The same, with how close the closest person is.
    pub(crate) fn near(self, similarity: Option<f32>) -> Self {
        Self { similarity, ..self }
    }
}

/// A face as it goes out, with its embedding only if that is asked for.
pub(crate) fn face(face: Face, said: Said, emit_embedding: bool) -> api::Face {
    let embedding = face.embedding.filter(|_| emit_embedding);
    let told = api::Face {
        bbox: face.detection.bbox,
        score: face.detection.score,
        key_points: face.detection.key_points.map_or_else(Vec::new, Vec::from),
        identity: said.identity,
        similarity: said.similarity,
        track: None,
        predicted: false,
        embedding: embedding.map_or_else(Vec::new, |embedding| embedding.unit),
        extra: api::Extra::default(),
    };
    match said.doubt {
        Some(doubt) => told.doubted(doubt),
        None => told,
    }
}

/// A person, with what the person agreed to. Notes stay at the desk.
fn person(person: &Person, now: Timestamp) -> api::Person {
    let consent = &person.consent;
    let mut extra = json!({ "announce": person.name_may_be_said(now), "name_sent_to": consent.name_sent_to });
    // A stage that does not know these says no name where only the title may be said.
    if person.announce == Announce::Title && consent.allows_announcement(now) {
        extra["announce_as"] = json!("title");
    }
    for (key, value) in [("title", &person.title), ("gender", &person.gender), ("language", &person.language)] {
        if !value.is_empty() {
            extra[key] = json!(value);
        }
    }
    if let Some(precedence) = person.precedence {
        extra["precedence"] = json!(precedence);
    }
    api::Person {
        id: person.id.clone(),
        name_ar: person.names.arabic.clone(),
        name_speak: person.names.spoken.clone(),
        name_latin: person.names.latin.clone(),
        extra: serde_json::from_value(extra).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gallery::tests::{NOW, person as enrolled};

    fn extra(change: impl FnOnce(&mut Person)) -> serde_json::Value {
        let mut person = enrolled("p1");
        change(&mut person);
        serde_json::to_value(super::person(&person, NOW).extra).unwrap()
    }

    #[test]
    fn who_did_not_agree_to_be_announced_may_not_be() {
        assert_eq!(extra(|_| ()), json!({ "announce": false, "name_sent_to": [] }));
        let by_name = |person: &mut Person| {
            person.announce = Announce::Name;
            person.consent.announce = true;
        };
        assert_eq!(extra(by_name)["announce"], true);
        let unasked = |person: &mut Person| person.announce = Announce::Name;
        assert_eq!(extra(unasked)["announce"], false);
    }

    #[test]
    fn a_name_is_not_said_where_only_the_title_may_be() {
        let by_title = |person: &mut Person| {
            person.announce = Announce::Title;
            person.title = "Minister".into();
            person.consent.announce = true;
        };
        let expected = json!({ "announce": false, "name_sent_to": [], "announce_as": "title", "title": "Minister" });
        assert_eq!(extra(by_title), expected);
    }

    #[test]
    fn what_a_greeting_needs_goes_along_and_notes_do_not() {
        let told = extra(|person| {
            person.gender = "female".into();
            person.language = "ar-SA".into();
            person.precedence = Some(1);
            person.notes = "vegetarian".into();
        });
        assert_eq!(
            (&told["gender"], &told["language"], &told["precedence"]),
            (&json!("female"), &json!("ar-SA"), &json!(1))
        );
        assert!(!told.to_string().contains("vegetarian"));
    }
}
