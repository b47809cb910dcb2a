//! Archives, from a server or from a disk, and files that are imported.

use std::fs;
use std::path::PathBuf;

use crate::fixture::{Machine, Onlooker, bytes, card, patience, sum, zipped};
use crate::server::{Act, Server};
use majlis_models::{Card, Error, Imported, Settings, import};

fn first() -> Vec<u8> {
    bytes(1, 5_000)
}

fn second() -> Vec<u8> {
    bytes(2, 6_000)
}

/// A pack of two files in an archive at this address.
fn packed(url: &str, more: &str) -> Card {
    let archive = format!("archive = {{ url = '{url}'{more} }}\n");
    card(&[("d.onnx", &first(), None), ("r.onnx", &second(), None)], &archive)
}

fn bring(machine: &Machine, card: &Card, sources: &[PathBuf]) -> Result<Imported, Error> {
    import(card, sources, &machine.places, &patience(), &mut Onlooker::default())
}

/// Pulls a pack whose archive is this one.
fn pulled(zip: Vec<u8>) -> (Machine, Result<Vec<String>, Error>) {
    let server = Server::new(move |_, _| Act::Serve(zip.clone(), "v1"));
    let machine = Machine::new();
    let pulled = machine.pull(&packed(&server.url("small.zip"), ""));
    (machine, pulled.map(|pulled| pulled.fetched))
}

#[test]
fn the_files_of_the_card_come_out_of_an_archive_and_nothing_else() {
    let (machine, fetched) = pulled(zipped(&[
        ("small/", b""),
        ("small/d.onnx", &first()),
        ("small/README.md", b"read me"),
        ("small/r.onnx", &second()),
    ]));
    assert_eq!(fetched.unwrap(), ["d.onnx", "r.onnx"]);
    assert_eq!(machine.files(), ["cache/small/d.onnx", "cache/small/r.onnx"]);
    assert_eq!(fs::read(machine.path("cache/small/r.onnx")).unwrap(), second());
}

#[test]
fn a_path_of_an_archive_leads_nowhere() {
    let (machine, fetched) =
        pulled(zipped(&[("../../../d.onnx", &first()), ("/tmp/../r.onnx", &second()), ("../evil", b"evil")]));
    fetched.unwrap();
    assert_eq!(machine.files(), ["cache/small/d.onnx", "cache/small/r.onnx"]);
}

#[test]
fn among_several_of_one_name_the_one_of_the_right_size_is_taken() {
    let (_, fetched) = pulled(zipped(&[("old/d.onnx", b"old"), ("new/d.onnx", &first()), ("r.onnx", &second())]));
    fetched.unwrap();
}

#[test]
fn a_member_that_swells_is_cut_and_nothing_stays() {
    let bomb = vec![0; 50_000_000];
    let zip = zipped(&[("d.onnx", &bomb), ("r.onnx", &second())]);
    assert!(zip.len() < 100_000, "it is small as long as it is packed");
    let (machine, fetched) = pulled(zip);
    let error = fetched.unwrap_err();
    assert!(error.to_string().contains("d.onnx in small.zip has more than 5000 bytes"), "{error}");
    assert_eq!(machine.files(), ["cache"]);
}

#[test]
fn a_member_of_other_bytes_lets_no_file_be_placed() {
    let (machine, fetched) = pulled(zipped(&[("d.onnx", &first()), ("r.onnx", &bytes(3, 6_000))]));
    let error = fetched.unwrap_err();
    assert!(matches!(&error, Error::Bytes { what, .. } if what == "r.onnx in small.zip"), "{error}");
    assert_eq!(machine.files(), ["cache"]);
}

#[test]
fn an_archive_that_is_none_or_lacks_a_file_or_is_damaged_is_told() {
    let whole = zipped(&[("d.onnx", &first()), ("r.onnx", &second())]);
    let mut damaged = whole.clone();
    damaged[200] ^= 0xff;
    let lacking = zipped(&[("d.onnx", &first())]);
    for (zip, reason) in [
        (b"<html>log in</html>".to_vec(), ""),
        (whole[..whole.len() - 30].to_vec(), ""),
        (lacking, "does not hold r.onnx"),
        (damaged, "d.onnx"),
    ] {
        let (machine, fetched) = pulled(zip);
        let error = fetched.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(["M0404", "M0401"].contains(&error.code()), "{error}");
        assert_eq!(machine.files(), ["cache"]);
    }
}

#[test]
fn an_archive_of_another_sum_or_size_is_not_unpacked() {
    let zip = zipped(&[("d.onnx", &first()), ("r.onnx", &second())]);
    let size = zip.len();
    for (more, requests) in [(format!(", sha256 = '{}'", sum(b"another")), 1), (format!(", size = {}", size + 1), 1)] {
        let served = zip.clone();
        let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
        let machine = Machine::new();
        let error = machine.pull(&packed(&server.url("small.zip"), &more)).unwrap_err();
        assert_eq!((error.code(), server.seen().len()), ("M0401", requests), "{error}");
        assert_eq!(machine.files(), ["cache"]);
    }
}

#[test]
fn an_archive_without_a_sum_is_gone_on_with_only_as_the_same_version() {
    let zip = zipped(&[("d.onnx", &first()), ("r.onnx", &second())]);
    let (kept, rest) = (zip.clone(), zip.clone());
    let server = Server::new(move |_, _| Act::Serve(rest.clone(), "v1"));
    let machine = Machine::new();
    let card = packed(&server.url("small.zip"), "");
    // Without a word of which version it is.
    machine.write("cache/small/.small.zip.part", &kept[..3_000]);
    machine.pull(&card).unwrap();
    assert_eq!(server.seen()[0].range(), None);
    for file in ["d.onnx", "r.onnx"] {
        fs::remove_file(machine.path("cache/small").join(file)).unwrap();
    }
    machine.write("cache/small/.small.zip.part", &kept[..3_000]);
    machine.write("cache/small/.small.zip.part.tag", format!("{}\n\"v1\"", server.url("small.zip")).as_bytes());
    machine.pull(&card).unwrap();
    assert_eq!(server.seen()[1].range(), Some(3_000));
    // Complete already: a pull that was ended before it unpacked.
    fs::remove_file(machine.path("cache/small/d.onnx")).unwrap();
    machine.write("cache/small/.small.zip.part", &kept);
    machine.write("cache/small/.small.zip.part.tag", format!("{}\n\"v1\"", server.url("small.zip")).as_bytes());
    machine.pull(&card).unwrap();
    assert_eq!(server.seen().len(), 3);
    assert_eq!(machine.files(), ["cache/small/d.onnx", "cache/small/r.onnx"]);
}

#[test]
fn files_are_imported_by_their_bytes_whatever_they_are_called() {
    let machine = Machine::new();
    let card = packed("https://nowhere.invalid/small.zip", "");
    let source = machine.write("downloads/model (1).onnx", &second());
    let imported = bring(&machine, &card, std::slice::from_ref(&source)).unwrap();
    assert_eq!((imported.placed, imported.missing), (vec!["r.onnx".to_owned()], vec!["d.onnx".to_owned()]));
    assert_eq!(fs::read(machine.path("data/small/r.onnx")).unwrap(), second());
    assert!(source.is_file(), "what was given stays");
    let zip = machine.write("downloads/small.zip", &zipped(&[("x/d.onnx", &first()), ("x/r.onnx", &second())]));
    let imported = bring(&machine, &card, &[zip]).unwrap();
    assert_eq!((imported.placed, imported.missing.len()), (vec!["d.onnx".to_owned()], 0));
    assert_eq!(
        machine.files(),
        ["data/small/d.onnx", "data/small/r.onnx", "downloads/model (1).onnx", "downloads/small.zip"]
    );
}

#[test]
fn one_foreign_source_lets_nothing_be_placed() {
    let machine = Machine::new();
    let card = packed("https://nowhere.invalid/small.zip", "");
    let good = machine.write("downloads/d.onnx", &first());
    let other = machine.write("downloads/other.zip", &zipped(&[("other.onnx", b"other")]));
    let same_size = machine.write("downloads/same-size.onnx", &bytes(7, 6_000));
    let short = machine.write("downloads/short.onnx", b"short");
    for (bad, code) in [
        (other, "M0404"),
        (same_size, "M0405"),
        (short, "M0405"),
        (machine.path("downloads"), "M0405"),
        (machine.path("downloads/none"), "M0403"),
    ] {
        let error = bring(&machine, &card, &[good.clone(), bad.clone()]).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(&bad.display().to_string()), "{error}");
        assert!(!machine.path("data/small").exists());
    }
}

#[test]
fn an_import_without_room_is_not_begun() {
    let machine = Machine::new();
    let card = packed("https://nowhere.invalid/small.zip", "");
    let source = machine.write("downloads/d.onnx", &first());
    let narrow = Settings { room: |_| Ok(4_999), ..patience() };
    let error = import(&card, &[source], &machine.places, &narrow, &mut Onlooker::default()).unwrap_err();
    assert_eq!(error.code(), "M0402");
    assert_eq!(machine.files(), ["data", "downloads/d.onnx"]);
}
