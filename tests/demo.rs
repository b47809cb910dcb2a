//! The demonstration: drawn visitors, the pack of this repository and the backend in pure Rust. It needs nothing, so it is tested
//! everywhere.

use std::collections::BTreeMap;

use majlis_tests::{Folder, majlis, replaced, shipped, undisturbed};
use serde_json::Value;

/// The scenes in their order, and who stands in them.
const SCENES: [(&str, &[&str]); 9] = [
    ("1-salem.png", &["Salem Al Mansouri"]),
    ("2-layla.png", &["Layla Haddad"]),
    ("3-stranger.png", &[]),
    ("4-noura.png", &["Noura Al Hashimi"]),
    ("5-empty.png", &[]),
    ("6-fahd-noura.png", &["Fahd Al Saedi", "Noura Al Hashimi"]),
    ("7-stranger.png", &[]),
    ("8-daniel.png", &["Daniel Okoro"]),
    ("9-fahd.png", &["Fahd Al Saedi"]),
];
const EMPTY: &str = "5-empty.png";

/// Where the people of the pipeline file have their names in Arabic.
fn arabic(table: &toml::Table) -> BTreeMap<String, String> {
    let people = table["stage"]["faces"]["config"]["people"].as_array().expect("people are enrolled in the file");
    let text = |person: &toml::Value, key: &str| person[key].as_str().expect("a name").to_owned();
    people.iter().map(|person| (text(person, "name_latin"), text(person, "name_ar"))).collect()
}

#[test]
fn drawn_visitors_are_greeted_as_who_they_are_and_nobody_else_is_named() {
    undisturbed(drawn_visitors_are_greeted);
}

fn drawn_visitors_are_greeted() {
    let text = shipped("demo.toml");
    let names = arabic(&text.parse().expect("it is TOML"));
    let folder = Folder::new();
    // Who is greeted must not depend on how busy the machine is that tests it.
    let text = replaced(&text, "greet_by = \"3s\"", "greet_by = \"10min\"");
    let tap = "\n[stage.said]\nplugin = \"jsonl\"\ninputs = { packets = \"greeting.utterance\" }\nconfig = { path = \"said.jsonl\" }\n";
    let file = folder.write("demo.toml", text + tap);
    let report = majlis(["run", "--report", "json", "--visits", "all"]).arg(file).run().report();

    let mut scene_of: BTreeMap<u64, &str> = BTreeMap::new();
    for visit in report.visits() {
        visit.assert_account();
        let place: usize = visit.fact("file").and_then(|place| place.parse().ok()).expect("the camera says which file");
        scene_of.insert(visit.0["visit"].as_u64().expect("a number"), SCENES[place - 1].0);
    }
    assert_eq!(scene_of.len(), SCENES.len(), "each scene is a visit");
    let mut said: BTreeMap<&str, String> = BTreeMap::new();
    for line in folder.read("said.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("the tap writes JSON");
        let display = line["packet"]["display"].as_str().expect("an utterance has words for the eye").to_owned();
        let before = said.insert(scene_of[&line["visit"].as_u64().expect("a visit")], display);
        assert_eq!(before, None, "nobody is greeted twice");
    }
    for (scene, people) in SCENES {
        let Some(words) = said.get(scene) else {
            assert_eq!(scene, EMPTY, "somebody is there and nothing is said");
            continue;
        };
        assert_ne!(scene, EMPTY, "nobody is there, and this is said: {words}");
        for (latin, arabic) in &names {
            let here = people.contains(&latin.as_str());
            assert_eq!((words.contains(latin), words.contains(arabic)), (here, here), "{scene}: {words}");
        }
    }
}

#[test]
fn the_file_runs_as_it_is_by_a_path_from_the_current_folder() {
    let ended = majlis(["run", "--report", "json", "pipelines/demo.toml"]).run();
    let report = ended.report();
    assert_eq!(report.run()["unclaimed_threads"], serde_json::json!([]), "every thread belongs to a stage");
    assert!(report.stage("faces")["calls"].as_u64() >= Some(9), "{:#}", report.stage("faces"));
    let reached = report.visits().iter().filter(|visit| visit.0["reached"] == true).count();
    assert!(reached > 0, "nobody was greeted");
}
