//! The worker of LiveKit's dispatch: registers, answers, reports, and comes back when its socket is lost.

mod dial;
mod engine;
mod job;
mod load;
mod session;
mod slots;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use majlis_remote::ClientOptions;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use self::dial::{Dial, Network};
use self::engine::Engine;
pub use self::job::{Job, Outcome};
pub use self::load::Load;
use self::load::LoadSource;
use crate::address::Address;
use crate::error::Error;
use crate::keys::Keys;

/// At this load the server's own target is reached (`agents.target_load`): it offers nothing more to a worker above it.
const FULL: f32 = 0.7;

/// What a worker is.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    agent_name: String,
    slots: usize,
    load: LoadSource,
    name: String,
    full_at: f32,
}

impl WorkerOptions {
    /// A worker for jobs of `agent_name` (empty: every new room), with so many at once, that asks `load` how busy the machine is:
    /// every 2.5 s, before each answer and after all that is heard or asked, on the runtime's thread, so it has to be quick.
    pub fn new(agent_name: impl Into<String>, slots: usize, load: impl Fn() -> Load + Send + Sync + 'static) -> Self {
        let load = LoadSource::new(load);
        Self { agent_name: agent_name.into(), slots, load, name: String::new(), full_at: FULL }
    }

    /// What participants see as the agent's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// From this load on nothing more is taken: 0.7 unless said otherwise. More is of use only where the server's
    /// `agents.target_load` is more too.
    #[must_use]
    pub fn full_at(mut self, load: f32) -> Self {
        self.full_at = load;
        self
    }
}

/// What a worker tells its user.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server knows the worker, for the first time or again.
    Registered {
        /// The server's name for this registration.
        worker_id: String,
        /// Where: jobs that follow are of rooms there, until the next registration.
        address: Address,
        /// The version of the server.
        server: String,
        /// Its region; empty where it has none.
        region: String,
    },
    /// A job. It has a slot already.
    Job(Job),
    /// The server wants a job to end: its room is gone, its dispatch was taken back, or its agent left. The user finishes it; the
    /// server has it down as ended already.
    Terminated {
        /// The job's id.
        job: String,
    },
    /// The socket is lost. Jobs go on; the server forgets them, and is told of them again.
    Lost {
        /// What happened.
        why: Error,
        /// So long is waited before the next try.
        pause: std::time::Duration,
    },
    /// It is over: drained, left, or given up. Nothing follows.
    Ended(Result<(), Error>),
}

/// What is asked of the engine.
#[derive(Debug)]
pub(crate) enum Command {
    Running(String),
    Finished(String, Outcome),
    Move(Address),
    Drain,
    Leave,
}

/// A worker's news. Dropped, the worker leaves at once.
#[derive(Debug)]
pub struct Worker {
    events: UnboundedReceiver<Event>,
    handle: Handle,
}

impl Worker {
    /// What happened next; nothing after [`Event::Ended`]. News wait here as long as they must: as many as jobs and lost sockets.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// What can be asked of the worker, from anywhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// What can be asked of a worker, from anywhere.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: UnboundedSender<Command>,
    refused: Arc<AtomicU64>,
}

impl Handle {
    /// Takes no more jobs, and leaves when the last one is finished.
    pub fn drain(&self) {
        self.ask(Command::Drain);
    }

    /// Leaves at once. Jobs may go on, without a server that knows of them.
    pub fn leave(&self) {
        self.ask(Command::Leave);
    }

    /// Registers there: when another server is nearer now. One that is registered elsewhere leaves that server, whose jobs go on;
    /// [`Event::Registered`] says when it has arrived.
    pub fn move_to(&self, address: Address) {
        self.ask(Command::Move(address));
    }

    /// How many offers were refused so far: no slot was free, the load was too high, or nothing is taken any more.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn ask(&self, command: Command) {
        // A worker that is over has nothing to do.
        let _ = self.commands.send(command);
    }
}

/// A worker at work: to be run by a tokio runtime with timers and the network. Dropped, it leaves at once.
pub struct Running {
    engine: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.engine.as_mut().poll(context)
    }
}

/// A worker for the server at `address`, and the future that is its work.
#[must_use]
pub fn worker(address: Address, keys: Keys, client: ClientOptions, options: WorkerOptions) -> (Worker, Running) {
    over(Network::new(keys, client), address, options)
}

fn over<D: Dial + 'static>(dial: D, address: Address, options: WorkerOptions) -> (Worker, Running) {
    let (tell, events) = mpsc::unbounded_channel();
    let (commands, asked) = mpsc::unbounded_channel();
    let engine = Engine::new(address, options, tell, commands.clone(), asked);
    let handle = Handle { commands, refused: engine.refused.clone() };
    let running = Running { engine: Box::pin(engine.run(dial)) };
    (Worker { events, handle }, running)
}
