//! Who is greeted, when and how, on a clock that the test turns.

use std::time::Duration;

use majlis_greeting::{Config, Greeting, input, manifest__, output};
use majlis_plugin_api::{Face, Faces, Identity, Person, Utterance, UtteranceKind, VisitId};
use majlis_testkit::{FailureKind, Kit};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

fn kit() -> Kit<Greeting> {
    kit_with(json!({}))
}

fn kit_with(config: serde_json::Value) -> Kit<Greeting> {
    let builder = Kit::builder().manifest(manifest__::TEXT).language("ar-SA");
    builder.wire(input::faces, "rec.faces").open(config).expect("the stage opens")
}

fn faces(identities: impl IntoIterator<Item = Identity>) -> Faces {
    let face = |identity| Face {
        bbox: [0.0, 0.0, 90.0, 90.0],
        score: 0.9,
        key_points: vec![],
        identity,
        similarity: None,
        track: None,
        predicted: false,
        embedding: vec![],
        extra: Default::default(),
    };
    Faces { width: 640, height: 480, faces: identities.into_iter().map(face).collect(), ..Faces::default() }
}

fn person(id: &str, arabic: &str, vocalised: &str, latin: &str) -> Identity {
    Identity::Known(Person {
        id: id.into(),
        name_ar: arabic.into(),
        name_speak: vocalised.into(),
        name_latin: latin.into(),
        extra: Default::default(),
    })
}

fn sara() -> Identity {
    person("p1", "سارة", "سَارَة", "Sara")
}

fn said(kit: &Kit<Greeting>) -> Vec<(Option<VisitId>, Utterance)> {
    kit.emitted(output::utterance)
}

fn kinds(kit: &Kit<Greeting>) -> Vec<UtteranceKind> {
    said(kit).iter().map(|(_, utterance)| utterance.kind).collect()
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn a_known_visitor_is_greeted_by_name_at_once_and_only_once() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    for _ in 0..3 {
        kit.send(input::faces, visit, faces([Identity::Unknown, sara()])).expect("greeted");
    }
    kit.advance(SECOND * 10).expect("silence");
    let said = said(&kit);
    assert_eq!(said.len(), 1);
    let (whose, utterance) = &said[0];
    assert_eq!((*whose, utterance.kind, utterance.language.as_str()), (Some(visit), UtteranceKind::Named, "ar-SA"));
    let lines: Vec<_> = utterance.display.lines().collect();
    assert_eq!(lines.len(), 2, "Arabic, and English beside it");
    assert!(lines[0].contains("بكم، \u{2068}سارة\u{2069}."), "{}", lines[0]);
    assert!(lines[1].starts_with("Welcome, \u{2068}Sara\u{2069}."), "{}", lines[1]);
    assert!(utterance.speak.ends_with("بِكُمْ، سَارَة."), "{}", utterance.speak);
    let milestones = kit.milestones();
    assert_eq!(milestones[0], (Some(visit), "recognised".into()));
    assert_eq!(milestones.iter().filter(|(_, name)| name == "greeted").count(), 1);
    assert_eq!(kit.fact("kind").as_deref(), Some("named"));
    assert!(kit.facts().iter().all(|(.., value)| !value.contains("Sara")), "a name is no fact");
    assert_eq!(kit.wake_of(visit), None, "nothing holds the visit open");
}

#[test]
fn who_did_not_agree_to_be_named_aloud_is_greeted_as_a_guest() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    let Identity::Known(mut silent) = sara() else { unreachable!("a known person") };
    silent.extra.insert("announce".into(), false.into());
    kit.send(input::faces, visit, faces([Identity::Known(silent)])).expect("greeted");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest]);
    let (_, utterance) = &said(&kit)[0];
    assert!(!utterance.display.contains("سارة") && !utterance.display.contains("Sara"), "{}", utterance.display);
}

#[test]
fn a_guest_is_greeted_at_once_when_all_faces_are_strangers() {
    for identity in [Identity::Unknown, Identity::TooSmall] {
        let mut kit = kit();
        let visit = kit.open_visit().expect("expected");
        kit.send(input::faces, visit, faces([identity])).expect("greeted");
        assert_eq!(kinds(&kit), [UtteranceKind::Guest]);
        assert_eq!(kit.milestones(), [(Some(visit), "greeted".into())]);
        kit.send(input::faces, visit, faces([sara()])).expect("too late for a name");
        assert_eq!(kinds(&kit), [UtteranceKind::Guest], "a visitor is greeted once");
    }
}

#[test]
fn who_is_not_decided_is_waited_for_until_the_deadline() {
    let mut kit = kit();
    let (early, late) = (kit.open_visit().expect("expected"), kit.open_visit().expect("expected"));
    for visit in [early, late] {
        kit.send(input::faces, visit, faces([Identity::Undecided, Identity::Unknown])).expect("it waits");
    }
    kit.advance(SECOND).expect("it waits");
    assert_eq!(kinds(&kit), []);
    kit.send(input::faces, early, faces([sara()])).expect("greeted");
    kit.advance(Duration::from_millis(999)).expect("it waits");
    assert_eq!(said(&kit).len(), 1);
    kit.advance(Duration::from_millis(1)).expect("greeted");
    assert_eq!(kinds(&kit), [UtteranceKind::Named, UtteranceKind::Guest]);
    assert_eq!(said(&kit)[1].0, Some(late));
}

#[test]
fn no_face_is_answered_with_silence_and_a_face_that_comes_later_is_not() {
    let mut kit = kit();
    let (empty, filled, turned) =
        (kit.open_visit().expect("expected"), kit.open_visit().expect("expected"), kit.open_visit().expect("expected"));
    for visit in [empty, filled, turned] {
        kit.send(input::faces, visit, faces([])).expect("silence");
    }
    kit.end_visit(empty).expect("its wake does not hold it");
    assert!(kit.closed(empty).is_some());
    kit.send(input::faces, turned, faces([Identity::Undecided])).expect("it waits again");
    kit.send(input::faces, turned, faces([])).expect("who was seen is still waited for");
    kit.advance(SECOND * 3).expect("the one who was seen");
    assert_eq!(said(&kit).iter().map(|(visit, _)| *visit).collect::<Vec<_>>(), [Some(turned)]);
    kit.send(input::faces, filled, faces([sara()])).expect("greeted");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest, UtteranceKind::Named]);
}

#[test]
fn when_nobody_could_look_a_guest_is_greeted_at_the_deadline() {
    let mut kit = kit_with(json!({ "deadline": "500ms" }));
    let (silent, failed) = (kit.open_visit().expect("expected"), kit.open_visit().expect("expected"));
    kit.fail_upstream(input::faces, failed).expect("it waits");
    kit.advance(Duration::from_millis(499)).expect("it waits");
    assert_eq!(kinds(&kit), []);
    kit.advance(Duration::from_millis(1)).expect("greeted");
    assert_eq!(said(&kit).iter().map(|(visit, _)| *visit).collect::<Vec<_>>(), [Some(silent), Some(failed)]);
    assert_eq!(kinds(&kit), [UtteranceKind::Guest, UtteranceKind::Guest]);
    assert!(kit.milestones().iter().all(|(_, name)| name == "greeted"));
}

#[test]
fn a_recogniser_that_recovers_in_time_still_names() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    kit.fail_upstream(input::faces, visit).expect("it waits");
    kit.advance(SECOND).expect("it waits");
    kit.send(input::faces, visit, faces([sara()])).expect("greeted");
    kit.advance(SECOND * 5).expect("silence");
    assert_eq!(kinds(&kit), [UtteranceKind::Named]);
}

#[test]
fn who_left_is_not_greeted_and_who_ended_still_is() {
    let mut kit = kit();
    let (gone, ended) = (kit.open_visit().expect("expected"), kit.open_visit().expect("expected"));
    kit.leave(gone).expect("forgotten");
    kit.end_visit(ended).expect("its wake holds it");
    assert_eq!(kit.closed(ended), None);
    kit.advance(SECOND * 2).expect("greeted");
    assert_eq!(said(&kit).iter().map(|(visit, _)| *visit).collect::<Vec<_>>(), [Some(ended)]);
    assert!(kit.closed(ended).is_some());
}

#[test]
fn packets_of_no_visit_are_one_visitor() {
    let mut kit = kit();
    kit.send(input::faces, None, faces([Identity::Undecided])).expect("it waits");
    kit.advance(SECOND * 2).expect("greeted");
    kit.send(input::faces, None, faces([sara()])).expect("silence");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest]);
}

#[test]
fn several_known_people_are_named_together_but_three_at_most_and_each_once() {
    let mut kit = kit_with(json!({ "languages": ["en", "ar"] }));
    let visit = kit.open_visit().expect("expected");
    let people = [
        person("1", "أحمد", "أَحْمَد", "Ahmad"),
        person("1", "أحمد", "أَحْمَد", "Ahmad"),
        person("2", "سارة", "سَارَة", "Sara"),
        person("3", "", "", "Li Wei"),
        person("4", "خالد", "خَالِد", "Khalid"),
    ];
    kit.send(input::faces, visit, faces(people)).expect("greeted");
    let utterance = &said(&kit)[0].1;
    assert_eq!(utterance.speak, "Welcome, Ahmad, Sara and Li Wei. We are glad that you are here.");
    let arabic = utterance.display.lines().nth(1).expect("a second line");
    assert!(arabic.ends_with("\u{2068}أحمد\u{2069} و\u{2068}سارة\u{2069} و\u{2068}Li Wei\u{2069}."), "{arabic}");
}

#[test]
fn a_name_that_turns_text_around_is_not_used_and_stands_in_no_log() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    kit.send(input::faces, visit, faces([person("p", "", "", "\u{202e}Mallory")])).expect("greeted");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest]);
    let warnings = kit.logs();
    assert_eq!(warnings.len(), 1);
    assert!(!warnings[0].message.contains("Mallory"));
    assert!(kit.milestones().iter().any(|(_, name)| name == "recognised"), "the person was recognised all the same");
}

#[test]
fn the_built_in_arabic_voice_form_is_vocalised_and_bare_of_controls() {
    let mut kit = kit_with(json!({ "languages": ["ar"] }));
    let visit = kit.open_visit().expect("expected");
    kit.advance(SECOND * 2).expect("greeted");
    let (whose, utterance) = said(&kit).remove(0);
    assert_eq!(whose, Some(visit));
    assert_eq!(utterance.display.lines().count(), 1);
    let marks = utterance.speak.chars().filter(|c| matches!(c, '\u{064b}'..='\u{0652}')).count();
    let letters = utterance.speak.chars().filter(|c| matches!(c, '\u{0621}'..='\u{064a}')).count();
    assert!(marks * 3 > letters * 2, "{marks} vowel marks on {letters} letters");
    assert!(!utterance.speak.contains(['\u{2068}', '\u{2069}', '\u{0640}']));
}

#[test]
fn a_pipelines_language_without_texts_is_told_and_another_one_is_used() {
    let open = |language| Kit::<Greeting>::builder().language(language).open(json!({})).expect("the stage opens");
    let mut kit = open("fr");
    assert_eq!(kit.logs().len(), 1);
    kit.open_visit().expect("expected");
    kit.advance(SECOND * 2).expect("greeted");
    assert_eq!(said(&kit)[0].1.language, "en");
    assert!(open("AR-sa").logs().is_empty(), "a tag is the same in any case");
}

#[test]
fn texts_of_the_operator_replace_the_built_in_ones_by_language() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let text = r#"
        [fr.guest]
        display = "Bienvenue 👋"
        speak = "Bienvenue 👋"
        [fr.named]
        display = "Bienvenue, {names}"
        speak = "Bienvenue, {names}"
        [fr.join]
        display = { between = ", ", last = " et " }
        speak = { between = ", ", last = " et " }
    "#;
    std::fs::write(format!("{folder}/greeting-texts.toml"), text).expect("a file");
    std::fs::write(format!("{folder}/greeting-broken.toml"), text.replace("Bienvenue, {names}", "Bienvenue"))
        .expect("a file");
    let open = |config| Kit::<Greeting>::builder().base(folder).open(config);

    let mut kit =
        open(json!({ "languages": ["fr-FR", "en"], "texts": "greeting-texts.toml" })).expect("the stage opens");
    kit.open_visit().expect("expected");
    kit.advance(SECOND * 2).expect("greeted");
    let utterance = &said(&kit)[0].1;
    assert_eq!((utterance.speak.as_str(), utterance.language.as_str()), ("Bienvenue", "fr-FR"));
    assert!(utterance.display.starts_with("Bienvenue 👋\nWelcome."));

    for (config, path) in [
        (json!({ "languages": ["fr"] }), "languages[0]"),
        (json!({ "texts": "greeting-broken.toml" }), "texts"),
        (json!({ "texts": "nowhere.toml" }), "texts"),
        (json!({ "deadline": "soon" }), "deadline"),
    ] {
        let refused = open(config.clone()).err().expect("it is refused");
        assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, path), "{config}: {refused}");
    }
}
