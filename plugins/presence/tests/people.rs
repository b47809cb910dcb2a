//! Each person a visit: the right visits, the right names, nobody twice.

mod common;

use common::{Show, at, back, known, undecided, unknown};
use majlis_plugin_api::{Closed, Face};
use serde_json::json;

fn show() -> Show {
    Show::new(json!({ "group": "per-person" }))
}

/// Somebody stands there for eight frames; a recogniser that follows faces needs three of them to decide.
fn stands(show: &mut Show, number: u64, x: u32, id: Option<&str>, follows: bool) {
    let decided = id.map_or_else(|| unknown(number, x), |id| known(number, x, id));
    if follows {
        show.frames(3, &[undecided(number, x)]);
        show.frames(5, &[decided]);
    } else {
        show.frames(8, &[back(decided)]);
    }
}

#[test]
fn five_in_turn_two_together_and_one_who_walks_past() {
    // With a recogniser that follows faces, and with one that does not.
    for follows in [true, false] {
        let mut show = show();
        // All of them at the same place, and each long before the one before has been away for `leave_after`.
        let in_turn = [Some("noura"), Some("salem"), None, Some("huda"), None];
        for (number, id) in (1..).zip(in_turn) {
            stands(&mut show, number, 300, id, follows);
            show.frames(2, &[]);
        }
        let as_told = |face: Face| if follows { face } else { back(face) };
        show.frames(8, &[as_told(known(6, 200, "amal")), as_told(known(7, 700, "badr"))]);
        show.frames(3, &[as_told(unknown(8, 1_000))]);
        show.frames(60, &[]);
        assert_eq!(show.guests(), ["noura", "salem", "guest", "huda", "guest", "amal", "badr"], "follows: {follows}");
        for (visit, turn) in show.kit.opened().into_iter().zip([0, 1, 2, 3, 4, 5, 5]) {
            assert_eq!(show.kit.arrival(visit), at(turn * 1_000), "since the first frame; follows: {follows}");
            assert_eq!(show.kit.closed(visit), Some(Closed::Ended));
        }
    }
}

#[test]
fn a_person_whose_track_breaks_is_still_the_same_visit() {
    let mut show = show();
    show.frames(8, &[known(1, 300, "noura")]);
    show.frames(20, &[]);
    // Seen again elsewhere, and not recognised at once.
    show.frames(3, &[undecided(2, 900)]);
    show.frames(30, &[known(2, 900, "noura")]);
    assert_eq!(show.guests(), ["noura"]);
    assert_eq!(show.kit.closed(show.kit.opened()[0]), None, "she is still there");
}

#[test]
fn a_guest_who_turns_away_for_a_moment_is_not_a_new_one() {
    for as_told in [|face| face, back] {
        let mut show = show();
        show.frames(8, &[as_told(unknown(1, 300))]);
        show.frames(20, &[]);
        show.frames(8, &[as_told(unknown(2, 380))]);
        assert_eq!(show.guests(), ["guest"]);
        // Somebody else beside them is.
        show.frames(8, &[as_told(unknown(2, 380)), as_told(unknown(3, 700))]);
        assert_eq!(show.guests(), ["guest", "guest"]);
    }
}

#[test]
fn whoever_turns_out_to_be_there_already_has_no_second_visit() {
    let mut show = show();
    show.frames(8, &[known(1, 300, "noura")]);
    show.frames(5, &[]);
    // It takes longer to recognise her than to receive her.
    show.frames(8, &[undecided(2, 900)]);
    let [first, second] = show.kit.opened()[..] else { panic!("{:?}", show.visits()) };
    assert_eq!(show.kit.closed(second), None);
    show.frames(1, &[known(2, 900, "noura")]);
    assert_eq!(show.kit.closed(second), Some(Closed::Gone), "what is still due for it is withdrawn");
    show.frames(60, &[known(2, 900, "noura")]);
    assert_eq!((show.kit.closed(first), show.kit.opened().len()), (None, 2));
    assert_eq!(show.kit.late(), 0);
}

#[test]
fn one_person_on_two_faces_is_one_visit() {
    let mut show = show();
    show.frames(8, &[known(1, 300, "noura"), known(2, 700, "noura")]);
    assert_eq!(show.guests(), ["noura"]);
    assert_eq!(show.kit.emitted(majlis_presence::output::faces)[0].1.faces.len(), 2);
}

#[test]
fn each_leaves_in_their_own_time_and_whoever_comes_back_later_comes_again() {
    let mut show = show();
    show.frames(6, &[known(1, 300, "noura"), known(2, 700, "salem")]);
    show.frames(45, &[known(2, 700, "salem")]);
    let (noura, salem) = (show.kit.opened()[0], show.kit.opened()[1]);
    assert_eq!((show.kit.closed(noura), show.kit.closed(salem)), (Some(Closed::Ended), None));
    show.frames(6, &[known(3, 300, "noura"), known(2, 700, "salem")]);
    assert_eq!(show.guests(), ["noura", "salem", "noura"]);
    assert_eq!(show.kit.arrival(show.kit.opened()[2]), at(5_100));
}

#[test]
fn whoever_is_recognised_late_keeps_the_visit() {
    let mut show = show();
    show.frames(10, &[undecided(1, 300)]);
    show.frames(5, &[unknown(1, 300)]);
    show.frames(5, &[known(1, 300, "noura")]);
    assert_eq!(show.guests(), ["guest noura"]);
    assert_eq!(show.kit.closed(show.kit.opened()[0]), None);
}
