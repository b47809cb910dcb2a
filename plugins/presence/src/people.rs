//! Who is there: from faces that are followed to guests, each of whom is a visit.
//!
//! All of it is a function of what was seen and when. Visits, packets and the host are the stage's.

use std::time::Duration;

use majlis_plugin_api::{Face, Time};

use crate::config::{Config, Group};
use crate::follow::{Following, Track, Who};
use crate::place::{Box4, distance, size};

/// Whoever was away and is seen at most so far, in widths of a face, from where they were has come back. People who stand
/// beside each other are two to three widths apart.
const RETURNS: f32 = 1.5;

/// A guest by number, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GuestId(u64);

struct Guest {
    id: GuestId,
    who: Who,
    place: Box4,
    /// When they were seen last (the time of the frame).
    seen: Time,
    /// When they are away long enough to have left.
    leaves: Time,
}

/// What a frame changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// By face: whose it is.
    pub(crate) whose: Vec<Option<GuestId>>,
    /// Who came, and when.
    pub(crate) came: Vec<(GuestId, Time)>,
    /// Who turned out to be somebody who is there already.
    pub(crate) merged: Vec<GuestId>,
}

/// The people before one camera.
pub(crate) struct People {
    following: Following,
    guests: Vec<Guest>,
    last: u64,
    group: Group,
    /// A face that small is still there once it was near: a step back ends no visit.
    keeps_px: f32,
    arrive_after: Duration,
    leave_after: Duration,
}

impl People {
    pub(crate) fn new(config: &Config) -> Self {
        let min_face_px = config.min_face_px as f32;
        let (arrive_after, leave_after) = (config.arrive_after.get(), config.leave_after.get());
        Self {
            following: Following::new(min_face_px, arrive_after, leave_after),
            guests: Vec::new(),
            last: 0,
            group: config.group,
            keeps_px: min_face_px / 2.0,
            arrive_after,
            leave_after,
        }
    }

    /// The faces of a frame of this time, told at `now`.
    pub(crate) fn look(&mut self, time: Time, now: Time, faces: &[Face]) -> Changes {
        let mut changes = Changes::default();
        let tracks = self.following.look(time, faces);
        // Who is known comes first, so that somebody who is away is looked for only among those who are.
        let (known, others): (Vec<usize>, Vec<usize>) =
            tracks.iter().partition(|index| matches!(self.following.tracks[**index].who, Who::Known(_)));
        for index in known.into_iter().chain(others) {
            self.belongs(index, time, &mut changes);
        }
        for index in &tracks {
            self.arrives(*index, time, &mut changes);
        }
        for index in &tracks {
            let track = &self.following.tracks[*index];
            let kept = size(&track.place) >= self.keeps_px;
            if let Some(guest) = self.guests.iter_mut().find(|guest| kept && Some(guest.id) == track.guest) {
                (guest.seen, guest.place) = (time, track.place);
                guest.leaves = now + self.leave_after;
            }
        }
        let whose = |index: &usize| match self.group {
            Group::OneVisit => self.guests.first().map(|guest| guest.id),
            Group::PerPerson => self.following.tracks[*index].guest,
        };
        changes.whose = tracks.iter().map(whose).collect();
        changes
    }

    /// Finds out whose a face is, of those who are there.
    fn belongs(&mut self, index: usize, time: Time, changes: &mut Changes) {
        let track = &self.following.tracks[index];
        if self.group == Group::OneVisit {
            if let Some(guest) = self.guests.first().filter(|_| track.looked) {
                self.following.tracks[index].guest = Some(guest.id);
            }
            return;
        }
        let same_person = |guest: &&Guest| matches!(guest.who, Who::Known(_)) && guest.who == track.who;
        if let Some(guest) = self.guests.iter().find(same_person).map(|guest| guest.id) {
            return self.turns_out_to_be(index, guest, changes);
        }
        if let Some(guest) = self.guests.iter_mut().find(|guest| Some(guest.id) == track.guest) {
            if track.guessed && !track.who.agrees(&guest.who) {
                // Somebody else at the same place, from the first frame on.
                let track = &mut self.following.tracks[index];
                (track.guest, track.guessed) = (None, false);
            } else if matches!(track.who, Who::Known(_)) || guest.who == Who::Undecided {
                guest.who = track.who.clone();
            }
        } else if track.first == time {
            let back = self.who_came_back(track, time);
            let track = &mut self.following.tracks[index];
            (track.guest, track.guessed) = (back, back.is_some());
        }
    }

    /// A face is that of a person who is there already.
    fn turns_out_to_be(&mut self, index: usize, guest: GuestId, changes: &mut Changes) {
        let track = &mut self.following.tracks[index];
        let guessed = std::mem::take(&mut track.guessed);
        let former = track.guest.replace(guest).filter(|former| *former != guest && !guessed);
        let Some(former) = former else { return };
        // For this face alone there was a guest of its own: a visit too many.
        if !self.following.tracks.iter().any(|track| track.guest == Some(former)) {
            self.guests.retain(|guest| guest.id != former);
            changes.merged.push(former);
        }
    }

    /// Who was away, was the last to stand where this face is, and may be who it is.
    fn who_came_back(&self, track: &Track, time: Time) -> Option<GuestId> {
        let there = |guest: &Guest| {
            self.following.tracks.iter().any(|track| track.seen == time && track.guest == Some(guest.id))
        };
        let near = |guest: &&Guest| distance(&guest.place, &track.place).is_some_and(|far| far < RETURNS);
        let away = self.guests.iter().filter(|guest| guest.seen < time && !there(guest));
        // Whoever stood there before the last one has given the place up.
        let last = away.filter(near).max_by_key(|guest| guest.seen)?;
        last.who.agrees(&track.who).then_some(last.id)
    }

    /// A face that is nobody's and has been near for long enough is a new guest's.
    fn arrives(&mut self, index: usize, time: Time, changes: &mut Changes) {
        let track = &self.following.tracks[index];
        let long_enough = |since: &Time| track.looked && time.since(*since) >= self.arrive_after;
        let Some(since) = track.near_since.filter(|since| track.guest.is_none() && long_enough(since)) else { return };
        let guest = match self.group {
            // Who came a moment before, in the same frame.
            Group::OneVisit => self.guests.first(),
            Group::PerPerson => {
                self.guests.iter().find(|guest| matches!(guest.who, Who::Known(_)) && guest.who == track.who)
            }
        };
        let id = guest.map_or_else(|| GuestId(self.last + 1), |guest| guest.id);
        if guest.is_none() {
            self.last += 1;
            let (who, place, leaves) = (track.who.clone(), track.place, time + self.leave_after);
            self.guests.push(Guest { id, who, place, seen: time, leaves });
            changes.came.push((id, since));
        }
        self.following.tracks[index].guest = Some(id);
    }

    /// Nobody could be received: whoever it is may come again with the next frame.
    pub(crate) fn turn_away(&mut self, guest: GuestId) {
        self.guests.retain(|other| other.id != guest);
        for track in self.following.tracks.iter_mut().filter(|track| track.guest == Some(guest)) {
            (track.guest, track.guessed) = (None, false);
        }
    }

    /// Who has left by now.
    pub(crate) fn left(&mut self, now: Time) -> Vec<GuestId> {
        let left: Vec<GuestId> = self.guests.iter().filter(|guest| guest.leaves <= now).map(|guest| guest.id).collect();
        for guest in &left {
            for track in self.following.tracks.iter_mut().filter(|track| track.guest == Some(*guest)) {
                track.near_since = None;
            }
            self.turn_away(*guest);
        }
        left
    }

    /// When the next of them will have left, if nobody is seen until then.
    pub(crate) fn next_leaves(&self) -> Option<Time> {
        self.guests.iter().map(|guest| guest.leaves).min()
    }
}
