//! The library itself: found, checked, started, ended. What starts it is one test, for a process has one instance.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Scene, within};
use majlis_livekit_ffi::{Error, Ffi, Library, Log, Options, Spawn, library};

#[test]
fn a_library_that_is_named_and_missing_is_an_error_with_the_place_and_the_remedy() {
    let error = library::find(Some("/nowhere/liblivekit_ffi.so".as_ref())).unwrap_err();
    assert_eq!(error.code(), "livekit.library-missing");
    assert!(error.to_string().contains("/nowhere/liblivekit_ffi.so (the configuration)"), "{error}");
    assert!(error.remedy().is_some_and(|remedy| remedy.contains("make livekit")));
}

#[test]
fn another_file_is_refused_by_its_hash_before_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("liblivekit_ffi.so");
    std::fs::write(&path, b"\x7fELF and then nothing").unwrap();
    let Err(error) = Library::open(&path) else { panic!("it is no library") };
    assert_eq!(error.code(), "livekit.library-hash");
    let expected = library::sha256().unwrap();
    assert!(error.to_string().contains(expected) && error.to_string().contains(&path.display().to_string()), "{error}");
    // What a host has checked is opened without a look at its bytes, and the system's own error is told.
    let Err(error) = Library::opened(&path) else { panic!("it is no library") };
    assert_eq!(error.code(), "livekit.library-unopened");
}

#[test]
fn the_card_of_the_library_says_the_same_as_the_crate() {
    let card = include_str!("../../livekit.toml");
    assert!(card.contains(&format!("version = \"{}\"", library::VERSION)), "the version");
    assert!(card.contains(&format!("{}_sha256 = \"{}\"", std::env::consts::ARCH, library::sha256().unwrap())));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_is_shared_ends_and_starts_again() {
    let Some(scene) = Scene::new("the instance of the library") else { return };
    let path = majlis_test_livekit::library("the instance of the library").expect("it was there");
    let opened = Library::open(&path).unwrap();
    let shared = Ffi::shared(&opened, Options::default()).unwrap();

    // Two who ask have one: a room that is joined through one is counted by the other.
    let joined = scene.join("host").await;
    assert!(shared.handles() > 0);

    // Another file is another version, whatever its bytes are.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("liblivekit_ffi.so");
    std::fs::copy(&path, &copy).unwrap();
    let Err(error) = Ffi::shared(&Library::open(&copy).unwrap(), Options::default()) else { panic!("a second one") };
    assert_eq!(error.code(), "livekit.library-conflict");

    // It ends with a room in it, and soon.
    let started = Instant::now();
    tokio::task::spawn_blocking(move || shared.dispose()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(8), "ending took {:?}", started.elapsed());
    let error = within("attributes", joined.room.set_attributes([("a", "1")])).await.unwrap_err();
    assert!(matches!(error, Error::Ended(_)), "{error}");
    assert!(scene.ffi.check().is_err());
    drop(joined);

    // And starts again.
    let threads = Arc::new(AtomicUsize::new(0));
    let lines = Arc::new(AtomicUsize::new(0));
    let (made, said) = (threads.clone(), lines.clone());
    let spawn: Spawn = Box::new(move |work| {
        made.fetch_add(1, Ordering::Relaxed);
        std::thread::spawn(work);
        Ok(())
    });
    let log: Log = Box::new(move |record| {
        said.fetch_add(usize::from(!record.message.is_empty()), Ordering::Relaxed);
    });
    let again = Ffi::shared(&opened, Options { spawn: Some(spawn), log: Some(log) }).unwrap();
    assert_eq!(threads.load(Ordering::Relaxed), 1, "its thread is made by whoever asked for it");
    let scene = Scene { ffi: again, server: scene.server };
    let joined = scene.join("host").await;
    within("attributes", joined.room.set_attributes([("a", "1")])).await.unwrap();
    within("leaving", joined.room.disconnect()).await.unwrap();
    within("the log", async {
        while lines.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
