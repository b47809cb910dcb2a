//! Who waits for whom: a frame for its faces, and never for ever.

mod common;

use std::time::Duration;

use common::face;
use majlis_plugin_api::{Faces, Frame, FrameMut, PixelFormat, Time, VisitId};
use majlis_scene_gate::{Config, SceneGate, input, manifest__, output};
use majlis_testkit::{Kit, schema};
use serde_json::json;

struct Room {
    kit: Kit<SceneGate>,
    visit: VisitId,
}

impl Room {
    fn new() -> Self {
        let builder = Kit::builder().manifest(manifest__::TEXT).starting_at(Time::default());
        let mut kit = builder
            .wire(input::faces, "faces.faces")
            .open(json!({ "min_gap": "1s", "faces_within": "500ms" }))
            .expect("it opens");
        let visit = kit.open_visit().expect("the stage is told");
        Self { kit, visit }
    }

    /// A frame that is taken now, with a stripe at `x`.
    fn frame(&mut self, x: usize) -> Time {
        let frame = stripe(&self.kit, x);
        let taken = self.kit.now();
        self.kit.send(input::frame, self.visit, frame).expect("it is taken");
        taken
    }

    fn faces(&mut self, taken: Time) {
        self.answer(taken, Faces { faces: vec![face(1)], ..Faces::default() });
    }

    fn answer(&mut self, taken: Time, faces: Faces) {
        self.kit.send_seen_at(taken, input::faces, self.visit, faces).expect("it is taken");
    }

    fn after(&mut self, milliseconds: u64) {
        self.kit.advance(Duration::from_millis(milliseconds)).expect("wakes go well");
    }

    /// When the frames that went on were taken, in milliseconds.
    fn passed(&self) -> Vec<u64> {
        self.kit.stamps(output::frame).iter().map(|time| time.as_nanos() / 1_000_000).collect()
    }

    fn reasons(&self) -> Vec<String> {
        self.kit.facts().into_iter().map(|(_, _, reason)| reason).collect()
    }

    fn works(&self) -> usize {
        self.kit.works().iter().filter(|work| work.ended.is_none()).count()
    }
}

fn stripe(kit: &Kit<SceneGate>, x: usize) -> Frame {
    let mut frame = FrameMut::new(kit.host(), 320, 240, PixelFormat::Gray8).expect("a frame");
    for row in frame.pixels_mut().chunks_exact_mut(320) {
        row.fill(40);
        row[x..x + 100].fill(200);
    }
    frame.freeze().expect("a frame")
}

#[test]
fn the_schema_is_that_of_the_type_and_the_manifest_is_one() {
    schema::check::<Config>("config.schema.json");
    let manifest = majlis_testkit::manifest::check(manifest__::TEXT);
    assert_eq!((manifest.name.as_str(), manifest.outputs.len()), ("scene-gate", 1));
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused_with_its_key() {
    for (config, path) in [
        (json!({ "same": 0.2 }), "same"),
        (json!({ "changed": 0.0 }), "changed"),
        (json!({ "changed": 1.5 }), "changed"),
        (json!({ "max_age": "500ms" }), "max_age"),
        (json!({ "faces_within": "0s" }), "faces_within"),
        (json!({ "threshold": 0.1 }), "threshold"),
    ] {
        let refused = Kit::<SceneGate>::open(config.clone()).err().unwrap_or_else(|| panic!("{config} is taken"));
        assert!(refused.path.contains(path) || refused.message.contains(path), "{config}: {refused:?}");
    }
}

#[test]
fn a_frame_goes_on_when_it_was_looked_at_and_carries_its_own_time() {
    let mut room = Room::new();
    let taken = room.frame(0);
    room.after(80);
    assert!(room.passed().is_empty());
    room.faces(taken);
    assert_eq!(room.passed(), [0]);
    assert_eq!((room.reasons(), room.works()), (vec!["new visit".to_owned()], 0));
    room.after(1_000);
    assert_eq!(room.passed(), [0], "nothing is left to wait for");
}

#[test]
fn what_goes_on_is_the_buffer_that_came() {
    let mut room = Room::new();
    let taken = room.frame(0);
    room.faces(taken);
    let came = stripe(&room.kit, 0);
    let went = room.kit.emitted(output::frame).remove(0).1;
    assert_eq!(went.to_json(), came.to_json());
}

#[test]
fn a_frame_that_the_recogniser_passed_over_gives_way_to_the_newer_one() {
    let mut room = Room::new();
    room.frame(0);
    room.after(100);
    let second = room.frame(0);
    room.after(50);
    room.faces(second);
    assert_eq!(room.passed(), [100]);
    assert_eq!(room.reasons(), ["not looked at", "new visit"]);
    assert_eq!(room.works(), 0);
}

#[test]
fn of_a_recogniser_that_takes_long_the_frame_it_works_on_is_kept_and_the_newest() {
    let mut room = Room::new();
    let taken: Vec<Time> = (0..10)
        .map(|_| {
            let taken = room.frame(0);
            room.after(40);
            taken
        })
        .collect();
    room.faces(taken[0]);
    room.faces(taken[9]);
    assert_eq!(room.passed(), [0]);
    assert_eq!(room.reasons().iter().filter(|reason| *reason == "not looked at").count(), 8);
    assert_eq!(room.reasons().last().expect("decisions"), "unchanged");
    assert_eq!(room.works(), 0);
}

#[test]
fn faces_may_be_there_before_their_frame() {
    let mut room = Room::new();
    room.faces(Time::default());
    room.frame(0);
    assert_eq!(room.passed(), [0]);
    // A frame that comes when a later one was answered will not be looked at any more.
    room.after(100);
    room.faces(Time::from_nanos(150_000_000));
    room.frame(200);
    assert_eq!(room.reasons(), ["new visit", "not looked at"]);
}

#[test]
fn boxes_that_are_only_carried_on_are_no_look_at_the_frame() {
    let mut room = Room::new();
    let first = room.frame(0);
    room.faces(first);
    room.after(2_000);
    let second = room.frame(200);
    room.answer(second, Faces { extrapolated: true, ..Faces::default() });
    room.after(100);
    for _ in 0..2 {
        let third = room.frame(200);
        room.faces(third);
        room.after(100);
    }
    assert_eq!(room.reasons(), ["new visit", "not looked at", "unchanged", "scene changed"]);
    assert_eq!(room.passed(), [0, 2_200]);
}

#[test]
fn where_the_recogniser_fails_the_picture_alone_decides_until_it_answers_again() {
    let mut room = Room::new();
    room.frame(0);
    room.after(100);
    room.kit.fail_upstream(input::faces, room.visit).expect("the stage is told");
    assert_eq!(room.passed(), [0], "the only frame of a photograph's visit is not lost");
    room.after(1_900);
    room.frame(200);
    room.after(100);
    room.frame(200);
    assert_eq!(room.passed(), [0, 2_100], "no frame waits");
    room.after(1_900);
    room.faces(Time::from_nanos(4_000_000_000));
    room.after(10);
    let waits = room.frame(0);
    assert_eq!(room.reasons().len(), 3);
    room.faces(waits);
    // Of the looks that were taken meanwhile nobody knows who was on them.
    assert_eq!(room.reasons(), ["new visit", "unchanged", "scene changed", "people changed"]);
}

#[test]
fn a_frame_does_not_wait_whose_failure_was_told_before_it_came() {
    let mut room = Room::new();
    room.kit.fail_upstream(input::faces, room.visit).expect("the stage is told");
    room.frame(0);
    assert_eq!(room.passed(), [0]);
}

#[test]
fn a_recogniser_that_says_nothing_is_not_waited_for_without_end() {
    let mut room = Room::new();
    room.frame(0);
    room.after(499);
    assert!(room.passed().is_empty());
    room.after(1);
    assert_eq!((room.passed(), room.works()), (vec![0], 0));
    room.frame(0);
    assert_eq!(room.reasons(), ["new visit", "unchanged"]);
}

#[test]
fn when_no_faces_come_any_more_nothing_waits() {
    let mut room = Room::new();
    room.frame(0);
    room.kit.end_stream(input::faces).expect("the stage is told");
    assert_eq!(room.passed(), [0]);
    room.after(100);
    room.frame(0);
    assert_eq!(room.reasons(), ["new visit", "unchanged"]);
}

#[test]
fn a_visit_that_is_over_leaves_nothing_and_the_next_one_is_new() {
    let mut room = Room::new();
    room.frame(0);
    room.kit.leave(room.visit).expect("the stage is told");
    assert_eq!(room.kit.wake_of(room.visit), None);
    room.visit = room.kit.open_visit().expect("the stage is told");
    let taken = room.frame(0);
    room.faces(taken);
    assert_eq!(room.reasons(), ["new visit"]);
}

#[test]
fn what_is_withdrawn_waits_no_more() {
    let mut room = Room::new();
    let taken = room.frame(0);
    room.kit.flush(room.visit).expect("the stage is told");
    room.faces(taken);
    assert!(room.passed().is_empty());
    room.after(100);
    let taken = room.frame(0);
    room.faces(taken);
    assert_eq!(room.passed(), [100]);
}
