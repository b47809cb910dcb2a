//! What is said: whole, to one, broken off at once, and read by its visitor alone.

mod common;

use std::time::{Duration, Instant};

use common::{Guest, Stand, Wired, pitch, samples, speech, tone, until};
use majlis_livekit::output;
use majlis_plugin_api::{Delivery, Invite, RoomOrder, Speech, SpeechFrom, SpeechTarget, VisitId};
use majlis_testkit::Ending;
use serde_json::json;

/// A visit whose avatar is in the room.
fn with_avatar(stand: &mut Stand) -> (Guest, VisitId, Guest, Invite) {
    let (guest, visit) = stand.visit("guest");
    stand.wait(|kit| !kit.emitted(output::invite).is_empty());
    let invite = stand.invites().remove(0).1;
    let avatar = stand.avatar(&invite);
    stand.wait(|kit| !common::steps(kit, &invite.identity).is_empty());
    (guest, visit, avatar, invite)
}

#[test]
fn speech_arrives_whole_at_the_avatar_faster_than_it_is_heard_and_is_played_when_the_avatar_says_so() {
    let Some(mut stand) = Stand::new("speech to an avatar", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, avatar, invite) = with_avatar(&mut stand);
    let sound = tone(24_000, 440.0, 4.0);
    stand.let_speak(visit, 1, &invite.identity, 24_000);
    let begun = Instant::now();
    stand.say(visit, 7, 24_000, &sound);
    until(&mut stand, "the stream", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    assert!(begun.elapsed() < Duration::from_secs(4), "it took as long as the sound itself");
    avatar.see(|noticed| {
        let stream = &noticed.streams[0];
        assert!(stream.whole && samples(&stream.bytes) == sound, "{} bytes", stream.bytes.len());
        assert_eq!(stream.info.topic, "lk.audio_stream");
        assert_eq!(stream.info.attributes["sample_rate"], "24000");
        assert_eq!(stream.info.attributes["num_channels"], "1");
    });
    assert!(!stand.delivered(7).contains(&Delivery::Played), "nobody has heard it yet");
    avatar.ask(&invite.agent_identity, "lk.playback_started", "").expect("it is taken");
    avatar.ask(&invite.agent_identity, "lk.playback_finished", r#"{"playback_position": 4.0}"#).expect("it is taken");
    stand.wait(|kit| common::delivered(kit, 7).contains(&Delivery::Played));
    assert!(begun.elapsed() < Duration::from_secs(5), "its word was not waited for alone");
}

#[test]
fn the_way_to_an_avatar_is_open_before_the_first_word_and_closed_where_it_is_not_wanted() {
    let Some(mut stand) = Stand::new("a stream that is open", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, avatar, invite) = with_avatar(&mut stand);
    stand.let_speak(visit, 1, &invite.identity, 24_000);
    until(&mut stand, "the stream", |_| avatar.see(|noticed| noticed.opened == 1));
    let sound = tone(24_000, 440.0, 0.2);
    stand.say(visit, 1, 24_000, &sound);
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Played));
    avatar.see(|noticed| {
        assert_eq!((noticed.opened, noticed.streams.len()), (1, 1), "what was open is what was spoken into");
        assert!(noticed.streams[0].whole && samples(&noticed.streams[0].bytes) == sound);
    });
    // The text of the next one is there, and it is withdrawn before it has a sound; then the agent speaks itself.
    stand.text(visit, 2, "welcome");
    until(&mut stand, "the next stream", |_| avatar.see(|noticed| noticed.opened == 2));
    stand
        .order(visit, RoomOrder { invite: 1, speech: Some(speech(2, SpeechTarget::OwnTrack)), ..RoomOrder::default() });
    stand.say(visit, 2, 24_000, &sound);
    stand.wait(|kit| common::delivered(kit, 2).contains(&Delivery::Played));
    until(&mut stand, "its end", |_| avatar.see(|noticed| noticed.streams.len() == 2));
    avatar.see(|noticed| {
        let unused = &noticed.streams[1];
        assert!(unused.whole && unused.bytes.is_empty(), "a vendor reads it to its end, and nothing was in it");
    });
}

/// The account of a visitor runs to what the visitor hears, so it says when that is.
#[test]
fn what_is_said_is_work_of_its_own_in_the_report_and_heard_when_the_avatar_says_so() {
    let Some(mut stand) = Stand::new("the work of speech", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, avatar, invite) = with_avatar(&mut stand);
    stand.say(visit, 7, 16_000, &tone(16_000, 440.0, 0.5));
    stand.quiet();
    assert_eq!(spoken(&stand), (vec![vec!["held".to_owned()]], 0), "nobody speaks yet");
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    until(&mut stand, "the stream", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    avatar.ask(&invite.agent_identity, "lk.playback_started", "").expect("it is taken");
    stand.wait(|kit| !kit.milestones().is_empty());
    avatar.ask(&invite.agent_identity, "lk.playback_finished", "{}").expect("it is taken");
    stand.wait(|kit| kit.works().iter().all(|work| work.label != "speech" || work.ended == Some(Ending::Finished)));
    let marks = ["held", "sent", "heard"].map(str::to_owned).to_vec();
    assert_eq!(spoken(&stand), (vec![marks.clone()], 1));
    // The agent's own track is heard when the first of it goes out.
    stand
        .order(visit, RoomOrder { invite: 1, speech: Some(speech(2, SpeechTarget::OwnTrack)), ..RoomOrder::default() });
    stand.say(visit, 8, 16_000, &tone(16_000, 440.0, 0.2));
    stand.wait(|kit| common::delivered(kit, 8).contains(&Delivery::Played));
    assert_eq!(spoken(&stand), (vec![marks.clone(), marks], 2));
}

/// The marks of each speech, and how often something was heard.
fn spoken(stand: &Stand) -> (Vec<Vec<String>>, usize) {
    let works = stand.kit.works().into_iter().filter(|work| work.label == "speech");
    let heard = stand.kit.milestones().iter().filter(|(_, name)| name == "heard").count();
    (works.map(|work| work.marks).collect(), heard)
}

#[test]
fn an_avatar_that_says_nothing_has_played_when_the_sounds_length_has_passed() {
    let Some(mut stand) = Stand::new("a silent vendor", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, avatar, invite) = with_avatar(&mut stand);
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    let begun = Instant::now();
    stand.say(visit, 1, 16_000, &tone(16_000, 440.0, 1.0));
    stand.say(visit, 2, 16_000, &tone(16_000, 440.0, 0.2));
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Played));
    assert!(begun.elapsed() > Duration::from_secs(1));
    stand.wait(|kit| common::delivered(kit, 2).contains(&Delivery::Played));
    assert_eq!(avatar.see(|noticed| noticed.streams.len()), 2, "one stream for each utterance");
}

#[test]
fn from_24_to_16_khz_pitch_and_length_are_kept() {
    let Some(mut stand) = Stand::new("another rate", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, avatar, invite) = with_avatar(&mut stand);
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    stand.say(visit, 1, 24_000, &tone(24_000, 440.0, 2.0));
    until(&mut stand, "the stream", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    avatar.see(|noticed| {
        let stream = &noticed.streams[0];
        let heard = samples(&stream.bytes);
        assert_eq!((stream.info.attributes["sample_rate"].as_str(), heard.len()), ("16000", 32_000));
        assert!((pitch(16_000, &heard) - 440.0).abs() < 2.0, "{} Hz", pitch(16_000, &heard));
    });
}

#[test]
fn speech_to_an_avatar_that_hears_through_a_listener_goes_to_that_one_and_is_cleared_there() {
    let Some(mut stand) = Stand::new("speech to a listener", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, mut avatar, invite) = with_avatar(&mut stand);
    avatar.answer("lk.clear_buffer", |_| "ok".into());
    let target = SpeechTarget::Avatar {
        identity: invite.identity.clone(),
        listener: invite.listener.as_ref().map(|listener| listener.identity.clone()),
        sample_rate: 16_000,
        country: String::new(),
    };
    stand.order(visit, RoomOrder { invite: 1, speech: Some(speech(1, target)), ..RoomOrder::default() });
    let sound = tone(16_000, 440.0, 1.0);
    stand.say(visit, 1, 16_000, &sound);
    stand.quiet();
    assert!(!stand.delivered(1).contains(&Delivery::Played), "nobody is there who hears it");
    let mut listener = stand.listener(&invite);
    listener.answer("lk.clear_buffer", |_| "ok".into());
    until(&mut stand, "the stream", |_| listener.see(|noticed| !noticed.streams.is_empty()));
    assert!(listener.see(|noticed| noticed.streams[0].whole && samples(&noticed.streams[0].bytes) == sound));
    let begun = Instant::now();
    listener.ask(&invite.agent_identity, "lk.playback_started", "").expect("it is taken");
    listener.ask(&invite.agent_identity, "lk.playback_finished", r#"{"playback_position": 1.0}"#).expect("it is taken");
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Played));
    assert!(begun.elapsed() < Duration::from_secs(1), "its word was not waited for alone");
    stand.text(visit, 2, "a long story");
    stand.sound(visit, 2, 16_000, &tone(16_000, 440.0, 3.0), false);
    stand.quiet();
    stand.kit.flush(visit).expect("it is told");
    until(&mut stand, "the listener is told to be silent", |_| listener.see(|noticed| !noticed.asked.is_empty()));
    assert!(avatar.see(|noticed| noticed.streams.is_empty() && noticed.asked.is_empty()), "it does not hear by itself");
}

#[test]
fn what_is_withdrawn_is_cleared_at_the_avatar_and_cut() {
    let Some(mut stand) = Stand::new("an interruption", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, mut avatar, invite) = with_avatar(&mut stand);
    avatar.answer("lk.clear_buffer", |_| "ok".into());
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    stand.text(visit, 1, "a long story");
    stand.sound(visit, 1, 16_000, &tone(16_000, 440.0, 3.0), false);
    stand.wait(|kit| common::delivered(kit, 1) == [Delivery::Shown]);
    stand.quiet();
    stand.kit.flush(visit).expect("it is told");
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Cut));
    assert_eq!(avatar.see(|noticed| noticed.asked.clone()), ["lk.clear_buffer"]);
    stand.say(visit, 2, 16_000, &tone(16_000, 600.0, 0.2));
    stand.wait(|kit| common::delivered(kit, 2).contains(&Delivery::Played));
}

#[test]
fn an_avatar_that_does_not_fall_silent_is_not_waited_for_long() {
    let Some(mut stand) = Stand::new("a deaf avatar", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, mut avatar, invite) = with_avatar(&mut stand);
    avatar.answer("lk.clear_buffer", |_| {
        std::thread::sleep(Duration::from_millis(1));
        "ok".into()
    });
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    // It is one that tells when it has played, and does not say it this time.
    stand.say(visit, 1, 16_000, &tone(16_000, 440.0, 0.2));
    until(&mut stand, "the stream", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    avatar.ask(&invite.agent_identity, "lk.playback_finished", "{}").expect("it is taken");
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Played));
    stand.text(visit, 2, "a long story");
    stand.sound(visit, 2, 16_000, &tone(16_000, 440.0, 3.0), false);
    stand.quiet();
    let begun = Instant::now();
    stand.kit.flush(visit).expect("it is told");
    stand.wait(|kit| common::delivered(kit, 2).contains(&Delivery::Cut));
    let took = begun.elapsed();
    assert!((Duration::from_millis(1_800)..Duration::from_secs(6)).contains(&took), "{took:?}");
}

#[test]
fn when_an_avatar_dies_the_whole_utterance_is_said_again_by_the_next_voice() {
    let Some(mut stand) = Stand::new("an avatar that dies", Wired::Avatars, json!({})) else { return };
    let (guest, visit, avatar, invite) = with_avatar(&mut stand);
    stand
        .order(visit, RoomOrder { invite: 1, speech: Some(speech(1, SpeechTarget::OwnTrack)), ..RoomOrder::default() });
    hear(&mut stand, &guest, visit);
    stand.let_speak(visit, 2, &invite.identity, 16_000);
    stand.say(visit, 1, 16_000, &tone(16_000, 440.0, 2.0));
    until(&mut stand, "the stream", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    avatar.leave();
    stand.wait(|kit| common::steps(kit, &invite.identity).last() == Some(&majlis_plugin_api::AvatarStep::Left));
    assert!(!stand.delivered(1).contains(&Delivery::Cut), "it is not known yet what becomes of it");
    let again = Speech { again: true, ..speech(3, SpeechTarget::OwnTrack) };
    stand.order(visit, RoomOrder { invite: 1, speech: Some(again), ..RoomOrder::default() });
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Played));
    let heard = guest.see(|noticed| loud(&noticed.heard));
    assert!((pitch(48_000, &heard) - 440.0).abs() < 5.0, "{} Hz", pitch(48_000, &heard));
    let seconds = heard.len() as f64 / 48_000.0;
    assert!((1.2..2.4).contains(&seconds), "{seconds} s were heard of 2");
}

#[test]
fn from_an_avatar_at_24_khz_that_dies_to_one_at_16_pitch_and_length_are_kept() {
    let Some(mut stand) = Stand::new("a failover to another rate", Wired::Avatars, json!({})) else { return };
    let (_guest, visit, avatar, invite) = with_avatar(&mut stand);
    stand.let_speak(visit, 1, &invite.identity, 24_000);
    stand.say(visit, 1, 22_050, &tone(22_050, 440.0, 2.0));
    until(&mut stand, "the stream", |_| avatar.see(|noticed| !noticed.streams.is_empty()));
    avatar.leave();
    stand.wait(|kit| common::steps(kit, &invite.identity).last() == Some(&majlis_plugin_api::AvatarStep::Left));
    stand.order(visit, RoomOrder { invite: 2, ..RoomOrder::default() });
    stand.wait(|kit| kit.emitted(output::invite).len() == 2);
    let next = stand.invites().remove(1).1;
    let other = stand.avatar(&next);
    stand.wait(|kit| !common::steps(kit, &next.identity).is_empty());
    let again = Speech { again: true, ..speech(2, common::avatar(&next.identity, 16_000)) };
    stand.order(visit, RoomOrder { invite: 2, speech: Some(again), ..RoomOrder::default() });
    until(&mut stand, "the other stream", |_| other.see(|noticed| !noticed.streams.is_empty()));
    other.see(|noticed| {
        let stream = &noticed.streams[0];
        let heard = samples(&stream.bytes);
        assert_eq!((stream.whole, stream.info.attributes["sample_rate"].as_str()), (true, "16000"));
        assert!(heard.len().abs_diff(32_000) <= 1, "{} samples of 2 s", heard.len());
        assert!((pitch(16_000, &heard) - 440.0).abs() < 2.0, "{} Hz", pitch(16_000, &heard));
    });
}

/// Lets the agent speak until the visitor hears it, and forgets that: on a busy machine a first track takes a while.
fn hear(stand: &mut Stand, guest: &Guest, visit: VisitId) {
    for number in 100..110 {
        stand.say(visit, number, 16_000, &tone(16_000, 1_000.0, 0.3));
        stand.wait(|kit| common::delivered(kit, number).contains(&Delivery::Played));
        if guest.see(|noticed| !loud(&noticed.heard).is_empty()) {
            stand.quiet();
            guest.change(|noticed| noticed.heard.clear());
            return;
        }
    }
    panic!("the agent's own track is not heard");
}

/// What of a sound is no silence.
fn loud(heard: &[i16]) -> Vec<i16> {
    let frames = heard.chunks(480).filter(|frame| frame.iter().any(|sample| sample.unsigned_abs() > 1_000));
    frames.flatten().copied().collect()
}

#[test]
fn without_avatars_the_agent_speaks_with_its_own_track_and_can_be_interrupted() {
    let Some(mut stand) = Stand::new("the agent's own voice", Wired::Voice, json!({})) else { return };
    let (guest, visit) = stand.visit("guest");
    hear(&mut stand, &guest, visit);
    let begun = Instant::now();
    stand.say(visit, 1, 22_050, &tone(22_050, 440.0, 1.5));
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Played));
    assert!(begun.elapsed() > Duration::from_millis(1_500), "it is not heard faster than it is said");
    let heard = guest.see(|noticed| loud(&noticed.heard));
    assert!((pitch(48_000, &heard) - 440.0).abs() < 5.0, "{} Hz", pitch(48_000, &heard));
    assert!((45_000..90_000).contains(&heard.len()), "{} samples of 72,000", heard.len());

    stand.say(visit, 2, 16_000, &tone(16_000, 440.0, 10.0));
    stand.quiet();
    stand.kit.flush(visit).expect("it is told");
    stand.wait(|kit| common::delivered(kit, 2).contains(&Delivery::Cut));
    stand.quiet();
    let before = guest.see(|noticed| loud(&noticed.heard).len());
    stand.quiet();
    assert_eq!(guest.see(|noticed| loud(&noticed.heard).len()), before, "it goes on");
}

#[test]
fn a_text_goes_to_its_visitor_alone_and_with_two_pages_nothing_is_heard() {
    let Some(mut stand) = Stand::new("texts", Wired::Voice, json!({})) else { return };
    let (first, one) = stand.visit("first");
    let (second, two) = stand.visit("second");
    stand.text(one, 1, "أهلًا يا سارة");
    stand.say(two, 2, 16_000, &tone(16_000, 440.0, 0.5));
    stand.wait(|kit| [1, 2].iter().all(|number| common::delivered(kit, *number) == [Delivery::Shown]));
    until(&mut stand, "the texts", |_| {
        [&first, &second].iter().all(|guest| guest.see(|noticed| noticed.texts.len() == 1))
    });
    stand.quiet();
    let texts =
        |guest: &Guest| guest.see(|noticed| noticed.texts.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>());
    assert_eq!((texts(&first), texts(&second)), (vec!["أهلًا يا سارة".into()], vec!["welcome".into()]));
    first.see(|noticed| {
        let info = &noticed.texts[0].0;
        assert_eq!(
            (info.topic.as_str(), info.attributes["lk.transcription_final"].as_str()),
            ("lk.transcription", "true")
        );
        assert_eq!(info.attributes["lk.segment_id"], "1");
    });
    assert!([&first, &second].iter().all(|guest| guest.see(|noticed| loud(&noticed.heard).is_empty())));
    assert_eq!(stand.delivered(2), [Delivery::Shown], "it was read and not heard");
}

#[test]
fn a_text_waits_for_a_visitor_who_is_away() {
    let Some(mut stand) = Stand::new("a text for later", Wired::Voice, json!({})) else { return };
    let (guest, visit) = stand.visit("guest");
    let token = stand.server.access("observer").with_kind("agent").with_grants(stand.server.grants(common::ROOM));
    let observer = stand.guest(&token.to_jwt().expect("a token"));
    guest.leave();
    until(&mut stand, "it is away", |_| observer.see(|noticed| !noticed.present.iter().any(|one| one == "guest")));
    stand.quiet();
    stand.text(visit, 1, "welcome");
    stand.quiet();
    assert!(stand.delivered(1).is_empty());
    let guest = stand.visitor("guest");
    stand.wait(|kit| common::delivered(kit, 1) == [Delivery::Shown]);
    until(&mut stand, "the text", |_| guest.see(|noticed| noticed.texts.len() == 1));
}

#[test]
fn a_name_is_not_sent_to_an_avatar_in_a_country_that_was_not_agreed_to() {
    let Some(mut stand) = Stand::new("consent", Wired::Avatars, json!({})) else { return };
    let (guest, visit, avatar, invite) = with_avatar(&mut stand);
    let target = SpeechTarget::Avatar {
        identity: invite.identity.clone(),
        listener: None,
        sample_rate: 16_000,
        country: "US".into(),
    };
    let speech = Speech { turn: 1, target, from: SpeechFrom::Now, again: false };
    stand.order(visit, RoomOrder { invite: 1, speech: Some(speech), ..RoomOrder::default() });
    let named = majlis_plugin_api::Utterance {
        number: 1,
        speak: "welcome, Sara".into(),
        speak_nameless: "welcome".into(),
        names_sent_to: vec!["SA".into()],
        ..majlis_plugin_api::Utterance::plain("welcome, Sara", "en")
    };
    stand.kit.send(majlis_livekit::input::utterance, visit, named).expect("it is handed over");
    stand.sound(visit, 1, 16_000, &tone(16_000, 440.0, 0.5), true);
    stand.say(visit, 2, 16_000, &tone(16_000, 600.0, 0.5));
    // A stream that was open for whatever would be said ends without a word.
    let heard_of = |avatar: &Guest| {
        avatar.see(|noticed| noticed.streams.iter().flat_map(|stream| samples(&stream.bytes)).collect::<Vec<_>>())
    };
    until(&mut stand, "the second", |_| !heard_of(&avatar).is_empty());
    let heard = heard_of(&avatar);
    assert!((pitch(16_000, &heard) - 600.0).abs() < 5.0, "the avatar heard the name");
    assert!(stand.delivered(1).contains(&Delivery::Played), "the agent said it itself");
    assert!(guest.see(|noticed| !loud(&noticed.heard).is_empty()));
}
