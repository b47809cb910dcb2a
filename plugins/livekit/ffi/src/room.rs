//! A room: how it is joined and left.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::core::{Core, done};
use crate::error::{Error, Result};
use crate::event::{self, Events};
use crate::ffi::Ffi;
use crate::handle::Handle;
use crate::participant::{Participant, Permission};
use crate::proto::{
    ConnectCallback, ConnectCallbackMessage, ConnectCallbackResult, ConnectRequest, DisconnectReason,
    DisconnectRequest, FfiEventMessage as Event, FfiRequestMessage as Request, ReadyForRoomEventRequest,
    RoomInfo as Wire, RoomOptions, SimulateScenarioKind, SimulateScenarioRequest,
};
use crate::routes::RoomRoute;
use crate::track::Publication;

/// How a room is joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Receive every track of everybody; off: what is to be received is subscribed.
    pub auto_subscribe: bool,
    /// Let the library choose a picture's size by who looks at it.
    pub adaptive_stream: bool,
    /// Let the library stop sending what nobody receives.
    pub dynacast: bool,
    /// One connection for both directions, instead of two. It gathers addresses for seven tracks before it is up, so that joining
    /// takes longer, and a room more memory.
    pub single_peer_connection: bool,
    /// How often joining is tried again.
    pub join_retries: u32,
    /// After how long an attempt to join is given up.
    pub timeout: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            auto_subscribe: false,
            adaptive_stream: false,
            dynacast: false,
            single_peer_connection: false,
            join_retries: 1,
            timeout: Duration::from_secs(5),
        }
    }
}

/// What is known of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// The server's name for this life of the room; a room is given one when it is first needed.
    pub sid: Option<String>,
    /// The room's name.
    pub name: String,
    /// Free text.
    pub metadata: String,
    /// When it was made, by the server's clock.
    pub created_at: SystemTime,
    /// How many are in it; brought up to date now and then.
    pub participants: u32,
    /// Whether it is being recorded.
    pub recording: bool,
}

impl RoomInfo {
    pub(crate) fn read(info: Wire) -> Self {
        let created = Duration::from_millis(u64::try_from(info.creation_time).unwrap_or(0));
        Self {
            sid: info.sid,
            name: info.name,
            metadata: info.metadata,
            created_at: SystemTime::UNIX_EPOCH + created,
            participants: info.num_participants,
            recording: info.active_recording,
        }
    }
}

/// Somebody who was there before us, and what they publish.
#[derive(Debug)]
pub struct Present {
    /// Who.
    pub participant: Participant,
    /// Their tracks.
    pub publications: Vec<Publication>,
}

/// A room that was joined.
#[derive(Debug)]
pub struct Joined {
    /// The room, and with it ourselves.
    pub room: Room,
    /// What happens there from now on.
    pub events: Events,
    /// Who was there before.
    pub present: Vec<Present>,
}

/// A room that we are in. Dropping it leaves it.
pub struct Room {
    pub(crate) core: Arc<Core>,
    room: Option<Handle>,
    pub(crate) local: Handle,
    info: RoomInfo,
    participant: Participant,
    permission: Arc<Mutex<Option<Permission>>>,
}

/// A way in which a connection can be troubled on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The socket to the server breaks; the media go on.
    Signal,
    /// Everything has to be connected anew.
    Everything,
    /// The server sends us away.
    ServerLeaves,
}

impl Room {
    /// Joins. When this is dropped before it is done, the room is left as soon as it is joined.
    ///
    /// `url` begins with `ws://`, `wss://`, `http://` or `https://`.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the library says of the address, the token or the server; never with the token.
    pub async fn connect(ffi: &Ffi, url: &str, token: &str, options: &ConnectOptions) -> Result<Joined> {
        let options = RoomOptions {
            auto_subscribe: Some(options.auto_subscribe),
            adaptive_stream: Some(options.adaptive_stream),
            dynacast: Some(options.dynacast),
            join_retries: Some(options.join_retries),
            single_peer_connection: Some(options.single_peer_connection),
            connect_timeout_ms: Some(u64::try_from(options.timeout.as_millis()).unwrap_or(u64::MAX)),
        };
        let request = |id| {
            Request::Connect(ConnectRequest {
                url: url.to_owned(),
                token: token.to_owned(),
                options,
                request_async_id: Some(id),
            })
        };
        let _prompt = ffi.0.hurry(url);
        let answer = ffi.0.ask("connect", None, request, |core, event| match event {
            Event::Connect(ConnectCallback { message: Some(message), .. }) => Some(match message {
                ConnectCallbackMessage::Error(reason) => Err(Error::failed("connect", reason)),
                ConnectCallbackMessage::Result(joined) => Self::joined(core, joined),
            }),
            _ => None,
        });
        answer.await
    }

    /// Runs on the crate's thread, so that the room has its place before its first event can come.
    fn joined(core: &Arc<Core>, joined: ConnectCallbackResult) -> Result<Joined> {
        let (room, local) = (core.own(&joined.room.handle), core.own(&joined.local_participant.handle));
        let participant = Participant::read(joined.local_participant.info);
        let permission = Arc::new(Mutex::new(participant.permission.clone()));
        let (sender, events) = event::channel();
        let route =
            RoomRoute { events: sender, identity: participant.identity.clone(), permission: permission.clone() };
        core.routes.lock().rooms.insert(room.id(), route);
        let present = joined
            .participants
            .into_iter()
            .map(|present| {
                drop(core.own(&present.participant.handle));
                let own = |publication| Publication::read(core, publication);
                let publications = present.publications.into_iter().map(own).collect();
                Present { participant: Participant::read(present.participant.info), publications }
            })
            .collect();
        let ready = ReadyForRoomEventRequest { room_handle: room.id() };
        let info = RoomInfo::read(joined.room.info);
        let room = Self { core: core.clone(), room: Some(room), local, info, participant, permission };
        // Without it no event ever comes, nothing is sent, and leaving takes 12 s.
        core.call("ready_for_room_event", Request::ReadyForRoomEvent(ready))?;
        room.warm_up();
        Ok(Joined { room, events, present })
    }

    /// What the room was when it was joined.
    #[must_use]
    pub fn info(&self) -> &RoomInfo {
        &self.info
    }

    /// What we were when we joined.
    #[must_use]
    pub fn participant(&self) -> &Participant {
        &self.participant
    }

    /// Who we are.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.participant.identity
    }

    /// What we may do now, where the server says it.
    #[must_use]
    pub fn permission(&self) -> Option<Permission> {
        self.permission.lock().clone()
    }

    /// Leaves, and waits until the server knows.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub async fn disconnect(mut self) -> Result<()> {
        match self.leave() {
            Some(answer) => answer.await,
            None => Ok(()),
        }
    }

    /// Troubles the connection, to see what follows.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub async fn trouble(&self, trouble: Trouble) -> Result<()> {
        let Some(room) = &self.room else { return Ok(()) };
        let scenario = match trouble {
            Trouble::Signal => SimulateScenarioKind::SignalReconnect,
            Trouble::Everything => SimulateScenarioKind::FullReconnect,
            Trouble::ServerLeaves => SimulateScenarioKind::ServerLeave,
        };
        let request = |id| {
            Request::SimulateScenario(SimulateScenarioRequest {
                room_handle: room.id(),
                scenario: scenario.into(),
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("simulate_scenario", None, request, |_, event| match event {
            Event::SimulateScenario(answer) => Some(done("simulate_scenario", answer.error)),
            _ => None,
        });
        answer.await
    }

    /// Begins to leave, once. The handle is kept until the library is done with it.
    fn leave(&mut self) -> Option<crate::core::Answer<()>> {
        let room = self.room.take()?;
        let id = room.id();
        let mut routes = self.core.routes.lock();
        let events = routes.rooms.remove(&id);
        routes.close_streams(|track| track.room == id);
        drop(routes);
        let request = |number| {
            Request::Disconnect(DisconnectRequest {
                room_handle: id,
                request_async_id: Some(number),
                reason: Some(DisconnectReason::ClientInitiated.into()),
            })
        };
        let answer = self.core.ask("disconnect", Some(Box::new(room)), request, |_, event| match event {
            Event::Disconnect(_) => Some(Ok(())),
            _ => None,
        });
        drop(events);
        Some(answer)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("info", &self.info).field("participant", &self.participant).finish_non_exhaustive()
    }
}
