//! A fixed stream of ten frames a second, made of photographs with a sensor's noise: what a person would look at again goes
//! through, frame by frame.

mod common;

use common::{Door, face, known};
use majlis_test_film::{MINUTE_FPS, Picture, Visitor, minute};
use serde_json::json;

#[test]
fn of_a_hall_in_which_nothing_happens_one_frame_is_let_through() {
    let Some(mut door) = Door::open(json!({}), false) else { return };
    door.frames(50, |_| Picture::EMPTY);
    assert_eq!(door.reasons(), [("new visit", 1), ("unchanged", 49)]);
}

#[test]
fn who_steps_before_the_camera_and_who_leaves_is_a_scene_of_its_own_each() {
    let Some(mut door) = Door::open(json!({}), false) else { return };
    door.frames(15, |_| Picture::EMPTY);
    door.frames(15, |_| Picture::of(Visitor::at(220)));
    door.frames(15, |_| Picture::EMPTY);
    // When they have come to rest, which is one frame after they are there.
    assert_eq!(door.passed(), [(0, "new visit"), (16, "scene changed"), (31, "scene changed")]);
}

#[test]
fn who_walks_through_the_hall_is_not_looked_at_and_who_walks_in_and_stays_is_looked_at_once() {
    let Some(mut door) = Door::open(json!({}), false) else { return };
    door.frames(15, |_| Picture::EMPTY);
    // Seven frames from one side to the other.
    door.frames(7, |frame| Picture::of(Visitor::at(-200 + 120 * frame)));
    door.frames(10, |_| Picture::EMPTY);
    assert_eq!(door.passed(), [(0, "new visit")]);
    door.frames(4, |frame| Picture::of(Visitor::at(-200 + 105 * frame)));
    door.frames(20, |_| Picture::of(Visitor::at(220)));
    assert_eq!(door.passed()[1..], [(37, "scene changed")]);
}

#[test]
fn who_stands_there_sways_and_breathes_without_being_looked_at_again() {
    let Some(mut door) = Door::open(json!({}), false) else { return };
    door.frames(60, |frame| {
        let sway = [0, 2, 4, 5, 4, 2, 0, -2, -4, -5, -4, -2][frame as usize % 12];
        Picture::of(Visitor::at(220 + sway))
    });
    assert_eq!(door.reasons(), [("new visit", 1), ("unchanged", 59)]);
}

#[test]
fn a_lamp_that_is_switched_on_or_off_and_a_slow_sunset_show_nothing_new() {
    let Some(mut door) = Door::open(json!({}), false) else { return };
    let visitor = || Picture::of(Visitor::at(220));
    door.frames(10, |_| visitor());
    door.frames(10, |_| visitor().lit(0.6, 0.0));
    door.frames(10, |_| visitor().lit(0.9, 25.0));
    door.frames(40, |frame| visitor().lit(1.0 - 0.015 * frame as f32, 0.0));
    assert_eq!(door.reasons(), [("new visit", 1), ("unchanged", 69)]);
}

#[test]
fn who_moves_all_the_time_is_looked_at_when_the_scene_should_have_settled() {
    let config = json!({ "settle_within": "2s", "min_gap": "3s" });
    let Some(mut door) = Door::open(config, false) else { return };
    door.frames(10, |_| Picture::EMPTY);
    door.frames(60, |frame| Picture::of(Visitor::at(220 + if frame % 2 == 0 { -90 } else { 90 })));
    let passed = door.passed();
    assert_eq!(passed[..2], [(0, "new visit"), (30, "scene changed")]);
    assert!(passed.len() <= 3, "{passed:?}");
}

#[test]
fn a_scene_that_stays_is_looked_at_again_when_the_look_is_too_old() {
    let Some(mut door) = Door::open(json!({ "max_age": "3s" }), false) else { return };
    door.frames(65, |_| Picture::of(Visitor::at(220)));
    assert_eq!(door.passed(), [(0, "new visit"), (30, "too old"), (60, "too old")]);
}

#[test]
fn somebody_who_joins_or_leaves_counts_although_the_picture_hardly_changes() {
    // Nobody of them stands in the picture: it is the people that decide.
    let Some(mut door) = Door::open(json!({}), true) else { return };
    let (one, both) = ([face(1)], [face(1), face(2)]);
    door.seen(15, &one);
    door.seen(15, &both);
    // A face that is lost for some frames is still there.
    door.seen(8, &one);
    door.seen(7, &both);
    door.seen(20, &one);
    assert_eq!(door.passed(), [(0, "new visit"), (15, "people changed"), (54, "people changed")]);
}

#[test]
fn who_is_recognised_meanwhile_or_followed_under_another_number_is_the_same_person() {
    let Some(mut door) = Door::open(json!({}), true) else { return };
    door.seen(15, &[face(1)]);
    door.seen(15, &[known(1, "p1")]);
    door.seen(15, &[known(7, "p1")]);
    assert_eq!(door.passed(), [(0, "new visit")]);
    // Another person under a number that was given before is another person.
    door.seen(15, &[known(7, "p2")]);
    assert_eq!(door.passed()[1..], [(45, "people changed")]);
}

#[test]
fn who_is_too_far_away_to_be_anybody_walks_about_in_the_background() {
    let Some(mut door) = Door::open(json!({}), true) else { return };
    let mut far = face(9);
    far.identity = majlis_plugin_api::Identity::TooSmall;
    door.seen(15, &[face(1)]);
    door.seen(15, &[face(1), far]);
    door.seen(15, &[face(1)]);
    assert_eq!(door.passed(), [(0, "new visit")]);
}

#[test]
fn of_a_crowd_it_does_not_matter_who_comes_and_goes() {
    let Some(mut door) = Door::open(json!({}), true) else { return };
    let crowd = |from: u64| (from..from + 80).map(face).collect::<Vec<_>>();
    door.seen(15, &crowd(1));
    door.seen(5, &crowd(10));
    assert_eq!(door.passed(), [(0, "new visit")]);
}

#[test]
fn faces_that_nobody_follows_are_counted() {
    let Some(mut door) = Door::open(json!({}), true) else { return };
    let [mut nobody, mut another] = [face(0), face(0)];
    (nobody.track, another.track) = (None, None);
    let (one, both) = ([nobody.clone()], [nobody, another]);
    door.seen(15, &one);
    door.seen(15, &both);
    door.seen(15, &one);
    assert_eq!(door.passed(), [(0, "new visit"), (15, "people changed"), (40, "people changed")]);
}

#[test]
fn two_looks_are_never_closer_than_the_gap_and_the_change_is_not_forgotten() {
    let Some(mut door) = Door::open(json!({ "min_gap": "2s" }), true) else { return };
    door.seen(5, &[face(1)]);
    door.seen(25, &[face(1), face(2)]);
    assert_eq!(door.passed(), [(0, "new visit"), (20, "people changed")]);
    assert!(door.reasons().contains(&("too soon", 15)), "{:?}", door.reasons());
}

#[test]
fn an_empty_hall_is_not_looked_at_again() {
    let Some(mut door) = Door::open(json!({ "max_age": "2s" }), true) else { return };
    let visitor = || Picture::of(Visitor::at(220));
    door.frames(10, |_| visitor());
    // The visitor leaves, and comes back.
    door.frames(40, |_| Picture::EMPTY);
    door.frames(5, |_| visitor());
    assert_eq!(door.passed(), [(0, "new visit"), (50, "too old")]);
    assert!(door.reasons().contains(&("nobody there", 40)), "{:?}", door.reasons());
}

#[test]
fn of_a_minute_with_three_visitors_each_is_looked_at_when_they_come_when_they_stand_and_where_they_step() {
    let Some(mut door) = Door::open(json!({ "min_gap": "3s" }), true) else { return };
    door.every(1_000 / MINUTE_FPS);
    let minute = minute();
    for (number, picture) in minute.iter().enumerate() {
        if number > 0 && number % 40 == 0 {
            door.next_visit();
        }
        door.frames(1, |_| *picture);
    }
    // The lamp of the first visit and the sunset of the third show nothing new.
    let passed = [
        (0, "new visit"),
        (6, "scene changed"),
        (40, "new visit"),
        (46, "scene changed"),
        (55, "scene changed"),
        (80, "new visit"),
        (86, "scene changed"),
    ];
    assert_eq!(door.passed(), passed);
    assert!(1.0 - passed.len() as f64 / minute.len() as f64 >= 0.93);
    let nobody = door.reasons().into_iter().find(|(reason, _)| *reason == "nobody there");
    assert_eq!(nobody, Some(("nobody there", 3 * 12)));
}
