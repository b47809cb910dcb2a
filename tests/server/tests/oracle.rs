//! The oracle knows wrong bodies: one that accepts everything is worse than none.

use std::io::{Read as _, Write as _};

use majlis_test_server::{Kind, Server, faults};
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
