//! The oracle knows wrong bodies: one that accepts everything is worse than none.

use std::io::{Read as _, Write as _};

use majlis_test_server::{AvatarCall, Kind, Server, avatar_faults, faults};
use serde_json::{Value, json};

/// Nothing is known of what is wrong where the description is absent; the test kit says so.
fn has_description() -> bool {
    majlis_testkit::testdata::path("specs/openai-subset.json").is_some()
}

fn question() -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [
            { "role": "system", "content": "Look." },
            { "role": "user", "content": [
                { "type": "text", "text": "What is there?" },
                { "type": "image_url", "image_url": { "url": "data:image/jpeg;base64,AAAA", "detail": "low" } },
            ] },
        ],
        "max_completion_tokens": 100,
        "stream": true,
        "stream_options": { "include_usage": true },
        "store": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "scene", "strict": true, "schema": {} } },
    })
}

#[test]
fn a_question_as_it_should_be_has_no_fault() {
    assert_eq!(faults(Kind::Chat, &question()), Vec::<String>::new());
    let text = json!({ "model": "tts-1", "input": "مرحبا", "voice": "alloy", "response_format": "pcm", "stream_format": "sse" });
    assert_eq!(faults(Kind::Speech, &text), Vec::<String>::new());
}

#[test]
fn bodies_that_are_known_to_be_wrong_are_refused() {
    if !has_description() {
        return;
    }
    let with = |pointer: &str, value: Value| {
        let mut body = question();
        *body.pointer_mut(pointer).expect("a place in the question") = value;
        body
    };
    let without = |key: &str| {
        let mut body = question();
        body.as_object_mut().expect("a map").remove(key);
        body
    };
    let wrong = [
        ("no model", without("model")),
        ("no messages", without("messages")),
        ("empty messages", with("/messages", json!([]))),
        ("a role that is none", with("/messages/0/role", json!("butler"))),
        ("a picture without an address", with("/messages/1/content/1/image_url", json!({ "detail": "low" }))),
        ("a detail that is none", with("/messages/1/content/1/image_url/detail", json!("medium"))),
        ("a part that is none", with("/messages/1/content/0/type", json!("picture"))),
        ("tokens in words", with("/max_completion_tokens", json!("100"))),
        ("a schema without a name", with("/response_format/json_schema", json!({ "schema": {} }))),
    ];
    for (what, body) in &wrong {
        assert!(!faults(Kind::Chat, body).is_empty(), "{what} was accepted");
    }
    for body in [
        json!({ "model": "tts-1", "input": "x" }),
        json!({ "model": "tts-1", "input": "x", "voice": "alloy", "speed": 9 }),
    ] {
        assert!(!faults(Kind::Speech, &body).is_empty(), "{body} was accepted");
    }
}

#[test]
fn a_wrong_question_fails_the_test_that_asked_it() {
    if !has_description() {
        return;
    }
    let server = Server::start();
    let mut stream = std::net::TcpStream::connect(server.url().trim_start_matches("http://")).expect("a connection");
    let question =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(question.as_bytes()).expect("it is asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server)));
    assert!(dropped.is_err(), "the server is dropped as if nothing had happened");
}

/// A start of this vendor as it should be.
fn started(vendor: &str) -> Value {
    match vendor {
        "tavus" => json!({ "pal_id": "p1", "face_id": "f1", "conversation_name": "tag",
            "properties": { "livekit_ws_url": "wss://h", "livekit_room_token": "t", "max_call_duration": 600 } }),
        "bey" => json!({ "transport": "livekit", "avatar_id": "a1", "url": "wss://h", "token": "t" }),
        _ => json!({ "avatar_id": "a1", "livekit_url": "wss://h", "livekit_token": "t" }),
    }
}

fn faults_of(vendor: &str, body: &Value) -> Vec<String> {
    let headers =
        [("x-api-key", "key")].map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
    avatar_faults(&AvatarCall::start(vendor), &headers.into_iter().collect(), body)
}

#[test]
fn a_start_of_an_avatar_as_it_should_be_has_no_fault() {
    for vendor in ["tavus", "bey", "trugen"] {
        assert_eq!(faults_of(vendor, &started(vendor)), Vec::<String>::new(), "{vendor}");
    }
    let older = json!({ "replica_id": "r1", "properties": { "livekit_ws_url": "wss://h", "livekit_room_token": "t" } });
    assert_eq!(faults_of("tavus", &older), Vec::<String>::new(), "the names of before the middle of 2026");
}

#[test]
fn starts_of_avatars_that_are_known_to_be_wrong_are_refused() {
    if majlis_testkit::testdata::path("specs/tavus-subset.json").is_none() {
        return;
    }
    let with = |vendor: &str, pointer: &str, key: &str, value: Value| {
        let mut body = started(vendor);
        let map = body.pointer_mut(pointer).and_then(Value::as_object_mut).expect("a map of the body");
        if value.is_null() {
            map.remove(key)
        } else {
            map.insert(key.to_owned(), value)
        };
        body
    };
    let wrong = [
        ("tavus", "old and new names together", with("tavus", "", "replica_id", json!("r1"))),
        ("tavus", "a duration in words", with("tavus", "/properties", "max_call_duration", json!("600"))),
        ("tavus", "a test mode in words", with("tavus", "", "test_mode", json!("yes"))),
        ("tavus", "no token", with("tavus", "/properties", "livekit_room_token", Value::Null)),
        ("tavus", "a token at the wrong place", with("tavus", "", "livekit_room_token", json!("t"))),
        (
            "tavus",
            "no face and no pal",
            json!({ "properties": { "livekit_ws_url": "wss://h", "livekit_room_token": "t" } }),
        ),
        (
            "bey",
            "the keys of before August of 2026",
            json!({ "avatar_id": "a1", "livekit_url": "wss://h", "livekit_token": "t" }),
        ),
        ("bey", "another transport", with("bey", "", "transport", json!("pipecat"))),
        ("bey", "no avatar", with("bey", "", "avatar_id", Value::Null)),
        ("bey", "a number as an avatar", with("bey", "", "avatar_id", json!(7))),
        ("bey", "a key of another vendor", with("bey", "", "livekit_url", json!("wss://h"))),
        ("trugen", "a page as an address", with("trugen", "", "livekit_url", json!("https://h"))),
        ("trugen", "an empty token", with("trugen", "", "livekit_token", json!(""))),
    ];
    for (vendor, what, body) in &wrong {
        assert!(!faults_of(vendor, body).is_empty(), "{vendor}: {what} was accepted");
    }
    let no_key = avatar_faults(&AvatarCall::start("bey"), &Default::default(), &started("bey"));
    assert!(!no_key.is_empty(), "a request without a key was accepted");
}
