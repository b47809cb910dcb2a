//! Who faces are that are followed through a stream: by votes, and by the gallery as it is now.

use majlis_plugin_api as api;

use super::{Desk, Tally};
use crate::consent::{Timestamp, today};
use crate::decision::{Outcome, decide};
use crate::face::Face;
use crate::follower::Follower;
use crate::gallery::Gallery;
use crate::packet::{self, Said};
use crate::person::Person;
use crate::vote::{Verdict, Votes};

/// A face of a frame, and what earlier frames said of it.
#[derive(Debug)]
pub struct Followed<'a> {
    /// The face, with an embedding where it was looked at in this frame.
    pub face: Face,
    /// Whether it was looked at in this frame, with an embedding as the outcome or not.
    pub looked: bool,
    /// Whether its box is extrapolated, so that nobody saw it in this frame.
    pub predicted: bool,
    /// Its number in the stream.
    pub track: u64,
    /// The looks at it until now.
    pub votes: &'a mut Votes,
}

impl Desk {
    /// Differs after every change of who can be recognised: then the looks of a stream are to be reviewed before its next frame.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.dropped + self.store.as_ref().map_or(0, Follower::edition)
    }

    /// Takes back what was said of people as they were: that a face is nobody's, or somebody's who is gone. So whoever enrols
    /// while standing before the camera is looked at anew.
    pub fn review<'v>(&self, votes: impl IntoIterator<Item = &'v mut Votes>) {
        let stored = self.stored();
        let galleries = self.galleries(stored.as_deref());
        for votes in votes {
            votes.review(|id| galleries.iter().any(|gallery| gallery.person(id).is_some()));
        }
    }

    /// Who the faces of a stream's frame are, those in the middle and large ones first. A face is named when `min_votes` looks
    /// agree; until then it is undecided.
    pub fn decide_followed(
        &self,
        mut found: Vec<Followed<'_>>,
        min_votes: usize,
        width: u32,
        height: u32,
    ) -> (Vec<api::Face>, Tally) {
        let now = today();
        let stored = self.stored();
        let galleries = self.galleries(stored.as_deref());
        let rank = |followed: &Followed<'_>| followed.face.detection.prominence(width as f32, height as f32);
        found.sort_by(|a, b| rank(b).total_cmp(&rank(a)));
        let mut tally = Tally { faces: found.len(), confidence: None };
        let told = found.into_iter().map(|followed| {
            let face = self.followed(followed, min_votes, &galleries, now);
            if matches!(face.identity, api::Identity::Known(_)) {
                let before = tally.confidence.unwrap_or(f32::NEG_INFINITY);
                tally.confidence = face.similarity.map(|similarity| before.max(similarity)).or(tally.confidence);
            }
            face
        });
        let told = told.collect();
        (told, tally)
    }

    fn followed(&self, followed: Followed<'_>, min_votes: usize, galleries: &[&Gallery], now: Timestamp) -> api::Face {
        let Followed { face, looked, predicted, track, votes } = followed;
        let decision = looked.then(|| decide(&face, galleries, &self.settings.thresholds, now));
        if let Some(decision) = &decision {
            let [x1, y1, x2, y2] = face.detection.bbox;
            votes.cast(decision, (x2 - x1) * (y2 - y1));
        }
        // Whoever took the consent back, or was erased, since the looks is nobody from now on.
        if let Verdict::Known(id, _) = votes.verdict(min_votes)
            && holds(galleries, id, now).is_none()
        {
            let id = id.to_owned();
            votes.forget(&id);
        }
        let said = match (votes.verdict(min_votes), &decision) {
            (Verdict::Known(id, similarity), _) => match holds(galleries, id, now) {
                Some(person) => Said::known(person, similarity, now),
                None => Said::undecided(api::Doubt::Few),
            },
            (Verdict::Unknown, decision) => {
                Said::unknown(decision.as_ref().and_then(|decision| Some(decision.best.as_ref()?.similarity)))
            }
            // The look says why, where it was no good.
            (Verdict::Undecided, Some(decision)) if !matches!(decision.outcome, Outcome::Known | Outcome::Unknown) => {
                Said::of(decision, now)
            }
            (Verdict::Undecided, decision) => {
                let similarity = decision.as_ref().and_then(|decision| Some(decision.best.as_ref()?.similarity));
                Said::undecided(api::Doubt::Few).near(similarity)
            }
        };
        let mut told = packet::face(face, said, self.settings.emit_embeddings);
        told.track = Some(track);
        told.predicted = predicted;
        told
    }
}

/// The person of this id whose consent to be recognised holds.
fn holds<'a>(galleries: &[&'a Gallery], id: &str, now: Timestamp) -> Option<&'a Person> {
    let mut people = galleries.iter().filter_map(|gallery| gallery.person(id));
    people.find(|person| person.consent.allows_recognition(now))
}
