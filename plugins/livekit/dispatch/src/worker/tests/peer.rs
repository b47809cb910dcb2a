//! The other end of the wire.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use livekit_protocol::server_message::Message as Said;
use livekit_protocol::worker_message::Message as Saying;
use prost::Message as _;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::worker::dial::Dial;
use crate::worker::{Event, Job, Load, Worker, WorkerOptions, over};

/// Whoever waits longer waits for nothing: time is paused, so it costs none.
const NEVER: Duration = Duration::from_secs(600);

/// What a worker dials here.
pub(super) struct Wire {
    refusals: VecDeque<Error>,
    /// So long it takes.
    slow: Duration,
    dialled: UnboundedSender<(Instant, Address, Option<DuplexStream>)>,
}

impl Dial for Wire {
    type Io = DuplexStream;

    async fn dial(&mut self, address: &Address) -> Result<WebSocketStream<DuplexStream>> {
        sleep(self.slow).await;
        if let Some(error) = self.refusals.pop_front() {
            self.dialled.send((Instant::now(), address.clone(), None)).unwrap();
            return Err(error);
        }
        let (ours, theirs) = duplex(1 << 20);
        self.dialled.send((Instant::now(), address.clone(), Some(theirs))).unwrap();
        Ok(WebSocketStream::from_raw_socket(ours, Role::Client, None).await)
    }
}

/// The server's side: what was dialled, and when.
pub(super) struct Peer {
    dialled: UnboundedReceiver<(Instant, Address, Option<DuplexStream>)>,
    load: Arc<AtomicU32>,
}

/// One socket, at the server's side.
pub(super) struct Socket {
    pub(super) socket: WebSocketStream<DuplexStream>,
    /// When it was opened.
    pub(super) at: Instant,
    /// By what address.
    pub(super) address: Address,
}

pub(super) fn unreachable() -> Error {
    Error::Unreachable { server: "ws://peer".into(), why: "connection refused".into() }
}

pub(super) fn refused() -> Error {
    Error::Refused { server: "ws://peer".into(), said: "invalid API key".into() }
}

/// A worker with so many slots, at work; each of `refusals` is a try that fails.
pub(super) fn start(slots: usize, refusals: impl IntoIterator<Item = Error>) -> (Worker, Peer) {
    start_slowly(slots, refusals, Duration::ZERO)
}

/// The same, with a way to the server that takes so long each time.
pub(super) fn start_slowly(slots: usize, refusals: impl IntoIterator<Item = Error>, slow: Duration) -> (Worker, Peer) {
    let load = Arc::new(AtomicU32::new(0));
    let (dial, dialled) = unbounded_channel();
    let wire = Wire { refusals: refusals.into_iter().collect(), slow, dialled: dial };
    let source = Arc::clone(&load);
    let options = WorkerOptions::new("majlis", slots, move || Load {
        processor: 0.1,
        memory: source.load(Ordering::Relaxed) as f32 / 100.0,
    });
    let (worker, running) = over(wire, Address::parse("ws://peer").unwrap(), options.name("Majlis"));
    tokio::spawn(running);
    (worker, Peer { dialled, load })
}

/// A worker that is registered.
pub(super) async fn registered(slots: usize) -> (Worker, Peer, Socket) {
    let (mut worker, mut peer) = start(slots, []);
    let socket = peer.register().await;
    assert!(matches!(next(&mut worker).await, Event::Registered { .. }));
    (worker, peer, socket)
}

pub(super) async fn next(worker: &mut Worker) -> Event {
    timeout(NEVER, worker.next()).await.expect("news within ten minutes").expect("the worker is not over")
}

pub(super) async fn job(worker: &mut Worker) -> Job {
    match next(worker).await {
        Event::Job(job) => job,
        event => panic!("a job, and not {event:?}"),
    }
}

impl Peer {
    /// Memory in hundredths.
    pub(super) fn load(&self, percent: u32) {
        self.load.store(percent, Ordering::Relaxed);
    }

    /// The next try, whether it went well or not.
    pub(super) async fn dialled(&mut self) -> (Instant, Address, Option<DuplexStream>) {
        timeout(NEVER, self.dialled.recv()).await.expect("a try within ten minutes").expect("the worker is not over")
    }

    /// Whether the worker has ended without another try.
    pub(super) async fn is_over(&mut self) -> bool {
        timeout(NEVER, self.dialled.recv()).await.expect("the worker ends within ten minutes").is_none()
    }

    /// The next socket.
    pub(super) async fn accept(&mut self) -> Socket {
        loop {
            if let (at, address, Some(io)) = self.dialled().await {
                return Socket { socket: WebSocketStream::from_raw_socket(io, Role::Server, None).await, at, address };
            }
        }
    }

    /// The next socket, with its registration answered.
    pub(super) async fn register(&mut self) -> Socket {
        let mut socket = self.accept().await;
        assert!(matches!(socket.said().await, Saying::Register(_)));
        socket.welcome().await;
        socket
    }
}

impl Socket {
    pub(super) async fn say(&mut self, said: Said) {
        let bytes = proto::ServerMessage { message: Some(said) }.encode_to_vec();
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    pub(super) async fn welcome(&mut self) {
        let worker_id = "AW_1".to_owned();
        self.say(Said::Register(proto::RegisterWorkerResponse { worker_id, ..Default::default() })).await;
    }

    pub(super) async fn offer(&mut self, job: &str) {
        let job = Some(proto::Job { id: job.to_owned(), ..Default::default() });
        self.say(Said::Availability(proto::AvailabilityRequest { job, resuming: false })).await;
    }

    /// The answer to an offer.
    pub(super) async fn answer(&mut self) -> proto::AvailabilityResponse {
        match self.said_of_jobs().await {
            Saying::Availability(answer) => answer,
            other => panic!("an answer to an offer, and not {other:?}"),
        }
    }

    /// Offers a job and hears whether it is taken.
    pub(super) async fn takes(&mut self, job: &str) -> bool {
        self.offer(job).await;
        let answer = self.answer().await;
        assert_eq!(answer.job_id, job);
        answer.available
    }

    pub(super) async fn assign(&mut self, job: &str) {
        let room = Some(proto::Room { name: format!("room-{job}"), ..Default::default() });
        let job = Some(proto::Job { id: job.to_owned(), room, ..Default::default() });
        self.say(Said::Assignment(proto::JobAssignment { job, token: "hunter2".into(), url: None })).await;
    }

    /// The next status of a job: its id, the status and the error.
    pub(super) async fn update(&mut self) -> (String, proto::JobStatus, String) {
        match self.said_of_jobs().await {
            Saying::UpdateJob(update) => (update.job_id.clone(), update.status(), update.error),
            other => panic!("a job's status, and not {other:?}"),
        }
    }

    /// The next report of the load.
    pub(super) async fn report(&mut self) -> proto::UpdateWorkerStatus {
        loop {
            if let Saying::UpdateWorker(report) = self.said().await {
                return report;
            }
        }
    }

    /// What the worker says next, but for its reports of the load.
    pub(super) async fn said_of_jobs(&mut self) -> Saying {
        loop {
            match self.said().await {
                Saying::UpdateWorker(_) => {}
                other => return other,
            }
        }
    }

    /// What the worker says next.
    pub(super) async fn said(&mut self) -> Saying {
        loop {
            match self.frame().await {
                Some(Message::Binary(bytes)) => {
                    return proto::WorkerMessage::decode(&*bytes).unwrap().message.expect("a message that is known");
                }
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a message, and not {other:?}"),
            }
        }
    }

    /// The next frame, if the socket is not closed.
    pub(super) async fn frame(&mut self) -> Option<Message> {
        timeout(NEVER, self.socket.next()).await.expect("a frame within ten minutes").and_then(Result::ok)
    }

    /// Waits for the worker's farewell.
    pub(super) async fn is_closed(&mut self) -> bool {
        loop {
            match self.frame().await {
                Some(Message::Close(_)) | None => return true,
                Some(Message::Binary(_)) => return false,
                Some(_) => {}
            }
        }
    }
}
