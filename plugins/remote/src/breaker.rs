use std::time::Duration;

use majlis_plugin_api::{Host, Time};
use parking_lot::Mutex;

use crate::failure::{Failure, Kind};

/// After this time one question is let through, to see whether somebody acted.
const HALF_OPEN_AFTER: Duration = Duration::from_secs(30);

/// Keeps questions from a server that will not answer them. It lives in the stage alone: whoever mends the configuration and
/// starts again waits for nothing.
pub(crate) struct Breaker {
    host: Host,
    state: Mutex<State>,
}

enum State {
    Closed,
    /// The server wants to be left alone until then.
    Resting {
        until: Time,
        failure: Failure,
    },
    /// Somebody has to act.
    Open {
        until: Time,
        failure: Failure,
        probing: bool,
    },
}

/// The right to ask once.
pub(crate) struct Admission<'b> {
    breaker: &'b Breaker,
    settled: bool,
}

impl Breaker {
    pub(crate) fn new(host: &Host) -> Self {
        Self { host: host.clone(), state: Mutex::new(State::Closed) }
    }

    /// Whether a question may be asked now. Whoever `rested` as the server asked may ask again.
    pub(crate) fn admit(&self, rested: bool) -> Result<Admission<'_>, Failure> {
        let now = self.host.now();
        let mut state = self.state.lock();
        match &mut *state {
            State::Closed => {}
            State::Resting { until, failure } if now < *until && !rested => {
                return Err(failure.clone().after(Some(until.since(now))));
            }
            State::Resting { .. } => *state = State::Closed,
            State::Open { until, failure, probing } => {
                if *probing || now < *until {
                    return Err(failure.clone());
                }
                *probing = true;
            }
        }
        Ok(Admission { breaker: self, settled: false })
    }

    /// Why nothing is asked now, if that is so.
    pub(crate) fn refuses(&self) -> Option<Failure> {
        let now = self.host.now();
        match &*self.state.lock() {
            State::Open { until, failure, probing } if *probing || now < *until => Some(failure.clone()),
            _ => None,
        }
    }

    fn settle(&self, outcome: Option<&Failure>) {
        let now = self.host.now();
        let mut state = self.state.lock();
        let was_open = matches!(*state, State::Open { .. });
        match outcome {
            Some(failure) if failure.is_permanent() => {
                // Once: what follows until somebody acts is the same again.
                if !was_open {
                    tracing::error!(
                        "{failure}; nothing is asked until then, but for one try every {HALF_OPEN_AFTER:?}"
                    );
                }
                *state = State::Open { until: now + HALF_OPEN_AFTER, failure: failure.clone(), probing: false };
            }
            Some(failure @ Failure { kind: Kind::Passing { after: Some(pause) }, .. }) if !was_open => {
                *state = State::Resting { until: now + *pause, failure: failure.clone() };
            }
            // Something else is wrong now, so what it was opened for may be mended or not: it is asked again later.
            Some(_) => {
                if let State::Open { until, probing, .. } = &mut *state {
                    (*until, *probing) = (now + HALF_OPEN_AFTER, false);
                }
            }
            None => {
                if was_open {
                    tracing::info!("the server answers again");
                }
                *state = State::Closed;
            }
        }
    }
}

impl Admission<'_> {
    /// Tells what came of it.
    pub(crate) fn settle(mut self, outcome: Option<&Failure>) {
        self.settled = true;
        self.breaker.settle(outcome);
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        // The question was given up before it was answered: the next one may try.
        if !self.settled
            && let State::Open { probing, .. } = &mut *self.breaker.state.lock()
        {
            *probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure::permanent("the key is refused")
    }

    #[test]
    fn what_somebody_must_mend_is_asked_about_once() {
        let breaker = Breaker::new(&majlis_testkit::host());
        breaker.admit(false).expect("it is closed").settle(Some(&refused()));
        assert_eq!(breaker.admit(false).err(), Some(refused()));
        assert_eq!(breaker.refuses(), Some(refused()));
    }

    #[test]
    fn what_passes_closes_it_to_nobody_unless_the_server_asks_for_rest() {
        let breaker = Breaker::new(&majlis_testkit::host());
        breaker.admit(false).expect("it is closed").settle(Some(&Failure::passing("busy")));
        let busy = Failure::passing("busy").after(Some(Duration::from_secs(9)));
        breaker.admit(false).expect("it is closed").settle(Some(&busy));
        assert!(breaker.admit(false).err().is_some_and(|failure| failure.may_pass()));
        assert_eq!(breaker.refuses(), None, "a rest is not an error of the operator's");
    }
}
