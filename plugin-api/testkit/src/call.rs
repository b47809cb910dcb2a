use std::sync::Arc;

use majlis_abi::host::{CallSide, NoVisit, NotEmitted};
use majlis_abi::plugin::Buffer;

use crate::host::TestHost;
use crate::state::Shared;
use crate::work::{Work, WorkState};

/// One entry into the stage.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    /// The visit of what the call emits: another one than it began with, once it opens one.
    pub(crate) visit: u64,
    /// The time stamp of what the call was entered with.
    pub(crate) time: u64,
    /// The packet that the call was entered with.
    pub(crate) packet: Option<Buffer>,
}

impl CallSide for Call {
    type Host = TestHost;

    fn emit(&mut self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        if !self.shared.has_output(output) {
            return Err(NotEmitted::NoPort);
        }
        self.shared.state().keep(output, self.visit, self.time, buffer)
    }

    fn forward(&mut self, output: u32) -> Result<(), NotEmitted> {
        let packet = self.packet.clone().ok_or(NotEmitted::NoPacket)?;
        self.emit(output, packet)
    }

    fn open_visit(&mut self, arrived: Option<u64>) -> Result<u64, NoVisit> {
        let mut state = self.shared.state();
        self.visit = state.open_visit(true, arrived, self.shared.settings.max_visits)?;
        if arrived.is_none() || self.packet.is_none() {
            self.time = arrived.unwrap_or(state.now).min(state.now);
        }
        Ok(self.visit)
    }

    fn defer(&mut self, label: &str) -> Arc<Work> {
        let mut state = self.shared.state();
        state.works.push(WorkState::new(label, self.visit));
        Arc::new(Work {
            shared: Arc::clone(&self.shared),
            index: state.works.len() - 1,
            visit: self.visit,
            time: self.time,
        })
    }

    fn flush(&mut self, output: u32) {
        self.shared.state().flushes.push((self.visit, output));
    }

    fn milestone(&mut self, name: &str) {
        self.shared.set_milestone(self.visit, name);
    }

    fn step(&mut self, name: &str) {
        self.shared.state().steps.push(name.to_owned());
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.shared.state().facts.push((self.visit, name.to_owned(), value.to_owned()));
    }

    fn cancelled(&self) -> bool {
        self.shared.peek().is_closed(self.visit)
    }

    fn visit(&self) -> u64 {
        self.visit
    }
}
