//! Why a face was named or not, for an operator.

use majlis_plugin_api::Value;
use serde_json::json;

use crate::consent::Timestamp;
use crate::decision::{Decision, Match, Outcome, Thresholds, decide};
use crate::face::Face;
use crate::gallery::Gallery;

/// The answer for one face: what was measured, each threshold, and a sentence.
pub(crate) fn face(
    number: usize,
    face: &Face,
    galleries: &[&Gallery],
    thresholds: &Thresholds,
    asked: Option<&str>,
    now: Timestamp,
) -> Value {
    let decision = decide(face, galleries, thresholds, now);
    let embedding = face.embedding.as_ref();
    let close = |found: &Option<Match<'_>>| {
        found.as_ref().map(|found| json!({ "id": found.person.id, "similarity": rounded(found.similarity) }))
    };
    let mut answer = json!({
        "face": number,
        "bbox": face.detection.bbox.map(f32::round),
        "px": rounded(face.detection.smaller_side()),
        "score": rounded(face.detection.score),
        "norm": embedding.map(|embedding| rounded(embedding.norm)),
        "outcome": decision.outcome.word(),
        "closest": close(&decision.best),
        "second": close(&decision.second),
        "because": because(face, &decision, thresholds),
    });
    if let Some(id) = asked {
        let likeness = embedding.and_then(|embedding| {
            let all = galleries.iter().filter_map(|gallery| gallery.likeness(id, &embedding.unit));
            all.max_by(f32::total_cmp)
        });
        answer["asked"] = json!({ "id": id, "similarity": likeness.map(rounded) });
    }
    answer
}

/// Every threshold by its key.
pub(crate) fn thresholds(thresholds: &Thresholds) -> Value {
    json!({
        "match_threshold": rounded(thresholds.match_threshold),
        "unknown_threshold": rounded(thresholds.unknown_threshold),
        "margin": rounded(thresholds.margin),
        "min_face_px": rounded(thresholds.min_face_px),
        "min_detection_score": rounded(thresholds.min_detection_score),
    })
}

/// Why somebody who was asked for may not be recognised at all. None when that is not the reason.
pub(crate) fn not_compared(consent_holds: Option<bool>, usable: bool) -> Option<&'static str> {
    match (consent_holds, usable) {
        (None, _) => Some("nobody is enrolled with this id"),
        (Some(false), _) => Some("there is no consent that holds today: this person is not compared"),
        (Some(true), false) => Some("there are no vectors of this model: enrol the person again, or `reindex`"),
        (Some(true), true) => None,
    }
}

fn because(face: &Face, decision: &Decision<'_>, thresholds: &Thresholds) -> String {
    let best = decision.best.as_ref();
    let likeness = best.map_or(0.0, |best| best.similarity);
    let who = best.map_or("", |best| best.person.id.as_str());
    match decision.outcome {
        Outcome::TooSmall => format!(
            "it is {:.0} px across, and below {:.0} px (min_face_px) nobody is named",
            face.detection.smaller_side(),
            thresholds.min_face_px
        ),
        Outcome::Poor if face.embedding.is_none() => "it cannot be turned upright, so it cannot be compared".into(),
        Outcome::Poor => format!(
            "the detector's score is {:.2}, and below {:.2} (min_detection_score) nobody is named",
            face.detection.score, thresholds.min_detection_score
        ),
        Outcome::Unknown if best.is_none() => "there is nobody whom it could be compared with".into(),
        Outcome::Unknown => format!(
            "the closest is `{who}` with {likeness:.2}, which is below {:.2} (unknown_threshold)",
            thresholds.unknown_threshold
        ),
        Outcome::Undecided => format!(
            "`{who}` is close with {likeness:.2}, and {:.2} (match_threshold) is needed",
            thresholds.match_threshold
        ),
        Outcome::Ambiguous => format!(
            "`{who}` is close with {likeness:.2}, and `{}` with {:.2}: they must differ by {:.2} (margin)",
            decision.second.as_ref().map_or("", |second| second.person.id.as_str()),
            decision.second.as_ref().map_or(0.0, |second| second.similarity),
            thresholds.margin
        ),
        Outcome::Known => format!(
            "`{who}` is close with {likeness:.2}, and {:.2} (match_threshold) is needed",
            thresholds.match_threshold
        ),
    }
}

/// To three digits, as a person reads them.
pub(crate) fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{Detection, Embedding};
    use crate::gallery::tests::{NOW, gallery, unit};

    fn answer(cosine: f32, side: f32, asked: Option<&str>) -> Value {
        let gallery = gallery(&[("p1", 0), ("p2", 1)]);
        let face = Face {
            detection: Detection { bbox: [0.0, 0.0, side, 200.0], score: 0.9, key_points: None },
            embedding: Some(Embedding { unit: unit(0, cosine), norm: 20.0 }),
        };
        super::face(1, &face, &[&gallery], &Thresholds::of_model(0.58), asked, NOW)
    }

    #[test]
    fn each_outcome_is_told_with_the_number_and_the_key_that_decided() {
        for (cosine, side, outcome, words) in [
            (0.7, 100.0, "known", "0.70, and 0.58 (match_threshold)"),
            (0.5, 100.0, "undecided", "0.50, and 0.58 (match_threshold)"),
            (0.2, 100.0, "unknown", "0.20, which is below 0.48 (unknown_threshold)"),
            (0.7, 50.0, "too small", "50 px across, and below 60 px (min_face_px)"),
        ] {
            let answer = answer(cosine, side, None);
            assert_eq!(answer["outcome"], outcome);
            assert!(answer["because"].as_str().unwrap().contains(words), "{answer}");
        }
    }

    #[test]
    fn how_like_the_person_is_who_was_asked_for_is_told_beside_the_closest() {
        let answer = answer(0.7, 100.0, Some("p2"));
        assert_eq!((&answer["closest"]["id"], &answer["asked"]["id"]), (&json!("p1"), &json!("p2")));
        assert_eq!(answer["asked"]["similarity"], 0.0);
        assert_eq!(answer["second"]["id"], "p2");
    }
}
