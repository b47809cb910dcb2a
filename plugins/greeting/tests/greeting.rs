//! Who is greeted, when and how, on a clock that the test turns.

use std::path::Path;
use std::time::Duration;

use majlis_greeting::{Config, Greeting, input, manifest__, output};
use majlis_plugin_api::service::store::Database;
use majlis_plugin_api::{
    Delivered, Delivery, Face, Faces, Identity, Observation, Person, Scene, Utterance, UtteranceKind, VisitId,
    WelcomeKind,
};
use majlis_store::{Service, Store};
use majlis_testkit::{Builder, FailureKind, Kit};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

fn kit() -> Kit<Greeting> {
    kit_with(json!({}))
}

/// Without what depends on the day on which the test runs, and without a store, unless the test says otherwise.
fn whole(config: serde_json::Value) -> serde_json::Value {
    let mut whole = json!({ "salutation": "salam", "occasions": "none", "again_after": "0s" });
    whole.as_object_mut().expect("a table").extend(config.as_object().expect("a table").clone());
    whole
}

fn builder() -> Builder<Greeting> {
    Kit::builder().manifest(manifest__::TEXT).language("ar-SA").wire(input::faces, "rec.faces")
}

fn kit_with(config: serde_json::Value) -> Kit<Greeting> {
    builder().open(whole(config)).expect("the stage opens")
}

fn faces(identities: impl IntoIterator<Item = Identity>) -> Faces {
    let face = |identity| Face { identity, ..Face::unknown([0.0, 0.0, 90.0, 90.0], 0.9) };
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
    let mut silent = known(sara());
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
    kit.advance(Duration::from_millis(499)).expect("it waits");
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
    let mut kit = kit_with(json!({ "greet_by": "500ms" }));
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
fn several_known_people_are_named_together_but_two_at_most_and_each_once() {
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
    assert_eq!(utterance.speak, "Welcome, Ahmad, Sara and our honoured guests. We are glad that you are here.");
    let arabic = utterance.display.lines().nth(1).expect("a second line");
    assert!(arabic.ends_with("بكم، \u{2068}أحمد\u{2069} و\u{2068}سارة\u{2069} والضيوف الكرام."), "{arabic}");
    assert_eq!(utterance.subjects, ["1", "2"]);
    assert_eq!(utterance.speak_nameless, "Welcome. We are glad that you are here.");
}

#[test]
fn who_comes_first_in_rank_is_named_first_and_two_are_greeted_in_the_dual() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    let ranked = |id: &str, name: &str, precedence: u32| {
        let mut person = known(person(id, name, "", ""));
        person.extra.insert("precedence".into(), precedence.into());
        Identity::Known(person)
    };
    let two = [ranked("1", "أحمد", 7), ranked("2", "خالد", 1)];
    kit.send(input::faces, visit, faces(two)).expect("greeted");
    let display = &said(&kit)[0].1.display;
    assert!(display.contains("أهلاً وسهلاً بكما، \u{2068}خالد\u{2069} و\u{2068}أحمد\u{2069}."), "{display}");
}

#[test]
fn two_strangers_are_greeted_in_the_dual_and_three_are_not() {
    for (count, words) in [(1, "بكم."), (2, "بكما."), (3, "بكم.")] {
        let mut kit = kit();
        let visit = kit.open_visit().expect("expected");
        kit.send(input::faces, visit, faces(vec![Identity::Unknown; count])).expect("greeted");
        let display = &said(&kit)[0].1.display;
        assert!(display.lines().next().expect("a line").ends_with(words), "{count}: {display}");
    }
}

#[test]
fn a_title_and_a_language_of_the_record_are_used() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    let mut sara = known(sara());
    for (key, value) in [("title", "الدكتورة"), ("gender", "female"), ("language", "en")] {
        sara.extra.insert(key.into(), value.into());
    }
    kit.send(input::faces, visit, faces([Identity::Known(sara)])).expect("greeted");
    let utterance = &said(&kit)[0].1;
    let lines: Vec<_> = utterance.display.lines().collect();
    assert_eq!(lines[0], "Welcome, Dr \u{2068}Sara\u{2069}. We are glad that you are here.");
    assert!(lines[1].ends_with("بكم، يا دكتورة \u{2068}سارة\u{2069}."), "{}", lines[1]);
    assert_eq!((utterance.language.as_str(), utterance.speak.contains("Doctor Sara")), ("en", true));
}

#[test]
fn who_wants_to_be_addressed_by_title_is_and_no_name_leaves() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    let mut sara = known(sara());
    sara.extra.extend([("announce".into(), false.into()), ("announce_as".into(), "title".into())]);
    sara.extra.extend([("title".into(), "الوزيرة".into()), ("gender".into(), "female".into())]);
    kit.send(input::faces, visit, faces([Identity::Known(sara)])).expect("greeted");
    let utterance = &said(&kit)[0].1;
    assert!(utterance.display.contains("معالي الوزيرة."), "{}", utterance.display);
    assert!(utterance.speak.ends_with("مَعَالِيَ الْوَزِيرَةْ."), "{}", utterance.speak);
    let whole = serde_json::to_string(utterance).expect("JSON");
    assert!(!whole.contains("Sara") && !whole.contains("سارة") && !whole.contains("سَارَة"), "{whole}");
}

#[test]
fn a_name_that_cannot_be_said_is_shown_and_the_guest_is_greeted_aloud() {
    let mut kit = kit();
    let visit = kit.open_visit().expect("expected");
    kit.send(input::faces, visit, faces([person("p", "جون سميث", "", "John Smith")])).expect("greeted");
    let utterance = &said(&kit)[0].1;
    assert!(utterance.display.contains("جون سميث"), "{}", utterance.display);
    assert!(utterance.speak.ends_with("بِكُمْ."), "{}", utterance.speak);
    assert_eq!(utterance.subjects, ["p"], "whose name is shown is told");
}

fn known(identity: Identity) -> Person {
    let Identity::Known(person) = identity else { unreachable!("a known person") };
    person
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
    let open =
        |language| Kit::<Greeting>::builder().language(language).open(whole(json!({}))).expect("the stage opens");
    let mut kit = open("fr");
    assert_eq!(kit.logs().len(), 1);
    kit.open_visit().expect("expected");
    kit.advance(SECOND * 2).expect("greeted");
    assert_eq!(said(&kit)[0].1.language, "en");
    assert!(open("AR-sa").logs().is_empty(), "a tag is the same in any case");
}

const FRENCH: &str = "\
salutation =
    .display = { \"\" }
    .speak = { \"\" }
guest =
    .display = Bienvenue 👋
    .speak = Bienvenue 👋
named =
    .display = Bienvenue, { $names }
    .speak = Bienvenue, { $names }
again =
    .display = Re-bonjour
    .speak = Re-bonjour
again-named =
    .display = Re-bonjour, { $names }
    .speak = Re-bonjour, { $names }
title-and-name =
    .display = { $title } { $name }
    .speak = { $title } { $name }
pair =
    .display = { $first } et { $second }
    .speak = { $first } et { $second }
one-and-guests =
    .display = { $first } et nos invités
    .speak = { $first } et nos invités
pair-and-guests =
    .display = { $first }, { $second } et nos invités
    .speak = { $first }, { $second } et nos invités
";

fn written(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file");
}

#[test]
fn texts_of_the_operator_add_languages_and_replace_single_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), "fr.ftl", FRENCH);
    written(folder.path(), "en.ftl", "guest =\n    .display = Hello there.\n    .speak = Hello there.\n");
    let config = json!({ "languages": ["fr-FR", "en"], "texts": ["fr.ftl", "en.ftl"] });
    let mut kit = builder().base(folder.path()).open(whole(config)).expect("the stage opens");
    let (guest, named) = (kit.open_visit().expect("expected"), kit.open_visit().expect("expected"));
    kit.send(input::faces, named, faces([sara()])).expect("greeted");
    kit.advance(SECOND * 2).expect("greeted");
    let said = said(&kit);
    assert_eq!(
        said[0].1.display,
        "Bienvenue, \u{2068}Sara\u{2069}\nWelcome, \u{2068}Sara\u{2069}. We are glad that you are here."
    );
    assert_eq!(said[1].0, Some(guest));
    assert_eq!((said[1].1.speak.as_str(), said[1].1.language.as_str()), ("Bienvenue", "fr-FR"));
    assert_eq!(said[1].1.display, "Bienvenue 👋\nHello there.");
}

#[test]
fn a_wrong_file_or_key_is_refused_at_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("de.ftl", "guest =\n    .display = Willkommen\n    .speak = Willkommen\n"),
        ("fr.ftl", &FRENCH.replace("$names }\n    .speak = Bienvenue", "$nams }\n    .speak = Bienvenue")),
        ("greetings.ftl", FRENCH),
        ("titles.toml", "[doctor]\nmasculin = {}\n"),
        ("bare.toml", "[poet.masculine]\ntyped = [\"شاعر\"]\nar = { display = \"يا شاعر\", speak = \"يا شاعر\" }\n"),
        ("occasions.toml", "\n[SA]\nnational-day = \"soon\"\n"),
    ];
    for (name, text) in files {
        written(folder.path(), name, text);
    }
    for (config, path, told) in [
        (json!({ "languages": ["fr"] }), "languages[0]", "ar, en"),
        (json!({ "texts": ["de.ftl"] }), "texts[0]", "de.ftl:1:1: the messages `again`,"),
        (json!({ "texts": ["fr.ftl"] }), "texts[0]", "fr.ftl:8:30: `named.display` has no variable `$nams`"),
        (json!({ "texts": ["greetings.ftl"] }), "texts[0]", "says no language"),
        (json!({ "texts": ["nowhere/fr.ftl"] }), "texts[0]", "No such file"),
        (json!({ "titles": "titles.toml" }), "titles", "line 2"),
        (json!({ "titles": "bare.toml" }), "titles", "has no vowel marks"),
        (json!({ "occasions": "occasions.toml" }), "occasions", "line 3"),
        (json!({ "greet_by": "soon" }), "greet_by", ""),
        (json!({ "again": "never" }), "again", ""),
    ] {
        let refused = builder().base(folder.path()).open(whole(config.clone())).err().expect("it is refused");
        assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, path), "{config}: {refused}");
        assert!(refused.to_string().contains(told), "{config}: {refused}");
    }
}

fn scene(words: &[(&str, &str, &str)]) -> Scene {
    let observation = |&(language, display, speak): &(&str, &str, &str)| Observation {
        language: language.into(),
        display: display.into(),
        speak: speak.into(),
    };
    Scene { observations: words.iter().map(observation).collect(), ..Scene::default() }
}

fn light() -> Scene {
    scene(&[("ar", "ما أجمل هذا الضوء!", "مَا أَجْمَلَ هَذَا الضَّوْءْ!"), ("en", "What a light!", "What a light!")])
}

/// A kit to which somebody tells what a vision model sees and what became of utterances.
fn wired(config: serde_json::Value) -> Kit<Greeting> {
    let builder = builder().wire(input::scene, "vision.scene").wire(input::delivered, "avatar.delivered");
    builder.open(whole(config)).expect("the stage opens")
}

#[test]
fn what_is_seen_soon_after_the_greeting_is_remarked_once() {
    let mut kit = wired(json!({}));
    let visit = kit.open_visit().expect("expected");
    kit.send(input::faces, visit, faces([Identity::Unknown])).expect("greeted");
    kit.advance(SECOND * 4).expect("nothing is due");
    kit.send(input::scene, visit, scene(&[])).expect("nothing to speak of");
    kit.send(input::scene, visit, light()).expect("remarked");
    kit.send(input::scene, visit, light()).expect("dropped");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest, UtteranceKind::Remark]);
    let said = said(&kit);
    assert_eq!(said[1].1.display, "ما أجمل هذا الضوء!\nWhat a light!");
    assert_eq!(said[1].1.speak, "مَا أَجْمَلَ هَذَا الضَّوْءْ!");
    assert!(said[0].1.number < said[1].1.number, "each has a number of its own");
    assert_eq!(remarks(&kit), ["said", "one is enough"]);
}

#[test]
fn what_is_seen_too_late_is_dropped_and_counted() {
    let mut kit = wired(json!({}));
    let visit = kit.open_visit().expect("expected");
    kit.send(input::faces, visit, faces([Identity::Unknown])).expect("greeted");
    kit.advance(Duration::from_millis(4_001)).expect("nothing is due");
    kit.send(input::scene, visit, light()).expect("dropped");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest]);
    assert_eq!(remarks(&kit), ["late"]);
    assert_eq!(kit.fact("remarks_dropped").as_deref(), Some("+1"), "the report adds them up");
}

#[test]
fn what_is_seen_before_the_greeting_waits_for_it_and_the_greeting_waits_for_nothing() {
    let mut kit = wired(json!({}));
    let visit = kit.open_visit().expect("expected");
    kit.send(input::scene, visit, light()).expect("kept");
    kit.send(input::scene, visit, scene(&[("ar", "مكان جميل.", "")])).expect("the newest counts");
    assert_eq!(kinds(&kit), []);
    kit.advance(Duration::from_millis(1_500)).expect("greeted");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest, UtteranceKind::Remark]);
    let remark = &said(&kit)[1].1;
    assert_eq!((remark.display.as_str(), remark.speak.as_str()), ("مكان جميل.", ""), "shown, and not said");
}

#[test]
fn a_scene_without_words_in_the_greetings_language_is_no_remark_and_a_failed_vision_no_visitor() {
    let mut kit = wired(json!({ "languages": ["en"] }));
    let visit = kit.open_visit().expect("expected");
    kit.send(input::faces, visit, faces([Identity::Unknown])).expect("greeted");
    kit.send(input::scene, visit, scene(&[("ar", "مكان جميل.", "")])).expect("dropped");
    assert_eq!(remarks(&kit), ["no words in the greeting's languages"]);
    kit.fail_upstream(input::scene, None).expect("nobody is there for it");
    kit.fail_upstream(input::delivered, None).expect("nor for this");
    kit.advance(SECOND * 5).expect("silence");
    assert_eq!(kinds(&kit), [UtteranceKind::Guest]);
}

fn remarks(kit: &Kit<Greeting>) -> Vec<String> {
    kit.facts().into_iter().filter(|(_, name, _)| name == "remark").map(|(.., value)| value).collect()
}

/// A process with a store in a folder.
fn stored(folder: &Path, wired: bool, config: serde_json::Value) -> Kit<Greeting> {
    let service = Service::new(Store::new(folder.join("store")));
    let builder = builder().service("store", move |method, request| service.answer(method, request));
    let builder = if wired { builder.wire(input::delivered, "avatar.delivered") } else { builder };
    let mut whole = whole(json!({ "languages": ["en"], "again_after": "1h" }));
    whole.as_object_mut().expect("a table").extend(config.as_object().expect("a table").clone());
    builder.open(whole).expect("the stage opens")
}

fn meet(kit: &mut Kit<Greeting>, people: impl IntoIterator<Item = Identity>) -> Option<Utterance> {
    let before = said(kit).len();
    let visit = kit.open_visit().expect("expected");
    kit.send(input::faces, visit, faces(people)).expect("it looks");
    kit.leave(visit).expect("forgotten");
    said(kit).into_iter().nth(before).map(|(_, utterance)| utterance)
}

fn deliver(kit: &mut Kit<Greeting>, utterance: &Utterance, delivery: Delivery) {
    let delivered = Delivered { utterance: utterance.number, delivery, extra: Default::default() };
    kit.send(input::delivered, None, delivered).expect("told");
}

#[test]
fn who_was_greeted_is_greeted_again_in_few_words_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = stored(folder.path(), false, json!({}));
    assert!(meet(&mut kit, [sara()]).expect("greeted").speak.starts_with("Welcome, Sara."));
    assert_eq!(meet(&mut kit, [sara()]).expect("greeted").speak, "Welcome back, Sara.");
    kit.close().expect("it closes");
    let mut kit = stored(folder.path(), false, json!({}));
    let again = meet(&mut kit, [sara()]).expect("greeted");
    assert_eq!((again.speak.as_str(), again.speak_nameless.as_str()), ("Welcome back, Sara.", "Welcome back."));
    let other = person("p2", "", "", "Khalid");
    assert!(meet(&mut kit, [sara(), other]).expect("greeted").speak.starts_with("Welcome, Sara and Khalid."));
    for _ in 0..2 {
        assert!(meet(&mut kit, [Identity::Unknown]).expect("greeted").speak.starts_with("Welcome."), "a stranger");
    }
}

#[test]
fn a_greeting_holds_from_when_it_was_seen_or_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = stored(folder.path(), true, json!({}));
    let first = meet(&mut kit, [sara()]).expect("greeted");
    deliver(&mut kit, &first, Delivery::Cut);
    let second = meet(&mut kit, [sara()]).expect("greeted");
    assert!(second.speak.starts_with("Welcome, Sara."), "it was not heard: {}", second.speak);
    deliver(&mut kit, &Utterance { number: second.number + 100, ..Utterance::default() }, Delivery::Played);
    deliver(&mut kit, &second, Delivery::Played);
    assert_eq!(meet(&mut kit, [sara()]).expect("greeted").speak, "Welcome back, Sara.");
}

#[test]
fn where_it_is_asked_for_nothing_is_said_again_but_to_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = stored(folder.path(), false, json!({ "again": "silent" }));
    assert!(meet(&mut kit, [sara()]).is_some());
    assert_eq!(meet(&mut kit, [sara()]), None);
    assert_eq!(kit.fact("kind").as_deref(), Some("silent"));
    assert_eq!(meet(&mut kit, [sara(), Identity::Unknown]).expect("greeted").kind, UtteranceKind::Guest);
    let other = person("p2", "", "", "Khalid");
    assert!(meet(&mut kit, [sara(), other]).expect("greeted").speak.starts_with("Welcome, Khalid."));
}

#[test]
fn who_is_forgotten_is_greeted_as_at_the_first_time_and_leaves_no_row() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = stored(folder.path(), true, json!({}));
    let first = meet(&mut kit, [sara()]).expect("greeted");
    assert_eq!(majlis_plugin_api::service::store::erase(kit.host(), "p1").expect("erased"), 1);
    // The greeting is heard after the person was forgotten.
    deliver(&mut kit, &first, Delivery::Played);
    assert_eq!(rows(&kit), 0, "it comes back by no delivery");
    assert!(meet(&mut kit, [sara()]).expect("greeted").speak.starts_with("Welcome, Sara."));
}

#[test]
fn a_greeting_that_holds_no_more_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = stored(folder.path(), false, json!({}));
    meet(&mut kit, [sara()]).expect("greeted");
    assert_eq!(rows(&kit), 1);
    let long_ago = "UPDATE greeted SET sent = sent - 7200, delivered = delivered - 7200";
    opened(&kit).query(long_ago, []).expect("the calendar is turned");
    kit.open_visit().expect("whoever comes");
    assert_eq!(rows(&kit), 0);
}

fn opened(kit: &Kit<Greeting>) -> Database {
    // The same number of steps as the stage has: they were applied by it.
    Database::open(kit.host(), "greeting", &[""], &[("greeted", "person")]).expect("the file is open")
}

fn rows(kit: &Kit<Greeting>) -> usize {
    opened(kit).query("SELECT person FROM greeted", []).expect("rows").len()
}

/// The clock of the rows is that of the wall, since they outlast a run.
#[test]
fn what_holds_no_more_goes_by_itself_though_nobody_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = stored(folder.path(), true, json!({ "again_after": "1s" }));
    let greeting = meet(&mut kit, [sara()]).expect("greeted");
    deliver(&mut kit, &greeting, Delivery::Played);
    std::thread::sleep(SECOND + Duration::from_millis(1_100));
    kit.advance(SECOND * 3).expect("it wakes");
    assert_eq!(
        majlis_plugin_api::service::store::erase(kit.host(), "p1").expect("asked"),
        0,
        "nothing is left to erase"
    );
}

#[test]
fn without_a_store_who_was_greeted_is_known_for_the_run() {
    let mut kit = kit_with(json!({ "languages": ["en"], "again_after": "1h" }));
    assert_eq!(kit.logs().len(), 1, "it is told");
    assert!(meet(&mut kit, [sara()]).expect("greeted").speak.starts_with("Welcome, Sara."));
    assert_eq!(meet(&mut kit, [sara()]).expect("greeted").speak, "Welcome back, Sara.");
}

#[test]
fn the_time_of_day_is_that_of_the_place() {
    let mut kit = kit_with(json!({ "salutation": "time-of-day", "languages": ["en"] }));
    kit.open_visit().expect("expected");
    kit.advance(SECOND * 2).expect("greeted");
    let speak = &said(&kit)[0].1.speak;
    assert!(
        ["Good morning. ", "Good afternoon. ", "Good evening. "].iter().any(|begin| speak.starts_with(begin)),
        "{speak}"
    );
}

#[test]
fn how_a_visitor_is_received_is_told_once_and_whoever_was_greeted_not_long_ago_is_worth_no_question() {
    for (again, expected) in [("short", WelcomeKind::Short), ("silent", WelcomeKind::Silent)] {
        let mut kit = kit_with(json!({ "again_after": "1h", "again": again }));
        meet(&mut kit, [sara()]).expect("greeted");
        meet(&mut kit, [sara()]);
        meet(&mut kit, [Identity::Unknown]).expect("greeted");
        let told: Vec<WelcomeKind> = kit.emitted(output::welcome).iter().map(|(_, welcome)| welcome.kind).collect();
        assert_eq!(told, [WelcomeKind::Full, expected, WelcomeKind::Full]);
        assert!(kit.emitted(output::welcome).iter().all(|(visit, _)| visit.is_some()), "it is of the visit");
    }
}

fn builder_with_ahead() -> Builder<Greeting> {
    builder().wire_out(output::ahead, "voice.ahead").time_zone("Asia/Riyadh")
}

fn again_after(config: &serde_json::Value, again_after: &str) -> serde_json::Value {
    let mut config = config.clone();
    config["again_after"] = again_after.into();
    config
}

#[test]
fn what_is_said_ahead_is_letter_by_letter_what_is_said_later() {
    // The occasion of the day is said as well, whichever it is.
    for config in
        [json!({ "salutation": "salam" }), json!({ "salutation": "none" }), json!({}), json!({ "languages": ["en"] })]
    {
        let mut kit = builder_with_ahead().open(again_after(&config, "0s")).expect("it opens");
        let ahead: Vec<String> = kit.emitted(output::ahead).into_iter().map(|(_, utterance)| utterance.speak).collect();
        assert!(
            !ahead.is_empty()
                && kit.emitted(output::ahead).iter().all(|(visit, said)| visit.is_none() && said.number == 0)
        );
        let unique: std::collections::BTreeSet<&String> = ahead.iter().collect();
        assert_eq!(unique.len(), ahead.len(), "{ahead:?}");
        for others in 0..3 {
            let strangers = || std::iter::repeat_n(Identity::Unknown, others + 1);
            let guests = meet(&mut kit, strangers()).expect("greeted");
            assert!(ahead.contains(&guests.speak), "{config}: {} is not in {ahead:?}", guests.speak);
            assert!(guests.opening.is_empty(), "it names nobody");
            let named = (0..=others).map(|at| person(&format!("q{at}"), "", "خَالِد", ["Khalid", "Omar", "Ali"][at]));
            let named = meet(&mut kit, named).expect("greeted");
            assert!(named.speak.starts_with(&named.opening) && !named.opening.is_empty(), "{named:?}");
            assert!(!named.opening.contains("خَالِد") && !named.opening.contains("Khalid"), "{}", named.opening);
            assert!(ahead.contains(&named.opening), "{config}: {} is not in {ahead:?}", named.opening);
            assert!(ahead.contains(&named.speak_nameless), "{config}: a service says {}", named.speak_nameless);
            let mut again = builder_with_ahead().open(again_after(&config, "1h")).expect("it opens");
            let ahead: Vec<String> = again.emitted(output::ahead).into_iter().map(|(_, said)| said.speak).collect();
            let who = || (0..=others).map(|at| person(&format!("q{at}"), "", "خَالِد", ["Khalid", "Omar", "Ali"][at]));
            meet(&mut again, who()).expect("greeted");
            let short = meet(&mut again, who()).expect("greeted again");
            assert!(ahead.contains(&short.opening) && ahead.contains(&short.speak_nameless), "{config}: {short:?}");
        }
        assert_eq!(kit.emitted(output::ahead).len(), ahead.len(), "once a day");
    }
}
