//! What the tests with the official server share.
#![allow(dead_code)] // each test program uses its part

pub(crate) mod signal;
pub(crate) mod tap;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use majlis_livekit_dispatch::{
    Address, Api, ClientOptions, Event, Handle, Job, Keys, Load, Worker, WorkerOptions, worker,
};
use majlis_plugin_api::Secret;
use majlis_test_livekit::Server;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Longer than anything takes on two busy cores.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// What has not come by now does not come.
pub(crate) const NOT: Duration = Duration::from_millis(1_500);
/// The agent's name.
pub(crate) const AGENT: &str = "majlis";

pub(crate) fn keys(server: &Server) -> Keys {
    Keys::new(&Secret::new(server.key()), &Secret::new(server.secret())).expect("keys")
}

pub(crate) fn address(server: &Server) -> Address {
    Address::parse(&server.url()).expect("an address")
}

pub(crate) fn api(server: &Server) -> Api {
    Api::open(address(server), keys(server), &ClientOptions::default()).expect("a client")
}

/// A worker of one machine, idle unless said otherwise.
pub(crate) struct Host {
    pub(crate) worker: Worker,
    pub(crate) handle: Handle,
    /// What the server calls it.
    pub(crate) id: String,
}

impl Host {
    /// Registered, with so many slots.
    pub(crate) async fn start(server: &Server, slots: usize) -> Self {
        Self::with(server, WorkerOptions::new(AGENT, slots, Load::default)).await
    }

    pub(crate) async fn with(server: &Server, options: WorkerOptions) -> Self {
        Self::at(address(server), server, options).await
    }

    /// Registered by way of another address.
    pub(crate) async fn at(address: Address, server: &Server, options: WorkerOptions) -> Self {
        let (worker, running) = worker(address, keys(server), ClientOptions::default(), options);
        tokio::spawn(running);
        let mut host = Self { handle: worker.handle(), worker, id: String::new() };
        host.registered().await;
        host
    }

    pub(crate) async fn registered(&mut self) {
        match self.next().await {
            Event::Registered { worker_id, server, .. } => {
                assert_eq!(server, "1.13.5", "the facts under test are this version's");
                self.id = worker_id;
            }
            event => panic!("a registration, and not {event:?}"),
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        tokio::time::timeout(SOON, self.worker.next()).await.expect("news in time").expect("it is not over")
    }

    pub(crate) async fn job(&mut self) -> Job {
        match self.next().await {
            Event::Job(job) => job,
            event => panic!("a job, and not {event:?}"),
        }
    }

    /// Nothing comes.
    pub(crate) async fn rests(&mut self) {
        if let Ok(event) = tokio::time::timeout(NOT, self.worker.next()).await {
            panic!("nothing, and not {event:?}");
        }
    }
}

/// Waits until something is so.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < SOON, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How late this machine wakes whoever sleeps: what is measured beside it cannot be sooner.
pub(crate) struct Lag {
    worst: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Lag {
    pub(crate) fn watch() -> Self {
        let worst = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&worst);
        let task = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                let late = begun.elapsed().saturating_sub(Duration::from_millis(5));
                seen.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self { worst, task }
    }

    /// The worst so far.
    pub(crate) fn worst(&self) -> Duration {
        Duration::from_micros(self.worst.load(Ordering::Relaxed))
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.task.abort();
    }
}
