//! Folders in, a catalogue out.

use std::fs;

use majlis_loader::{codes, explain};

use crate::fixture::{Place, c_library, good, with, with_at};

#[test]
fn every_library_of_a_folder_is_an_entry_or_a_refusal_with_its_reason() {
    let place = Place::new();
    place.put("libfixture.so", &good());
    place.put("liba_text.so", b"not a library");
    place.put("libb_empty.so", b"");
    place.put("libc_short.so", &good()[..3000]);
    place.put("libd_major.so", &with_at(".stage.abi", 8, &9u32.to_le_bytes()));
    place.put("libe_manifest.so", &with(".stage.manifest", "summary", "sumMary"));
    fs::create_dir(place.plugins().join("libf_folder.so")).unwrap();
    place.put("readme.txt", b"not looked at");

    let catalogue = place.loader.scan(&[place.plugins()]);
    assert_eq!(catalogue.plugins.keys().collect::<Vec<_>>(), ["fixture"]);
    let codes: Vec<&str> = catalogue.refused.iter().map(|refusal| refusal.code.as_str()).collect();
    assert_eq!(codes, ["L0103", "L0102", "L0106", "L0112", "L0110", "L0101"]);
    assert!(codes.iter().all(|code| explain(code).is_some()));

    assert_eq!(place.loader.why("a-text")[0].code, codes::L0103);
    let why = place.loader.why("fixture");
    assert_eq!((why.len(), why[0].code.as_str()), (1, codes::L0112), "the name comes from the manifest");
    assert!(place.loader.why("nobody").is_empty());
    assert!(!place.folder.path().join("store").exists(), "scanning copies nothing");
}

#[test]
fn of_two_libraries_with_one_name_the_first_folder_wins_and_both_are_named() {
    let (one, two) = (Place::new(), Place::new());
    let first = one.put("zz.so", &good());
    let second = two.put("aa.so", &with_at(".stage.knobs", 8, &3u32.to_le_bytes()));
    let catalogue = one.loader.scan(&[one.plugins(), two.plugins(), one.plugins()]);
    assert_eq!(catalogue.plugins["fixture"].path, first);
    let [refusal] = catalogue.refused.as_slice() else { panic!("{:?}", catalogue.refused) };
    assert_eq!((refusal.code.as_str(), &refusal.path), (codes::L0201, &second));
    assert!(refusal.reason.contains(first.to_str().unwrap()), "{}", refusal.reason);
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let place = Place::new();
    let catalogue = place.loader.scan(&[place.folder.path().join("elsewhere")]);
    assert_eq!(catalogue.refused[0].code, codes::L0202);
}

#[test]
fn a_native_library_beside_the_plugin_that_needs_it_is_no_refusal() {
    let place = Place::new();
    c_library(&place.plugins(), "libgcc_x.so", "int f(void) { return 1; }", &[]);
    assert_eq!(place.loader.scan(&[place.plugins()]).refused[0].code, codes::L0108);
    // One letter of what it needs.
    place.put("libfixture.so", &with(".dynstr", "libgcc_s.so.1", "libgcc_x.so\0\0"));
    let catalogue = place.loader.scan(&[place.plugins()]);
    assert!(catalogue.refused.is_empty() && catalogue.plugins.len() == 1, "{:?}", catalogue.refused);
}
