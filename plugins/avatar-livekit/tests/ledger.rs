//! Sessions of runs that were killed, and those of others that live: real processes, the real store, kill -9.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::*;
use majlis_avatar_livekit::Avatars;
use majlis_plugin_api::AvatarStep;
use majlis_store::{Service, Store};
use majlis_test_server::{Act, Server, Session};
use majlis_testkit::Kit;
use serde_json::Value;

const CONFIG: &str = "MAJLIS_TEST_AVATARS_CONFIG";
const FOLDER: &str = "MAJLIS_TEST_AVATARS_FOLDER";
const VISIT: &str = "MAJLIS_TEST_AVATARS_VISIT_MS";

/// A stage with a store in this folder. Several of them are several stages of one host.
fn with_store(folder: &Path, config: Value) -> Kit<Avatars> {
    let service = Service::new(Store::new(folder.to_owned()));
    builder().service("store", move |method, request| service.answer(method, request)).open(config).expect("it opens")
}

/// Another process, with a stage whose visitors stay so long and come one after the other. Dropped, it is killed.
struct Run(Child);

impl Run {
    fn begin(folder: &Path, config: &Value, visit: Duration) -> Self {
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "another_process", "--ignored"])
            .env(CONFIG, config.to_string())
            .env(FOLDER, folder)
            .env(VISIT, visit.as_millis().to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("a process"))
    }

    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it is over");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "this is what the other tests start as a process, and kill"]
fn another_process() {
    let Ok(config) = std::env::var(CONFIG) else { return };
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("a folder"));
    let stays = std::env::var(VISIT).ok().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let mut kit = with_store(&folder, serde_json::from_str(&config).expect("a configuration"));
    loop {
        let (visit, begun) = (visitor(&mut kit), Instant::now());
        kit.wait(Duration::from_secs(3_600), |_| Some(begun.elapsed()) > stays).expect("no call fails");
        kit.leave(visit).expect("it is told");
    }
}

const STAYS: Duration = Duration::from_secs(3_000);

fn accepted(kit: &Kit<Avatars>) -> bool {
    kit.milestones().iter().any(|(_, name)| name == "avatar-accepted")
}

fn ended(server: &Server, index: usize) -> usize {
    server.sessions()[index].ended
}

#[test]
fn what_a_killed_run_left_behind_is_ended_and_others_sessions_live() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let config = config(&server, &["runway"]);
    let mut lives = with_store(folder.path(), config.clone());
    visitor(&mut lives);
    lives.wait(SOON, accepted).expect("no call fails");
    let dies = Run::begin(folder.path(), &config, STAYS);
    server.wait("its session", |server| server.sessions().len() == 2);
    // Its answer is written down, by which alone this vendor's session can be ended.
    std::thread::sleep(Duration::from_millis(500));
    dies.kill();
    let mut next = with_store(folder.path(), config);
    server.wait("the end of what was left behind", |server| ended(server, 1) == 1);
    // Whoever is still in the room is told to leave, by the next order.
    let visit = visitor(&mut next);
    see(&mut next, visit, 1, AvatarStep::Shown);
    assert!(!dismissed(&next, visit).is_empty());
    assert_eq!((ended(&server, 0), ended(&server, 1)), (0, 1), "the first lives");
    lives.close().expect("it closes");
    next.close().expect("it closes");
    assert_eq!(server.sessions().iter().map(|session| session.ended).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn what_was_asked_for_and_never_answered_is_found_by_its_tag() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    server.script([Act::session().after(STAYS)]);
    let config = config(&server, &["tavus"]);
    let dies = Run::begin(folder.path(), &config, STAYS);
    server.wait("the request", |server| server.sessions().len() == 1);
    dies.kill();
    let mut next = with_store(folder.path(), config);
    server.wait("the end of what was left behind", |server| ended(server, 0) == 1);
    next.close().expect("it closes");
}

#[test]
fn a_slot_that_a_killed_run_holds_is_freed_for_whoever_needs_it() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let config = config(&server, &["tavus"]);
    let dies = Run::begin(folder.path(), &config, STAYS);
    server.wait("its session", |server| server.sessions().len() == 1);
    // This stage opens while the other lives, and so leaves its session alone.
    let mut next = with_store(folder.path(), config);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(ended(&server, 0), 0);
    dies.kill();
    server.script([Act::status(400).body(r#"{"error":"User has reached maximum concurrent conversations"}"#)]);
    let visit = visitor(&mut next);
    invite_when_wanted(&mut next, visit, 2);
    server.wait("the second start", |server| server.sessions().len() == 2);
    assert_eq!((ended(&server, 0), ended(&server, 1)), (1, 0));
    next.close().expect("it closes");
}

#[test]
fn killed_at_fifty_moments_nothing_is_left_and_another_host_of_the_account_is_untouched() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let config = config(&server, &["tavus"]);
    let mut other = with_store(elsewhere.path(), config.clone());
    visitor(&mut other);
    other.wait(SOON, accepted).expect("no call fails");
    // So there is a while in which a session runs and nobody knows its id.
    server.usually(Act::session().after(Duration::from_millis(30)));
    let running = |session: &Session| session.ended == 0;
    let mut killed_in_the_middle = 0;
    for round in 0..50 {
        let before = server.sessions().len();
        let dies = Run::begin(folder.path(), &config, Duration::from_millis(60));
        server.wait("its first session", |server| server.sessions().len() > before);
        std::thread::sleep(Duration::from_millis(fastrand::u64(0..200)));
        dies.kill();
        killed_in_the_middle += usize::from(server.sessions()[1..].iter().any(running));
        let mut next = with_store(folder.path(), config.clone());
        server.wait("the end of all that was left behind", |server| !server.sessions()[1..].iter().any(running));
        next.close().expect("it closes");
        assert_eq!(ended(&server, 0), 0, "round {round} ended a session of another host");
    }
    assert!(killed_in_the_middle > 10, "hardly any run was killed while a session ran: {killed_in_the_middle}");
    other.close().expect("it closes");
    assert_eq!(ended(&server, 0), 1);
}
