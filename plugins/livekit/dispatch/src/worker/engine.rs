//! All of a worker that outlives its sockets: its slots, what it has to tell, and when it tries again.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use livekit_protocol::{JobStatus, UpdateJobStatus};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, sleep};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::worker::dial::Dial;
use crate::worker::job::Outcome;
use crate::worker::session::End;
use crate::worker::slots::Slots;
use crate::worker::{Command, Event, WorkerOptions};

/// After so many tries in a row without a registration that lasted, it gives up.
const MOST_TRIES: u32 = 16;
/// Each pause is so much longer than the one before, up to the longest.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(10);
/// A registration that lasted so long was one: the tries are counted anew.
const LASTING: Duration = Duration::from_secs(10);
/// Outcomes of jobs that wait for a server to tell them to. More are not worth keeping: a server forgets its jobs when it is lost.
const MOST_UNTOLD: usize = 64;

/// A worker without a socket.
pub(crate) struct Engine {
    pub(crate) options: WorkerOptions,
    pub(crate) address: Address,
    pub(crate) slots: Slots,
    pub(crate) draining: bool,
    /// Whether a server has known this worker: what it was told then was right.
    pub(crate) known: bool,
    /// What the server has not been told of jobs, because there was none to tell.
    pub(crate) untold: Vec<UpdateJobStatus>,
    /// Offers that were refused.
    pub(crate) refused: Arc<AtomicU64>,
    events: UnboundedSender<Event>,
    commands: UnboundedSender<Command>,
    asked: UnboundedReceiver<Command>,
}

/// The worker ends for good: it was told to, nobody listens any more, or it was drained and nothing is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Engine {
    pub(crate) fn new(
        address: Address,
        options: WorkerOptions,
        events: UnboundedSender<Event>,
        commands: UnboundedSender<Command>,
        asked: UnboundedReceiver<Command>,
    ) -> Self {
        let slots = Slots::new(options.slots);
        Self {
            options,
            address,
            slots,
            draining: false,
            known: false,
            untold: Vec::new(),
            refused: Arc::default(),
            events,
            commands,
            asked,
        }
    }

    pub(crate) async fn run<D: Dial>(mut self, mut dial: D) {
        let end = self.stay(&mut dial).await;
        self.tell(Event::Ended(end));
    }

    /// Registers and comes back, until it ends or cannot.
    async fn stay<D: Dial>(&mut self, dial: &mut D) -> Result<()> {
        let mut tries: u32 = 0;
        loop {
            let address = self.address.clone();
            let opened = match self.unless_gone(dial.dial(&address)).await {
                Ok(opened) => opened,
                Err(Gone) => return Ok(()),
            };
            let why = match opened {
                // A wrong key is said at once; one that was right is not wrong because a server that restarts says so.
                Err(error) if !error.may_pass() && !self.known => return Err(error),
                Err(error) => error,
                Ok(socket) => {
                    let begun = Instant::now();
                    match self.session(socket, address).await {
                        End::Gone => return Ok(()),
                        End::Moved => {
                            self.slots.forget_promises();
                            tries = 0;
                            continue;
                        }
                        End::Lost(error) => {
                            // A server that takes a worker and throws it out again is not asked without a pause.
                            if begun.elapsed() >= LASTING {
                                tries = 0;
                            }
                            error
                        }
                    }
                }
            };
            // What was promised was promised to this server.
            self.slots.forget_promises();
            if self.draining && self.slots.is_empty() {
                return Ok(());
            }
            if tries == MOST_TRIES {
                return Err(Error::GaveUp { tries, last: why.to_string() });
            }
            let pause = (PAUSE * tries).min(LONGEST);
            tries += 1;
            tracing::warn!("{why}; the worker registers again in {} s", pause.as_secs());
            self.tell(Event::Lost { why, pause });
            if self.unless_gone(sleep(pause)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// What `work` answers, while commands are heard; or that the worker is gone.
    async fn unless_gone<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Gone> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                command = self.command() => self.obey(command)?,
                answer = &mut work => return Ok(answer),
            }
        }
    }

    /// The next command. A user who is gone wants the worker gone.
    pub(crate) async fn command(&mut self) -> Command {
        tokio::select! {
            biased;
            command = self.asked.recv() => command.unwrap_or(Command::Leave),
            () = self.events.closed() => Command::Leave,
        }
    }

    /// Does what is asked, without a socket; what is to be told waits for one.
    pub(crate) fn obey(&mut self, command: Command) -> Result<(), Gone> {
        match command {
            Command::Running(job) => {
                if self.slots.has(&job) {
                    self.untold.push(update(job, JobStatus::JsRunning, String::new()));
                }
            }
            Command::Finished(job, outcome) => {
                if self.slots.release(&job) {
                    let (status, error) = match outcome {
                        Outcome::Success => (JobStatus::JsSuccess, String::new()),
                        Outcome::Failed(why) => (JobStatus::JsFailed, why),
                    };
                    self.untold.push(update(job, status, error));
                }
            }
            Command::Move(address) => self.address = address,
            Command::Drain => self.draining = true,
            Command::Leave => return Err(Gone),
        }
        let too_many = self.untold.len().saturating_sub(MOST_UNTOLD);
        self.untold.drain(..too_many);
        if self.draining && self.slots.is_empty() { Err(Gone) } else { Ok(()) }
    }

    pub(crate) fn tell(&self, event: Event) {
        // A user who is gone is noticed where commands are heard.
        let _ = self.events.send(event);
    }

    pub(crate) fn commands(&self) -> UnboundedSender<Command> {
        self.commands.clone()
    }
}

pub(crate) fn update(job_id: String, status: JobStatus, error: String) -> UpdateJobStatus {
    UpdateJobStatus { job_id, status: status as i32, error }
}
