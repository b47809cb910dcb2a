use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use majlis_abi::host::{Closing, NoVisit, NotEmitted};
use majlis_abi::plugin::Buffer;

use crate::service::Service;
use crate::work::{Work, WorkState};

/// A line that the stage logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// 1 error, 2 warning, 3 information, 4 debug, 5 trace.
    pub level: u32,
    /// The module that logged it.
    pub target: String,
    /// The line with its fields.
    pub message: String,
}

/// A packet that the stage sent.
pub(crate) struct Emission {
    pub(crate) output: u32,
    pub(crate) visit: u64,
    pub(crate) time: u64,
    pub(crate) buffer: Buffer,
}

/// Where a visit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    Open,
    /// Nothing more comes, but the stage still holds a wake or deferred work of it.
    Ending,
    Closed(Closing),
}

pub(crate) struct VisitState {
    pub(crate) stand: Stand,
    /// The stage opened it, so no event tells the stage of it.
    pub(crate) own: bool,
    /// When the visitor came.
    pub(crate) arrival: u64,
}

/// What the test settled before the stage was opened.
pub(crate) struct Settings {
    pub(crate) max_visits: usize,
    pub(crate) log_level: u32,
    pub(crate) models: BTreeMap<String, PathBuf>,
    pub(crate) services: BTreeMap<String, Service>,
    /// Of the manifest, if the test gave it.
    pub(crate) declared: Option<Declared>,
}

pub(crate) struct Declared {
    pub(crate) outputs: usize,
    pub(crate) milestones: Vec<String>,
}

/// All that the stage did, and all that the test told.
pub(crate) struct State {
    pub(crate) now: u64,
    pub(crate) draining: bool,
    pub(crate) visits: BTreeMap<u64, VisitState>,
    /// Outputs without space for what never blocks.
    pub(crate) full: BTreeSet<u32>,
    pub(crate) emissions: Vec<Emission>,
    pub(crate) late: usize,
    pub(crate) milestones: Vec<(u64, String)>,
    pub(crate) facts: Vec<(u64, String, String)>,
    pub(crate) steps: Vec<String>,
    pub(crate) flushes: Vec<(u64, u32)>,
    pub(crate) printed: Vec<(u64, String)>,
    pub(crate) logs: Vec<Log>,
    pub(crate) works: Vec<WorkState>,
    pub(crate) resumed: VecDeque<Arc<Work>>,
    /// Labels of threads that were adopted, and whether they still are.
    pub(crate) adopted: Vec<(String, bool)>,
    /// What the stage did that no host would take; the driver panics with it, outside of the boundary.
    pub(crate) complaints: Vec<String>,
}

impl State {
    /// Opens a visit of somebody who arrived then, or now.
    pub(crate) fn open_visit(&mut self, own: bool, arrived: Option<u64>, max: usize) -> Result<u64, NoVisit> {
        if self.draining {
            return Err(NoVisit::Draining);
        }
        let open = self.visits.values().filter(|visit| !matches!(visit.stand, Stand::Closed(_))).count();
        if open >= max {
            return Err(NoVisit::Full);
        }
        let number = self.visits.len() as u64 + 1;
        let arrival = arrived.unwrap_or(self.now).min(self.now);
        self.visits.insert(number, VisitState { stand: Stand::Open, own, arrival });
        Ok(number)
    }

    /// Whether anything of this visit is still taken.
    pub(crate) fn is_closed(&self, visit: u64) -> bool {
        visit != 0 && !self.visits.get(&visit).is_some_and(|state| !matches!(state.stand, Stand::Closed(_)))
    }

    /// Keeps a packet.
    pub(crate) fn keep(&mut self, output: u32, visit: u64, time: u64, buffer: Buffer) -> Result<(), NotEmitted> {
        if self.is_closed(visit) {
            self.late += 1;
            return Err(NotEmitted::Gone);
        }
        self.emissions.push(Emission { output, visit, time, buffer });
        Ok(())
    }
}

/// What the stage's handles and the test's driver share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    state: Mutex<State>,
    /// The stage did something.
    pub(crate) changed: Condvar,
}

impl Shared {
    pub(crate) fn new(settings: Settings, now: u64) -> Self {
        let state = State {
            now,
            draining: false,
            visits: BTreeMap::new(),
            full: BTreeSet::new(),
            emissions: Vec::new(),
            late: 0,
            milestones: Vec::new(),
            facts: Vec::new(),
            steps: Vec::new(),
            flushes: Vec::new(),
            printed: Vec::new(),
            logs: Vec::new(),
            works: Vec::new(),
            resumed: VecDeque::new(),
            adopted: Vec::new(),
            complaints: Vec::new(),
        };
        Self { settings, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The state; whoever asks for it may change it, so whoever waits looks again.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.changed.notify_all();
        self.peek()
    }

    /// The state, to look at.
    pub(crate) fn peek(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why an output or a milestone is not one of the manifest, where the test gave it.
    pub(crate) fn has_output(&self, output: u32) -> bool {
        self.settings.declared.as_ref().is_none_or(|declared| (output as usize) < declared.outputs)
    }

    pub(crate) fn set_milestone(&self, visit: u64, name: &str) {
        let mut state = self.state();
        if self
            .settings
            .declared
            .as_ref()
            .is_some_and(|declared| !declared.milestones.iter().any(|known| known == name))
        {
            state.complaints.push(format!("the stage set the milestone `{name}`, which its manifest does not declare"));
        }
        state.milestones.push((visit, name.to_owned()));
    }
}
