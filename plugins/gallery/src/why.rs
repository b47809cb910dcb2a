//! Why a face was named or not, for an operator who has to know it now.

use majlis_plugin_api::Value;
use serde_json::json;

use crate::consent::Timestamp;
use crate::decision::{Decision, Match, Outcome, Thresholds, decide};
use crate::face::Face;
use crate::gallery::Gallery;

/// The person who was not recognised, as the operator says.
pub(crate) struct Asked<'a> {
    pub(crate) id: &'a str,
    /// Why this person is not compared with anybody's face at all.
    pub(crate) not_compared: Option<&'static str>,
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

/// The answer: a sentence, what to do, and of each face what was measured and each threshold.
pub(crate) fn answer(
    faces: &[Face],
    galleries: &[&Gallery],
    thresholds: &Thresholds,
    asked: Option<&Asked<'_>>,
    now: Timestamp,
) -> Value {
    let told: Vec<Told<'_>> = faces
        .iter()
        .enumerate()
        .map(|(at, face)| {
            let likeness = asked.and_then(|asked| {
                let unit = &face.embedding.as_ref()?.unit;
                galleries.iter().filter_map(|gallery| gallery.likeness(asked.id, unit)).max_by(f32::total_cmp)
            });
            Told { number: at + 1, face, decision: decide(face, galleries, thresholds, now), likeness }
        })
        .collect();
    let (said, remedy) = verdict(&told, thresholds, asked);
    let compared =
        |gallery: &&Gallery| gallery.people().iter().filter(|person| person.consent.allows_recognition(now)).count();
    json!({
        "said": said, "remedy": remedy, "compared_with": galleries.iter().map(compared).sum::<usize>(),
        "asked": asked.map(|asked| asked.id), "not_compared": asked.and_then(|asked| asked.not_compared),
        "thresholds": every(thresholds),
        "faces": told.iter().map(|told| told.whole(thresholds)).collect::<Value>(),
    })
}

/// Every threshold by its key.
fn every(thresholds: &Thresholds) -> Value {
    json!({
        "match_threshold": rounded(thresholds.match_threshold),
        "unknown_threshold": rounded(thresholds.unknown_threshold),
        "margin": rounded(thresholds.margin),
        "min_face_px": rounded(thresholds.min_face_px),
        "min_detection_score": rounded(thresholds.min_detection_score),
    })
}

/// The whole in a sentence, and what to do about it.
fn verdict(faces: &[Told<'_>], thresholds: &Thresholds, asked: Option<&Asked<'_>>) -> (String, Option<&'static str>) {
    let Some(first) = faces.first() else {
        let said = "no face was found in the photograph".to_owned();
        return (said, Some("a face that looks into the camera, with more light; see detection_threshold"));
    };
    let Some(asked) = asked else {
        let known: Vec<&str> = faces.iter().filter_map(|told| told.named()).collect();
        let said = match (faces.len(), &known[..]) {
            (1, _) => first.because(thresholds),
            (count, []) => format!("nobody is known of {count} faces"),
            (count, known) => format!("{} of {count} faces: {}", known.len(), known.join(", ")) + " (known)",
        };
        return (said, if faces.len() == 1 { first.remedy() } else { None });
    };
    let id = asked.id;
    if let Some(why) = asked.not_compared {
        return (format!("`{id}` cannot be recognised: {why}"), None);
    }
    if let Some(told) = faces.iter().find(|told| told.named() == Some(id)) {
        return (format!("`{id}` is recognised: face {} is {}", told.number, told.because(thresholds)), None);
    }
    let most = |a: &&Told<'_>, b: &&Told<'_>| {
        let likeness = |told: &Told<'_>| told.likeness.unwrap_or(f32::NEG_INFINITY);
        likeness(a).total_cmp(&likeness(b)).then(b.number.cmp(&a.number))
    };
    let Some(told) = faces.iter().max_by(most) else { return (String::new(), None) };
    let like = told.likeness.map(|likeness| format!(", {likeness:.2} like `{id}`")).unwrap_or_default();
    (format!("`{id}` is not recognised: face {}{like}, is {}", told.number, told.because(thresholds)), told.remedy())
}

/// A face and what was decided of it.
struct Told<'a> {
    number: usize,
    face: &'a Face,
    decision: Decision<'a>,
    /// With the person who was asked for.
    likeness: Option<f32>,
}

impl Told<'_> {
    fn named(&self) -> Option<&str> {
        let best = self.decision.best.as_ref().filter(|_| self.decision.outcome == Outcome::Known);
        best.map(|best| best.person.id.as_str())
    }

    fn whole(&self, thresholds: &Thresholds) -> Value {
        let Self { face, decision, .. } = self;
        let close = |found: &Match<'_>| {
            let names = &found.person.names;
            let name = [&names.latin, &names.arabic, &names.spoken].into_iter().find(|name| !name.is_empty());
            json!({ "id": found.person.id, "name": name, "similarity": rounded(found.similarity) })
        };
        let closest = [&decision.best, &decision.second].into_iter().flatten().map(close);
        json!({
            "face": self.number, "outcome": decision.outcome.word(), "because": self.because(thresholds),
            "bbox": face.detection.bbox.map(f32::round),
            "px": rounded(face.detection.smaller_side()), "score": rounded(face.detection.score),
            "norm": face.embedding.as_ref().map(|embedding| rounded(embedding.norm)),
            "checks": self.checks(thresholds),
            "closest": closest.collect::<Value>(), "like_asked": self.likeness.map(rounded),
        })
    }

    /// What was measured beside what is needed, in the order in which it decides. What was not reached was not measured.
    fn checks(&self, thresholds: &Thresholds) -> Vec<Value> {
        let best = self.decision.best.as_ref().map(|best| best.similarity);
        let ahead = best.zip(self.decision.second.as_ref()).map(|(best, second)| best - second.similarity);
        let detection = &self.face.detection;
        let check = |check: &str, measured: Option<f32>, needed: f32, key: &str| {
            json!({
                "check": check, "measured": measured.map(rounded), "needed": rounded(needed), "key": key,
                "holds": measured.map(|measured| measured >= needed),
            })
        };
        vec![
            check("size, px", Some(detection.smaller_side()), thresholds.min_face_px, "min_face_px"),
            check("score", Some(detection.score), thresholds.min_detection_score, "min_detection_score"),
            check("similarity, or unknown", best, thresholds.unknown_threshold, "unknown_threshold"),
            check("similarity, or undecided", best, thresholds.match_threshold, "match_threshold"),
            check("ahead of the second", ahead, thresholds.margin, "margin"),
        ]
    }

    fn because(&self, thresholds: &Thresholds) -> String {
        let Decision { outcome, best, second } = &self.decision;
        let detection = &self.face.detection;
        let id = |found: &Option<Match<'_>>| found.as_ref().map_or(String::new(), |found| found.person.id.clone());
        let likeness = |found: &Option<Match<'_>>| found.as_ref().map_or(0.0, |found| found.similarity);
        let (who, near) = (id(best), likeness(best));
        match outcome {
            Outcome::TooSmall => {
                let compared = against(detection.smaller_side(), thresholds.min_face_px, 0);
                format!("too small: {compared} px (min_face_px)")
            }
            Outcome::Poor if self.face.embedding.is_none() => {
                "poor: it cannot be turned upright, so nobody is compared".into()
            }
            Outcome::Poor => {
                format!(
                    "poor: score {} (min_detection_score)",
                    against(detection.score, thresholds.min_detection_score, 2)
                )
            }
            Outcome::Unknown if best.is_none() => "unknown: there is nobody whom it could be compared with".into(),
            Outcome::Unknown => {
                let compared = against(near, thresholds.unknown_threshold, 2);
                format!("unknown: the closest is `{who}`, similarity {compared} (unknown_threshold)")
            }
            Outcome::Undecided => {
                let compared = against(near, thresholds.match_threshold, 2);
                format!("undecided: perhaps `{who}`, similarity {compared} (match_threshold)")
            }
            Outcome::Ambiguous => format!(
                "ambiguous: `{who}` {near:.2} or `{}` {:.2}, apart by {} (margin)",
                id(second),
                likeness(second),
                against(near - likeness(second), thresholds.margin, 2)
            ),
            Outcome::Known => {
                let compared = against(near, thresholds.match_threshold, 2);
                format!("known as `{who}`, similarity {compared} (match_threshold)")
            }
        }
    }

    fn remedy(&self) -> Option<&'static str> {
        match self.decision.outcome {
            Outcome::Known => None,
            Outcome::TooSmall => {
                Some("nearer to the camera, or a camera with more pixels; small faces of different people are alike")
            }
            Outcome::Poor => Some("more light, nothing before the face, and a look into the camera"),
            Outcome::Undecided => {
                Some("another photograph for the same id, taken like those of this camera, or `enrol … live=true`")
            }
            Outcome::Ambiguous => Some("more photographs of both people"),
            Outcome::Unknown => Some(
                "who is not enrolled stays unknown; if the person is, the enrolled photograph may show somebody else",
            ),
        }
    }
}

/// `0.71 ≥ 0.58`, `41 < 60`: with as many digits as it takes to see it, from `digits` on.
fn against(measured: f32, needed: f32, digits: usize) -> String {
    let sign = if measured >= needed { '≥' } else { '<' };
    let shown = |digits: usize| (format!("{measured:.digits$}"), format!("{needed:.digits$}"));
    let enough = |digits: &usize| {
        let (measured, needed) = shown(*digits);
        sign == '≥' || measured != needed
    };
    let (measured, needed) = shown((digits..8).find(enough).unwrap_or(8));
    format!("{measured} {sign} {needed}")
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

    fn face(cosine: f32, side: f32) -> Face {
        Face {
            detection: Detection { bbox: [0.0, 0.0, side, 200.0], score: 0.9, key_points: None },
            embedding: Some(Embedding { unit: unit(0, cosine), norm: 20.0 }),
        }
    }

    fn answer(faces: &[Face], asked: Option<Asked<'_>>) -> Value {
        let gallery = gallery(&[("p1", 0), ("p2", 1)]);
        super::answer(faces, &[&gallery], &Thresholds::of_model(0.58), asked.as_ref(), NOW)
    }

    #[test]
    fn each_outcome_is_told_with_the_number_and_the_key_that_decided() {
        for (cosine, side, outcome, said) in [
            (0.71, 100.0, "known", "known as `p1`, similarity 0.71 ≥ 0.58 (match_threshold)"),
            (0.5, 100.0, "undecided", "undecided: perhaps `p1`, similarity 0.50 < 0.58 (match_threshold)"),
            (0.579, 100.0, "undecided", "undecided: perhaps `p1`, similarity 0.579 < 0.580 (match_threshold)"),
            (0.2, 100.0, "unknown", "unknown: the closest is `p1`, similarity 0.20 < 0.48 (unknown_threshold)"),
            (0.71, 41.0, "too small", "too small: 41 < 60 px (min_face_px)"),
        ] {
            let answer = answer(&[face(cosine, side)], None);
            assert_eq!((&answer["faces"][0]["outcome"], &answer["said"]), (&json!(outcome), &json!(said)));
            assert_eq!(answer["remedy"].is_null(), outcome == "known", "{outcome}");
        }
        let mut poor = face(0.71, 100.0);
        poor.detection.score = 0.55;
        assert_eq!(answer(&[poor], None)["said"], "poor: score 0.55 < 0.60 (min_detection_score)");
        let mut turned = face(0.71, 100.0);
        turned.embedding = None;
        assert!(answer(&[turned], None)["said"].as_str().unwrap().contains("cannot be turned upright"));
        assert!(answer(&[], None)["said"].as_str().unwrap().contains("no face"));
    }

    #[test]
    fn each_threshold_stands_beside_what_was_measured_and_what_was_not_reached_is_empty() {
        let answer = answer(&[face(0.71, 100.0), face(0.71, 41.0)], None);
        let keys: Vec<&str> = answer["faces"][0]["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["key"].as_str().unwrap())
            .collect();
        let all = answer["thresholds"].as_object().unwrap();
        assert_eq!((keys.len(), keys.iter().all(|key| all.contains_key(*key))), (all.len(), true), "{answer:#}");
        let holds = |face: usize, check: usize| answer["faces"][face]["checks"][check]["holds"].clone();
        assert_eq!((0..5).map(|check| holds(0, check)).collect::<Vec<_>>(), vec![json!(true); 5]);
        assert_eq!(
            (0..5).map(|check| holds(1, check)).collect::<Vec<_>>(),
            [json!(false), json!(true), json!(null), json!(null), json!(null)]
        );
    }

    #[test]
    fn whoever_was_asked_for_is_told_of_first_with_the_face_that_is_most_like_them() {
        let asked = |id| Some(Asked { id, not_compared: None });
        let faces = || [face(0.1, 100.0), face(0.71, 100.0)];
        let told = answer(&faces(), asked("p1"));
        assert_eq!(
            told["said"],
            "`p1` is recognised: face 2 is known as `p1`, similarity 0.71 ≥ 0.58 (match_threshold)"
        );
        assert_eq!(told["faces"][1]["like_asked"], 0.71);
        let told = answer(&[face(0.1, 100.0), face(0.5, 100.0)], asked("p1"));
        let said = "`p1` is not recognised: face 2, 0.50 like `p1`, is undecided: perhaps `p1`, similarity 0.50 < 0.58 (match_threshold)";
        assert_eq!(told["said"], said);
        let told = answer(&faces(), asked("p2"));
        assert!(
            told["said"].as_str().unwrap().starts_with("`p2` is not recognised: face 1, 0.00 like `p2`, is unknown")
        );
        assert_eq!(told["faces"][1]["closest"][1]["id"], "p2");
        let told = answer(&faces(), Some(Asked { id: "p7", not_compared: not_compared(None, false) }));
        assert_eq!(told["said"], "`p7` cannot be recognised: nobody is enrolled with this id");
    }
}
