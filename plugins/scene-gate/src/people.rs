//! Who is in the picture, as far as it matters whether somebody else is there than before.
//!
//! Nobody's name or id is kept: of somebody who is known a number made of the id, as long as the visit lasts.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use majlis_plugin_api::{Face, Identity, Time};

/// More people than that are a crowd, of which it does not matter who comes and goes.
const MOST: usize = 64;

/// Somebody who was there in the frame that was let through last.
#[derive(Clone, Copy, Debug)]
struct Somebody {
    /// The recogniser's number of the face that it follows.
    track: Option<u64>,
    /// Who it is, if that is known.
    who: Option<u64>,
    /// When the face was found last.
    seen: Time,
}

/// Whether anybody is in the picture who matters.
pub(crate) fn anybody(faces: &[Face]) -> bool {
    faces.iter().any(counts)
}

/// Who was there when a frame was let through.
#[derive(Clone, Debug)]
pub(crate) struct People {
    /// With room for all of them from the first frame on.
    there: Vec<Somebody>,
    /// Faces of which the recogniser says neither who they are nor which they were before.
    nameless: usize,
    /// Since when there are fewer of these.
    fewer_since: Option<Time>,
}

impl Default for People {
    fn default() -> Self {
        Self { there: Vec::with_capacity(MOST), nameless: 0, fewer_since: None }
    }
}

impl People {
    /// Whether somebody came since, or is away for `gone_after`.
    pub(crate) fn changed(&mut self, time: Time, faces: &[Face], gone_after: Duration) -> bool {
        let mut came = false;
        let mut nameless = 0;
        for face in faces.iter().filter(|face| counts(face)) {
            let (track, who) = (face.track, who(face));
            if track.is_none() && who.is_none() {
                nameless += 1;
                continue;
            }
            match self.there.iter_mut().find(|somebody| somebody.is(track, who)) {
                Some(somebody) => {
                    *somebody = Somebody { track: track.or(somebody.track), who: who.or(somebody.who), seen: time };
                }
                None => came |= self.there.len() < MOST,
            }
        }
        if nameless >= self.nameless {
            self.fewer_since = None;
        } else {
            self.fewer_since.get_or_insert(time);
        }
        let away = |since: Time| time.since(since) >= gone_after;
        let left = self.there.iter().any(|somebody| away(somebody.seen)) || self.fewer_since.is_some_and(away);
        came || nameless > self.nameless || left
    }

    /// A frame is let through that shows these. Whoever is away for less than `gone_after` is still there.
    pub(crate) fn take(&mut self, time: Time, faces: &[Face], gone_after: Duration) {
        // A number that was given to somebody else is given up at once.
        let other = |somebody: &Somebody| {
            let same_track = |face: &&Face| face.track.is_some() && face.track == somebody.track;
            faces.iter().filter(same_track).any(|face| !somebody.is(face.track, who(face)))
        };
        self.there.retain(|somebody| time.since(somebody.seen) < gone_after && !other(somebody));
        let mut nameless = 0;
        for face in faces.iter().filter(|face| counts(face)) {
            let (track, who) = (face.track, who(face));
            if track.is_none() && who.is_none() {
                nameless += 1;
            } else if self.there.len() < MOST && !self.there.iter().any(|somebody| somebody.is(track, who)) {
                self.there.push(Somebody { track, who, seen: time });
            }
        }
        let still_away = self.fewer_since.is_some_and(|since| time.since(since) < gone_after);
        if !(nameless < self.nameless && still_away) {
            (self.nameless, self.fewer_since) = (nameless, None);
        }
    }
}

impl Somebody {
    fn is(&self, track: Option<u64>, who: Option<u64>) -> bool {
        match (self.who, who) {
            (Some(mine), Some(other)) => mine == other,
            // Who is not recognised in this look is still the face that is followed.
            _ => track.is_some() && self.track == track,
        }
    }
}

/// Whoever is too far away for the recogniser walks about in the background.
fn counts(face: &Face) -> bool {
    face.identity != Identity::TooSmall
}

fn who(face: &Face) -> Option<u64> {
    let Identity::Known(person) = &face.identity else { return None };
    let mut number = DefaultHasher::new();
    person.id.hash(&mut number);
    Some(number.finish())
}
