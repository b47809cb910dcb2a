//! The decision: whether a frame is worth a look, as a function of pictures, people and time.

use std::time::Duration;

use majlis_plugin_api::{Face, Frame, Result, Time};

use crate::config::Config;
use crate::grey::Shrink;
use crate::likeness::Picture;
use crate::people::{People, anybody};

/// What was decided about a frame, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Of this visit none was let through before.
    NewVisit,
    /// Somebody came or left.
    PeopleChanged,
    /// The picture is another one.
    SceneChanged,
    /// The last look is too long ago.
    TooOld,
    /// It shows what was seen.
    Unchanged,
    /// The recogniser sees nobody on it: whoever was there has left.
    NobodyThere,
    /// It is worth a look, and the last one was a moment ago.
    TooSoon,
    /// Nobody looked for faces on it, and a newer one comes.
    NotLookedAt,
}

impl Reason {
    /// Its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NewVisit => "new visit",
            Self::PeopleChanged => "people changed",
            Self::SceneChanged => "scene changed",
            Self::TooOld => "too old",
            Self::Unchanged => "unchanged",
            Self::NobodyThere => "nobody there",
            Self::TooSoon => "too soon",
            Self::NotLookedAt => "not looked at",
        }
    }

    /// Whether the frame is let through.
    #[must_use]
    pub fn lets_through(self) -> bool {
        matches!(self, Self::NewVisit | Self::PeopleChanged | Self::SceneChanged | Self::TooOld)
    }
}

/// The limits by which is decided.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    changed: f32,
    same: f32,
    settle_within: Duration,
    max_age: Duration,
    min_gap: Duration,
    gone_after: Duration,
}

impl Rules {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            changed: config.changed as f32,
            same: config.same as f32,
            settle_within: config.settle_within.get(),
            max_age: config.max_age.get(),
            min_gap: config.min_gap.get(),
            gone_after: config.gone_after.get(),
        }
    }
}

/// What is kept of one visit: two small grey pictures, room for a third, and who was there.
#[derive(Debug, Default)]
pub struct Gate {
    /// When a frame was let through last, and what it showed.
    sent: Option<Time>,
    shown: Picture,
    /// The frame before this one.
    last: Picture,
    now: Picture,
    shrink: Shrink,
    people: People,
    /// Since when the picture differs from the one that was let through.
    differs_since: Option<Time>,
}

impl Gate {
    /// Whether a frame of the visit was let through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.sent.is_some()
    }

    /// Decides about the next frame, which was taken at `time`. `faces` is what the recogniser says of it; None where nobody
    /// looked, and then the picture alone decides.
    ///
    /// # Errors
    /// The frame's pixels are of a format that this version does not know.
    pub fn decide(&mut self, rules: &Rules, time: Time, frame: &Frame, faces: Option<&[Face]>) -> Result<Reason> {
        let shrink = &mut self.shrink;
        self.now.make(|grey| shrink.shrink(frame, grey))?;
        let reason = match self.sent {
            None => Reason::NewVisit,
            Some(sent) => self.compare(rules, sent, time, frame.is_still(), faces),
        };
        if reason.lets_through() {
            self.sent = Some(time);
            self.differs_since = None;
            self.shown.become_like(&self.now);
            if let Some(faces) = faces {
                self.people.take(time, faces, rules.gone_after);
            }
        }
        std::mem::swap(&mut self.last, &mut self.now);
        Ok(reason)
    }

    fn compare(&mut self, rules: &Rules, sent: Time, time: Time, still: bool, faces: Option<&[Face]>) -> Reason {
        let others = faces.is_some_and(|faces| self.people.changed(time, faces, rules.gone_after));
        let moved = self.has_moved(rules, time, still);
        let reason = if faces.is_some_and(|faces| !anybody(faces)) {
            return Reason::NobodyThere;
        } else if others {
            Reason::PeopleChanged
        } else if moved {
            Reason::SceneChanged
        } else if time.since(sent) >= rules.max_age {
            Reason::TooOld
        } else {
            return Reason::Unchanged;
        };
        if time.since(sent) < rules.min_gap { Reason::TooSoon } else { reason }
    }

    /// How much the frame that was decided last differs from the one that was let through last: 0 for the same picture, about
    /// 1 for two that have nothing in common.
    #[must_use]
    pub fn difference(&self) -> f32 {
        self.last.difference(&self.shown)
    }

    /// Whether the scene is another one and has come to rest: who walks through the picture is not looked at in the middle of
    /// it, and not at all if everything is then as it was.
    fn has_moved(&mut self, rules: &Rules, time: Time, still: bool) -> bool {
        let limit = if self.differs_since.is_some() { rules.same } else { rules.changed };
        if self.now.difference(&self.shown) < limit {
            self.differs_since = None;
            return false;
        }
        let since = *self.differs_since.get_or_insert(time);
        // A photograph does not move.
        still || time.since(since) >= rules.settle_within || self.now.difference(&self.last) < rules.same
    }
}
