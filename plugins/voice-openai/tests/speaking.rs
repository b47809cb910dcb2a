//! Texts out, sound back, over real sockets; and that nothing is left open.

use std::time::Duration;

use majlis_plugin_api::{Utterance, VisitId};
use majlis_test_server::{Act, Server};
use majlis_testkit::{Ending, Kit};
use majlis_voice_openai::{Config, Voice, input, manifest__, output};
use serde_json::{Value, json};

const KEY: &str = "sk-test-hunter2hunter2";
/// Long for a machine and short for who waits in vain.
const SOON: Duration = Duration::from_secs(30);

fn opened(server: &Server, more: Value) -> Kit<Voice> {
    let mut config = json!({ "base_url": server.base_url(), "api_key": KEY, "prewarm": false });
    config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    let builder = Kit::<Voice>::builder().manifest(manifest__::TEXT).language("ar-SA").log_level(5);
    builder.wire(input::utterance, "greeting.utterance").open(config).expect("it opens")
}

fn numbered(number: u64, text: &str) -> Utterance {
    Utterance { number, ..Utterance::plain(text, "ar-SA") }
}

fn say(kit: &mut Kit<Voice>, utterance: Utterance) -> (VisitId, Ending) {
    let visit = kit.open_visit().expect("it is told");
    let work = kit.works().len();
    kit.send(input::utterance, visit, utterance).expect("it begins");
    kit.wait(SOON, |kit| kit.works()[work].ended.is_some()).expect("no call fails");
    (visit, kit.works()[work].ended.clone().expect("it ended"))
}

/// The samples of an utterance, and whether its last packet came.
fn heard(kit: &Kit<Voice>, number: u64) -> (usize, bool) {
    let packets: Vec<_> = kit.emitted(output::audio).into_iter().map(|(_, packet)| packet).collect();
    let of: Vec<_> = packets.iter().filter(|packet| packet.piece().utterance == number).collect();
    assert!(of.iter().all(|packet| packet.rate() == 24_000));
    (of.iter().map(|packet| packet.samples().len() / 2).sum(), of.last().is_some_and(|packet| packet.piece().last))
}

fn close(mut kit: Kit<Voice>, server: &Server) {
    kit.close().expect("it closes");
    drop(kit);
    server.wait("that all is closed", |server| server.open_connections() == 0 && server.open_streams() == 0);
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn a_connection_is_open_before_the_first_visitor_and_the_saving_is_told_once() {
    let server = Server::start();
    server.usually(Act::sound(100));
    let mut kit = opened(&server, json!({ "prewarm": true }));
    kit.wait(SOON, |kit| kit.logs().iter().any(|line| line.message.contains("is open"))).expect("it is warm");
    let connections = server.connections();
    assert!(connections > 0 && server.requests().is_empty());
    say(&mut kit, numbered(1, "أَهْلًا"));
    assert!(kit.fact("prewarm_saved_ms").is_some());
    assert_eq!(server.connections(), connections, "the question went over one that was open");
    say(&mut kit, numbered(2, "وَسَهْلًا"));
    let told = kit.facts().iter().filter(|(_, name, _)| name == "prewarm_saved_ms").count();
    assert_eq!(told, 1);
    close(kit, &server);
}

#[test]
fn a_text_is_heard_whole_in_a_stream_and_in_events() {
    for events in [false, true] {
        let server = Server::start();
        server.usually(Act::sound(500));
        let mut kit = opened(&server, json!({ "events": events, "voices": { "ar": { "voice": "nova" } } }));
        assert_eq!(say(&mut kit, numbered(7, "أَهْلًا وَسَهْلًا")).1, Ending::Finished);
        assert_eq!(heard(&kit, 7), (500 * 24, true), "in events: {events}");
        let body = &server.requests()[0].body;
        assert_eq!(
            (&body["input"], &body["voice"], &body["response_format"]),
            (&json!("أَهْلًا وَسَهْلًا"), &json!("nova"), &json!("pcm"))
        );
        close(kit, &server);
    }
}

#[test]
fn what_can_pass_is_asked_again_while_nothing_was_heard() {
    for trouble in [Act::status(429).header("retry-after", "1"), Act::status(503), Act::sound(400).cut_after(0)] {
        let server = Server::start();
        server.script([trouble.clone()]);
        let mut kit = opened(&server, json!({}));
        assert_eq!(say(&mut kit, numbered(1, "Welcome")).1, Ending::Finished, "{trouble:?}");
        assert_eq!((heard(&kit, 1), server.requests().len()), ((400 * 24, true), 2), "{trouble:?}");
        close(kit, &server);
    }
}

#[test]
fn a_sound_that_breaks_off_is_cut_and_not_begun_again() {
    let server = Server::start();
    server.script([Act::sound(400).cut_after(3)]);
    let mut kit = opened(&server, json!({}));
    let _ = say(&mut kit, numbered(1, "Welcome"));
    let (samples, last) = heard(&kit, 1);
    assert!(samples <= 3 * 40 * 24 && last, "{samples} samples, last: {last}");
    assert_eq!(server.requests().len(), 1);
    close(kit, &server);
}

#[test]
fn what_it_cannot_say_goes_to_the_next_voice() {
    for trouble in [Act::status(401), Act::page(), Act::status(400), Act::say("not a sound")] {
        let server = Server::start();
        server.usually(trouble.clone());
        let builder = Kit::<Voice>::builder().manifest(manifest__::TEXT).language("ar-SA");
        let builder = builder.wire(input::utterance, "greeting.utterance").wire_out(output::unsaid, "espeak.utterance");
        let config = json!({ "base_url": server.base_url(), "api_key": KEY, "prewarm": false });
        let mut kit = builder.open(config).expect("it opens");
        let _ = say(&mut kit, numbered(3, "Welcome"));
        let unsaid: Vec<u64> = kit.emitted(output::unsaid).into_iter().map(|(_, utterance)| utterance.number).collect();
        assert_eq!(unsaid, [3], "{trouble:?}");
        close(kit, &server);
    }
}

#[test]
fn a_service_that_hangs_is_waited_for_twice_and_not_by_everybody() {
    let server = Server::start();
    server.usually(Act::sound(400).after(Duration::from_secs(600)));
    let builder = Kit::<Voice>::builder().manifest(manifest__::TEXT).language("ar-SA");
    let builder = builder.wire(input::utterance, "greeting.utterance").wire_out(output::unsaid, "espeak.utterance");
    let config = json!({ "base_url": server.base_url(), "prewarm": false, "first_byte_timeout": "300ms" });
    let mut kit = builder.open(config).expect("it opens");
    for number in 1..=5 {
        let _ = say(&mut kit, numbered(number, &format!("Welcome, all {number} of you")));
    }
    let unsaid: Vec<u64> = kit.emitted(output::unsaid).into_iter().map(|(_, utterance)| utterance.number).collect();
    assert_eq!(unsaid, [1, 2, 3, 4, 5]);
    assert_eq!(server.requests().len(), 2);
    close(kit, &server);
}

#[test]
fn nobodys_name_is_sent_without_consent_and_no_key_is_told() {
    let server = Server::start();
    let mut kit = opened(&server, json!({}));
    let named = Utterance {
        speak: "أَهْلًا نُورَةْ".into(),
        speak_nameless: "أَهْلًا".into(),
        subjects: vec!["noura".into()],
        names_sent_to: vec!["SA".into()],
        ..numbered(1, "أهلاً نورة")
    };
    let _ = say(&mut kit, named.clone());
    let _ = say(&mut kit, Utterance { number: 2, names_sent_to: vec!["US".into()], ..named });
    let texts: Vec<Value> = server.requests().iter().map(|request| request.body["input"].clone()).collect();
    assert_eq!(texts, [json!("أَهْلًا"), json!("أَهْلًا نُورَةْ")]);
    let told = format!("{:?} {:?}", kit.logs(), kit.facts());
    assert!(!told.contains("hunter2") && !told.contains("نُورَةْ"), "{told}");
    close(kit, &server);
}

#[test]
fn whoever_leaves_takes_the_request_along() {
    let server = Server::start();
    server.usually(Act::sound(2_000).stalling_after(2));
    let mut kit = opened(&server, json!({}));
    let visit = kit.open_visit().expect("it is told");
    kit.send(input::utterance, visit, numbered(1, "Welcome")).expect("it begins");
    server.wait("the request", |server| server.open_streams() == 1);
    kit.leave(visit).expect("it is told");
    server.wait("the end of the stream", |server| server.open_streams() == 0);
    close(kit, &server);
}
