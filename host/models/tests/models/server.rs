//! A server that behaves badly on demand.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn range(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What the server does with a request.
pub(crate) enum Act {
    /// Serves the bytes as a good server does, ranges included, as the version of this name.
    Serve(Vec<u8>, &'static str),
    /// The same, and closes the connection after so many bytes of the body.
    Cut(Vec<u8>, &'static str, usize),
    /// The same, and then keeps the connection open until the client closes it.
    Stall(Vec<u8>, &'static str, usize),
    /// Exactly these bytes, head included.
    Raw(Vec<u8>),
}

impl Act {
    pub(crate) fn status(line: &str, headers: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n").into_bytes())
    }

    /// The whole body whatever was asked for.
    pub(crate) fn deaf(body: &[u8]) -> Self {
        Self::lie(body, body.len())
    }

    /// A body under a length that is not its own.
    pub(crate) fn lie(body: &[u8], length: usize) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        Self::Raw([head.as_bytes(), body].concat())
    }
}

/// Listens until the test is over.
pub(crate) struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `act` gets each request and its number, from 0.
    pub(crate) fn new(act: impl Fn(&Request, usize) -> Act + Send + Sync + 'static) -> Self {
        Self::listening(move |stream, log| answer(stream, log, &act))
    }

    /// Each connection has a thread of its own.
    fn listening(serve: impl Fn(TcpStream, &Mutex<Vec<Request>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, serve) = (Arc::clone(&seen), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, serve) = (Arc::clone(&log), Arc::clone(&serve));
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        Self { address, seen }
    }

    /// The same over TLS, as `localhost`; with the certificate, as PEM, by which it can be trusted.
    pub(crate) fn encrypted(act: impl Fn(&Request, usize) -> Act + Send + Sync + 'static) -> (Self, String) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
        let config = Arc::new(config);
        let server = Self::listening(move |stream, log| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(StreamOwned::new(connection, stream), log, &act);
        });
        let address = server.address.replace("http://127.0.0.1", "https://localhost");
        (Self { address, ..server }, own.cert.pem())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

/// A client that goes away is no failure of the server's: its writes are not looked at.
fn answer(mut stream: impl Read + Write, log: &Mutex<Vec<Request>>, act: &(dyn Fn(&Request, usize) -> Act + Sync)) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let Some(path) = lines.next().and_then(|line| line.split(' ').nth(1)) else { return };
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let request = Request { path: path.to_owned(), headers: lines.filter_map(header).collect() };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let (body, version, until, stalls) = match act(&request, number) {
        Act::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            return;
        }
        Act::Serve(body, version) => (body, version, usize::MAX, false),
        Act::Cut(body, version, until) => (body, version, until, false),
        Act::Stall(body, version, until) => (body, version, until, true),
    };
    let same = request.headers.get("if-range").is_none_or(|asked| *asked == format!("\"{version}\""));
    let start = request.range().filter(|_| same);
    let total = body.len();
    let (status, range) = match start {
        Some(start) if start >= total => {
            let head = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Range: bytes */{total}\r\n\r\n");
            return;
        }
        Some(start) => ("206 Partial Content", format!("Content-Range: bytes {start}-{}/{total}\r\n", total - 1)),
        None => ("200 OK", String::new()),
    };
    let body = &body[start.unwrap_or(0)..];
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"{version}\"\r\n{range}Connection: close\r\n\r\n"
    );
    let _ = stream.write_all(&body[..until.min(length)]);
    if stalls {
        let _ = stream.read(&mut byte);
    }
}
