//! One socket, from its registration to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use livekit_protocol as proto;
use livekit_protocol::server_message::Message as Said;
use livekit_protocol::worker_message::Message as Saying;
use majlis_plugin_api::Secret;
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::identity::new_identity;
use crate::worker::engine::{Engine, Gone, update};
use crate::worker::job::Ending;
use crate::worker::load::status;
use crate::worker::{Event, Job};

/// So long the server waits for a registration, and a worker for its answer.
const REGISTRATION: Duration = Duration::from_secs(10);
/// The server hears of the load this often.
const REPORT: Duration = Duration::from_millis(2_500);
/// A socket that nobody uses is closed by what lies between; and one that is dead is found.
const PING: Duration = Duration::from_secs(30);
/// A server that said nothing for so long, pongs included, is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// A message that does not get out within this is not going to.
const SENDING: Duration = Duration::from_secs(10);

/// How a session ends.
pub(crate) enum End {
    /// The worker is to come back.
    Lost(Error),
    /// It is wanted at another address.
    Moved,
    /// It is not.
    Gone,
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Lost(error)
    }
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl Engine {
    /// Registers over a socket to the server of this address and serves it until it ends. A worker that goes says so.
    pub(crate) async fn session<Io>(&mut self, socket: WebSocketStream<Io>, address: Address) -> End
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut line = Line { socket, address, heard: Instant::now(), available: None };
        let Err(end) = self.serve(&mut line).await;
        if matches!(end, End::Gone | End::Moved) {
            // The last outcomes of one that goes, and a farewell, as far as they get.
            for update in self.untold.drain(..) {
                let _ = line.say(Saying::UpdateJob(update)).await;
            }
            let _ = timeout(Duration::from_secs(1), line.socket.close(None)).await;
        }
        end
    }

    async fn serve<Io>(&mut self, line: &mut Line<Io>) -> Result<std::convert::Infallible, End>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.register(line).await?;
        // The server that lost this worker has forgotten its jobs, and hears of those that run here and now.
        self.untold.retain(|update| update.status != proto::JobStatus::JsRunning as i32);
        let jobs: Vec<String> = self.slots.jobs().map(str::to_owned).collect();
        for job in &jobs {
            line.say(Saying::UpdateJob(update(job.clone(), proto::JobStatus::JsRunning, String::new()))).await?;
        }
        if !jobs.is_empty() {
            line.say(Saying::MigrateJob(proto::MigrateJobRequest { job_ids: jobs })).await?;
        }
        // The first report is out of turn.
        let mut report = interval_at(Instant::now() + REPORT, REPORT);
        let mut ping = interval_at(Instant::now() + PING, PING);
        for ticks in [&mut report, &mut ping] {
            // After a pause of the machine one tick says all.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            self.settle(line).await?;
            if self.address != line.address {
                return Err(End::Moved);
            }
            let lapse = self.slots.next_lapse();
            tokio::select! {
                biased;
                // First, so that a slot that is free is not refused.
                command = self.command() => self.obey(command)?,
                message = line.socket.next() => {
                    if let Some(said) = line.hear(message)? {
                        self.heed(said, line).await?;
                    }
                }
                () = sleep_until(lapse.unwrap_or_else(Instant::now)), if lapse.is_some() => {
                    for job in self.slots.lapse(Instant::now()) {
                        tracing::warn!("job {job} was promised to the server and not assigned; its slot is free again");
                    }
                }
                _ = report.tick() => self.report(line, true).await?,
                _ = ping.tick() => line.ping().await?,
            }
        }
    }

    /// Says who it is, and waits until the server knows.
    async fn register<Io>(&mut self, line: &mut Line<Io>) -> Result<(), End>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let request = proto::RegisterWorkerRequest {
            r#type: proto::JobType::JtRoom as i32,
            agent_name: self.options.agent_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            allowed_permissions: Some(proto::ParticipantPermission {
                can_subscribe: true,
                can_publish: true,
                can_publish_data: true,
                // Without it `lk.agent.state` is never seen.
                can_update_metadata: true,
                ..proto::ParticipantPermission::default()
            }),
            ..proto::RegisterWorkerRequest::default()
        };
        line.say(Saying::Register(request)).await?;
        let until = Instant::now() + REGISTRATION;
        loop {
            tokio::select! {
                biased;
                command = self.command() => self.obey(command)?,
                message = line.socket.next() => match line.hear(message)? {
                    Some(Said::Register(known)) => {
                        let info = known.server_info.unwrap_or_default();
                        self.known = true;
                        self.tell(Event::Registered {
                            worker_id: known.worker_id,
                            address: line.address.clone(),
                            server: info.version,
                            region: info.region,
                        });
                        return Ok(());
                    }
                    Some(_) => return Err(line.broken("it speaks before it has answered the registration").into()),
                    None => {}
                },
                () = sleep_until(until) => {
                    let server = line.address.ws();
                    return Err(Error::Silent { server, asked: "register", seconds: REGISTRATION.as_secs() }.into());
                }
            }
        }
    }

    /// Tells what has not been told; ends a drained worker; and says at once when it becomes full or free.
    async fn settle<Io>(&mut self, line: &mut Line<Io>) -> Result<(), End>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        while !self.untold.is_empty() {
            line.say(Saying::UpdateJob(self.untold[0].clone())).await?;
            self.untold.remove(0);
        }
        if self.draining && self.slots.is_empty() {
            return Err(Gone.into());
        }
        self.report(line, false).await
    }

    /// Whether another job is taken, at this load.
    fn is_available(&self, load: f32) -> bool {
        !self.draining && self.slots.free() > 0 && load < self.options.full_at
    }

    /// Reports the load; out of turn only what changed.
    async fn report<Io>(&mut self, line: &mut Line<Io>, in_turn: bool) -> Result<(), End>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let load = self.options.load.now();
        let available = self.is_available(load);
        if in_turn || line.available != Some(available) {
            line.say(Saying::UpdateWorker(status(available, load, self.slots.count()))).await?;
            line.available = Some(available);
        }
        Ok(())
    }

    async fn heed<Io>(&mut self, said: Said, line: &mut Line<Io>) -> Result<(), End>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send,
    {
        match said {
            Said::Availability(offer) => {
                let answer = self.answer(offer);
                line.say(Saying::Availability(answer)).await?;
            }
            Said::Assignment(assignment) => {
                if let Some(refused) = self.take(assignment, line) {
                    line.say(Saying::UpdateJob(refused)).await?;
                }
            }
            Said::Termination(end) => {
                if self.slots.has(&end.job_id) {
                    self.tell(Event::Terminated { job: end.job_id });
                }
            }
            Said::GoAway(_) => return Err(line.broken_off("it asks its workers to register again").into()),
            // A second answer to the registration, and pongs that nobody asked for.
            Said::Register(_) | Said::Pong(_) => {}
        }
        Ok(())
    }

    /// The answer to an offer; a slot is taken as it is given.
    fn answer(&mut self, offer: proto::AvailabilityRequest) -> proto::AvailabilityResponse {
        let resuming = offer.resuming;
        let job_id = offer.job.map(|job| job.id).unwrap_or_default();
        let mut answer = proto::AvailabilityResponse { job_id, ..proto::AvailabilityResponse::default() };
        let is_free = !answer.job_id.is_empty() && self.is_available(self.options.load.now());
        let identity = if is_free { new_identity("agent").ok() } else { None };
        let promise =
            identity.and_then(|identity| self.slots.promise(&answer.job_id, identity, resuming, Instant::now()));
        if let Some(promise) = promise {
            answer.available = true;
            answer.participant_identity.clone_from(&promise.identity);
            answer.participant_name.clone_from(&self.options.name);
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    /// Hands an assigned job to the user; or says that its slot is gone.
    fn take<Io>(&mut self, assignment: proto::JobAssignment, line: &Line<Io>) -> Option<proto::UpdateJobStatus> {
        let job = assignment.job.unwrap_or_default();
        let Some(promise) = self.slots.assign(&job.id) else {
            // A job that is being done already was assigned twice; that is no reason to fail it.
            if self.slots.has(&job.id) {
                return None;
            }
            tracing::warn!("job {} came without a slot for it and is refused", job.id);
            return Some(update(job.id, proto::JobStatus::JsFailed, "no slot is kept for it".into()));
        };
        let url = assignment.url.filter(|url| !url.is_empty());
        self.tell(Event::Job(Job {
            ending: Ending::new(job.id.clone(), self.commands()),
            id: job.id,
            dispatch: job.dispatch_id,
            room: job.room.map(|room| room.name).unwrap_or_default(),
            identity: promise.identity,
            token: Secret::new(assignment.token),
            url: url.unwrap_or_else(|| line.address.ws()),
            metadata: job.metadata,
            attributes: job.attributes,
            resuming: promise.resuming,
        }));
        None
    }
}

/// A socket, and what was last heard and said on it.
struct Line<Io> {
    socket: WebSocketStream<Io>,
    address: Address,
    heard: Instant,
    /// What the server was told.
    available: Option<bool>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Line<Io> {
    async fn say(&mut self, message: Saying) -> Result<()> {
        let bytes = proto::WorkerMessage { message: Some(message) }.encode_to_vec();
        self.send(Message::binary(bytes)).await
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        match timeout(SENDING, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken_off(error)),
            Err(_) => Err(self.broken_off("it takes no more messages")),
        }
    }

    async fn ping(&mut self) -> Result<()> {
        if self.heard.elapsed() > SILENCE {
            return Err(self.broken_off("nothing was heard from it any more"));
        }
        self.send(Message::Ping(Default::default())).await
    }

    /// What a message of the socket says, if it says something to a worker.
    fn hear(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<Option<Said>> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(self.broken_off(error)),
            None => return Err(self.broken_off("it closed the connection")),
        };
        self.heard = Instant::now();
        match message {
            Message::Binary(bytes) => {
                let message = proto::ServerMessage::decode(&*bytes).map_err(|error| self.broken(error))?;
                // A message of a newer server that nobody here knows is none.
                Ok(message.message)
            }
            Message::Close(frame) => {
                let why = frame.map(|frame| frame.reason.to_string()).filter(|why| !why.is_empty());
                Err(self.broken_off(
                    why.map_or("it closed the connection".to_owned(), |why| format!("it closed the connection: {why}")),
                ))
            }
            _ => Ok(None),
        }
    }

    fn broken_off(&self, why: impl ToString) -> Error {
        Error::Unreachable { server: self.address.ws(), why: why.to_string() }
    }

    fn broken(&self, why: impl ToString) -> Error {
        Error::Protocol { server: self.address.ws(), why: why.to_string() }
    }
}
