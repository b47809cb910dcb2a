//! Faces from frame to frame: by the recogniser's number where it follows them itself, otherwise by place.

use std::time::Duration;

use majlis_plugin_api::{Face, Identity, Time};

use crate::people::GuestId;
use crate::place::{Box4, distance, size};

/// Farther than this, in widths of a face, it is not the same face in the next frame. Whoever stands moves by a fraction of
/// it; whoever walks past may move by more, and then is followed by nobody, which is right as well.
const FOLLOWS: f32 = 0.75;

/// What is known of who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nothing yet.
    Undecided,
    /// Nobody who is enrolled.
    Unknown,
    /// The id of an enrolled person.
    Known(String),
}

impl Who {
    fn of(face: &Face) -> Self {
        match &face.identity {
            Identity::Known(person) => Self::Known(person.id.clone()),
            Identity::Unknown => Self::Unknown,
            Identity::TooSmall | Identity::Undecided => Self::Undecided,
        }
    }

    /// Whether both may be of one person.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self == other || matches!(self, Self::Undecided) || matches!(other, Self::Undecided)
    }
}

/// A face that is followed.
pub(crate) struct Track {
    /// The recogniser's number of it.
    number: Option<u64>,
    /// Where it was seen last.
    pub(crate) place: Box4,
    pub(crate) first: Time,
    pub(crate) seen: Time,
    pub(crate) who: Who,
    /// Since when it is near enough to be a visitor's.
    pub(crate) near_since: Option<Time>,
    near_seen: Time,
    /// In the last frame it was near, and somebody looked there.
    pub(crate) looked: bool,
    /// Whose visit it belongs to.
    pub(crate) guest: Option<GuestId>,
    /// It belongs there because it came back to the place of somebody who was away: a guess.
    pub(crate) guessed: bool,
}

impl Track {
    fn new(number: Option<u64>, place: Box4, time: Time) -> Self {
        Self {
            number,
            place,
            first: time,
            seen: time,
            who: Who::Undecided,
            near_since: None,
            near_seen: time,
            looked: false,
            guest: None,
            guessed: false,
        }
    }

    fn saw(&mut self, face: &Face, time: Time, min_face_px: f32) {
        (self.place, self.seen) = (face.bbox, time);
        let near = size(&face.bbox) >= min_face_px;
        self.looked = near && !face.predicted;
        if self.looked {
            self.near_since.get_or_insert(time);
        }
        if near {
            self.near_seen = time;
        }
        // Nobody looked at a predicted face.
        match Who::of(face) {
            Who::Undecided => {}
            _ if face.predicted => {}
            // A recogniser that does not follow faces says this of one picture, which may show too little.
            Who::Unknown if self.number.is_none() && matches!(self.who, Who::Known(_)) => {}
            who => self.who = who,
        }
    }
}

/// All faces that are followed.
pub(crate) struct Following {
    pub(crate) tracks: Vec<Track>,
    min_face_px: f32,
    arrive_after: Duration,
    leave_after: Duration,
    /// The frame before this one.
    before: Time,
}

impl Following {
    pub(crate) fn new(min_face_px: f32, arrive_after: Duration, leave_after: Duration) -> Self {
        Self { tracks: Vec::new(), min_face_px, arrive_after, leave_after, before: Time::default() }
    }

    /// The faces of a frame: for each the index of its track.
    pub(crate) fn look(&mut self, time: Time, faces: &[Face]) -> Vec<usize> {
        self.forget(time);
        let mut found: Vec<Option<usize>> = faces
            .iter()
            .map(|face| self.tracks.iter().position(|track| face.track.is_some() && track.number == face.track))
            .collect();
        for (track, face) in self.near_pairs(time, faces) {
            if found[face].is_none() && !found.contains(&Some(track)) {
                found[face] = Some(track);
            }
        }
        let mut tracks = Vec::with_capacity(faces.len());
        for (face, known) in faces.iter().zip(found) {
            // Two faces of one number, whatever the recogniser means by it, are one track.
            let same = || self.tracks.iter().position(|track| face.track.is_some() && track.number == face.track);
            let index = known.or_else(same).unwrap_or_else(|| {
                self.tracks.push(Track::new(face.track, face.bbox, time));
                self.tracks.len() - 1
            });
            self.tracks[index].saw(face, time, self.min_face_px);
            tracks.push(index);
        }
        for track in &mut self.tracks {
            track.looked &= track.seen == time;
            // Somebody looked, and for so long nobody was near there: whoever comes later arrives later.
            if track.near_seen != time && time.since(track.near_seen) >= self.arrive_after / 2 {
                track.near_since = None;
            }
        }
        self.before = time;
        tracks
    }

    /// Unnumbered faces and tracks that may be one and the same, nearest first.
    fn near_pairs(&self, time: Time, faces: &[Face]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let unnumbered = self.tracks.iter().enumerate().filter(|(_, track)| track.number.is_none());
        for (index, track) in unnumbered.filter(|(_, track)| self.is_followed(track, time)) {
            for (at, face) in faces.iter().enumerate().filter(|(_, face)| face.track.is_none()) {
                let far = distance(&track.place, &face.bbox).filter(|far| *far < FOLLOWS);
                if let Some(far) = far.filter(|_| self.may_be_one(track, &Who::of(face))) {
                    pairs.push((far, index, at));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs.into_iter().map(|(_, track, face)| (track, face)).collect()
    }

    /// Whether what is known of both allows it: one person is not two, and whoever is known may look like nobody in a single
    /// picture, but not after an absence.
    fn may_be_one(&self, track: &Track, who: &Who) -> bool {
        match (&track.who, who) {
            (Who::Known(one), Who::Known(other)) => one == other,
            (one, other) => track.seen == self.before || one.agrees(other),
        }
    }

    /// Whether a face without a number is not lost yet: it was in the frame before, whenever that was, or a moment ago.
    fn is_followed(&self, track: &Track, time: Time) -> bool {
        let away = time.since(track.seen);
        away <= self.leave_after && (track.seen == self.before || away <= self.arrive_after)
    }

    fn forget(&mut self, time: Time) {
        let (before, arrive_after, leave_after) = (self.before, self.arrive_after, self.leave_after);
        self.tracks.retain(|track| {
            let away = time.since(track.seen);
            let lost = track.number.is_none() && track.seen != before && away > arrive_after;
            away <= leave_after && !lost
        });
    }
}
