//! Offers, slots, jobs and their ends.

use std::time::Duration;

use livekit_protocol as proto;
use livekit_protocol::server_message::Message as Said;
use proto::JobStatus::{JsFailed, JsRunning, JsSuccess};
use proto::WorkerStatus::{WsAvailable, WsFull};
use tokio::time::sleep;

use super::peer::{job, next, registered};
use crate::worker::{Event, Outcome};

#[tokio::test(start_paused = true)]
async fn of_two_jobs_at_once_one_slot_takes_one() {
    let (worker, _peer, mut socket) = registered(1).await;
    socket.offer("a").await;
    socket.offer("b").await;
    let (first, second) = (socket.answer().await, socket.answer().await);
    assert!(first.available && first.job_id == "a");
    assert!(!second.available && second.job_id == "b");
    assert_eq!(worker.handle().refused(), 1, "and the other is counted");
}

#[tokio::test(start_paused = true)]
async fn every_job_is_joined_under_an_identity_of_its_own() {
    let (mut worker, _peer, mut socket) = registered(2).await;
    socket.offer("a").await;
    let first = socket.answer().await;
    socket.offer("b").await;
    let second = socket.answer().await;
    assert_ne!(first.participant_identity, second.participant_identity);
    assert!(first.participant_identity.len() > 32, "{}", first.participant_identity);
    assert_eq!(first.participant_name, "Majlis");
    socket.assign("b").await;
    let job = job(&mut worker).await;
    assert_eq!((job.id.as_str(), job.identity), ("b", second.participant_identity));
}

#[tokio::test(start_paused = true)]
async fn an_assigned_job_comes_with_its_room_its_token_and_where_to_join() {
    let (mut worker, _peer, mut socket) = registered(1).await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    let job = job(&mut worker).await;
    assert_eq!((job.room.as_str(), job.url.as_str(), job.token.expose()), ("room-a", "ws://peer", "hunter2"));
    assert!(!format!("{job:?} {:?}", job.token).contains("hunter2"));
    job.running();
    assert_eq!(socket.update().await, ("a".into(), JsRunning, String::new()));
    job.finish(Outcome::Success);
    assert_eq!(socket.update().await, ("a".into(), JsSuccess, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_not_assigned_is_free_again_after_eight_seconds() {
    let (mut worker, _peer, mut socket) = registered(1).await;
    assert!(socket.takes("a").await);
    sleep(Duration::from_millis(7_900)).await;
    assert!(!socket.takes("b").await, "the server may still assign the first");
    sleep(Duration::from_millis(200)).await;
    assert!(socket.takes("c").await);
    // The one that comes too late does not take the slot of another.
    socket.assign("a").await;
    let (job_id, status, why) = socket.update().await;
    assert_eq!((job_id.as_str(), status), ("a", JsFailed));
    assert!(why.contains("no slot"), "{why}");
    socket.assign("c").await;
    assert_eq!(job(&mut worker).await.id, "c");
}

#[tokio::test(start_paused = true)]
async fn the_last_slot_makes_the_worker_full_at_once_and_a_finished_job_available() {
    let (mut worker, _peer, mut socket) = registered(1).await;
    assert_eq!(socket.report().await.status(), WsAvailable);
    sleep(Duration::from_millis(100)).await;
    let begun = tokio::time::Instant::now();
    assert!(socket.takes("a").await);
    let report = socket.report().await;
    assert_eq!((report.status(), begun.elapsed()), (WsFull, Duration::ZERO));
    socket.assign("a").await;
    job(&mut worker).await.finish(Outcome::Success);
    let report = socket.report().await;
    assert_eq!((report.status(), report.job_count, begun.elapsed()), (WsAvailable, 0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_dropped_has_failed_and_its_slot_is_free() {
    let (mut worker, _peer, mut socket) = registered(1).await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    drop(job(&mut worker).await);
    let (job_id, status, why) = socket.update().await;
    assert_eq!((job_id.as_str(), status), ("a", JsFailed));
    assert!(why.contains("dropped"), "{why}");
    assert!(socket.takes("b").await);
}

#[tokio::test(start_paused = true)]
async fn a_busy_machine_takes_nothing_whatever_slots_are_free() {
    let (_worker, peer, mut socket) = registered(8).await;
    peer.load(70);
    assert!(!socket.takes("a").await);
    let report = socket.report().await;
    assert_eq!(report.status(), WsFull);
    assert!((report.load - 0.7).abs() < 1e-6, "memory counts: {}", report.load);
    peer.load(69);
    assert!(socket.takes("b").await);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_the_server_ends_is_the_users_to_finish() {
    let (mut worker, _peer, mut socket) = registered(1).await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    let job = job(&mut worker).await;
    for id in ["nobody's", "a"] {
        socket.say(Said::Termination(proto::JobTermination { job_id: id.into() })).await;
    }
    assert!(matches!(next(&mut worker).await, Event::Terminated { job } if job == "a"));
    assert!(!socket.takes("b").await, "its slot is taken until it is finished");
    job.finish(Outcome::Success);
    assert_eq!(socket.update().await, ("a".into(), JsSuccess, String::new()));
    assert!(socket.takes("c").await);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_assigned_twice_runs_once() {
    let (mut worker, _peer, mut socket) = registered(2).await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    socket.assign("a").await;
    let job = job(&mut worker).await;
    assert!(!socket.takes("a").await, "it is not offered anew while it runs");
    job.finish(Outcome::Failed("no camera".into()));
    assert_eq!(socket.update().await, ("a".into(), JsFailed, "no camera".into()));
}

#[tokio::test(start_paused = true)]
async fn a_drained_worker_takes_nothing_finishes_and_leaves() {
    let (mut worker, mut peer, mut socket) = registered(2).await;
    assert!(socket.takes("a").await);
    socket.assign("a").await;
    let job = job(&mut worker).await;
    worker.handle().drain();
    loop {
        if socket.report().await.status() == WsFull {
            break;
        }
    }
    assert!(!socket.takes("b").await);
    job.finish(Outcome::Success);
    assert_eq!(socket.update().await, ("a".into(), JsSuccess, String::new()));
    assert!(socket.is_closed().await);
    assert!(matches!(next(&mut worker).await, Event::Ended(Ok(()))));
    assert!(worker.next().await.is_none());
    assert!(peer.is_over().await, "it does not come back");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_promised_before_a_drain_is_still_done() {
    let (mut worker, _peer, mut socket) = registered(2).await;
    assert!(socket.takes("a").await);
    worker.handle().drain();
    sleep(Duration::from_secs(1)).await;
    socket.assign("a").await;
    job(&mut worker).await.finish(Outcome::Success);
    assert_eq!(socket.update().await, ("a".into(), JsSuccess, String::new()));
    assert!(matches!(next(&mut worker).await, Event::Ended(Ok(()))));
}
