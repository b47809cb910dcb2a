//! Which of several servers has the room. Each is the official one, by ways of different length.

mod common;

use std::time::{Duration, Instant};

use common::{SOON, Stand, Wired, until};
use majlis_plugin_api::RoomOrder;
use majlis_test_livekit::{Server, Way};
use serde_json::{Value, json};

/// Longer than a busy machine takes for the same question without it.
const FAR: Duration = Duration::from_millis(400);

/// The servers of these ways, nothing else.
fn urls(ways: &[(&str, &Way)]) -> Value {
    let urls: serde_json::Map<String, Value> =
        ways.iter().map(|(region, way)| ((*region).to_owned(), way.url().into())).collect();
    json!({ "url": null, "urls": urls })
}

/// Waits until the room was joined so many times, and says where the last time.
fn joined(stand: &mut Stand, times: usize) -> String {
    let places = |stand: &Stand| -> Vec<String> {
        let logs = stand.kit.logs();
        let said = logs.iter().filter_map(|line| line.message.split_once("is joined at "));
        said.filter_map(|(_, place)| place.split(' ').next()).map(str::to_owned).collect()
    };
    until(stand, "the room is joined", |stand| places(stand).len() >= times);
    places(stand).pop().expect("it is joined")
}

#[test]
fn the_nearest_server_has_the_room_and_avatars_and_the_report_hear_of_it() {
    let what = "the nearest of two servers";
    let Some(server) = Server::start(what) else { return };
    let (far, near) = (Way::to(&server, FAR), Way::to(&server, Duration::ZERO));
    let config = urls(&[("dubai", &far), ("mumbai", &near)]);
    let Some(mut stand) = Stand::at(server, what, Wired::Avatars, config) else { return };
    assert_eq!(joined(&mut stand, 1), near.url());
    let (_guest, visit) = stand.visit("visitor");
    stand.order(visit, RoomOrder { invite: 1, ..RoomOrder::default() });
    stand.wait(|kit| !kit.emitted(majlis_livekit::output::invite).is_empty());
    let (_, invite) = stand.invites().remove(0);
    assert_eq!((invite.url, invite.region.as_str()), (near.url(), "mumbai"));
    stand.kit.open_visit().expect("another visit");
    let (won, lost) = (stand.kit.fact("server").expect("a fact"), stand.kit.fact("other_servers").expect("a fact"));
    assert!(won.starts_with("mumbai ") && won.ends_with(" ms"), "{won}");
    let took: u64 =
        lost.strip_prefix("dubai ").and_then(|rest| rest.strip_suffix(" ms")).expect(&lost).parse().expect(&lost);
    assert!(took >= 400, "{lost}");
}

#[test]
fn a_region_that_is_named_or_alone_allowed_is_used_however_far() {
    let what = "regions that are wanted";
    for more in [json!({ "region": "dubai" }), json!({ "allowed_regions": ["dubai"] })] {
        let Some(server) = Server::start(what) else { return };
        let (far, near) = (Way::to(&server, FAR), Way::to(&server, Duration::ZERO));
        let mut config = urls(&[("dubai", &far), ("mumbai", &near)]);
        config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let Some(mut stand) = Stand::at(server, what, Wired::Camera, config) else { return };
        assert_eq!(joined(&mut stand, 1), far.url());
    }
}

#[test]
fn a_project_is_asked_for_its_regions() {
    let what = "regions of a project";
    let Some(server) = Server::start(what) else { return };
    let (far, near) = (Way::to(&server, FAR), Way::to(&server, Duration::ZERO));
    let list = json!({ "regions": [{ "region": "me", "url": far.url() }, { "region": "in", "url": near.url() }] });
    let project = Way::to_an_answer(list.to_string());
    let config = json!({ "url": project.url(), "allowed_regions": ["me", "in"] });
    let Some(mut stand) = Stand::at(server, what, Wired::Camera, config) else { return };
    assert_eq!(joined(&mut stand, 1), near.url());
}

#[test]
fn when_the_server_is_out_of_reach_the_room_is_joined_on_another_and_visitors_are_sent_there() {
    let what = "a server that is lost";
    let Some(server) = Server::start(what) else { return };
    let (far, near) = (Way::to(&server, FAR), Way::to(&server, Duration::ZERO));
    let mut config = urls(&[("dubai", &far), ("mumbai", &near)]);
    config["tokens"] = json!({ "listen": "127.0.0.1:0" });
    let Some(mut stand) = Stand::at(server, what, Wired::Camera, config) else { return };
    assert_eq!(joined(&mut stand, 1), near.url());
    assert_eq!(sent_to(&stand), near.url());
    near.close();
    assert_eq!(joined(&mut stand, 2), far.url());
    assert_eq!(sent_to(&stand), far.url());
    let (_guest, _) = stand.visit("visitor");
    stand.kit.open_visit().expect("another visit");
    assert!(stand.kit.fact("other_servers").is_some_and(|lost| lost == "mumbai not usable"));
}

#[test]
fn rooms_are_served_where_the_nearest_server_is() {
    let what = "dispatch by the nearest server";
    let Some(server) = Server::start(what) else { return };
    let (far, near) = (Way::to(&server, FAR), Way::to(&server, Duration::ZERO));
    let mut config = urls(&[("dubai", &far), ("mumbai", &near)]);
    config["dispatch"] = json!({});
    config["rejoin_grace"] = json!("1ms");
    let Some(mut stand) = Stand::at(server, what, Wired::Camera, config) else { return };
    let served = |stand: &Stand, place: &str| {
        let logs = stand.kit.logs();
        logs.iter().any(|line| line.message.contains("rooms are served") && line.message.contains(place))
    };
    until(&mut stand, "the worker at the near one", |stand| served(stand, &near.url()));
    let (guest, _) = stand.visit_of("room-1");
    guest.leave();
    near.close();
    until(&mut stand, "the worker at the far one", |stand| served(stand, &far.url()));
    let _ = stand.visit_of("room-2");
}

/// The stage out of reach of its room for so long, with a visitor who stays there: then what is said once more is read once more.
fn cut_off(what: &str, length: Duration) -> Option<(Stand, usize)> {
    let server = Server::start(what)?;
    let way = Way::to(&server, Duration::ZERO);
    let mut stand = Stand::at(server, what, Wired::Voice, json!({ "url": way.url() }))?;
    let (guest, visit) = stand.visit("visitor");
    stand.text(visit, 1, "welcome");
    until(&mut stand, "the first text", |_| guest.see(|noticed| noticed.texts.len() == 1));
    way.shut();
    let over = Instant::now() + length;
    stand.kit.wait(length + SOON, |_| Instant::now() >= over).expect("no call fails");
    assert_eq!(stand.kit.closed(visit), None, "the visitor is there");
    way.reopen();
    stand.text(visit, 2, "welcome again");
    until(&mut stand, "the second text", |_| guest.see(|noticed| noticed.texts.len() > 1));
    stand.quiet();
    let texts = guest.see(|noticed| noticed.texts.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>());
    assert_eq!(texts, ["welcome", "welcome again"], "nothing is repeated");
    assert_eq!((stand.kit.opened().len(), stand.kit.closed(visit)), (1, None), "it is the same visit");
    let logs = stand.kit.logs();
    let joined = logs.iter().filter(|line| line.message.contains("is joined at")).count();
    Some((stand, joined))
}

#[test]
fn a_room_that_is_out_of_reach_for_five_seconds_is_the_same_room_and_nothing_is_repeated() {
    if let Some((_stand, joined)) = cut_off("a short time out of reach", Duration::from_secs(5)) {
        assert_eq!(joined, 1, "the library has the connection back by itself");
    }
}

#[test]
fn a_room_that_is_out_of_reach_for_half_a_minute_is_joined_again_and_its_visitor_keeps_the_visit() {
    if let Some((_stand, joined)) = cut_off("a long time out of reach", Duration::from_secs(30)) {
        assert_eq!(joined, 2);
    }
}

/// Where a page is sent.
fn sent_to(stand: &Stand) -> String {
    let (_, body) = stand.ask_for_token("");
    body["server_url"].as_str().expect("a page reads it").to_owned()
}
