use std::sync::Arc;

use majlis_abi::host::{Awaited, Ending, NotEmitted, Notice, PendingSide};
use majlis_abi::plugin::Buffer;
use majlis_plugin_api::VisitId;

use crate::state::{Shared, State};

/// Deferred work of a stage under test.
pub(crate) struct Work {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    pub(crate) visit: u64,
    pub(crate) time: u64,
}

/// What became of deferred work so far.
pub(crate) struct WorkState {
    view: WorkView,
    visit: u64,
    notices: Vec<(Awaited, Notice)>,
}

/// Deferred work, as the test sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkView {
    /// What the stage called it.
    pub label: String,
    /// Its visit.
    pub visit: Option<VisitId>,
    /// The steps that it marked.
    pub marks: Vec<String>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// How often it came back to its stage.
    pub resumed: usize,
    /// How it ended, if it did.
    pub ended: Option<Ending>,
}

impl WorkState {
    pub(crate) fn new(label: &str, visit: u64) -> Self {
        Self {
            view: WorkView {
                label: label.to_owned(),
                visit: VisitId::from_number(visit),
                marks: Vec::new(),
                cancelled: false,
                resumed: 0,
                ended: None,
            },
            visit,
            notices: Vec::new(),
        }
    }

    pub(crate) fn view(&self) -> WorkView {
        self.view.clone()
    }

    /// Whether it holds its visit open.
    pub(crate) fn holds(&self, visit: u64) -> bool {
        self.visit == visit && self.view.ended.is_none()
    }

    /// Cancels it; the notices are given by dropping them, outside of the lock.
    #[must_use]
    pub(crate) fn cancel(&mut self) -> Vec<(Awaited, Notice)> {
        if self.view.ended.is_some() {
            return Vec::new();
        }
        self.view.cancelled = true;
        std::mem::take(&mut self.notices)
    }

    /// The notices of those who wait for space on this output.
    #[must_use]
    pub(crate) fn space(&mut self, output: u32) -> Vec<(Awaited, Notice)> {
        self.notices.extract_if(.., |(awaited, _)| *awaited == Awaited::Space(output)).collect()
    }
}

/// Cancels all work of a visit; the notices are given by dropping them, outside of the lock.
#[must_use]
pub(crate) fn cancel_visit(state: &mut State, visit: u64) -> Vec<(Awaited, Notice)> {
    state.works.iter_mut().filter(|work| work.visit == visit).flat_map(WorkState::cancel).collect()
}

impl Work {
    fn cancelled_in(&self, state: &State) -> bool {
        state.works[self.index].view.cancelled || state.is_closed(self.visit)
    }
}

impl PendingSide for Work {
    fn emit(&self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        if !self.shared.has_output(output) {
            return Err(NotEmitted::NoPort);
        }
        let mut state = self.shared.state();
        if self.cancelled_in(&state) {
            state.late += 1;
            return Err(NotEmitted::Gone);
        }
        if state.full.contains(&output) {
            return Err(NotEmitted::Full(buffer));
        }
        state.keep(output, self.visit, self.time, buffer)
    }

    fn notify(&self, awaited: Awaited, notice: Notice) {
        let mut state = self.shared.state();
        let there = match awaited {
            Awaited::Space(output) => !state.full.contains(&output),
            Awaited::Cancelled => false,
        };
        if there || self.cancelled_in(&state) || state.works[self.index].view.ended.is_some() {
            drop(state);
            notice.give();
        } else {
            state.works[self.index].notices.push((awaited, notice));
        }
    }

    fn cancelled(&self) -> bool {
        self.cancelled_in(&self.shared.peek())
    }

    fn mark(&self, step: &str) {
        self.shared.state().works[self.index].view.marks.push(step.to_owned());
    }

    fn milestone(&self, name: &str) {
        self.shared.set_milestone(self.visit, name);
    }

    fn visit(&self) -> u64 {
        self.visit
    }

    fn end(self: Arc<Self>, ending: Ending) {
        let mut state = self.shared.state();
        if ending == Ending::Resume && !self.cancelled_in(&state) {
            state.works[self.index].view.resumed += 1;
            state.resumed.push_back(Arc::clone(&self));
            return;
        }
        let work = &mut state.works[self.index];
        work.view.ended = Some(ending);
        let waiting = std::mem::take(&mut work.notices);
        drop(state);
        drop(waiting);
    }
}
