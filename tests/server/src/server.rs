use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response, StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::act::{Act, What};
use crate::answer::answer;
use crate::avatars::{AvatarCall, Avatars, Session, avatar_faults};
use crate::door::{Door, Proof, Tls};
use crate::oracle::{Kind, faults};
use crate::seen::{Counted, Counter, Request};

/// A body of more bytes is no question.
const MOST: usize = 32 << 20;

/// A server that runs until it is dropped. Dropped, it fails the test if a request did not fit the vendor's description.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: Option<String>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Act>>,
    usual: Mutex<Option<Act>>,
    /// What the model says where nothing else is usual; speech is heard all the same.
    says: Mutex<Option<String>>,
    ready: Mutex<VecDeque<Act>>,
    requests: Mutex<Vec<Request>>,
    faults: Mutex<Vec<String>>,
    avatars: Avatars,
    connections: Counter,
    streams: Counter,
}

/// How a server is started.
#[derive(Default)]
pub struct Builder {
    port: u16,
    proof: Option<Proof>,
}

impl Builder {
    /// At this port of this machine; one that is free otherwise.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// With TLS, and this proof of who it is.
    #[must_use]
    pub fn tls(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// The port is taken, or there are no threads to be had.
    #[must_use]
    pub fn start(self) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("test-server")
            .enable_all()
            .build()
            .expect("threads");
        let shared = Arc::new(Shared::default());
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", self.port))).expect("a port");
        let address = listener.local_addr().expect("a bound port");
        let tls = self.proof.map(Tls::new);
        let (authority, acceptor) = tls.map(|tls| (tls.authority, tls.acceptor)).unzip();
        let door = Door { listener, tls: acceptor, connections: shared.connections.clone() };
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        runtime.spawn(async move {
            // It goes on until the runtime ends.
            let _ = axum::serve(door, router).await;
        });
        Server { shared, address, authority, runtime: Some(runtime) }
    }
}

impl Server {
    /// One that listens at a free port of this machine, without TLS.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// For one with TLS or at a port of the test's choice.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its address: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What a stage is given as `base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// What a stage is given as `base_url` of a vendor of avatars, such as `tavus`.
    #[must_use]
    pub fn avatars_url(&self, vendor: &str) -> String {
        format!("{}/{vendor}", self.url())
    }

    /// The sessions of avatars that were ever begun, in order.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.shared.avatars.sessions()
    }

    /// The certificate, in PEM, of the authority that vouches for it.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// What it does with the next questions, in order; then it does the usual.
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        self.shared.script.lock().extend(acts);
    }

    /// What the model usually says; what speaks goes on to speak.
    pub fn says(&self, answer: impl Into<String>) {
        *self.shared.says.lock() = Some(answer.into());
    }

    /// What it does with each question that the script has nothing for. Without it, a chat is answered with two people and
    /// no tag, and a text with 400 ms of a tone.
    pub fn usually(&self, act: Act) {
        *self.shared.usual.lock() = Some(act);
    }

    /// What it does with the next requests that are no questions, such as those for its models or its health; then it
    /// answers that all is well.
    pub fn script_ready(&self, acts: impl IntoIterator<Item = Act>) {
        self.shared.ready.lock().extend(acts);
    }

    /// The questions that came, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().iter().filter(|request| request.method == "POST").cloned().collect()
    }

    /// All requests that came, in order.
    #[must_use]
    pub fn all_requests(&self) -> Vec<Request> {
        self.shared.requests.lock().clone()
    }

    /// What of the requests did not fit the description so far, which is forgotten by this.
    #[must_use]
    pub fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.faults.lock())
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.connections.now()
    }

    /// Connections that ever were.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.ever()
    }

    /// Answers that are under way now: neither given to their end nor given up by whoever asked.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.shared.streams.now()
    }

    /// When it gave a piece of an answer for the last time.
    #[must_use]
    pub fn last_given(&self) -> Option<Instant> {
        self.shared.streams.last_given()
    }

    /// Waits until that holds of it.
    ///
    /// # Panics
    /// It does not within twenty seconds.
    pub fn wait(&self, what: &str, there: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !there(self) {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{what} did not come true: {} connections and {} streams are open",
                self.open_connections(),
                self.open_streams()
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let faults = self.take_faults();
        assert!(
            faults.is_empty() || std::thread::panicking(),
            "requests did not fit the vendor's description: {}",
            faults.join("; ")
        );
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: axum::extract::Request) -> Response<Body> {
    let (open, at) = (shared.streams.open(), Instant::now());
    let (head, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, MOST).await else { return plain(StatusCode::PAYLOAD_TOO_LARGE) };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = head.uri.host().map(str::to_owned).or_else(|| head.headers.get(header::HOST).map(text));
    shared.requests.lock().push(Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        host: host.unwrap_or_default(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.clone(),
        version: format!("{:?}", head.version),
        at,
    });
    if let Some(call) = AvatarCall::read(&head.method, head.uri.path()) {
        return avatars(&shared, &call, &head.headers, &body, open).await;
    }
    let kind = match (&head.method, head.uri.path()) {
        (&Method::POST, path) if path.ends_with("/chat/completions") => Kind::Chat,
        (&Method::POST, path) if path.ends_with("/audio/speech") => Kind::Speech,
        (&Method::POST, _) => return plain(StatusCode::NOT_FOUND),
        _ => {
            let well = Act::status(200).body(r#"{"object":"list","data":[],"status":"ok"}"#);
            let act = shared.ready.lock().pop_front().unwrap_or(well);
            return answer(act, Some(Kind::Chat), &body, open).await;
        }
    };
    let found = faults(kind, &body);
    if !found.is_empty() {
        let said = json!({ "error": { "message": found.join("; "), "type": "invalid_request_error", "code": null } });
        shared.faults.lock().extend(found);
        return answer(Act::status(400).body(&said.to_string()), Some(kind), &body, open).await;
    }
    let next = shared.script.lock().pop_front();
    let act = next.or_else(|| shared.usual.lock().clone()).unwrap_or_else(|| match kind {
        Kind::Chat => Act::say(shared.says.lock().clone().unwrap_or_else(|| r#"{"people":2,"tags":[]}"#.to_owned())),
        Kind::Speech => Act::sound(400),
    });
    answer(act, Some(kind), &body, open).await
}

/// What a vendor of avatars does. A start follows the script; what ends and lists sessions follows that of requests that are no questions.
async fn avatars(
    shared: &Shared,
    call: &AvatarCall,
    headers: &axum::http::HeaderMap,
    body: &Value,
    open: Counted,
) -> Response<Body> {
    let found = avatar_faults(call, headers, body);
    if !found.is_empty() {
        let said = json!({ "message": found.join("; ") });
        shared.faults.lock().extend(found);
        return answer(Act::status(400).body(&said.to_string()), None, body, open).await;
    }
    let next = if call.is_start() {
        let next = shared.script.lock().pop_front();
        next.or_else(|| shared.usual.lock().clone())
    } else {
        shared.ready.lock().pop_front()
    };
    let act = next.unwrap_or_else(Act::session);
    let act = if matches!(act.what, What::Session) { shared.avatars.do_it(call, body, act) } else { act };
    answer(act, None, body, open).await
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
