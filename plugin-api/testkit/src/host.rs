use std::sync::Arc;

use majlis_abi::host::{Closing, HostSide, NoVisit, NotEmitted};
use majlis_abi::plugin::{Buffer, BufferMut, heap_buffer};

use crate::state::{Log, Shared, Stand};
use crate::work::{Work, cancel_visit};

/// The host that a stage under test sees.
pub(crate) struct TestHost(pub(crate) Arc<Shared>);

impl HostSide for TestHost {
    type Pending = Work;

    fn now(&self) -> u64 {
        self.0.peek().now
    }

    fn buffer(&self, len: usize) -> BufferMut {
        let mut buffer = heap_buffer(len);
        // A slab of a host holds old bytes: what the stage forgets to write must not look like zeros here only.
        buffer.fill(0xA5);
        buffer
    }

    fn log_enabled(&self, level: u32, _: &str) -> bool {
        level <= self.0.settings.log_level
    }

    fn log(&self, level: u32, target: &str, message: &str) {
        self.0.state().logs.push(Log { level, target: target.to_owned(), message: message.to_owned() });
    }

    fn print(&self, visit: u64, text: &str) {
        self.0.state().printed.push((visit, text.to_owned()));
    }

    fn model(&self, name: &str) -> Result<String, String> {
        match self.0.settings.models.get(name) {
            Some(path) => Ok(path.display().to_string()),
            None => Err(format!("there is no model `{name}`: the test gave none of this name")),
        }
    }

    fn open_visit(&self, arrived: Option<u64>) -> Result<u64, NoVisit> {
        self.0.state().open_visit(true, arrived, self.0.settings.max_visits)
    }

    fn close_visit(&self, visit: u64, how: Closing) {
        let waiting = {
            let mut state = self.0.state();
            match state.visits.get_mut(&visit) {
                Some(known) if known.own && known.stand == Stand::Open => {
                    known.stand = if how == Closing::Gone { Stand::Closed(how) } else { Stand::Ending };
                }
                // It is gone already, by a visitor who left or at the end of a drain.
                Some(known) if known.own => return,
                _ => {
                    state.complaints.push(format!("the stage closed visit {visit}, which it did not open"));
                    return;
                }
            }
            if how == Closing::Gone { cancel_visit(&mut state, visit) } else { Vec::new() }
        };
        drop(waiting);
    }

    fn emit(&self, output: u32, visit: u64, time: u64, buffer: Buffer) -> Result<(), NotEmitted> {
        if !self.0.has_output(output) {
            return Err(NotEmitted::NoPort);
        }
        let mut state = self.0.state();
        if state.full.contains(&output) && !state.is_closed(visit) {
            return Err(NotEmitted::Full(buffer));
        }
        state.keep(output, visit, time, buffer)
    }

    fn adopt_thread(&self, label: &str) -> usize {
        let mut state = self.0.state();
        state.adopted.push((label.to_owned(), true));
        state.adopted.len()
    }

    fn leave_thread(&self, adopted: usize) {
        let mut state = self.0.state();
        match adopted.checked_sub(1).and_then(|index| state.adopted.get_mut(index)) {
            Some(thread) if thread.1 => thread.1 = false,
            _ => state.complaints.push("a thread was left that was not adopted".into()),
        }
    }

    fn service(&self, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        match self.0.settings.services.get(service) {
            Some(answer) => answer(method, request),
            None => Err(format!("this host offers no service `{service}`: the test gave none of this name")),
        }
    }
}
