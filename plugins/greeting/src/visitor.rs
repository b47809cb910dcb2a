//! What is known of a visitor, and what one answer of the recogniser says.

use std::collections::BTreeSet;
use std::rc::Rc;

use majlis_plugin_api::{Faces, Identity, Scene, Time};

use crate::guest::Guest;
use crate::texts::Language;

/// A visitor who is there.
pub(crate) struct Visitor {
    /// When the guest greeting is due.
    pub(crate) deadline: Time,
    /// Somebody looked.
    pub(crate) answered: bool,
    /// How many faces were seen last, when some were.
    pub(crate) seen: usize,
    pub(crate) greeting: Greeting,
    /// What was seen before the greeting.
    pub(crate) scene: Option<Scene>,
}

/// How far it is with a visitor's greeting.
pub(crate) enum Greeting {
    Due,
    /// Said then, in these languages.
    Said(Time, Vec<Rc<Language>>),
    /// And something that was seen has been remarked since, or nothing is to be said at all.
    Over,
}

impl Visitor {
    pub(crate) fn new(deadline: Time) -> Self {
        Self { deadline, answered: false, seen: 0, greeting: Greeting::Due, scene: None }
    }

    /// Whether a greeting is due when nothing more is known: somebody was seen, or nobody could look.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.greeting, Greeting::Due) && (self.seen > 0 || !self.answered)
    }
}

/// Who is there, by one answer of the recogniser.
pub(crate) struct Seen {
    /// People of whom it is known who they are, whether they may be named or not.
    pub(crate) recognised: bool,
    /// Those who may be named, the first in rank before others.
    pub(crate) guests: Vec<Guest>,
    pub(crate) faces: usize,
    /// Who some of the others are may still be found out.
    pub(crate) undecided: bool,
}

impl Seen {
    pub(crate) fn of(faces: Faces) -> Self {
        let mut ids = BTreeSet::new();
        let mut seen = Self { recognised: false, guests: Vec::new(), faces: faces.faces.len(), undecided: false };
        for face in faces.faces {
            match face.identity {
                Identity::Known(person) => {
                    seen.recognised |= person.may_be_announced() || Guest::of(&person).is_some();
                    // One person on two faces: a picture of them in the picture.
                    if ids.insert(person.id.clone()) {
                        seen.guests.extend(Guest::of(&person));
                    }
                }
                Identity::Undecided => seen.undecided = true,
                Identity::Unknown | Identity::TooSmall => {}
            }
        }
        seen.guests.sort_by_key(Guest::rank);
        seen
    }
}
