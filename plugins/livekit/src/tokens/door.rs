//! Where pages ask for a token, over HTTP.
//!
//! It speaks as LiveKit's own token servers do: `POST /token` is answered with 201 and JSON. What is asked for in the body is not
//! read: which room, which agent and what a visitor may do is decided here and nowhere else.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN, VARY, WWW_AUTHENTICATE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use majlis_plugin_api::{Error, Result, Secret};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Desk, Watches};
use crate::config::Tokens;
use crate::running::Running;
use crate::servers::Servers;
use crate::word::Word;

/// The one path.
const PATH: &str = "/token";
/// Connections at once. Who asks needs one for some milliseconds.
const CONNECTIONS: usize = 64;
/// A connection that asks nothing is closed after this time, and one that asks again and again, too.
const CONNECTION: Duration = Duration::from_secs(30);
/// So long the beginning of a request may take.
const HEAD: Duration = Duration::from_secs(5);
/// A system that gives no more connections is asked again after this time.
const PAUSE: Duration = Duration::from_millis(100);

/// The door. Dropped, it is closed, and nobody watches any more.
pub(crate) struct Door {
    listener: TcpListener,
    rules: Arc<Rules>,
}

/// What is done for whoever was let in.
pub(crate) enum Care {
    /// Rooms are watched over, so that each has its agent.
    Watched(Watches),
    /// The stand's agent is there without being sent for, and hears who comes.
    Expected(WeakUnboundedSender<Word>),
}

/// Who is given what.
struct Rules {
    desk: Desk,
    servers: Arc<Servers>,
    bearer: Option<Secret>,
    origins: Vec<String>,
    care: Care,
}

impl Door {
    /// Takes the port.
    pub(crate) fn open(tokens: &Tokens, desk: Desk, servers: Arc<Servers>, care: Care) -> Result<Self> {
        let place = tokens.place()?;
        let refused = |error: std::io::Error| Error::config("tokens.listen", format!("{place}: {error}"));
        let listener = TcpListener::bind(place).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let rules = Rules {
            desk,
            servers,
            bearer: tokens.bearer.as_ref().map(|bearer| Secret::new(bearer.expose().trim())),
            origins: tokens.origins.iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect(),
            care,
        };
        Ok(Self { listener, rules: Arc::new(rules) })
    }

    /// Answers whoever comes.
    pub(crate) async fn serve(self) -> Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let place: SocketAddr = listener.local_addr()?;
        tracing::info!("visitors' tokens are given at http://{place}{PATH}");
        let rules = Arc::clone(&self.rules);
        let _patrol = Running::new(async move {
            if let Care::Watched(watches) = &rules.care {
                watches.patrol(&rules.servers).await;
            }
        });
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // It is never closed.
            let Ok(free) = places.clone().acquire_owned().await else { return Ok(()) };
            match listener.accept().await {
                Ok((stream, _)) => drop(connections.spawn(serve(stream, self.rules.clone(), free))),
                // Such as too many open files: it passes.
                Err(error) => {
                    tracing::warn!("no token can be asked for: {error}");
                    sleep(PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

async fn serve(stream: TcpStream, rules: Arc<Rules>, _place: OwnedSemaphorePermit) {
    let answer = service_fn(|request| {
        let answer = rules.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    // Whoever hangs up, or speaks something else, gets no answer.
    let _ = timeout(CONNECTION, http.serve_connection(TokioIo::new(stream), answer)).await;
}

type Answer = Response<Full<Bytes>>;

impl Rules {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let mut answer = match (request.uri().path(), request.method()) {
            (PATH, &Method::POST) if !self.may_ask(request) => {
                let mut answer = refused(StatusCode::UNAUTHORIZED, "show the bearer of this stage's `tokens`");
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                answer
            }
            (PATH, &Method::POST) => self.pass(),
            // A browser asks whether its page may ask.
            (PATH, &Method::OPTIONS) => {
                let mut answer = Response::new(Full::default());
                *answer.status_mut() = StatusCode::NO_CONTENT;
                answer
            }
            (PATH, _) => {
                let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "ask with POST");
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
                answer
            }
            _ => refused(StatusCode::NOT_FOUND, "tokens are given at /token"),
        };
        self.let_read(request, &mut answer);
        answer
    }

    /// Whether whoever asks shows what has to be shown. How long the comparison takes tells nothing of it.
    fn may_ask(&self, request: &Request<Incoming>) -> bool {
        let Some(bearer) = &self.bearer else { return true };
        let shown = request.headers().get(AUTHORIZATION).and_then(|shown| shown.to_str().ok());
        let Some(shown) = shown.and_then(|shown| shown.strip_prefix("Bearer ")) else { return false };
        let (shown, bearer) = (shown.trim().as_bytes(), bearer.expose().as_bytes());
        let differs = shown.iter().zip(bearer).fold(0, |differs, (a, b)| differs | (a ^ b));
        shown.len() == bearer.len() && std::hint::black_box(differs) == 0
    }

    fn pass(&self) -> Answer {
        if let Care::Watched(watches) = &self.care
            && watches.are_too_many()
        {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "too many visitors were let in a moment ago");
        }
        let Some(server) = self.servers.now() else {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "no LiveKit server has been chosen yet; the log says why");
        };
        let pass = match self.desk.pass() {
            Ok(pass) => pass,
            Err(error) => {
                tracing::error!("a visitor gets no token: {error}");
                return refused(StatusCode::INTERNAL_SERVER_ERROR, "no token can be made; the log says why");
            }
        };
        match &self.care {
            Care::Watched(watches) => watches.begin(server.api.clone(), pass.room.clone(), self.desk.good_for()),
            Care::Expected(words) => {
                // The stand may be over, and the door is closed in a moment.
                if let Some(words) = words.upgrade() {
                    let _ = words.send(Word::Expected { identity: pass.identity.clone() });
                }
            }
        }
        told(StatusCode::CREATED, self.desk.handed_over(&pass, &server).to_string())
    }

    /// Lets pages of the origins that are named read the answer.
    fn let_read(&self, request: &Request<Incoming>, answer: &mut Answer) {
        let headers = answer.headers_mut();
        // A token is for whoever asked.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = request.headers().get(ORIGIN) else { return };
        if self.origins.iter().any(|named| named.as_bytes() == origin.as_bytes()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Answer {
    told(status, json!({ "error": why }).to_string())
}

fn told(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use majlis_livekit_dispatch::{ClientOptions, Keys};
    use majlis_plugin_api::Value;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::config::Config;

    fn servers(config: &Config, keys: Keys) -> Arc<Servers> {
        Arc::new(Servers::new(config, keys, ClientOptions::default()).expect("servers"))
    }

    /// A door that is open, and where it is.
    fn open(more: Value) -> SocketAddr {
        open_to(&json!({ "url": "wss://h" }), more)
    }

    /// The same, to these servers.
    fn open_to(servers_of: &Value, more: Value) -> SocketAddr {
        let mut tokens = json!({ "listen": "127.0.0.1:0" });
        tokens.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let mut config = json!({ "key": "key", "secret": "hunter2hunter2hunter2", "tokens": tokens });
        config.as_object_mut().expect("a map").extend(servers_of.as_object().expect("a map").clone());
        let config: Config = serde_json::from_value(config).expect("a configuration");
        let keys = Keys::new(&config.key, &config.secret).expect("keys");
        let (desk, servers) = (Desk::new(&config, keys.clone()), servers(&config, keys));
        let (stand, _) = tokio::sync::mpsc::unbounded_channel();
        let door = Door::open(
            config.tokens.as_ref().expect("there are some"),
            desk,
            servers,
            Care::Expected(stand.downgrade()),
        )
        .expect("a free port");
        let place = door.listener.local_addr().expect("an address");
        tokio::spawn(door.serve());
        place
    }

    /// What is answered to a request.
    async fn ask(place: SocketAddr, method: &str, path: &str, head: &str) -> String {
        let mut stream = TcpStream::connect(place).await.expect("it listens");
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        answer
    }

    fn status(answer: &str) -> &str {
        answer.split(' ').nth(1).expect("a status")
    }

    #[tokio::test]
    async fn a_token_is_asked_for_in_one_way_and_every_other_is_told_so() {
        let place = open(json!({}));
        let given = ask(place, "POST", PATH, "").await;
        assert_eq!(status(&given), "201", "{given}");
        assert!(given.contains("cache-control: no-store") && given.contains("participant_token"), "{given}");
        assert_eq!(status(&ask(place, "GET", PATH, "").await), "405");
        assert_eq!(status(&ask(place, "POST", "/", "").await), "404");
        assert_eq!(status(&ask(place, "POST", "/token/../x", "").await), "404");
    }

    #[tokio::test]
    async fn nobody_is_sent_to_a_server_before_one_was_chosen() {
        let place = open_to(&json!({ "urls": { "dubai": "wss://a", "mumbai": "wss://b" } }), json!({}));
        let refused = ask(place, "POST", PATH, "").await;
        assert!(status(&refused) == "503" && refused.contains("chosen"), "{refused}");
    }

    #[tokio::test]
    async fn without_the_bearer_nobody_gets_a_token() {
        let place = open(json!({ "bearer": "hunter2\n" }));
        for head in
            ["", "Authorization: Bearer\r\n", "Authorization: Bearer hunter\r\n", "Authorization: Bearer hunter22\r\n"]
        {
            let refused = ask(place, "POST", PATH, head).await;
            assert_eq!(status(&refused), "401", "{head}");
            assert!(!refused.contains("participant_token") && !refused.contains("hunter2"), "{refused}");
        }
        assert_eq!(status(&ask(place, "POST", PATH, "Authorization: Bearer hunter2\r\n").await), "201");
    }

    #[tokio::test]
    async fn pages_of_origins_that_are_named_read_the_answer_and_others_do_not() {
        let place = open(json!({ "origins": ["https://stand.example/"] }));
        let allowed = "access-control-allow-origin: https://stand.example\r\n";
        let asked = ask(place, "OPTIONS", PATH, "Origin: https://stand.example\r\n").await;
        assert!(status(&asked) == "204" && asked.contains(allowed), "{asked}");
        assert!(ask(place, "POST", PATH, "Origin: https://stand.example\r\n").await.contains(allowed));
        let other = ask(place, "POST", PATH, "Origin: https://other.example\r\n").await;
        assert!(!other.contains("access-control-allow-origin"), "{other}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_by_its_key() {
        let place = open(json!({}));
        let tokens = Tokens {
            listen: place.to_string(),
            bearer: None,
            origins: Vec::new(),
            good_for: majlis_plugin_api::Span::from_millis(1),
        };
        let config = json!({ "url": "wss://h", "key": "key", "secret": "hunter2hunter2hunter2" });
        let config: Config = serde_json::from_value(config).expect("a configuration");
        let keys = Keys::new(&config.key, &config.secret).expect("keys");
        let (desk, servers) = (Desk::new(&config, keys.clone()), servers(&config, keys));
        let (stand, _) = tokio::sync::mpsc::unbounded_channel();
        let taken = Door::open(&tokens, desk, servers, Care::Expected(stand.downgrade()))
            .err()
            .expect("it is taken")
            .to_string();
        assert!(taken.contains(&place.to_string()), "{taken}");
    }
}
