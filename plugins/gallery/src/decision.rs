//! Who a face is, and how sure that is.

use crate::consent::Timestamp;
use crate::face::Face;
use crate::gallery::Gallery;
use crate::person::Person;

/// When a face is named. Similarities are cosines, -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The similarity from which on somebody is known. It belongs to the model: the pack's card has it.
    pub match_threshold: f32,
    /// The similarity below which somebody is nobody of the gallery; between the two it is undecided.
    pub unknown_threshold: f32,
    /// The smaller side that a face's box must have, px: below 60 px different people reach a similarity of 0.52.
    pub min_face_px: f32,
    /// The detector's score that a face must have, 0 to 1.
    pub min_detection_score: f32,
    /// By how much the closest person must be closer than the second.
    pub margin: f32,
}

impl Thresholds {
    /// Those that go with a model whose match threshold is this: 0.1 below it begins *undecided*.
    #[must_use]
    pub fn of_model(match_threshold: f32) -> Self {
        Self {
            match_threshold,
            unknown_threshold: match_threshold - 0.1,
            min_face_px: 60.0,
            min_detection_score: 0.6,
            margin: 0.05,
        }
    }
}

/// What is known of who a face is. Only the first names somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody who enrolled and whose consent holds.
    Known,
    /// Nobody of the gallery.
    Unknown,
    /// Like somebody, and not enough: another look may decide. Not the same as unknown.
    Undecided,
    /// Too small to be named, whoever it may look like.
    TooSmall,
    /// As much like one person as like another.
    Ambiguous,
    /// Too uncertain to be compared: a low score, or it cannot be turned upright.
    Poor,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Unknown => "unknown",
            Self::Undecided => "undecided",
            Self::TooSmall => "too small",
            Self::Ambiguous => "ambiguous",
            Self::Poor => "poor",
        }
    }
}

/// Somebody of a gallery, and how close.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'a> {
    /// Who.
    pub person: &'a Person,
    /// Cosine with the closest of the person's embeddings.
    pub similarity: f32,
}

/// Who a face is, with what spoke for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<'a> {
    /// What was decided.
    pub outcome: Outcome,
    /// The closest person, named or not. None when the face was not compared, or there was nobody to compare it with.
    pub best: Option<Match<'a>>,
    /// The closest of all others.
    pub second: Option<Match<'a>>,
}

/// Who a face is at `now`, by several galleries of one model. A person who is in two of them is one person.
#[must_use]
pub fn decide<'a>(face: &Face, galleries: &[&'a Gallery], thresholds: &Thresholds, now: Timestamp) -> Decision<'a> {
    let without = |outcome| Decision { outcome, best: None, second: None };
    let side = face.detection.smaller_side();
    if side.is_nan() || side < thresholds.min_face_px {
        return without(Outcome::TooSmall);
    }
    let score = face.detection.score;
    if score.is_nan() || score < thresholds.min_detection_score {
        return without(Outcome::Poor);
    }
    let Some(embedding) = &face.embedding else {
        return without(Outcome::Poor);
    };
    let (best, second) = closest(&embedding.unit, galleries, now);
    let outcome = match (&best, &second) {
        (Some(best), _) if best.similarity < thresholds.unknown_threshold => Outcome::Unknown,
        (Some(best), _) if best.similarity < thresholds.match_threshold => Outcome::Undecided,
        (Some(best), Some(second)) if best.similarity - second.similarity < thresholds.margin => Outcome::Ambiguous,
        (Some(_), _) => Outcome::Known,
        (None, _) => Outcome::Unknown,
    };
    Decision { outcome, best, second }
}

fn closest<'a>(unit: &[f32], galleries: &[&'a Gallery], now: Timestamp) -> (Option<Match<'a>>, Option<Match<'a>>) {
    let (mut best, mut second): (Option<Match<'a>>, Option<Match<'a>>) = (None, None);
    let closer = |than: &Option<Match<'_>>, found: &Match<'_>| {
        than.as_ref().is_none_or(|than| found.similarity > than.similarity)
    };
    for found in galleries.iter().flat_map(|gallery| gallery.closest(unit, now)).flatten() {
        if best.as_ref().is_some_and(|best| best.person.id == found.person.id) {
            if closer(&best, &found) {
                best = Some(found);
            }
        } else if closer(&best, &found) {
            second = best.replace(found).or(second);
        } else if closer(&second, &found) {
            second = Some(found);
        }
    }
    (best, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{Detection, Embedding};
    use crate::gallery::tests::{DIMENSION, NOW, gallery, unit};

    const THRESHOLDS: Thresholds = Thresholds {
        match_threshold: 0.6,
        unknown_threshold: 0.5,
        min_face_px: 60.0,
        min_detection_score: 0.6,
        margin: 0.05,
    };

    fn face(unit: Vec<f32>) -> Face {
        Face {
            detection: Detection { bbox: [10.0, 10.0, 110.0, 210.0], score: 0.9, key_points: None },
            embedding: Some(Embedding { unit, norm: 20.0 }),
        }
    }

    fn like(axis: usize, cosine: f32) -> Face {
        face(unit(axis, cosine))
    }

    fn outcome(face: &Face, galleries: &[&Gallery]) -> Outcome {
        decide(face, galleries, &THRESHOLDS, NOW).outcome
    }

    #[test]
    fn known_begins_at_the_match_threshold_and_unknown_ends_at_its_own() {
        let gallery = gallery(&[("a", 0), ("b", 1)]);
        for (cosine, expected) in
            [(0.61, Outcome::Known), (0.59, Outcome::Undecided), (0.51, Outcome::Undecided), (0.49, Outcome::Unknown)]
        {
            let decision = decide(&like(1, cosine), &[&gallery], &THRESHOLDS, NOW);
            assert_eq!(decision.outcome, expected, "{cosine}");
            let best = decision.best.unwrap();
            assert_eq!(best.person.id, "b");
            assert!((best.similarity - cosine).abs() < 1e-5);
        }
    }

    #[test]
    fn who_is_as_much_like_a_second_person_is_ambiguous() {
        let gallery = gallery(&[("a", 0), ("b", 1)]);
        let both = |a: f32, b: f32| {
            let mut unit = vec![0.0; DIMENSION];
            (unit[0], unit[1]) = (a, b);
            face(unit)
        };
        assert_eq!(outcome(&both(0.70, 0.66), &[&gallery]), Outcome::Ambiguous);
        assert_eq!(outcome(&both(0.70, 0.64), &[&gallery]), Outcome::Known);
    }

    #[test]
    fn one_person_in_two_galleries_is_no_second_person() {
        let (first, second) = (gallery(&[("a", 0)]), gallery(&[("a", 0), ("b", 1)]));
        let decision = decide(&like(0, 0.8), &[&first, &second], &THRESHOLDS, NOW);
        assert_eq!(decision.outcome, Outcome::Known);
        assert_eq!(decision.second.unwrap().person.id, "b");
        let decision = decide(&like(1, 0.8), &[&first, &second], &THRESHOLDS, NOW);
        assert_eq!(decision.best.unwrap().person.id, "b");
        assert_eq!(decision.second.unwrap().person.id, "a");
    }

    #[test]
    fn a_small_face_is_never_named_however_close_it_is() {
        let gallery = gallery(&[("a", 0)]);
        let sized = |side: f32| {
            let mut face = like(0, 1.0);
            face.detection.bbox[2] = 10.0 + side;
            face
        };
        assert_eq!(outcome(&sized(59.5), &[&gallery]), Outcome::TooSmall);
        assert_eq!(outcome(&sized(60.0), &[&gallery]), Outcome::Known);
        assert_eq!(outcome(&sized(f32::NAN), &[&gallery]), Outcome::TooSmall);
    }

    #[test]
    fn a_low_score_or_a_face_without_an_embedding_is_poor() {
        let gallery = gallery(&[("a", 0)]);
        let mut face = like(0, 1.0);
        face.detection.score = 0.59;
        assert_eq!(outcome(&face, &[&gallery]), Outcome::Poor);
        assert_eq!(outcome(&Face { embedding: None, ..like(0, 1.0) }, &[&gallery]), Outcome::Poor);
    }

    #[test]
    fn where_nobody_is_enrolled_everybody_is_unknown() {
        let nobody = gallery(&[]);
        let decision = decide(&like(0, 1.0), &[&nobody], &THRESHOLDS, NOW);
        assert_eq!((decision.outcome, decision.best), (Outcome::Unknown, None));
        assert_eq!(outcome(&like(0, 1.0), &[]), Outcome::Unknown);
    }
}
