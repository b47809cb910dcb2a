//! What the stages behind learn of a face.

use majlis_plugin_api as api;
use serde_json::json;

use crate::announce::Announce;
use crate::consent::Timestamp;
use crate::decision::{Decision, Outcome};
use crate::face::Face;
use crate::person::Person;

/// A face as it goes out, with its embedding only if that is asked for.
pub(crate) fn face(face: Face, decision: &Decision<'_>, now: Timestamp, emit_embedding: bool) -> api::Face {
    let best = decision.best.as_ref();
    let identity = match (decision.outcome, best) {
        (Outcome::Known, Some(best)) => api::Identity::Known(person(best.person, now)),
        (Outcome::TooSmall, _) => api::Identity::TooSmall,
        (Outcome::Unknown | Outcome::Known, _) => api::Identity::Unknown,
        _ => api::Identity::Undecided,
    };
    let embedding = face.embedding.filter(|_| emit_embedding);
    let told = api::Face {
        bbox: face.detection.bbox,
        score: face.detection.score,
        key_points: face.detection.key_points.map_or_else(Vec::new, Vec::from),
        identity,
        similarity: best.map(|best| best.similarity),
        track: None,
        predicted: false,
        embedding: embedding.map_or_else(Vec::new, |embedding| embedding.unit),
        extra: api::Extra::default(),
    };
    match decision.outcome {
        Outcome::Undecided => told.doubted(api::Doubt::Likeness),
        Outcome::Ambiguous => told.doubted(api::Doubt::Ambiguous),
        Outcome::Poor => told.doubted(api::Doubt::Poor),
        Outcome::Known | Outcome::Unknown | Outcome::TooSmall => told,
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
