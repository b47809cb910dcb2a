//! How long a room of the server's dispatch is kept: as long as somebody is there.
//!
//! The server says neither when a visit is over nor whether its agent arrived, so both are taken from the room.

use std::time::Duration;

use majlis_livekit_dispatch::Outcome;
use tokio::time::Instant;

/// So long joining is tried. A visitor who waits for longer is sent another agent.
const JOIN_WITHIN: Duration = Duration::from_secs(20);
/// So long nobody may be there before the first visitor. The server announces those who publish nothing after up to 3 s.
const COME_WITHIN: Duration = Duration::from_secs(20);

/// The time of a room.
#[derive(Debug)]
pub(crate) struct Term {
    /// Until when something has to happen that has not happened yet.
    until: Option<Instant>,
    joined: bool,
    visited: bool,
    /// Why it is over whoever is there.
    over: Option<String>,
}

impl Term {
    /// It begins: the room is to be joined.
    pub(crate) fn new(now: Instant) -> Self {
        Self { until: Some(now + JOIN_WITHIN), joined: false, visited: false, over: None }
    }

    /// The room is joined, for the first time or again.
    pub(crate) fn joined(&mut self, now: Instant) {
        if !self.joined {
            self.until = (!self.visited).then_some(now + COME_WITHIN);
        }
        self.joined = true;
    }

    /// The room is lost. It is joined again for as long as visitors are waited for.
    pub(crate) fn lost(&mut self) {
        if self.visited {
            self.joined = false;
        }
    }

    /// A visitor was received, which may be before the room is joined.
    pub(crate) fn visited(&mut self) {
        self.visited = true;
        if self.joined {
            self.until = None;
        }
    }

    /// It is over, whoever is there.
    pub(crate) fn end(&mut self, why: &str) {
        self.over.get_or_insert_with(|| why.to_owned());
    }

    /// When it is to be looked at next, though nothing happens. `anybody`: a visitor is here, or is waited for.
    pub(crate) fn due(&self, anybody: bool) -> Option<Instant> {
        self.until.filter(|_| !(anybody && self.joined))
    }

    /// How it ended, if it has. `anybody`: a visitor is here, or is waited for.
    pub(crate) fn outcome(&self, anybody: bool, now: Instant) -> Option<Outcome> {
        let failed = |why: &str| Some(Outcome::Failed(why.to_owned()));
        match &self.over {
            Some(_) if self.visited => return Some(Outcome::Success),
            Some(why) => return failed(why),
            None => {}
        }
        let is_out_of_reach = !self.joined && self.until.is_some_and(|until| until <= now);
        if anybody && !is_out_of_reach {
            return None;
        }
        match self.until {
            Some(until) if until > now => None,
            Some(_) if self.joined => failed("no visitor came"),
            Some(_) => failed("the room could not be joined"),
            None if self.joined => Some(Outcome::Success),
            None => failed("the room was lost, and was not back before its visitors were given up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(60);

    fn why(outcome: Option<Outcome>) -> String {
        match outcome {
            Some(Outcome::Failed(why)) => why,
            other => panic!("it has failed, and is not {other:?}"),
        }
    }

    #[test]
    fn a_room_is_kept_while_a_visitor_is_there_or_waited_for_and_not_longer() {
        let now = Instant::now();
        let mut term = Term::new(now);
        term.joined(now);
        assert_eq!(term.outcome(false, now), None, "the first one may come yet");
        term.visited();
        assert_eq!(term.outcome(true, now + LATER), None);
        assert_eq!(term.outcome(false, now), Some(Outcome::Success));
        assert_eq!(term.due(false), None, "nothing but the visitor's leaving ends it");
    }

    #[test]
    fn a_room_where_nobody_comes_and_one_that_cannot_be_joined_are_given_up() {
        let now = Instant::now();
        let mut term = Term::new(now);
        assert_eq!(term.due(false), Some(now + JOIN_WITHIN));
        assert!(why(term.outcome(false, now + JOIN_WITHIN)).contains("could not be joined"));
        let late = now + Duration::from_secs(15);
        term.joined(late);
        assert_eq!(term.outcome(false, now + JOIN_WITHIN), None, "it was joined in time");
        assert!(why(term.outcome(false, late + COME_WITHIN)).contains("no visitor"));
    }

    #[test]
    fn a_visitor_who_was_received_before_the_room_is_joined_is_no_reason_to_try_for_ever() {
        let now = Instant::now();
        let mut term = Term::new(now);
        term.visited();
        assert_eq!(term.due(true), Some(now + JOIN_WITHIN));
        assert_eq!(term.outcome(true, now), None);
        assert!(why(term.outcome(true, now + JOIN_WITHIN)).contains("could not be joined"));
        term.joined(now);
        assert_eq!((term.due(true), term.due(false)), (None, None));
        assert_eq!(term.outcome(true, now + LATER), None);
        assert_eq!(term.outcome(false, now), Some(Outcome::Success));
    }

    #[test]
    fn a_room_that_is_lost_is_kept_until_its_visitors_are_given_up() {
        let now = Instant::now();
        let mut term = Term::new(now);
        term.joined(now);
        term.visited();
        term.lost();
        assert_eq!(term.outcome(true, now + LATER), None);
        assert!(why(term.outcome(false, now + LATER)).contains("was lost"));
        term.joined(now);
        assert_eq!(term.outcome(false, now + LATER), Some(Outcome::Success));
    }

    #[test]
    fn what_the_server_ends_has_gone_well_if_a_visitor_was_received() {
        let now = Instant::now();
        let mut term = Term::new(now);
        term.end("it was taken back");
        term.end("and again");
        assert_eq!(why(term.outcome(true, now)), "it was taken back");
        term.visited();
        assert_eq!(term.outcome(true, now), Some(Outcome::Success));
    }
}
