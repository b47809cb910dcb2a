//! An entry in, an opened plugin out; in none of these does the host die.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use majlis_abi::raw::Stage_TO;
use majlis_loader::store::{KEPT, Store};
use majlis_loader::{Loader, codes};

use crate::fixture::{Place, good, replace, with, with_at};

fn answers(stage: &mut majlis_abi::raw::StageBox) -> bool {
    Stage_TO::control(stage, "ping".into(), "".into()).into_result().unwrap() == "\"ping\""
}

#[test]
fn ten_stages_open_at_once_one_dlopen_ten_instances_and_the_one_that_fails_may_try_again() {
    let place = Place::new();
    // The seventh instance is refused, and says how often the library was asked who it is.
    let entry = place.entry(&with_at(".stage.knobs", 8, &6u32.to_le_bytes()));
    let loader: &Loader = &place.loader;
    let results: Vec<_> = thread::scope(|scope| {
        let stages: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    let opened = loader.open(&entry, None).unwrap();
                    opened.create().map(|mut stage| answers(&mut stage)).map_err(|refused| (refused, opened))
                })
            })
            .collect();
        stages.into_iter().map(|stage| stage.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| matches!(result, Ok(true))).count(), 9);
    let (refused, opened) = results.into_iter().find_map(Result::err).unwrap();
    assert_eq!(refused.code, codes::L0501);
    assert!(refused.reason.contains("described 1 times"), "{refused}");
    assert_eq!(loader.why("fixture")[0].code, codes::L0501);
    assert!(answers(&mut opened.create().unwrap()));
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.contains(opened.path().to_str().unwrap()));
}

#[test]
fn a_copy_is_private_read_only_and_made_again_when_damaged() {
    let place = Place::new();
    let entry = place.entry(&with(".stage.manifest", "Does nothing", "Does NOTHING"));
    let path = place.loader.open(&entry, None).unwrap().path().to_owned();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o444, 0o700));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

    let other = Place::new();
    let store = other.folder.path().join("store");
    fs::create_dir(&store).unwrap();
    let damaged = store.join(path.file_name().unwrap());
    fs::write(&damaged, &good()[..2000]).unwrap();
    other.loader.open(&entry, None).unwrap();
    assert_eq!((mode(&store), mode(&damaged)), (0o700, 0o444));
    assert_eq!(fs::read(&damaged).unwrap(), fs::read(&entry.path).unwrap());
}

#[test]
fn a_library_replaced_after_its_check_is_not_opened() {
    let place = Place::new();
    let entry = place.entry(&with(".stage.manifest", "Does nothing", "Does nothinG"));
    place.put("libfixture.so", &good());
    let refused = place.loader.open(&entry, None).unwrap_err();
    assert_eq!(refused.code, codes::L0303);
    assert_eq!(refused.path, entry.path);
    assert_eq!(refused.to_string().lines().count(), 1);
    assert_eq!(place.loader.why("fixture")[0].code, codes::L0303);
    // The old one is put back: what failed may be tried again, and then is no longer a reason.
    place.put("libfixture.so", &with(".stage.manifest", "Does nothing", "Does nothinG"));
    assert!(place.loader.open(&entry, None).is_ok());
    assert!(place.loader.why("fixture").is_empty());
}

#[test]
fn a_library_replaced_while_it_is_loaded_runs_on_and_the_new_one_opens_beside_it() {
    let place = Place::new();
    let entry = place.entry(&with(".stage.manifest", "Does nothing", "Does no-thin"));
    let old = place.loader.open(&entry, None).unwrap();
    let mut stage = old.create().unwrap();
    // Written over in place, which ends a process that has the file itself mapped.
    place.put("libfixture.so", b"");
    assert!(answers(&mut stage) && answers(&mut old.create().unwrap()));
    assert_eq!(place.loader.scan(&[place.plugins()]).refused[0].code, codes::L0102);

    let mut next = with(".stage.manifest", "1.2.3-fixture", "1.2.4-fixture");
    let whole = 0..next.len();
    replace(&mut next, whole, "1.2.3-fixture", "1.2.4-fixture");
    let newer = place.entry(&next);
    assert_eq!(newer.manifest.version, "1.2.4-fixture");
    let new = place.loader.open(&newer, None).unwrap();
    assert_ne!(new.path(), old.path());
    assert!(answers(&mut new.create().unwrap()) && answers(&mut stage));
}

#[test]
fn a_pin_is_kept() {
    let place = Place::new();
    let entry = place.entry(&good());
    let refused = place.loader.open(&entry, Some([7; 32])).unwrap_err();
    assert_eq!(refused.code, codes::L0304);
    assert!(refused.reason.contains("070707070707"), "{refused}");
    assert!(place.loader.open(&entry, Some(entry.sha256)).is_ok());
}

#[test]
fn a_missing_library_is_named_and_found_once_it_stands_beside_the_plugin() {
    let place = Place::new();
    let entry = place.entry(&with(".dynstr", "libgcc_s.so.1", "libgcc_y.so.1"));
    let refused = place.loader.open(&entry, None).unwrap_err();
    assert_eq!(refused.code, codes::L0401);
    assert!(refused.reason.contains("libgcc_y.so.1") && refused.remedy.contains("install"), "{refused}");

    let output = Command::new("cc").arg("-print-file-name=libgcc_s.so.1").output().unwrap();
    let mut system = fs::read(String::from_utf8(output.stdout).unwrap().trim()).unwrap();
    let whole = 0..system.len();
    replace(&mut system, whole, "libgcc_s.so.1", "libgcc_y.so.1");
    place.put("libgcc_y.so.1", &system);
    assert!(answers(&mut place.loader.open(&entry, None).unwrap().create().unwrap()));
}

#[test]
fn a_missing_symbol_is_named() {
    let place = Place::new();
    let entry = place.entry(&with(".dynstr", "\0memcpy\0", "\0memcpQ\0"));
    let refused = place.loader.open(&entry, None).unwrap_err();
    assert_eq!(refused.code, codes::L0402);
    assert!(refused.reason.contains("memcpQ"), "{refused}");
    assert!(!refused.to_string().contains("store"), "the operator's file is named: {refused}");
}

#[test]
fn a_layout_that_only_the_deep_check_sees_is_one_line_and_a_long_text() {
    let place = Place::new();
    let entry = place.entry(&with(".rodata", "RawFlow", "RawFloW"));
    let refused = place.loader.open(&entry, None).unwrap_err();
    assert_eq!(refused.code, codes::L0406);
    assert_eq!(refused.to_string().lines().count(), 1);
    assert!(refused.verbose.unwrap().contains("RawFloW"));
}

#[test]
fn a_plugin_that_says_another_version_than_its_manifest_is_refused() {
    let place = Place::new();
    let entry = place.entry(&with(".stage.manifest", "1.2.3", "9.9.9"));
    let refused = place.loader.open(&entry, None).unwrap_err();
    assert_eq!(refused.code, codes::L0407);
    assert!(refused.reason.contains("1.2.3-fixture") && refused.reason.contains("9.9.9-fixture"), "{refused}");
}

#[test]
fn a_store_that_cannot_be_made_is_said() {
    let place = Place::new();
    let entry = place.entry(&good());
    fs::write(place.folder.path().join("file"), b"").unwrap();
    let loader = Loader::new(place.folder.path().join("file/store"));
    assert_eq!(loader.open(&entry, None).unwrap_err().code, codes::L0301);
}

#[test]
fn an_entry_that_this_loader_did_not_scan_is_probed_from_its_copy() {
    let place = Place::new();
    let entry = place.entry(&good());
    let other = Loader::new(place.folder.path().join("other"));
    assert!(answers(&mut other.open(&entry, None).unwrap().create().unwrap()));
    assert!(other.open(&entry, None).unwrap().extension("nothing/1").is_none());
}

#[test]
fn copies_that_nobody_has_used_for_a_month_are_swept_at_the_first_opening_and_nothing_else_is() {
    let place = Place::new();
    let store = place.folder.path().join("store");
    let entry = place.entry(&good());
    place.loader.open(&entry, None).unwrap();
    let used = fs::read_dir(&store).unwrap().next().unwrap().unwrap().path();
    let aged = |name: &str, age: Duration| {
        let file = fs::File::create(store.join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        name.to_owned()
    };
    let (day, copy) = (Duration::from_secs(24 * 60 * 60), |digit: &str| format!("{}.so", digit.repeat(64)));
    let old = [aged(&copy("a"), KEPT + day), aged(".123-0.part", KEPT + day)];
    let kept = [
        aged(&copy("b"), KEPT - day),
        aged(".124-0.part", day),
        // None of the store's own names.
        aged("notes.txt", KEPT + day),
        aged("abc.so", KEPT + day),
    ];
    // The run's own copy was last used long ago, and is used now.
    fs::File::open(&used).unwrap().set_modified(SystemTime::now() - KEPT - day).unwrap();

    let next = Loader::new(store.clone());
    next.open(&entry, None).unwrap();
    assert!(old.iter().all(|name| !store.join(name).exists()), "{old:?}");
    assert!(kept.iter().all(|name| store.join(name).exists()), "{kept:?}");
    let age = fs::metadata(&used).unwrap().modified().unwrap().elapsed().unwrap_or_default();
    assert!(age < day, "the use of a copy is written down, so that another process keeps it: {age:?}");
}

#[test]
fn a_copy_that_this_run_may_still_open_is_not_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().to_owned());
    let path = folder.path().join(format!("{}.so", "07".repeat(32)));
    let file = fs::File::create(&path).unwrap();
    file.set_modified(SystemTime::now() - KEPT * 2).unwrap();
    store.sweep(SystemTime::now(), &[[7; 32]]);
    assert!(path.exists());
    store.sweep(SystemTime::now(), &[]);
    assert!(!path.exists());
}
