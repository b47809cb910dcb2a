//! Who is received in silence costs nothing: nobody is asked, and whoever came for it is ended.

mod common;

use std::time::Duration;

use common::*;
use majlis_avatar_livekit::input;
use majlis_plugin_api::{AvatarStep, SpeechFrom, SpeechTarget, Utterance, WelcomeKind};
use majlis_test_server::{Act, Server};
use majlis_testkit::Kit;
use serde_json::json;

fn say(kit: &mut Kit<majlis_avatar_livekit::Avatars>, visit: majlis_plugin_api::VisitId) {
    let utterance = Utterance::plain("one thing more", "en");
    kit.send(input::utterance, visit, utterance).expect("the call goes well");
}

#[test]
fn whoever_is_received_in_silence_before_a_vendor_was_asked_costs_nothing_until_something_is_said() {
    let server = Server::start();
    let mut kit = opened(config(&server, &["tavus"]));
    let visit = kit.open_visit().expect("it is told");
    welcome(&mut kit, visit, WelcomeKind::Silent);
    assert!(speaks_itself(&kit, visit), "what is said all the same is not held");
    assert_eq!(kit.fact("welcome").as_deref(), Some("silent"));
    invite(&mut kit, visit, 1);
    kit.advance(Duration::from_secs(60)).expect("the calls go well");
    assert!(server.requests().is_empty());
    say(&mut kit, visit);
    invite_when_wanted(&mut kit, visit, 2);
    server.wait("the request", |server| server.sessions().len() == 1);
    see(&mut kit, visit, 2, AvatarStep::Shown);
    let (target, from, again) = speech(&kit, visit).expect("somebody speaks");
    assert!(matches!(target, SpeechTarget::Avatar { identity: who, .. } if who == identity(visit, 2)));
    assert_eq!((from, again), (SpeechFrom::NextUtterance, false));
    kit.close().expect("it closes");
}

#[test]
fn a_session_that_was_asked_for_already_is_ended_and_its_avatar_sent_away() {
    let server = Server::start();
    server.script([Act::session().after(Duration::from_millis(300))]);
    let mut kit = opened(config(&server, &["tavus", "bey"]));
    let visit = visitor(&mut kit);
    server.wait("the request", |server| server.sessions().len() == 1);
    welcome(&mut kit, visit, WelcomeKind::Silent);
    assert!(speaks_itself(&kit, visit) && dismissed(&kit, visit).contains(&identity(visit, 1)));
    server.wait("the end of the session", |server| server.sessions().first().is_some_and(|session| session.ended == 1));
    kit.advance(Duration::from_secs(60)).expect("the calls go well");
    assert_eq!((order(&kit, visit).invite, server.sessions().len()), (1, 1), "the next vendor is not asked either");
    kit.close().expect("it closes");
}

#[test]
fn whoever_is_greeted_in_any_words_gets_an_avatar_as_ever() {
    for kind in [WelcomeKind::Full, WelcomeKind::Short, WelcomeKind::Other] {
        let server = Server::start();
        let mut kit = opened(config(&server, &["tavus"]));
        let visit = visitor(&mut kit);
        welcome(&mut kit, visit, kind);
        say(&mut kit, visit);
        see(&mut kit, visit, 1, AvatarStep::Shown);
        assert!(matches!(speech(&kit, visit), Some((SpeechTarget::Avatar { .. }, ..))), "{kind:?}");
        // It was spoken to: silence that is told later is somebody else's.
        welcome(&mut kit, visit, WelcomeKind::Silent);
        assert!(matches!(speech(&kit, visit), Some((SpeechTarget::Avatar { .. }, ..))), "{kind:?}");
        assert_eq!(order(&kit, visit).invite, 1);
        kit.close().expect("it closes");
    }
}

#[test]
fn an_avatar_that_waited_goes_on_waiting_where_nothing_is_said_and_is_the_next_visitors() {
    let server = Server::start();
    let mut config = config(&server, &["tavus"]);
    config["prewarm"] = json!(1);
    let mut kit = opened(config);
    let_wait(&mut kit, 1);
    server.wait("the session", |server| server.sessions().len() == 1);
    let silent = kit.open_visit().expect("it is told");
    assert!(matches!(speech(&kit, silent), Some((SpeechTarget::Avatar { .. }, ..))));
    invite_for_nobody(&mut kit, 2);
    server.wait("the next session", |server| server.sessions().len() == 2);
    welcome(&mut kit, silent, WelcomeKind::Silent);
    assert!(speaks_itself(&kit, silent));
    assert_eq!(order(&kit, None).standby, [nobodys(1)], "pages hide it again");
    server.wait("the end of the next session", |server| {
        server.sessions().get(1).is_some_and(|session| session.ended == 1)
    });
    // What the room saw of it before it knew.
    see_nobodys(&mut kit, Some(silent), 1, AvatarStep::PlaybackFinished);
    let next = kit.open_visit().expect("it is told");
    assert!(matches!(speech(&kit, next), Some((SpeechTarget::Avatar { identity: who, .. }, ..)) if who == nobodys(1)));
    kit.leave(silent).expect("it is told");
    assert_eq!(server.sessions()[0].ended, 0, "it is another's");
    assert!(!order(&kit, None).dismissed.iter().any(|dismissed| dismissed.identity == nobodys(1)));
    kit.leave(next).expect("it is told");
    server.wait("its end", |server| server.sessions().first().is_some_and(|session| session.ended == 1));
    kit.close().expect("it closes");
}

#[test]
fn one_that_dies_while_the_room_takes_it_for_a_visitors_is_followed_by_another() {
    let server = Server::start();
    let mut config = config(&server, &["tavus"]);
    config["prewarm"] = json!(1);
    let mut kit = opened(config);
    let_wait(&mut kit, 1);
    let silent = kit.open_visit().expect("it is told");
    welcome(&mut kit, silent, WelcomeKind::Silent);
    see_nobodys(&mut kit, Some(silent), 1, AvatarStep::Left);
    assert!(order(&kit, None).standby.is_empty());
    server.wait("its end", |server| server.sessions().first().is_some_and(|session| session.ended == 1));
    kit.close().expect("it closes");
}
