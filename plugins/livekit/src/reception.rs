//! Many rooms in one process: a worker of LiveKit's dispatch that keeps a room for each job.
//!
//! The server decides who serves a room. Here is only who carries it out: for each job a [`Keeper`] of its own, so that a room that
//! hangs holds up no other; what the pipeline says finds its room by the visit ([`Routes`]).

use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_dispatch::{ClientOptions, Event, Handle, Job, Worker, WorkerOptions, worker};
use majlis_plugin_api::Result;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::config::Dispatch;
use crate::gauge::Gauge;
use crate::room::{Keeper, Means, Post};
use crate::routes::Routes;
use crate::running::Running;
use crate::servers::Server;
use crate::tally::Tally;
use crate::word::Word;

/// A worker that ended though nobody wanted it is made anew after this time.
const AGAIN: Duration = Duration::from_secs(30);
/// So long the last word to the server may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the stage asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// No new room.
    Drain,
    /// All rooms are to be left; the answer comes when they are.
    Leave(oneshot::Sender<()>),
}

/// The worker and its rooms.
pub(crate) struct Reception {
    means: Means,
    dispatch: Dispatch,
    client: ClientOptions,
    gauge: Arc<Gauge>,
    routes: Arc<Routes>,
    tally: Arc<Tally>,
    /// Servers that were chosen. The worker is at one of them, or on its way to the last.
    known: Vec<Server>,
    /// Where the worker is registered: jobs are of rooms there.
    server: Option<Server>,
    /// The choice that is under way.
    choosing: JoinSet<Result<Server>>,
    asked: UnboundedReceiver<Asked>,
    worker: Option<AtWork>,
    /// When a worker is made anew.
    again: Option<Instant>,
    draining: bool,
    rooms: JoinSet<()>,
}

/// A worker at work. Dropped, it leaves at once.
struct AtWork {
    worker: Worker,
    handle: Handle,
    /// Refusals of workers before this one.
    refused: u64,
    _running: Running,
}

impl Reception {
    pub(crate) fn new(
        means: Means,
        dispatch: Dispatch,
        client: ClientOptions,
        tally: Arc<Tally>,
    ) -> (Self, Arc<Routes>, UnboundedSender<Asked>) {
        let (asking, asked) = unbounded_channel();
        let routes = Arc::new(Routes::default());
        let gauge = Arc::new(Gauge::new(means.host.clone()));
        let reception = Self {
            means,
            dispatch,
            client,
            gauge,
            routes: routes.clone(),
            tally,
            known: Vec::new(),
            server: None,
            choosing: JoinSet::new(),
            asked,
            worker: None,
            again: None,
            draining: false,
            rooms: JoinSet::new(),
        };
        (reception, routes, asking)
    }

    /// Serves rooms until it is told to leave.
    pub(crate) async fn receive(mut self) -> Result<()> {
        self.choose();
        loop {
            let Self { asked, worker, rooms, choosing, again, .. } = &mut self;
            tokio::select! {
                biased;
                asked = asked.recv() => match asked {
                    Some(Asked::Drain) => self.drain(),
                    Some(Asked::Leave(done)) => {
                        self.leave().await;
                        // Whoever asked may have lost patience.
                        let _ = done.send(());
                        return Ok(());
                    }
                    // The stage was dropped without its last call: with this ends all that it held.
                    None => return Ok(()),
                },
                event = next(worker) => self.event(event),
                Some(ended) = rooms.join_next() => if let Err(error) = ended {
                    tracing::error!("a room ended without its last word: {error}");
                },
                Some(chosen) = choosing.join_next() => self.chosen(chosen.unwrap_or_else(|error| Err(error.into()))),
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => self.choose(),
            }
            if let Some(at_work) = &self.worker {
                self.tally.refused(at_work.refused + at_work.handle.refused());
            }
        }
    }

    /// Begins to choose a server, unless that is under way.
    fn choose(&mut self) {
        self.again = None;
        if self.choosing.is_empty() {
            let servers = Arc::clone(&self.means.servers);
            self.choosing.spawn(async move { servers.choose().await });
        }
    }

    fn chosen(&mut self, chosen: Result<Server>) {
        match (chosen, &self.worker) {
            _ if self.draining => {}
            (Ok(server), Some(at_work)) => {
                at_work.handle.move_to(server.api.address().clone());
                self.know(server);
            }
            (Ok(server), None) => self.register(server),
            // A worker tries by itself to get back to where it was.
            (Err(error), Some(_)) => tracing::debug!("no other server is chosen: {error}"),
            (Err(error), None) => {
                tracing::error!("no room is served: {error}; it is tried again in {} s", AGAIN.as_secs());
                self.again = Some(Instant::now() + AGAIN);
            }
        }
    }

    /// A worker begins. Those rooms that are still held were another one's, and take no place in this one.
    fn register(&mut self, server: Server) {
        let most = usize::try_from(self.dispatch.max_visits).unwrap_or(usize::MAX);
        let gauge = self.gauge.clone();
        let options = WorkerOptions::new(&self.dispatch.agent_name, most, move || gauge.now());
        let options = options.name(&self.means.config.name);
        let (worker, running) =
            worker(server.api.address().clone(), self.means.keys.clone(), self.client.clone(), options);
        let (handle, refused) = (worker.handle(), self.tally.refusals());
        self.worker = Some(AtWork { worker, handle, refused, _running: Running::new(running) });
        self.know(server);
    }

    fn know(&mut self, server: Server) {
        self.known.retain(|known| known.api.address() != server.api.address());
        self.known.push(server);
    }

    fn event(&mut self, event: Option<Event>) {
        match event {
            Some(Event::Registered { address, server: version, region, .. }) => {
                // It may be back where it was before it hears of another choice.
                self.server = self.known.iter().find(|known| *known.api.address() == address).cloned();
                let Some(server) = &mut self.server else { return };
                if server.region.is_empty() {
                    server.region.clone_from(&region);
                }
                let region = if region.is_empty() { region } else { format!(" in {region}") };
                let agent = &self.dispatch.agent_name;
                tracing::info!("rooms are served for `{agent}` at {address}{region}, a LiveKit server {version}");
            }
            Some(Event::Job(job)) => self.serve(job),
            Some(Event::Terminated { job }) => self.routes.send_to(&job, Word::Terminated),
            // The crate that lost it says so in the log, and comes back by itself; another server may be nearer now.
            Some(Event::Lost { .. }) if self.means.servers.are_several() => self.choose(),
            Some(Event::Lost { .. }) => {}
            Some(Event::Ended(Err(error))) => {
                tracing::error!("no room is served: {error}; it is tried again in {} s", AGAIN.as_secs());
                self.worker = None;
                self.again = Some(Instant::now() + AGAIN);
            }
            Some(Event::Ended(Ok(()))) | None => self.worker = None,
            Some(_) => {}
        }
    }

    /// Keeps a room for as long as its visitors are there.
    fn serve(&mut self, job: Job) {
        if self.draining {
            // Dropped, it has failed: whoever watches the room sends for another host.
            return;
        }
        let Some(server) = self.server.clone() else { return };
        let (words, next) = unbounded_channel();
        let seat = self.routes.seat(&job.id, words);
        let keeper = Keeper::new(self.means.clone(), Post::assigned(job, server, seat), next);
        self.rooms.spawn(keeper.keep());
    }

    /// Nothing new; rooms go on until their visitors leave.
    fn drain(&mut self) {
        self.draining = true;
        self.again = None;
        if let Some(at_work) = &self.worker {
            at_work.handle.drain();
        }
        self.routes.send_to_all(|| Word::Drain);
    }

    /// Leaves all rooms at once, and then the server.
    async fn leave(&mut self) {
        self.drain();
        let mut left = Vec::new();
        for job in self.routes.jobs() {
            let (done, is_left) = oneshot::channel();
            self.routes.send_to(&job, Word::Leave(done));
            left.push(is_left);
        }
        for is_left in left {
            // A room that has ended by itself says nothing.
            let _ = is_left.await;
        }
        // It has no room any more, so it says how they ended and goes.
        if let Some(mut at_work) = self.worker.take() {
            let gone = async { while at_work.worker.next().await.is_some() {} };
            if timeout(FAREWELL, gone).await.is_err() {
                tracing::debug!("the server was not told that this host leaves");
            }
        }
    }
}

/// What a worker says next; nothing, for ever, where there is none.
async fn next(worker: &mut Option<AtWork>) -> Option<Event> {
    match worker {
        Some(at_work) => at_work.worker.next().await,
        None => std::future::pending().await,
    }
}
