//! Asking again: what may pass, a few times, each a little later, and never beyond the time in which the answer is wanted.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::failure::{Failure, Kind};
use crate::remote::Remote;

/// More tries than these in the time of one visitor help nobody.
const MOST_TRIES: u32 = 4;
/// Before the second try, if the server does not say; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A try that has less time than this is not begun.
const WORTH: Duration = Duration::from_millis(50);

impl Remote {
    /// Asks until there is an answer, as long as that can help and the answer is wanted. `ask` is one try: a question and all of
    /// its answer.
    ///
    /// # Errors
    /// What the last try says; that there was no answer until then; or, without asking, what the breaker was opened for.
    pub async fn ask<T, F>(&self, until: Instant, ask: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.tries(until, ask, true).await
    }

    /// The same without the breaker: for who keeps one of their own, because more can go wrong than an answer tells.
    ///
    /// # Errors
    /// What the last try says; that there was no answer until then.
    pub async fn ask_unguarded<T, F>(&self, until: Instant, ask: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        self.tries(until, ask, false).await
    }

    async fn tries<T, F>(&self, until: Instant, mut ask: impl FnMut() -> F, guarded: bool) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut tries = 0;
        let mut before = None;
        loop {
            let admission = if guarded { Some(self.breaker().admit(tries > 0)?) } else { None };
            tries += 1;
            let outcome = match timeout_at(until, ask()).await {
                Ok(outcome) => outcome,
                // What went wrong before says more than that the time is over.
                Err(_) => {
                    Err(before.unwrap_or_else(|| Failure::last(format!("{} did not answer in time", self.server()))))
                }
            };
            if let Some(admission) = admission {
                admission.settle(outcome.as_ref().err());
            }
            let failure = match outcome {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let Kind::Passing { after } = failure.kind else { return Err(failure) };
            let pause = jittered(after.unwrap_or_default().max(FIRST_PAUSE * 2_u32.pow(tries - 1)), after.is_some());
            let left = until.saturating_duration_since(Instant::now());
            if tries == MOST_TRIES || left < pause + WORTH {
                return Err(failure);
            }
            tracing::debug!("{failure}; asked again in {pause:?}");
            before = Some(failure.without_a_second_try());
            sleep(pause).await;
        }
    }
}

/// Many visitors' tries are not to fall on the same moment. What a server asks for is never made shorter.
fn jittered(pause: Duration, asked_for: bool) -> Duration {
    let random = fastrand::f64();
    pause.mul_f64(if asked_for { 1.0 + 0.2 * random } else { 0.5 + 0.5 * random })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_a_server_asks_for_is_kept() {
        for _ in 0..100 {
            let pause = Duration::from_secs(1);
            assert!(jittered(pause, true) >= pause);
            assert!((pause / 2..=pause).contains(&jittered(pause, false)));
        }
    }
}
