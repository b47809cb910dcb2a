//! Visitors in, requests out over real sockets, and who speaks.

mod common;

use std::time::Duration;

use common::*;
use majlis_plugin_api::{AvatarStep, SpeechFrom, SpeechTarget};
use majlis_test_server::{Act, Server};
use serde_json::json;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn every_vendor_that_is_shipped_is_asked_as_it_publishes_and_its_avatar_speaks() {
    let vendors = [
        ("tavus", 24_000, true),
        ("bey", 16_000, false),
        ("simli", 16_000, false),
        ("anam", 24_000, false),
        ("did", 24_000, false),
        ("lemonslice", 24_000, false),
        ("runway", 16_000, true),
        ("avatartalk", 16_000, true),
        ("trugen", 24_000, false),
    ];
    for (vendor, rate, can_stop) in vendors {
        // Dropped, it fails this test if a request did not fit.
        let server = Server::start();
        let mut kit = opened(config(&server, &[vendor]));
        let visit = visitor(&mut kit);
        kit.wait(SOON, |kit| kit.milestones().iter().any(|(_, name)| name == "avatar-accepted"))
            .expect("no call fails");
        for step in [AvatarStep::Joined, AvatarStep::Video, AvatarStep::Decoded, AvatarStep::Shown] {
            see(&mut kit, visit, 1, step);
        }
        let mut marks = vec!["asked", "accepted", "joined", "video", "avatar-decoded", "shown"];
        let hears = (vendor == "avatartalk").then(|| "ear-1".to_owned());
        if hears.is_some() {
            assert_eq!(speech(&kit, visit), None, "nobody hears what would be said to it");
            see(&mut kit, visit, 1, AvatarStep::Hears);
            marks.push("hears");
        }
        let target = SpeechTarget::Avatar {
            identity: identity(visit, 1),
            listener: hears,
            sample_rate: rate,
            country: String::new(),
        };
        assert_eq!(speech(&kit, visit), Some((target, SpeechFrom::Now, false)), "{vendor}");
        let account = kit.works().into_iter().find(|work| work.label == "avatar starts").expect("a line of the report");
        assert_eq!(account.marks, marks, "{vendor}");
        let sessions = server.sessions();
        assert_eq!((sessions.len(), sessions[0].token.as_str()), (1, "token-hunter3hunter3-1"), "{vendor}");
        kit.leave(visit).expect("it is told");
        if can_stop {
            server.wait("the end of the session", |server| server.sessions()[0].ended == 1);
        }
        nothing_secret_is_told(&kit);
        kit.close().expect("it closes");
        assert_eq!(server.sessions()[0].ended, usize::from(can_stop), "{vendor}");
    }
}

#[test]
fn whatever_a_vendor_refuses_with_the_next_is_asked_at_once() {
    let said = |status: u16, body: &str| Act::status(status).body(body);
    let troubles = [
        (said(401, r#"{"message":"Invalid access token"}"#), "has to be mended"),
        (said(400, r#"{"error":"User has reached maximum concurrent conversations"}"#), "has no free slot"),
        (said(400, r#"{"message":"The user is out of conversational credits."}"#), "has no credit left"),
        (said(400, r#"{"error":"There was an error creating the conversation"}"#), "failed"),
        (said(501, ""), "failed"),
        (Act::page(), "failed"),
        (said(200, r#"{"status":"active"}"#), "failed"),
        (Act::session().cut_after(0), "failed"),
    ];
    for (trouble, why) in troubles {
        let server = Server::start();
        server.script([trouble.clone()]);
        let mut kit = opened(config(&server, &["tavus", "bey"]));
        let visit = visitor(&mut kit);
        invite_when_wanted(&mut kit, visit, 2);
        see(&mut kit, visit, 2, AvatarStep::Shown);
        let (target, ..) = speech(&kit, visit).expect("somebody speaks");
        assert!(matches!(target, SpeechTarget::Avatar { sample_rate: 16_000, .. }), "{trouble:?}: {target:?}");
        assert!(dismissed(&kit, visit).contains(&identity(visit, 1)), "{trouble:?}");
        assert_eq!(kit.fact("reason"), Some(format!("tavus {why}")), "{trouble:?}");
        nothing_secret_is_told(&kit);
        kit.close().expect("it closes");
    }
}

#[test]
fn what_can_pass_is_asked_again_and_what_may_have_begun_a_session_is_not() {
    let server = Server::start();
    server.script([Act::status(503), Act::session()]);
    let mut kit = opened(config(&server, &["tavus"]));
    visitor(&mut kit);
    kit.wait(SOON, |kit| kit.milestones().iter().any(|(_, name)| name == "avatar-accepted")).expect("no call fails");
    assert_eq!((server.requests().len(), server.sessions().len()), (2, 1));

    let server = Server::start();
    server.script([Act::session().cut_after(0)]);
    let mut kit = opened(config(&server, &["tavus"]));
    let visit = visitor(&mut kit);
    kit.wait(SOON, |kit| speaks_itself(kit, visit)).expect("no call fails");
    let starts = server.requests().iter().filter(|request| request.path.ends_with("/v2/conversations")).count();
    assert_eq!(starts, 1);
    // It did begin one, and it is found by its tag.
    server.wait("the end of the session", |server| server.sessions()[0].ended == 1);
}

#[test]
fn a_vendor_that_hangs_is_given_its_time_and_what_it_began_is_ended_when_it_answers() {
    let server = Server::start();
    server.script([Act::session().after(Duration::from_millis(700))]);
    let mut config = config(&server, &["tavus", "bey"]);
    config["vendor_options"]["tavus"]["start_within"] = json!("10s");
    let mut kit = opened(config);
    let visit = visitor(&mut kit);
    kit.advance(Duration::from_secs(4)).expect("somebody has to speak");
    assert!(speaks_itself(&kit, visit));
    kit.advance(Duration::from_millis(5_999)).expect("nothing is due");
    assert_eq!(order(&kit, visit).invite, 1);
    kit.advance(Duration::from_millis(1)).expect("its time is over");
    assert_eq!(order(&kit, visit).invite, 2);
    assert!(dismissed(&kit, visit).contains(&identity(visit, 1)));
    invite(&mut kit, visit, 2);
    see(&mut kit, visit, 1, AvatarStep::Joined);
    see(&mut kit, visit, 1, AvatarStep::Shown);
    assert!(speaks_itself(&kit, visit), "the first comes late");
    see(&mut kit, visit, 2, AvatarStep::Shown);
    let (target, from, again) = speech(&kit, visit).expect("somebody speaks");
    assert!(matches!(target, SpeechTarget::Avatar { identity: who, .. } if who == identity(visit, 2)));
    assert_eq!((from, again), (SpeechFrom::NextUtterance, false));
    server.wait("the end of the session that came late", |server| {
        server.sessions().iter().any(|session| session.vendor == "tavus" && session.ended == 1)
    });
    kit.close().expect("it closes");
}

#[test]
fn whoever_leaves_before_the_answer_leaves_no_session_behind() {
    let server = Server::start();
    server.script([Act::session().after(Duration::from_millis(300))]);
    let mut kit = opened(config(&server, &["runway"]));
    let visit = visitor(&mut kit);
    server.wait("the request", |server| server.sessions().len() == 1);
    kit.leave(visit).expect("it is told");
    kit.close().expect("it closes");
    assert_eq!(server.sessions()[0].ended, 1);
}

#[test]
fn what_a_dying_avatar_had_begun_is_said_again_by_the_agent_and_the_next_vendor_is_asked() {
    let server = Server::start();
    let mut kit = opened(config(&server, &["tavus", "bey"]));
    let visit = visitor(&mut kit);
    see(&mut kit, visit, 1, AvatarStep::Shown);
    see(&mut kit, visit, 1, AvatarStep::PlaybackStarted);
    see(&mut kit, visit, 1, AvatarStep::Left);
    assert_eq!(speech(&kit, visit), Some((SpeechTarget::OwnTrack, SpeechFrom::Now, true)));
    assert_eq!(order(&kit, visit).invite, 2);
    // It comes back, and has no place any more.
    see(&mut kit, visit, 1, AvatarStep::Shown);
    assert!(speaks_itself(&kit, visit));
    kit.close().expect("it closes");
}

#[test]
fn an_avatar_whose_listener_does_not_come_is_seen_and_not_waited_for() {
    let server = Server::start();
    let mut kit = opened(config(&server, &["avatartalk", "bey"]));
    let visit = visitor(&mut kit);
    for step in [AvatarStep::Joined, AvatarStep::Video, AvatarStep::Decoded, AvatarStep::Shown] {
        see(&mut kit, visit, 1, step);
    }
    kit.advance(Duration::from_secs(4)).expect("somebody has to speak");
    assert!(speaks_itself(&kit, visit));
    kit.advance(Duration::from_secs(6)).expect("its time is over");
    assert_eq!(order(&kit, visit).invite, 2, "the next vendor is asked");
    let away = dismissed(&kit, visit);
    assert!(away.contains(&identity(visit, 1)) && away.contains(&"ear-1".to_owned()), "{away:?}");
    kit.close().expect("it closes");
}

#[test]
fn an_avatar_of_somebody_elses_making_has_no_say() {
    let server = Server::start();
    let mut kit = opened(config(&server, &["tavus"]));
    let visit = visitor(&mut kit);
    let other = kit.open_visit().expect("it is told");
    // Another identity under this attempt, and an attempt that nobody was invited for.
    let forged = majlis_plugin_api::AvatarSeen {
        attempt: 1,
        identity: identity(other, 1),
        step: AvatarStep::Shown,
        position: None,
        interrupted: false,
        extra: Default::default(),
    };
    kit.send(majlis_avatar_livekit::input::seen, visit, forged).expect("the call goes well");
    see(&mut kit, visit, 2, AvatarStep::Shown);
    assert_eq!(speech(&kit, visit), None);
    kit.close().expect("it closes");
}

#[test]
fn a_vendor_whose_key_is_refused_keeps_no_second_visitor_waiting() {
    let server = Server::start();
    server.usually(Act::status(401));
    let mut kit = opened(config(&server, &["anam"]));
    let first = visitor(&mut kit);
    kit.wait(SOON, |kit| speaks_itself(kit, first)).expect("no call fails");
    let second = visitor(&mut kit);
    assert!(speaks_itself(&kit, second), "at once");
    assert_eq!(server.requests().len(), 1);
    // Half a minute later one is let through.
    server.usually(Act::session());
    kit.advance(Duration::from_secs(31)).expect("the calls go well");
    let third = visitor(&mut kit);
    server.wait("the request", |server| server.sessions().len() == 1);
    see(&mut kit, third, 1, AvatarStep::Shown);
    let fourth = visitor(&mut kit);
    assert_eq!(speech(&kit, fourth), None, "it is asked again for everybody");
    kit.close().expect("it closes");
}

#[test]
fn a_time_limit_of_a_vendor_that_lists_nothing_is_waited_for_in_vain() {
    let server = Server::start();
    server.usually(Act::session().after(HOUR));
    let mut kit = opened(config(&server, &["trugen"]));
    let visit = visitor(&mut kit);
    kit.advance(Duration::from_secs(10)).expect("its time is over");
    assert!(speaks_itself(&kit, visit));
    let begun = std::time::Instant::now();
    kit.close().expect("it closes");
    assert!(begun.elapsed() < Duration::from_secs(10), "the end of the stage waited for a vendor that hangs");
}

#[test]
fn the_text_alone_is_there_where_the_operator_wants_it() {
    let server = Server::start();
    server.usually(Act::status(401));
    let mut config = config(&server, &["anam"]);
    config["without_avatar"] = json!("text");
    let mut kit = opened(config);
    let visit = visitor(&mut kit);
    kit.wait(SOON, |kit| speech(kit, visit).is_some_and(|speech| speech.0 == SpeechTarget::Text))
        .expect("no call fails");
    kit.close().expect("it closes");
}

#[test]
fn a_start_that_costs_nothing_finds_out_that_a_vendor_takes_sessions_again() {
    let server = Server::start();
    server.script([Act::status(401)]);
    let mut config = config(&server, &["tavus"]);
    config["rest"] = json!("200ms");
    let mut kit = opened(config);
    let first = visitor(&mut kit);
    kit.wait(SOON, |kit| speaks_itself(kit, first)).expect("no call fails");
    kit.advance(Duration::from_millis(200)).expect("nothing is due");
    server.wait("the free start", |server| server.sessions().iter().any(|session| session.is_test));
    let takes_again =
        |kit: &majlis_testkit::Kit<_>| kit.logs().iter().any(|log| log.message.contains("takes sessions again"));
    kit.wait(SOON, takes_again).expect("no call fails");
    visitor(&mut kit);
    server.wait("the second visitor's", |server| server.sessions().len() == 2);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| !request.body.to_string().contains("hunter3") || request.body["test_mode"].is_null())
    );
    kit.close().expect("it closes");
}

#[test]
fn a_limit_below_what_a_vendor_usually_takes_is_warned_of() {
    let server = Server::start();
    let mut config = config(&server, &["lemonslice"]);
    config["vendor_options"]["lemonslice"]["start_within"] = json!("5s");
    let kit = opened(config);
    let told = format!("{:?}", kit.logs());
    assert!(told.contains("LemonSlice usually takes 60s to start and is given 5s"), "{told}");
}

#[test]
fn an_answer_that_comes_after_speech_was_withdrawn_still_counts() {
    let server = Server::start();
    server.script([Act::status(400).after(Duration::from_millis(200))]);
    let mut kit = opened(config(&server, &["tavus", "bey"]));
    let visit = visitor(&mut kit);
    kit.flush(visit).expect("it is told");
    invite_when_wanted(&mut kit, visit, 2);
    server.wait("the next vendor's session", |server| server.sessions().len() == 1);
    kit.close().expect("it closes");
}
