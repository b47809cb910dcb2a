//! What the running stage is asked for: to enrol somebody who stands before its camera.

use std::sync::Arc;
use std::time::Duration;

use majlis_plugin_api::{Error, Result, Time};
use serde_json::json;

use super::{Follower, Shared};
use crate::consent::Timestamp;
use crate::person::Person;
use crate::record::Look;
use crate::request::Request;
use crate::verbs::Enrol;

/// A stage that was shown no frame for so long sees nothing, and takes no request.
const SEES: Duration = Duration::from_secs(10);

/// What the running stage is asked for, between its thread and the one that follows the store.
#[derive(Default)]
pub(super) struct Live {
    /// When a frame was last shown to it.
    frame: Option<Time>,
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
    /// Says that a frame is there, and what the stage is asked for.
    pub(crate) fn frame(&self) -> Option<Arc<Request>> {
        let mut state = self.shared.state();
        state.live.frame = Some(self.shared.host.now());
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
}

impl Shared {
    /// Takes what the stage is asked for, writes down what came of it, and sweeps away what nobody waits for.
    pub(super) fn live(&self) -> Result<()> {
        let now = (self.today)();
        let mut state = self.state();
        let live = &mut state.live;
        let over = live.request.as_ref().is_some_and(|request| request.until <= now);
        if over && live.came.is_none() {
            let why = live.reason.take().unwrap_or_else(|| "no frame came".into());
            live.came = Some(Came::Refused(Error::new(format!("nobody was enrolled: {why}"))));
        }
        let sees = live.frame.is_some_and(|frame| self.host.now().since(frame) < SEES);
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
