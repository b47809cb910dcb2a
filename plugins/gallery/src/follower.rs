//! The people of the store as they are now: a thread looks for changes, so that nobody has to wait for the store.
//!
//! Whoever was forgotten by another process must not be named by this one, whether frames come or not; and an erasure
//! that waits for a blocker holds the store for seconds, in which visitors must not wait. So the stage never asks the
//! store while it works: it takes the gallery that the thread has made.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use majlis_plugin_api::service::store::Value;
use majlis_plugin_api::{Host, Result};

use crate::consent::today;
use crate::gallery::Gallery;
use crate::people::People;
use crate::template::ModelId;

/// How long the gallery in memory may be behind the store.
const AGE: Duration = Duration::from_millis(500);

/// How often those whose consent is over are purged.
const PURGE: Duration = Duration::from_secs(60 * 60);

/// How soon an erasure that could not be proved is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// How long a visitor waits for a look, when the store is held by somebody.
pub(crate) const VISITOR: Duration = Duration::from_millis(250);

/// How long an operator does: as long as the store waits for blockers.
pub(crate) const OPERATOR: Duration = Duration::from_secs(10);

/// The people of the store, followed.
pub(crate) struct Follower {
    shared: Arc<Shared>,
}

struct Shared {
    people: People,
    model: ModelId,
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    gallery: Arc<Gallery>,
    change: Option<Value>,
    /// Looks that were asked for, and how many of them were made.
    asked: u64,
    made: u64,
    closing: bool,
    ended: bool,
}

impl Follower {
    /// Purges whose consent is over, takes the people as they are, and begins to follow.
    pub(crate) fn start(host: &Host, people: People, model: ModelId) -> Result<Self> {
        let unproved = purge(&people, Vec::new()).failed;
        let change = people.change()?;
        let gallery = Arc::new(people.gallery(&model)?);
        let state = State { gallery, change, asked: 0, made: 0, closing: false, ended: false };
        let shared = Arc::new(Shared { people, model, state: Mutex::new(state), bell: Condvar::new() });
        let follower = Self { shared: Arc::clone(&shared) };
        host.spawn("gallery", move || shared.follow(unproved))?;
        Ok(follower)
    }

    pub(crate) fn people(&self) -> &People {
        &self.shared.people
    }

    /// They as of the last look.
    pub(crate) fn gallery(&self) -> Arc<Gallery> {
        Arc::clone(&self.shared.state().gallery)
    }

    /// Asks for a look now, and waits for it, no longer than `patience`.
    pub(crate) fn look(&self, patience: Duration) {
        let mut state = self.shared.state();
        state.asked += 1;
        let mine = state.asked;
        self.shared.bell.notify_all();
        let waiting = |state: &mut State| state.made < mine && !state.ended;
        drop(self.shared.bell.wait_timeout_while(state, patience, waiting));
    }

    /// Nobody with this id is named any more, whatever the store says of that. Whether there was somebody.
    pub(crate) fn drop_now(&self, id: &str) -> bool {
        let mut state = self.shared.state();
        match state.gallery.without(id) {
            Some(gallery) => {
                state.gallery = Arc::new(gallery);
                true
            }
            None => false,
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closing = true;
        self.shared.bell.notify_all();
        // No longer than an erasure can take that it may be waiting for.
        drop(self.shared.bell.wait_timeout_while(state, Duration::from_secs(1), |state| !state.ended));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked held it for an assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, mut unproved: Vec<Unproved>) {
        let mut purged = Instant::now();
        let mut failing = false;
        loop {
            let state = self.state();
            let idle = |state: &mut State| state.asked == state.made && !state.closing;
            let waited = self.bell.wait_timeout_while(state, AGE, idle);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.closing {
                break;
            }
            let asked = state.asked;
            drop(state);
            if purged.elapsed() >= if unproved.is_empty() { PURGE } else { AGAIN } {
                let ids = unproved.drain(..).map(|(id, _)| id).collect();
                unproved = purge(&self.people, ids).failed;
                purged = Instant::now();
            }
            let looked = self.look();
            let mut state = self.state();
            state.made = asked;
            self.bell.notify_all();
            drop(state);
            match looked {
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the store of people cannot be read: who was known stays known");
                }
                Ok(()) => failing = false,
                Err(_) => {}
            }
        }
        self.state().ended = true;
        self.bell.notify_all();
    }

    fn look(&self) -> Result<()> {
        let change = self.people.change()?;
        if change == self.state().change {
            return Ok(());
        }
        // Read before the people: a change in between is seen by the next look.
        let gallery = Arc::new(self.people.gallery(&self.model)?);
        let mut state = self.state();
        state.gallery = gallery;
        state.change = change;
        Ok(())
    }
}

/// Erases everybody whose consent is over, and those of `again` whose erasure was not proved. Ids stand in no log.
pub(crate) fn purge(people: &People, again: Vec<String>) -> Purged {
    let mut purged = Purged::default();
    let expired = people.expired(today()).unwrap_or_else(|error| {
        tracing::warn!(%error, "whose consent is over cannot be found out");
        Vec::new()
    });
    for id in expired.into_iter().chain(again) {
        match people.erase(&id) {
            Ok(_) => purged.erased.push(id),
            Err(error) => purged.failed.push((id, error.to_string())),
        }
    }
    if !purged.erased.is_empty() {
        tracing::info!(people = purged.erased.len(), "erased: their consent is over");
    }
    if let Some((_, why)) = purged.failed.first() {
        tracing::warn!(people = purged.failed.len(), why, "whose consent is over is not yet erased");
    }
    purged
}

/// An id whose rows are gone and whose bytes perhaps are not, and why.
pub(crate) type Unproved = (String, String);

/// Who was purged.
#[derive(Default)]
pub(crate) struct Purged {
    pub(crate) erased: Vec<String>,
    pub(crate) failed: Vec<Unproved>,
}
