//! What several looks at one face come to.
//!
//! One look can be wrong: a turned head, a shadow, a stranger who for a moment is like somebody. A face that is followed
//! through a stream is therefore named by votes. Each look has the weight of the face's area, since a large face shows more,
//! and a name needs both enough looks that agree and a clear majority of the weight.

use crate::decision::{Decision, Outcome};

/// The part of all weight that an answer needs. At two thirds a stream in which one look in five is wrong never turns over.
const MAJORITY: f32 = 2.0 / 3.0;

/// Looks that are remembered; older ones go. More than a door needs, and a bound for a face that stays all day.
const MOST: usize = 64;

/// Who a face was in one look.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    /// The id of a person; None for nobody of the gallery.
    who: Option<String>,
    weight: f32,
    similarity: f32,
}

/// The looks at one face.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Votes {
    looks: Vec<Look>,
}

/// What the looks come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict<'a> {
    /// This person, by at most this similarity.
    Known(&'a str, f32),
    /// Nobody of the gallery.
    Unknown,
    /// Too few looks, or they do not agree: not the same as unknown.
    Undecided,
}

impl Votes {
    /// Counts one look. Only *known* and *unknown* speak for anybody; every other outcome says that the look was no good.
    pub fn cast(&mut self, decision: &Decision<'_>, area: f32) {
        let (who, similarity) = match (decision.outcome, &decision.best) {
            (Outcome::Known, Some(best)) => (Some(best.person.id.clone()), best.similarity),
            (Outcome::Unknown, best) => (None, best.as_ref().map_or(0.0, |best| best.similarity)),
            _ => return,
        };
        let weight = if area.is_finite() { area.max(0.0) } else { 0.0 };
        if self.looks.len() == MOST {
            self.looks.remove(0);
        }
        self.looks.push(Look { who, weight, similarity });
    }

    /// What at least `min_votes` looks agree on.
    #[must_use]
    pub fn verdict(&self, min_votes: usize) -> Verdict<'_> {
        let all: f32 = self.looks.iter().map(|look| look.weight).sum();
        for look in &self.looks {
            let same = || self.looks.iter().filter(|other| other.who == look.who);
            let weight: f32 = same().map(|look| look.weight).sum();
            // Two answers cannot both have more than half, so the first that has it is the only one.
            if same().count() >= min_votes.max(1) && weight >= all * MAJORITY {
                let closest = same().map(|look| look.similarity).fold(f32::NEG_INFINITY, f32::max);
                return look.who.as_deref().map_or(Verdict::Unknown, |id| Verdict::Known(id, closest));
            }
        }
        Verdict::Undecided
    }

    /// Takes back what spoke for a person, who has left the gallery.
    pub fn forget(&mut self, id: &str) {
        self.looks.retain(|look| look.who.as_deref() != Some(id));
    }

    /// The people are others than before: only what spoke for somebody who is still there counts on.
    pub fn review(&mut self, is_there: impl Fn(&str) -> bool) {
        self.looks.retain(|look| look.who.as_deref().is_some_and(&is_there));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Match;
    use crate::gallery::tests::person;

    const AREA: f32 = 10_000.0;

    fn look(votes: &mut Votes, who: Option<&str>, area: f32) {
        let person = person(who.unwrap_or("nobody"));
        let best = Some(Match { person: &person, similarity: if who.is_some() { 0.7 } else { 0.2 } });
        let outcome = if who.is_some() { Outcome::Known } else { Outcome::Unknown };
        votes.cast(&Decision { outcome, best, second: None }, area);
    }

    #[test]
    fn a_name_needs_as_many_looks_that_agree_as_are_asked_for() {
        let mut votes = Votes::default();
        for count in 1..=3 {
            look(&mut votes, Some("a"), AREA);
            assert_eq!(votes.verdict(3) == Verdict::Known("a", 0.7), count == 3, "{count}");
            assert_eq!(votes.verdict(1), Verdict::Known("a", 0.7));
        }
        assert_eq!(Votes::default().verdict(1), Verdict::Undecided);
    }

    #[test]
    fn a_stranger_who_one_look_in_five_is_like_somebody_is_never_named() {
        for start in 0..5 {
            let mut votes = Votes::default();
            for number in 0..500 {
                look(&mut votes, ((number + start) % 5 == 0).then_some("a"), AREA);
                assert!(!matches!(votes.verdict(3), Verdict::Known(..)), "look {number}");
            }
            assert_eq!(votes.verdict(3), Verdict::Unknown);
        }
    }

    #[test]
    fn somebody_who_one_look_in_five_is_like_another_is_named_rightly_all_the_same() {
        for start in 0..5 {
            let mut votes = Votes::default();
            for number in 0..500 {
                look(&mut votes, Some(if (number + start) % 5 == 0 { "b" } else { "a" }), AREA);
                assert!(!matches!(votes.verdict(3), Verdict::Known("b", _)), "look {number}");
            }
            assert_eq!(votes.verdict(3), Verdict::Known("a", 0.7));
        }
    }

    #[test]
    fn a_large_face_says_more_than_small_ones() {
        let mut votes = Votes::default();
        for _ in 0..3 {
            look(&mut votes, Some("a"), AREA);
        }
        look(&mut votes, Some("b"), 2.0 * AREA);
        assert_eq!(votes.verdict(3), Verdict::Undecided);
        look(&mut votes, Some("a"), 2.0 * AREA);
        assert_eq!(votes.verdict(3), Verdict::Known("a", 0.7));
    }

    #[test]
    fn a_look_that_is_no_good_speaks_for_nobody() {
        let mut votes = Votes::default();
        for outcome in [Outcome::Undecided, Outcome::Ambiguous, Outcome::Poor, Outcome::TooSmall] {
            votes.cast(&Decision { outcome, best: None, second: None }, AREA);
        }
        assert!(votes.looks.is_empty());
    }

    #[test]
    fn when_the_people_change_only_looks_at_who_is_still_there_count_on() {
        let mut votes = Votes::default();
        for who in [Some("a"), None, Some("gone"), Some("a"), None, None] {
            look(&mut votes, who, AREA);
        }
        votes.review(|id| id == "a");
        assert_eq!(votes.verdict(2), Verdict::Known("a", 0.7));
        assert_eq!(votes.looks.len(), 2);
    }

    #[test]
    fn who_was_forgotten_has_no_votes_left() {
        let mut votes = Votes::default();
        look(&mut votes, Some("a"), AREA);
        votes.forget("a");
        assert_eq!(votes.verdict(1), Verdict::Undecided);
    }
}
