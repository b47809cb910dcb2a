//! Several processes on one gallery, and one that is killed at any moment: nothing that was acknowledged is lost.
//!
//! The other processes are this program again, with a role, so it has a `main` of its own.

#![allow(clippy::unwrap_used)]

mod room;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use majlis_gallery::{Consent, Crop, Desk, Gallery, Look, ModelId, People, Person, Recogniser as _, Template};
use majlis_store::Store;
use room::{Nothing, Reader, of, paint, settings};
use serde_json::json;
use tempfile::tempdir;

const KILLS: u64 = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "write", folder, name] => write(Path::new(folder), name),
        [_, "watch", folder, people] => watch(Path::new(folder), people.parse().unwrap()),
        _ => {
            let wanted = arguments.get(1).filter(|argument| !argument.starts_with('-'));
            let tests = [
                ("a_writer_that_is_killed_loses_nothing_that_it_acknowledged", killed as fn()),
                ("two_processes_read_whole_people_while_one_writes", read_while_written),
                ("two_recognisers_and_an_external_writer_lose_nothing", together),
            ];
            for (name, test) in tests.into_iter().filter(|(name, _)| wanted.is_none_or(|part| name.contains(part))) {
                let begun = Instant::now();
                test();
                println!("test {name} ... ok ({:.1} s)", begun.elapsed().as_secs_f64());
            }
        }
    }
}

fn role(arguments: &[&str], folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(arguments[0]).arg(folder).args(&arguments[1..]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn open(folder: &Path) -> (majlis_testkit::Kit<Nothing>, People) {
    let kit = room::patient(Store::new(folder.join("store")));
    let people = People::open(kit.host(), "people").unwrap();
    (kit, people)
}

fn model() -> ModelId {
    Reader::new(1).model().clone()
}

/// A person of two looks, each with a vector and a picture.
fn person(id: &str) -> (Person, Vec<Look>) {
    let consent = Consent { text: "expo-2".into(), recognise: true, ..Consent::default() };
    let look = |axis: usize| {
        let mut unit = vec![0.0; model().dimension];
        unit[axis] = 1.0;
        let template = Template::of_unit(&model().sha256, unit).unwrap();
        let crop = Crop { rgb: vec![axis as u8; 3 * 40 * 40], width: 40, height: 40 };
        Look { templates: vec![template], crop: Some(crop) }
    };
    (Person { id: id.into(), consent, ..Person::default() }, vec![look(1), look(2)])
}

/// Enrols people without end, and says of each when it is done.
fn write(folder: &Path, name: &str) {
    let (_kit, people) = open(folder);
    let mut out = std::io::stdout();
    for number in 0.. {
        let id = format!("{name}-{number}");
        let (person, looks) = person(&id);
        people.keep(&person, &looks).unwrap();
        // Nobody listens any more: the test is over.
        if writeln!(out, "{id}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// Reads until there are so many people, none of whom is ever half there.
fn watch(folder: &Path, wanted: usize) {
    let (_kit, people) = open(folder);
    let (mut seen, begun) = (0, Instant::now());
    while seen < wanted {
        assert!(begun.elapsed() < Duration::from_secs(100), "{seen} people of {wanted}");
        let gallery = people.gallery(&model()).unwrap();
        assert!(gallery.people().len() >= seen, "somebody vanished");
        seen = gallery.people().len();
        if let Some(last) = gallery.people().last() {
            assert_eq!(people.kept(&last.id).unwrap().unwrap().looks.len(), 2);
        }
    }
}

fn killed() {
    let folder = tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..KILLS {
        let mut child = role(&["write", &format!("p{round}")], folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Every fourth dies while it opens the store, the others while they write.
        if round % 4 != 0 {
            acknowledged.insert(lines.next().unwrap().unwrap());
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(lines.map_while(Result::ok));
        if round % 20 == 19 {
            whole(folder.path(), &acknowledged);
        }
    }
    assert!(acknowledged.len() as u64 > KILLS, "{} people in {KILLS} lives", acknowledged.len());
}

/// The database is sound, has everybody, and nobody by half.
fn whole(folder: &Path, acknowledged: &BTreeSet<String>) {
    let file = rusqlite::Connection::open(folder.join("store/people.db")).unwrap();
    let ask = |sql: &str| file.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("PRAGMA integrity_check"), "ok");
    let halves = "SELECT count(*) || '' FROM people p WHERE (SELECT count(*) FROM templates WHERE person = p.id) != 2 \
                  OR (SELECT count(*) FROM crops WHERE person = p.id) != 2";
    assert_eq!(ask(halves), "0");
    let orphans = "SELECT count(*) || '' FROM templates WHERE person NOT IN (SELECT id FROM people)";
    assert_eq!(ask(orphans), "0");
    drop(file);
    let (_kit, people) = open(folder);
    let gallery = people.gallery(&model()).unwrap();
    for id in acknowledged {
        assert!(gallery.person(id).is_some(), "{id} was acknowledged and is lost");
    }
}

fn read_while_written() {
    const PEOPLE: usize = 60;
    let folder = tempdir().unwrap();
    let (_kit, people) = open(folder.path());
    let watchers = [(); 2].map(|()| role(&["watch", &PEOPLE.to_string()], folder.path()));
    for number in 0..PEOPLE {
        let (person, looks) = person(&format!("p{number}"));
        people.keep(&person, &looks).unwrap();
    }
    for mut watcher in watchers {
        assert!(watcher.wait().unwrap().success());
    }
}

fn together() {
    const PEOPLE: u8 = 8;
    let folder = tempdir().unwrap();
    let kit = room::patient(Store::new(folder.path().join("store")));
    let mut writer = role(&["write", "outside"], folder.path());
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeSet::from([lines.next().unwrap().unwrap()]);
    std::thread::scope(|scope| {
        for number in [3, 9] {
            let (host, folder) = (kit.host().clone(), folder.path());
            scope.spawn(move || {
                let mut reader = Reader::new(number);
                let mut desk = Desk::open(&host, settings(), Gallery::new(reader.model().clone())).unwrap();
                for who in 0..PEOPLE {
                    let photo = paint(&folder.join(format!("{number}-{who}.png")), &[of(who, 1)]);
                    let id = format!("model-{number}-{who}");
                    let arguments = json!({ "id": id, "photo": photo, "name_latin": "N", "consent": "expo-2" });
                    desk.control("enrol", arguments, &host, &mut reader).unwrap();
                }
                assert_eq!(desk.counts().1, usize::from(PEOPLE), "each model knows its own");
            });
        }
    });
    writer.kill().unwrap();
    writer.wait().unwrap();
    acknowledged.extend(lines.map_while(Result::ok));
    let people = People::open(kit.host(), "people").unwrap();
    for id in &acknowledged {
        assert_eq!(people.kept(id).unwrap().unwrap().looks.len(), 2, "{id}");
    }
    for number in [3, 9] {
        let gallery = people.gallery(Reader::new(number).model()).unwrap();
        assert_eq!(gallery.people().len(), usize::from(PEOPLE));
    }
}
