//! Whether a visitor's room has its agent, and what to do where it has none.
//!
//! Pure: what was seen of the room in, what is to be done out. An agent is sent for again where a visitor has had none for a while
//! and none is on its way, and only there: two agents in a room would greet a visitor twice.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

/// So long a visitor has no agent before another one is sent for.
const WITHOUT: Duration = Duration::from_secs(5);
/// What no host has taken by then, no host was free for. (Hosts answer within 200 ms, and then the job is assigned; but the server
/// wrote it down only 5 s later, when it had asked for workers of other kinds.)
const TAKEN_WITHIN: Duration = Duration::from_secs(6);
/// A host that has taken a room is in it by then, or is lost.
const ARRIVES_WITHIN: Duration = Duration::from_secs(15);
/// Whoever let the visitor in elsewhere has so long to send for another agent before it is done here.
const WITHOUT_ELSEWHERE: Duration = Duration::from_secs(8);

/// What was seen of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// How many visitors are in it.
    pub(super) visitors: usize,
    /// Whether an agent is.
    pub(super) agent: bool,
    /// Which times an agent was sent for.
    pub(super) sent: Vec<Sent>,
}

/// One time that an agent was sent for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// The dispatch.
    pub(super) dispatch: String,
    /// What became of it.
    pub(super) state: State,
}

/// What became of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No host has it.
    Nobodys,
    /// A host has it, and has not been in the room yet.
    Coming,
    /// Its host was in the room, or has given it up.
    Past,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Do {
    /// An agent is sent for, instead of these times.
    Send {
        /// The dispatches that are of no use any more.
        instead_of: Vec<String>,
    },
    /// The page is to know whether it waits because all hosts are full.
    Tell {
        /// They are.
        full: bool,
    },
}

/// The watch over one room.
#[derive(Debug)]
pub(super) struct Vigil {
    /// So long somebody may still come: a token is good, or a page may be loaded anew.
    patience: Duration,
    until: Instant,
    /// Since when a visitor has been there without an agent, and since when none was on its way.
    without: Option<Instant>,
    /// Since when a host has been on its way.
    coming: Option<Instant>,
    /// When an agent was sent for last.
    asked: Option<Instant>,
    full: bool,
    /// So long a visitor has no agent before one is sent for.
    spared: Duration,
    /// The visitor was let in elsewhere: the dispatches that were there at the last look.
    elsewhere: Option<BTreeSet<String>>,
}

impl Vigil {
    /// A token for the room was given out. Somebody may come to it for `patience`.
    pub(super) fn new(patience: Duration, now: Instant) -> Self {
        Self {
            patience,
            until: now + patience,
            without: None,
            coming: None,
            asked: None,
            full: false,
            spared: WITHOUT,
            elsewhere: None,
        }
    }

    /// The token was given elsewhere, where the room is watched over as well, unless that host is lost. Whoever sends for an agent
    /// there is left to it. Of several who would stand in each waits `longer` by another time.
    pub(super) fn elsewhere(patience: Duration, longer: Duration, now: Instant) -> Self {
        let spared = WITHOUT_ELSEWHERE + longer;
        Self { spared, elsewhere: Some(BTreeSet::new()), ..Self::new(patience, now) }
    }

    /// Whether the page was told that all hosts are full.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether nobody is there, nor comes any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until <= now
    }

    /// What follows from what was seen.
    pub(super) fn look(&mut self, seen: &Seen, now: Instant) -> Vec<Do> {
        if seen.visitors > 0 {
            self.until = now + self.patience;
        }
        if seen.visitors == 0 || seen.agent {
            (self.without, self.coming, self.asked) = (None, None, None);
            return self.tell(false);
        }
        if self.is_taken_care_of(seen) {
            (self.without, self.asked) = (Some(now), None);
        }
        let since = *self.without.get_or_insert(now);
        let coming = seen.sent.iter().any(|sent| sent.state == State::Coming);
        self.coming = if coming { self.coming.or(Some(now)) } else { None };
        if self.coming.is_some_and(|since| now < since + ARRIVES_WITHIN) {
            if self.elsewhere.is_some() {
                // Where it does not arrive, whoever gave the token sends for another one first.
                self.without = Some(now);
            }
            return self.tell(false);
        }
        let is_nobodys = seen.sent.iter().any(|sent| sent.state == State::Nobodys);
        let mut todo = if is_nobodys && now >= since + TAKEN_WITHIN { self.tell(true) } else { Vec::new() };
        let due = match self.asked {
            Some(asked) => asked + TAKEN_WITHIN,
            None => since + self.spared,
        };
        if now >= due {
            (self.asked, self.coming) = (Some(now), None);
            todo.push(Do::Send { instead_of: seen.sent.iter().map(|sent| sent.dispatch.clone()).collect() });
        }
        todo
    }

    /// Whether somebody sent for an agent since the last look, for a visitor who was let in elsewhere.
    fn is_taken_care_of(&mut self, seen: &Seen) -> bool {
        let Some(known) = &mut self.elsewhere else { return false };
        let before = std::mem::replace(known, seen.sent.iter().map(|sent| sent.dispatch.clone()).collect());
        known.iter().any(|dispatch| !before.contains(dispatch))
    }

    fn tell(&mut self, full: bool) -> Vec<Do> {
        if std::mem::replace(&mut self.full, full) == full { Vec::new() } else { vec![Do::Tell { full }] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(150);

    fn alone(sent: &[(&str, State)]) -> Seen {
        let sent = sent.iter().map(|(dispatch, state)| Sent { dispatch: (*dispatch).into(), state: *state });
        Seen { visitors: 1, agent: false, sent: sent.collect() }
    }

    fn received() -> Seen {
        Seen { visitors: 1, agent: true, sent: alone(&[("d1", State::Past)]).sent }
    }

    fn send(instead_of: &[&str]) -> Do {
        Do::Send { instead_of: instead_of.iter().map(|&dispatch| dispatch.into()).collect() }
    }

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    #[test]
    fn who_is_received_is_left_alone() {
        let start = Instant::now();
        let mut vigil = Vigil::new(PATIENCE, start);
        for second in 0..600 {
            assert_eq!(vigil.look(&received(), start + seconds(second.into())), []);
        }
        assert!(!vigil.is_over(start + seconds(600.0)));
    }

    #[test]
    fn a_host_that_was_lost_is_replaced_when_its_visitor_has_been_alone_for_five_seconds() {
        let start = Instant::now();
        let mut vigil = Vigil::new(PATIENCE, start);
        assert_eq!(vigil.look(&received(), start), []);
        let lost = alone(&[("d1", State::Past)]);
        assert_eq!(vigil.look(&lost, start + seconds(1.0)), []);
        assert_eq!(vigil.look(&lost, start + seconds(5.9)), []);
        assert_eq!(vigil.look(&lost, start + seconds(6.0)), [send(&["d1"])]);
        // It is on its way, and nobody is sent for twice.
        let coming = alone(&[("d2", State::Coming)]);
        for tenth in 61..200 {
            assert_eq!(vigil.look(&coming, start + seconds(f64::from(tenth) / 10.0)), [], "{tenth}");
        }
        assert_eq!(vigil.look(&received(), start + seconds(20.0)), []);
    }

    #[test]
    fn an_agent_that_is_on_its_way_is_waited_for_but_not_for_ever() {
        let start = Instant::now();
        let mut vigil = Vigil::new(PATIENCE, start);
        let coming = alone(&[("d1", State::Coming)]);
        assert_eq!(vigil.look(&coming, start), []);
        assert_eq!(vigil.look(&coming, start + seconds(14.9)), []);
        assert_eq!(vigil.look(&coming, start + seconds(15.0)), [send(&["d1"])]);
    }

    #[test]
    fn where_no_host_is_free_the_page_is_told_and_the_next_free_one_is_found() {
        let start = Instant::now();
        let mut vigil = Vigil::new(PATIENCE, start);
        let nobodys = alone(&[("d1", State::Nobodys)]);
        assert_eq!(vigil.look(&nobodys, start), []);
        assert_eq!(vigil.look(&nobodys, start + seconds(4.9)), []);
        assert_eq!(vigil.look(&nobodys, start + seconds(5.0)), [send(&["d1"])]);
        let nobodys = alone(&[("d2", State::Nobodys)]);
        assert_eq!(vigil.look(&nobodys, start + seconds(6.0)), [Do::Tell { full: true }]);
        assert_eq!(vigil.look(&nobodys, start + seconds(10.9)), [], "it may be taken yet");
        assert_eq!(vigil.look(&nobodys, start + seconds(11.0)), [send(&["d2"])], "and is sent for again and again");
        let coming = alone(&[("d3", State::Coming)]);
        assert_eq!(vigil.look(&coming, start + seconds(12.0)), [Do::Tell { full: false }]);
    }

    #[test]
    fn a_visitor_for_whom_nobody_was_ever_sent_is_sent_somebody() {
        let start = Instant::now();
        let mut vigil = Vigil::new(PATIENCE, start);
        assert_eq!(vigil.look(&alone(&[]), start), []);
        assert_eq!(vigil.look(&alone(&[]), start + WITHOUT), [send(&[])]);
    }

    #[test]
    fn whose_token_was_given_elsewhere_is_helped_only_where_nobody_else_does() {
        let start = Instant::now();
        let mut vigil = Vigil::elsewhere(PATIENCE, seconds(1.0), start);
        let sends = |seen: Vec<Do>| seen.iter().any(|step| matches!(step, Do::Send { .. }));
        let lost = alone(&[("d1", State::Past)]);
        assert_eq!(vigil.look(&lost, start), []);
        assert_eq!(vigil.look(&lost, start + seconds(8.9)), []);
        // Whoever gave the token lives, and sends for another one every seven seconds, for no host is free.
        for second in 9..79_u32 {
            let sent = alone(&[(&format!("d{}", 2 + (second - 9) / 7), State::Nobodys)]);
            assert!(!sends(vigil.look(&sent, start + seconds(second.into()))), "{second}");
        }
        // And lives no longer.
        let last = alone(&[("d11", State::Nobodys)]);
        assert!(!sends(vigil.look(&last, start + seconds(80.0))));
        assert_eq!(vigil.look(&last, start + seconds(81.0)), [send(&["d11"])]);
        // From then on it is done here, as patiently.
        let ours = alone(&[("d12", State::Nobodys)]);
        assert!(!sends(vigil.look(&ours, start + seconds(82.0))));
        assert!(!sends(vigil.look(&ours, start + seconds(90.9))));
        assert!(sends(vigil.look(&ours, start + seconds(91.0))));
        // A host that took the room and does not arrive is given its time, and then whoever gave the token is.
        let coming = alone(&[("d13", State::Coming)]);
        for tenth in 920..1_159_u32 {
            assert!(!sends(vigil.look(&coming, start + seconds(f64::from(tenth) / 10.0))), "{tenth}");
        }
        assert!(sends(vigil.look(&coming, start + seconds(116.0))));
        // Who leaves and comes back is a new one.
        assert!(!sends(vigil.look(&Seen::default(), start + seconds(117.0))));
        assert!(!sends(vigil.look(&coming, start + seconds(125.0))));
    }

    #[test]
    fn a_room_where_nobody_is_and_nobody_comes_is_watched_no_longer() {
        let start = Instant::now();
        let mut vigil = Vigil::new(PATIENCE, start);
        assert_eq!(vigil.look(&Seen::default(), start), []);
        assert!(!vigil.is_over(start + PATIENCE - seconds(1.0)));
        assert!(vigil.is_over(start + PATIENCE), "nobody joined with the token");
        vigil.look(&received(), start + seconds(100.0));
        assert_eq!(vigil.look(&Seen::default(), start + seconds(101.0)), [], "no agent is sent to an empty room");
        assert!(!vigil.is_over(start + seconds(240.0)));
        assert!(vigil.is_over(start + seconds(100.0) + PATIENCE));
    }
}
