//! One question: the picture out, the answer collected as it comes, cut when its time is over.

use std::time::Duration;

use bytes::Bytes;
use majlis_plugin_api::Pending;
use majlis_remote::{Failure, Remote, Reply};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

/// Below the server's base.
const PATH: &str = "chat/completions";
/// A scene has some hundred letters: what goes on and on is none.
const MOST_TEXT: usize = 4 * 1024;
/// So long before the end of its time an answer is cut, so that what is whole of it still counts.
const SPARE: Duration = Duration::from_millis(40);

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) text: String,
    /// The time was over before the answer was.
    pub(crate) cut: bool,
    /// Question and answer, if the server says.
    pub(crate) tokens: u64,
    /// Why it is no scene, in words for the report.
    pub(crate) silent: Option<&'static str>,
}

/// Asks, again where that helps, until then.
///
/// `counts` says whether a beginning of an answer is of use: then an answer that breaks off is not asked for again.
pub(crate) async fn ask(
    remote: &Remote,
    body: Bytes,
    until: Instant,
    pending: &Pending,
    counts: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<Told, Failure> {
    remote
        .ask(until, || {
            let body = body.clone();
            async move {
                let reply = remote.post(PATH, body).await?;
                pending.mark("answer begins");
                match reply.content_type().as_str() {
                    "text/event-stream" => streamed(reply, until - SPARE, counts).await,
                    // A server that does not stream, and one that does not say what it sends.
                    "application/json" | "" => whole(reply).await,
                    other => Err(Failure::last(format!(
                        "{} answers with {other} instead of a completion; look whether `base_url` is right, and whether the \
                         network wants somebody to log in",
                        reply.server()
                    ))),
                }
            }
        })
        .await
}

async fn streamed(
    reply: Reply,
    cut_at: Instant,
    counts: &(dyn Fn(&str) -> bool + Send + Sync),
) -> Result<Told, Failure> {
    let server = reply.server().to_owned();
    let mut events = reply.events();
    let mut collected = Collected::default();
    loop {
        let event = match timeout_at(cut_at, events.next()).await {
            Err(_) if collected.text.is_empty() => {
                return Err(Failure::last(format!("{server} did not answer in time")));
            }
            Err(_) => return Ok(Told { cut: true, ..collected.told() }),
            Ok(Err(_)) if counts(&collected.text) => return Ok(Told { cut: true, ..collected.told() }),
            Ok(event) => event?,
        };
        let Some(event) = event else { break };
        if event.data == "[DONE]" {
            collected.done = true;
            break;
        }
        let chunk = json(&server, event.data.as_bytes())?;
        collected.take(&chunk, "delta", &server)?;
    }
    if !collected.done && collected.reason.is_none() {
        if counts(&collected.text) {
            return Ok(Told { cut: true, ..collected.told() });
        }
        return Err(Failure::passing(format!("{server} ended its answer in the middle")));
    }
    Ok(collected.told())
}

async fn whole(reply: Reply) -> Result<Told, Failure> {
    let server = reply.server().to_owned();
    let completion = json(&server, &reply.whole().await?)?;
    let mut collected = Collected::default();
    collected.take(&completion, "message", &server)?;
    if collected.text.is_empty() && !collected.refused && collected.reason.is_none() {
        return Err(Failure::last(format!("{server} answers with JSON that is no completion")));
    }
    Ok(collected.told())
}

fn json(server: &str, bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|_| Failure::last(format!("{server} answers with what is no JSON")))
}

#[derive(Default)]
struct Collected {
    text: String,
    refused: bool,
    reason: Option<String>,
    tokens: u64,
    too_long: bool,
    done: bool,
}

impl Collected {
    /// A completion, or a chunk of one; the text stands in the choice's `part`.
    fn take(&mut self, value: &Value, part: &str, server: &str) -> Result<(), Failure> {
        if value.get("error").is_some_and(|error| !error.is_null()) {
            // Some say it after a head that was good.
            return Err(Failure::last(format!("{server} gave up in the middle of its answer")));
        }
        if let Some(tokens) = value["usage"]["total_tokens"].as_u64() {
            self.tokens = tokens;
        }
        // The chunk with the tokens has no choices.
        let Some(choice) = value["choices"].get(0) else { return Ok(()) };
        if let Some(text) = choice[part]["content"].as_str() {
            self.too_long |= self.text.len() + text.len() > MOST_TEXT;
            if !self.too_long {
                self.text.push_str(text);
            }
        }
        self.refused |= choice[part]["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty());
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.reason = Some(reason.to_owned());
        }
        Ok(())
    }

    fn told(self) -> Told {
        let silent = match self.reason.as_deref() {
            _ if self.refused => Some("refused"),
            Some("content_filter") => Some("filtered"),
            Some("length") => Some("too long"),
            _ if self.too_long => Some("too long"),
            _ => None,
        };
        Told { text: self.text, cut: false, tokens: self.tokens, silent }
    }
}
