//! Who speaks to one visitor: avatars one after the other, and the agent's own voice where none is ready in time.
//!
//! Pure: moments and what happened in, what is to be done out. One avatar at a time is wanted; whoever is given up is ended and
//! dismissed in the same step, so there are never two voices, whatever comes late. What speaks changes only by
//! [`Ladder::speaks`], which names one.

#[cfg(test)]
mod tests;

use std::time::Duration;

use majlis_plugin_api::{AvatarStep, SpeechFrom, Time};

/// After its first decoded frame a page has so long to say that it shows the avatar.
pub(crate) const SHOWN_WITHIN: Duration = Duration::from_secs(1);
/// The attempt of an avatar that waited for its visitor.
pub(crate) const WAITED: u64 = 0;
/// An avatar that was there so long has not failed when it leaves: many vendors end a session after some minutes.
pub(crate) const LIVED: Duration = Duration::from_secs(60);

/// One vendor of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    /// So long it may take from the request to its first frame.
    pub(crate) start_within: Duration,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// An invitation for this attempt is there.
    Invited(u64),
    /// It refused, or did not answer.
    Failed(u64, Why),
    /// Sessions that the vendor of this rung still held for us were looked for, and so many ended.
    Freed(usize, usize),
    /// The room saw this of the avatar of this attempt.
    Seen(u64, AvatarStep),
    /// Nothing is going to be said to the visitor: nobody is worth starting.
    Spared,
    /// Something is said to the visitor, or is going to be.
    Spoken,
    /// Time passed.
    Passing,
    /// The visit is over.
    Over,
}

/// Why there will be no avatar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The vendor has no free slot.
    NoSlot,
    /// Anything else.
    Other,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// The vendor of this rung is asked for an avatar, with the invitation of this attempt.
    Ask { attempt: u64, rung: usize },
    /// What was asked for is ended, and its avatar is told to leave. Comes once for each [`Do::Ask`].
    End { attempt: u64 },
    /// Sessions that this vendor still holds for us are to be looked for.
    Free { rung: usize },
    /// An avatar did not come in time, or left before it was ready.
    Missed { rung: usize },
    /// The avatar is ready.
    Ready { attempt: u64, rung: usize, by: By },
}

/// By what an avatar is known to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The page shows it.
    Shown,
    /// It is decoded, and the page says nothing.
    Decoded,
    /// It waited for its visitor.
    Waiting,
}

/// What is told what happened, and says what is to be done.
pub(crate) trait Machine {
    /// Goes on.
    fn handle(&mut self, now: Time, happened: Happened) -> Vec<Do>;
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// The avatar of this attempt.
    Avatar(u64),
    /// The agent itself.
    Own,
    /// Nobody: what is said is shown alone.
    Nobody,
}

/// Who speaks, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speaks {
    /// Counts the changes.
    pub(crate) turn: u64,
    pub(crate) voice: Voice,
    pub(crate) from: SpeechFrom,
    pub(crate) again: bool,
}

/// The attempt that is under way, and how far it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<S> {
    pub(crate) number: u64,
    pub(crate) rung: usize,
    pub(crate) state: S,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An invitation is wanted.
    Uninvited,
    /// The vendor is asked.
    Asked { until: Time },
    /// Its picture is there.
    Decoded { until: Time },
    /// It speaks, or will from the next utterance on.
    Ready { since: Time },
}

/// What is known of a vendor that was tried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tried {
    /// It is not tried again before all are.
    pub(crate) spent: bool,
    pub(crate) freed: bool,
}

/// The ladder of one visit.
#[derive(Debug)]
pub(crate) struct Ladder {
    rungs: Vec<Rung>,
    tried: Vec<Tried>,
    speak_by: Duration,
    /// When somebody has to speak; nothing exactly if somebody does.
    due: Option<Time>,
    attempt: Option<Attempt<State>>,
    /// The highest attempt for which an invitation is wanted.
    wanted: u64,
    /// The highest attempt for which one came.
    invited: u64,
    speaks: Option<Speaks>,
    /// Nothing is to be heard.
    quiet: bool,
    /// Nothing is going to be said; should it be all the same, the agent itself says it.
    spared: bool,
    /// Something was said, or is going to be: what is told later is not true of this visit.
    spoken: bool,
    over: bool,
}

impl Ladder {
    /// One for a visitor who arrived then, which may lie back. `may_ask` says of each rung whether its vendor may be asked now.
    pub(crate) fn new(rungs: Vec<Rung>, may_ask: &[bool], speak_by: Duration, arrived: Time) -> Self {
        let tried = may_ask.iter().map(|may| Tried { spent: !may, freed: false }).collect();
        let mut ladder = Self {
            rungs,
            tried,
            speak_by,
            due: None,
            attempt: None,
            wanted: 1,
            invited: 0,
            speaks: None,
            quiet: false,
            spared: false,
            spoken: false,
            over: false,
        };
        ladder.attempt = ladder.next_rung().map(|rung| Attempt { number: 1, rung, state: State::Uninvited });
        // Nobody waits for whom nobody asks.
        ladder.due = Some(if ladder.attempt.is_some() { arrived + speak_by } else { arrived });
        ladder
    }

    /// The visitor arrived at that time, which is known only now.
    pub(crate) fn arrived(&mut self, at: Time) {
        if let Some(due) = &mut self.due {
            *due = (*due).min(at + self.speak_by);
        }
    }

    /// The highest attempt for which an invitation is wanted.
    pub(crate) fn invite(&self) -> u64 {
        self.wanted
    }

    /// Who speaks; nothing while nobody does.
    pub(crate) fn speaks(&self) -> Option<Speaks> {
        self.speaks
    }

    /// When [`Happened::Passing`] is due.
    pub(crate) fn wake(&self) -> Option<Time> {
        let attempt = self.attempt.and_then(|attempt| match attempt.state {
            State::Asked { until } | State::Decoded { until } => Some(until),
            State::Uninvited | State::Ready { .. } => None,
        });
        if self.over { None } else { attempt.into_iter().chain(self.due).min() }
    }

    /// An avatar that waited for a visitor is this one's: it speaks at once. Its attempt is 0, for no invitation of this visit
    /// brought it. It is there since then.
    pub(crate) fn take_over(&mut self, rung: usize, since: Time) -> Vec<Do> {
        debug_assert!(self.speaks.is_none() && self.invited == 0, "the visit has just begun");
        self.attempt = Some(Attempt { number: WAITED, rung, state: State::Ready { since } });
        self.speak(Voice::Avatar(WAITED), SpeechFrom::Now, false);
        vec![Do::Ready { attempt: WAITED, rung, by: By::Waiting }]
    }

    /// Whether an avatar that waited for a visitor is this one's, and nothing was said to it yet.
    pub(crate) fn has_unused(&self) -> bool {
        !self.over && !self.spoken && self.attempt.is_some_and(|attempt| attempt.number == WAITED)
    }

    /// From now on nothing is to be heard, or something may be again.
    pub(crate) fn quiet(&mut self, now: Time, quiet: bool) -> Vec<Do> {
        let mut todo = Vec::new();
        if self.over || quiet == self.quiet {
            return todo;
        }
        self.quiet = quiet;
        if quiet {
            self.give_up(&mut todo);
            self.speak(Voice::Nobody, SpeechFrom::Now, false);
        } else {
            self.tried.fill(Tried::default());
            self.speak(Voice::Own, SpeechFrom::NextUtterance, false);
            if !self.spared {
                self.next(now, &mut todo);
            }
        }
        todo
    }

    /// Nothing is going to be said to the visitor: whoever is there or on the way for it has nothing to do.
    fn spare(&mut self, todo: &mut Vec<Do>) {
        if self.spoken || std::mem::replace(&mut self.spared, true) {
            return;
        }
        let spoke = self.give_up(todo);
        let is_own = self.speaks.is_some_and(|speaks| speaks.voice == Voice::Own);
        if !self.quiet && !is_own {
            // Who would say nothing is not waited for, should something be said after all.
            self.speak(Voice::Own, SpeechFrom::Now, spoke);
        }
    }

    /// Something is said to the visitor all the same: what was spared is begun. This one the agent itself says.
    fn spoken(&mut self, now: Time, todo: &mut Vec<Do>) {
        self.spoken = true;
        if std::mem::replace(&mut self.spared, false) && !self.quiet {
            self.next(now, todo);
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
            if self.give_up(todo) {
                self.speak(Voice::Own, SpeechFrom::Now, false);
            }
            self.tried.fill(Tried::default());
            self.wanted = number;
            let rung = self.next_rung().filter(|_| !self.quiet && !self.spared);
            self.attempt = rung.map(|rung| Attempt { number, rung, state: State::Uninvited });
        }
        self.invited = number;
        self.ask(now, todo);
    }

    /// Asks the vendor of the attempt, if its invitation is there.
    fn ask(&mut self, now: Time, todo: &mut Vec<Do>) {
        let invited = self.invited;
        if let Some(attempt) = &mut self.attempt
            && attempt.state == State::Uninvited
            && attempt.number == invited
        {
            attempt.state = State::Asked { until: now + self.rungs[attempt.rung].start_within };
            todo.push(Do::Ask { attempt: attempt.number, rung: attempt.rung });
        }
    }

    fn seen(&mut self, now: Time, number: u64, step: AvatarStep, todo: &mut Vec<Do>) {
        let Some(attempt) = self.current(number, |state| state != State::Uninvited) else { return };
        match (step, attempt.state) {
            (AvatarStep::Decoded, State::Asked { .. }) => self.set(State::Decoded { until: now + SHOWN_WITHIN }),
            (AvatarStep::Shown, State::Asked { .. } | State::Decoded { .. }) => self.ready(now, By::Shown, todo),
            (AvatarStep::Left, state) => {
                let lived = matches!(state, State::Ready { since } if now.since(since) >= LIVED);
                if lived {
                    self.tried.fill(Tried::default());
                } else {
                    self.tried[attempt.rung].spent = true;
                }
                if !matches!(state, State::Ready { .. }) {
                    todo.push(Do::Missed { rung: attempt.rung });
                }
                if self.give_up(todo) {
                    // What it began is said again, whole, by the agent itself, which is there at once.
                    self.speak(Voice::Own, SpeechFrom::Now, true);
                }
                self.next(now, todo);
            }
            _ => {}
        }
    }

    /// What the clock makes due.
    fn pass(&mut self, now: Time, todo: &mut Vec<Do>) {
        match self.attempt.map(|attempt| (attempt.rung, attempt.state)) {
            Some((_, State::Decoded { until })) if until <= now || self.due.is_some_and(|due| due <= now) => {
                self.ready(now, By::Decoded, todo);
            }
            Some((rung, State::Asked { until })) if until <= now => {
                self.tried[rung].spent = true;
                todo.push(Do::Missed { rung });
                self.give_up(todo);
                self.next(now, todo);
            }
            _ => {}
        }
        if self.due.is_some_and(|due| due <= now) {
            self.speak(Voice::Own, SpeechFrom::Now, false);
        }
    }

    fn ready(&mut self, now: Time, by: By, todo: &mut Vec<Do>) {
        let Some(attempt) = self.attempt else { return };
        self.set(State::Ready { since: now });
        // What the agent itself began it ends.
        let from = if self.speaks.is_some() { SpeechFrom::NextUtterance } else { SpeechFrom::Now };
        self.speak(Voice::Avatar(attempt.number), from, false);
        todo.push(Do::Ready { attempt: attempt.number, rung: attempt.rung, by });
    }

    /// Ends the attempt that is under way. Answers whether its avatar was the one that speaks.
    fn give_up(&mut self, todo: &mut Vec<Do>) -> bool {
        let Some(attempt) = self.attempt.take() else { return false };
        if attempt.state == State::Uninvited {
            return false;
        }
        todo.push(Do::End { attempt: attempt.number });
        self.speaks.is_some_and(|speaks| speaks.voice == Voice::Avatar(attempt.number))
    }

    /// Goes on to the next vendor; where there is none the agent itself speaks.
    fn next(&mut self, now: Time, todo: &mut Vec<Do>) {
        debug_assert!(self.attempt.is_none(), "the attempt before was given up");
        let Some(rung) = self.next_rung() else {
            if self.speaks.is_none() {
                self.speak(Voice::Own, SpeechFrom::Now, false);
            }
            return;
        };
        self.wanted = self.invited + 1;
        self.attempt = Some(Attempt { number: self.wanted, rung, state: State::Uninvited });
        self.ask(now, todo);
    }

    fn next_rung(&self) -> Option<usize> {
        self.tried.iter().position(|tried| !tried.spent)
    }

    fn set(&mut self, state: State) {
        if let Some(attempt) = &mut self.attempt {
            attempt.state = state;
        }
    }

    fn speak(&mut self, voice: Voice, from: SpeechFrom, again: bool) {
        let turn = self.speaks.map_or(1, |speaks| speaks.turn + 1);
        self.speaks = Some(Speaks { turn, voice, from, again });
        self.due = None;
    }
}

impl Machine for Ladder {
    fn handle(&mut self, now: Time, happened: Happened) -> Vec<Do> {
        let mut todo = Vec::new();
        if self.over {
            return todo;
        }
        // What was due before this happened comes first.
        self.pass(now, &mut todo);
        match happened {
            Happened::Passing => {}
            Happened::Over => {
                self.give_up(&mut todo);
                self.over = true;
                return todo;
            }
            Happened::Invited(number) => self.invited(now, number, &mut todo),
            Happened::Failed(number, why) => {
                // Whoever is seen is there, whatever its vendor answers.
                if let Some(attempt) = self.current(number, |state| matches!(state, State::Asked { .. })) {
                    self.tried[attempt.rung].spent = true;
                    self.give_up(&mut todo);
                    if why == Why::NoSlot && !self.tried[attempt.rung].freed {
                        self.tried[attempt.rung].freed = true;
                        todo.push(Do::Free { rung: attempt.rung });
                    }
                    self.next(now, &mut todo);
                }
            }
            Happened::Freed(rung, ended) => {
                let is_wanted = !self.quiet && !self.spared && self.attempt.is_none();
                if ended > 0 && is_wanted && rung < self.rungs.len() {
                    self.tried[rung].spent = false;
                    self.next(now, &mut todo);
                }
            }
            Happened::Seen(number, step) => self.seen(now, number, step, &mut todo),
            Happened::Spared => self.spare(&mut todo),
            Happened::Spoken => self.spoken(now, &mut todo),
        }
        // By what happened a limit may have become one of the past, as when the visitor came long ago.
        self.pass(now, &mut todo);
        todo
    }
}
