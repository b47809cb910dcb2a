//! The server's process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use livekit_token::{AccessToken, VideoGrants};

use crate::place;

/// How long a start may take: on two busy cores some seconds.
const START: Duration = Duration::from_secs(30);

/// A running server; it ends with this.
pub struct Server {
    child: Option<Child>,
    binary: PathBuf,
    /// Configuration and log.
    folder: tempfile::TempDir,
    port: u16,
    /// Where it tells what it counts; 0: nowhere.
    metrics: u16,
    key: String,
    secret: String,
}

impl Server {
    /// Starts the official server, or says that what is to be tested is skipped.
    ///
    /// # Panics
    /// It is not there and nothing may be missing (`MAJLIS_REQUIRE=all`); or it does not start.
    #[must_use]
    pub fn start(skipped: &str) -> Option<Self> {
        Self::configured(skipped, "")
    }

    /// As [`Server::start`], with more at the end of its configuration: whole keys of the top level, in YAML.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn configured(skipped: &str, more: &str) -> Option<Self> {
        Self::begin(skipped, more, false)
    }

    /// As [`Server::start`], and it tells what it counts: [`Server::received_videos`].
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn counting(skipped: &str) -> Option<Self> {
        Self::begin(skipped, "", true)
    }

    fn begin(skipped: &str, more: &str, counts: bool) -> Option<Self> {
        let binary = place::server_binary(skipped)?;
        // Somebody else may take a port between our look and the server's.
        for _ in 0..5 {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let secret = std::iter::repeat_with(fastrand::alphanumeric).take(40).collect();
            let mut server = Self {
                child: None,
                binary: binary.clone(),
                folder,
                port: 0,
                metrics: 0,
                key: "testkey".into(),
                secret,
            };
            server.configure(more, counts);
            if server.launch() {
                return Some(server);
            }
        }
        panic!("{} does not start on any port", binary.display());
    }

    fn configure(&mut self, more: &str, counts: bool) {
        let tcp = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let (http, ice, metrics) = (tcp(), tcp(), counts.then(tcp));
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let port = |address: std::io::Result<SocketAddr>| address.expect("a bound socket has an address").port();
        self.port = port(http.local_addr());
        let (ice, udp) = (port(ice.local_addr()), port(udp.local_addr()));
        self.metrics = metrics.map_or(0, |metrics| port(metrics.local_addr()));
        let counted = if counts { format!("prometheus: {{ port: {} }}\n", self.metrics) } else { String::new() };
        // Left alone, the server sends participants to STUN servers by name: a thread of theirs waits for each name, and a test
        // would ask outside of this machine.
        let text = format!(
            "port: {}\nbind_addresses: [127.0.0.1]\nkeys:\n  {}: {}\nlogging: {{ level: info, json: true }}\n\
             rtc:\n  tcp_port: {ice}\n  udp_port: {udp}\n  node_ip: 127.0.0.1\n  enable_loopback_candidate: true\n  \
             use_external_ip: false\n  stun_servers: [\"127.0.0.1:{udp}\"]\n{counted}{more}",
            self.port, self.key, self.secret
        );
        std::fs::write(self.folder.path().join("livekit.yaml"), text).expect("a file can be written");
    }

    /// Whether it answers.
    fn launch(&mut self) -> bool {
        let log = self.folder.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(log).expect("a file can be made");
        let child = Command::new(&self.binary)
            .args(["--config", "livekit.yaml", "--node-ip", "127.0.0.1"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        let child = self.child.insert(child);
        let until = Instant::now() + START;
        while Instant::now() < until && child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if answers(self.port) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("the server does not start:\n{}", self.log());
        self.kill();
        false
    }

    /// Its address for rooms.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The key's name.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key's secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What a participant needs who joins `room`, publishes, and changes its own attributes.
    #[must_use]
    pub fn grants(&self, room: &str) -> VideoGrants {
        VideoGrants {
            room_join: true,
            room: room.to_owned(),
            can_update_own_metadata: Some(true),
            ..VideoGrants::default()
        }
    }

    /// A token to be filled in, signed with this server's key.
    #[must_use]
    pub fn access(&self, identity: &str) -> AccessToken {
        AccessToken::with_api_key(&self.key, &self.secret).with_identity(identity)
    }

    /// A token of a participant who may do everything that participants may.
    ///
    /// # Panics
    /// It cannot be signed.
    #[must_use]
    pub fn token(&self, identity: &str, room: &str) -> String {
        self.access(identity).with_grants(self.grants(room)).to_jwt().expect("a token can be signed")
    }

    /// Asks its API, as somebody who may do everything in `room`: a method such as `RoomService/DeleteRoom`, and JSON.
    ///
    /// # Panics
    /// It does not answer, or with an error.
    pub fn api(&self, method: &str, room: &str, json: &str) -> String {
        let grants =
            VideoGrants { room_admin: true, room_create: true, room: room.to_owned(), ..VideoGrants::default() };
        let token = AccessToken::with_api_key(&self.key, &self.secret).with_grants(grants).to_jwt();
        let token = token.expect("a token can be signed");
        let request = format!(
            "POST /twirp/livekit.{method} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            json.len()
        );
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the server listens");
        stream.write_all(request.as_bytes()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{method}: {answer}");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// How many tracks of pictures it sends to somebody at the moment: of all rooms, counted by the server itself.
    ///
    /// # Panics
    /// It was not started to [count](Server::counting), or does not answer.
    #[must_use]
    pub fn received_videos(&self) -> u64 {
        assert_ne!(self.metrics, 0, "the server was not started to count");
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.metrics)).expect("the server listens");
        stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        assert!(answer.contains("livekit_room_total"), "that is not what it counts: {answer}");
        let lines = answer.lines().filter(|line| line.starts_with("livekit_track_subscribed_total{"));
        let of_video = lines.filter(|line| line.contains("kind=\"VIDEO\"")).filter_map(|line| line.rsplit(' ').next());
        of_video.map(|count| count.parse::<f64>().expect("a number") as u64).sum()
    }

    /// Everything that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be over already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again after [`Server::kill`], on the same ports and with the same key.
    ///
    /// # Panics
    /// It does not start.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.launch(), "the server does not start again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn answers(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let mut head = [0; 12];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_exact(&mut head).is_ok()
        && head == *b"HTTP/1.1 200"
}
