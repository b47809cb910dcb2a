use std::collections::BTreeMap;
use std::sync::Arc;

use majlis_plugin_api::{Faces, Task, Time, VisitId};
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
    /// That the server refuses was told.
    pub(crate) told_refusal: bool,
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
}

impl OfVisit {
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
