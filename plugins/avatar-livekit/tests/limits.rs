//! What avatars may cost, and when nothing is to be heard.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::*;
use majlis_avatar_livekit::Avatars;
use majlis_plugin_api::service::store::Statement;
use majlis_plugin_api::{AvatarStep, SpeechFrom, SpeechTarget, to_cbor};
use majlis_store::{Service, Store};
use majlis_test_server::Server;
use majlis_testkit::Builder;
use serde::Serialize;
use serde_json::json;

fn service(folder: &Path) -> Arc<Service> {
    Arc::new(Service::new(Store::new(folder.to_owned())))
}

fn with_store(service: &Arc<Service>) -> Builder<Avatars> {
    let service = Arc::clone(service);
    builder().service("store", move |method, request| service.answer(method, request))
}

/// Seconds since 1970.
fn seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
    i64::try_from(now.as_secs()).expect("it fits")
}

/// A stretch of the day in UTC, from and to so many hours from now.
fn hours(from: i64, to: i64) -> String {
    let at = |hours: i64| (seconds() / 3_600 + hours).rem_euclid(24);
    format!("{:02}:00-{:02}:00", at(from), at(to))
}

fn ended(server: &Server) -> Vec<usize> {
    server.sessions().iter().map(|session| session.ended).collect()
}

const TEXT: Option<(SpeechTarget, SpeechFrom, bool)> = Some((SpeechTarget::Text, SpeechFrom::Now, false));

#[test]
fn outside_of_its_hours_no_avatar_waits_and_a_visitor_still_gets_one() {
    let server = Server::start();
    let mut config = config(&server, &["tavus"]);
    (config["prewarm"], config["open"]) = (json!(1), json!([hours(4, 8)]));
    let mut kit = opened(config.clone());
    invite_for_nobody(&mut kit, 1);
    kit.advance(Duration::from_secs(60)).expect("the calls go well");
    assert!(order(&kit, None).standby.is_empty());
    visitor(&mut kit);
    server.wait("the request for the visitor", |server| server.sessions().len() == 1);
    kit.close().expect("it closes");
    config["open"] = json!([hours(4, 8), hours(-4, 4)]);
    let mut kit = opened(config);
    invite_for_nobody(&mut kit, 1);
    server.wait("the one that waits", |server| server.sessions().len() == 2);
    kit.close().expect("it closes");
}

#[test]
fn in_quiet_times_nobody_is_asked_and_only_texts_are_shown() {
    let server = Server::start();
    let mut config = config(&server, &["tavus"]);
    (config["prewarm"], config["quiet"]) = (json!(1), json!([hours(-2, 2)]));
    let mut kit = opened(config);
    invite_for_nobody(&mut kit, 1);
    let visit = visitor(&mut kit);
    assert_eq!(speech(&kit, visit), TEXT);
    assert!(order(&kit, None).standby.is_empty());
    kit.close().expect("it closes");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn an_operators_pause_silences_a_show_that_runs_and_the_next_one_until_it_is_resumed() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let service = service(folder.path());
    let mut config = config(&server, &["tavus"]);
    config["prewarm"] = json!(1);
    let mut kit = with_store(&service).open(config.clone()).expect("it opens");
    let_wait(&mut kit, 1);
    let visit = kit.open_visit().expect("it is told");
    let_wait(&mut kit, 2);
    server.wait("both sessions", |server| server.sessions().len() == 2);

    let mut operators = with_store(&service).open(config.clone()).expect("it opens");
    assert_eq!(operators.control("pause", &json!({})).expect("it is done"), json!({ "paused": true }));
    operators.close().expect("it closes");
    look_until(&mut kit, "silence", |kit| speech(kit, visit) == TEXT);
    assert!(order(&kit, None).standby.is_empty());
    server.wait("the end of both sessions", |server| ended(server) == [1, 1]);
    let during = visitor(&mut kit);
    assert_eq!(speech(&kit, during), TEXT);

    let mut again = with_store(&service).open(config.clone()).expect("it opens");
    assert!(again.logs().iter().any(|log| log.message.contains("paused")), "a show that is silent says why");
    let silent = visitor(&mut again);
    assert_eq!(speech(&again, silent), TEXT, "a start anew ends no pause");
    again.close().expect("it closes");

    let mut elsewhere = with_store(&service).stage("another").open(config.clone()).expect("it opens");
    let heard = visitor(&mut elsewhere);
    assert_eq!(speech(&elsewhere, heard), None, "that is another stage");
    elsewhere.close().expect("it closes");

    let mut operators = with_store(&service).open(config).expect("it opens");
    assert_eq!(operators.control("resume", &json!({})).expect("it is done"), json!({ "paused": false }));
    operators.close().expect("it closes");
    let own = Some((SpeechTarget::OwnTrack, SpeechFrom::NextUtterance, false));
    look_until(&mut kit, "sound", |kit| speech(kit, visit) == own && speech(kit, during) == own);
    assert_eq!((order(&kit, visit).invite, order(&kit, during).invite), (1, 2), "an avatar is wanted again");
    assert_eq!(order(&kit, None).invite, 3);
    kit.close().expect("it closes");
}

#[test]
fn what_is_no_verb_is_refused() {
    let server = Server::start();
    let mut kit = opened(config(&server, &["tavus"]));
    assert!(kit.control("stop", &json!({})).is_err());
    let failure = kit.control("pause", &json!({})).expect_err("there is no store");
    assert!(failure.to_string().contains("store"), "{failure}");
    kit.close().expect("it closes");
}

#[test]
fn at_the_calls_of_an_hour_the_next_vendor_is_asked_also_after_a_start_anew() {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let service = service(folder.path());
    let mut config = config(&server, &["tavus", "bey"]);
    config["vendor_options"]["tavus"]["max_calls_per_hour"] = json!(1);
    let mut kit = with_store(&service).open(config.clone()).expect("it opens");
    let first = visitor(&mut kit);
    server.wait("the first session", |server| server.sessions().len() == 1);
    assert_eq!(kit.fact("calls").as_deref(), Some("1 of 1"));
    see(&mut kit, first, 1, AvatarStep::Shown);
    visitor(&mut kit);
    assert_eq!(kit.fact("reason").as_deref(), Some("tavus has used its calls of the hour"));
    server.wait("the second session", |server| server.sessions().len() == 2);
    kit.close().expect("it closes");
    let mut kit = with_store(&service).open(config).expect("it opens");
    visitor(&mut kit);
    server.wait("the third session", |server| server.sessions().len() == 3);
    let vendors: Vec<String> = server.sessions().into_iter().map(|session| session.vendor).collect();
    assert_eq!(vendors, ["tavus", "bey", "bey"]);
    kit.close().expect("it closes");
}

#[test]
fn at_the_minutes_of_a_day_nobody_waits_any_more_and_the_next_vendor_is_asked() {
    #[derive(Serialize)]
    struct Run {
        name: &'static str,
        statements: Vec<Statement>,
    }
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    let service = service(folder.path());
    // So that the day began hours ago.
    let zone = if seconds() % 86_400 < 7_200 { "Etc/GMT-12" } else { "UTC" };
    let mut config = config(&server, &["tavus", "bey"]);
    config["prewarm"] = json!(1);
    config["vendor_options"]["tavus"]["max_minutes_per_day"] = json!(5);
    let mut kit = with_store(&service).time_zone(zone).open(config).expect("it opens");
    let_wait(&mut kit, 1);
    assert_eq!(kit.fact("minutes").map(|told| told.ends_with(" of 5")), Some(true));
    // Another run of this host, and a session of it that may bill until it ends by itself.
    let spent = "INSERT INTO spent VALUES (1000, 'another', 'tavus', ?1, ?2)";
    let values = [(seconds() - 320).into(), (seconds() + 600).into()];
    let run = Run { name: "avatars", statements: vec![Statement::new(spent, values)] };
    service.answer("run", &to_cbor(&run).expect("it can be written")).expect("it is done");
    look_until(&mut kit, "that nobody of tavus waits", |kit| order(kit, None).standby.is_empty());
    server.wait("the end of the session", |server| ended(server) == [1]);
    invite_for_nobody(&mut kit, 2);
    server.wait("the next vendor's", |server| server.sessions().len() == 2);
    let said = kit.logs().iter().filter(|log| log.message.contains("has used its minutes of the day")).count();
    assert_eq!(said, 1, "it is said when it begins");
    visitor(&mut kit);
    assert_eq!(kit.fact("reason").as_deref(), Some("tavus has used its minutes of the day"));
    server.wait("the visitor's", |server| server.sessions().len() == 3);
    assert!(server.sessions()[1..].iter().all(|session| session.vendor == "bey"));
    kit.close().expect("it closes");
}
