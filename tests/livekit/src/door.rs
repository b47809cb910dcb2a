//! How a page asks for a token.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// Asks at a door (`HOST:PORT`) as a page does, with these lines in the head, each ended with `\r\n`. Answers the status and the body.
///
/// # Panics
/// Nobody listens there, or what is answered is no answer.
#[must_use]
pub fn ask_for_token(door: &str, head: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(door).expect("somebody gives tokens");
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: {door}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n{head}\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).expect("it is heard");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).expect("JSON"))
}

/// The door that a line of a log tells of, if it does.
#[must_use]
pub fn door_in(line: &str) -> Option<&str> {
    let place = line.split_once("visitors' tokens are given at http://")?.1;
    place.split_once("/token").map(|(place, _)| place)
}
