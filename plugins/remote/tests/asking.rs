//! A server that misbehaves in every way, asked over real sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use majlis_plugin_api::Secret;
use majlis_remote::{Auth, Endpoint, Failure, Remote};
use majlis_test_server::{Act, Proof, Server};

const KEY: &str = "sk-test-hunter2hunter2";

fn endpoint(base_url: &str) -> Endpoint {
    Endpoint {
        base_url: base_url.to_owned(),
        api_key: Some(Secret::new(KEY)),
        auth: Auth::Bearer,
        ca_file: None,
        connect_timeout: Duration::from_secs(2),
        first_byte_timeout: Duration::from_millis(500),
        most_bytes: 1 << 20,
    }
}

fn question() -> Bytes {
    let picture = serde_json::json!({ "type": "image_url", "image_url": { "url": "data:image/jpeg;base64,AAAA" } });
    let body =
        serde_json::json!({ "model": "m", "messages": [{ "role": "user", "content": [picture] }], "stream": true });
    Bytes::from(body.to_string())
}

/// What became of a question, with this long for it. The remote and what it holds open are gone afterwards.
fn ask_within(remote: Remote, time: Duration) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(async {
        let until = tokio::time::Instant::now() + time;
        let asked = remote.ask(until, || async {
            let mut events = remote.post("chat/completions", question()).await?.events();
            let mut all = String::new();
            while let Some(event) = events.next().await? {
                all.push_str(&event.data);
            }
            Ok(all)
        });
        asked.await
    });
    if let Err(failure) = &answer {
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
    }
    answer
}

fn ask_at(server: &Server, endpoint: Endpoint, time: Duration) -> Result<String, Failure> {
    let answer = ask_within(Remote::open(endpoint, &majlis_testkit::host()).expect("it opens"), time);
    // Whatever came of it: nothing is left open.
    server.wait("that all is closed", |server| server.open_connections() == 0 && server.open_streams() == 0);
    answer
}

fn ask(server: &Server) -> Result<String, Failure> {
    ask_at(server, endpoint(&server.base_url()), Duration::from_secs(5))
}

#[test]
fn a_good_answer_comes_with_one_question_that_shows_the_key() {
    let server = Server::start();
    assert!(ask(&server).expect("an answer").ends_with("[DONE]"));
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers["authorization"], format!("Bearer {KEY}"));
    assert!(!requests[0].headers.contains_key("cookie") && !requests[0].headers.contains_key("referer"));
}

#[test]
fn what_can_pass_is_asked_again() {
    for trouble in [Act::status(408), Act::status(429), Act::status(500), Act::status(503), Act::say("x").cut_after(2)]
    {
        let server = Server::start();
        server.script([trouble.clone(), trouble.clone()]);
        assert!(ask(&server).is_ok(), "{trouble:?}");
        assert_eq!(server.requests().len(), 3, "{trouble:?}");
    }
}

#[test]
fn a_server_that_asks_for_time_gets_it_and_one_that_asks_for_too_much_is_given_up() {
    let server = Server::start();
    server.script([Act::status(429).header("retry-after", "1")]);
    let begun = Instant::now();
    assert!(ask(&server).is_ok());
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was asked again after {:?}", begun.elapsed());

    let server = Server::start();
    server.script([Act::status(429).header("retry-after", "60")]);
    let begun = Instant::now();
    let failure = ask(&server).expect_err("nobody waits for a minute");
    assert!(failure.may_pass() && begun.elapsed() < Duration::from_secs(5), "{failure}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_somebody_must_mend_is_asked_about_once() {
    let quota = r#"{"error":{"message":"no credit","type":"insufficient_quota","code":"insufficient_quota"}}"#;
    let echo = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","code":"invalid_api_key"}}}}"#);
    let model = r#"{"error":{"message":"model \"m\" not found","code":"model_not_found"}}"#;
    for (act, word) in [
        (Act::status(401).body(&echo), "`api_key`"),
        (Act::status(403), "key"),
        (Act::status(404).body(model), "`model`"),
        (Act::status(404).body("no such page"), "`base_url`"),
        (Act::status(429).body(quota), "credit"),
        (Act::redirect("http://127.0.0.1:9/v1/chat/completions?key=hunter2"), "`base_url`"),
    ] {
        let server = Server::start();
        server.usually(act.clone());
        let remote = Remote::open(endpoint(&server.base_url()), &majlis_testkit::host()).expect("it opens");
        let failure = ask_within(remote.clone(), Duration::from_secs(5)).expect_err("it is refused");
        assert!(failure.is_permanent() && failure.to_string().contains(word), "{act:?}: {failure}");
        assert_eq!(ask_within(remote.clone(), Duration::from_secs(5)), Err(failure.clone()), "it is told again");
        assert_eq!(remote.refuses(), Some(failure));
        assert_eq!(server.requests().len(), 1, "{act:?}: and not asked again");
        drop(remote);
        server.wait("that all is closed", |server| server.open_connections() == 0);
    }
}

#[test]
fn a_head_that_does_not_come_and_a_body_that_stops_are_given_up() {
    let time = Duration::from_millis(900);
    for trouble in [Act::say("x").after(Duration::from_secs(60)), Act::say("x").stalling_after(1)] {
        let server = Server::start();
        server.usually(trouble.clone());
        let failure = ask_at(&server, endpoint(&server.base_url()), time).expect_err("it does not come");
        assert!(failure.to_string().contains("127.0.0.1"), "{trouble:?}: {failure}");
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::start();
    server.usually(Act::huge(200 << 20));
    let failure = ask(&server).expect_err("it is too long");
    assert!(!failure.may_pass() && failure.to_string().contains("more than"), "{failure}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_certificate_of_a_companys_own_authority_is_trusted_by_its_file_and_http_2_is_spoken() {
    let server = Server::builder().tls(Proof::Good).start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("company.pem");
    std::fs::write(&file, server.authority().expect("it has one")).expect("it is written");
    let trusting = Endpoint { ca_file: Some(file), ..endpoint(&server.base_url()) };
    assert!(ask_at(&server, trusting, Duration::from_secs(5)).is_ok());
    assert_eq!(server.requests()[0].version, "HTTP/2.0");

    let failure = ask(&server).expect_err("nobody vouches for it");
    assert!(failure.is_permanent() && failure.to_string().contains("`ca_file`"), "{failure}");
}

#[test]
fn a_certificate_that_expired_is_refused() {
    let server = Server::builder().tls(Proof::Expired).start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("company.pem");
    std::fs::write(&file, server.authority().expect("it has one")).expect("it is written");
    let trusting = Endpoint { ca_file: Some(file), ..endpoint(&server.base_url()) };
    let failure = ask_at(&server, trusting, Duration::from_secs(5)).expect_err("it expired");
    assert!(failure.is_permanent() && failure.to_string().contains("expired"), "{failure}");
    assert_eq!(server.requests().len(), 0, "nothing was said to it");
}

#[test]
fn nobody_at_the_address_is_told_in_the_operators_words() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let base = format!("http://127.0.0.1:{port}/v1");
    let remote = Remote::open(endpoint(&base), &majlis_testkit::host()).expect("it opens");
    let failure = ask_within(remote, Duration::from_secs(3)).expect_err("nobody is there");
    assert!(
        failure.may_pass() && failure.to_string().contains(&format!("http://127.0.0.1:{port} cannot be reached")),
        "{failure}"
    );
}

#[test]
fn a_connection_that_was_opened_beforehand_is_used() {
    let server = Server::start();
    let remote = Remote::open(endpoint(&server.base_url()), &majlis_testkit::host()).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let connections = runtime.block_on(async {
        let warmed = remote.warm("models").await.expect("it answers");
        assert!(warmed.cold > Duration::ZERO);
        let connections = server.connections();
        remote.post("chat/completions", question()).await.expect("an answer").whole().await.expect("all of it");
        connections
    });
    assert_eq!(server.connections(), connections);
    server.script_ready([Act::status(401)]);
    let failure = runtime.block_on(remote.warm("/health")).expect_err("the key is refused");
    assert!(failure.to_string().contains("`api_key`") && remote.refuses().is_none(), "{failure}");
}

/// What a proxy of the environment is is looked up when a client is made, and a test cannot change its own environment: so
/// this test runs itself again in one that has a proxy.
#[test]
fn a_proxy_of_the_environment_is_used_and_not_for_this_machine() {
    const CHILD: &str = "MAJLIS_TEST_BEHIND_A_PROXY";
    if let Ok(here) = std::env::var(CHILD) {
        let remote = Remote::open(endpoint("http://vision.example/v1"), &majlis_testkit::host()).expect("it opens");
        ask_within(remote, Duration::from_secs(5)).expect("the proxy answers for it");
        let remote = Remote::open(endpoint(&here), &majlis_testkit::host()).expect("it opens");
        ask_within(remote, Duration::from_secs(5)).expect("it is asked itself");
        return;
    }
    let (proxy, here) = (Server::start(), Server::start());
    let status = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_proxy_of_the_environment_is_used_and_not_for_this_machine"])
        .env(CHILD, here.base_url())
        .env("HTTP_PROXY", proxy.url())
        .env("http_proxy", proxy.url())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .status()
        .expect("it runs");
    assert!(status.success());
    assert_eq!(proxy.requests().len(), 1);
    assert_eq!(proxy.requests()[0].host, "vision.example");
    assert_eq!(here.requests().len(), 1);
}

/// The proxy only carries what it cannot read: the certificate is that of the server behind it, and the key is for that one alone.
#[test]
fn a_proxy_carries_what_is_encrypted_and_does_not_see_the_key() {
    const CHILD: &str = "MAJLIS_TEST_BEHIND_A_TUNNEL";
    if let Ok(authority) = std::env::var(CHILD) {
        let there = Endpoint { ca_file: Some(authority.into()), ..endpoint("https://vision.example/v1") };
        let remote = Remote::open(there, &majlis_testkit::host()).expect("it opens");
        ask_within(remote, Duration::from_secs(5)).expect("the server behind it answers");
        return;
    }
    let server = Server::builder().tls(Proof::Good).start();
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("company.pem");
    std::fs::write(&authority, server.authority().expect("it has one")).expect("it is written");
    let (proxy, seen) = tunnel(server.url().trim_start_matches("https://").to_owned());
    let status = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_proxy_carries_what_is_encrypted_and_does_not_see_the_key"])
        .env(CHILD, authority)
        .env("HTTPS_PROXY", &proxy)
        .env("https_proxy", &proxy)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .status()
        .expect("it runs");
    assert!(status.success());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].headers.get("authorization"), Some(&format!("Bearer {KEY}")));
    let seen = seen.recv().expect("it was asked to lead there");
    assert!(seen.starts_with("CONNECT vision.example:443 HTTP/1.1\r\n"), "{seen}");
    assert!(!seen.contains(KEY), "{seen}");
}

/// A proxy that leads everybody to `server`. Answers its address, and what it is told in the clear.
fn tunnel(server: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, seen) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).expect("the head of a request");
                head.push(byte[0]);
            }
            let mut there = TcpStream::connect(&server).expect("the server is there");
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("it listens");
            let (mut back, mut to) = (there.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
            // Either side may end it.
            std::thread::spawn(move || std::io::copy(&mut back, &mut to));
            std::thread::spawn(move || std::io::copy(&mut client, &mut there));
            if tell.send(String::from_utf8_lossy(&head).into_owned()).is_err() {
                return;
            }
        }
    });
    (address, seen)
}
