//! The people of the store as they are now: a thread looks for changes, so that nobody has to wait for the store.
//!
//! Whoever was forgotten by another process must not be named by this one, whether frames come or not; and an erasure
//! that waits for a blocker holds the store for seconds, in which visitors must not wait. So the stage never asks the
//! store while it works: it takes the gallery that the thread has made.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use majlis_plugin_api::service::store::Value;
use majlis_plugin_api::{Error, Host, Result};
use serde_json::json;

use crate::consent::{Timestamp, today};
use crate::gallery::Gallery;
use crate::people::People;
use crate::person::Person;
use crate::record::Look;
use crate::request::Request;
use crate::template::ModelId;
use crate::verbs::Enrol;

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

/// A stage that was shown no frame for so long sees nothing, and takes no request.
const SEES: Duration = Duration::from_secs(10);

/// The people of the store, followed.
pub(crate) struct Follower {
    shared: Arc<Shared>,
}

struct Shared {
    host: Host,
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
    live: Live,
}

/// What the running stage is asked for, between its thread and the one that follows the store.
#[derive(Default)]
struct Live {
    /// When a frame was last shown to it.
    frame: Option<Instant>,
    request: Option<Arc<Request>>,
    /// Why no frame counted so far.
    reason: Option<String>,
    /// What came of the request, to be written down.
    came: Option<Came>,
}

/// What came of a request.
pub(crate) enum Came {
    /// The person was seen well enough.
    Seen {
        /// Who it is, as the request says.
        enrol: Box<Enrol>,
        /// What is kept.
        looks: Vec<Look>,
        /// What is told of each look.
        faces: majlis_plugin_api::Value,
    },
    /// Nobody is enrolled.
    Refused(Error),
}

impl Follower {
    /// Purges whose consent is over, takes the people as they are, and begins to follow.
    pub(crate) fn start(host: &Host, people: People, model: ModelId, pace: Pace) -> Result<Self> {
        let unproved = purge(&people, Vec::new()).failed;
        let change = people.change()?;
        let gallery = Arc::new(people.gallery(&model)?);
        let state = State { gallery, change, asked: 0, made: 0, closing: false, ended: false, live: Live::default() };
        let shared =
            Arc::new(Shared { host: host.clone(), people, model, state: Mutex::new(state), bell: Condvar::new() });
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

    /// Says that a frame is there, and what the stage is asked for.
    pub(crate) fn frame(&self) -> Option<Arc<Request>> {
        let mut state = self.shared.state();
        state.live.frame = Some(Instant::now());
        if state.live.came.is_some() { None } else { state.live.request.clone() }
    }

    /// Why a frame did not count.
    pub(crate) fn because(&self, reason: String) {
        self.shared.state().live.reason = Some(reason);
    }

    /// What came of the request: the thread that follows the store writes it down.
    pub(crate) fn came(&self, came: Came) {
        let mut state = self.shared.state();
        state.live.came = Some(came);
        state.asked += 1;
        self.shared.bell.notify_all();
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

    fn follow(&self, mut unproved: Vec<Unproved>, pace: Pace) {
        let _ending = Ending(self);
        let mut purged = Instant::now();
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
            if purged.elapsed() >= due {
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
        let gallery = Arc::new(self.people.gallery(&self.model)?);
        let mut state = self.state();
        state.gallery = gallery;
        state.change = change;
        Ok(())
    }
}

impl Shared {
    /// Takes what the stage is asked for, writes down what came of it, and sweeps away what nobody waits for.
    fn live(&self) -> Result<()> {
        let now = today();
        let mut state = self.state();
        let live = &mut state.live;
        let over = live.request.as_ref().is_some_and(|request| request.until <= now);
        if over && live.came.is_none() {
            let why = live.reason.take().unwrap_or_else(|| "no frame came".into());
            live.came = Some(Came::Refused(Error::new(format!("nobody was enrolled: {why}"))));
        }
        let sees = live.frame.is_some_and(|frame| frame.elapsed() < SEES);
        if let Some(came) = live.came.take() {
            let request = live.request.take();
            drop(state);
            let Some(request) = request else { return Ok(()) };
            // Who asked is gone, or the store is; there it is told.
            if let Err(error) = self.answer(&request, came, now) {
                tracing::warn!(%error, "what came of an enrolment before the camera could not be kept: nobody was enrolled");
            }
            return Ok(());
        }
        let takes = sees && live.request.is_none();
        drop(state);
        let (request, forsaken) = self.people.requests().take(self.host.stage(), takes, now)?;
        if let Some(request) = request {
            let mut state = self.state();
            state.live = Live { frame: state.live.frame, request: Some(Arc::new(request)), ..Live::default() };
        }
        for token in forsaken {
            majlis_plugin_api::service::store::erase(&self.host, &token)?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request, came: Came, now: Timestamp) -> Result<()> {
        let requests = self.people.requests();
        let seen = match came {
            Came::Seen { enrol, looks, faces } => self.person(&enrol, now).map(|person| (person, looks, faces)),
            Came::Refused(why) => Err(why),
        };
        match seen {
            Ok((person, looks, faces)) => {
                let answer = json!({ "id": person.id, "faces": faces });
                requests.answer(request.number, &Ok(answer), self.people.keeping(&person, &looks))
            }
            Err(why) => requests.answer(request.number, &Err(why), Vec::new()),
        }
    }

    fn person(&self, enrol: &Enrol, now: Timestamp) -> Result<Person> {
        let kept = self.people.person(&enrol.id)?;
        enrol.person(now, kept.as_ref())
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
            state.gallery = Arc::new(Gallery::new(self.0.model.clone()));
            tracing::error!("nobody of the store is recognised any more: it is not followed");
        }
        self.0.bell.notify_all();
    }
}

/// Erases everybody whose consent is over, and those of `again` whose erasure was not proved. Ids stand in no log.
pub(crate) fn purge(people: &People, again: Vec<String>) -> Purged {
    let mut purged = Purged::default();
    let expired = people.expired(today()).unwrap_or_else(|error| {
        tracing::warn!(%error, "whose consent is over cannot be found out");
        Vec::new()
    });
    let ids: Vec<String> = expired.into_iter().chain(again).collect();
    // All of them at once, before one is proved, which may take long.
    if let Err(error) = people.remove(&ids) {
        tracing::warn!(%error, "whose consent is over is not yet erased");
    }
    for id in ids {
        // Whoever blocks one erasure blocks the next as well, and each waits ten seconds for him.
        if let Some((_, why)) = purged.failed.first() {
            let why = why.clone();
            purged.failed.push((id, why));
            continue;
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

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

    fn is_gone_soon(folder: &Path) -> bool {
        let begun = Instant::now();
        while is_on_disk(folder) {
            if begun.elapsed() > Duration::from_secs(20) {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    const MODEL: fn() -> ModelId = || ModelId { sha256: "ab".repeat(32), dimension: 2 };

    #[test]
    fn whose_consent_ends_during_a_show_is_purged_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let kit = process(folder.path());
        let people = People::open(kit.host(), "people").unwrap();
        agreed_until(&people, today() + 1);
        let pace = Pace { purge: Duration::from_millis(10), look: Duration::from_millis(10), ..Pace::default() };
        let _follower = Follower::start(kit.host(), people, MODEL(), pace).unwrap();
        assert!(is_on_disk(folder.path()));
        assert!(is_gone_soon(folder.path()));
    }

    #[test]
    fn a_purge_that_somebody_blocks_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let kit = process(folder.path());
        let people = People::open(kit.host(), "people").unwrap();
        agreed_until(&people, today() - 1);
        let reader = rusqlite::Connection::open(folder.path().join("people.db")).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM people").unwrap();
        let pace = Pace { again: Duration::from_millis(10), look: Duration::from_millis(10), ..Pace::default() };
        let follower = Follower::start(kit.host(), people, MODEL(), pace).unwrap();
        assert!(is_on_disk(folder.path()));
        assert!(follower.people().person("person-1").unwrap().is_none(), "only bytes are left, and nobody reads them");
        drop(reader);
        assert!(is_gone_soon(folder.path()));
    }
}
