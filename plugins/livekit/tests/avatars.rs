//! Avatars: invited, seen, sent away; and who only claims to be one.

mod common;

use common::{Stand, Wired, avatar, speech, tone, until};
use majlis_livekit::{input, output};
use majlis_plugin_api::{
    AvatarSeen, AvatarStep, Dismissed, Invite, RoomOrder, SpeechTarget, VisitId, Welcome, WelcomeKind,
};
use serde_json::json;

use AvatarStep::{Decoded, Hears, Joined, Left, PlaybackFinished, PlaybackStarted, Shown, Video};

/// A visit and its first invitation.
fn invited(stand: &mut Stand) -> (common::Guest, VisitId, Invite) {
    let (guest, visit) = stand.visit("guest");
    stand.wait(|kit| !kit.emitted(output::invite).is_empty());
    let (of, invite) = stand.invites().remove(0);
    assert_eq!(of, Some(visit));
    (guest, visit, invite)
}

#[test]
fn an_avatar_is_invited_with_the_visit_and_one_more_for_each_attempt_that_is_wanted() {
    let Some(mut stand) = Stand::new("invitations", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, first) = invited(&mut stand);
    assert_eq!((first.attempt, first.room.as_str(), first.url.as_str()), (1, "stand-1", stand.server.url().as_str()));
    assert_eq!(stand.kit.stamps(output::invite)[0], stand.kit.arrival(visit));
    assert!(!format!("{first:?}").contains(first.token.expose()), "a token is shown");
    stand.order(visit, RoomOrder { invite: 3, ..RoomOrder::default() });
    stand.order(visit, RoomOrder { invite: 2, ..RoomOrder::default() });
    stand.wait(|kit| kit.emitted(output::invite).len() >= 3);
    stand.quiet();
    let all: Vec<_> = stand.invites().into_iter().map(|(_, invite)| invite).collect();
    assert_eq!(all.iter().map(|invite| invite.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(all.iter().all(|invite| invite.agent_identity == first.agent_identity));
    assert_ne!(all[1].identity, all[2].identity);
    let listeners: Vec<_> = all.iter().map(|invite| invite.listener.as_ref().expect("each has one")).collect();
    assert!(listeners[1].identity != listeners[2].identity && listeners[1].identity != all[1].identity);
    assert!(!format!("{first:?}").contains(listeners[0].token.expose()), "a token is shown");
}

#[test]
fn nobody_is_invited_where_nobody_gives_orders() {
    let Some(mut stand) = Stand::new("no invitations", Wired::Voice, json!({})) else { return };
    let _guest = stand.visit("guest");
    stand.quiet();
    assert!(stand.invites().is_empty());
}

#[test]
fn an_avatar_is_seen_step_by_step() {
    let Some(mut stand) = Stand::new("an avatar", Wired::Avatars, json!({})) else { return };
    let (guest, _, invite) = invited(&mut stand);
    let mut avatar = stand.avatar(&invite);
    assert_eq!(
        avatar.room.participant().attributes.get("lk.publish_on_behalf").map(String::as_str),
        Some(invite.agent_identity.as_str())
    );
    let identity = invite.identity.clone();
    stand.wait(|kit| common::steps(kit, &identity) == [Joined]);
    avatar.camera(128, 128, vec![90; 128 * 128 * 4]);
    stand.wait(|kit| common::steps(kit, &identity) == [Joined, Video, Decoded]);
    assert!(stand.kit.emitted(output::frame).is_empty(), "an avatar's picture is none of a visitor's");
    assert_eq!(guest.ask(&invite.agent_identity, "majlis.shown", "").expect("it is taken"), "ok");
    stand.wait(|kit| common::steps(kit, &identity).last() == Some(&Shown));
    for (method, payload) in [
        ("lk.playback_started", ""),
        ("lk.playback_finished", r#"{"playback_position": 1.5, "interrupted": true, "synchronized_transcript": null}"#),
    ] {
        avatar.ask(&invite.agent_identity, method, payload).expect("it is taken");
    }
    stand.wait(|kit| common::steps(kit, &identity).ends_with(&[PlaybackStarted, PlaybackFinished]));
    let last: AvatarSeen = stand.kit.emitted(output::seen).pop().expect("it was told").1;
    assert_eq!((last.attempt, last.position, last.interrupted), (1, Some(1.5), true));
    avatar.leave();
    stand.wait(|kit| common::steps(kit, &identity).last() == Some(&Left));
}

#[test]
fn what_others_claim_to_have_shown_or_played_changes_nothing() {
    let Some(mut stand) = Stand::new("forged words", Wired::Avatars, json!({})) else { return };
    let (guest, _, invite) = invited(&mut stand);
    let avatar = stand.avatar(&invite);
    let token = stand.server.access("agent-2").with_kind("agent").with_grants(stand.server.grants(common::ROOM));
    let stranger = stand.guest(&token.to_jwt().expect("a token"));
    stand.wait(|kit| !common::steps(kit, &invite.identity).is_empty());
    let agent = &invite.agent_identity;
    for method in ["lk.playback_started", "lk.playback_finished"] {
        for liar in [&guest, &stranger] {
            assert!(liar.ask(agent, method, "").is_err(), "{method} of {}", liar.identity());
        }
    }
    for liar in [&stranger, &avatar] {
        assert!(liar.ask(agent, "majlis.shown", "").is_err(), "majlis.shown of {}", liar.identity());
    }
    stand.quiet();
    assert_eq!(stand.steps(&invite.identity), [Joined]);
}

#[test]
fn what_was_played_is_told_by_the_avatar_or_by_whoever_hears_for_it_and_by_nobody_else() {
    let Some(mut stand) = Stand::new("words of a listener", Wired::Avatars, json!({})) else { return };
    let (guest, visit, invite) = invited(&mut stand);
    stand.order(visit, RoomOrder { invite: 2, ..RoomOrder::default() });
    stand.wait(|kit| kit.emitted(output::invite).len() >= 2);
    let second = stand.invites().remove(1).1;
    let _avatar = stand.avatar(&invite);
    let listener = stand.listener(&invite);
    // That of an avatar that is not here, and somebody who only calls itself one.
    let (others, forged) = (stand.listener(&second), stand.server.access("listener-0").with_name("listener"));
    let forged = forged.with_kind("agent").with_attributes([("lk.publish_on_behalf", invite.identity.as_str())]);
    let forged = forged.with_grants(stand.server.grants(common::ROOM)).to_jwt().expect("a token");
    let forged = stand.guest(&forged);
    stand.wait(|kit| common::steps(kit, &invite.identity) == [Joined, Hears]);
    let agent = &invite.agent_identity;
    for (method, step) in [("lk.playback_started", PlaybackStarted), ("lk.playback_finished", PlaybackFinished)] {
        for liar in [&guest, &others, &forged] {
            assert!(liar.ask(agent, method, "{}").is_err(), "{method} of {}", liar.identity());
        }
        assert_eq!(listener.ask(agent, method, "{}").expect("it is taken"), "ok");
        stand.wait(|kit| common::steps(kit, &invite.identity).last() == Some(&step));
    }
    assert!(listener.ask(agent, "majlis.shown", "").is_err(), "it is no page");
    stand.quiet();
    assert_eq!(stand.steps(&invite.identity), [Joined, Hears, PlaybackStarted, PlaybackFinished]);
    assert!(stand.steps(&second.identity).is_empty());
}

#[test]
fn a_listener_is_no_visitor_and_leaves_with_its_avatar_each_time() {
    let Some(mut stand) = Stand::new("a listener", Wired::Avatars, json!({})) else { return };
    let (guest, visit, invite) = invited(&mut stand);
    let (avatar, listener) = (stand.avatar(&invite), stand.listener(&invite));
    // A second one, of the same vendor: it is known as well.
    stand.order(visit, RoomOrder { invite: 2, ..RoomOrder::default() });
    stand.wait(|kit| kit.emitted(output::invite).len() >= 2);
    let second = stand.listener(&stand.invites().remove(1).1);
    stand.wait(|kit| common::steps(kit, &invite.identity).ends_with(&[Hears]));
    stand.quiet();
    assert_eq!(stand.kit.opened(), [visit], "neither is a visitor");
    // Nobody's text or picture is theirs: with two pages in the room nothing would be heard.
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    stand.say(visit, 1, 16_000, &tone(16_000, 440.0, 0.2));
    until(&mut stand, "the speech", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    assert!([&listener, &second].iter().all(|one| one.see(|noticed| noticed.texts.is_empty())));
    let dismissed = vec![Dismissed { identity: invite.identity.clone(), room: None }];
    stand.order(visit, RoomOrder { invite: 2, dismissed, ..RoomOrder::default() });
    for one in [&avatar, &listener] {
        until(&mut stand, "it is out", |_| one.see(|noticed| noticed.out));
    }
    let again = stand.listener(&invite);
    until(&mut stand, "it is out again", |_| again.see(|noticed| noticed.out));
    assert!(second.see(|noticed| !noticed.out), "the other one may stay");
    assert_eq!(stand.kit.opened(), [visit]);
    assert!(guest.see(|noticed| noticed.texts.len() == 1), "its visitor is told once");
}

#[test]
fn an_avatar_whose_listener_leaves_has_left() {
    let Some(mut stand) = Stand::new("a listener that leaves", Wired::Avatars, json!({})) else { return };
    let (_guest, _, invite) = invited(&mut stand);
    let (_avatar, listener) = (stand.avatar(&invite), stand.listener(&invite));
    stand.wait(|kit| common::steps(kit, &invite.identity) == [Joined, Hears]);
    listener.leave();
    stand.wait(|kit| common::steps(kit, &invite.identity) == [Joined, Hears, Left]);
}

/// A picture that nobody looks at costs as much as one that somebody does.
#[test]
fn the_picture_of_an_avatar_is_received_until_its_first_frame_and_then_left() {
    let Some(mut stand) = Stand::watched("the first picture", Wired::Avatars, json!({})) else { return };
    let (_guest, _, invite) = invited(&mut stand);
    let mut avatar = stand.avatar(&invite);
    assert_eq!(stand.server.received_videos(), 0);
    avatar.camera(1_280, 720, vec![90; 1_280 * 720 * 4]);
    stand.wait(|kit| common::steps(kit, &invite.identity) == [Joined, Video, Decoded]);
    assert_eq!(avatar.see(|noticed| noticed.received), 1, "it was received");
    until(&mut stand, "the server sends it to nobody", |stand| stand.server.received_videos() == 0);
    stand.quiet();
    assert_eq!(stand.server.received_videos(), 0, "and to nobody a moment later");
}

/// Programs of vendors are not ours: what they may receive is decided by the server, which goes by their token.
#[test]
fn a_vendors_avatar_and_its_listener_receive_no_camera_whatever_they_ask_for() {
    let Some(mut stand) = Stand::watched("who receives cameras", Wired::Avatars, json!({})) else { return };
    let (mut visitor, visit, invite) = invited(&mut stand);
    let avatar = stand.greedy(invite.token.expose());
    let listener = stand.greedy(invite.listener.as_ref().expect("it has one").token.expose());
    visitor.camera(320, 240, vec![90; 320 * 240 * 4]);
    until(&mut stand, "the stage receives the camera", |stand| stand.server.received_videos() == 1);
    for program in [&avatar, &listener] {
        until(&mut stand, "the track is known", |_| program.see(|noticed| !noticed.tracks.is_empty()));
    }
    stand.quiet();
    assert_eq!(stand.server.received_videos(), 1, "a vendor's program receives a camera");
    // It hears what it is to say all the same.
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    stand.say(visit, 1, 16_000, &tone(16_000, 440.0, 0.2));
    until(&mut stand, "the speech", |_| avatar.see(|noticed| noticed.streams.iter().any(|stream| stream.whole)));
    // Whoever may receive does: the measure sees it.
    let _page = stand.greedy(&stand.server.token("page", common::ROOM));
    until(&mut stand, "a page receives it", |stand| stand.server.received_videos() == 2);
}

#[test]
fn whoever_is_dismissed_is_removed_and_removed_again_when_it_returns() {
    let Some(mut stand) = Stand::new("dismissing", Wired::Avatars, json!({})) else { return };
    let (guest, visit, invite) = invited(&mut stand);
    let avatar = stand.avatar(&invite);
    stand.wait(|kit| !common::steps(kit, &invite.identity).is_empty());
    let dismissed = vec![Dismissed { identity: invite.identity.clone(), room: None }];
    stand.order(visit, RoomOrder { invite: 1, dismissed, ..RoomOrder::default() });
    until(&mut stand, "the avatar is out", |_| avatar.see(|noticed| noticed.out));
    until(&mut stand, "the visitor sees it", |_| guest.see(|noticed| !noticed.present.contains(&invite.identity)));
    let again = stand.avatar(&invite);
    until(&mut stand, "it is out again", |_| again.see(|noticed| noticed.out));
    assert_eq!(stand.kit.opened(), [visit]);
}

#[test]
fn the_avatars_of_a_visit_leave_with_it() {
    let Some(mut stand) = Stand::new("the end of a visit", Wired::Avatars, json!({ "rejoin_grace": "1ms" })) else {
        return;
    };
    let (guest, visit, invite) = invited(&mut stand);
    let avatar = stand.avatar(&invite);
    stand.wait(|kit| !common::steps(kit, &invite.identity).is_empty());
    guest.leave();
    stand.wait(|kit| kit.closed(visit).is_some());
    until(&mut stand, "the avatar is out", |_| avatar.see(|noticed| noticed.out));
}

#[test]
fn an_avatar_that_waits_is_hidden_until_it_speaks_for_a_visit_and_goes_with_it() {
    let Some(mut stand) = Stand::new("an avatar that waits", Wired::Avatars, json!({ "rejoin_grace": "1ms" })) else {
        return;
    };
    let nobodys = |invite, standby| RoomOrder { invite, standby, ..RoomOrder::default() };
    stand.kit.send(input::order, None, nobodys(1, Vec::new())).expect("it is handed over");
    stand.wait(|kit| !kit.emitted(output::invite).is_empty());
    let (of, waiting) = stand.invites().remove(0);
    assert_eq!((of, waiting.attempt), (None, 1));
    let identity = waiting.identity.clone();
    stand.kit.send(input::order, None, nobodys(1, vec![identity.clone()])).expect("it is handed over");
    let mut avatar = stand.avatar(&waiting);
    avatar.camera(128, 128, vec![90; 128 * 128 * 4]);
    stand.wait(|kit| common::steps(kit, &identity) == [Joined, Video, Decoded]);
    let (guest, visit) = stand.visit("guest");
    let reads = |name: &str| {
        guest.see(|noticed| noticed.attributes.get(&waiting.agent_identity).and_then(|all| all.get(name).cloned()))
    };
    until(&mut stand, "the page is told to hide it", |_| reads("majlis.standby").as_deref() == Some(identity.as_str()));
    assert!(guest.ask(&waiting.agent_identity, "majlis.shown", "").is_err(), "it is not this visitor's");
    stand.let_speak(visit, 1, &identity, 16_000);
    // What says nothing is no attribute any more.
    until(&mut stand, "the page is told to show it", |_| reads("majlis.standby").is_none_or(|waits| waits.is_empty()));
    assert_eq!(guest.ask(&waiting.agent_identity, "majlis.shown", "").expect("it is taken"), "ok");
    stand.wait(|kit| common::steps(kit, &identity).last() == Some(&Shown));
    assert_eq!(stand.kit.emitted(output::seen).pop().expect("it was told").0, Some(visit), "it is the visit's now");
    guest.leave();
    stand.wait(|kit| kit.closed(visit).is_some());
    until(&mut stand, "the avatar is out", |_| avatar.see(|noticed| noticed.out));
}

#[test]
fn an_avatar_that_was_given_and_waits_again_is_hidden_and_stays_when_that_visitor_leaves() {
    let Some(mut stand) = Stand::new("one that waits again", Wired::Avatars, json!({ "rejoin_grace": "1ms" })) else {
        return;
    };
    let nobodys = |invite, standby| RoomOrder { invite, standby, ..RoomOrder::default() };
    stand.kit.send(input::order, None, nobodys(1, Vec::new())).expect("it is handed over");
    stand.wait(|kit| !kit.emitted(output::invite).is_empty());
    let (_, waiting) = stand.invites().remove(0);
    let (identity, avatar) = (waiting.identity.clone(), stand.avatar(&waiting));
    stand.wait(|kit| common::steps(kit, &identity) == [Joined]);
    let (guest, visit) = stand.visit("guest");
    stand.let_speak(visit, 1, &identity, 16_000);
    // Whoever reads one order before the other knows no less.
    stand.kit.send(input::order, None, nobodys(2, vec![identity.clone()])).expect("it is handed over");
    let own = RoomOrder { invite: 1, speech: Some(speech(2, SpeechTarget::OwnTrack)), ..RoomOrder::default() };
    stand.order(visit, own);
    let reads = |name: &str| {
        guest.see(|noticed| noticed.attributes.get(&waiting.agent_identity).and_then(|all| all.get(name).cloned()))
    };
    until(&mut stand, "the page is told to hide it", |_| reads("majlis.standby").as_deref() == Some(identity.as_str()));
    avatar.ask(&waiting.agent_identity, "lk.playback_started", "").expect("it is taken");
    stand.wait(|kit| common::steps(kit, &identity).last() == Some(&PlaybackStarted));
    assert_eq!(stand.kit.emitted(output::seen).pop().expect("it was told").0, None, "it is nobody's");
    guest.leave();
    stand.wait(|kit| kit.closed(visit).is_some());
    stand.quiet();
    assert!(avatar.see(|noticed| !noticed.out), "it waits for the next one");
}

#[test]
fn pages_read_how_far_the_agent_is_and_never_that_it_listens() {
    let Some(mut stand) = Stand::new("what pages read", Wired::Avatars, json!({})) else { return };
    let (guest, visit, invite) = invited(&mut stand);
    let agent = invite.agent_identity.clone();
    let reads = |name: &str| guest.see(|noticed| noticed.attributes.get(&agent).and_then(|all| all.get(name).cloned()));
    until(&mut stand, "it recognises", |_| reads("majlis.stage").as_deref() == Some("recognising"));
    assert_eq!(reads("lk.agent.state").as_deref(), Some("idle"));
    stand.say(visit, 1, 16_000, &tone(16_000, 440.0, 0.5));
    until(&mut stand, "an avatar is awaited", |_| reads("majlis.stage").as_deref() == Some("avatar-starting"));
    until(&mut stand, "it thinks", |_| reads("lk.agent.state").as_deref() == Some("thinking"));
    let standby = vec!["avatar-x".to_owned()];
    let order = RoomOrder {
        invite: 1,
        speech: Some(speech(1, avatar(&invite.identity, 16_000))),
        standby,
        ..RoomOrder::default()
    };
    stand.order(visit, order);
    let _avatar = stand.avatar(&invite);
    until(&mut stand, "it speaks", |_| reads("lk.agent.state").as_deref() == Some("speaking"));
    until(&mut stand, "it is ready", |_| reads("majlis.stage").as_deref() == Some("ready"));
    assert_eq!(reads("majlis.standby").as_deref(), Some("avatar-x"));
    until(&mut stand, "it is idle", |_| reads("lk.agent.state").as_deref() == Some("idle"));
    assert!(guest.see(|noticed| noticed.states.iter().all(|state| state != "listening")));
}

#[test]
fn the_page_of_a_visitor_who_is_received_in_silence_waits_for_nothing() {
    let Some(mut stand) = Stand::new("a silent welcome", Wired::Avatars, json!({})) else { return };
    let (guest, visit, invite) = invited(&mut stand);
    let agent = invite.agent_identity.clone();
    let reads = || guest.see(|noticed| noticed.attributes.get(&agent).and_then(|all| all.get("majlis.stage").cloned()));
    until(&mut stand, "it recognises", |_| reads().as_deref() == Some("recognising"));
    stand.kit.send(input::welcome, visit, Welcome::new(WelcomeKind::Full)).expect("it is handed over");
    stand.quiet();
    assert_eq!(reads().as_deref(), Some("recognising"), "a greeting is still to come");
    stand.kit.send(input::welcome, visit, Welcome::new(WelcomeKind::Silent)).expect("it is handed over");
    until(&mut stand, "it is ready", |_| reads().as_deref() == Some("ready"));
}
