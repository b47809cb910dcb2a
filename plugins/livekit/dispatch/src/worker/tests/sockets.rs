//! Sockets that are lost, and how a worker comes back.

use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::server_message::Message as Said;
use livekit_protocol::worker_message::Message as Saying;
use proto::JobStatus::{JsRunning, JsSuccess};
use tokio::time::{Instant, sleep};

use super::peer::{Socket, job, next, refused, registered, start, start_slowly, unreachable};
use crate::address::Address;
use crate::error::Error;
use crate::worker::{Event, Outcome};

async fn lost(socket: Socket, worker: &mut crate::worker::Worker) {
    drop(socket);
    assert!(matches!(next(worker).await, Event::Lost { .. }));
}

#[tokio::test(start_paused = true)]
async fn it_tries_sixteen_times_more_each_two_seconds_later_and_gives_up() {
    let (mut worker, mut peer) = start(1, std::iter::repeat_with(unreachable).take(17));
    let begun = Instant::now();
    let mut pauses = Vec::new();
    let mut last = begun;
    for _ in 0..17 {
        let (at, ..) = peer.dialled().await;
        pauses.push((at - last).as_secs());
        last = at;
    }
    assert_eq!(pauses, [0, 0, 2, 4, 6, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
    for _ in 0..16 {
        assert!(matches!(next(&mut worker).await, Event::Lost { .. }));
    }
    let Event::Ended(Err(why)) = next(&mut worker).await else { panic!("it gave up") };
    assert!(matches!(&why, Error::GaveUp { tries: 16, last } if last.contains("connection refused")), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_lasted_counts_the_tries_anew() {
    let (mut worker, mut peer) = start(1, std::iter::repeat_with(unreachable).take(10));
    let mut socket = peer.register().await;
    let listening = async {
        loop {
            socket.said().await;
        }
    };
    tokio::select! {
        () = listening => {}
        () = sleep(Duration::from_secs(11)) => {}
    }
    let begun = Instant::now();
    drop(socket);
    let (at, ..) = peer.dialled().await;
    assert_eq!(at - begun, Duration::ZERO, "the first try is at once");
    while !matches!(next(&mut worker).await, Event::Registered { .. }) {}
}

#[tokio::test(start_paused = true)]
async fn a_server_that_throws_a_worker_out_at_once_is_not_asked_without_a_pause() {
    let (_worker, mut peer) = start(1, []);
    let mut at = Vec::new();
    for _ in 0..5 {
        at.push(peer.register().await.at);
    }
    let pauses: Vec<_> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(pauses, [0, 2, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_said_at_once() {
    let (mut worker, mut peer) = start(1, [refused()]);
    let Event::Ended(Err(why)) = next(&mut worker).await else { panic!("it is over") };
    assert!(why.to_string().contains("API key and secret"), "{why}");
    peer.dialled().await;
    assert!(peer.is_over().await, "it is not asked again with the same key");
}

#[tokio::test(start_paused = true)]
async fn running_jobs_are_reported_again_when_the_socket_comes_back() {
    let (mut worker, mut peer, mut socket) = registered(3).await;
    let mut jobs = Vec::new();
    for id in ["a", "b"] {
        assert!(socket.takes(id).await);
        socket.assign(id).await;
        jobs.push(job(&mut worker).await);
    }
    assert!(socket.takes("promised").await);
    lost(socket, &mut worker).await;
    // One ends while no server is there to hear of it.
    jobs.remove(0).finish(Outcome::Success);
    let mut socket = peer.register().await;
    assert_eq!(socket.update().await, ("b".into(), JsRunning, String::new()));
    match socket.said_of_jobs().await {
        Saying::MigrateJob(migrate) => assert_eq!(migrate.job_ids, ["b"]),
        other => panic!("the jobs that it brings, and not {other:?}"),
    }
    assert_eq!(socket.update().await, ("a".into(), JsSuccess, String::new()));
    // What was promised to a server that is gone is promised to nobody.
    assert!(socket.takes("c").await && socket.takes("d").await && !socket.takes("e").await);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_its_workers_to_go_is_left_and_registered_with_again() {
    let (mut worker, mut peer, mut socket) = registered(1).await;
    socket.say(Said::GoAway(Default::default())).await;
    assert!(matches!(next(&mut worker).await, Event::Lost { pause: Duration::ZERO, .. }));
    peer.register().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_of_the_protocol_loses_the_socket_and_nothing_else() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;
    let (mut worker, mut peer, mut socket) = registered(1).await;
    socket.socket.send(Message::binary(vec![0xff; 32])).await.unwrap();
    let Event::Lost { why, .. } = next(&mut worker).await else { panic!("it is lost") };
    assert!(matches!(why, Error::Protocol { .. }), "{why}");
    let mut socket = peer.register().await;
    assert!(socket.takes("a").await);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_socket_comes_back_where_the_user_says() {
    let (mut worker, mut peer) = start(1, std::iter::repeat_with(unreachable).take(2));
    worker.handle().move_to(Address::parse("ws://nearer").unwrap());
    assert_eq!(peer.register().await.address.ws(), "ws://nearer");
    loop {
        match next(&mut worker).await {
            Event::Registered { address, .. } => return assert_eq!(address.ws(), "ws://nearer"),
            Event::Lost { .. } => {}
            other => panic!("a registration, and not {other:?}"),
        }
    }
}

/// What it was told on the way there makes no other server of the one that it reaches.
#[tokio::test(start_paused = true)]
async fn a_worker_that_hears_on_its_way_where_it_is_wanted_says_where_it_is_and_goes_on_from_there() {
    let slow = Duration::from_secs(2);
    let (mut worker, mut peer) = start_slowly(1, [], slow);
    sleep(slow / 2).await;
    worker.handle().move_to(Address::parse("ws://nearer").unwrap());
    for place in ["ws://peer", "ws://nearer"] {
        let socket = peer.register().await;
        assert_eq!(socket.address.ws(), place);
        assert!(matches!(next(&mut worker).await, Event::Registered { address, .. } if address.ws() == place));
    }
}

/// A server that it left is not lost: nobody has to look for another.
#[tokio::test(start_paused = true)]
async fn a_worker_that_is_registered_goes_where_the_user_says_and_its_jobs_go_on() {
    let (mut worker, mut peer, mut socket) = registered(2).await;
    assert_eq!(socket.address.ws(), "ws://peer");
    socket.report().await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    let job = job(&mut worker).await;
    assert!(socket.takes("promised").await);
    // That was the last slot.
    socket.report().await;
    worker.handle().move_to(Address::parse("ws://nearer").unwrap());
    let mut nearer = peer.register().await;
    assert!(socket.is_closed().await);
    assert_eq!(nearer.address.ws(), "ws://nearer");
    assert!(matches!(next(&mut worker).await, Event::Registered { address, .. } if address.ws() == "ws://nearer"));
    assert_eq!(nearer.update().await, ("a".into(), JsRunning, String::new()));
    assert!(matches!(nearer.said_of_jobs().await, Saying::MigrateJob(_)));
    assert!(nearer.takes("b").await, "what was promised to the other server takes no place here");
    assert!(!nearer.takes("c").await, "what it does takes one");
    drop(job);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_where_it_is_wanted_stays() {
    let (worker, _peer, mut socket) = registered(1).await;
    worker.handle().move_to(Address::parse("ws://peer").unwrap());
    sleep(Duration::from_secs(1)).await;
    assert!(socket.takes("a").await);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_dropped_or_told_to_leaves_at_once() {
    let (worker, _peer, mut socket) = registered(1).await;
    socket.report().await;
    drop(worker);
    assert!(socket.is_closed().await);
    let (mut worker, _peer, mut socket) = registered(1).await;
    socket.report().await;
    worker.handle().leave();
    assert!(socket.is_closed().await);
    assert!(matches!(next(&mut worker).await, Event::Ended(Ok(()))));
}

#[tokio::test(start_paused = true)]
async fn a_drained_worker_without_a_server_ends_with_its_last_job() {
    let (mut worker, mut peer, mut socket) = registered(1).await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    let job = job(&mut worker).await;
    worker.handle().drain();
    sleep(Duration::from_millis(1)).await;
    lost(socket, &mut worker).await;
    let _deaf = peer.accept().await;
    job.finish(Outcome::Success);
    assert!(matches!(next(&mut worker).await, Event::Ended(Ok(()))));
}
