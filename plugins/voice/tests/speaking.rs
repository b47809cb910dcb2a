//! What goes out of an utterance, in which order, and when no more.

mod mouth;

use std::sync::atomic::Ordering;

use majlis_plugin_api::{Utterance, UtteranceKind};
use majlis_testkit::{Ending, Kit};
use majlis_voice::{Ahead, PHONEMES, Settings};
use mouth::{AHEAD, AUDIO, PATIENCE, RATE, SPOKEN, UNSAID, UTTERANCE, alone, ended, heard, numbered, opened, sound};
use serde_json::json;

#[test]
fn an_utterance_is_packets_of_20_ms_and_the_last_one_says_so() {
    let (mut kit, _) = alone();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(7, "abcde")).expect("it begins");
    assert_eq!(ended(&mut kit), [Ending::Finished]);
    assert_eq!(heard(&kit, visit, 7), sound("abcde"));
    let packets = kit.emitted(AUDIO);
    let shape: Vec<_> = packets.iter().map(|(_, packet)| (packet.samples().len() / 2, packet.piece().last)).collect();
    assert_eq!(shape, [(320, false), (320, false), (160, true)]);
    assert!(packets.iter().all(|(_, packet)| (packet.rate(), packet.channels()) == (RATE, 1)));
}

#[test]
fn an_utterance_without_a_number_is_heard_as_well() {
    let (mut kit, _) = alone();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, Utterance::plain("ab", "en")).expect("it begins");
    ended(&mut kit);
    assert_eq!(heard(&kit, visit, 0), sound("ab"));
}

#[test]
fn a_sound_goes_out_while_it_is_made() {
    let (mut kit, doings) = alone();
    let gate = doings.gate();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "abc|d")).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.emitted(AUDIO).len() == 1).expect("what is there of it comes");
    gate.send(()).expect("it waits");
    ended(&mut kit);
    assert_eq!(heard(&kit, visit, 1), sound("abcd"));
}

#[test]
fn whoever_makes_a_sound_never_waits_for_whoever_plays_it() {
    let (mut kit, doings) = alone();
    let gate = doings.gate();
    kit.fill(AUDIO);
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "abcdefgh|")).expect("it begins");
    // It came to the gate, behind all of its letters, though there is room for none of them.
    gate.send(()).expect("it waits");
    kit.wait(PATIENCE, |kit| kit.works()[0].marks.contains(&"made".into())).expect("it is made");
    assert_eq!(kit.emitted(AUDIO).len(), 0);
    kit.free(AUDIO);
    ended(&mut kit);
    assert_eq!(heard(&kit, visit, 1), sound("abcdefgh"));
}

#[test]
fn the_utterances_of_a_visit_do_not_overlap_and_those_of_two_visits_do() {
    let (mut kit, doings) = alone();
    let gate = doings.gate();
    let (first, second) = (kit.open_visit().expect("no answer"), kit.open_visit().expect("no answer"));
    kit.send(UTTERANCE, first, numbered(1, "abc|d")).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.emitted(AUDIO).len() == 1).expect("it is heard");
    kit.send(UTTERANCE, first, numbered(2, "xyz")).expect("it begins");
    kit.send(UTTERANCE, second, numbered(3, "mno")).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.works()[2].ended.is_some()).expect("the other visit waits for nobody");
    kit.wait(PATIENCE, |_| doings.said().len() == 3).expect("the remark is made while the greeting is heard");
    assert!(kit.emitted(AUDIO).iter().all(|(_, packet)| packet.piece().utterance != 2));
    gate.send(()).expect("it waits");
    ended(&mut kit);
    let order: Vec<u64> = kit.emitted(AUDIO).iter().map(|(_, packet)| packet.piece().utterance).collect();
    assert!(order.iter().rposition(|number| *number == 1) < order.iter().position(|number| *number == 2), "{order:?}");
    assert_eq!((heard(&kit, first, 1), heard(&kit, first, 2)), (sound("abcd"), sound("xyz")));
    assert_eq!(heard(&kit, second, 3), sound("mno"));
}

#[test]
fn a_flush_ends_what_is_under_way_and_a_new_utterance_begins() {
    let (mut kit, doings) = alone();
    let (gate, later) = (doings.gate(), doings.gate());
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "ab|cdef")).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.emitted(AUDIO).len() == 1).expect("it is heard");
    kit.send(UTTERANCE, visit, numbered(2, "|never")).expect("it waits");
    kit.flush(visit).expect("no answer");
    // Before anybody opens a gate: whoever makes the sound was told, and whoever plays it.
    assert_eq!(doings.stopped.load(Ordering::SeqCst), doings.said().len());
    assert_eq!((heard(&kit, visit, 1), heard(&kit, visit, 2)), (sound("ab"), sound("")));
    kit.send(UTTERANCE, visit, numbered(3, "new")).expect("it begins");
    gate.send(()).expect("it waits");
    drop(later);
    kit.wait(PATIENCE, |kit| kit.works()[2].ended.is_some()).expect("it is heard");
    assert_eq!(heard(&kit, visit, 3), sound("new"));
    assert_eq!((heard(&kit, visit, 1), heard(&kit, visit, 2)), (sound("ab"), sound("")), "nothing came after it");
}

#[test]
fn nothing_is_made_for_a_visitor_who_left() {
    let (mut kit, doings) = alone();
    let gate = doings.gate();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "ab|cdef")).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.emitted(AUDIO).len() == 1).expect("it is heard");
    kit.leave(visit).expect("no answer");
    assert_eq!(doings.stopped.load(Ordering::SeqCst), 1);
    gate.send(()).expect("it waits");
    ended(&mut kit);
    assert_eq!(kit.emitted(AUDIO).len(), 1);
}

#[test]
fn an_instance_that_is_dropped_makes_nothing_more() {
    let (mut kit, doings) = alone();
    let gate = doings.gate();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "ab|cdef")).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.emitted(AUDIO).len() == 1).expect("it is heard");
    kit.close().expect("closed");
    drop(kit);
    assert_eq!(doings.stopped.load(Ordering::SeqCst), 1);
    drop(gate);
}

#[test]
fn what_a_voice_has_nothing_for_goes_to_the_next_voice_as_it_came() {
    let (mut kit, doings) = opened(Settings::default(), Kit::builder().wire_out(UNSAID, "next.utterance"));
    let visit = kit.open_visit().expect("no answer");
    let foreign = Utterance { language: "xx".into(), ..numbered(4, "abc") };
    kit.send(UTTERANCE, visit, foreign.clone()).expect("it is passed on");
    assert_eq!(kit.emitted(UNSAID), [(Some(visit), foreign)]);
    assert!(doings.said().is_empty() && kit.emitted(AUDIO).is_empty());
}

#[test]
fn without_a_next_voice_the_operator_reads_what_to_do_and_the_player_that_no_sound_comes() {
    let (mut kit, _) = alone();
    let visit = kit.open_visit().expect("no answer");
    let foreign = Utterance { language: "xx".into(), ..numbered(4, "abc") };
    let failure = kit.send(UTTERANCE, visit, foreign).expect_err("nobody can say it");
    assert!(failure.message.contains("`xx`") && failure.message.contains("`unsaid`"), "{failure}");
    assert_eq!(heard(&kit, visit, 4), sound(""));
}

#[test]
fn a_voice_that_fails_before_its_first_packet_is_followed_by_the_next() {
    let (mut kit, _) = opened(Settings::default(), Kit::builder().wire_out(UNSAID, "next.utterance"));
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(4, "a!")).expect("it begins");
    let endings = ended(&mut kit);
    let [Ending::Failed(why)] = &endings[..] else { panic!("the report shows who did not say it: {endings:?}") };
    assert!(why.contains("the mouth is dry"), "{why}");
    assert_eq!(kit.emitted(UNSAID), [(Some(visit), numbered(4, "a!"))]);
    assert!(kit.emitted(AUDIO).is_empty());
}

#[test]
fn a_voice_that_fails_later_breaks_off_and_says_so() {
    let (mut kit, _) = opened(Settings::default(), Kit::builder().wire_out(UNSAID, "next.utterance"));
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(4, "abc!")).expect("it begins");
    assert_eq!(ended(&mut kit), [Ending::Failed("the mouth is dry".into())]);
    assert_eq!(heard(&kit, visit, 4), sound("ab"), "a greeting that begins twice is worse than one that ends early");
    assert!(kit.emitted(UNSAID).is_empty());
}

#[test]
fn a_text_for_the_eye_alone_is_over_at_once() {
    let (mut kit, doings) = alone();
    let visit = kit.open_visit().expect("no answer");
    let silent = Utterance { display: "👋".into(), ..numbered(4, " ") };
    kit.send(UTTERANCE, visit, silent).expect("it is no error");
    assert_eq!(heard(&kit, visit, 4), sound(""));
    assert!(doings.said().is_empty());
}

#[test]
fn a_flood_of_utterances_is_refused() {
    let (mut kit, doings) = alone();
    let gates: Vec<_> = (0..8).map(|_| doings.gate()).collect();
    let visit = kit.open_visit().expect("no answer");
    for number in 1..=8 {
        kit.send(UTTERANCE, visit, numbered(number, "|a")).expect("it begins");
    }
    let failure = kit.send(UTTERANCE, visit, numbered(9, "b")).expect_err("it is one too many");
    assert!(failure.message.contains("8 utterances"), "{failure}");
    assert_eq!(heard(&kit, visit, 9), sound(""));
    for gate in gates {
        // Those that have not come to it yet find it open.
        let _ = gate.send(());
    }
    ended(&mut kit);
    assert_eq!(heard(&kit, visit, 8), sound("a"));
}

#[test]
fn a_voice_that_leaves_the_house_says_no_name_without_consent() {
    let settings = Settings { country: Some("US".into()), ..Settings::default() };
    let (mut kit, doings) = opened(settings, Kit::builder());
    let visit = kit.open_visit().expect("no answer");
    let named = Utterance {
        speak_nameless: "welcome".into(),
        kind: UtteranceKind::Named,
        subjects: vec!["p1".into()],
        ..numbered(1, "welcome sara")
    };
    kit.send(UTTERANCE, visit, named.clone()).expect("it begins");
    ended(&mut kit);
    let agreed = Utterance { number: 2, names_sent_to: vec!["us".into()], ..named };
    kit.send(UTTERANCE, visit, agreed).expect("it begins");
    ended(&mut kit);
    assert_eq!(doings.said(), ["welcome", "welcome sara"]);
}

#[test]
fn what_is_said_to_everybody_is_made_before_anybody_comes() {
    let ahead = vec![Ahead { text: " abc ".into(), language: None }];
    let (mut kit, doings) =
        opened(Settings { say_ahead: ahead, ..Settings::default() }, Kit::builder().wire_out(SPOKEN, "face.phonemes"));
    kit.wait(PATIENCE, |kit| kit.adopted() == (0, 1)).expect("it is made");
    assert_eq!(doings.said(), ["abc"]);
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "abc")).expect("it begins");
    ended(&mut kit);
    assert_eq!(doings.said(), ["abc"], "it is not made again");
    assert_eq!(heard(&kit, visit, 1), sound("abc"));
    assert_eq!(kit.fact("sound").as_deref(), Some("in memory"));
    let spoken = kit.emitted(SPOKEN).remove(0).1;
    assert_eq!((spoken.kind.as_str(), &spoken.value["utterance"]), (PHONEMES, &1.into()), "{}", spoken.value);
    assert_eq!(spoken.value["phonemes"][0]["end_ms"], 10.0);
}

/// What the greeting says to one who is named: it begins as others do.
fn to_sara(number: u64) -> Utterance {
    Utterance {
        speak_nameless: "ab.".into(),
        opening: "ab,".into(),
        kind: UtteranceKind::Named,
        subjects: vec!["sara".into()],
        ..numbered(number, "ab, sa|ra")
    }
}

#[test]
fn a_greeting_by_name_begins_with_what_was_made_before_and_its_rest_follows() {
    let (mut kit, doings) = opened(Settings::default(), Kit::builder().wire_out(SPOKEN, "face.phonemes"));
    for text in ["ab,", "ab,", "ab.", ""] {
        kit.send(AHEAD, None, Utterance::plain(text, "en")).expect("it is made");
    }
    kit.send(AHEAD, None, Utterance::plain("abc", "xx")).expect("nobody misses what it does not speak");
    kit.wait(PATIENCE, |_| doings.said().len() == 2).expect("each is made once");
    let gate = doings.gate();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, to_sara(1)).expect("it begins");
    assert_eq!(kit.fact("sound").as_deref(), Some("its opening in memory"));
    assert!(!kit.emitted(AUDIO).is_empty(), "it is heard within the call");
    gate.send(()).expect("it waits");
    ended(&mut kit);
    assert_eq!(doings.said(), ["ab,", "ab.", "sa|ra"], "nothing is made twice");
    assert_eq!(heard(&kit, visit, 1), sound("ab,sara"));
    let spoken = kit.emitted(SPOKEN).remove(0).1.value;
    let times: Vec<_> =
        (0..2).map(|at| (&spoken["phonemes"][at]["start_ms"], &spoken["phonemes"][at]["word"])).collect();
    assert_eq!(times, [(&json!(0.0), &json!(0)), (&json!(30.0), &json!(1))], "the rest comes after the opening");
}

#[test]
fn what_another_voice_would_have_to_say_anew_does_not_begin_before_it_is_there() {
    let (mut kit, doings) = opened(Settings::default(), Kit::builder().wire_out(UNSAID, "next.utterance"));
    let gate = doings.gate();
    kit.send(AHEAD, None, Utterance::plain("|ab,", "en")).expect("it is made");
    gate.send(()).expect("it waits");
    kit.wait(PATIENCE, |kit| kit.adopted() == (0, 1)).expect("it is made");
    drop(doings.gate());
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, Utterance { speak: "|ab, sara".into(), opening: "|ab,".into(), ..to_sara(1) })
        .expect("it begins");
    ended(&mut kit);
    assert_eq!((kit.emitted(AUDIO).len(), kit.emitted(UNSAID).len()), (0, 1));
}

#[test]
fn half_a_sample_at_the_end_is_no_sample() {
    let (mut kit, _) = alone();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "abc'")).expect("it begins");
    ended(&mut kit);
    assert_eq!(heard(&kit, visit, 1), sound("abc"));
}

#[test]
fn a_sound_of_whole_packets_ends_with_an_empty_one() {
    let (mut kit, _) = alone();
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, numbered(1, "abcd")).expect("it begins");
    ended(&mut kit);
    let last = kit.emitted(AUDIO).pop().expect("a packet").1;
    assert_eq!(
        (last.samples().len(), last.piece().last),
        (0, true),
        "a packet does not wait to know whether it is the last"
    );
    assert_eq!(heard(&kit, visit, 1), sound("abcd"));
}
