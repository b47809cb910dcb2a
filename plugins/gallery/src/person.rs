//! Somebody who enrolled.

use std::fmt;

use crate::announce::Announce;
use crate::consent::{Consent, Timestamp};

/// How a person is called, where and how it is said.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// In Arabic script, for the eye.
    pub arabic: String,
    /// Vocalised, for the voice.
    pub spoken: String,
    /// In Latin script.
    pub latin: String,
}

impl Names {
    /// Whether there is none.
    #[must_use]
    pub fn are_empty(&self) -> bool {
        [&self.arabic, &self.spoken, &self.latin].iter().all(|name| name.trim().is_empty())
    }
}

/// A person who enrolled.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Unique in a gallery; the subject by which a person's traces are erased.
    pub id: String,
    /// How the person is called.
    pub names: Names,
    /// A title that goes before the name or stands for it. Empty: none.
    pub title: String,
    /// `female` or `male`, for grammar. Empty: not said.
    pub gender: String,
    /// The language that the person wants to be greeted in, a BCP 47 tag. Empty: the pipeline's.
    pub language: String,
    /// How the person wants to be announced.
    pub announce: Announce,
    /// Who is greeted first where several stand together: 1 before 2. None: after all others.
    pub precedence: Option<u32>,
    /// For the people at the desk; it goes nowhere else.
    pub notes: String,
    /// What the person agreed to.
    pub consent: Consent,
}

impl Person {
    /// Whether the name may be said aloud at `now`.
    #[must_use]
    pub fn name_may_be_said(&self, now: Timestamp) -> bool {
        self.announce == Announce::Name && self.consent.allows_announcement(now)
    }
}

// Not derived: a name must not get into a log by way of `{:?}`.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("consent", &self.consent).finish_non_exhaustive()
    }
}
