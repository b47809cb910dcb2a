//! Which face of a frame is which of the frame before.
//!
//! A track is a face that is followed through the frames of one stream. At each detection the faces found are given to the
//! tracks by how their boxes overlap and how far their key points moved, the closest pairs first; between detections a box
//! goes on as it moved. What a track means to its owner is `T`.
//!
//! The decision that shapes it: **where two faces could be exchanged, a track says so** ([`Track::mixed`]) instead of
//! guessing. A name that was given to one of them would otherwise walk off with the other.

use std::time::Duration;

use majlis_plugin_api::Time;

use crate::face::{BBox, Detection};

/// A track that nobody saw for so long is over.
const LOST: Duration = Duration::from_millis(1500);

/// Boxes that overlap less (intersection over union), and whose key points moved more than [`FAR`], are different faces.
const OVERLAP: f32 = 0.3;

/// How far key points may have moved on average, in sides of the box.
const FAR: f32 = 0.5;

/// Two faces whose likeness to one track differs by less could be exchanged.
const CLOSE: f32 = 0.3;

/// A face that is followed.
#[derive(Debug, Clone)]
pub struct Track<T> {
    /// Never given twice by one [`Tracker`].
    pub number: u64,
    /// Where it was seen last.
    pub seen: Detection,
    /// When that was.
    pub at: Time,
    /// Since then it may have been exchanged for another: the last detection could have gone either way.
    pub mixed: bool,
    /// What its owner knows of it.
    pub own: T,
    /// Pixels a second, of each side of the box.
    speed: [f32; 4],
}

/// Follows the faces of one stream.
#[derive(Debug, Clone)]
pub struct Tracker<T> {
    tracks: Vec<Track<T>>,
}

impl<T> Default for Tracker<T> {
    fn default() -> Self {
        Self { tracks: Vec::new() }
    }
}

impl<T: Default> Tracker<T> {
    /// Gives each face of a frame that was taken at `now` to a track, or begins one with a number of `next`. The answer holds
    /// the place of each face's track in [`Tracker::tracks`].
    pub fn update(&mut self, found: Vec<Detection>, now: Time, mut next: impl FnMut() -> u64) -> Vec<usize> {
        self.tracks.retain(|track| now.since(track.at) <= LOST);
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (place, track) in self.tracks.iter().enumerate() {
            let expected = track.expected(now);
            for (index, face) in found.iter().enumerate() {
                if let Some(likeness) = likeness(&expected, face) {
                    pairs.push((likeness, place, index));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let known = self.tracks.len();
        let mut track_of: Vec<Option<usize>> = vec![None; found.len()];
        let mut taken = vec![false; known];
        for &(likeness, place, index) in &pairs {
            if taken[place] || track_of[index].is_some() {
                continue;
            }
            (taken[place], track_of[index]) = (true, Some(place));
            // Another face was nearly as like this track, or another track nearly as like this face.
            let rival = |&(other, p, i): &(f32, usize, usize)| (p == place) != (i == index) && likeness - other < CLOSE;
            self.tracks[place].mixed = pairs.iter().any(rival);
        }
        let place_of = |(face, track): (Detection, Option<usize>)| match track {
            Some(place) => {
                self.tracks[place].see(face, now);
                place
            }
            None => {
                let fresh =
                    Track { number: next(), seen: face, at: now, mixed: false, own: T::default(), speed: [0.0; 4] };
                self.tracks.push(fresh);
                self.tracks.len() - 1
            }
        };
        found.into_iter().zip(track_of).map(place_of).collect()
    }
}

impl<T> Tracker<T> {
    /// The tracks, in the order in which they began.
    pub fn tracks(&mut self) -> &mut [Track<T>] {
        &mut self.tracks
    }

    /// Drops what nobody saw for so long that it is over at `now`.
    pub fn expire(&mut self, now: Time) {
        self.tracks.retain(|track| now.since(track.at) <= LOST);
    }
}

impl<T> Track<T> {
    /// Where the face should be at `now`, had it gone on as it moved.
    #[must_use]
    pub fn expected(&self, now: Time) -> Detection {
        let seconds = now.since(self.at).as_secs_f32();
        let mut face = self.seen.clone();
        let moved = self.speed.map(|speed| speed * seconds);
        face.bbox = std::array::from_fn(|i| face.bbox[i] + moved[i]);
        let middle = [f32::midpoint(moved[0], moved[2]), f32::midpoint(moved[1], moved[3])];
        face.key_points = face.key_points.map(|points| points.map(|[x, y]| [x + middle[0], y + middle[1]]));
        face
    }

    fn see(&mut self, face: Detection, now: Time) {
        let seconds = now.since(self.at).as_secs_f32();
        if seconds > 0.0 {
            let moved: [f32; 4] = std::array::from_fn(|i| (face.bbox[i] - self.seen.bbox[i]) / seconds);
            // Half of the last speed stays: a detector's box trembles by some pixels from frame to frame.
            self.speed = std::array::from_fn(|i| 0.5 * self.speed[i] + 0.5 * moved[i]);
        }
        (self.seen, self.at) = (face, now);
    }
}

/// How like a face is to where one is expected, 0 to 1; None when it is another one.
fn likeness(expected: &Detection, face: &Detection) -> Option<f32> {
    let overlap = overlap(&expected.bbox, &face.bbox);
    let side = expected.smaller_side().max(face.smaller_side());
    let drift = match (&expected.key_points, &face.key_points) {
        (Some(a), Some(b)) if side > 0.0 => {
            let distance = |(a, b): (&[f32; 2], &[f32; 2])| (a[0] - b[0]).hypot(a[1] - b[1]);
            Some(a.iter().zip(b).map(distance).sum::<f32>() / (a.len() as f32 * side))
        }
        _ => None,
    };
    let near = drift.map_or(0.0, |drift| 1.0 - drift / FAR);
    // Comparisons with what is not a number are false: such a face is a new one.
    (overlap >= OVERLAP || near > 0.0).then(|| overlap.max(near)).filter(|likeness| likeness.is_finite())
}

fn overlap(a: &BBox, b: &BBox) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |b: &BBox| (b[2] - b[0]) * (b[3] - b[1]);
    let intersection = width * height;
    intersection / (area(a) + area(b) - intersection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, y: f32, side: f32) -> Detection {
        let points = [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]];
        Detection {
            bbox: [x, y, x + side, y + side],
            score: 0.9,
            key_points: Some(points.map(|[u, v]| [x + u * side, y + v * side])),
        }
    }

    fn at(milliseconds: u64) -> Time {
        Time::from_nanos(milliseconds * 1_000_000)
    }

    struct Stream {
        tracker: Tracker<()>,
        next: u64,
    }

    impl Stream {
        fn new() -> Self {
            Self { tracker: Tracker::default(), next: 0 }
        }

        /// The number of each face's track.
        fn show(&mut self, milliseconds: u64, faces: Vec<Detection>) -> Vec<u64> {
            let next = &mut self.next;
            let places = self.tracker.update(faces, at(milliseconds), || {
                *next += 1;
                *next
            });
            places.into_iter().map(|place| self.tracker.tracks()[place].number).collect()
        }
    }

    #[test]
    fn a_face_that_moves_keeps_its_track_and_one_that_comes_gets_another() {
        let mut stream = Stream::new();
        assert_eq!(stream.show(0, vec![face(100.0, 100.0, 80.0)]), [1]);
        assert_eq!(stream.show(100, vec![face(110.0, 100.0, 80.0), face(400.0, 100.0, 80.0)]), [1, 2]);
        // The order in which they are found does not matter.
        assert_eq!(stream.show(200, vec![face(400.0, 105.0, 82.0), face(121.0, 101.0, 80.0)]), [2, 1]);
    }

    #[test]
    fn a_fast_face_is_expected_where_it_goes() {
        let mut stream = Stream::new();
        for (frame, x) in [100.0, 140.0, 180.0, 220.0, 260.0].into_iter().enumerate() {
            assert_eq!(stream.show(100 * frame as u64, vec![face(x, 100.0, 80.0)]), [1], "at {x}");
        }
        let expected = stream.tracker.tracks()[0].expected(at(500));
        assert!((expected.bbox[0] - 300.0).abs() < 10.0, "{:?}", expected.bbox);
        assert!((expected.bbox[2] - expected.bbox[0] - 80.0).abs() < 1.0);
        let moved = expected.key_points.unwrap()[0][0] - expected.bbox[0];
        assert!((moved - 24.0).abs() < 1.0, "key points go along: {moved}");
    }

    #[test]
    fn who_was_away_for_too_long_is_somebody_else() {
        let mut stream = Stream::new();
        stream.show(0, vec![face(100.0, 100.0, 80.0)]);
        assert_eq!(stream.show(1_400, vec![face(100.0, 100.0, 80.0)]), [1]);
        assert_eq!(stream.show(3_000, vec![face(100.0, 100.0, 80.0)]), [2]);
    }

    #[test]
    fn two_faces_that_could_be_exchanged_are_said_to_be_mixed() {
        let mut stream = Stream::new();
        // They walk towards each other.
        for (step, (left, right)) in [(100.0, 300.0), (130.0, 270.0), (160.0, 240.0)].into_iter().enumerate() {
            stream.show(100 * step as u64, vec![face(left, 100.0, 80.0), face(right, 100.0, 80.0)]);
            assert!(stream.tracker.tracks().iter().all(|track| !track.mixed), "step {step}");
        }
        stream.show(300, vec![face(190.0, 100.0, 80.0), face(210.0, 100.0, 80.0)]);
        stream.show(400, vec![face(203.0, 100.0, 80.0), face(197.0, 100.0, 80.0)]);
        assert!(stream.tracker.tracks().iter().any(|track| track.mixed));
    }

    #[test]
    fn a_box_that_is_not_made_of_numbers_begins_a_track_of_its_own() {
        let mut stream = Stream::new();
        stream.show(0, vec![face(100.0, 100.0, 80.0)]);
        let broken = Detection { bbox: [f32::NAN; 4], score: 0.9, key_points: None };
        assert_eq!(stream.show(100, vec![broken.clone(), face(100.0, 100.0, 80.0)]), [2, 1]);
        assert_eq!(stream.show(200, vec![broken]), [3]);
    }
}
