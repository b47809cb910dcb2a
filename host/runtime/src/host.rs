//! The host as one stage sees it.

use std::sync::Arc;

use majlis_abi::host::{Closing, HostSide, NoVisit, NotEmitted};
use majlis_abi::plugin::{Buffer, BufferMut};
use majlis_meter::record::Producer;
use majlis_meter::{Arenas, slab};

use crate::core::Core;
use crate::deliver::Emission;
use crate::state::{Phase, Stay};
use crate::work::Work;

/// While it lives, what this thread retains and releases is on this holder's account.
pub(crate) struct Holding {
    before: u16,
}

impl Holding {
    pub(crate) fn stage(stage: usize) -> Self {
        Self { before: slab::hold_as(stage as u16) }
    }

    pub(crate) fn queue() -> Self {
        Self { before: slab::hold_as(slab::QUEUE) }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        slab::hold_as(self.before);
    }
}

/// What every instance of a stage is opened with.
pub(crate) struct StageHost {
    pub(crate) core: Arc<Core>,
    pub(crate) stage: usize,
    /// The instance that it was made for.
    pub(crate) instance: u64,
}

impl StageHost {
    fn name(&self) -> &str {
        self.core.graph.name(self.stage)
    }
}

impl HostSide for StageHost {
    type Pending = Work;

    fn now(&self) -> u64 {
        self.core.now()
    }

    fn buffer(&self, len: usize) -> BufferMut {
        self.core.pool.buffer(self.stage as u16, len)
    }

    fn log_enabled(&self, level: u32, target: &str) -> bool {
        self.core.observer.log_enabled(level, target)
    }

    fn log(&self, level: u32, target: &str, message: &str) {
        self.core.observer.log(self.name(), level, target, message);
    }

    fn print(&self, visit: u64, text: &str) {
        self.core.observer.print(self.name(), visit, text);
    }

    fn model(&self, name: &str) -> Result<String, String> {
        self.core.services.model(name)
    }

    fn open_visit(&self, arrived: Option<u64>) -> Result<u64, NoVisit> {
        let now = self.core.now();
        let mut state = self.core.lock();
        if state.stages[self.stage].instance != self.instance {
            return Err(NoVisit::Draining);
        }
        state.open_visit(&self.core.graph, self.stage, 0, arrived.unwrap_or(now), now)
    }

    fn close_visit(&self, visit: u64, how: Closing) {
        let now = self.core.now();
        let mut state = self.core.lock();
        if state.visits.get(&visit).is_none_or(|state| state.opener != self.stage) {
            return;
        }
        match how {
            Closing::Ended => state.end_visit(&self.core.graph, visit, now),
            Closing::Gone => state.visit_gone(&self.core.graph, visit, now),
        }
    }

    fn emit(&self, output: u32, visit: u64, time: u64, buffer: Buffer) -> Result<(), NotEmitted> {
        let core = &*self.core;
        let edges = core.graph.stages[self.stage].outgoing.get(output as usize).ok_or(NotEmitted::NoPort)?;
        let now = core.now();
        let mut state = core.lock();
        let left = visit != 0 && state.visits.get(&visit).is_none_or(|visit| visit.stay != Stay::Open);
        if left || state.phase == Phase::Ending || state.stages[self.stage].instance != self.instance {
            state.late(visit);
            return Err(NotEmitted::Gone);
        }
        let producer = Producer::Origin(self.stage as u16);
        let emission = Emission { stage: self.stage, visit, time, cause: 0, producer, now };
        state.put_all(&core.graph, edges, buffer, emission).map_err(NotEmitted::Full)
    }

    fn adopt_thread(&self, label: &str) -> usize {
        let arena = Arenas::process().named(&format!("{} (background)", self.name()));
        Arenas::process().bind(arena);
        tracing::debug!(stage = self.name(), label, "a thread was adopted");
        usize::from(slab::hold_as(self.stage as u16))
    }

    fn leave_thread(&self, adopted: usize) {
        slab::hold_as(adopted as u16);
        Arenas::process().unbind();
    }

    fn service(&self, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        self.core.services.request(self.stage, service, method, request)
    }
}
