//! Many rooms in one stage: jobs of the server's dispatch, from their offer to their end.

mod common;

use std::time::Duration;

use common::{Guest, SOON, Stand, Wired, pitch, tone, until};
use majlis_livekit::{Livekit, manifest__, output};
use majlis_plugin_api::service::run::Run;
use majlis_plugin_api::{Closed, VisitId, to_cbor};
use majlis_testkit::Kit;
use serde_json::{Value, json};

/// A stage that serves so many rooms at once, and gives visitors up as soon as they leave.
fn stand(what: &str, wired: Wired, max_visits: u32, more: Value) -> Option<Stand> {
    let mut config = json!({ "dispatch": { "max_visits": max_visits }, "rejoin_grace": "1ms" });
    config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    let mut stand = Stand::new(what, wired, config)?;
    stand.wait(|kit| kit.logs().iter().any(|line| line.message.contains("rooms are served")));
    Some(stand)
}

/// The agents that a guest sees.
fn agents(guest: &Guest) -> usize {
    guest.see(|noticed| noticed.present.iter().filter(|one| one.starts_with("agent-")).count())
}

/// How many jobs have ended by the server's log: told by the host or, where that is quicker, since the agent has left.
fn ended(stand: &Stand) -> usize {
    stand.server.log().lines().filter(|line| line.contains("job ended")).count()
}

#[test]
fn nothing_of_one_room_is_seen_heard_or_read_in_another() {
    let Some(mut stand) = stand("rooms side by side", Wired::Voice, 3, json!({})) else { return };
    let marks = [(0_u64, 440.0, 50_u8), (1, 660.0, 120), (2, 880.0, 200)];
    let mut rooms: Vec<(Guest, VisitId)> = Vec::new();
    for (number, _, grey) in marks {
        let (mut guest, visit) = stand.visit_of(&format!("room-{number}"));
        guest.camera(64, 64, vec![grey; 64 * 64 * 4]);
        rooms.push((guest, visit));
    }
    for (number, hertz, _) in marks {
        let visit = rooms[number as usize].1;
        stand.text(visit, number + 1, &format!("welcome, {number}"));
        stand.sound(visit, number + 1, 24_000, &tone(24_000, hertz, 1.0), true);
    }
    for (number, hertz, grey) in marks {
        let (guest, visit) = &rooms[number as usize];
        let heard = || guest.see(|noticed| pitch(48_000, &noticed.heard));
        until(&mut stand, "its own voice", |_| (heard() - hertz).abs() < 20.0);
        until(&mut stand, "its own text", |_| guest.see(|noticed| !noticed.texts.is_empty()));
        let visit = *visit;
        stand.wait(|kit| kit.emitted(output::frame).iter().filter(|(of, _)| *of == Some(visit)).count() > 5);
        for (of, frame) in stand.kit.emitted(output::frame) {
            let mut rgb = Vec::new();
            frame.to_rgb8(&mut rgb);
            let is_ours = (i16::from(rgb[rgb.len() / 2]) - i16::from(grey)).abs() < 25;
            assert_eq!(is_ours, of == Some(visit), "a picture of another room");
        }
    }
    stand.quiet();
    for ((guest, _), (number, hertz, _)) in rooms.iter().zip(marks) {
        guest.see(|noticed| {
            let heard = pitch(48_000, &noticed.heard);
            assert!((heard - hertz).abs() < 20.0, "{heard} Hz in a room where {hertz} were said");
            let texts: Vec<&str> = noticed.texts.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, [format!("welcome, {number}")]);
        });
    }
}

#[test]
fn a_room_is_left_when_its_visitor_has_left_and_its_place_is_free_for_the_next() {
    let Some(mut stand) = stand("rooms one after the other", Wired::Camera, 1, json!({})) else { return };
    for number in 0..3 {
        let (guest, visit) = stand.visit_of(&format!("room-{number}"));
        until(&mut stand, "the agent", |_| agents(&guest) == 1);
        guest.leave();
        stand.wait(|kit| kit.closed(visit) == Some(Closed::Gone));
        until(&mut stand, "the job is done", |stand| ended(stand) == number + 1);
    }
}

#[test]
fn what_the_server_takes_back_is_left_at_once_and_the_visit_is_over() {
    let Some(mut stand) = stand("a dispatch that is taken back", Wired::Camera, 2, json!({})) else { return };
    let (guest, visit) = stand.visit_of("room-1");
    until(&mut stand, "the agent", |_| agents(&guest) == 1);
    // The server writes down whose job it is some 5 s after it has assigned it; another dispatch of the room is nobody's.
    let taken = |stand: &Stand| -> Option<String> {
        let listed = stand.server.api("AgentDispatchService/ListDispatch", "room-1", r#"{"room":"room-1"}"#);
        let listed: Value = serde_json::from_str(&listed).expect("a list");
        let has_job = |dispatch: &&Value| dispatch["state"]["jobs"][0]["id"].is_string();
        let dispatch = listed["agent_dispatches"].as_array().expect("dispatches").iter().find(has_job)?;
        Some(dispatch["id"].as_str().expect("it has an id").to_owned())
    };
    until(&mut stand, "the job in the server's list", |stand| taken(stand).is_some());
    let id = taken(&stand).expect("it was there");
    let taken_back = json!({ "room": "room-1", "dispatch_id": id }).to_string();
    stand.server.api("AgentDispatchService/DeleteDispatch", "room-1", &taken_back);
    stand.wait(|kit| kit.closed(visit) == Some(Closed::Gone));
    until(&mut stand, "the agent has left", |_| agents(&guest) == 0);
}

#[test]
fn a_room_that_is_deleted_is_not_made_anew() {
    let Some(mut stand) = stand("a room that is deleted", Wired::Camera, 1, json!({})) else { return };
    let (_guest, visit) = stand.visit_of("room-1");
    stand.server.api("RoomService/DeleteRoom", "room-1", r#"{"room":"room-1"}"#);
    stand.wait(|kit| kit.closed(visit) == Some(Closed::Gone));
    stand.wait(|kit| kit.logs().iter().any(|line| line.message.contains("`room-1` is left")));
    let joined = stand.kit.logs().iter().filter(|line| line.message.contains("is joined at")).count();
    assert_eq!(joined, 1);
}

#[test]
fn while_it_drains_nothing_new_is_taken_and_visits_go_on_until_their_visitors_leave() {
    let Some(mut stand) = stand("draining", Wired::Voice, 4, json!({ "rejoin_grace": "60s" })) else { return };
    let (guest, visit) = stand.visit_of("room-1");
    stand.kit.drain(Duration::from_secs(600)).expect("it is told");
    stand.text(visit, 1, "welcome");
    until(&mut stand, "the text", |_| guest.see(|noticed| !noticed.texts.is_empty()));
    let late = stand.visitor_of("room-2");
    stand.quiet();
    assert_eq!((agents(&late), stand.kit.opened()), (0, vec![visit]));
    assert_eq!(stand.kit.closed(visit), None);
    // It is not waited for: whoever came back would find nobody.
    guest.leave();
    stand.wait(|kit| kit.closed(visit) == Some(Closed::Gone));
    until(&mut stand, "the job is done", |stand| ended(stand) == 1);
    assert_eq!(agents(&late), 0);
}

#[test]
fn when_the_stage_closes_all_rooms_are_left_and_the_server_knows() {
    let Some(mut stand) = stand("the end of many rooms", Wired::Camera, 4, json!({})) else { return };
    let rooms: Vec<_> = (0..3).map(|number| stand.visit_of(&format!("room-{number}"))).collect();
    stand.kit.close().expect("it closes");
    for (_, visit) in &rooms {
        assert_eq!(stand.kit.closed(*visit), Some(Closed::Gone));
    }
    let begun = std::time::Instant::now();
    while rooms.iter().any(|(guest, _)| agents(guest) > 0) || ended(&stand) < 3 {
        assert!(begun.elapsed() < SOON, "an agent is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn who_is_let_in_while_every_host_is_full_reads_that_and_is_received_when_a_place_is_free() {
    let tokens = json!({ "tokens": { "listen": "127.0.0.1:0" } });
    let Some(mut stand) = stand("a full house", Wired::Camera, 1, tokens) else { return };
    stand.wait(|kit| kit.logs().iter().any(|line| line.message.contains("tokens are given at")));
    let first = stand.let_in();
    stand.wait(|kit| kit.opened().len() == 1);
    let second = stand.let_in();
    until(&mut stand, "it reads that all is full", |_| {
        second.see(|noticed| noticed.of_room.last().is_some_and(|read| read == r#"{"majlis.stage":"full"}"#))
    });
    assert_eq!((agents(&first), agents(&second), stand.kit.opened().len()), (1, 0, 1));
    first.leave();
    stand.wait(|kit| kit.opened().len() == 2);
    until(&mut stand, "the agent", |_| agents(&second) == 1);
    until(&mut stand, "it reads that this is over", |_| {
        second.see(|noticed| noticed.of_room.last().is_some_and(|read| read == "{}"))
    });
}

#[test]
fn an_agent_that_was_sent_away_is_replaced_and_never_by_two() {
    let tokens = json!({ "tokens": { "listen": "127.0.0.1:0" } });
    let Some(mut stand) = stand("an agent that is lost", Wired::Camera, 4, tokens) else { return };
    stand.wait(|kit| kit.logs().iter().any(|line| line.message.contains("tokens are given at")));
    let guest = stand.let_in();
    stand.wait(|kit| kit.opened().len() == 1);
    until(&mut stand, "the agent", |_| agents(&guest) == 1);
    let room = guest.room.info().name.clone();
    let agent = guest.see(|noticed| noticed.present[0].clone());
    let away = json!({ "room": room, "identity": agent }).to_string();
    stand.server.api("RoomService/RemoveParticipant", &room, &away);
    stand.wait(|kit| kit.opened().len() == 2);
    until(&mut stand, "the other agent", |_| agents(&guest) == 1);
    assert_ne!(guest.see(|noticed| noticed.present[0].clone()), agent);
    // Longer than it takes to send for another one.
    let end = std::time::Instant::now() + Duration::from_secs(8);
    stand.kit.wait(SOON, |_| std::time::Instant::now() >= end).expect("no call fails");
    assert_eq!((agents(&guest), stand.kit.opened().len()), (1, 2));
}

#[test]
fn a_stand_gives_tokens_for_its_room_to_whoever_shows_the_bearer() {
    let tokens = json!({ "tokens": { "listen": "127.0.0.1:0", "bearer": "hunter2hunter2" }, "rejoin_grace": "1ms" });
    let Some(mut stand) = Stand::new("tokens of a stand", Wired::Camera, tokens) else { return };
    stand.wait(|kit| kit.logs().iter().any(|line| line.message.contains("tokens are given at")));
    for head in ["", "Authorization: Bearer hunter1hunter2\r\n", "Authorization: Basic hunter2hunter2\r\n"] {
        let (status, answer) = stand.ask_for_token(head);
        assert!(status == 401 && answer["participant_token"].is_null(), "{head}: {answer}");
    }
    let (status, pass) = stand.ask_for_token("Authorization: Bearer hunter2hunter2\r\n");
    assert_eq!((status, pass["room_name"].as_str()), (201, Some(common::ROOM)), "{pass}");
    let token = pass["participant_token"].as_str().expect("a token");
    let guest = stand.guest(token);
    assert_eq!(Some(guest.identity()), pass["participant_identity"].as_str());
    stand.wait(|kit| kit.opened().len() == 1);
    let log = format!("{:?}", stand.kit.logs());
    assert!(!log.contains(token) && !log.contains("hunter2"), "{log}");
}

/// A stage that is opened alone, for a verb: it needs no library, no server and no port.
fn alone(more: Value) -> Kit<Livekit> {
    let mut config = json!({
        "url": "ws://127.0.0.1:9", "key": "key", "secret": "hunter2hunter2hunter2hunter2",
        "library": "/nowhere/liblivekit_ffi.so",
    });
    config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    let run = |_: &str, _: &[u8]| to_cbor(&Run { alone: true }).map_err(|error| error.to_string());
    Kit::<Livekit>::builder().manifest(manifest__::TEXT).service("run", run).open(config).expect("it opens")
}

#[test]
fn the_verb_gives_a_token_and_touches_neither_a_room_nor_a_port() {
    // The run that goes on beside it has the port.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = taken.local_addr().expect("an address").to_string();
    let mut stage = alone(json!({ "tokens": { "listen": listen } }));
    let stand = stage.control("token", &json!({})).expect("a token");
    assert_eq!((stand["room_name"].as_str(), stand["good_for_s"].as_u64()), (Some("stand-1"), Some(120)));
    assert_eq!(stand["server_url"], "ws://127.0.0.1:9");
    stage.close().expect("it closes");
    let mut stage = alone(json!({ "dispatch": {} }));
    let (first, second) = (stage.control("token", &json!({})), stage.control("token", &json!({})));
    let (first, second) = (first.expect("a token"), second.expect("a token"));
    assert_ne!(first["room_name"], second["room_name"]);
    assert!(stage.control("tokens", &json!({})).is_err());
}

#[test]
fn what_does_not_go_with_dispatch_or_lets_anybody_in_is_told_by_its_key() {
    let refused = |more: Value| {
        let mut config = json!({ "url": "wss://h", "key": "k", "secret": "s" });
        config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        Kit::<Livekit>::open(config).err().expect("it is refused")
    };
    for (more, path) in [
        (json!({ "dispatch": {}, "room": "stand-1" }), "room"),
        (json!({ "dispatch": {}, "visits": "presence" }), "visits"),
        (json!({ "dispatch": { "agent_name": " " } }), "dispatch.agent_name"),
        (json!({ "dispatch": { "max_visits": 0 } }), "dispatch.max_visits"),
        (json!({ "tokens": { "listen": "7001" } }), "tokens.listen"),
        (json!({ "tokens": { "listen": "0.0.0.0:7001" } }), "tokens.listen"),
        (json!({ "tokens": { "listen": "127.0.0.1:7001", "bearer": " " } }), "tokens.bearer"),
    ] {
        assert_eq!(refused(more.clone()).path, path, "{more}");
    }
    assert!(refused(json!({ "tokens": { "listen": "0.0.0.0:7001" } })).message.contains("bearer"));
}
