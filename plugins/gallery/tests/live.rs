//! Enrolment before the camera of a running show, asked for by another process on the same store.

#![allow(clippy::unwrap_used)]

mod room;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use majlis_gallery::{Desk, Gallery, Recogniser as _};
use majlis_plugin_api::{Error, Time, Value};
use room::{Painted, Reader, Room, of, painted, process, settings, within};
use serde_json::{Value as Json, json};

/// What a camera sees at a time after its start.
type Scene = fn(Duration) -> Vec<Painted>;

/// Runs a show whose camera gives 25 frames a second, while `work` is done beside it.
fn show<R>(room: &Room, model: u8, scene: Scene, work: impl FnOnce() -> R) -> R {
    let (open, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let folder = room.folder.path();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let kit = process(folder);
            let mut reader = Reader::new(model);
            let mut desk = Desk::open(kit.host(), settings(), Gallery::new(reader.model().clone())).unwrap();
            let begun = Instant::now();
            while !over.load(Ordering::Relaxed) {
                let frame = painted(&scene(begun.elapsed()));
                let at = Time::default() + begun.elapsed();
                desk.attend(&frame.picture(), at, &mut reader);
                open.store(true, Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(40));
            }
        });
        assert!(within(Duration::from_secs(20), || open.load(Ordering::Relaxed)));
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

fn live(room: &mut Room, id: &str, change: Json) -> Result<Value, Error> {
    let mut arguments = json!({ "live": true });
    arguments.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    room.enrol(id, &[], arguments)
}

/// Which files still speak of a person who was not enrolled.
fn left(room: &Room, id: &str) -> Vec<PathBuf> {
    let said = format!("Name of {id}");
    room.holding(id.as_bytes()).into_iter().chain(room.holding(said.as_bytes())).collect()
}

#[test]
fn whoever_stands_before_the_camera_is_enrolled_by_the_running_show() {
    let mut room = Room::new();
    let answer =
        show(&room.elsewhere(), 1, |_| vec![of(1, 1)], || live(&mut room, "person-1", json!({ "announce": true })));
    let answer = answer.unwrap();
    assert_eq!((&answer["id"], &answer["people"]), (&json!("person-1"), &json!(1)));
    let looks = answer["faces"].as_array().unwrap().len();
    assert!((1..=3).contains(&looks), "{answer}");
    assert_eq!(room.who(of(1, 2)).as_deref(), Some("person-1"));
    let shown = room.ask("show", json!({ "id": "person-1" })).unwrap();
    assert_eq!(
        (&shown["vectors"], &shown["announce"], &shown["upright_faces"]),
        (&json!(looks), &json!("name"), &json!(0))
    );
    // Another look at the same person is added.
    let again = show(&room.elsewhere(), 1, |_| vec![of(1, 2)], || live(&mut room, "person-1", json!({})));
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(room.ask("list", Value::Null).unwrap()["people"].as_array().unwrap().len(), 1);
    // And whoever is forgotten is, requests and answers included.
    room.ask("forget", json!({ "id": "person-1" })).unwrap();
    assert_eq!(left(&room, "person-1"), Vec::<PathBuf>::new());
}

#[test]
fn frames_that_are_no_good_are_waited_out() {
    // Nobody, two people, somebody far away, a blurred face: then the person stands there alone.
    let scene = |after: Duration| match after.as_millis() / 700 {
        0 => vec![],
        1 => vec![of(1, 1), of(2, 1)],
        2 => vec![Painted { side: 79, ..of(1, 1) }],
        3 => vec![Painted { sharp: false, ..of(1, 1) }],
        // And somebody else steps in before enough was seen of him.
        4 => vec![of(3, 1)],
        _ => vec![of(1, 1)],
    };
    let mut room = Room::new();
    let answer = show(&room.elsewhere(), 1, scene, || live(&mut room, "p1", json!({})));
    assert!(answer.is_ok(), "{answer:?}");
    let known = [room.who(of(1, 2)), room.who(of(3, 2))];
    assert!(known.iter().filter(|known| known.is_some()).count() == 1, "one person was enrolled: {known:?}");
}

#[test]
fn somebody_who_is_enrolled_under_another_id_is_refused_and_nothing_is_left_of_the_request() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    room.enrol("p1", &[&photo], json!({})).unwrap();
    let refused =
        show(&room.elsewhere(), 1, |_| vec![of(1, 2)], || live(&mut room, "person-2", json!({}))).unwrap_err();
    assert!(refused.to_string().contains("enrolled already, as `p1` (Name of p1"), "{refused}");
    assert_eq!(refused.path(), "id");
    assert_eq!(left(&room, "person-2"), Vec::<PathBuf>::new());
    assert!(room.people().kept("person-2").unwrap().is_none());
}

#[test]
fn what_the_camera_saw_instead_is_told_when_the_time_is_over() {
    let mut room = Room::new();
    let refused = show(&room.elsewhere(), 1, |_| vec![of(1, 1), of(2, 1)], || live(&mut room, "person-1", json!({})));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("nobody was enrolled") && refused.contains("the camera sees 2 faces"), "{refused}");
    assert_eq!(left(&room, "person-1"), Vec::<PathBuf>::new());
    assert_eq!(room.ask("list", Value::Null).unwrap()["people"], json!([]));
}

#[test]
fn of_several_people_before_the_camera_the_chosen_one_is_enrolled() {
    let mut room = Room::new();
    let scene = |_| vec![of(1, 1), of(2, 1), of(3, 1)];
    // Counted from the middle outwards.
    show(&room.elsewhere(), 1, scene, || live(&mut room, "p2", json!({ "face": 1 }))).unwrap();
    assert_eq!((room.who(of(2, 2)).as_deref(), room.who(of(1, 1))), (Some("p2"), None));
}

#[test]
fn without_a_running_show_it_is_told_and_nothing_is_left() {
    let mut room = Room::new();
    let begun = Instant::now();
    // Another process that is open and gets no frames, such as another command, is no show.
    let _other = room.elsewhere();
    let refused = live(&mut room, "person-1", json!({})).unwrap_err().to_string();
    assert!(refused.contains("no running stage `stage` answered within 10 s"), "{refused}");
    assert!((9..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(left(&room, "person-1"), Vec::<PathBuf>::new());
}

#[test]
fn what_is_wrong_with_the_words_is_told_at_once_and_nobody_is_asked() {
    let mut room = Room::new();
    let photo = room.photo("a.png", &[of(1, 1)]);
    let begun = Instant::now();
    for (change, path) in [
        (json!({ "consent": " " }), "consent"),
        (json!({ "name_latin": "" }), "name_ar"),
        (json!({ "minor": true }), "guardian"),
        (json!({ "photo": photo }), "live"),
    ] {
        assert_eq!(live(&mut room, "person-1", change).unwrap_err().path(), path);
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(left(&room, "person-1"), Vec::<PathBuf>::new());
}

#[test]
fn a_request_whose_command_was_killed_is_swept_away_and_enrols_nobody() {
    let room = Room::new();
    let database = rusqlite::Connection::open(room.path("store/people.db")).unwrap();
    let ask = |token: &str, until: i64| {
        let arguments =
            json!({ "id": "person-1", "name_latin": "Name of person-1", "consent": "expo-2", "live": true });
        let sql =
            "INSERT INTO requests (token, person, stage, until, arguments) VALUES (?1, 'person-1', 'stage', ?2, ?3)";
        database.execute(sql, (token, until, arguments.to_string())).unwrap();
    };
    ask("abandoned", i64::try_from(majlis_gallery::today()).unwrap() - 3600);
    assert!(!room.holding(b"person-1").is_empty());
    let swept = show(
        &room.elsewhere(),
        1,
        |_| vec![of(1, 1)],
        || within(Duration::from_secs(20), || room.holding(b"person-1").is_empty()),
    );
    assert!(swept);
    assert!(room.people().kept("person-1").unwrap().is_none());
}
