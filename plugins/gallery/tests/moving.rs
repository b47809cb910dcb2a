//! People on their way: from tables of an earlier version, to another store and back, and from elsewhere.

#![allow(clippy::unwrap_used)]

mod room;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use majlis_gallery::{Settings, Template};
use majlis_store::{Store, Value as Cell};
use room::{Room, of, settings};
use serde_json::{Value, json};

#[test]
fn people_of_the_first_version_are_still_known_and_agreed_to_what_they_agreed_to() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let steps = [
        "CREATE TABLE people (
        id TEXT PRIMARY KEY, name_ar TEXT NOT NULL, name_speak TEXT NOT NULL, name_latin TEXT NOT NULL,
        given INTEGER NOT NULL, text TEXT NOT NULL, until INTEGER,
        recognise INTEGER NOT NULL, announce INTEGER NOT NULL, name_sent_to TEXT NOT NULL, changed INTEGER NOT NULL)",
        "CREATE TABLE templates (number INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, template BLOB NOT NULL)",
        "CREATE INDEX templates_of_a_person ON templates (person)",
    ];
    let store = Store::new(folder.path().join("store"));
    let database = store.open("people", &steps, &[("people", "id"), ("templates", "person")]).unwrap();
    let text = |text: &str| Cell::Text(text.into());
    for (id, who, announce) in [("p1", 1, 1), ("p2", 2, 0)] {
        let mut unit = vec![0.0; 65];
        (unit[who], unit[33]) = (0.8, 0.6);
        let template = Template::of_unit(&"01".repeat(32), unit).unwrap().to_bytes();
        let row = [text(id), text("ن"), text(""), text("Noura"), Cell::Integer(100), text("expo-2"), Cell::Null];
        let row: Vec<Cell> = row
            .into_iter()
            .chain([Cell::Integer(1), Cell::Integer(announce), text("SA AE"), Cell::Integer(announce)])
            .collect();
        let sql = "INSERT INTO people VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        database.execute(sql, &row).unwrap();
        let sql = "INSERT INTO templates (person, template) VALUES (?1, ?2)";
        database.execute(sql, &[text(id), Cell::Blob(template)]).unwrap();
    }
    drop((database, store));

    let mut room = Room::with(folder, 1, settings());
    assert_eq!(room.who(of(1, 1)).as_deref(), Some("p1"));
    let listed = room.ask("list", Value::Null).unwrap();
    let people = listed["people"].as_array().unwrap();
    assert_eq!((&people[0]["announce"], &people[1]["announce"]), (&json!("name"), &json!("none")));
    assert_eq!(
        (&people[0]["given"], &people[0]["name_sent_to"]),
        (&json!("1970-01-01T00:01:40Z"), &json!(["SA", "AE"]))
    );
    assert_eq!(room.ask("show", json!({ "id": "p2" })).unwrap()["vectors_of_this_model"], 1);
}

#[test]
fn an_export_is_private_and_brings_everything_to_another_store() {
    let keeping = || Settings { keep_crops: true, ..settings() };
    let mut room = Room::with(Arc::new(tempfile::tempdir().unwrap()), 1, keeping());
    let photos = [room.photo("a.png", &[of(1, 1)]), room.photo("b.png", &[of(1, 2)])];
    room.enrol("p1", &[&photos[0], &photos[1]], json!({ "title": "Dr", "announce": true })).unwrap();
    let mut second = Room::with(Arc::clone(&room.folder), 9, keeping());
    second.ask("reindex", Value::Null).unwrap();
    let (file, passphrase) = (room.path("people.mjx"), room.passphrase());
    let said = room.ask("export", json!({ "file": file, "passphrase_file": passphrase })).unwrap();
    assert_eq!(said["people"], 1);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(10).any(|part| part == b"Name of p1"));
    let again = room.ask("export", json!({ "file": file, "passphrase_file": passphrase })).unwrap_err();
    assert!(again.to_string().contains("people.mjx"), "{again}");

    let mut elsewhere = Room::with(Arc::new(tempfile::tempdir().unwrap()), 9, settings());
    let answer = elsewhere.ask("import", json!({ "file": file, "passphrase_file": passphrase })).unwrap();
    assert_eq!(answer, json!({ "imported": ["p1"], "inactive": [], "refused": [] }));
    assert_eq!(elsewhere.people().kept("p1").unwrap(), room.people().kept("p1").unwrap());
    assert_eq!(elsewhere.who(of(1, 1)).as_deref(), Some("p1"));
    let again = elsewhere.ask("import", json!({ "file": file, "passphrase_file": passphrase })).unwrap();
    assert!(again["refused"][0]["why"].as_str().unwrap().contains("enrolled with this id"));

    std::fs::write(&passphrase, "another passphrase").unwrap();
    let refused = elsewhere.ask("import", json!({ "file": file, "passphrase_file": passphrase })).unwrap_err();
    assert!(refused.to_string().contains("passphrase"), "{refused}");
    std::fs::write(&passphrase, "short\n").unwrap();
    let refused = room.ask("export", json!({ "file": room.path("c.mjx"), "passphrase_file": passphrase })).unwrap_err();
    assert_eq!(refused.path(), "passphrase_file");
}

/// The direction of the reader with number 1.
fn direction(who: usize, shot: usize) -> Vec<f32> {
    let mut unit = vec![0.0; 65];
    (unit[who], unit[32 + shot]) = (0.8, 0.6);
    unit
}

fn elsewhere(room: &mut Room, people: Value) -> Result<Value, majlis_plugin_api::Error> {
    let file = room.path("elsewhere.json");
    std::fs::write(&file, json!({ "model": "01".repeat(32), "people": people }).to_string()).unwrap();
    room.ask("import", json!({ "file": file }))
}

#[test]
fn people_enrolled_elsewhere_are_known_with_consent_and_inactive_without() {
    let mut room = Room::new();
    let agreed = json!({ "id": "p1", "name_latin": "Noura", "vectors": [direction(1, 1)], "consent": "expo-2" });
    let silent = json!({ "id": "p2", "name_latin": "Salem", "vectors": [direction(2, 1), direction(2, 2)] });
    let answer = elsewhere(&mut room, json!([agreed, silent])).unwrap();
    assert_eq!(answer, json!({ "imported": ["p1"], "inactive": ["p2"], "refused": [] }));
    assert_eq!(room.who(of(1, 1)).as_deref(), Some("p1"));
    assert_eq!(room.who(of(2, 1)), None);
    let given = |room: &mut Room, id: &str| room.ask("show", json!({ "id": id })).unwrap()["given"].clone();
    assert!(given(&mut room, "p1").is_string());
    assert_eq!(given(&mut room, "p2"), Value::Null, "there is no consent that could have been given");
    // And who agrees is known from then on, without a photograph.
    assert_eq!(room.ask("enrol", json!({ "id": "p2", "consent": "" })).unwrap_err().path(), "consent");
    room.ask("enrol", json!({ "id": "p2", "consent": "expo-2" })).unwrap();
    assert_eq!(room.who(of(2, 2)).as_deref(), Some("p2"));
    assert_eq!(room.ask("show", json!({ "id": "p2" })).unwrap()["name_latin"], "Salem");
}

#[test]
fn an_import_does_not_take_whose_consent_is_over_or_who_is_here_already() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    room.enrol("p1", &[&photo], json!({})).unwrap();
    let person = |id: &str, who: usize, until: Option<&str>| json!({ "id": id, "name_latin": "N", "vectors": [direction(who, 2)], "consent": "expo-2", "until": until, "given": 9 });
    let people = json!([
        person("p1", 1, None),
        person("twin", 1, None),
        person("past", 3, Some("2020-01-01")),
        person("p4", 4, Some("2090-01-01")),
        person("p4-again", 4, None),
    ]);
    let answer = elsewhere(&mut room, people).unwrap();
    assert_eq!(answer["imported"], json!(["p4"]));
    let why: Vec<&str> = answer["refused"].as_array().unwrap().iter().map(|one| one["why"].as_str().unwrap()).collect();
    for (why, words) in why.iter().zip(["with this id", "already, as `p1`", "consent is over", "already, as `p4`"]) {
        assert!(why.contains(words), "{why}");
    }
    assert_eq!(room.people().kept("p4").unwrap().unwrap().person.consent.given, 9);
}

#[test]
fn what_is_wrong_with_a_file_from_elsewhere_is_told_with_its_place_and_nobody_is_taken() {
    let mut room = Room::new();
    let good = json!({ "id": "p1", "name_latin": "Noura", "vectors": [direction(1, 1)], "consent": "expo-2" });
    for (wrong, path) in [
        (json!({ "id": "p2", "name_latin": "N", "vectors": [[0.5, 0.5]] }), "people[1].vectors"),
        (json!({ "id": "p2", "vectors": [] }), "people[1].name_ar"),
        (json!({ "id": "p2", "name_latin": "N", "vectors": [], "consent": "x", "minor": true }), "people[1].guardian"),
    ] {
        assert_eq!(elsewhere(&mut room, json!([good, wrong])).unwrap_err().path(), path);
    }
    assert!(elsewhere(&mut room, json!([{ "id": "p2", "agreed": true }])).is_err());
    assert_eq!(room.ask("list", Value::Null).unwrap()["people"], json!([]));
}
