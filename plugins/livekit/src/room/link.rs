//! The way to the room: joining, and joining again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use majlis_livekit_ffi::{ConnectOptions, Events, Joined, Room, RoomEvent, RoomInfo};
use majlis_plugin_api::{Error, Time};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::Keeper;
use super::lookout::SEEN_WITHIN;
use crate::library::told;
use crate::servers::Server;
use crate::session::Session;

/// Waits before joining is tried again: the first, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Where the connection stands.
pub(super) struct Link {
    state: State,
    wait: Duration,
}

enum State {
    Down { again: Instant },
    Joining(JoinHandle<Result<Entered, Error>>),
    Up(Events),
}

/// What comes of it.
pub(super) enum News {
    /// It is time to try.
    Retry,
    /// The room is joined, or it cannot be.
    Joined(Result<Box<Entered>, Error>),
    /// Something happened there.
    Event(Box<RoomEvent>),
    /// No event comes any more.
    Ended,
}

/// A room that was joined.
pub(super) struct Entered {
    server: Server,
    joined: Joined,
    at: Time,
    /// From the first packet to being in it.
    took: Duration,
}

/// One life of a room: whether the server is still the one that knew us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    sid: Option<String>,
    created: SystemTime,
}

impl Link {
    /// To be joined at once.
    pub(super) fn new() -> Self {
        Self { state: State::Down { again: Instant::now() }, wait: FIRST_WAIT }
    }

    /// To be tried again later, and later each time.
    pub(super) fn wait(&mut self) {
        self.state = State::Down { again: Instant::now() + self.wait };
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    /// What comes next. Dropped and asked again, nothing is lost.
    pub(super) async fn next(&mut self) -> News {
        match &mut self.state {
            State::Down { again } => {
                sleep_until(*again).await;
                News::Retry
            }
            State::Joining(task) => match task.await {
                Ok(Ok(entered)) => News::Joined(Ok(Box::new(entered))),
                Ok(Err(error)) => News::Joined(Err(error)),
                Err(error) => News::Joined(Err(error.into())),
            },
            State::Up(events) => events.next().await.map_or(News::Ended, |event| News::Event(Box::new(event))),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let State::Joining(task) = &self.state {
            task.abort();
        }
    }
}

impl Keeper {
    /// Begins to join, on the nearest server; a room that a server sent for, there.
    pub(super) fn join(&mut self) {
        let (host, ffi, servers) = (self.host.clone(), self.ffi.clone(), Arc::clone(&self.servers));
        let (entrance, fixed) = (self.post.entrance(&self.keys, &self.config.name), self.post.server().cloned());
        self.link.state = State::Joining(tokio::spawn(async move {
            let server = match fixed {
                Some(server) => server,
                None => servers.choose().await?,
            };
            let (url, token) = entrance.on(&server)?;
            let begun = Instant::now();
            let joined = Room::connect(&ffi, &url, token.expose(), &ConnectOptions::default()).await.map_err(told)?;
            Ok(Entered { server, joined, at: host.now(), took: begun.elapsed() })
        }));
    }

    /// The room is joined.
    pub(super) fn joined(&mut self, entered: Entered) {
        let Entered { server, joined, at, took } = entered;
        let Joined { room, events, mut present } = joined;
        let is_new = self.is_new_life(room.info());
        server.clock.learn_own(room.participant().joined_at, at, took);
        let session = match Session::new(&self.ffi, &self.host, self.config.fps, &self.reporting, room) {
            Ok(session) => session,
            Err(error) => {
                tracing::error!("the room `{}` is joined and cannot be used: {error}", self.post.room);
                return self.link.wait();
            }
        };
        self.session = Some(session);
        self.link.state = State::Up(events);
        self.link.wait = FIRST_WAIT;
        tracing::info!(
            "the room `{}` is joined at {} in {} ms",
            self.post.room,
            server.api.address(),
            took.as_millis()
        );
        let clock = server.clock.clone();
        self.server = Some(server);
        self.post.joined();
        self.floor.connected(true);
        // Of those who were here before, avatars that are not any more have left; visitors are waited for.
        let is_present = |identity: &str| present.iter().any(|one| one.participant.identity == identity);
        for identity in self.avatars.here().into_iter().chain(self.avatars.listening()) {
            if is_new || !is_present(&identity) {
                self.tell_left(&identity);
            }
        }
        present.sort_by_key(|one| one.participant.joined_at);
        for one in present {
            let arrived = clock.place(one.participant.joined_at).unwrap_or_else(|| self.host.now());
            self.came(&one.participant, one.publications, arrived);
            self.ready(&one.participant.identity);
        }
        self.guests.give_until(Instant::now() + SEEN_WITHIN);
        if is_new {
            self.invite_anew();
        }
        self.invite_owed();
    }

    /// What is known of the room changed: the library may have got the connection back to a server that was started anew.
    pub(super) fn lives(&mut self, room: &RoomInfo) {
        if self.is_new_life(room) {
            for (identity, _) in std::mem::take(&mut self.doubtful) {
                self.tell_left(&identity);
            }
            self.invite_anew();
        }
    }

    fn is_new_life(&mut self, room: &RoomInfo) -> bool {
        let life = Life { sid: room.sid.clone(), created: room.created_at };
        let is_new = self.life.as_ref().is_some_and(|before| !before.goes_on(&life));
        self.life = Some(life);
        is_new
    }

    /// The room is lost: nobody is seen any more, and it is joined again.
    pub(super) fn lost(&mut self, why: &str) {
        tracing::warn!("the room `{}` was lost ({why}); it is joined again", self.post.room);
        // Dropped, it is left.
        self.session = None;
        self.reconnect_until = None;
        self.doubtful.clear();
        self.guests.lost(Instant::now());
        self.post.lost();
        self.floor.connected(false);
        self.link.wait();
    }
}

impl Life {
    /// Whether both are the same life of the room.
    fn goes_on(&self, now: &Self) -> bool {
        match (&self.sid, &now.sid) {
            (Some(before), Some(now)) => before == now,
            _ => self.created == now.created,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_of_the_same_name_that_was_made_anew_is_another() {
        let life = |sid: Option<&str>, second| Life {
            sid: sid.map(str::to_owned),
            created: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
        };
        assert!(life(Some("RM_1"), 1).goes_on(&life(Some("RM_1"), 1)));
        assert!(!life(Some("RM_1"), 1).goes_on(&life(Some("RM_2"), 1)));
        assert!(life(None, 1).goes_on(&life(Some("RM_2"), 1)));
        assert!(!life(None, 1).goes_on(&life(Some("RM_2"), 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn joining_is_tried_again_later_each_time_and_not_later_than_every_five_seconds() {
        let mut link = Link::new();
        let mut waits = Vec::new();
        for _ in 0..7 {
            let begun = Instant::now();
            assert!(matches!(link.next().await, News::Retry));
            waits.push(begun.elapsed().as_millis());
            link.wait();
        }
        assert_eq!(waits, [0, 250, 500, 1_000, 2_000, 4_000, 5_000]);
    }
}
