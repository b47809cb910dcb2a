//! Who is a visitor, and what is taken of one.

mod common;

use std::time::Duration;

use common::{ROOM, Stand, Wired, until};
use majlis_livekit::{Config, Livekit, output};
use majlis_livekit_ffi::{PublishVideo, TrackSource};
use majlis_plugin_api::{Closed, PixelFormat};
use majlis_test_livekit::VideoGrants;
use majlis_testkit::Kit;
use serde_json::json;

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn what_the_configuration_lacks_is_told_by_its_key() {
    let refused = |config| Kit::<Livekit>::open(config).err().expect("it is refused");
    let all = json!({ "url": "wss://h", "key": "k", "secret": "hunter2hunter2", "room": " ", "fps": 10 });
    assert_eq!(refused(all).path, "room");
    let wrong = refused(json!({ "url": "ftp://h", "key": "k", "secret": "hunter2hunter2" }));
    assert_eq!(wrong.path, "url");
    assert!(!wrong.message.contains("hunter2"), "{wrong:?}");
    assert_eq!(refused(json!({ "url": "wss://h", "key": "k", "secret": "s", "fps": 0 })).path, "fps");
}

#[test]
fn a_library_that_is_not_there_is_told_with_its_remedy() {
    let config = json!({ "url": "wss://h", "key": "k", "secret": "s", "library": "/nowhere/liblivekit_ffi.so" });
    let refused = Kit::<Livekit>::open(config).err().expect("it is refused");
    assert!(refused.message.contains("/nowhere") && refused.message.contains("make livekit"), "{refused:?}");
}

#[test]
fn avatars_that_hear_what_nobody_knows_the_words_of_are_refused() {
    let config = json!({ "url": "wss://h", "key": "k", "secret": "s" });
    let builder = Kit::<Livekit>::builder().wire(majlis_livekit::input::audio, "voice.audio");
    let refused = builder.wire(majlis_livekit::input::order, "avatar.order").open(config).err().expect("it is refused");
    assert!(refused.message.contains("utterance"), "{refused:?}");
}

/// The mean distance of brightness between a frame and a picture of the same size.
fn distance(frame: &majlis_plugin_api::Frame, picture: &image::RgbaImage) -> f64 {
    let mut rgb = Vec::new();
    frame.to_rgb8(&mut rgb);
    let luma = |pixel: &[u8]| 0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2]);
    let far: f64 = rgb.chunks(3).zip(picture.pixels()).map(|(a, b)| (luma(a) - luma(&b.0)).abs()).sum();
    far / f64::from(picture.width() * picture.height())
}

#[test]
fn who_was_let_in_a_moment_ago_is_received_before_the_room_tells_of_one() {
    let tokens = json!({ "tokens": { "listen": "127.0.0.1:0" }, "rejoin_grace": "1ms" });
    let Some(mut stand) = Stand::new("a visitor without a camera", Wired::Camera, tokens) else { return };
    let is_listed = |kit: &Kit<Livekit>| kit.logs().iter().any(|line| line.message.contains("in the server's list"));
    // Somebody whom nobody was told to look out for, and then one with a token of the door. Neither shows anything.
    let (other, _) = stand.visit("guest");
    assert!(!is_listed(&stand.kit));
    other.leave();
    let visit = stand.kit.opened()[0];
    stand.wait(|kit| kit.closed(visit).is_some());
    let guest = stand.let_in();
    stand.wait(|kit| kit.opened().len() == 2);
    assert!(is_listed(&stand.kit), "the room told of it first");
    // What the room tells of it then is no second visit, and its end is the end of the first.
    let visit = stand.kit.opened()[1];
    stand.text(visit, 1, "welcome");
    until(&mut stand, "the text", |_| guest.see(|noticed| noticed.texts.iter().any(|(_, text)| text == "welcome")));
    guest.leave();
    stand.wait(|kit| kit.closed(visit).is_some());
    assert_eq!(stand.kit.opened().len(), 2);
}

#[test]
fn a_visitor_is_a_visit_and_its_camera_is_what_the_pipeline_sees() {
    let Some(photograph) = majlis_testkit::testdata::path("images/astronaut.png") else { return };
    let Some(mut stand) = Stand::new("a visitor with a camera", Wired::Camera, json!({ "fps": 5 })) else { return };
    let picture = image::open(photograph).expect("a picture").to_rgba8();
    let (mut guest, visit) = stand.visit("guest");
    guest.camera(picture.width(), picture.height(), picture.to_vec());
    // The first pictures of a stream are coarse.
    let is_like = |kit: &Kit<Livekit>| {
        let frames = kit.emitted(output::frame);
        frames.last().is_some_and(|(_, frame)| {
            (frame.width(), frame.height()) == picture.dimensions() && distance(frame, &picture) < 6.0
        })
    };
    stand.wait(is_like);
    let frames = stand.kit.emitted(output::frame);
    assert!(frames.iter().all(|(of, frame)| *of == Some(visit) && frame.format() == PixelFormat::I420));

    let (before, begun) = (frames.len(), std::time::Instant::now());
    stand.wait(|kit| kit.emitted(output::frame).len() >= before + 10);
    let rate = 10.0 / begun.elapsed().as_secs_f64();
    assert!(rate < 5.6, "{rate} pictures a second, where 5 are answered for");
    guest.leave();
}

#[test]
fn only_a_camera_is_received_and_never_a_microphone_or_a_screen() {
    let Some(mut stand) = Stand::new("what is received of a visitor", Wired::Voice, json!({})) else { return };
    let (mut guest, _) = stand.visit("guest");
    let screen = PublishVideo { source: TrackSource::Screenshare, ..PublishVideo::default() };
    guest.video(64, 64, vec![100; 64 * 64 * 4], screen);
    let source =
        majlis_livekit_ffi::AudioSource::new(&stand.ffi, 48_000, 1, Duration::from_millis(200)).expect("a source");
    let _microphone = stand
        .within("publishing", guest.room.publish_audio("microphone", &source, &Default::default()))
        .expect("it is published");
    stand.quiet();
    assert_eq!(guest.see(|noticed| noticed.received), 0, "somebody receives what is not a camera");
    guest.camera(64, 64, vec![100; 64 * 64 * 4]);
    until(&mut stand, "a camera is received", |_| guest.see(|noticed| noticed.received) == 1);
    stand.wait(|kit| !kit.emitted(output::frame).is_empty());
}

#[test]
fn recorders_agents_and_whoever_is_hidden_are_no_visitors_whatever_they_say_of_themselves() {
    let Some(mut stand) = Stand::new("who is no visitor", Wired::Camera, json!({})) else { return };
    let server = &stand.server;
    let hidden = VideoGrants { hidden: true, ..server.grants(ROOM) };
    let tokens = [
        server.access("recorder").with_kind("egress").with_grants(server.grants(ROOM)),
        server.access("agent").with_kind("agent").with_grants(server.grants(ROOM)),
        server.access("stream").with_kind("ingress").with_grants(server.grants(ROOM)),
        server.access("telephone").with_kind("sip").with_grants(server.grants(ROOM)),
        server.access("shadow").with_grants(hidden),
    ];
    let others: Vec<_> = tokens.into_iter().map(|token| stand.guest(&token.to_jwt().expect("a token"))).collect();
    stand.quiet();
    assert!(stand.kit.opened().is_empty(), "somebody of {} was taken for a visitor", others.len());
    // A visitor that claims to be an agent's avatar is a visitor.
    let forged = [("lk.publish_on_behalf", "agent"), ("lk.agent.state", "idle")];
    let token = stand.server.access("forger").with_attributes(forged).with_grants(stand.server.grants(ROOM));
    let _forger = stand.guest(&token.to_jwt().expect("a token"));
    stand.wait(|kit| kit.opened().len() == 1);
}

#[test]
fn whoever_was_there_before_us_came_earlier() {
    let Some(mut stand) = Stand::new("who came before us", Wired::Camera, json!({ "room": "another" })) else { return };
    let _guest = stand.visitor("guest");
    std::thread::sleep(Duration::from_millis(1_200));
    let config = common::config(&stand.server, &json!({}));
    let start = majlis_plugin_api::Time::from_nanos(100_000_000_000);
    stand.kit.close().expect("it closes");
    stand.kit = common::builder(Wired::Camera).starting_at(start).open(config).expect("it opens");
    stand.wait(|kit| kit.opened().len() == 1);
    let ago = start.since(stand.kit.arrival(stand.kit.opened()[0]));
    assert!((Duration::from_millis(1_000)..Duration::from_secs(20)).contains(&ago), "{ago:?}");
}

#[test]
fn a_visitor_who_is_back_within_the_grace_keeps_the_visit_and_later_is_a_new_one() {
    let Some(mut stand) = Stand::new("coming back", Wired::Camera, json!({ "rejoin_grace": "8s" })) else { return };
    let (guest, visit) = stand.visit("guest");
    guest.leave();
    stand.quiet();
    assert_eq!(stand.kit.closed(visit), None);
    let mut guest = stand.visitor("guest");
    guest.camera(64, 64, vec![100; 64 * 64 * 4]);
    stand.wait(|kit| kit.emitted(output::frame).iter().any(|(of, _)| *of == Some(visit)));
    assert_eq!(stand.kit.opened(), [visit]);
    guest.leave();
    stand.wait(|kit| kit.closed(visit) == Some(Closed::Gone));
    let (_guest, second) = stand.visit("guest");
    assert_ne!(second, visit);
}

#[test]
fn with_presence_frames_are_of_no_visit_and_no_visit_is_opened() {
    let Some(mut stand) = Stand::new("a stand", Wired::Camera, json!({ "visits": "presence" })) else { return };
    let mut page = stand.visitor("stand");
    page.camera(64, 64, vec![100; 64 * 64 * 4]);
    stand.wait(|kit| kit.emitted(output::frame).len() > 2);
    assert!(stand.kit.emitted(output::frame).iter().all(|(of, _)| of.is_none()));
    assert!(stand.kit.opened().is_empty());
}

#[test]
fn a_visitor_for_whom_there_is_no_room_yet_is_received_when_there_is() {
    let Some(mut stand) = Stand::new("too many visits", Wired::Camera, json!({ "rejoin_grace": "1ms" })) else {
        return;
    };
    let config = common::config(&stand.server, &json!({ "rejoin_grace": "1ms" }));
    stand.kit.close().expect("it closes");
    stand.kit = common::builder(Wired::Camera).max_visits(1).open(config).expect("it opens");
    let (first, visit) = stand.visit("first");
    let _second = stand.visitor("second");
    stand.quiet();
    assert_eq!(stand.kit.opened(), [visit]);
    first.leave();
    stand.wait(|kit| kit.opened().len() == 2);
    assert_eq!(stand.kit.closed(visit), Some(Closed::Gone));
}
