use super::*;

const RATE: u32 = 16_000;

fn visit(number: u64) -> Option<VisitId> {
    VisitId::from_number(number)
}

fn key(visit_number: u64, utterance: u64) -> Key {
    Key { visit: visit(visit_number), edge: 0, utterance }
}

fn sound(value: i16, last: bool) -> Sound {
    Sound { rate: RATE, samples: vec![value; 320].into(), last }
}

fn end() -> Sound {
    Sound { rate: RATE, samples: Arc::new([]), last: true }
}

fn avatar(identity: &str, country: &str) -> SpeechTarget {
    SpeechTarget::Avatar { identity: identity.into(), listener: None, sample_rate: 24_000, country: country.into() }
}

fn speech(turn: u64, target: SpeechTarget, from: SpeechFrom, again: bool) -> Speech {
    Speech { turn, target, from, again }
}

fn now(turn: u64, target: SpeechTarget) -> Speech {
    speech(turn, target, SpeechFrom::Now, false)
}

/// A floor where avatars speak, with one page and two avatars in the room.
fn floor() -> Floor {
    let mut floor = Floor::new(true, false);
    floor.connected(true);
    floor.pages(1);
    floor.joined("a");
    floor.joined("b");
    for number in 1..10 {
        // Known for whom it names; nobody makes ready for it.
        let nobody_named = Utterance { number, speak: String::new(), ..Utterance::plain("welcome", "en") };
        floor.known(visit(1), &nobody_named);
        floor.known(visit(2), &nobody_named);
    }
    floor
}

/// Whoever begins to speak in this, and with which number.
fn begun(todo: &[Do]) -> Vec<(u64, String)> {
    let begun = todo.iter().filter_map(|todo| match todo {
        Do::Begin { saying, speaker: Speaker::Avatar { identity, .. }, .. } => Some((*saying, identity.clone())),
        Do::Begin { saying, speaker: Speaker::OwnTrack, .. } => Some((*saying, "own".into())),
        _ => None,
    });
    begun.collect()
}

/// The first sample of each piece that is said.
fn fed(todo: &[Do]) -> Vec<i16> {
    todo.iter().filter_map(|todo| if let Do::Feed { samples, .. } = todo { Some(samples[0]) } else { None }).collect()
}

fn told(todo: &[Do]) -> Vec<(u64, Delivery)> {
    let told = todo.iter().filter_map(|todo| match todo {
        Do::Over { key, delivery: Some(delivery) } => Some((key.utterance, *delivery)),
        _ => None,
    });
    told.collect()
}

/// An utterance of the first visit that is only read.
fn not_heard(utterance: u64) -> Do {
    Do::Over { key: key(1, utterance), delivery: None }
}

#[test]
fn what_is_to_be_said_is_held_until_somebody_is_said_to_speak_and_then_said_whole() {
    let mut floor = floor();
    floor.heard(key(1, 1), sound(1, false));
    floor.heard(key(1, 1), sound(2, false));
    assert!(floor.take().is_empty());
    assert_eq!(floor.doing(), Doing::Thinking);
    floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
    let todo = floor.take();
    assert_eq!((begun(&todo), fed(&todo)), (vec![(1, "a".into())], vec![1, 2]));
    assert_eq!(floor.doing(), Doing::Speaking);
    floor.heard(key(1, 1), sound(3, true));
    assert_eq!(floor.take(), [Do::Feed { saying: 1, samples: vec![3; 320].into() }, Do::End { saying: 1 }]);
    floor.said(1, true);
    assert_eq!(told(&floor.take()), [(1, Delivery::Played)]);
    assert_eq!(floor.doing(), Doing::Idle);
}

#[test]
fn without_anybody_who_gives_orders_the_agent_speaks_itself() {
    let mut floor = Floor::new(false, false);
    floor.pages(1);
    floor.heard(key(1, 1), sound(1, true));
    assert!(floor.take().is_empty(), "the room is not joined yet");
    floor.connected(true);
    assert_eq!(begun(&floor.take()), [(1, "own".into())]);
}

#[test]
fn there_are_never_two_voices_and_the_order_of_coming_is_kept() {
    let mut floor = Floor::new(true, true);
    floor.connected(true);
    floor.pages(2);
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::OwnTrack)));
    floor.ordered(visit(2), Some(&now(1, SpeechTarget::OwnTrack)));
    for (of, utterance) in [(1, 1), (2, 2), (1, 3)] {
        floor.heard(key(of, utterance), sound(utterance as i16, true));
    }
    for saying in 1..=3 {
        let todo = floor.take();
        assert_eq!((begun(&todo).len(), fed(&todo)), (1, vec![saying as i16]));
        assert!(begun(&floor.take()).is_empty());
        floor.said(saying, true);
    }
}

#[test]
fn a_visit_without_a_speaker_keeps_no_other_waiting() {
    let mut floor = Floor::new(true, true);
    floor.connected(true);
    floor.ordered(visit(2), Some(&now(1, SpeechTarget::OwnTrack)));
    floor.heard(key(1, 1), sound(1, true));
    floor.heard(key(2, 2), sound(2, true));
    assert_eq!(fed(&floor.take()), [2]);
}

#[test]
fn a_change_of_the_speaker_flushes_the_one_before_and_says_it_again_only_where_that_is_wanted() {
    for again in [true, false] {
        let mut floor = floor();
        floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
        floor.heard(key(1, 1), sound(1, false));
        floor.take();
        floor.ordered(visit(1), Some(&speech(2, SpeechTarget::OwnTrack, SpeechFrom::Now, again)));
        assert_eq!(floor.take(), [Do::Break { saying: 1 }], "nobody speaks before the other is silent");
        floor.heard(key(1, 1), sound(2, true));
        assert!(floor.take().is_empty());
        floor.silent(1);
        let todo = floor.take();
        if again {
            assert_eq!((begun(&todo), fed(&todo)), (vec![(2, "own".into())], vec![1, 2]), "from its beginning");
            assert!(told(&todo).is_empty());
        } else {
            assert_eq!((begun(&todo), told(&todo)), (vec![], vec![(1, Delivery::Cut)]));
        }
    }
}

#[test]
fn an_order_that_repeats_itself_or_is_overtaken_changes_nothing() {
    let mut floor = floor();
    let order = speech(2, avatar("a", ""), SpeechFrom::Now, true);
    floor.ordered(visit(1), Some(&order));
    floor.heard(key(1, 1), sound(1, false));
    floor.take();
    floor.ordered(visit(1), Some(&order));
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::OwnTrack)));
    assert!(floor.take().is_empty());
    floor.ordered(visit(1), Some(&now(3, avatar("a", ""))));
    assert!(floor.take().is_empty(), "the same one goes on");
}

#[test]
fn from_the_next_utterance_on_the_one_under_way_ends_where_it_began() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::OwnTrack)));
    floor.heard(key(1, 1), sound(1, false));
    floor.take();
    floor.ordered(visit(1), Some(&speech(2, avatar("a", ""), SpeechFrom::NextUtterance, false)));
    floor.heard(key(1, 1), sound(2, true));
    floor.heard(key(1, 2), sound(9, true));
    assert_eq!(fed(&floor.take()), [2]);
    floor.said(1, true);
    let todo = floor.take();
    assert_eq!((begun(&todo), fed(&todo)), (vec![(2, "a".into())], vec![9]));
}

#[test]
fn what_an_avatar_was_saying_when_it_left_is_said_again_by_the_next_or_was_cut() {
    for again in [true, false] {
        let mut floor = floor();
        floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
        floor.heard(key(1, 1), sound(1, false));
        floor.heard(key(1, 2), sound(7, true));
        floor.take();
        floor.left("a");
        assert_eq!(floor.take(), [Do::Forget { saying: 1 }], "nothing goes to whoever is not there");
        floor.heard(key(1, 1), sound(2, true));
        floor.ordered(visit(1), Some(&speech(2, avatar("b", ""), SpeechFrom::Now, again)));
        let todo = floor.take();
        if again {
            assert_eq!((begun(&todo), fed(&todo)), (vec![(2, "b".into())], vec![1, 2]));
        } else {
            assert_eq!((told(&todo), fed(&todo)), (vec![(1, Delivery::Cut)], vec![7]));
        }
    }
}

#[test]
fn an_avatar_that_comes_back_without_an_order_repeats_nothing() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
    floor.heard(key(1, 1), sound(1, true));
    floor.heard(key(1, 2), sound(7, true));
    floor.take();
    floor.left("a");
    assert_eq!(floor.take(), [Do::Forget { saying: 1 }]);
    floor.joined("a");
    let todo = floor.take();
    assert_eq!((told(&todo), fed(&todo)), (vec![(1, Delivery::Cut)], vec![7]));
}

#[test]
fn an_avatar_that_is_not_there_is_waited_for() {
    let mut floor = floor();
    floor.left("a");
    floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
    floor.heard(key(1, 1), sound(1, true));
    assert!(floor.take().is_empty());
    floor.joined("a");
    assert_eq!(begun(&floor.take()), [(1, "a".into())]);
}

#[test]
fn a_listener_gets_the_speech_in_its_avatars_place() {
    let mut floor = floor();
    let target = SpeechTarget::Avatar {
        identity: "a".into(),
        listener: Some("ear".into()),
        sample_rate: 16_000,
        country: String::new(),
    };
    floor.ordered(visit(1), Some(&now(1, target)));
    floor.heard(key(1, 1), sound(1, true));
    assert!(floor.take().is_empty(), "nobody is there who hears it");
    floor.joined("ear");
    let speaker = Speaker::Avatar { identity: "a".into(), to: "ear".into(), sample_rate: 16_000 };
    assert_eq!(floor.take()[0], Do::Begin { saying: 1, speaker, rate: RATE });
    floor.left("ear");
    assert_eq!(floor.take(), [Do::Forget { saying: 1 }]);
    // It is back before anybody says who speaks: nothing is repeated, and nothing waits for ever.
    floor.joined("ear");
    assert_eq!(floor.take(), [Do::Over { key: key(1, 1), delivery: Some(Delivery::Cut) }]);
}

#[test]
fn a_name_goes_to_an_avatar_only_where_everybody_agreed_and_is_said_by_the_agent_otherwise() {
    let cases = [("SA", "", "own"), ("US", "SA", "own"), ("sa", "SA", "a"), ("", "SA", "own")];
    for (country, agreed, speaker) in cases {
        let mut floor = floor();
        let named = Utterance {
            number: 20,
            speak: "welcome, Sara".into(),
            speak_nameless: "welcome".into(),
            names_sent_to: if agreed.is_empty() { vec![] } else { vec![agreed.into()] },
            ..Utterance::default()
        };
        floor.known(visit(1), &named);
        floor.ordered(visit(1), Some(&now(1, avatar("a", country))));
        floor.heard(key(1, 20), sound(1, true));
        assert_eq!(begun(&floor.take()), [(1, speaker.to_owned())], "{country:?}, agreed to {agreed:?}");
        floor.said(1, true);
        floor.heard(key(1, 1), sound(2, true));
        assert_eq!(begun(&floor.take()), [(2, "a".into())], "the next one names nobody");
    }
}

#[test]
fn sound_of_which_nothing_is_known_may_name_somebody() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, avatar("a", "SA"))));
    floor.heard(key(1, 77), sound(1, true));
    assert_eq!(begun(&floor.take()), [(1, "own".into())]);
}

#[test]
fn a_second_page_silences_the_room_unless_it_is_shared() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::OwnTrack)));
    floor.heard(key(1, 1), sound(1, false));
    floor.take();
    floor.pages(2);
    assert_eq!(floor.take(), [Do::Break { saying: 1 }]);
    floor.silent(1);
    assert_eq!(told(&floor.take()), [(1, Delivery::Cut)]);
    floor.heard(key(1, 1), sound(1, true));
    floor.heard(key(1, 2), sound(2, true));
    assert_eq!(floor.take(), [not_heard(2)], "what comes meanwhile is read");
    floor.pages(1);
    floor.heard(key(1, 3), sound(3, true));
    assert_eq!(fed(&floor.take()), [3]);
}

#[test]
fn nothing_is_heard_where_text_is_wanted() {
    let mut floor = floor();
    floor.heard(key(1, 1), sound(1, false));
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::Text)));
    assert_eq!(floor.take(), [not_heard(1)]);
    floor.heard(key(1, 1), sound(2, true));
    assert!(floor.take().is_empty());
    assert_eq!(floor.doing(), Doing::Idle);
}

#[test]
fn a_withdrawn_utterance_is_cut_where_it_is_and_its_rest_is_not_heard() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
    floor.heard(key(1, 1), sound(1, false));
    floor.heard(key(1, 2), sound(2, false));
    floor.take();
    floor.flush(visit(1));
    assert_eq!(floor.take(), [Do::Over { key: key(1, 2), delivery: Some(Delivery::Cut) }, Do::Break { saying: 1 }]);
    floor.heard(key(1, 1), end());
    floor.heard(key(1, 2), end());
    floor.silent(1);
    assert_eq!(floor.take(), [Do::Over { key: key(1, 1), delivery: Some(Delivery::Cut) }]);
    floor.heard(key(1, 3), sound(3, true));
    assert_eq!(fed(&floor.take()), [3], "what is said later is heard");
}

#[test]
fn who_left_is_not_spoken_to() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
    floor.heard(key(1, 1), sound(1, false));
    floor.take();
    floor.over(visit(1));
    assert_eq!(floor.take(), [Do::Break { saying: 1 }]);
    floor.silent(1);
    assert_eq!(told(&floor.take()), [(1, Delivery::Cut)]);
    assert_eq!(floor.doing(), Doing::Idle);
    assert!(!floor.has_speaker(visit(1)));
}

#[test]
fn a_lost_room_repeats_nothing_of_its_own_and_keeps_what_waits() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::OwnTrack)));
    floor.heard(key(1, 1), sound(1, true));
    floor.heard(key(1, 2), sound(2, true));
    floor.take();
    floor.connected(false);
    assert_eq!(floor.take(), [Do::Forget { saying: 1 }, Do::Over { key: key(1, 1), delivery: Some(Delivery::Cut) }]);
    floor.connected(true);
    assert_eq!(fed(&floor.take()), [2]);
}

#[test]
fn an_utterance_of_which_no_sound_could_be_made_is_cut() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::OwnTrack)));
    floor.heard(key(1, 1), end());
    assert_eq!(floor.take(), [Do::Over { key: key(1, 1), delivery: Some(Delivery::Cut) }]);
}

#[test]
fn whoever_speaks_without_end_is_not_kept_in_memory_and_not_said_again() {
    let mut floor = floor();
    floor.ordered(visit(1), Some(&now(1, avatar("a", ""))));
    let minute = Sound { rate: RATE, samples: vec![1; RATE as usize * 60].into(), last: false };
    for _ in 0..3 {
        floor.heard(key(1, 1), minute.clone());
    }
    assert_eq!(told(&floor.take()), [(1, Delivery::Cut)], "so much is not held");
    for count in 0..3 {
        floor.heard(key(1, 2), minute.clone());
        assert_eq!(fed(&floor.take()).len(), 1, "{count}: but said");
    }
    floor.ordered(visit(1), Some(&speech(2, avatar("b", ""), SpeechFrom::Now, true)));
    floor.silent(1);
    assert_eq!(told(&floor.take()), [(2, Delivery::Cut)]);
}

#[test]
fn an_avatar_is_made_ready_for_before_it_says_the_first_word_and_while_the_sound_of_a_text_is_made() {
    let expected = |to: &str| Do::Expect { to: to.into(), sample_rate: 24_000 };
    let text = |number| Utterance { number, ..Utterance::plain("welcome", "en") };
    let mut floor = Floor::new(true, false);
    floor.connected(true);
    floor.pages(1);
    assert_eq!(floor.take(), [], "nobody is said to speak");
    floor.ordered(visit(1), Some(&now(1, avatar("a", "US"))));
    assert_eq!(floor.take(), [], "it is not there");
    floor.joined("a");
    assert_eq!(floor.take(), [expected("a")]);
    assert_eq!(floor.take(), []);
    floor.known(visit(1), &text(1));
    assert_eq!(floor.take(), [expected("a")]);
    floor.heard(key(1, 1), sound(1, true));
    assert_eq!(begun(&floor.take()), [(1, "a".into())]);
    // Whoever speaks is let speak.
    floor.known(visit(1), &text(2));
    assert_eq!(floor.take(), []);
    floor.said(1, true);
    assert!(floor.take().contains(&expected("a")));
    floor.heard(key(1, 2), sound(1, true));
    assert_eq!(begun(&floor.take()), [(2, "a".into())]);
    floor.said(2, true);
    let _ = floor.take();
    // What is withdrawn, or may not be heard by the avatar, is not waited for.
    floor.known(visit(1), &text(3));
    floor.flush(visit(1));
    assert_eq!(floor.take(), []);
    let named = Utterance { speak_nameless: "welcome".into(), ..text(4) };
    floor.known(visit(1), &named);
    assert_eq!(floor.take(), []);
}

#[test]
fn no_avatar_is_made_ready_for_that_speaks_for_nobody_yet_or_to_whom_nothing_is_said() {
    let mut floor = Floor::new(true, false);
    floor.connected(true);
    floor.joined("a");
    floor.pages(1);
    floor.ordered(None, Some(&now(1, avatar("a", "US"))));
    assert_eq!(floor.take(), []);
    floor.ordered(visit(1), Some(&now(1, SpeechTarget::Text)));
    assert_eq!(floor.take(), []);
    floor.pages(2);
    floor.ordered(visit(2), Some(&now(1, avatar("a", "US"))));
    assert_eq!(floor.take(), [], "two pages are there, and nothing is heard");
}
