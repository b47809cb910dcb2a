use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use majlis_plugin_api::{self as api, Host};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, Url};
use tokio::time::{Instant, sleep, timeout};

use crate::breaker::Breaker;
use crate::client::{ClientOptions, cause};
use crate::endpoint::{self, Endpoint};
use crate::failure::Failure;
use crate::judge::judge;
use crate::reply::Reply;

/// So much of an error's body is read.
const MOST_OF_AN_ERROR: usize = 16 * 1024;
/// Soon after its answer a connection is free again; a question that comes sooner opens another one.
const SETTLE: Duration = Duration::from_millis(20);

/// A service that is asked over HTTP: one client, cheap to clone. What it holds open ends with the last clone.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    endpoint: Endpoint,
    base: Url,
    headers: HeaderMap,
    /// Scheme, host and port: how the server is named in sentences.
    server: String,
    breaker: Breaker,
}

/// What opening a connection beforehand took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warmed {
    /// The first question, with name, TCP and TLS.
    pub cold: Duration,
    /// The second one, over the open connection.
    pub warm: Duration,
}

impl Warmed {
    /// What the first visitor does not wait for.
    #[must_use]
    pub fn saved(self) -> Duration {
        self.cold.saturating_sub(self.warm)
    }
}

impl Remote {
    /// Checks the endpoint and makes the client. Nothing is asked yet.
    ///
    /// # Errors
    /// A key of the configuration is wrong, or there are no certificates by which a server could be trusted.
    pub fn open(endpoint: Endpoint, host: &Host) -> api::Result<Self> {
        let base = endpoint.base()?;
        let headers = endpoint.headers()?;
        if !headers.is_empty() && base.scheme() == "http" && !endpoint::is_here(&base) {
            tracing::warn!("the key travels unencrypted, because `base_url` begins with http: and is not this machine");
        }
        let way = ClientOptions {
            ca_file: endpoint.ca_file.clone(),
            connect_timeout: endpoint.connect_timeout,
            ..ClientOptions::default()
        };
        let client = way.client(&base)?;
        let server = base.origin().ascii_serialization();
        let breaker = Breaker::new(host);
        Ok(Self { inner: Arc::new(Inner { client, endpoint, base, headers, server, breaker }) })
    }

    /// How the server is named in sentences for an operator: its address, without path.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// Why nothing is asked now, if somebody has to act first.
    #[must_use]
    pub fn refuses(&self) -> Option<Failure> {
        self.inner.breaker.refuses()
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.inner.breaker
    }

    /// One question, to a path below the base (from the server's root, where it begins with `/`): JSON out, the head of a good answer back. It is one try; see [`ask`](Remote::ask).
    ///
    /// # Errors
    /// What the server or the way to it says.
    pub async fn post(&self, path: &str, body: Bytes) -> Result<Reply, Failure> {
        let url = endpoint::below(&self.inner.base, path);
        let request = self.inner.client.post(url).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(request.body(body)).await
    }

    /// What stands at a path, as [`post`](Remote::post) counts it.
    ///
    /// # Errors
    /// As [`post`](Remote::post).
    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.send(self.inner.client.get(endpoint::below(&self.inner.base, path))).await
    }

    /// Opens a connection before it is needed, by asking for `path` twice, which should be something small that costs nothing; and
    /// finds a wrong key or address before the first visitor does. It does not open the breaker: a key may be good for questions
    /// and not for this.
    ///
    /// # Errors
    /// As [`get`](Remote::get).
    pub async fn warm(&self, path: &str) -> Result<Warmed, Failure> {
        let mut took = [Duration::ZERO; 2];
        for took in &mut took {
            let begun = Instant::now();
            // To its end: only then is the connection free for the next question.
            self.get(path).await?.whole().await?;
            *took = begun.elapsed();
            sleep(SETTLE).await;
        }
        Ok(Warmed { cold: took[0], warm: took[1] })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Reply, Failure> {
        let Inner { endpoint, server, headers, .. } = &*self.inner;
        let request = request.headers(headers.clone()).header(ACCEPT, HeaderValue::from_static("*/*"));
        let limit = endpoint.first_byte_timeout;
        let response = match timeout(limit, request.send()).await {
            Err(_) => return Err(Failure::passing(format!("{server} did not begin to answer within {limit:?}"))),
            Ok(Err(error)) => return Err(broken(server, &error, "broke off before it answered")),
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() {
            return Ok(Reply::new(response, server, endpoint.most_bytes, limit));
        }
        Err(self.refusal(response).await)
    }

    async fn refusal(&self, response: Response) -> Failure {
        let (status, headers, url) = (response.status(), response.headers().clone(), response.url().clone());
        let mut reply = Reply::new(response, self.server(), MOST_OF_AN_ERROR, self.inner.endpoint.first_byte_timeout);
        let mut said = Vec::new();
        while let Ok(Some(chunk)) = reply.chunk().await {
            said.extend_from_slice(&chunk);
        }
        let mut said = String::from_utf8_lossy(&said).into_owned();
        // Some servers repeat the key that they do not accept.
        let key = self.inner.endpoint.api_key.as_ref().map(|key| key.expose().trim()).unwrap_or_default();
        if !key.is_empty() {
            said = said.replace(key, "***");
        }
        judge(self.server(), status, &headers, &url, &said)
    }
}

/// The failure that an error of the way is. Its text has no address, which the sentence names itself.
pub(crate) fn broken(server: &str, error: &reqwest::Error, how: &str) -> Failure {
    if is_of_trust(error) {
        return Failure::permanent(format!(
            "{server} is not trusted: {}; if a company's own authority vouches for it, name its certificate in `ca_file`",
            cause(error)
        ));
    }
    if error.is_builder() {
        return Failure::last(format!("{server} cannot be asked: {}", cause(error)));
    }
    if error.is_connect() {
        return Failure::passing(format!("{server} cannot be reached: {}", cause(error)));
    }
    Failure::passing(format!("the connection to {server} {how}: {}", cause(error)))
}

fn is_of_trust(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // An `io::Error` does not name what it holds as its source, but that one's source.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = held.map(|held| held as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    false
}
