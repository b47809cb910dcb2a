//! The people of the store as they are now: a thread looks for changes, so that nobody has to wait for the store.
//!
//! Whoever was forgotten by another process must not be named by this one, whether frames come or not; and an erasure
//! that waits for a blocker holds the store for seconds, in which visitors must not wait. So the stage never asks the
//! store while it works: it takes the gallery that the thread has made.

mod live;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use majlis_plugin_api::service::store::Value;
use majlis_plugin_api::{Host, Result};

use crate::consent::Timestamp;
use crate::gallery::Gallery;
use crate::people::People;
use crate::purge::{Unproved, purge};
use crate::template::ModelId;

pub(crate) use live::Came;
use live::Live;

/// How often what is done.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// A look: how long the gallery in memory may be behind the store.
    pub(crate) look: Duration,
    /// A purge of those whose consent is over.
    pub(crate) purge: Duration,
    /// Another try of an erasure that could not be proved.
    pub(crate) again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { look: Duration::from_millis(500), purge: Duration::from_secs(60 * 60), again: Duration::from_secs(60) }
    }
}

/// How long a visitor waits for a look, when the store is held by somebody.
pub(crate) const VISITOR: Duration = Duration::from_millis(250);

/// How long an operator does: as long as the store waits for blockers.
pub(crate) const OPERATOR: Duration = Duration::from_secs(10);

/// What day it is. How much time has passed is told by the host's clock, which may be another one.
pub(crate) type Calendar = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The people of the store, followed.
pub(crate) struct Follower {
    shared: Arc<Shared>,
}

struct Shared {
    host: Host,
    people: People,
    model: ModelId,
    today: Calendar,
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    gallery: Arc<Gallery>,
    /// How often the gallery was another one.
    edition: u64,
    change: Option<Value>,
    /// Looks that were asked for, and how many of them were made.
    asked: u64,
    made: u64,
    closing: bool,
    ended: bool,
    live: Live,
}

impl Follower {
    /// Purges whose consent is over, takes the people as they are, and begins to follow.
    pub(crate) fn start(host: &Host, people: People, model: ModelId, pace: Pace, today: Calendar) -> Result<Self> {
        let unproved = purge(&people, Vec::new(), today()).failed;
        let change = people.change()?;
        let gallery = Arc::new(people.gallery(&model)?);
        let state = State {
            gallery,
            edition: 0,
            change,
            asked: 0,
            made: 0,
            closing: false,
            ended: false,
            live: Live::default(),
        };
        let (state, bell) = (Mutex::new(state), Condvar::new());
        let shared = Arc::new(Shared { host: host.clone(), people, model, today, state, bell });
        let follower = Self { shared: Arc::clone(&shared) };
        host.spawn("gallery", move || shared.follow(unproved, pace))?;
        Ok(follower)
    }

    pub(crate) fn people(&self) -> &People {
        &self.shared.people
    }

    /// They as of the last look.
    pub(crate) fn gallery(&self) -> Arc<Gallery> {
        Arc::clone(&self.shared.state().gallery)
    }

    /// Differs after every change of the gallery.
    pub(crate) fn edition(&self) -> u64 {
        self.shared.state().edition
    }

    /// Waits a little, for somebody who asks the store again and again.
    pub(crate) fn pause(&self, time: Duration) {
        let state = self.shared.state();
        drop(self.shared.bell.wait_timeout_while(state, time, |state| !state.ended));
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
                state.replace(gallery);
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

    fn follow(&self, mut unproved: Vec<Unproved>, pace: Pace) {
        let _ending = Ending(self);
        let mut purged = self.host.now();
        let mut failing = false;
        loop {
            let state = self.state();
            let idle = |state: &mut State| state.asked == state.made && !state.closing;
            let waited = self.bell.wait_timeout_while(state, pace.look, idle);
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.closing {
                break;
            }
            let asked = state.asked;
            drop(state);
            let due = if unproved.is_empty() { pace.purge } else { pace.again };
            if self.host.now().since(purged) >= due {
                let ids = unproved.drain(..).map(|(id, _)| id).collect();
                unproved = purge(&self.people, ids, (self.today)()).failed;
                purged = self.host.now();
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
    }

    /// Who is forgotten is first, whatever is wrong with what the stage is asked for.
    fn look(&self) -> Result<()> {
        self.look_for_people()?;
        self.live()
    }

    fn look_for_people(&self) -> Result<()> {
        let change = self.people.change()?;
        if change == self.state().change {
            return Ok(());
        }
        // Read before the people: a change in between is seen by the next look.
        let gallery = self.people.gallery(&self.model)?;
        let mut state = self.state();
        state.replace(gallery);
        state.change = change;
        Ok(())
    }
}

impl State {
    fn replace(&mut self, gallery: Gallery) {
        self.gallery = Arc::new(gallery);
        self.edition += 1;
    }
}

/// The end of the thread, however it comes.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        if std::thread::panicking() {
            // Nobody would notice any more who is forgotten.
            state.replace(Gallery::new(self.0.model.clone()));
            tracing::error!("nobody of the store is recognised any more: it is not followed");
        }
        self.0.bell.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    use majlis_plugin_api::{Flow, Input, Output, Stage};
    use majlis_store::{Service, Store};
    use majlis_testkit::Kit;

    use super::*;
    use crate::consent::Consent;
    use crate::person::Person;

    struct Nothing;

    impl Stage for Nothing {
        type Config = majlis_plugin_api::Value;
        fn open(_: Self::Config, _: &Host) -> Result<Self> {
            Ok(Self)
        }
        fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) -> Result<Flow> {
            Ok(Flow::Continue)
        }
    }

    fn process(folder: &Path) -> Kit<Nothing> {
        let service = Service::new(Store::new(folder.to_owned()).with_patience(Duration::from_millis(20)));
        let kit = Kit::builder().service("store", move |method, request| service.answer(method, request));
        kit.open(majlis_plugin_api::Value::Null).unwrap()
    }

    fn agreed_until(people: &People, until: u64) {
        let consent = Consent { text: "expo-2".into(), recognise: true, until: Some(until), ..Consent::default() };
        people.keep(&Person { id: "person-1".into(), consent, ..Person::default() }, &[]).unwrap();
    }

    fn is_on_disk(folder: &Path) -> bool {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        files.into_iter().any(|bytes| bytes.windows(8).any(|part| part == b"person-1"))
    }

    const MODEL: fn() -> ModelId = || ModelId { sha256: "ab".repeat(32), dimension: 2 };

    /// A show, its host's clock and its calendar.
    struct Show {
        kit: Kit<Nothing>,
        day: Arc<AtomicU64>,
        follower: Follower,
    }

    impl Show {
        fn start(kit: Kit<Nothing>, people: People, began: Timestamp) -> Self {
            let day = Arc::new(AtomicU64::new(began));
            let today = Arc::clone(&day);
            let today: Calendar = Arc::new(move || today.load(Ordering::Relaxed));
            let follower = Follower::start(kit.host(), people, MODEL(), Pace::default(), today).unwrap();
            // It counts the time from when its thread runs.
            follower.look(OPERATOR);
            Self { kit, day, follower }
        }

        /// So many seconds pass, and what is due then is done.
        fn pass(&mut self, seconds: u64) {
            self.day.fetch_add(seconds, Ordering::Relaxed);
            self.kit.advance(Duration::from_secs(seconds)).unwrap();
            // The look that is asked for now comes after what was due.
            self.follower.look(OPERATOR);
        }
    }

    const BEGAN: Timestamp = 1_800_000_000;

    #[test]
    fn whose_consent_ends_during_a_show_is_purged_within_the_hour() {
        let folder = tempfile::tempdir().unwrap();
        let kit = process(folder.path());
        let people = People::open(kit.host(), "people").unwrap();
        agreed_until(&people, BEGAN + 30 * 60);
        let mut show = Show::start(kit, people, BEGAN);
        show.pass(60 * 60 - 1);
        assert!(is_on_disk(folder.path()), "it is not yet time");
        show.pass(1);
        assert!(!is_on_disk(folder.path()));
    }

    #[test]
    fn a_consent_that_holds_is_kept_by_every_purge_and_the_hour_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let kit = process(folder.path());
        let people = People::open(kit.host(), "people").unwrap();
        agreed_until(&people, BEGAN + 90 * 60);
        let mut show = Show::start(kit, people, BEGAN);
        for minutes in [60, 59] {
            show.pass(minutes * 60);
            assert!(is_on_disk(folder.path()));
        }
        show.pass(60);
        assert!(!is_on_disk(folder.path()), "two hours are over, and the consent");
    }

    #[test]
    fn a_purge_that_somebody_blocks_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let kit = process(folder.path());
        let people = People::open(kit.host(), "people").unwrap();
        agreed_until(&people, BEGAN - 1);
        let reader = rusqlite::Connection::open(folder.path().join("people.db")).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM people").unwrap();
        let mut show = Show::start(kit, people, BEGAN);
        assert!(is_on_disk(folder.path()));
        assert!(
            show.follower.people().person("person-1").unwrap().is_none(),
            "only bytes are left, and nobody reads them"
        );
        show.pass(60);
        assert!(is_on_disk(folder.path()), "the reader is still there");
        drop(reader);
        show.pass(59);
        assert!(is_on_disk(folder.path()));
        show.pass(1);
        assert!(!is_on_disk(folder.path()));
    }
}
