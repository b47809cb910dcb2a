use std::collections::HashMap;
use std::fmt;

use majlis_plugin_api::Secret;
use tokio::sync::mpsc::UnboundedSender;

use crate::worker::Command;

/// A job: a room that this worker serves. It takes a slot until it is finished; dropped without a word it has failed.
pub struct Job {
    /// The job's id.
    pub id: String,
    /// What sent for it; empty where the server sends by itself.
    pub dispatch: String,
    /// The room's name.
    pub room: String,
    /// As whom the agent joins: made for this job.
    pub identity: String,
    /// The token for joining, good for an hour.
    pub token: Secret,
    /// Where to join: `ws://…` or `wss://…`.
    pub url: String,
    /// What came with the dispatch.
    pub metadata: String,
    /// What came with the dispatch.
    pub attributes: HashMap<String, String>,
    /// Whether another worker had it before.
    pub resuming: bool,
    pub(crate) ending: Ending,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All was done.
    Success,
    /// Why it was not, in words that may be shown on the server.
    Failed(String),
}

impl Job {
    /// Tells the server that the agent has joined.
    pub fn running(&self) {
        self.ending.tell(|job| Command::Running(job.to_owned()));
    }

    /// Frees the slot and tells the server how it ended. A job that was terminated is finished all the same.
    pub fn finish(self, outcome: Outcome) {
        self.ending.finish(outcome);
    }
}

/// No name, no token and no metadata.
impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("resuming", &self.resuming).finish_non_exhaustive()
    }
}

/// Sees to it that a job ends once.
pub(crate) struct Ending {
    /// There until the end.
    job: Option<String>,
    commands: UnboundedSender<Command>,
}

impl Ending {
    pub(crate) fn new(job: String, commands: UnboundedSender<Command>) -> Self {
        Self { job: Some(job), commands }
    }

    fn tell(&self, command: impl FnOnce(&str) -> Command) {
        if let Some(job) = &self.job {
            // A worker that is gone has no slots, and its server knows.
            let _ = self.commands.send(command(job));
        }
    }

    fn finish(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(job) = self.job.take() {
            let _ = self.commands.send(Command::Finished(job, outcome));
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.end(Outcome::Failed("it was dropped".into()));
    }
}
