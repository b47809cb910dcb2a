//! Which sounds are kept, and that nobody who was forgotten is heard in one.

mod mouth;

use std::path::Path;

use majlis_plugin_api::service::store;
use majlis_plugin_api::{Utterance, UtteranceKind, VisitId};
use majlis_testkit::Kit;
use majlis_voice::{CacheConfig, Keep, Settings};
use mouth::{SPOKEN, Spoken, UTTERANCE, ended, heard, numbered, opened, sound, with_store};

const MIB: u32 = 1;

fn kept(max_mib: u32) -> Settings {
    Settings { cache: CacheConfig { max_mib, keep: Keep::File }, ..Settings::default() }
}

fn naming(text: &str, people: &[&str]) -> Utterance {
    let subjects = people.iter().map(|person| (*person).to_owned()).collect();
    Utterance { kind: UtteranceKind::Named, subjects, ..numbered(1, text) }
}

fn say(kit: &mut Kit<Spoken>, utterance: &Utterance) -> VisitId {
    let visit = kit.open_visit().expect("no answer");
    kit.send(UTTERANCE, visit, utterance.clone()).expect("it begins");
    ended(kit);
    visit
}

/// Says these in a new run, and gives what had to be made.
fn run(folder: &Path, settings: Settings, utterances: &[Utterance]) -> Vec<String> {
    let (mut kit, doings) = opened(settings, with_store(folder));
    for utterance in utterances {
        let visit = say(&mut kit, utterance);
        assert_eq!(heard(&kit, visit, 1), sound(&utterance.speak));
        kit.forget_emitted();
    }
    doings.said()
}

/// Numbers of sounds and of rows about people, read beside the store.
fn rows(folder: &Path) -> (i64, i64) {
    let file = rusqlite::Connection::open(folder.join("store/voices.db")).expect("the store's file");
    let count = |table: &str| {
        file.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0)).expect("the table is there")
    };
    (count("sounds"), count("named"))
}

#[test]
fn a_sound_is_made_once_in_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let guest = [numbered(1, "hello"), numbered(1, "hello")];
    assert_eq!(run(folder.path(), Settings::default(), &guest), ["hello"]);
    assert_eq!(run(folder.path(), Settings::default(), &guest), ["hello"], "and made anew in the next one");
    assert!(!folder.path().join("store").exists(), "nothing is on the disk unless it is asked for");
}

#[test]
fn a_sound_in_the_store_is_made_once_for_all_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(folder.path(), kept(MIB), &[numbered(1, "hello")]), ["hello"]);
    assert!(run(folder.path(), kept(MIB), &[numbered(1, "hello")]).is_empty());
    let (mut kit, _) = opened(kept(MIB), with_store(folder.path()).wire_out(SPOKEN, "face.phonemes"));
    say(&mut kit, &numbered(1, "hello"));
    assert_eq!(kit.emitted(SPOKEN).len(), 1, "what is said when is kept with it");
}

#[test]
fn who_is_named_without_an_id_is_kept_nowhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = naming("hello sara", &[]);
    assert_eq!(run(folder.path(), kept(MIB), &[named.clone(), named]), ["hello sara", "hello sara"]);
    assert_eq!(rows(folder.path()), (0, 0));
}

#[test]
fn a_name_is_kept_in_the_store_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let named = naming("hello sara", &["sara"]);
    assert_eq!(run(folder.path(), Settings::default(), &[named.clone(), named.clone()]).len(), 2);
    assert_eq!(run(folder.path(), kept(MIB), &[named.clone(), named]), ["hello sara"]);
    assert_eq!(rows(folder.path()), (1, 1));
}

#[test]
fn whoever_of_several_people_is_forgotten_the_sound_that_names_them_goes_at_once() {
    for forgotten in ["sara-0001", "omar-0002"] {
        let folder = tempfile::tempdir().expect("a folder");
        let both = naming("hello sara and omar", &["sara-0001", "omar-0002"]);
        let (others, guest) = (naming("hello noor", &["noor-0003"]), numbered(1, "hello"));
        let (mut kit, doings) = opened(kept(MIB), with_store(folder.path()));
        for utterance in [&both, &others, &guest] {
            say(&mut kit, utterance);
        }
        assert_eq!(rows(folder.path()), (3, 3));
        let erased = store::erase(kit.host(), forgotten).expect("it is proved");
        assert_eq!((erased, rows(folder.path())), (1, (2, 1)));
        let bytes = std::fs::read(folder.path().join("store/voices.db")).expect("the store's file");
        for word in ["sara-0001", "omar-0002"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} is still there");
        }
        // The same run makes it anew, so it held none in its memory.
        for utterance in [&both, &others, &guest] {
            say(&mut kit, utterance);
        }
        assert_eq!(doings.said().last().map(String::as_str), Some("hello sara and omar"));
        assert_eq!(doings.said().len(), 4);
    }
}

#[test]
fn no_text_stands_in_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), kept(MIB), &[naming("hello sara", &["p1"])]);
    let bytes = std::fs::read(folder.path().join("store/voices.db")).expect("the store's file");
    assert!(!bytes.windows(4).any(|window| window == b"sara"));
}

#[test]
fn the_oldest_sound_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    // 320 bytes a letter: two of these are more than 1 MiB.
    let long = |letter: &str| numbered(1, &letter.repeat(2_000));
    run(folder.path(), kept(MIB), &[long("a"), long("b"), numbered(1, "c")]);
    assert_eq!(rows(folder.path()).0, 2);
    let made = run(folder.path(), kept(MIB), &[long("b"), numbered(1, "c"), long("a")]);
    assert_eq!(made, ["a".repeat(2_000)]);
}

#[test]
fn a_cache_of_no_size_keeps_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let twice = [numbered(1, "hello"), numbered(1, "hello")];
    assert_eq!(run(folder.path(), kept(0), &twice), ["hello", "hello"]);
    assert!(!folder.path().join("store").exists());
}
