//! Tables for plugins, at their boundary.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use majlis_store::{Database, Error, Store, Value, explain};
use tempfile::TempDir;

const PEOPLE: &[&str] = &["CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, face BLOB)"];
const SUBJECT: &[(&str, &str)] = &[("people", "id")];

fn store() -> (TempDir, Store) {
    let folder = TempDir::new().unwrap();
    let store = Store::new(folder.path().join("store")).with_patience(Duration::from_millis(30));
    (folder, store)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn enrol(database: &Database, id: &str, name: &str) {
    let face = Value::Blob(format!("face of {id} ").repeat(500).into_bytes());
    database.execute("INSERT INTO people VALUES (?1, ?2, ?3)", &[text(id), text(name), face]).unwrap();
}

fn count(database: &Database) -> Value {
    database.query("SELECT count(*) FROM people", &[]).unwrap()[0][0].clone()
}

/// Which files of a folder contain these bytes.
fn holding(folder: &Path, wanted: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("store")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| fs::read(file).unwrap().windows(wanted.len()).any(|part| part == wanted.as_bytes())).collect()
}

#[test]
fn every_kind_of_value_comes_back() {
    let (_folder, store) = store();
    let database = store.open("kinds", &["CREATE TABLE t (a, b, c, d, e)"], &[]).unwrap();
    let row = [Value::Null, Value::Integer(i64::MIN), Value::Real(0.5), text("أهلاً"), Value::Blob(vec![0, 255])];
    assert_eq!(database.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", &row).unwrap(), 1);
    assert_eq!(database.query("SELECT * FROM t", &[]).unwrap(), [row]);
}

#[test]
fn each_schema_step_runs_once_and_a_new_one_is_added() {
    let (folder, store) = store();
    enrol(&store.open("people", PEOPLE, SUBJECT).unwrap(), "v-1", "Huda");
    let steps = [PEOPLE[0], "ALTER TABLE people ADD COLUMN said TEXT DEFAULT 'no'; UPDATE people SET said = 'yes'"];
    drop(store);
    let store = Store::new(folder.path().join("store"));
    for _ in 0..2 {
        let database = store.open("people", &steps, SUBJECT).unwrap();
        assert_eq!(database.query("SELECT said FROM people", &[]).unwrap(), [[text("yes")]]);
        database.execute("UPDATE people SET said = 'yes'", &[]).unwrap();
    }
    let older = Store::new(folder.path().join("store")).open("people", PEOPLE, SUBJECT).unwrap_err();
    assert!(matches!(older, Error::Newer { found: 2, known: 1, .. }), "{older}");
}

#[test]
fn a_step_that_fails_leaves_nothing_behind_and_may_be_repaired() {
    let (_folder, store) = store();
    let broken = store.open("people", &[PEOPLE[0], "CREATE TABLE more (a); CREATE TABLE more (a)"], &[]).unwrap_err();
    assert!(matches!(broken, Error::Step { step: 2, .. }), "{broken}");
    assert!(store.open("people", &[PEOPLE[0], "CREATE TABLE more (a)"], &[]).is_ok());
}

#[test]
fn files_are_their_owners_alone_and_names_are_plain() {
    let (folder, store) = store();
    enrol(&store.open("people", PEOPLE, SUBJECT).unwrap(), "v-1", "Huda");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("store")), 0o700);
    for file in ["people.db", "people.db-wal"] {
        assert_eq!(mode(&folder.path().join("store").join(file)), 0o600);
    }
    for name in ["", "../people", "People", "-x", "a.b", &"a".repeat(65)] {
        assert!(matches!(store.open(name, &[], &[]), Err(Error::Name { .. })), "{name}");
    }
}

#[test]
fn a_transaction_is_kept_whole_or_not_at_all() {
    let (_folder, store) = store();
    let database = store.open("people", PEOPLE, SUBJECT).unwrap();
    let insert = "INSERT INTO people (id) VALUES (?1)";
    let failed: Result<(), Error> = database.transaction(|tables| {
        tables.execute(insert, &[text("v-1")])?;
        tables.execute(insert, &[text("v-1")]).map(drop)
    });
    assert!(matches!(failed, Err(Error::Statement { .. })));
    assert_eq!(count(&database), Value::Integer(0));

    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        database.transaction(|tables| -> Result<(), Error> {
            tables.execute(insert, &[text("v-1")])?;
            std::panic::panic_any("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(count(&database), Value::Integer(0));

    database.transaction(|tables| tables.execute(insert, &[text("v-1")])).unwrap();
    assert_eq!(count(&database), Value::Integer(1));
}

#[test]
fn whoever_reads_neither_waits_for_a_writer_nor_sees_half_of_what_is_written() {
    let (folder, store) = store();
    let database = store.open("people", PEOPLE, SUBJECT).unwrap();
    enrol(&database, "v-1", "Huda");
    let writer = rusqlite::Connection::open(folder.path().join("store/people.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO people (id) VALUES ('v-2')").unwrap();
    let seen: Result<Vec<Value>, Error> = database.snapshot(|tables| {
        let count = |sql| Ok(tables.query(sql, &[])?[0][0].clone());
        let before: Result<Value, Error> = count("SELECT count(*) FROM people");
        writer.execute_batch("COMMIT").unwrap();
        Ok(vec![before?, count("SELECT count(*) FROM people")?])
    });
    assert_eq!(seen.unwrap(), [Value::Integer(1), Value::Integer(1)]);
    assert_eq!(count(&database), Value::Integer(2));
}

#[test]
fn the_database_inside_its_own_transaction_is_an_error_and_no_deadlock() {
    let (_folder, store) = store();
    let database = store.open("people", PEOPLE, SUBJECT).unwrap();
    let inside = database.transaction(|_| database.execute("DELETE FROM people", &[]));
    assert!(matches!(inside, Err(Error::Inside { .. })));
    assert_eq!(count(&database), Value::Integer(0));
}

#[test]
fn what_a_plugin_may_not_do_is_refused() {
    let (folder, store) = store();
    let database = store.open("people", PEOPLE, SUBJECT).unwrap();
    let other = folder.path().join("other.db");
    let attach = format!("ATTACH '{}' AS other", other.display());
    let vacuum = format!("VACUUM INTO '{}'", other.display());
    for sql in [
        attach.as_str(),
        vacuum.as_str(),
        "PRAGMA secure_delete = OFF",
        "BEGIN",
        "SAVEPOINT a",
        "DELETE FROM majlis_subjects",
        "DROP TABLE Majlis_Subjects",
    ] {
        let refused = database.execute(sql, &[]).unwrap_err();
        assert_eq!(refused.code(), "S0302", "{sql}: {refused}");
        assert!(explain(refused.code()).is_some());
    }
    assert!(!other.exists());
    assert_eq!(store.open("bad", &["PRAGMA user_version = 9"], &[]).unwrap_err().code(), "S0202");
}

#[test]
fn a_subject_that_is_no_column_is_refused() {
    let (_folder, store) = store();
    assert!(matches!(store.open("people", PEOPLE, &[("people", "person")]), Err(Error::Subject { .. })));
}

#[test]
fn a_person_is_erased_from_every_file_open_or_not_down_to_the_bytes() {
    let (folder, store) = store();
    let people = store.open("people", PEOPLE, SUBJECT).unwrap();
    enrol(&people, "v-1017", "Huda");
    enrol(&people, "v-2000", "Salem");
    // A later change moves the old bytes to freed pages, and a file that no plugin has open keeps its own.
    people.execute("UPDATE people SET face = zeroblob(9) WHERE id = 'v-1017'", &[]).unwrap();
    let steps = ["CREATE TABLE visits (at INTEGER, person TEXT, note TEXT)"];
    let elsewhere = Store::new(folder.path().join("store"));
    let visits = elsewhere.open("visits", &steps, &[("visits", "person")]).unwrap();
    for at in 0..50 {
        visits.execute("INSERT INTO visits VALUES (?1, 'v-1017', 'Huda came')", &[Value::Integer(at)]).unwrap();
    }
    drop((visits, elsewhere));
    assert!(holding(folder.path(), "Huda").len() >= 2);

    let erased = store.erase("v-1017").unwrap();
    assert_eq!((erased.files.len(), erased.rows(), erased.mentions()), (2, 51, 0));
    for trace in ["v-1017", "Huda"] {
        assert_eq!(holding(folder.path(), trace), Vec::<PathBuf>::new(), "{trace}");
    }
    assert_eq!(people.query("SELECT id, name FROM people", &[]).unwrap(), [[text("v-2000"), text("Salem")]]);
    assert_eq!(store.erase("v-1017").unwrap().rows(), 0);
}

#[test]
fn a_key_in_a_column_that_was_not_declared_is_counted() {
    let (_folder, store) = store();
    let people = store.open("people", PEOPLE, SUBJECT).unwrap();
    people.execute("INSERT INTO people VALUES ('v-2', 'friend of v-1017', NULL)", &[]).unwrap();
    let erased = store.erase("v-1017").unwrap();
    assert_eq!((erased.rows(), erased.mentions()), (0, 1));
}

#[test]
fn whoever_reads_an_older_state_makes_it_not_yet_proved_until_he_ends() {
    let (folder, store) = store();
    let people = store.open("people", PEOPLE, SUBJECT).unwrap();
    enrol(&people, "v-1017", "Huda");
    let reader = rusqlite::Connection::open(folder.path().join("store/people.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM people").unwrap();
    fs::write(
        folder.path().join("store/broken.db"),
        "no database at all, but long enough to be read as one".repeat(20),
    )
    .unwrap();
    let not_yet = store.erase("v-1017").unwrap_err();
    let Error::NotProved { erased, failed } = &not_yet else { panic!("{not_yet}") };
    assert_eq!(erased.rows(), 1);
    assert_eq!(failed.iter().map(|(file, _)| file.as_str()).collect::<Vec<_>>(), ["broken", "people"]);
    assert!(!holding(folder.path(), "Huda").is_empty(), "the reader keeps the old pages");

    drop(reader);
    fs::remove_file(folder.path().join("store/broken.db")).unwrap();
    assert_eq!(store.erase("v-1017").unwrap().rows(), 0);
    assert!(holding(folder.path(), "Huda").is_empty());
}

#[test]
fn a_folder_that_is_not_there_has_nobody_in_it() {
    let (_folder, store) = store();
    assert_eq!(store.erase("v-1017").unwrap().files, []);
}
