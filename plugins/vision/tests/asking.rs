//! What is asked, what comes of each answer, and that nothing is left open.

mod common;

use std::time::Duration;

use common::{KEY, SOON, Show, face, known, nobody, stranger};
use majlis_plugin_api::{self as api, Identity, Welcome, WelcomeKind};
use majlis_test_server::{Act, Proof, Server};
use majlis_testkit::{Ending, Kit};
use majlis_vision::{Config, Vision, input};
use serde_json::{Value, json};

const FLOWERS: &str = r#"{"people":2,"tags":["group","flowers"]}"#;

fn ending(show: &Show) -> Ending {
    show.kit.works().last().and_then(|work| work.ended.clone()).expect("it ended")
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn a_scene_has_its_tags_a_phrase_for_eye_and_voice_and_what_it_cost() {
    let mut show = Show::new(json!({}));
    show.server.script([Act::say(FLOWERS).tokens(137)]);
    let visit = show.kit.open_visit().expect("it is told");
    let scenes = show.see(visit, 40, known("noura"));
    assert_eq!(scenes.len(), 1);
    let scene = &scenes[0];
    assert_eq!(
        (&scene.tags[..], scene.people, scene.tokens, scene.cached),
        (&["flowers".into(), "group".into()][..], Some(2), 137, false)
    );
    let said: Vec<(&str, &str, &str)> =
        scene.observations.iter().map(|said| (&*said.language, &*said.display, &*said.speak)).collect();
    assert_eq!(
        said,
        [
            ("ar", "ما أجمل هذه الزهور!", "مَا أَجْمَلَ هَذِهِ الزُّهُورْ!"),
            ("en", "What beautiful flowers!", "What beautiful flowers!")
        ]
    );
    assert_eq!(show.kit.fact("tokens").as_deref(), Some("+137"));
    assert_eq!(ending(&show), Ending::Finished);
    show.close();
}

#[test]
fn a_question_is_as_each_kind_of_server_wants_it() {
    for (dialect, token_field, detail, store) in [
        ("openai", "max_completion_tokens", json!("low"), json!(false)),
        ("ollama", "max_tokens", Value::Null, Value::Null),
        ("llama.cpp", "max_tokens", Value::Null, Value::Null),
        ("vllm", "max_tokens", Value::Null, Value::Null),
    ] {
        // One line is another: the server is swapped.
        let mut show = Show::new(json!({ "dialect": dialect }));
        let visit = show.kit.open_visit().expect("it is told");
        assert_eq!(show.see(visit, 40, nobody()).len(), 1, "{dialect}");
        let body = show.server.requests()[0].body.clone();
        assert_eq!(body[token_field], json!(120), "{dialect}");
        assert_eq!(body["store"], store, "{dialect}");
        let picture = &body["messages"][1]["content"][0]["image_url"];
        assert_eq!(picture["detail"], detail, "{dialect}");
        assert!(picture["url"].as_str().is_some_and(|url| url.starts_with("data:image/jpeg;base64,")), "{dialect}");
        assert_eq!(body["response_format"]["json_schema"]["strict"], json!(true), "{dialect}");
        let prompt = body["messages"][0]["content"].as_str().expect("a text");
        assert!(prompt.contains("الوجوه في الصورة مخفيّة") && prompt.contains("- flowers: "), "{prompt}");
        show.close();
    }
}

#[test]
fn a_server_that_is_not_to_be_held_to_json_is_read_leniently() {
    let mut show = Show::new(json!({ "json": false }));
    show.server.script([Act::say("```\nflowers\n```").unstreamed(), Act::say("flowers, group").unstreamed()]);
    let visit = show.kit.open_visit().expect("it is told");
    show.see(visit, 40, nobody());
    let scenes = show.see(visit, 240, nobody());
    assert!(show.server.requests()[0].body.get("response_format").is_none());
    assert_eq!(scenes.last().expect("a scene").tags, ["flowers", "group"]);
    show.close();
}

#[test]
fn what_can_pass_is_asked_again_in_time() {
    for troubles in [
        vec![Act::status(500), Act::status(500)],
        vec![Act::status(429)],
        vec![Act::status(429).header("retry-after", "1")],
        vec![Act::say(FLOWERS).cut_after(3)],
    ] {
        let mut show = Show::new(json!({}));
        show.server.usually(Act::say(FLOWERS));
        show.server.script(troubles.clone());
        let visit = show.kit.open_visit().expect("it is told");
        assert_eq!(show.see(visit, 40, nobody()).len(), 1, "{troubles:?}");
        assert_eq!(show.server.requests().len(), troubles.len() + 1, "{troubles:?}");
        show.close();
    }
}

#[test]
fn an_answer_that_is_none_is_no_scene_and_the_stage_goes_on() {
    for (trouble, word) in [
        (Act::garbage(), "no JSON"),
        (Act::page(), "text/html"),
        (Act::huge(200 << 20), "more than"),
        (Act::status(400), "400"),
        (Act::status(429).header("retry-after", "60"), "429"),
    ] {
        let mut show = Show::new(json!({}));
        show.server.script([trouble.clone()]);
        show.server.usually(Act::say(FLOWERS));
        let visit = show.kit.open_visit().expect("it is told");
        assert_eq!(show.see(visit, 40, nobody()).len(), 0, "{trouble:?}");
        let Ending::Failed(why) = ending(&show) else { panic!("{trouble:?} did not fail") };
        assert!(why.contains(word) && why.contains("127.0.0.1"), "{trouble:?}: {why}");
        show.close();
    }
}

#[test]
fn a_refusal_a_filtered_answer_and_one_that_is_too_long_are_no_scene() {
    for (act, word) in [
        (Act::refusal(), "refused"),
        (Act::refusal().unstreamed(), "refused"),
        (Act::filtered(FLOWERS), "filtered"),
        (Act::too_long(FLOWERS), "too long"),
        (Act::too_long(FLOWERS).unstreamed(), "too long"),
        (Act::say("flowers ".repeat(1_000)), "too long"),
        (Act::say("I see a bouquet of flowers."), "not an answer"),
    ] {
        let mut show = Show::new(json!({}));
        show.server.script([act.clone()]);
        let visit = show.kit.open_visit().expect("it is told");
        assert_eq!(show.see(visit, 40, nobody()).len(), 0, "{act:?}");
        assert_eq!(show.kit.fact("no_scene").as_deref(), Some(word), "{act:?}");
        assert_eq!(ending(&show), Ending::Finished, "{act:?}: that nothing is said is an answer");
        show.close();
    }
}

#[test]
fn what_is_whole_of_an_answer_counts_when_its_time_is_over() {
    let mut show = Show::new(json!({ "answer_within": "700ms" }));
    // The first seven pieces: {"people":2,"tags":["group","flowe
    show.server.usually(Act::say(FLOWERS).stalling_after(7));
    let visit = show.kit.open_visit().expect("it is told");
    let scenes = show.see(visit, 40, nobody());
    assert_eq!((scenes.len(), show.kit.fact("cut").as_deref()), (1, Some("true")));
    assert_eq!((&scenes[0].tags[..], scenes[0].people), (&["group".into()][..], Some(2)));
    // What was not whole is not used again.
    show.see(visit, 40, nobody());
    assert_eq!(show.server.requests().len(), 2);
    show.close();
}

#[test]
fn what_is_whole_of_an_answer_that_stalls_or_breaks_off_counts_and_is_not_asked_for_again() {
    for trouble in [Act::say(FLOWERS).stalling_after(7), Act::say(FLOWERS).cut_after(7)] {
        let mut show = Show::new(json!({ "first_byte_timeout": "300ms", "answer_within": "20s" }));
        show.server.usually(trouble.clone());
        let visit = show.kit.open_visit().expect("it is told");
        let scenes = show.see(visit, 40, nobody());
        assert_eq!((scenes.len(), show.kit.fact("cut").as_deref()), (1, Some("true")), "{trouble:?}");
        assert_eq!((&scenes[0].tags[..], show.server.requests().len()), (&["group".into()][..], 1), "{trouble:?}");
        show.close();
    }
}

#[test]
fn a_server_that_cannot_be_asked_is_told_of_once_and_when_it_answers_again() {
    let mut show = Show::new(json!({ "cache_for": "0s" }));
    show.server.script([Act::status(400), Act::status(400)]);
    show.server.usually(Act::say(FLOWERS));
    let visit = show.kit.open_visit().expect("it is told");
    for grey in [40, 80, 120, 160] {
        show.see(visit, grey, nobody());
    }
    let lines = |words: &str| show.kit.logs().iter().filter(|line| line.message.contains(words)).count();
    assert_eq!((lines("nothing is seen"), lines("answers again")), (1, 1));
    show.close();
}

#[test]
fn a_server_that_does_not_begin_fails_in_time() {
    let mut show = Show::new(json!({ "answer_within": "600ms" }));
    show.server.usually(Act::say(FLOWERS).after(Duration::from_secs(600)));
    let visit = show.kit.open_visit().expect("it is told");
    assert_eq!(show.see(visit, 40, nobody()).len(), 0);
    assert!(matches!(ending(&show), Ending::Failed(why) if why.contains("in time")));
    show.close();
}

#[test]
fn whoever_leaves_takes_the_question_along() {
    let mut show = Show::new(json!({}));
    for trouble in [Act::say(FLOWERS).stalling_after(3), Act::say(FLOWERS).after(Duration::from_secs(600))] {
        show.server.script([trouble]);
        let asked = show.server.requests().len();
        let visit = show.kit.open_visit().expect("it is told");
        show.look(visit, 40, nobody()).expect("the call goes well");
        show.server.wait("the question", |server| server.requests().len() > asked && server.open_streams() == 1);
        show.kit.leave(visit).expect("it is told");
        show.server.wait("the end of the stream", |server| server.open_streams() == 0);
    }
    assert!(show.scenes().is_empty());
    show.close();
}

#[test]
fn the_stages_deadline_and_a_flush_cancel_a_question_and_the_next_one_is_asked() {
    let mut show = Show::new(json!({}));
    show.server.script([Act::say(FLOWERS).stalling_after(3), Act::say(FLOWERS).stalling_after(3)]);
    show.server.usually(Act::say(FLOWERS));
    let visit = show.kit.open_visit().expect("it is told");
    show.look(visit, 40, nobody()).expect("the call goes well");
    show.server.wait("the question", |server| server.open_streams() == 1);
    show.kit.cancel(0);
    show.server.wait("the end of the stream", |server| server.open_streams() == 0);
    show.look(visit, 40, nobody()).expect("the call goes well");
    show.server.wait("the second question", |server| server.requests().len() == 2 && server.open_streams() == 1);
    show.kit.flush(visit).expect("it is told");
    show.server.wait("the end of the stream", |server| server.open_streams() == 0);
    show.look(visit, 40, nobody()).expect("the call goes well");
    show.kit
        .wait(SOON, |kit| kit.works().len() == 3 && kit.works()[2].ended == Some(Ending::Finished))
        .expect("it is answered");
    assert_eq!(show.scenes().len(), 1);
    show.close();
}

#[test]
fn a_stage_that_closes_in_mid_answer_leaves_nothing_open() {
    let mut show = Show::new(json!({}));
    show.server.usually(Act::say(FLOWERS).stalling_after(3));
    for _ in 0..3 {
        let visit = show.kit.open_visit().expect("it is told");
        show.look(visit, 40, nobody()).expect("the call goes well");
    }
    show.server.wait("the questions", |server| server.open_streams() == 3);
    show.close();
}

#[test]
fn a_visit_asks_one_question_at_a_time_and_the_newest_frame_waits() {
    let mut show = Show::new(json!({ "cache_for": "0s" }));
    show.server.usually(Act::say(FLOWERS).after(Duration::from_millis(300)));
    let visit = show.kit.open_visit().expect("it is told");
    let other = show.kit.open_visit().expect("it is told");
    for grey in [40, 80, 160, 200] {
        show.look(visit, grey, nobody()).expect("the call goes well");
    }
    show.look(other, 40, nobody()).expect("the call goes well");
    let scenes = show.settled();
    // Sequences count frames: the first of each visit, and the last one that waited.
    let mut looked_at: Vec<u64> = scenes.iter().map(|scene| scene.frame).collect();
    looked_at.sort_unstable();
    assert_eq!(looked_at, [0, 3, 4]);
    assert_eq!(show.server.requests().len(), 3);
    show.close();
}

#[test]
fn the_same_people_in_the_same_scene_are_asked_about_once() {
    let mut show = Show::new(json!({}));
    show.server.usually(Act::say(FLOWERS).tokens(137));
    let visit = show.kit.open_visit().expect("it is told");
    let scenes = show.see(visit, 40, known("noura"));
    assert_eq!((scenes[0].cached, scenes[0].tokens), (false, 137));
    let scenes = show.see(visit, 41, known("noura"));
    assert_eq!((scenes[1].cached, scenes[1].tokens, &scenes[1].tags), (true, 0, &scenes[0].tags));
    assert_eq!(show.server.requests().len(), 1);
    // She comes back.
    let again = show.kit.open_visit().expect("it is told");
    assert!(show.see(again, 40, known("noura"))[2].cached);
    // Another scene, another person, a stranger, another stranger, the same stranger in another visit, and much later.
    show.see(visit, 240, known("noura"));
    show.see(visit, 40, known("salem"));
    show.see(visit, 40, stranger(7));
    show.see(visit, 40, stranger(8));
    show.see(again, 40, stranger(7));
    assert_eq!(show.server.requests().len(), 6);
    // Who is not followed may be somebody else the next time.
    let untold = || api::Faces { faces: vec![face(Identity::Unknown)], ..nobody() };
    show.see(again, 40, untold());
    show.see(again, 40, untold());
    assert_eq!(show.server.requests().len(), 8);
    show.kit.advance(Duration::from_secs(121)).expect("nothing is due");
    show.see(visit, 40, known("noura"));
    assert_eq!(show.server.requests().len(), 9);
    show.close();
}

#[test]
fn nothing_is_asked_about_somebody_who_was_greeted_not_long_ago() {
    for kind in [WelcomeKind::Short, WelcomeKind::Silent] {
        let mut show = Show::with_welcome(json!({}));
        let visit = show.kit.open_visit().expect("it is told");
        show.look(visit, 40, known("noura")).expect("it waits for word");
        assert!(show.kit.works().is_empty(), "recognition came first");
        show.kit.send(input::welcome, visit, Welcome::new(kind)).expect("it is told");
        assert_eq!(show.kit.fact("not_asked").as_deref(), Some("greeted not long ago"));
        show.see(visit, 240, known("noura"));
        show.kit.advance(Duration::from_secs(2)).expect("nothing is due");
        assert_eq!((show.kit.works().len(), show.server.requests().len()), (0, 0), "{kind:?}");
        // Another visitor is another matter.
        let other = show.kit.open_visit().expect("it is told");
        show.look(other, 40, known("salem")).expect("it waits for word");
        show.kit.send(input::welcome, other, Welcome::new(WelcomeKind::Full)).expect("it is told");
        assert_eq!(show.settled().len(), 1);
        assert_eq!(show.server.requests().len(), 1);
        show.close();
    }
}

#[test]
fn a_question_waits_for_the_greeting_only_where_it_may_matter_and_not_for_long() {
    let mut show = Show::with_welcome(json!({}));
    // Who is there is not known yet, or is nobody who could have been greeted by name.
    let undecided = || api::Faces { faces: vec![face(Identity::Undecided)], ..nobody() };
    for (asked, faces) in [undecided(), stranger(7), nobody()].into_iter().enumerate() {
        let visit = show.kit.open_visit().expect("it is told");
        show.see(visit, 40, faces);
        assert_eq!(show.server.requests().len(), asked + 1);
    }
    // Word does not come.
    let visit = show.kit.open_visit().expect("it is told");
    show.look(visit, 40, known("noura")).expect("it waits for word");
    assert_eq!(show.server.requests().len(), 3);
    show.look(visit, 40, known("noura")).expect("the newer frame waits no longer than the first");
    show.kit.advance(Duration::from_millis(100)).expect("it is looked at");
    show.settled();
    assert_eq!(show.server.requests().len(), 4);
    // A question that was asked before is answered, and no other one follows.
    show.server.script([Act::say(FLOWERS).after(Duration::from_millis(400))]);
    let visit = show.kit.open_visit().expect("it is told");
    show.look(visit, 40, undecided()).expect("it is asked");
    show.look(visit, 40, undecided()).expect("it waits");
    show.kit.send(input::welcome, visit, Welcome::new(WelcomeKind::Short)).expect("it is told");
    let scenes = show.settled();
    assert_eq!((scenes.len(), show.server.requests().len()), (5, 5));
    show.close();
}

#[test]
fn a_stranger_is_not_kept_beyond_the_visit() {
    let mut show = Show::new(json!({}));
    let visit = show.kit.open_visit().expect("it is told");
    show.see(visit, 40, stranger(7));
    show.kit.end_visit(visit).expect("it is told");
    let next = show.kit.open_visit().expect("it is told");
    show.see(next, 40, stranger(7));
    assert_eq!(show.server.requests().len(), 2);
    show.close();
}

#[test]
fn a_wrong_key_is_told_once_and_tried_again_after_a_while() {
    let mut show = Show::new(json!({}));
    show.server.script([Act::status(401)]);
    let visit = show.kit.open_visit().expect("it is told");
    show.see(visit, 40, nobody());
    assert!(matches!(ending(&show), Ending::Failed(why) if why.contains("`api_key`")));
    let told = show.kit.logs().iter().filter(|line| line.level == 1 && line.message.contains("`api_key`")).count();
    assert_eq!(told, 1);
    for visit in [visit, show.kit.open_visit().expect("it is told")] {
        show.look(visit, 40, nobody()).expect("a day's log is not one line");
        assert_eq!(show.kit.fact("not_asked").as_deref(), Some("the server refuses"));
    }
    assert_eq!(show.server.requests().len(), 1);
    show.kit.advance(Duration::from_secs(31)).expect("nothing is due");
    assert_eq!(show.see(visit, 40, nobody()).len(), 1, "somebody mended it");
    show.close();
}

#[test]
fn a_connection_is_open_before_the_first_visitor_and_the_saving_is_told() {
    let mut show = Show::at(Server::start(), json!({ "prewarm": true }));
    show.kit.wait(SOON, |kit| kit.logs().iter().any(|line| line.message.contains("is open"))).expect("it is warm");
    let connections = show.server.connections();
    assert!(connections > 0 && show.server.requests().is_empty());
    let visit = show.kit.open_visit().expect("it is told");
    show.see(visit, 40, nobody());
    assert!(show.kit.fact("prewarm_saved_ms").is_some());
    assert_eq!(show.server.connections(), connections, "the question went over one that was open");
    show.close();
    let server = Server::start();
    server.script_ready([Act::status(503)]);
    let mut show = Show::at(server, json!({ "dialect": "llama.cpp", "prewarm": true }));
    show.kit
        .wait(SOON, |kit| kit.logs().iter().any(|line| line.message.contains("before the first visitor")))
        .expect("it is told");
    assert_eq!(show.server.all_requests()[0].path, "/health");
    show.close();
}

#[test]
fn tls_is_checked_and_http_2_is_spoken() {
    let server = Server::builder().tls(Proof::Good).start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("company.pem");
    std::fs::write(&file, server.authority().expect("it has one")).expect("it is written");
    let mut show = Show::at(server, json!({ "ca_file": file }));
    let visit = show.kit.open_visit().expect("it is told");
    assert_eq!(show.see(visit, 40, nobody()).len(), 1);
    assert_eq!(show.server.requests()[0].version, "HTTP/2.0");
    show.close();
    let server = Server::builder().tls(Proof::Expired).start();
    // Its authority is trusted, so that nothing but the date is wrong.
    std::fs::write(&file, server.authority().expect("it has one")).expect("it is written");
    let mut show = Show::at(server, json!({ "ca_file": file }));
    let visit = show.kit.open_visit().expect("it is told");
    assert_eq!(show.see(visit, 40, nobody()).len(), 0);
    assert_eq!(show.server.requests().len(), 0);
    assert!(show.told().contains("certificate expired"), "{}", show.told());
    show.close();
}

#[test]
fn the_key_stands_nowhere_but_in_the_header() {
    let echo = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","code":"invalid_api_key"}}}}"#);
    for act in [
        Act::say(FLOWERS),
        Act::status(401).body(&echo),
        Act::status(500).body(&echo),
        Act::redirect(&format!("http://127.0.0.1:9/{KEY}")),
        Act::garbage(),
        Act::say(FLOWERS).cut_after(1),
    ] {
        let mut show = Show::new(json!({ "answer_within": "900ms" }));
        show.server.usually(act.clone());
        let visit = show.kit.open_visit().expect("it is told");
        show.see(visit, 40, known("noura"));
        let refused =
            show.look(visit, 200, known("noura")).err().map(|refused| refused.to_string()).unwrap_or_default();
        let told = format!("{} {refused}", show.told());
        assert!(!told.contains("hunter2"), "{act:?}: {told}");
        assert!(!told.contains("Secret") && !told.contains("نورة"), "{act:?}: a name is told");
        for request in show.server.requests() {
            assert!(!request.body.to_string().contains("hunter2"), "{act:?}");
            assert!(request.headers.iter().all(|(name, value)| name == "authorization" || !value.contains("hunter2")));
        }
        show.close();
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_its_key() {
    let server = Server::start();
    for (more, path) in [
        (json!({ "base_url": "https://me:hunter2@h/v1" }), "base_url"),
        (json!({ "base_url": "vision.example" }), "base_url"),
        (json!({ "api_key": "" }), "api_key"),
        (json!({ "dialect": "ollama", "model": "" }), "model"),
        (json!({ "prompt": "Look." }), "prompt"),
        (json!({ "answer_within": "50ms" }), "answer_within"),
        (json!({ "ca_file": "no-such-file.pem" }), "ca_file"),
        (json!({ "tags": "no-such-file.toml" }), "tags"),
        (json!({ "faces": "send" }), "consent_notice"),
        (json!({ "max_side": 9 }), "max_side"),
    ] {
        let refused = common::open(&server, more.clone()).err().unwrap_or_else(|| panic!("{more} was taken"));
        assert_eq!(refused.path, path, "{more}: {refused}");
        assert!(!refused.message.contains("hunter2"), "{refused}");
    }
    let unwired = Kit::<Vision>::builder().wire(input::frame, "camera.frame").open(json!({ "api_key": KEY }));
    assert_eq!(unwired.err().expect("faces cannot be hidden").path, "faces");
}
