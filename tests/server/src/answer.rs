//! An act as an HTTP answer: its pieces, and when each of them comes.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use serde_json::{Value, json};

use crate::act::{Act, What};
use crate::oracle::Kind;
use crate::seen::Counted;

/// Letters of a piece of a streamed text.
const PIECE: usize = 6;

/// The answer to a request. `open` counts it until its body is over or given up.
pub(crate) async fn answer(act: Act, kind: Option<Kind>, body: &Value, open: Counted) -> Response<Body> {
    if !act.first_byte.is_zero() {
        tokio::time::sleep(act.first_byte).await;
    }
    let streamed = act.streamed
        && match kind {
            Some(Kind::Chat) => body["stream"] == json!(true),
            Some(Kind::Speech) => body["stream_format"] == json!("sse"),
            None => false,
        };
    let (status, content_type, pieces) = pieces(&act, streamed, body);
    let mut response = Response::new(paced(&act, pieces, open));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in &act.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The pieces of a body.
enum Pieces {
    Of(VecDeque<Bytes>),
    /// So many bytes that mean nothing.
    Filler(u64),
}

impl Pieces {
    fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Of(pieces) => pieces.pop_front(),
            Self::Filler(0) => None,
            Self::Filler(left) => {
                const FILLER: [u8; 16 * 1024] = [b'x'; 16 * 1024];
                let size = (FILLER.len() as u64).min(*left);
                *left -= size;
                Some(Bytes::from_static(&FILLER).slice(..usize::try_from(size).unwrap_or_default()))
            }
        }
    }
}

fn pieces(act: &Act, streamed: bool, body: &Value) -> (u16, &'static str, Pieces) {
    let whole = |text: String| Pieces::Of([Bytes::from(text)].into());
    let model = body["model"].as_str().unwrap_or_default();
    match &act.what {
        What::Status { status, content_type, body } => (*status, content_type, whole(body.clone())),
        What::Huge { bytes } => (200, "text/event-stream", Pieces::Filler(*bytes)),
        // The vendor has put its own answer in its place before.
        What::Session => (500, "application/json", whole("{}".into())),
        What::Say { text, reason } if streamed => {
            let letters: Vec<char> = text.chars().collect();
            let deltas = letters.chunks(PIECE).map(|piece| json!({ "content": piece.iter().collect::<String>() }));
            (200, "text/event-stream", completion(model, deltas, reason, act.tokens))
        }
        What::Refusal if streamed => {
            let deltas = ["I'm sorry, ", "I can't help with that."].map(|piece| json!({ "refusal": piece }));
            (200, "text/event-stream", completion(model, deltas.into_iter(), "stop", act.tokens))
        }
        What::Say { text, reason } => {
            let message = json!({ "role": "assistant", "content": text, "refusal": null });
            (200, "application/json", whole(message_of(model, &message, reason, act.tokens).to_string()))
        }
        What::Refusal => {
            let message =
                json!({ "role": "assistant", "content": null, "refusal": "I'm sorry, I can't help with that." });
            (200, "application/json", whole(message_of(model, &message, "stop", act.tokens).to_string()))
        }
        What::Sound { millis } => {
            let sound = tone(*millis);
            // 40 ms each, as a voice that speaks while it thinks.
            let pieces = sound.chunks(24 * 40 * 2);
            if streamed {
                let delta =
                    |piece: &[u8]| event(&json!({ "type": "speech.audio.delta", "audio": STANDARD.encode(piece) }));
                let done = json!({ "type": "speech.audio.done", "usage": { "total_tokens": act.tokens } });
                (200, "text/event-stream", Pieces::Of(pieces.map(delta).chain([event(&done)]).collect()))
            } else {
                (200, "audio/pcm", Pieces::Of(pieces.map(Bytes::copy_from_slice).collect()))
            }
        }
    }
}

fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

fn completion(model: &str, deltas: impl Iterator<Item = Value>, reason: &str, tokens: u64) -> Pieces {
    let chunk = |choices: Value, usage: Value| {
        event(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices,
            "usage": usage,
        }))
    };
    let of = |delta: Value| chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), Value::Null);
    let begin = of(json!({ "role": "assistant", "content": "" }));
    let end = chunk(json!([{ "index": 0, "delta": {}, "finish_reason": reason }]), Value::Null);
    let usage = chunk(json!([]), used(tokens));
    let done = Bytes::from_static(b"data: [DONE]\n\n");
    Pieces::Of([begin].into_iter().chain(deltas.map(of)).chain([end, usage, done]).collect())
}

fn message_of(model: &str, message: &Value, reason: &str, tokens: u64) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{ "index": 0, "message": message, "finish_reason": reason, "logprobs": null }],
        "usage": used(tokens),
    })
}

fn used(tokens: u64) -> Value {
    json!({ "prompt_tokens": tokens.saturating_sub(20), "completion_tokens": tokens.min(20), "total_tokens": tokens })
}

/// 440 Hz, 24 kHz, signed 16-bit.
fn tone(millis: u32) -> Vec<u8> {
    let sample = |index: u32| (f64::from(index) / 24_000.0 * 440.0 * std::f64::consts::TAU).sin() * 8_000.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is between -8,000 and 8,000")]
    let samples = (0..millis * 24).flat_map(|index| (sample(index) as i16).to_le_bytes());
    samples.collect()
}

/// Why a body breaks off; hyper closes the connection.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut, as the test wants")
    }
}

impl std::error::Error for Cut {}

/// The body, with the pauses and the end that the act wants.
fn paced(act: &Act, pieces: Pieces, open: Counted) -> Body {
    let (between, stall_after, cut_after) = (act.between, act.stall_after, act.cut_after);
    Body::from_stream(stream::unfold((pieces, 0_usize, open), move |(mut pieces, given, open)| async move {
        if stall_after == Some(given) {
            // Longer than any test; whoever goes away drops it.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        if cut_after == Some(given) {
            // What was given so far is to arrive before the connection breaks.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Some((Err(Cut), (pieces, given, open)));
        }
        if given > 0 && !between.is_zero() {
            tokio::time::sleep(between).await;
        }
        let piece = pieces.next()?;
        open.give();
        Some((Ok(piece), (pieces, given + 1, open)))
    }))
}
