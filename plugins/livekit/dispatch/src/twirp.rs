//! LiveKit's questions are Twirp: a protobuf message posted to a path, one back, and errors in JSON.

use std::time::Duration;

use majlis_plugin_api::Secret;
use prost::Message;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use crate::address::Address;
use crate::error::{Error, Result};

/// A question is answered within this, or it is not.
const LIMIT: Duration = Duration::from_secs(10);
/// Answers of more bytes are none of a LiveKit server's.
const MOST_BYTES: usize = 4 << 20;
/// So much of what a server says is repeated.
const MOST_SAID: usize = 300;

#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    msg: String,
}

/// One question, once: whether it is asked again is the caller's.
pub(crate) async fn ask<Q: Message, A: Message + Default>(
    client: &Client,
    address: &Address,
    token: &Secret,
    service: &str,
    method: &'static str,
    question: &Q,
) -> Result<A> {
    let server = address.ws();
    let whole = async {
        let request = client
            .post(address.at(&format!("/twirp/livekit.{service}/{method}")))
            .header(AUTHORIZATION, bearer(token)?)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/protobuf"))
            .body(question.encode_to_vec());
        let response = request.send().await.map_err(|error| Error::of_the_way(&server, &error))?;
        let status = response.status();
        let body = whole(response, &server).await?;
        if !status.is_success() {
            return Err(refusal(&server, method, status, &body));
        }
        A::decode(&*body).map_err(|error| Error::Protocol { server: server.clone(), why: error.to_string() })
    };
    match timeout(LIMIT, whole).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Silent { server, asked: method, seconds: LIMIT.as_secs() }),
    }
}

/// The header that shows a token. Libraries that log headers leave it out.
pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Error::Token("it holds characters that no header may have".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a server answers with a status that is no success.
pub(crate) fn refusal(server: &str, asked: &'static str, status: StatusCode, body: &[u8]) -> Error {
    let refusal = serde_json::from_slice(body).unwrap_or_else(|_| Refusal {
        code: status.as_u16().to_string(),
        msg: String::from_utf8_lossy(body).trim().to_owned(),
    });
    let said: String = refusal.msg.chars().filter(|c| !c.is_control()).take(MOST_SAID).collect();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Error::Refused { server: server.to_owned(), said };
    }
    if refusal.code == "bad_route" || (status == StatusCode::NOT_FOUND && refusal.code == "404") {
        let why = format!("it does not know {asked}");
        return Error::Protocol { server: server.to_owned(), why };
    }
    Error::Answer { server: server.to_owned(), asked, code: refusal.code, said }
}

/// A whole body, cut off where none of a LiveKit server's would go on.
pub(crate) async fn whole(mut response: Response, server: &str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Error::of_the_way(server, &error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            let why = format!("its answer has more than {MOST_BYTES} bytes");
            return Err(Error::Protocol { server: server.to_owned(), why });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
