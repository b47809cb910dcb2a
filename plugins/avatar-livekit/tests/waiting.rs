//! An avatar that waits for whoever comes next: begun before anybody is there, hidden, given away, renewed.

mod common;

use std::time::Duration;

use common::*;
use majlis_avatar_livekit::Avatars;
use majlis_plugin_api::{AvatarStep, Dismissed, SpeechFrom, SpeechTarget};
use majlis_test_server::{Act, Server};
use majlis_testkit::Kit;
use serde_json::{Value, json};

fn prewarmed(server: &Server, vendors: &[&str]) -> Value {
    let mut config = config(server, vendors);
    config["prewarm"] = json!(1);
    config
}

fn tavus(attempt: u64) -> (SpeechTarget, SpeechFrom, bool) {
    let target = SpeechTarget::Avatar {
        identity: nobodys(attempt),
        listener: None,
        sample_rate: 24_000,
        country: String::new(),
    };
    (target, SpeechFrom::Now, false)
}

fn is_dismissed(kit: &Kit<Avatars>, attempt: u64) -> bool {
    order(kit, None).dismissed.contains(&Dismissed { identity: nobodys(attempt), room: None })
}

#[test]
fn an_avatar_waits_hidden_and_is_the_next_visitors_from_the_first_moment() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["tavus"]));
    assert_eq!(order(&kit, None).invite, 1, "nobody has to come first");
    invite_for_nobody(&mut kit, 1);
    server.wait("the request", |server| server.sessions().len() == 1);
    assert_eq!(order(&kit, None).standby, [nobodys(1)], "it may be in the room before it is seen");
    for step in [AvatarStep::Joined, AvatarStep::Video, AvatarStep::Decoded] {
        see_nobodys(&mut kit, None, 1, step);
    }
    let visit = kit.open_visit().expect("it is told");
    assert_eq!(speech(&kit, visit), Some(tavus(1)));
    assert_eq!(kit.fact("ready").as_deref(), Some("waiting"));
    assert!(kit.milestones().contains(&(Some(visit), "avatar-ready".to_owned())));
    let next = order(&kit, None);
    assert_eq!((next.invite, next.standby.len()), (2, 0), "the next one is wanted, and this one is shown");
    // The invitation of the visit itself is not needed.
    invite(&mut kit, visit, 1);
    invite_for_nobody(&mut kit, 2);
    server.wait("the next session", |server| server.sessions().len() == 2);
    assert_eq!(server.sessions()[1].token, format!("{TOKEN}-2"));
    see_nobodys(&mut kit, Some(visit), 1, AvatarStep::PlaybackStarted);
    assert!(kit.milestones().contains(&(Some(visit), "avatar-speaks".to_owned())));
    kit.leave(visit).expect("it is told");
    server.wait("the end of the session", |server| server.sessions()[0].ended == 1);
    assert!(is_dismissed(&kit, 1));
    assert_eq!(server.sessions()[1].ended, 0, "the next one waits");
    nothing_secret_is_told(&kit);
    kit.close().expect("it closes");
    assert_eq!(server.sessions()[1].ended, 1);
}

#[test]
fn one_that_hears_through_a_listener_waits_once_that_one_is_there() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["avatartalk"]));
    let_wait(&mut kit, 1);
    let early = kit.open_visit().expect("it is told");
    assert_eq!(speech(&kit, early), None, "it could not be spoken to");
    see_nobodys(&mut kit, None, 1, AvatarStep::Hears);
    let visit = kit.open_visit().expect("it is told");
    let (target, ..) = speech(&kit, visit).expect("somebody speaks");
    assert!(
        matches!(&target, SpeechTarget::Avatar { identity: who, listener: Some(ear), .. } if *who == nobodys(1) && ear == "ear-1"),
        "{target:?}"
    );
    kit.close().expect("it closes");
}

#[test]
fn whoever_comes_before_one_waits_gets_an_avatar_as_ever() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["tavus"]));
    invite_for_nobody(&mut kit, 1);
    let first = visitor(&mut kit);
    server.wait("both requests", |server| server.sessions().len() == 2);
    see(&mut kit, first, 1, AvatarStep::Shown);
    assert!(
        matches!(speech(&kit, first), Some((SpeechTarget::Avatar { identity: who, .. }, ..)) if who == identity(first, 1))
    );
    see_nobodys(&mut kit, None, 1, AvatarStep::Joined);
    see_nobodys(&mut kit, None, 1, AvatarStep::Decoded);
    let second = kit.open_visit().expect("it is told");
    assert_eq!(speech(&kit, second), Some(tavus(1)));
    kit.close().expect("it closes");
}

#[test]
fn a_vendor_that_refuses_is_followed_by_the_next_before_anybody_comes() {
    let server = Server::start();
    server.script([Act::status(401)]);
    let mut kit = opened(prewarmed(&server, &["tavus", "bey"]));
    invite_for_nobody(&mut kit, 1);
    kit.wait(SOON, |kit| order(kit, None).invite == 2).expect("no call fails");
    assert!(is_dismissed(&kit, 1) && order(&kit, None).standby.is_empty());
    let_wait(&mut kit, 2);
    let visit = kit.open_visit().expect("it is told");
    let (target, ..) = speech(&kit, visit).expect("somebody speaks");
    assert!(matches!(target, SpeechTarget::Avatar { sample_rate: 16_000, .. }), "{target:?}");
    assert_eq!(kit.fact("vendor").as_deref(), Some("bey"));
    kit.close().expect("it closes");
}

#[test]
fn one_that_dies_while_it_waits_is_followed_by_another_after_a_pause() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["tavus"]));
    let_wait(&mut kit, 1);
    server.wait("the session", |server| server.sessions().len() == 1);
    see_nobodys(&mut kit, None, 1, AvatarStep::Left);
    server.wait("the end of the session", |server| server.sessions()[0].ended == 1);
    assert_eq!(order(&kit, None).invite, 1);
    let visit = kit.open_visit().expect("it is told");
    assert_eq!(speech(&kit, visit), None, "nobody waits");
    kit.advance(Duration::from_secs(5)).expect("the calls go well");
    assert_eq!(order(&kit, None).invite, 2);
    kit.close().expect("it closes");
}

#[test]
fn one_that_dies_as_it_is_given_away_leaves_nobody_in_silence() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["tavus", "bey"]));
    let_wait(&mut kit, 1);
    let visit = kit.open_visit().expect("it is told");
    // The room does not know yet whose it is.
    see_nobodys(&mut kit, None, 1, AvatarStep::Left);
    assert_eq!(speech(&kit, visit), Some((SpeechTarget::OwnTrack, SpeechFrom::Now, true)));
    assert_eq!(order(&kit, visit).invite, 1);
    invite(&mut kit, visit, 1);
    server.wait("the next vendor's session", |server| server.sessions().iter().any(|session| session.vendor == "bey"));
    kit.close().expect("it closes");
}

#[test]
fn one_that_waits_is_renewed_before_its_vendor_ends_it() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["runway"]));
    let_wait(&mut kit, 1);
    server.wait("the session", |server| server.sessions().len() == 1);
    // Its sessions end after 5 minutes.
    kit.advance(Duration::from_secs(149)).expect("the calls go well");
    assert_eq!(order(&kit, None).invite, 1);
    kit.advance(Duration::from_secs(1)).expect("the calls go well");
    assert_eq!(order(&kit, None).invite, 2);
    assert!(is_dismissed(&kit, 1));
    server.wait("the end of the session", |server| server.sessions()[0].ended == 1);
    let_wait(&mut kit, 2);
    let visit = kit.open_visit().expect("it is told");
    assert!(matches!(speech(&kit, visit), Some((SpeechTarget::Avatar { identity: who, .. }, ..)) if who == nobodys(2)));
    kit.close().expect("it closes");
}

#[test]
fn when_the_show_ends_nobody_waits_any_more_and_nothing_holds_it() {
    let server = Server::start();
    server.script([Act::session().after(Duration::from_millis(300))]);
    let mut kit = opened(prewarmed(&server, &["tavus"]));
    invite_for_nobody(&mut kit, 1);
    server.wait("the request", |server| server.sessions().len() == 1);
    kit.drain(Duration::from_secs(30)).expect("it is told");
    assert!(is_dismissed(&kit, 1) && order(&kit, None).standby.is_empty());
    assert!(kit.works().iter().all(|work| work.ended.is_some()), "work of no visit keeps the show from ending");
    kit.close().expect("it closes");
    assert_eq!(server.sessions()[0].ended, 1, "what was asked for is ended when it is answered");
}

#[test]
fn an_order_that_finds_no_room_is_given_again() {
    let server = Server::start();
    let mut kit = opened(prewarmed(&server, &["tavus"]));
    kit.fill(majlis_avatar_livekit::output::order);
    let_wait(&mut kit, 1);
    assert!(order(&kit, None).standby.is_empty());
    kit.free(majlis_avatar_livekit::output::order);
    kit.advance(Duration::from_secs(2)).expect("the calls go well");
    assert_eq!(order(&kit, None).standby, [nobodys(1)]);
    kit.close().expect("it closes");
}

#[test]
fn a_vendor_whose_avatar_cannot_wait_is_refused_with_the_reason() {
    let server = Server::start();
    let failure = builder().open(prewarmed(&server, &["tavus", "simli"])).err().expect("it is refused");
    assert_eq!(failure.path, "prewarm");
    assert!(failure.to_string().contains("Simli") && failure.to_string().contains("leaves"), "{failure}");
}
