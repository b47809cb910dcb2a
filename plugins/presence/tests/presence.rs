//! Who is a visitor, since when, and until when: a camera of ten frames a second, on a clock that the test turns.

mod common;

use std::time::Duration;

use common::{Show, at, back, box_at, face, known, undecided, unknown};
use majlis_plugin_api::{Closed, Doubt, Faces, FrameMut, PixelFormat, Time};
use majlis_presence::{Config, Presence, input, manifest__, output};
use majlis_testkit::Kit;
use serde_json::json;

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn its_outputs_wait_for_no_input() {
    let manifest = majlis_testkit::manifest::check(manifest__::TEXT);
    assert_eq!(manifest.name, "presence");
    assert_eq!(manifest.outputs.len(), 2);
    assert!(manifest__::TEXT.matches("origin = true").count() == 2, "{}", manifest__::TEXT);
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused_with_its_key() {
    for (config, path) in [
        (json!({ "min_face_px": 0 }), "min_face_px"),
        (json!({ "leave_after": "0s" }), "leave_after"),
        (json!({ "group": "per-table" }), "group"),
        (json!({ "leave": "4s" }), "leave"),
    ] {
        let refused = Kit::<Presence>::open(config.clone()).err().unwrap_or_else(|| panic!("{config} is taken"));
        assert!(refused.path.contains(path) || refused.message.contains(path), "{config}: {refused:?}");
    }
}

#[test]
fn whoever_stays_is_a_visit_since_the_first_frame() {
    let mut show = Show::new(json!({}));
    show.frames(5, &[unknown(1, 300)]);
    assert!(show.visits().is_empty(), "400 ms are not enough");
    show.frames(1, &[unknown(1, 300)]);
    assert_eq!(show.visits(), ["1 since 0, at 500: guest"], "500 ms are");
    show.frames(2, &[unknown(1, 300)]);
    assert_eq!(show.kit.emitted(output::faces).len(), 3, "each answer is passed on");
    assert_eq!(show.kit.stamps(output::faces)[2], at(700));
}

#[test]
fn the_arrival_is_when_the_frame_was_taken_and_not_when_it_was_looked_at() {
    let mut show = Show::new(json!({}));
    show.delay = Duration::from_millis(350);
    show.frames(6, &[unknown(1, 300)]);
    assert_eq!(show.kit.arrival(show.kit.opened()[0]), at(0));
    assert_eq!(show.kit.stamps(output::faces), [at(500)]);
}

#[test]
fn whoever_walks_past_or_stays_far_away_is_no_visit() {
    let mut show = Show::new(json!({}));
    show.frames(4, &[unknown(1, 300)]);
    show.frames(50, &[]);
    let far = face(box_at(300, 59), majlis_plugin_api::Identity::Unknown, Some(2));
    show.frames(50, &[far]);
    // Passers-by, one behind the other at the same place, are not one who stays.
    for number in 3..9 {
        show.frames(3, &[unknown(number, 300)]);
    }
    assert!(show.visits().is_empty(), "{:?}", show.visits());
}

#[test]
fn without_numbers_whoever_walks_through_the_picture_is_no_visit_and_whoever_stands_is() {
    let mut show = Show::new(json!({}));
    for step in 0..12 {
        show.frames(1, &[back(unknown(0, 100 + 120 * step))]);
    }
    assert!(show.visits().is_empty());
    for step in 0..6 {
        // Nobody stands like a statue.
        show.frames(1, &[back(unknown(0, 300 + 10 * (step % 3)))]);
    }
    assert_eq!(show.visits(), ["1 since 1200, at 1700: guest"]);
}

#[test]
fn a_predicted_face_opens_no_visit_but_keeps_one() {
    let predicted = |mut face: majlis_plugin_api::Face| {
        face.predicted = true;
        face
    };
    let mut show = Show::new(json!({}));
    show.frames(20, &[predicted(unknown(1, 300))]);
    show.frames(1, &[unknown(2, 300)]);
    show.frames(9, &[predicted(unknown(2, 300))]);
    assert!(show.visits().is_empty(), "seen once");
    show.frames(1, &[unknown(2, 300)]);
    let visit = show.kit.opened()[0];
    assert_eq!(show.kit.arrival(visit), at(2_000));
    show.frames(60, &[predicted(unknown(2, 300))]);
    assert_eq!(show.kit.closed(visit), None);
}

#[test]
fn a_visit_ends_when_nobody_was_there_for_long_enough_also_when_no_frame_comes() {
    for frames_go_on in [true, false] {
        let mut show = Show::new(json!({}));
        show.frames(6, &[unknown(1, 300)]);
        let visit = show.kit.opened()[0];
        if frames_go_on {
            show.frames(39, &[]);
            assert!(show.kit.emitted(output::faces).last().expect("an answer").1.faces.is_empty(), "seen by nobody");
        } else {
            show.advance(3_900);
        }
        // The clock stands at 4,400 ms with the frame of 500 ms the last that showed somebody.
        show.advance(99);
        assert_eq!(show.kit.closed(visit), None);
        show.advance(1);
        assert_eq!(show.kit.closed(visit), Some(Closed::Ended));
        assert_eq!(show.kit.wake_of(None), None, "nobody is there");
    }
}

#[test]
fn whoever_steps_back_is_still_there_and_whoever_goes_far_away_is_not() {
    let mut show = Show::new(json!({}));
    let far = |size| face(box_at(300, size), majlis_plugin_api::Identity::Unknown, Some(1));
    show.frames(6, &[far(100)]);
    let visit = show.kit.opened()[0];
    show.frames(60, &[far(40)]);
    assert_eq!(show.kit.closed(visit), None);
    show.frames(41, &[far(20)]);
    assert_eq!(show.kit.closed(visit), Some(Closed::Ended));
    // Who comes near again comes again, and has not been there all the time.
    show.frames(6, &[far(100)]);
    let again = show.kit.opened()[1];
    assert_eq!(show.kit.arrival(again), at(10_700));
}

#[test]
fn a_camera_of_one_frame_a_second_finds_visitors_too() {
    let mut show = Show::new(json!({}));
    show.interval = Duration::from_secs(1);
    show.frames(2, &[back(unknown(0, 300))]);
    assert_eq!(show.visits(), ["1 since 0, at 1000: guest"]);
}

#[test]
fn together_means_one_visit_with_all_faces() {
    let mut show = Show::new(json!({}));
    let child = face(box_at(900, 40), majlis_plugin_api::Identity::TooSmall, Some(3));
    show.frames(6, &[known(1, 300, "noura"), unknown(2, 600), child]);
    let faces = show.kit.emitted(output::faces);
    assert_eq!((show.kit.opened().len(), faces.len()), (1, 1));
    assert_eq!(faces[0].1.faces.len(), 3);
    // One leaves, the other stays: it is their visit until both have left.
    show.frames(60, &[unknown(2, 600)]);
    assert_eq!(show.kit.closed(show.kit.opened()[0]), None);
    show.frames(41, &[]);
    assert_eq!(show.kit.closed(show.kit.opened()[0]), Some(Closed::Ended));
}

#[test]
fn whoever_never_came_near_keeps_no_visit_open() {
    let mut show = Show::new(json!({}));
    let watching = face(box_at(900, 50), majlis_plugin_api::Identity::TooSmall, Some(9));
    show.frames(6, &[unknown(1, 300), watching.clone()]);
    show.frames(40, &[watching]);
    show.advance(100);
    assert_eq!(show.kit.closed(show.kit.opened()[0]), Some(Closed::Ended));
}

#[test]
fn a_packet_that_has_a_visit_already_is_refused_with_the_remedy() {
    let mut kit = Kit::<Presence>::builder().wire(input::faces, "faces.faces").open(json!({})).expect("it opens");
    let visit = kit.open_visit().expect("told");
    let refused = kit.send(input::faces, visit, Faces::default()).expect_err("it makes the visits itself");
    assert!(refused.message.contains("faces.faces") && refused.message.contains("as_visits"), "{}", refused.message);
}

#[test]
fn the_newest_faces_wait_for_room_and_are_not_lost() {
    let mut show = Show::new(json!({}));
    show.frames(6, &[undecided(1, 300)]);
    show.kit.forget_emitted();
    show.kit.fill(output::faces);
    show.frames(1, &[undecided(1, 300)]);
    show.frames(1, &[known(1, 300, "noura")]);
    show.frames(1, &[]);
    assert!(show.kit.emitted(output::faces).is_empty());
    show.kit.free(output::faces);
    show.advance(50);
    let sent = show.kit.emitted(output::faces);
    assert_eq!(sent.len(), 1, "who was there, and not that nobody is there now");
    assert_eq!((sent[0].1.faces.len(), show.kit.stamps(output::faces)), (1, vec![at(700)]));
    assert!(matches!(sent[0].1.faces[0].identity, majlis_plugin_api::Identity::Known(_)));
}

#[test]
fn whoever_finds_no_place_is_received_as_soon_as_there_is_one() {
    let builder = Kit::<Presence>::builder().manifest(manifest__::TEXT).max_visits(1);
    let mut show = Show::of(builder, json!({ "group": "per-person" }));
    show.frames(6, &[known(1, 300, "noura")]);
    show.frames(10, &[known(2, 700, "salem")]);
    assert_eq!(show.kit.opened().len(), 1);
    let told = show.kit.logs().iter().filter(|log| log.level == 2 && log.message.contains("max_visits")).count();
    assert_eq!(told, 1, "once, and not with each frame: {:?}", show.kit.logs());
    show.frames(40, &[known(2, 700, "salem")]);
    assert_eq!(show.kit.opened().len(), 2);
    assert_eq!(show.kit.arrival(show.kit.opened()[1]), at(600), "since then salem has been there");
}

#[test]
fn frames_are_passed_on_for_each_visit_without_a_copy_and_whoever_comes_gets_the_newest() {
    let builder = Kit::<Presence>::builder().manifest(manifest__::TEXT).wire_out(output::frame, "vision.frame");
    let mut show = Show::of(builder, json!({ "group": "per-person" }));
    let picture = |show: &Show| {
        let mut frame = FrameMut::new(show.kit.host(), 8, 8, PixelFormat::Gray8).expect("a frame");
        frame.pixels_mut().fill(1);
        frame.freeze().expect("a frame")
    };
    let two = [known(1, 300, "noura"), known(2, 700, "salem")];
    show.frames(5, &two);
    let first = picture(&show);
    show.kit.send(input::frame, None, first.clone()).expect("kept");
    assert!(show.kit.emitted(output::frame).is_empty(), "nobody is there yet");
    show.frames(1, &two);
    let second = picture(&show);
    show.kit.send(input::frame, None, second.clone()).expect("passed on");
    let sent = show.kit.emitted(output::frame);
    let (a, b) = (Some(show.kit.opened()[0]), Some(show.kit.opened()[1]));
    assert_eq!(sent.iter().map(|(visit, _)| *visit).collect::<Vec<_>>(), [a, b, a, b]);
    for ((_, sent), frame) in sent.iter().zip([&first, &first, &second, &second]) {
        assert_eq!(sent.pixels().as_ptr(), frame.pixels().as_ptr());
    }
    assert_eq!(show.kit.stamps(output::frame)[0], at(400), "when it was taken");
}

#[test]
fn a_drain_and_the_end_of_the_faces_end_the_visits_and_nobody_new_is_received() {
    for drain in [true, false] {
        let mut show = Show::new(json!({}));
        show.frames(6, &[unknown(1, 300)]);
        if drain {
            show.kit.drain(Duration::from_secs(10)).expect("told");
        } else {
            show.kit.end_stream(input::faces).expect("told");
        }
        assert_eq!(show.kit.closed(show.kit.opened()[0]), Some(Closed::Ended));
        assert_eq!(show.kit.ended(), !drain, "an origin says itself that it has nothing more");
        show.frames(10, &[unknown(2, 900)]);
        assert_eq!(show.kit.opened().len(), 1);
        assert_eq!(show.kit.late(), 0);
    }
}

#[test]
fn what_a_recogniser_says_beside_its_faces_goes_with_them() {
    let mut show = Show::new(json!({ "group": "per-person" }));
    show.frames(6, &[unknown(1, 300).doubted(Doubt::Poor)]);
    let (_, faces) = show.kit.emitted(output::faces).remove(0);
    assert_eq!((faces.width, faces.height, faces.frame), (1_280, 720, 5));
    assert_eq!(faces.faces[0].doubt(), Some(Doubt::Poor));
    assert_eq!(show.kit.stamps(output::faces)[0], Time::from_nanos(1_500_000_000));
}
