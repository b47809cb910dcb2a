//! Who asked to be forgotten, or whose consent is over, is: in memory, in every file, and when an old export comes back.

#![allow(clippy::unwrap_used)]

mod room;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use majlis_gallery::{Consent, Crop, Look, Person, Settings, Template, today};
use room::{Room, of, settings, within};
use serde_json::{Value, json};

/// How soon a running show has to drop somebody whom another process erased.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_running_show_drops_whoever_is_forgotten_elsewhere_within_a_second_without_being_asked() {
    let mut desk = Room::new();
    let photo = desk.photo("a.png", &[of(1, 1)]);
    desk.enrol("p1", &[&photo], json!({})).unwrap();
    let show = desk.elsewhere();
    assert_eq!(show.who(of(1, 1)).as_deref(), Some("p1"));
    desk.ask("forget", json!({ "id": "p1" })).unwrap();
    assert!(within(SOON, || show.who(of(1, 1)).is_none()));
}

#[test]
fn no_byte_of_a_person_is_left_in_any_file_while_a_show_runs() {
    let keeping = Settings { keep_crops: true, ..settings() };
    let mut desk = Room::with(Arc::new(tempfile::tempdir().unwrap()), 1, keeping);
    let _show = desk.elsewhere();
    let photos = [desk.photo("a.png", &[of(1, 1)]), desk.photo("b.png", &[of(2, 7)])];
    desk.enrol("person-1", &[&photos[0]], json!({ "name_ar": "نورة العتيبي", "notes": "comes at noon" })).unwrap();
    desk.enrol("person-2", &[&photos[1]], json!({})).unwrap();
    let kept = desk.people().kept("person-1").unwrap().unwrap();
    let vector = kept.looks[0].templates[0].to_bytes();
    let crop = kept.looks[0].crop.clone().unwrap().rgb;
    let traces: [&[u8]; 6] =
        [b"person-1", b"Name of person-1", "نورة العتيبي".as_bytes(), b"comes at noon", &vector[80..], &crop[..900]];
    for trace in traces {
        assert!(!desk.holding(trace).is_empty(), "what is looked for is there before");
    }
    desk.ask("forget", json!({ "id": "person-1" })).unwrap();
    for trace in traces {
        assert_eq!(desk.holding(trace), Vec::<PathBuf>::new());
    }
    assert!(!desk.holding(b"person-2").is_empty());
}

#[test]
fn whoever_reads_an_older_state_makes_it_not_yet_proved_and_nobody_is_named_meanwhile() {
    let mut desk = Room::new();
    let photo = desk.photo("a.png", &[of(1, 1)]);
    desk.enrol("person-1", &[&photo], json!({})).unwrap();
    let show = desk.elsewhere();
    let reader = rusqlite::Connection::open(desk.path("store/people.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM people").unwrap();
    let refused = desk.ask("forget", json!({ "id": "person-1" })).unwrap_err();
    assert!(refused.to_string().contains("not yet proved"), "{refused}");
    assert!(!desk.holding(b"person-1").is_empty(), "the reader keeps the old pages");
    assert!(within(SOON, || show.who(of(1, 1)).is_none()) && desk.who(of(1, 1)).is_none());

    drop(reader);
    desk.ask("forget", json!({ "id": "person-1" })).unwrap();
    assert_eq!(desk.holding(b"person-1"), Vec::<PathBuf>::new());
}

#[test]
fn an_old_export_does_not_bring_back_who_was_forgotten_and_nothing_tells_who_that_is() {
    let mut room = Room::new();
    for (id, who) in [("person-1", 1), ("person-2", 2)] {
        let photo = room.photo("a.png", &[of(who, 1)]);
        room.enrol(id, &[&photo], json!({})).unwrap();
    }
    let (file, passphrase) = (room.path("people.mjx"), room.passphrase());
    room.ask("export", json!({ "file": file, "passphrase_file": passphrase })).unwrap();
    for id in ["person-1", "person-2"] {
        room.ask("forget", json!({ "id": id })).unwrap();
    }
    let photo = room.photo("b.png", &[of(2, 1)]);
    room.enrol("person-2", &[&photo], json!({})).unwrap();
    room.ask("forget", json!({ "id": "person-2" })).unwrap();
    let answer = room.ask("import", json!({ "file": file, "passphrase_file": passphrase })).unwrap();
    assert_eq!(answer["imported"], json!([]));
    let refused: Vec<&str> =
        answer["refused"].as_array().unwrap().iter().filter_map(|one| one["why"].as_str()).collect();
    assert!(refused.len() == 2 && refused.iter().all(|why| why.contains("forgotten here")), "{refused:?}");
    assert_eq!(room.holding(b"person-1"), Vec::<PathBuf>::new());
    // Whoever agrees anew is no longer forgotten.
    let photo = room.photo("c.png", &[of(1, 1)]);
    room.enrol("person-1", &[&photo], json!({})).unwrap();
    assert!(!room.people().is_forgotten("person-1").unwrap());
}

/// Keeps somebody whose consent ends then.
fn agreed_until(room: &Room, id: &str, until: u64) {
    let consent = Consent { text: "expo-2".into(), recognise: true, until: Some(until), ..Consent::default() };
    let person = Person { id: id.into(), consent, ..Person::default() };
    let mut unit = vec![0.0; 65];
    unit[5] = 1.0;
    let template = Template::of_unit(&"01".repeat(32), unit).unwrap();
    let crop = Crop { rgb: vec![7; 3], width: 1, height: 1 };
    room.people().keep(&person, &[Look { templates: vec![template], crop: Some(crop) }]).unwrap();
}

#[test]
fn whose_consent_is_over_is_purged_when_a_show_starts() {
    let room = Room::new();
    agreed_until(&room, "person-1", today() - 1);
    agreed_until(&room, "person-2", today() + 3600);
    assert!(!room.holding(b"person-1").is_empty());
    let mut show = room.elsewhere();
    assert_eq!(show.holding(b"person-1"), Vec::<PathBuf>::new());
    assert_eq!(show.ask("list", Value::Null).unwrap()["people"].as_array().unwrap().len(), 1);
    assert!(!show.people().is_forgotten("person-1").unwrap(), "who agrees again may come back");
}

#[test]
fn whose_consent_is_over_is_purged_by_a_verb_too() {
    let mut room = Room::new();
    agreed_until(&room, "person-1", today() - 1);
    assert_eq!(room.ask("purge", Value::Null).unwrap()["erased"], json!(["person-1"]));
    assert_eq!(room.ask("purge", Value::Null).unwrap()["erased"], json!([]));
    assert_eq!(room.holding(b"person-1"), Vec::<PathBuf>::new());
}

#[test]
fn who_is_named_in_the_pipeline_file_cannot_be_forgotten_there_and_is_not_named_any_more() {
    let room = Room::new();
    let consent = Consent { text: "in writing".into(), recognise: true, ..Consent::default() };
    let person = Person { id: "p1".into(), consent, ..Person::default() };
    let mut unit = vec![0.0; 65];
    (unit[1], unit[33]) = (0.8, 0.6);
    let template = Template::of_unit(&"01".repeat(32), unit).unwrap();
    let mut named = majlis_gallery::Gallery::new(template.model().clone());
    named.add(person, &template).unwrap();
    let mut desk = majlis_gallery::Desk::open(room.kit.host(), settings(), named).unwrap();
    let mut reader = room::Reader::new(1);
    let refused = desk.control("forget", json!({ "id": "p1" }), room.kit.host(), &mut reader).unwrap_err();
    assert!(refused.to_string().contains("the pipeline file names `p1`"), "{refused}");
    assert_eq!(desk.counts(), (0, 0));
}
