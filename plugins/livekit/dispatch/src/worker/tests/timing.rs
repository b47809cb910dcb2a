//! What happens when: registration, reports, pings, silence.

use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::worker_message::Message as Saying;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::peer::{next, registered, start};
use crate::error::Error;
use crate::worker::Event;

#[tokio::test(start_paused = true)]
async fn a_worker_says_who_it_is_and_what_its_agents_may_do() {
    let (_worker, mut peer) = start(1, []);
    let mut socket = peer.accept().await;
    let Saying::Register(request) = socket.said().await else { panic!("a registration comes first") };
    assert_eq!(request.r#type(), proto::JobType::JtRoom);
    assert_eq!(request.agent_name, "majlis");
    let may = request.allowed_permissions.unwrap();
    assert!(may.can_publish && may.can_subscribe && may.can_publish_data && may.can_update_metadata && !may.hidden);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_not_answered_within_ten_seconds_is_tried_again() {
    let (mut worker, mut peer) = start(1, []);
    let begun = Instant::now();
    let _deaf = peer.accept().await;
    let Event::Lost { why, pause } = next(&mut worker).await else { panic!("it is lost") };
    assert!(matches!(why, Error::Silent { asked: "register", .. }), "{why}");
    assert_eq!((begun.elapsed(), pause), (Duration::from_secs(10), Duration::ZERO));
    peer.register().await;
    assert!(matches!(next(&mut worker).await, Event::Registered { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_load_is_reported_every_two_and_a_half_seconds() {
    let (_worker, peer, mut socket) = registered(3).await;
    let begun = Instant::now();
    // At once, since the server takes a new worker for idle.
    assert!((socket.report().await.load - 0.1).abs() < 1e-6);
    peer.load(40);
    let mut at = Vec::new();
    while at.len() < 4 {
        let report = socket.report().await;
        if begun.elapsed() > Duration::ZERO {
            assert!((report.load - 0.4).abs() < 1e-6, "{}", report.load);
            at.push(begun.elapsed().as_millis());
        }
    }
    assert_eq!(at, [2_500, 5_000, 7_500, 10_000]);
}

#[tokio::test(start_paused = true)]
async fn the_socket_is_pinged_every_thirty_seconds() {
    let (_worker, _peer, mut socket) = registered(1).await;
    let begun = Instant::now();
    let mut pings = Vec::new();
    while pings.len() < 3 {
        if let Some(Message::Ping(_)) = socket.frame().await {
            pings.push(begun.elapsed().as_secs());
        }
    }
    assert_eq!(pings, [30, 60, 90]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_for_a_minute_is_lost() {
    let (mut worker, mut peer, _deaf) = registered(1).await;
    let begun = Instant::now();
    let Event::Lost { why, .. } = next(&mut worker).await else { panic!("it is lost") };
    assert!(matches!(why, Error::Unreachable { .. }), "{why}");
    assert_eq!(begun.elapsed(), Duration::from_secs(60));
    peer.register().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_is_not_lost() {
    let (mut worker, _peer, mut socket) = registered(1).await;
    let hearing = async {
        loop {
            socket.frame().await.expect("the socket stays open");
        }
    };
    tokio::select! {
        () = hearing => {}
        event = worker.next() => panic!("{event:?}"),
        () = tokio::time::sleep(Duration::from_secs(3_600)) => {}
    }
}
