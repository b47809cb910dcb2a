//! A frame and what a recogniser says of this very frame.
//!
//! They are joined by visit and time stamp. The host keeps the time stamp of a packet through every stage: what a recogniser answers
//! to a frame has the frame's, and so has a frame that a gate lets through or that `presence` sends on. A packet's sequence is its
//! place on one edge and does not survive that; `Faces::frame` is the place on the recogniser's input, which this stage does not see.
//! So whoever makes frames gives each frame of a visit a time of its own. Where two have the same, it is not known which of
//! them the recogniser saw, and none of them is joined.

use std::collections::VecDeque;

use majlis_plugin_api::{Faces, Frame, Time};

/// So many frames wait for their faces: half a second of a camera with 30 a second.
const MOST_FRAMES: usize = 16;
/// And so many bytes of them: frames that are held cannot be reused.
const MOST_BYTES: usize = 32 << 20;
/// So many answers wait for their frames, and so many times are remembered.
const MOST_FACES: usize = 64;

/// A frame that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) time: Time,
    pub(crate) sequence: u64,
    pub(crate) frame: Frame,
}

/// What waits for its other half, of one visit.
#[derive(Default)]
pub(crate) struct Join {
    frames: VecDeque<Arrived>,
    faces: VecDeque<(Time, Faces)>,
    frame_times: VecDeque<Time>,
    face_times: VecDeque<Time>,
}

impl Join {
    /// A frame came: its faces, if they are here.
    pub(crate) fn frame(&mut self, arrived: Arrived) -> Option<(Arrived, Faces)> {
        let time = arrived.time;
        if !is_first(&mut self.frame_times, time) {
            self.frames.retain(|waiting| waiting.time != time);
            self.faces.retain(|(of, _)| *of != time);
            return None;
        }
        // Frames come in order: what was said of earlier ones is of no use any more.
        while self.faces.front().is_some_and(|(of, _)| *of < time) {
            self.faces.pop_front();
        }
        if self.faces.front().is_some_and(|(of, _)| *of == time) {
            return self.faces.pop_front().map(|(_, faces)| (arrived, faces));
        }
        self.frames.push_back(arrived);
        while self.frames.len() > MOST_FRAMES || (self.frames.len() > 1 && self.bytes() > MOST_BYTES) {
            self.frames.pop_front();
        }
        None
    }

    /// Faces came: their frame, if it is here.
    pub(crate) fn faces(&mut self, time: Time, faces: Faces) -> Option<(Arrived, Faces)> {
        if !is_first(&mut self.face_times, time) {
            self.faces.retain(|(of, _)| *of != time);
            self.frames.retain(|waiting| waiting.time != time);
            return None;
        }
        // A recogniser answers in order: it did not look at earlier ones.
        while self.frames.front().is_some_and(|waiting| waiting.time < time) {
            self.frames.pop_front();
        }
        if self.frames.front().is_some_and(|waiting| waiting.time == time) {
            return self.frames.pop_front().map(|arrived| (arrived, faces));
        }
        if self.faces.len() == MOST_FACES {
            self.faces.pop_front();
        }
        self.faces.push_back((time, faces));
        None
    }

    fn bytes(&self) -> usize {
        self.frames.iter().map(|arrived| arrived.frame.pixels().len()).sum()
    }
}

/// Whether a time was not met before.
fn is_first(times: &mut VecDeque<Time>, time: Time) -> bool {
    if times.contains(&time) {
        return false;
    }
    if times.len() == MOST_FACES {
        times.pop_front();
    }
    times.push_back(time);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use majlis_plugin_api::{FrameMut, PixelFormat};

    fn arrived(at: u64) -> Arrived {
        sized(at, 4)
    }

    fn sized(at: u64, side: u32) -> Arrived {
        let frame = FrameMut::new(&majlis_testkit::host(), side, side, PixelFormat::Gray8).expect("a frame");
        Arrived { time: Time::from_nanos(at), sequence: at, frame: frame.freeze().expect("a frame") }
    }

    fn faces(join: &mut Join, at: u64) -> Option<u64> {
        join.faces(Time::from_nanos(at), Faces::default()).map(|(arrived, _)| arrived.sequence)
    }

    fn frame(join: &mut Join, at: u64) -> Option<u64> {
        join.frame(arrived(at)).map(|(arrived, _)| arrived.sequence)
    }

    #[test]
    fn a_frame_and_its_faces_meet_whichever_comes_first() {
        let mut join = Join::default();
        assert_eq!((frame(&mut join, 1), faces(&mut join, 1)), (None, Some(1)));
        assert_eq!((faces(&mut join, 2), frame(&mut join, 2)), (None, Some(2)));
    }

    #[test]
    fn frames_at_which_nobody_looked_are_never_joined() {
        let mut join = Join::default();
        for at in 1..=5 {
            assert_eq!(frame(&mut join, at), None);
        }
        assert_eq!(faces(&mut join, 4), Some(4));
        assert_eq!(faces(&mut join, 3), None, "it was left out");
        assert_eq!(faces(&mut join, 5), Some(5));
    }

    #[test]
    fn faces_of_another_frame_are_not_taken() {
        let mut join = Join::default();
        assert_eq!((frame(&mut join, 7), faces(&mut join, 6)), (None, None));
        assert_eq!((frame(&mut join, 8), faces(&mut join, 9)), (None, None));
    }

    #[test]
    fn two_frames_of_the_same_time_are_both_refused() {
        let mut join = Join::default();
        assert_eq!((frame(&mut join, 1), frame(&mut join, 1), faces(&mut join, 1)), (None, None, None));
        assert_eq!((faces(&mut join, 2), faces(&mut join, 2), frame(&mut join, 2)), (None, None, None));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut join = Join::default();
        for at in 1..=1_000 {
            frame(&mut join, at);
        }
        assert_eq!(join.frames.len(), MOST_FRAMES);
        for at in 2_000..3_000 {
            faces(&mut join, at);
        }
        assert!(join.faces.len() <= MOST_FACES && join.face_times.len() <= MOST_FACES);
        let mut join = Join::default();
        for at in 1..=10 {
            join.frame(sized(at, 4_000));
        }
        assert!(join.bytes() <= MOST_BYTES && !join.frames.is_empty());
    }
}
