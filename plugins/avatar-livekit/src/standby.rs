//! Whether an avatar waits for the next visitor: which vendor is asked for it, until when it may wait, and when another one is tried.
//!
//! Pure, as the [ladder](crate::ladder) is: moments and what happened in, what is to be done out. One avatar waits at most. It is given
//! away by [`Standby::take`], and then the next one is asked for.

#[cfg(test)]
mod tests;

use std::time::Duration;

use majlis_plugin_api::{AvatarStep, Time};

use crate::ladder::{Attempt, By, Do, Happened, LIVED, Machine, Tried, Why};

/// An avatar that waits is renewed while a visitor who came now would still have so much of it; half of a session that is shorter.
pub(crate) const RESERVE: Duration = Duration::from_secs(300);
/// Where no vendor has an avatar all are tried again after this pause, then after twice as long each time.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest such pause.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// One vendor of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    /// So long it may take from the request to its first frame.
    pub(crate) start_within: Duration,
    /// So long a session may run.
    pub(crate) longest: Duration,
}

/// An avatar that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waited {
    pub(crate) attempt: u64,
    pub(crate) rung: usize,
    /// Since when it is there.
    pub(crate) since: Time,
    /// Until when it may wait.
    pub(crate) until: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An invitation is wanted.
    Uninvited,
    /// The vendor is asked.
    Asked { since: Time, until: Time },
    /// It waits.
    Waits { since: Time, until: Time },
}

/// The avatar that waits for nobody's visit yet.
#[derive(Debug)]
pub(crate) struct Standby {
    rungs: Vec<Rung>,
    /// Whose avatars may wait now.
    allowed: Vec<bool>,
    tried: Vec<Tried>,
    attempt: Option<Attempt<State>>,
    /// When all are tried again.
    again: Option<Time>,
    pause: Duration,
    /// The last vendor that was tried had no slot: one is free perhaps when a visit is over.
    wants_slot: bool,
    wanted: u64,
    invited: u64,
}

impl Standby {
    /// Nobody's avatar may wait until it is said whose.
    pub(crate) fn new(rungs: Vec<Rung>) -> Self {
        let count = rungs.len();
        Self {
            rungs,
            allowed: vec![false; count],
            tried: vec![Tried::default(); count],
            attempt: None,
            again: None,
            pause: FIRST_PAUSE,
            wants_slot: false,
            // Wanted before anybody may wait: it is by invitations that a room is known to be there.
            wanted: 1,
            invited: 0,
        }
    }

    /// The highest attempt for which an invitation is wanted.
    pub(crate) fn invite(&self) -> u64 {
        self.wanted
    }

    /// The attempt whose avatar is in the room for nobody, or may come at any moment.
    pub(crate) fn hidden(&self) -> Option<u64> {
        self.attempt.filter(|attempt| attempt.state != State::Uninvited).map(|attempt| attempt.number)
    }

    /// When [`Happened::Passing`] is due.
    pub(crate) fn wake(&self) -> Option<Time> {
        match self.attempt.map(|attempt| attempt.state) {
            Some(State::Asked { until, .. } | State::Waits { until, .. }) => Some(until),
            Some(State::Uninvited) => None,
            None => self.again,
        }
    }

    /// The avatar that waits belongs to somebody now, and the next one is wanted.
    pub(crate) fn take(&mut self, now: Time) -> Option<Waited> {
        let attempt = self.attempt?;
        let State::Waits { since, until } = attempt.state else { return None };
        // Its time is over, and it is ended as soon as this is woken.
        if until <= now {
            return None;
        }
        self.attempt = None;
        self.begin_well(now);
        Some(Waited { attempt: attempt.number, rung: attempt.rung, since, until })
    }

    /// The avatar that was given away waits again: nothing was said to whoever got it. Whoever is on the way instead of it is not
    /// needed. Nothing, if it may not wait any more.
    pub(crate) fn take_back(&mut self, now: Time, waited: Waited) -> Option<Vec<Do>> {
        let is_there = self.attempt.is_some_and(|attempt| matches!(attempt.state, State::Waits { .. }));
        if is_there || waited.until <= now || !self.allowed[waited.rung] {
            return None;
        }
        let mut todo = Vec::new();
        self.give_up(&mut todo);
        self.again = None;
        let state = State::Waits { since: waited.since, until: waited.until };
        self.attempt = Some(Attempt { number: waited.attempt, rung: waited.rung, state });
        Some(todo)
    }

    /// Whose avatars may wait from now on.
    pub(crate) fn allow(&mut self, now: Time, allowed: &[bool]) -> Vec<Do> {
        let mut todo = Vec::new();
        if self.allowed == allowed {
            return todo;
        }
        let is_more = allowed.iter().zip(&self.allowed).any(|(now, before)| *now && !before);
        self.allowed.copy_from_slice(allowed);
        if self.attempt.is_some_and(|attempt| !self.allowed[attempt.rung]) {
            self.give_up(&mut todo);
            self.next(now);
        } else if self.attempt.is_none() && is_more {
            self.begin(now);
        } else if self.attempt.is_none() && !self.allowed.contains(&true) {
            self.again = None;
        }
        self.ask(now, &mut todo);
        todo
    }

    /// A visit is over: its slot may be free.
    pub(crate) fn visit_over(&mut self, now: Time) {
        if self.wants_slot
            && let Some(again) = &mut self.again
        {
            *again = (*again).min(now + FIRST_PAUSE);
        }
    }

    fn current(&self, number: u64, is: impl Fn(State) -> bool) -> Option<Attempt<State>> {
        self.attempt.filter(|attempt| attempt.number == number && is(attempt.state))
    }

    fn invited(&mut self, now: Time, number: u64, todo: &mut Vec<Do>) {
        if number <= self.invited {
            return;
        }
        if number > self.wanted {
            // Nobody asked for it: the room begins anew, and whoever was in it is gone.
            self.invited = number - 1;
            if self.attempt.is_some() {
                self.give_up(todo);
                self.begin(now);
            }
            self.wanted = number;
        }
        self.invited = number;
    }

    fn seen(&mut self, now: Time, number: u64, step: AvatarStep, todo: &mut Vec<Do>) {
        let Some(attempt) = self.current(number, |state| state != State::Uninvited) else { return };
        match (step, attempt.state) {
            (AvatarStep::Decoded | AvatarStep::Shown, State::Asked { since: asked, .. }) => {
                let longest = self.rungs[attempt.rung].longest;
                let until = asked + longest.saturating_sub(RESERVE.min(longest / 2));
                if let Some(attempt) = &mut self.attempt {
                    attempt.state = State::Waits { since: now, until };
                }
                self.wants_slot = false;
                todo.push(Do::Ready { attempt: number, rung: attempt.rung, by: By::Waiting });
            }
            (AvatarStep::Left, State::Waits { since, .. }) if now.since(since) >= LIVED => {
                self.give_up(todo);
                self.begin_well(now);
            }
            (AvatarStep::Left, state) => {
                if matches!(state, State::Asked { .. }) {
                    todo.push(Do::Missed { rung: attempt.rung });
                }
                self.spend(attempt.rung, todo);
                self.next(now);
            }
            _ => {}
        }
    }

    /// What the clock makes due.
    fn pass(&mut self, now: Time, todo: &mut Vec<Do>) {
        match self.attempt.map(|attempt| (attempt.rung, attempt.state)) {
            Some((rung, State::Asked { until, .. })) if until <= now => {
                todo.push(Do::Missed { rung });
                self.wants_slot = false;
                self.spend(rung, todo);
                self.next(now);
            }
            Some((_, State::Waits { until, .. })) if until <= now => {
                self.give_up(todo);
                self.begin_well(now);
            }
            None if self.again.is_some_and(|again| again <= now) => self.begin(now),
            _ => {}
        }
    }

    /// Asks the vendor of the attempt, if its invitation is there.
    fn ask(&mut self, now: Time, todo: &mut Vec<Do>) {
        let invited = self.invited;
        if let Some(attempt) = &mut self.attempt
            && attempt.state == State::Uninvited
            && attempt.number == invited
        {
            attempt.state = State::Asked { since: now, until: now + self.rungs[attempt.rung].start_within };
            todo.push(Do::Ask { attempt: attempt.number, rung: attempt.rung });
        }
    }

    fn give_up(&mut self, todo: &mut Vec<Do>) {
        if let Some(attempt) = self.attempt.take().filter(|attempt| attempt.state != State::Uninvited) {
            todo.push(Do::End { attempt: attempt.number });
        }
    }

    /// Ends the attempt, whose vendor is not tried again for a while.
    fn spend(&mut self, rung: usize, todo: &mut Vec<Do>) {
        self.tried[rung].spent = true;
        self.give_up(todo);
    }

    /// Begins at the top, after one that was good for something: only then a pause is short again, or one that always dies soon
    /// would be asked for without end.
    fn begin_well(&mut self, now: Time) {
        self.pause = FIRST_PAUSE;
        self.begin(now);
    }

    /// Begins at the top.
    fn begin(&mut self, now: Time) {
        self.tried.fill(Tried::default());
        self.next(now);
    }

    /// Wants the avatar of the next vendor; where there is none, of any after a pause.
    fn next(&mut self, now: Time) {
        debug_assert!(self.attempt.is_none(), "the attempt before was given up");
        self.again = None;
        let mut open = self.tried.iter().zip(&self.allowed);
        if let Some(rung) = open.position(|(tried, allowed)| !tried.spent && *allowed) {
            self.wanted = self.invited + 1;
            self.attempt = Some(Attempt { number: self.wanted, rung, state: State::Uninvited });
        } else if self.allowed.contains(&true) {
            self.again = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Machine for Standby {
    fn handle(&mut self, now: Time, happened: Happened) -> Vec<Do> {
        let mut todo = Vec::new();
        self.pass(now, &mut todo);
        match happened {
            Happened::Passing => {}
            Happened::Over => {
                let none = vec![false; self.rungs.len()];
                todo.extend(self.allow(now, &none));
                return todo;
            }
            Happened::Invited(number) => self.invited(now, number, &mut todo),
            Happened::Failed(number, why) => {
                if let Some(attempt) = self.current(number, |state| matches!(state, State::Asked { .. })) {
                    self.wants_slot = why == Why::NoSlot;
                    self.spend(attempt.rung, &mut todo);
                    if why == Why::NoSlot && !std::mem::replace(&mut self.tried[attempt.rung].freed, true) {
                        todo.push(Do::Free { rung: attempt.rung });
                    }
                    self.next(now);
                }
            }
            Happened::Freed(rung, ended) => {
                if ended > 0 && self.attempt.is_none() && rung < self.rungs.len() {
                    self.tried[rung].spent = false;
                    self.next(now);
                }
            }
            Happened::Seen(number, step) => self.seen(now, number, step, &mut todo),
            // Of no visit nothing is said.
            Happened::Spared | Happened::Spoken => {}
        }
        self.ask(now, &mut todo);
        todo
    }
}
