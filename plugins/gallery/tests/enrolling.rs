//! Who is enrolled, and who is refused and why.

#![allow(clippy::unwrap_used)]

mod room;

use std::sync::Arc;

use majlis_gallery::Settings;
use room::{Painted, Room, of, settings};
use serde_json::{Value, json};

#[test]
fn somebody_who_enrolled_from_several_photographs_is_known_by_each() {
    let mut room = Room::new();
    let photos = [room.photo("a.png", &[of(1, 1)]), room.photo("b.png", &[of(1, 2)])];
    let answer = room.enrol("p1", &[&photos[0], &photos[1]], json!({})).unwrap();
    assert_eq!((&answer["people"], answer["faces"].as_array().unwrap().len()), (&json!(1), 2));
    for shot in [1, 2, 3] {
        assert_eq!(room.who(of(1, shot)).as_deref(), Some("p1"), "{shot}");
    }
    assert_eq!(room.who(of(2, 1)), None);
    let shown = room.ask("show", json!({ "id": "p1" })).unwrap();
    assert_eq!((&shown["vectors_of_this_model"], &shown["upright_faces"]), (&json!(2), &json!(0)));
    assert_eq!(shown["recognised_now"], true);
}

#[test]
fn all_that_was_said_of_a_person_is_kept_and_shown() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    let said = json!({
        "name_ar": "نورة", "name_speak": "نُورَة", "title": "Dr", "gender": "female", "language": "ar-SA", "announce": "title",
        "name_sent_to": ["sa"], "until": "2090-12-31", "given_by": "her mother", "minor": true, "guardian": "Mona",
        "precedence": 2, "notes": "comes at noon",
    });
    room.enrol("p1", &[&photo], said.clone()).unwrap();
    let shown = room.ask("show", json!({ "id": "p1" })).unwrap();
    for (key, value) in said.as_object().unwrap() {
        match key.as_str() {
            "until" => assert_eq!(shown["until"], "2090-12-31"),
            "name_sent_to" => assert_eq!(shown["name_sent_to"], json!(["SA"])),
            "minor" => {}
            key => assert_eq!(&shown[key], value, "{key}"),
        }
    }
    assert_eq!(shown["consent"], "expo-2");
    assert!(room.ask("show", json!({ "id": "p2" })).unwrap_err().to_string().contains("nobody"));
}

#[test]
fn a_name_that_a_voice_would_misread_is_refused_and_told_to_nobody() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    for (spoken, words) in [("سَالِم 2", "digits"), ("سَالِم المنصوري", "vowel marks")] {
        let refused = room.enrol("p1", &[&photo], json!({ "name_ar": "سالم", "name_speak": spoken })).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains(words), "{refused}");
        assert!(!refused.contains("سَالِم") && !refused.contains("المنصوري"), "{refused}");
    }
    room.enrol("p1", &[&photo], json!({ "name_ar": "سالم", "name_speak": "سَالِم الْمَنْصُورِي" })).unwrap();
}

#[test]
fn a_photograph_that_does_not_show_one_good_face_enrols_nobody() {
    let mut room = Room::new();
    let small = Painted { side: 79, ..of(1, 1) };
    let blurred = Painted { sharp: false, ..of(1, 1) };
    for (faces, words) in [
        (&[][..], "shows no face"),
        (&[of(1, 1), of(2, 1)][..], "shows 2 faces: 1 at"),
        (&[small][..], "79 px across; at least 80 px"),
        (&[blurred][..], "blurred"),
    ] {
        let photo = room.photo("a.png", faces);
        let refused = room.enrol("p1", &[&photo], json!({})).unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
    assert!(room.enrol("p1", &[], json!({})).unwrap_err().to_string().contains("at least one photograph"));
    assert_eq!(room.ask("list", Value::Null).unwrap()["people"], json!([]));
}

#[test]
fn of_several_faces_the_chosen_one_is_enrolled() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1), of(2, 1), of(3, 1)]);
    // Counted from the middle outwards.
    room.enrol("p2", &[&photo], json!({ "face": 1 })).unwrap();
    assert_eq!(room.who(of(2, 1)).as_deref(), Some("p2"));
    assert_eq!(room.enrol("p4", &[&photo], json!({ "face": 4 })).unwrap_err().path(), "face");
    let other = room.photo("b.png", &[of(4, 1)]);
    assert_eq!(room.enrol("p4", &[&photo, &other], json!({ "face": 1 })).unwrap_err().path(), "face");
}

#[test]
fn a_person_is_not_enrolled_under_a_second_name_and_it_is_said_under_which() {
    let mut room = Room::new();
    let (first, second) = (room.photo("a.png", &[of(1, 1)]), room.photo("b.png", &[of(1, 2)]));
    room.enrol("p1", &[&first], json!({})).unwrap();
    let refused = room.enrol("p2", &[&second], json!({})).unwrap_err();
    assert!(refused.to_string().contains("as `p1` (Name of p1; similarity 0.64)"), "{refused}");
    // Another photograph for the same id is another vector.
    room.enrol("p1", &[&second], json!({})).unwrap();
    assert_eq!(room.ask("show", json!({ "id": "p1" })).unwrap()["vectors"], 2);
}

#[test]
fn photographs_of_two_people_are_not_one_person() {
    let mut room = Room::new();
    let (one, other) = (room.photo("a.png", &[of(1, 1)]), room.photo("b.png", &[of(2, 2)]));
    let refused = room.enrol("p1", &[&one, &other], json!({})).unwrap_err();
    assert!(refused.to_string().contains("photographs 1 and 2 do not show the same person"), "{refused}");
    room.enrol("p1", &[&one], json!({})).unwrap();
    let refused = room.enrol("p1", &[&other], json!({})).unwrap_err();
    assert!(refused.to_string().contains("somebody else is enrolled as `p1`"), "{refused}");
}

#[test]
fn nobody_is_enrolled_without_consent_or_where_nobody_is_kept() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    assert_eq!(room.enrol("p1", &[&photo], json!({ "consent": " " })).unwrap_err().path(), "consent");
    assert_eq!(room.enrol("p1", &[&photo], json!({ "minor": true })).unwrap_err().path(), "guardian");
    let keeps_nobody = Settings { file: None, ..settings() };
    let mut elsewhere = Room::with(Arc::clone(&room.folder), 1, keeps_nobody);
    assert_eq!(elsewhere.enrol("p1", &[&photo], json!({})).unwrap_err().path(), "gallery");
}

#[test]
fn another_model_knows_nobody_until_the_kept_faces_are_read_again() {
    let keeping = || Settings { keep_crops: true, ..settings() };
    let mut room = Room::with(Arc::new(tempfile::tempdir().unwrap()), 1, keeping());
    let photos = [room.photo("a.png", &[of(1, 1)]), room.photo("b.png", &[of(1, 2)])];
    room.enrol("p1", &[&photos[0], &photos[1]], json!({})).unwrap();
    let mut without = room.elsewhere();
    let photo = room.photo("c.png", &[of(2, 1)]);
    without.enrol("p2", &[&photo], json!({})).unwrap();

    let mut other = Room::with(Arc::clone(&room.folder), 9, keeping());
    assert_eq!(other.who(of(1, 1)), None);
    let listed = other.ask("list", Value::Null).unwrap();
    assert_eq!(listed["people"][0]["recognised_now"], false);
    let read = other.ask("reindex", Value::Null).unwrap();
    assert_eq!((&read["vectors_made"], &read["to_enrol_again"]), (&json!(2), &json!(["p2"])));
    assert_eq!(other.who(of(1, 1)).as_deref(), Some("p1"));
    assert_eq!(other.ask("reindex", Value::Null).unwrap()["vectors_made"], 0);
    // The first model's vectors are still there.
    room.desk.look();
    assert_eq!(room.who(of(1, 2)).as_deref(), Some("p1"));
}

#[test]
fn why_somebody_was_not_known_is_told_with_every_threshold() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    room.enrol("p1", &[&photo], json!({})).unwrap();
    let group = room.photo("group.png", &[Painted { side: 50, ..of(1, 2) }, of(1, 2), of(3, 2)]);
    let why = room.ask("why", json!({ "photo": group, "id": "p1" })).unwrap();
    let outcomes: Vec<&str> =
        why["faces"].as_array().unwrap().iter().map(|face| face["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["known", "unknown", "too small"]);
    assert!(why["said"].as_str().unwrap().starts_with("`p1` is recognised: face 1 is known"), "{why:#}");
    assert_eq!(why["faces"][1]["like_asked"], 0.0);
    assert_eq!(why["thresholds"].as_object().unwrap().len(), 5);
    assert_eq!((&why["compared_with"], &why["not_compared"]), (&json!(1), &Value::Null));
    let why = room.ask("why", json!({ "photo": group, "id": "p7" })).unwrap();
    assert!(why["not_compared"].as_str().unwrap().contains("nobody is enrolled"));

    let mut other = Room::with(Arc::clone(&room.folder), 9, settings());
    let why = other.ask("why", json!({ "photo": group, "id": "p1" })).unwrap();
    assert!(why["not_compared"].as_str().unwrap().contains("no vectors of this model"));
}

#[test]
fn who_cannot_be_recognised_is_told_with_what_to_do() {
    let keeping = || Settings { keep_crops: true, ..settings() };
    let mut room = Room::with(Arc::new(tempfile::tempdir().unwrap()), 1, keeping());
    let photos: Vec<_> = (1..4).map(|who| room.photo(&format!("{who}.png"), &[of(who, 1)])).collect();
    room.enrol("p1", &[&photos[0]], json!({})).unwrap();
    let mut without = room.elsewhere();
    without.enrol("p2", &[&photos[1]], json!({})).unwrap();
    let checked = room.ask("check", Value::Null).unwrap();
    assert_eq!(
        (&checked["said"], &checked["recognised_now"]),
        (&json!("everybody can be recognised: 2 people"), &json!(2))
    );

    let mut other = Room::with(Arc::clone(&room.folder), 9, Settings { pack: "newer".into(), ..keeping() });
    other.enrol("p3", &[&photos[2]], json!({})).unwrap();
    let checked = other.ask("check", Value::Null).unwrap();
    assert_eq!(checked["said"], "2 of 3 people have no vectors for newer");
    let pack = &checked["packs"][0];
    assert_eq!((&pack["can_be_read_again"], &pack["to_enrol_again"]), (&json!(["p1"]), &json!(["p2"])));
    other.ask("reindex", Value::Null).unwrap();
    assert_eq!(other.ask("check", Value::Null).unwrap()["said"], "1 of 3 people has no vectors for newer");
    assert_eq!(other.ask("check", Value::Null).unwrap()["recognised_now"], 2);
}

#[test]
fn whoever_is_enrolled_for_another_model_is_known_after_the_swap() {
    let mut room = Room::with(Arc::new(tempfile::tempdir().unwrap()), 1, Settings { keep_crops: true, ..settings() });
    let photos: Vec<_> = (1..3).map(|who| room.photo(&format!("{who}.png"), &[of(who, 1)])).collect();
    room.enrol("p1", &[&photos[0]], json!({})).unwrap();
    room.reader.others = vec![9];
    room.enrol("p2", &[&photos[1]], json!({})).unwrap();
    assert_eq!(room.ask("show", json!({ "id": "p2" })).unwrap()["vectors"], 2);
    let checked = room.ask("check", Value::Null).unwrap();
    assert_eq!(
        (&checked["said"], &checked["recognised_now"]),
        (&json!("1 of 2 people has no vectors for pack-9"), &json!(2))
    );
    let swapped = || Room::with(Arc::clone(&room.folder), 9, settings());
    assert_eq!((swapped().who(of(1, 1)), swapped().who(of(2, 1)).as_deref()), (None, Some("p2")));
    // Who enrolled before is read again for it too, and is no second face of the one in use.
    let folder = Arc::clone(&room.folder);
    assert_eq!(room.ask("reindex", Value::Null).unwrap()["vectors_made"], 1);
    assert_eq!(Room::with(folder, 9, settings()).who(of(1, 1)).as_deref(), Some("p1"));
    assert_eq!(room.ask("check", Value::Null).unwrap()["said"], "everybody can be recognised: 2 people");
    assert_eq!(room.ask("show", json!({ "id": "p1" })).unwrap()["vectors"], 2);
}

#[test]
fn a_verb_that_is_not_known_is_told() {
    let mut room = Room::new();
    assert!(room.ask("add", Value::Null).unwrap_err().to_string().contains("`add`"));
}
