use std::fmt;
use std::sync::Arc;

use livekit_protocol::{UpdateWorkerStatus, WorkerStatus};

/// How busy a machine is, each part from 0 (idle) to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Of its processors.
    pub processor: f32,
    /// Of its memory.
    pub memory: f32,
}

impl Load {
    /// The one number that a server asks for: what is scarcest counts. What is no number counts as full.
    #[must_use]
    pub fn scarcest(self) -> f32 {
        let part = |value: f32| if value.is_nan() { 1.0 } else { value.clamp(0.0, 1.0) };
        part(self.processor).max(part(self.memory))
    }
}

/// Asks for the load: at each turn of a session and before each answer, so it has to be quick.
#[derive(Clone)]
pub(crate) struct LoadSource(Arc<dyn Fn() -> Load + Send + Sync>);

impl LoadSource {
    pub(crate) fn new(source: impl Fn() -> Load + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    pub(crate) fn now(&self) -> f32 {
        (self.0)().scarcest()
    }
}

impl fmt::Debug for LoadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoadSource")
    }
}

/// The report of a worker. The server chooses among those who are available at random, weighted by what is left of their load.
pub(crate) fn status(available: bool, load: f32, jobs: usize) -> UpdateWorkerStatus {
    let status = if available { WorkerStatus::WsAvailable } else { WorkerStatus::WsFull };
    UpdateWorkerStatus {
        status: Some(status as i32),
        load,
        job_count: u32::try_from(jobs).unwrap_or(u32::MAX),
        ..UpdateWorkerStatus::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_part_is_the_load() {
        for (processor, memory, load) in
            [(0.2, 0.9, 0.9), (0.7, 0.1, 0.7), (-1.0, 0.0, 0.0), (3.0, 0.5, 1.0), (f32::NAN, 0.1, 1.0)]
        {
            assert_eq!(Load { processor, memory }.scarcest(), load);
        }
    }
}
