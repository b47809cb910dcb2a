//! What the tests share: the library, a server, participants, and waiting with an end.
#![allow(dead_code)] // each test file uses a part

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use majlis_livekit_ffi::{ConnectOptions, Events, Ffi, Joined, Library, Options, Room, RoomEvent};
use majlis_test_livekit::Server;

/// Longer than anything takes on two busy cores.
const PATIENCE: Duration = Duration::from_secs(30);

/// The instance, or nothing: then the test says what it skips.
pub(crate) fn library(skipped: &str) -> Option<Ffi> {
    let path = majlis_test_livekit::library(skipped)?;
    let library = Library::open(&path).expect("it is the pinned one");
    Some(Ffi::shared(&library, Options::default()).expect("it starts"))
}

/// A server with the library at hand.
pub(crate) struct Scene {
    pub(crate) ffi: Ffi,
    pub(crate) server: Server,
}

impl Scene {
    pub(crate) fn new(skipped: &str) -> Option<Self> {
        Some(Self { ffi: library(skipped)?, server: Server::start(skipped)? })
    }

    /// Somebody who may do everything that participants may.
    pub(crate) async fn join(&self, identity: &str) -> Joined {
        self.join_with(&self.server.token(identity, "stand-1")).await
    }

    pub(crate) async fn join_with(&self, token: &str) -> Joined {
        self.try_join(token, &ConnectOptions::default()).await.expect("the room is joined")
    }

    pub(crate) async fn try_join(&self, token: &str, options: &ConnectOptions) -> majlis_livekit_ffi::Result<Joined> {
        within("joining", Room::connect(&self.ffi, &self.server.url(), token, options)).await
    }
}

/// Waits, but not for ever.
#[track_caller]
pub(crate) fn within<T>(what: &str, future: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let waited = tokio::time::timeout(PATIENCE, future).await;
        waited.unwrap_or_else(|_| panic!("{place}: {what} took more than {PATIENCE:?}"))
    }
}

/// The first event that this makes something of; others are passed over.
pub(crate) async fn first<T>(events: &mut Events, what: &str, mut pick: impl FnMut(RoomEvent) -> Option<T>) -> T {
    within(what, async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("the room was left before {what}"));
            if let Some(found) = pick(event) {
                return found;
            }
        }
    })
    .await
}

/// Waits until somebody of this identity is there and hears us.
pub(crate) async fn active(joined: &mut Joined, identity: &str) {
    if joined.present.iter().any(|present| present.participant.identity == identity) {
        return;
    }
    first(&mut joined.events, "somebody is there", |event| match event {
        RoomEvent::ParticipantActive { identity: who } if who == identity => Some(()),
        _ => None,
    })
    .await;
}

/// Everything that happens until it has been quiet for this long.
pub(crate) async fn until_quiet(events: &mut Events, quiet: Duration) -> Vec<RoomEvent> {
    let mut seen = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(quiet, events.next()).await {
        seen.push(event);
    }
    seen
}

/// Looks once at a future and gives it up.
pub(crate) async fn begin_and_drop<T>(future: impl Future<Output = T>) {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
}
