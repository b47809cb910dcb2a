//! `majlis plugins`: what there is, what it is, and why something is refused.

use std::path::{Path, PathBuf};

use majlis_tests::{Ended, Folder, Majlis, majlis, plugins};
use serde_json::Value;

fn library(name: &str) -> PathBuf {
    plugins().join(format!("libmajlis_{name}.so"))
}

/// A folder with one good plugin and some that are not.
fn mixed() -> Folder {
    let folder = Folder::new();
    let good = std::fs::read(library("identity")).expect("a built plugin can be read");
    let _ = folder.write("good.so", &good);
    let _ = folder.write("cut.so", &good[..good.len() / 2]);
    let _ = folder.write("text.so", "this is no library\n");
    folder
}

fn at(folder: &Path, arguments: &[&str]) -> Ended {
    Majlis::without_plugins(arguments).arg("--plugins").arg(folder).run()
}

#[test]
fn the_list_names_what_was_found_and_what_was_refused() {
    let folder = mixed();
    let text = at(folder.path(), &["plugins", "list"]).with(0);
    assert!(
        text.stdout.lines().any(|line| line.starts_with("identity ") && line.contains("Passes packets on")),
        "{text:?}"
    );
    for refused in ["cut.so", "text.so"] {
        assert!(text.stdout.contains(refused), "{text:?}");
    }
    assert_eq!(text.stdout.matches("remedy: ").count(), 2, "{text:?}");

    let json = at(folder.path(), &["plugins", "list", "--json"]).with(0).json();
    let names: Vec<&Value> = json["plugins"].as_array().into_iter().flatten().map(|plugin| &plugin["name"]).collect();
    assert_eq!(names, ["identity"]);
    let refused = json["refused"].as_array().expect("a list of refusals");
    assert_eq!(refused.len(), 2, "{json:#}");
    for refusal in refused {
        for key in ["path", "code", "reason", "remedy"] {
            assert!(refusal[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {refusal}");
        }
    }
}

#[test]
fn all_plugins_that_are_built_here_are_found() {
    let json = majlis(["plugins", "list", "--json"]).run().with(0).json();
    let names: Vec<&str> =
        json["plugins"].as_array().into_iter().flatten().filter_map(|plugin| plugin["name"].as_str()).collect();
    for name in ["avatar-console", "greeting", "identity", "images", "insightface", "jsonl", "replay", "yunet"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert_eq!(json["refused"], serde_json::json!([]), "none of them is refused");
}

#[test]
fn the_columns_of_the_list_line_up_however_long_a_version_is() {
    let json = majlis(["plugins", "list", "--json"]).run().with(0).json();
    let text = majlis(["plugins", "list"]).run().with(0);
    let plugins = json["plugins"].as_array().expect("a list of plugins");
    let word = |plugin: &Value, key: &str| plugin[key].as_str().expect("a plugin says who it is").to_owned();
    let begins: Vec<(usize, usize)> = plugins
        .iter()
        .zip(text.stdout.lines())
        .map(|(plugin, line)| {
            let behind = word(plugin, "name").len();
            let at = |what: String| line[behind..].find(&what).map(|at| at + behind).expect("each is on its line");
            (at(word(plugin, "version")), at(word(plugin, "summary")))
        })
        .collect();
    let versions: std::collections::BTreeSet<usize> =
        plugins.iter().map(|plugin| word(plugin, "version").len()).collect();
    assert!(versions.len() > 1, "a version longer than the others is among them: {json:#}");
    assert!(begins.iter().all(|begin| *begin == begins[0]), "{}", text.stdout);
}

#[test]
fn without_plugins_the_list_says_where_they_may_be_named() {
    let ended = Majlis::without_plugins(["plugins", "list"]).run().with(0);
    assert!(ended.stdout.contains("--plugins") && ended.stdout.contains("MAJLIS_PLUGIN_PATH"), "{ended:?}");
}

#[test]
fn inspect_shows_ports_milestones_verbs_and_configuration() {
    let text = majlis(["plugins", "inspect", "insightface"]).run().with(0);
    for part in [
        "input     frame: majlis/frame@1",
        "output    faces: majlis/faces@1",
        "milestone recognised",
        "verb      list",
        "\"match_threshold\"",
    ] {
        assert!(text.stdout.contains(part), "`{part}` is missing: {text:?}");
    }
    let json = majlis(["plugins", "inspect", "replay", "--json"]).run().with(0).json();
    assert_eq!(json["milestones"], serde_json::json!(["ready", "recognised", "greeted"]));
    assert_eq!(json["inputs"].as_array().map(Vec::len), Some(4));
    assert_eq!(json["config"]["type"], "object");
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
    let json = majlis(["plugins", "inspect", "fixture-services", "--json"]).run().with(0).json();
    let native = serde_json::json!([{ "name": "fixture-native", "version": "1.0" }, { "name": "fixture-other", "version": null }]);
    assert_eq!(json["native"], native);
}

#[test]
fn an_unknown_plugin_is_named_with_those_that_there_are() {
    for verb in ["inspect", "why"] {
        let ended = majlis(["plugins", verb, "greting"]).run().with(4);
        for part in ["no plugin `greting`", "these are here: ", "identity, ", "did you mean `greeting`?"] {
            assert!(ended.stderr.contains(part), "`{part}` is missing: {ended:?}");
        }
        assert_eq!(ended.stdout, "");
        let json = majlis(["plugins", verb, "greting", "--json"]).run().with(4).json();
        let hint = json["diagnostics"][0]["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("did you mean `greeting`?"), "{json}");
        let far = majlis(["plugins", verb, "zzz"]).run().with(4);
        assert!(!far.stderr.contains("did you mean"), "{far:?}");
    }
}

#[test]
fn why_keeps_the_reason_of_a_refusal_and_says_when_there_is_none() {
    let folder = mixed();
    let good = at(folder.path(), &["plugins", "why", "identity"]).with(0);
    assert!(good.stdout.contains("not refused"), "{good:?}");

    let text = at(folder.path(), &["plugins", "why", "cut"]).with(4);
    assert!(text.stdout.contains("cut.so") && text.stdout.contains("remedy: "), "{text:?}");
    let json = at(folder.path(), &["plugins", "why", "cut", "--json"]).with(4).json();
    let code = json[0]["code"].as_str().expect("a refusal has a code");
    assert!(code.starts_with('L') && text.stdout.contains(code), "{json}");
    let explained = majlis(["explain", code]).run().with(0);
    assert!(explained.stdout.contains(code), "{explained:?}");
}

#[test]
fn why_takes_a_librarys_file_name_and_its_path() {
    let folder = mixed();
    let path = |file: &str| folder.file(file).display().to_string();
    // The same file by another way.
    let _ = folder.write("sub/here", "");
    for name in ["good.so", &path("good.so"), &path("sub/../good.so")] {
        let good = at(folder.path(), &["plugins", "why", name]).with(0);
        assert!(good.stdout.contains("`identity` is not refused"), "{name}: {good:?}");
    }
    for name in ["text.so", &path("text.so")] {
        let text = at(folder.path(), &["plugins", "why", name]).with(4);
        assert!(text.stdout.contains("text.so") && text.stdout.contains("L0103"), "{name}: {text:?}");
    }
    // A file that no folder of the search holds is judged all the same.
    for (file, code) in [("good.so", 0), ("cut.so", 4)] {
        let ended = Majlis::without_plugins(["plugins", "why", &path(file)]).run().with(code);
        assert!(ended.stdout.contains(file), "{ended:?}");
    }
    // So is one that a search passes over; a folder cannot be read as one.
    let _ = folder.write("notes.txt", "no library\n");
    let _ = folder.write("good.plugin", std::fs::read(library("identity")).expect("a built plugin can be read"));
    for (file, code, what) in [
        ("notes.txt", "L0103", "it is a text file"),
        ("sub/here", "L0102", "empty"),
        ("good.plugin", "L0203", "does not end in `.so`"),
        ("sub", "L0101", "not a regular file"),
    ] {
        for verb in ["why", "inspect"] {
            let ended = Majlis::without_plugins(["plugins", verb, &path(file)]).run().with(4);
            assert!(ended.stdout.contains(what) && ended.stdout.contains(&format!("[{code}]")), "{ended:?}");
        }
        let json = Majlis::without_plugins(["plugins", "why", &path(file), "--json"]).run().with(4).json();
        assert_eq!(json[0]["code"], code, "{json}");
    }
    let typo = majlis(["plugins", "why", "libmajlis_greting.so"]).run().with(4);
    assert!(typo.stderr.contains("did you mean `greeting`?"), "{typo:?}");
    let built = majlis(["plugins", "inspect", "libmajlis_greeting.so"]).run().with(0);
    assert!(built.stdout.starts_with("greeting "), "{built:?}");
}

#[test]
fn a_pipeline_with_a_refused_plugin_says_why_at_the_line_that_names_it() {
    let folder = mixed();
    let _ = std::fs::rename(folder.file("text.so"), folder.file("libmajlis_text.so"));
    let file = folder.write("refused.toml", "[stage.a]\nplugin = \"libmajlis_text\"\n");
    let ended = at(folder.path(), &["check", file.to_str().expect("a path of a test is text")]).with(3);
    assert!(ended.stderr.contains("refused.toml:2:10"), "{ended:?}");
}

#[test]
fn a_pin_holds_a_stage_to_the_bytes_of_one_build() {
    let folder = Folder::new();
    let json = majlis(["plugins", "inspect", "replay", "--json"]).run().with(0).json();
    let sha256 = json["sha256"].as_str().expect("a plugin has a hash");
    let pinned = |sha256: &str| {
        let text = format!("[stage.a]\nplugin = \"replay\"\nsha256 = \"{sha256}\"\n");
        majlis(["run", "--report", "none"]).arg(folder.write("pinned.toml", text)).run()
    };
    let _ = pinned(sha256).with(0);
    let other = pinned(&"0".repeat(64)).with(3);
    assert!(other.stderr.contains("pinned.toml:3:10") && other.stderr.contains(&sha256[..8]), "{other:?}");
}
