use std::collections::BTreeMap;
use std::sync::Arc;

use majlis_plugin_api::{Faces, Identity, Task, Time, VisitId, Welcome};
use majlis_remote::Failure;
use parking_lot::Mutex;

use crate::ask::Told;
use crate::cache::People;
use crate::join::{Arrived, Join};
use crate::signature::Signature;

/// What is kept of each visit; packets of no visit are one.
#[derive(Default)]
pub(crate) struct Visits {
    of: BTreeMap<Option<VisitId>, OfVisit>,
}

#[derive(Default)]
pub(crate) struct OfVisit {
    pub(crate) join: Join,
    pub(crate) asking: Option<Asking>,
    /// The newest frame that came while a question was under way, with its faces.
    pub(crate) waiting: Option<(Arrived, Option<Faces>)>,
    /// A frame that waits for word of how the visitor is received.
    pub(crate) held: Option<Held>,
    pub(crate) reception: Reception,
}

/// What is known of how a visitor is received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reception {
    /// Nothing yet, and whoever greets may still say it.
    #[default]
    Awaited,
    /// What is seen may be of use.
    Open,
    /// As somebody who was greeted not long ago: nothing more is said.
    Repeated,
}

/// A frame with its faces, among them somebody who is known: whether anything will be said of what it shows is known in a moment.
pub(crate) struct Held {
    pub(crate) arrived: Arrived,
    pub(crate) faces: Faces,
    /// Then it is looked at without that word.
    pub(crate) until: Time,
}

/// A question under way.
pub(crate) struct Asking {
    pub(crate) task: Task,
    /// By then it is over, in whichever way.
    pub(crate) until: Time,
    pub(crate) answer: Arc<Mutex<Option<Result<Told, Failure>>>>,
    /// The frame's place on the input.
    pub(crate) sequence: u64,
    /// Who was there, if that can be told.
    pub(crate) people: Option<People>,
    pub(crate) signature: Signature,
}

impl Visits {
    pub(crate) fn of(&mut self, visit: Option<VisitId>) -> &mut OfVisit {
        self.of.entry(visit).or_default()
    }

    pub(crate) fn close(&mut self, visit: VisitId) {
        self.of.remove(&Some(visit));
    }

    /// What is under way for the visit is withdrawn. How its visitor is received stays known.
    pub(crate) fn withdraw(&mut self, visit: VisitId) {
        if let Some(of_visit) = self.of.get_mut(&Some(visit)) {
            *of_visit = OfVisit { reception: of_visit.reception, ..OfVisit::default() };
        }
    }
}

/// Whether whoever greets can decide by these faces, and the visitor may be one who was greeted not long ago.
pub(crate) fn may_be_known_already(faces: &Faces) -> bool {
    let is = |wanted: fn(&Identity) -> bool| faces.faces.iter().any(|face| wanted(&face.identity));
    is(|identity| matches!(identity, Identity::Known(_))) && !is(|identity| matches!(identity, Identity::Undecided))
}

impl OfVisit {
    /// Whoever greets says how the visitor is received. Answers the frame that waited for it.
    pub(crate) fn received(&mut self, welcome: &Welcome) -> Option<Held> {
        self.reception = if welcome.is_repeated() { Reception::Repeated } else { Reception::Open };
        if self.reception == Reception::Repeated {
            self.waiting = None;
        }
        self.held.take()
    }

    /// Whether a question is under way, or its answer on its way back. One that was cancelled, at the stage's deadline say, does not
    /// come back, at whichever moment that was.
    pub(crate) fn is_asking(&self, now: Time) -> bool {
        let comes_back = |asking: &Asking| !asking.task.is_over() || asking.answer.lock().is_some();
        self.asking.as_ref().is_some_and(|asking| now < asking.until && comes_back(asking))
    }

    /// The question that is answered, with its answer.
    pub(crate) fn answered(&mut self) -> Option<(Asking, Result<Told, Failure>)> {
        let outcome = self.asking.as_ref()?.answer.lock().take()?;
        Some((self.asking.take()?, outcome))
    }
}
