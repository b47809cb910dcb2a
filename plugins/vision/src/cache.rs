use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use majlis_plugin_api::{Faces, Identity, Time, VisitId};

use crate::answer::Seen;
use crate::signature::Signature;

/// Whose scene it is. An answer is never used for other people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum People {
    /// Exactly these, all of them enrolled, by their ids: whoever comes back is the same.
    Known(BTreeSet<String>),
    /// Somebody is not known, or nobody is seen: good within the visit alone, for the same known people and the same tracks.
    OfVisit { visit: Option<VisitId>, known: BTreeSet<String>, tracks: BTreeSet<u64> },
}

impl People {
    /// None if it cannot be told who is there: then one face, or one that is only possible, might be another the next time.
    pub(crate) fn of(visit: Option<VisitId>, faces: &Faces) -> Option<Self> {
        if !faces.possible.is_empty() {
            return None;
        }
        let (mut known, mut tracks) = (BTreeSet::new(), BTreeSet::new());
        for face in &faces.faces {
            match (&face.identity, face.track) {
                (Identity::Known(person), _) => drop(known.insert(person.id.clone())),
                (_, Some(track)) => drop(tracks.insert(track)),
                (_, None) => return None,
            }
        }
        let is_all = !known.is_empty() && tracks.is_empty();
        Some(if is_all { Self::Known(known) } else { Self::OfVisit { visit, known, tracks } })
    }
}

/// Answers that may be used again. Prompt and model are those of the instance, and end with it as this does.
pub(crate) struct Cache {
    /// The newest last.
    entries: VecDeque<Entry>,
    size: usize,
    ttl: Duration,
}

struct Entry {
    people: People,
    signature: Signature,
    seen: Seen,
    at: Time,
}

impl Cache {
    pub(crate) fn new(size: usize, ttl: Duration) -> Self {
        Self { entries: VecDeque::new(), size, ttl }
    }

    /// The answer to the same scene with the same people.
    pub(crate) fn find(&mut self, people: &People, signature: &Signature, now: Time) -> Option<Seen> {
        self.entries.retain(|entry| now.since(entry.at) < self.ttl);
        let same = |entry: &&Entry| entry.people == *people && entry.signature.is_like(signature);
        self.entries.iter().rev().find(same).map(|entry| entry.seen.clone())
    }

    pub(crate) fn keep(&mut self, people: People, signature: Signature, seen: Seen, now: Time) {
        if self.ttl.is_zero() {
            return;
        }
        if self.entries.len() == self.size {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { people, signature, seen, at: now });
    }

    /// Forgets what is of one visit.
    pub(crate) fn forget(&mut self, closed: VisitId) {
        self.entries.retain(|entry| !matches!(entry.people, People::OfVisit { visit, .. } if visit == Some(closed)));
    }
}

#[cfg(test)]
mod tests {
    use majlis_plugin_api::PossibleFace;

    use super::*;

    #[test]
    fn whoever_is_only_possibly_there_may_be_another_the_next_time() {
        let nobody = Faces::default();
        assert!(People::of(None, &nobody).is_some());
        let possible = Faces { possible: vec![PossibleFace { bbox: [0.0, 0.0, 10.0, 10.0], score: 0.3 }], ..nobody };
        assert_eq!(People::of(None, &possible), None);
    }
}
