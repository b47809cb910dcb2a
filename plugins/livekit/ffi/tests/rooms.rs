//! Rooms: joining, who is there, attributes, leaving, on the official server.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

mod common;

use std::time::{Duration, Instant};

use common::{Scene, active, first, until_quiet, within};
use majlis_livekit_ffi::{ConnectOptions, DataOptions, DisconnectReason, Error, ParticipantKind, RoomEvent, Trouble};
use majlis_test_livekit::VideoGrants;

#[tokio::test]
async fn whoever_joins_is_told_who_is_there_and_those_are_told_of_who_joins_and_leaves() {
    let Some(scene) = Scene::new("who is in a room") else { return };
    let mut host = scene.join("host").await;
    assert!(host.present.is_empty());
    let token = scene.server.access("guest").with_name("Guest").with_metadata("of honour");
    let token = token.with_attributes([("colour", "red")]).with_grants(scene.server.grants("stand-1"));
    let guest = scene.join_with(&token.to_jwt().unwrap()).await;
    assert_eq!(guest.present.len(), 1);
    assert_eq!(guest.present[0].participant.identity, "host");
    assert_eq!(guest.room.info().name, "stand-1");
    assert_eq!(guest.room.identity(), "guest");

    let seen = first(&mut host.events, "the guest", |event| match event {
        RoomEvent::ParticipantConnected(participant) => Some(participant),
        _ => None,
    })
    .await;
    assert_eq!((seen.identity.as_str(), seen.name.as_str(), seen.metadata.as_str()), ("guest", "Guest", "of honour"));
    assert_eq!(seen.attributes.get("colour").map(String::as_str), Some("red"));
    assert_eq!(seen.kind, ParticipantKind::Standard);
    assert!(!seen.is_hidden());
    let ago = seen.joined_at.elapsed().expect("the server has the clock of this machine");
    assert!(ago < Duration::from_secs(60), "joined {ago:?} ago");

    within("leaving", guest.room.disconnect()).await.unwrap();
    let reason = first(&mut host.events, "the guest leaves", |event| match event {
        RoomEvent::ParticipantDisconnected { identity, reason } if identity == "guest" => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, DisconnectReason::ClientInitiated);
}

/// Without the word that we are ready, leaving takes 12 s and no event ever comes.
#[tokio::test]
async fn a_room_is_left_at_once_and_its_events_end() {
    let Some(scene) = Scene::new("leaving a room") else { return };
    let mut host = scene.join("host").await;
    let started = Instant::now();
    within("leaving", host.room.disconnect()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "leaving took {:?}", started.elapsed());
    within("the end of events", async { while host.events.next().await.is_some() {} }).await;
}

#[tokio::test]
async fn a_dropped_room_is_left_too() {
    let Some(scene) = Scene::new("dropping a room") else { return };
    let mut host = scene.join("host").await;
    let guest = scene.join("guest").await;
    active(&mut host, "guest").await;
    drop(guest);
    first(&mut host.events, "the guest leaves", |event| {
        matches!(event, RoomEvent::ParticipantDisconnected { .. }).then_some(())
    })
    .await;
}

#[tokio::test]
async fn joining_that_is_given_up_leaves_nobody_behind() {
    let Some(scene) = Scene::new("giving up joining") else { return };
    let token = scene.server.token("guest", "stand-1");
    let (url, options) = (scene.server.url(), ConnectOptions::default());
    let joining = majlis_livekit_ffi::Room::connect(&scene.ffi, &url, &token, &options);
    assert!(tokio::time::timeout(Duration::from_millis(1), joining).await.is_err(), "nobody joins in 1 ms");
    // The server saw it come and go; it may never have been so far that others were told.
    within("the guest comes and goes", async {
        while !scene.server.log().lines().any(|line| line.contains("guest") && line.contains("participant closing")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_room_is_joined_with_one_connection_and_with_two() {
    let Some(scene) = Scene::new("one connection or two") else { return };
    for single_peer_connection in [true, false] {
        let options = ConnectOptions { single_peer_connection, ..ConnectOptions::default() };
        let joined = scene.try_join(&scene.server.token("host", "stand-1"), &options).await.unwrap();
        within("leaving", joined.room.disconnect()).await.unwrap();
    }
}

/// Where it waits, each small message of joining may take 40 ms.
#[tokio::test]
#[allow(unsafe_code, reason = "the socket is the library's own")]
async fn what_is_said_to_the_server_goes_out_at_once() {
    use std::os::fd::BorrowedFd;
    let Some(scene) = Scene::new("the socket to the server") else { return };
    let address: std::net::SocketAddr = scene.server.url().trim_start_matches("ws://").parse().unwrap();
    let joined = scene.join("host").await;
    let mut prompt = Vec::new();
    for file in std::fs::read_dir("/proc/self/fd").unwrap() {
        let Ok(number) = file.unwrap().file_name().to_str().unwrap().parse() else { continue };
        // SAFETY: two questions about a socket; where the number is no socket, or no file any more, they are refused.
        let socket = unsafe { BorrowedFd::borrow_raw(number) };
        if rustix::net::getpeername(socket).ok().flatten().and_then(|peer| peer.try_into().ok()) == Some(address) {
            prompt.push(rustix::net::sockopt::tcp_nodelay(socket).unwrap());
        }
    }
    assert_eq!(prompt, [true]);
    within("leaving", joined.room.disconnect()).await.unwrap();
}

#[tokio::test]
async fn kinds_and_hidden_participants_are_told_apart() {
    let Some(scene) = Scene::new("kinds of participants") else { return };
    let mut host = scene.join("host").await;
    let agent = scene.server.access("agent").with_kind("agent").with_grants(scene.server.grants("stand-1"));
    let agent = scene.join_with(&agent.to_jwt().unwrap()).await;
    assert_eq!(agent.room.participant().kind, ParticipantKind::Agent);
    let kind = first(&mut host.events, "the agent", |event| match event {
        RoomEvent::ParticipantConnected(participant) => Some(participant.kind),
        _ => None,
    })
    .await;
    assert_eq!(kind, ParticipantKind::Agent);

    let hidden = VideoGrants { hidden: true, ..scene.server.grants("stand-1") };
    let hidden = scene.server.access("recorder").with_kind("egress").with_grants(hidden);
    let hidden = scene.join_with(&hidden.to_jwt().unwrap()).await;
    assert!(hidden.room.participant().is_hidden());
    assert_eq!(hidden.room.participant().kind, ParticipantKind::Egress);
    // It can be heard, and it has not been shown.
    within("a packet", hidden.room.publish_data(vec![1], &reliable())).await.unwrap();
    first(&mut host.events, "a packet", |event| match event {
        RoomEvent::Data(_) => Some(()),
        RoomEvent::ParticipantConnected(participant) => panic!("{participant:?} is shown"),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn attributes_metadata_and_a_name_are_seen_by_others() {
    let Some(scene) = Scene::new("attributes") else { return };
    let host = scene.join("host").await;
    let mut guest = scene.join("guest").await;
    within("attributes", host.room.set_attributes([("lk.agent.state", "thinking"), ("a", "1")])).await.unwrap();
    let (attributes, changed) = first(&mut guest.events, "attributes", |event| match event {
        RoomEvent::AttributesChanged { identity, attributes, changed } if identity == "host" => {
            Some((attributes, changed))
        }
        _ => None,
    })
    .await;
    assert_eq!(attributes.get("lk.agent.state").map(String::as_str), Some("thinking"));
    assert_eq!(changed.len(), 2);
    within("attributes", host.room.set_attributes([("a", "")])).await.unwrap();
    let attributes = first(&mut guest.events, "attributes", |event| match event {
        RoomEvent::AttributesChanged { attributes, .. } => Some(attributes),
        _ => None,
    })
    .await;
    assert_eq!(attributes.len(), 1, "an empty value removes: {attributes:?}");
    within("metadata", host.room.set_metadata("m")).await.unwrap();
    within("a name", host.room.set_name("Host")).await.unwrap();
    first(&mut guest.events, "metadata", |event| {
        matches!(event, RoomEvent::MetadataChanged { metadata, .. } if metadata == "m").then_some(())
    })
    .await;
    first(&mut guest.events, "a name", |event| {
        matches!(event, RoomEvent::NameChanged { name, .. } if name == "Host").then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_the_grant_attributes_are_refused_by_name_instead_of_in_silence() {
    let Some(scene) = Scene::new("attributes without a grant") else { return };
    let grants = VideoGrants { can_update_own_metadata: None, ..scene.server.grants("stand-1") };
    let token = scene.server.access("host").with_grants(grants).to_jwt().unwrap();
    let host = scene.join_with(&token).await;
    let mut guest = scene.join("guest").await;
    let refused = within("attributes", host.room.set_attributes([("a", "1")])).await.unwrap_err();
    assert!(matches!(refused, Error::NotGranted { grant: "can_update_own_metadata", .. }), "{refused}");
    assert!(refused.remedy().is_some());
    let seen = until_quiet(&mut guest.events, Duration::from_millis(300)).await;
    assert!(!seen.iter().any(|event| matches!(event, RoomEvent::AttributesChanged { .. })), "{seen:?}");
}

#[tokio::test]
async fn a_refused_token_is_an_error_that_does_not_repeat_it() {
    let Some(scene) = Scene::new("refused tokens") else { return };
    let stranger =
        majlis_test_livekit::AccessToken::with_api_key(scene.server.key(), "another secret, not the server's own");
    let token = stranger.with_identity("guest").with_grants(scene.server.grants("stand-1")).to_jwt().unwrap();
    let error = scene.try_join(&token, &ConnectOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "livekit.failed");
    let signature = token.rsplit('.').next().unwrap();
    assert!(!format!("{error} {error:?}").contains(signature), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_within_the_time_allowed() {
    let Some(mut scene) = Scene::new("a server that is not there") else { return };
    let token = scene.server.token("guest", "stand-1");
    scene.server.kill();
    let options = ConnectOptions { join_retries: 0, timeout: Duration::from_secs(2), ..ConnectOptions::default() };
    let started = Instant::now();
    let error = scene.try_join(&token, &options).await.unwrap_err();
    assert_eq!(error.code(), "livekit.failed");
    assert!(started.elapsed() < Duration::from_secs(15), "{error} after {:?}", started.elapsed());
}

#[tokio::test]
async fn the_same_identity_again_sends_the_first_one_away_and_says_so() {
    let Some(scene) = Scene::new("an identity twice") else { return };
    let mut first_one = scene.join("guest").await;
    let _second = scene.join("guest").await;
    let reason = first(&mut first_one.events, "being sent away", |event| match event {
        RoomEvent::Disconnected { reason } => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, DisconnectReason::DuplicateIdentity);
}

#[tokio::test]
async fn whoever_is_sent_away_or_whose_room_is_deleted_is_told_which() {
    let Some(scene) = Scene::new("being sent away") else { return };
    let mut host = scene.join("host").await;
    let mut guest = scene.join("guest").await;
    active(&mut host, "guest").await;
    let out = |event| match event {
        RoomEvent::Disconnected { reason } => Some(reason),
        _ => None,
    };
    let removed = r#"{"room":"stand-1","identity":"guest"}"#;
    scene.server.api("RoomService/RemoveParticipant", "stand-1", removed);
    assert_eq!(first(&mut guest.events, "being sent away", out).await, DisconnectReason::ParticipantRemoved);
    scene.server.api("RoomService/DeleteRoom", "stand-1", r#"{"room":"stand-1"}"#);
    assert_eq!(first(&mut host.events, "the room's end", out).await, DisconnectReason::RoomDeleted);
}

#[tokio::test]
async fn a_grant_that_is_taken_away_is_told_of_and_kept_to() {
    let Some(scene) = Scene::new("changes of grants") else { return };
    let mut host = scene.join("host").await;
    let mut guest = scene.join("guest").await;
    active(&mut host, "guest").await;
    within("attributes", guest.room.set_attributes([("a", "1")])).await.unwrap();
    let change = r#"{"room":"stand-1","identity":"guest","permission":
        {"can_subscribe":true,"can_publish":true,"can_publish_data":true,"can_update_metadata":false}}"#;
    scene.server.api("RoomService/UpdateParticipant", "stand-1", change);
    for events in [&mut guest.events, &mut host.events] {
        let permission = first(events, "another permission", |event| match event {
            RoomEvent::PermissionChanged { identity, permission } if identity == "guest" => permission,
            _ => None,
        })
        .await;
        assert!(permission.can_subscribe && !permission.can_update_metadata, "{permission:?}");
    }
    let refused = within("attributes", guest.room.set_attributes([("a", "2")])).await.unwrap_err();
    assert!(matches!(refused, Error::NotGranted { .. }), "{refused}");
}

#[tokio::test]
async fn what_is_written_on_the_room_is_told() {
    let Some(scene) = Scene::new("a room's metadata") else { return };
    let mut host = scene.join("host").await;
    let change = r#"{"room":"stand-1","metadata":"open"}"#;
    scene.server.api("RoomService/UpdateRoomMetadata", "stand-1", change);
    first(&mut host.events, "the room's metadata", |event| {
        matches!(event, RoomEvent::RoomMetadataChanged { metadata } if metadata == "open").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_comes_back_and_says_both() {
    let Some(scene) = Scene::new("reconnecting") else { return };
    let mut host = scene.join("host").await;
    for trouble in [Trouble::Signal, Trouble::Everything] {
        within("trouble", host.room.trouble(trouble)).await.unwrap();
        first(&mut host.events, "reconnecting", |event| matches!(event, RoomEvent::Reconnecting).then_some(())).await;
        first(&mut host.events, "reconnected", |event| matches!(event, RoomEvent::Reconnected).then_some(())).await;
    }
    within("attributes", host.room.set_attributes([("still", "here")])).await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_is_told_of_as_reconnecting() {
    let Some(mut scene) = Scene::new("a server that dies") else { return };
    let mut host = scene.join("host").await;
    scene.server.kill();
    first(&mut host.events, "reconnecting", |event| matches!(event, RoomEvent::Reconnecting).then_some(())).await;
    let started = Instant::now();
    within("leaving", host.room.disconnect()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "leaving took {:?}", started.elapsed());
}

fn reliable() -> DataOptions {
    DataOptions { reliable: true, ..DataOptions::default() }
}
