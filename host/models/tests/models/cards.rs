//! Cards: those of the program, those of folders, and what is there of a pack.

use std::fs;
use std::path::Path;

use crate::fixture::{self, Machine, Onlooker, bytes, card};
use majlis_models::{CODES, Card, FileState, PackState, Shelf, at_a_glance, remove, verify};

const GOOD: &str = "name = 'own'\ntitle = 't'\nlicence = 'l'\ncommercial = true\norigin = 'o'\n";

fn file(name: &str) -> String {
    format!("[[file]]\nname = '{name}'\nrole = 'detector'\nsha256 = '{}'\nsize = 3\n", fixture::sum(b"abc"))
}

#[test]
fn every_card_of_the_folder_is_one_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = match path.extension() {
            Some(ending) if ending == "toml" => fs::read_to_string(&path).unwrap(),
            _ => continue,
        };
        // The card of ONNX Runtime is of another kind.
        if !text.contains("[[file]]") {
            continue;
        }
        let card = Card::parse(&text, &path.display().to_string()).unwrap();
        assert_eq!(path.file_stem().unwrap(), card.name.as_str());
        for file in &card.files {
            let address = card.address(file).unwrap_or("https://");
            assert!(address.starts_with("https://"), "{address}");
            assert_eq!(file.normalisation.is_none(), file.role == "other", "{}: {}", card.name, file.name);
        }
        names.push(card.name);
    }
    names.sort();
    let shipped: Vec<String> = Card::shipped().unwrap().into_iter().map(|card| card.name).collect();
    assert_eq!(shipped, names);
}

#[test]
fn a_card_that_is_wrong_is_told_with_its_place() {
    for (text, reason) in [
        (format!("{GOOD}{}", file("../d")), "plain file name"),
        (format!("{GOOD}{}", file("/etc/passwd")), "plain file name"),
        (format!("{GOOD}{}", file(".d.part")), "plain file name"),
        (format!("{GOOD}{0}{0}", file("d")), "twice"),
        (format!("{GOOD}{}", file("d").replace("detector", "dectector")), "none of detector"),
        (format!("{GOOD}{}", file("d").replace("ba78", "BA78")), "lower-case"),
        (format!("{GOOD}{}", file("d").replace("size = 3", "size = 0")), "size of d"),
        (format!("{GOOD}{}", file("d").replace("size = 3", "size = -3")), "line 10"),
        (format!("{GOOD}{}", file("d").replace("sha256", "sha265")), "line 9"),
        (format!("{GOOD}file = []"), "no file"),
        (format!("{}{}", GOOD.replace("'own'", "'a/b'"), file("d")), "plain file name"),
        (format!("{}{}", GOOD.replace("'l'", "\"l\\u001b[2J\""), file("d")), "printed"),
        (format!("{GOOD}archive = {{ url = 'x', sha256 = 'y' }}\n{}", file("d")), "of the archive"),
    ] {
        let error = Card::parse(&text, "own.toml").unwrap_err();
        assert_eq!(error.code(), "M0102");
        assert!(error.to_string().contains("own.toml") && error.to_string().contains(reason), "{reason}: {error}");
    }
}

#[test]
fn cards_of_folders_extend_those_of_the_program_and_a_wrong_one_is_a_problem_of_its_own() {
    let machine = Machine::new();
    let text = format!("{GOOD}{}", file("d.onnx"));
    machine.write("data/own/own.toml", text.as_bytes());
    machine.write("cache/other.toml", text.replace("'own'", "'other'").as_bytes());
    machine.write("cache/misnamed.toml", text.as_bytes());
    machine.write("cache/broken.toml", b"name = ");
    machine.write("cache/buffalo_l.toml", text.replace("'own'", "'buffalo_l'").as_bytes());
    machine.write("share/onnxruntime.toml", b"name = 'onnxruntime'\nversion = '1'\n");
    let shelf = Shelf::of(&machine.places);
    assert_eq!(shelf.entry("own").unwrap().read_from, Some(machine.path("data/own/own.toml")));
    assert_eq!(shelf.entry("other").unwrap().read_from, Some(machine.path("cache/other.toml")));
    assert_eq!(shelf.entry("buffalo_l").unwrap().read_from, None);
    let problems: Vec<String> = shelf.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, words) in problems.iter().zip([
        ["broken.toml", "line 1"],
        ["buffalo_l.toml", "that one counts"],
        ["misnamed.toml", "own.toml"],
    ]) {
        assert!(words.iter().all(|word| problem.contains(word)), "{problem}");
    }
    let error = shelf.entry("bufalo_l").unwrap_err();
    assert!(error.remedy().contains("buffalo_l, "), "{}", error.remedy());
}

#[test]
fn what_is_there_of_a_pack_is_told_at_a_glance_and_byte_by_byte() {
    let machine = Machine::new();
    let (first, second) = (bytes(1, 500), bytes(2, 600));
    let card = card(&[("d.onnx", &first, None), ("r.onnx", &second, None)], "");
    let states = || (at_a_glance(&card, &machine.places).state(), verify(&card, &machine.places).state());
    assert_eq!(states(), (PackState::Absent, PackState::Absent));
    machine.write("cache/small/d.onnx", &first);
    assert_eq!(states(), (PackState::Partial, PackState::Partial));
    machine.write("cache/small/r.onnx", &second);
    assert_eq!(states(), (PackState::Whole, PackState::Whole));
    machine.write("cache/small/r.onnx", &bytes(3, 600));
    assert_eq!(states(), (PackState::Whole, PackState::Damaged));
    let sum = fixture::sum(&bytes(3, 600));
    assert_eq!(verify(&card, &machine.places).files, [FileState::Whole, FileState::Bytes(sum)]);
    machine.write("cache/small/r.onnx", b"short");
    assert_eq!(states(), (PackState::Damaged, PackState::Damaged));
    assert_eq!(verify(&card, &machine.places).files[1], FileState::Size(5));
    fs::remove_file(machine.path("cache/small/r.onnx")).unwrap();
    fs::create_dir(machine.path("cache/small/r.onnx")).unwrap();
    assert!(matches!(verify(&card, &machine.places).files[1], FileState::Unreadable(_)));
    // The folder that is found first counts, as it does for a stage.
    machine.write("data/small/d.onnx", &first);
    assert_eq!(states(), (PackState::Partial, PackState::Partial));
    assert_eq!(verify(&card, &machine.places).folder, machine.places.find("small"));
}

#[test]
fn a_removal_takes_what_is_the_packs_and_leaves_the_rest() {
    let machine = Machine::new();
    let card = card(&[("d.onnx", b"abc", None)], "archive = { url = 'https://nowhere.invalid/small.zip' }\n");
    assert!(remove(&card, &machine.places, &mut Onlooker::default()).unwrap().files.is_empty());
    for path in ["data/small/d.onnx", "data/small/notes.txt", "cache/small/d.onnx", "cache/small/.small.zip.part"] {
        machine.write(path, b"x");
    }
    let removed = remove(&card, &machine.places, &mut Onlooker::default()).unwrap();
    assert_eq!(removed.files.len(), 3);
    assert_eq!(removed.left, [machine.path("data/small/notes.txt")]);
    assert_eq!(machine.files(), ["cache", "data/small/notes.txt"]);
}

#[test]
fn what_belongs_to_the_installation_or_lies_behind_a_link_is_not_removed() {
    let machine = Machine::new();
    let card = card(&[("d.onnx", b"abc", None)], "");
    machine.write("share/small/d.onnx", b"abc");
    let error = remove(&card, &machine.places, &mut Onlooker::default()).unwrap_err();
    assert_eq!(error.code(), "M0406");
    machine.write("elsewhere/d.onnx", b"abc");
    fs::create_dir_all(&machine.places.data).unwrap();
    std::os::unix::fs::symlink(machine.path("elsewhere"), machine.path("data/small")).unwrap();
    let error = remove(&card, &machine.places, &mut Onlooker::default()).unwrap_err();
    assert!(error.to_string().contains("data/small"), "{error}");
    assert_eq!(machine.files().len(), 3, "{:?}", machine.files());
}

#[test]
fn every_code_is_explained_once_and_in_order() {
    let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
}
