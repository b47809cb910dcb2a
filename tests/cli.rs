//! The verbs that only look, and what is said when a command or a pipeline file is wrong.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use majlis_tests::{Ended, Folder, binary, majlis, pipeline, plugins, replaced, root};
use serde_json::{Value, json};

/// Three mistakes, each of another kind.
const WRONG: &str = r#"[pipeline]
name = "wrong"

[stage.camera]
plugin = "images"
config = { path = "visitors", fsp = 10 }

[stage.faces]
plugin = "replay"
inputs = { first = "camrea.frame" }
queue = { depth = 0 }
"#;

fn check(file: &PathBuf) -> Ended {
    majlis(["check"]).arg(file).env("MAJLIS_TESTDATA", root()).run()
}

/// Every pipeline that is shipped, those of the plugins' folders included.
fn shipped() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("pipelines")).expect("pipelines are shipped").flatten() {
        files.extend(Some(entry.path()).filter(|file| file.extension().is_some_and(|toml| toml == "toml")));
    }
    for plugin in std::fs::read_dir(root().join("plugins")).expect("plugins are shipped").flatten() {
        files.extend(Some(plugin.path().join("example.toml")).filter(|file| file.is_file()));
    }
    files.sort();
    assert!(files.len() > 5, "the pipelines were found: {files:?}");
    files
}

#[test]
fn every_pipeline_that_is_shipped_has_no_error() {
    // A service's key is looked for in the environment, and its absence is an error.
    let keys = ["OPENAI_API_KEY", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "TAVUS_API_KEY", "BEY_API_KEY"];
    let keyed = |file: &PathBuf| {
        let check = majlis(["check"]).env("MAJLIS_TESTDATA", root()).env("LIVEKIT_URL", "ws://127.0.0.1:7880");
        keys.iter().fold(check, |check, key| check.env(key, "of-a-test")).arg(file).run()
    };
    let wrong: Vec<Ended> = shipped().iter().map(keyed).filter(|ended| ended.code != Some(0)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_good_pipeline_is_told_in_one_line_and_as_an_object_without_diagnostics() {
    let file = pipeline("seed.toml");
    let text = check(&file).with(0);
    assert!(text.stdout.contains("seed.toml: 8 stages on 8 threads, 10 edges; queues hold at most"), "{text:?}");
    let json = majlis(["check", "--json"]).arg(&file).run().with(0);
    assert_eq!(json.json()["diagnostics"], json!([]));
    let told = &json.json()["pipeline"];
    assert_eq!((&told["name"], &told["stages"], &told["edges"]), (&json!("seed"), &json!(8), &json!(10)), "{told}");
}

#[test]
fn all_mistakes_are_shown_at_once_each_with_line_and_column() {
    let folder = Folder::new();
    let file = folder.write("wrong.toml", WRONG);
    for verb in ["check", "run", "graph"] {
        let ended = majlis([verb]).arg(&file).run().with(3);
        for place in ["wrong.toml:6:31", "wrong.toml:10:20", "wrong.toml:11:19"] {
            assert!(ended.stderr.contains(place), "`{verb}` does not name {place}: {ended:?}");
        }
        assert!(ended.stderr.contains("`fps`") && ended.stderr.contains("camera"), "what was meant: {ended:?}");
        assert!(ended.stderr.contains("3 errors"), "{ended:?}");
        assert_eq!(ended.stdout, "", "nothing was started");
    }
}

#[test]
fn a_fault_in_an_operators_texts_is_told_with_its_file_and_line_and_nothing_starts() {
    let folder = Folder::new();
    let shipped = majlis_tests::shipped("demo.toml");
    let greets =
        |config: &str| replaced(&shipped, "[stage.greeting.config]\n", &format!("[stage.greeting.config]\n{config}\n"));
    let guest = "guest =\n    .display = أهلاً بكم.\n    .speak = أَهْلًا بِكُمْ.\n";
    let _ = folder.write("ar.ftl", guest);
    let good = folder.write("good.toml", greets("texts = [\"ar.ftl\"]"));
    let _ = check(&good).with(0);

    let _ = folder.write("texts/ar.ftl", guest.replace("أَهْلًا", "أَهْلًا { $nam }"));
    let wrong = folder.write("wrong.toml", greets("texts = [\"texts/ar.ftl\"]"));
    for verb in ["check", "run"] {
        let ended = majlis([verb]).arg(&wrong).run().with(3);
        for part in ["E0715", "texts/ar.ftl:3:25", "`$nam`", "wrong.toml:", "named here"] {
            assert!(ended.stderr.contains(part), "`{verb}` does not say {part}: {ended:?}");
        }
    }
}

#[test]
fn mistakes_are_also_told_to_programs() {
    let folder = Folder::new();
    let file = folder.write("wrong.toml", WRONG);
    for verb in [&["check"][..], &["graph"], &["stage"]] {
        let ended = majlis(verb).arg("--json").arg(&file).args((verb == ["stage"]).then_some("faces")).run().with(3);
        let json = ended.json();
        let diagnostics = json["diagnostics"].as_array().expect("a list");
        let places: Vec<(Option<u64>, Option<u64>)> =
            diagnostics.iter().map(|diagnostic| (diagnostic["line"].as_u64(), diagnostic["column"].as_u64())).collect();
        let expected = [(6, 31), (10, 20), (11, 19)].map(|(line, column)| (Some(line), Some(column)));
        assert_eq!(places, expected, "{verb:?}: {json:#}");
        assert_eq!(json["pipeline"], Value::Null);
        assert_eq!(ended.stderr, "", "who asked for JSON has it on stdout: {ended:?}");
        for diagnostic in diagnostics {
            assert_eq!(diagnostic["severity"], "error");
            let code = diagnostic["code"].as_str().expect("a diagnostic has a code");
            let _ = majlis(["explain", code]).run().with(0);
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_to_programs_in_the_same_shape() {
    let folder = Folder::new();
    let latin = folder.write("latin.toml", b"[pipeline]\nname = \"Z\xfcrich\"\n");
    for file in [folder.file("nowhere.toml"), folder.path().to_owned(), latin] {
        for verb in ["check", "graph", "stage"] {
            let stage = (verb == "stage").then_some("faces");
            let ended = majlis([verb, "--json"]).arg(&file).args(stage).run().with(3);
            let json = ended.json();
            assert_eq!(json["file"].as_str(), file.to_str(), "{json}");
            let [diagnostic] = json["diagnostics"].as_array().expect("a list").as_slice() else { panic!("{json}") };
            for key in ["code", "message", "hint"] {
                assert!(diagnostic[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {diagnostic}");
            }
            let _ = majlis(["explain", diagnostic["code"].as_str().expect("looked at above")]).run().with(0);
        }
    }
}

#[test]
fn with_a_log_in_json_every_line_of_stderr_is_an_object() {
    let folder = Folder::new();
    let wrong = folder.write("wrong.toml", WRONG);
    let shows = folder.write(
        "shows.toml",
        r#"
[stage.door]
plugin = "images"
config = { path = "broken.png" }

[stage.greeting]
plugin = "fixture-services"
inputs = { trigger = "door.frame" }
load = "eager"
config = { do = "log" }
"#,
    );
    let _ = folder.write("broken.png", "no picture");
    let missing = folder.file("nowhere.toml");
    for (arguments, file, code) in [
        (&["check"][..], Some(&wrong), 3),
        (&["run"], Some(&wrong), 3),
        (&["run"], Some(&missing), 3),
        (&["stage"], Some(&wrong), 2),
        (&["chekc"], None, 2),
        (&["plugins", "why", "greting"], None, 4),
        (&["run", "-vvv"], Some(&shows), 0),
    ] {
        let ended = majlis(["--log", "json"]).args(arguments).args(file).run().with(code);
        assert_eq!(ended.log().len(), ended.stderr.lines().count(), "{ended:?}");
        assert!(ended.log().iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()), "{ended:?}");
        assert!(ended.stderr.lines().count() > 0, "{ended:?}");
    }
    let ended = majlis(["--log", "json", "check"]).arg(&wrong).run().with(3);
    let place = |line: &Value| (line["line"].as_u64(), line["column"].as_u64());
    let first = ended.log().first().cloned().expect("looked at above");
    assert_eq!((place(&first), first["level"].as_str()), ((Some(6), Some(31)), Some("ERROR")), "{first}");
    assert!(first["file"].as_str().is_some_and(|file| file.ends_with("wrong.toml")), "{first}");
}

#[test]
fn a_file_that_is_missing_or_no_text_is_said_in_one_line() {
    let folder = Folder::new();
    let missing = check(&folder.file("nowhere.toml")).with(3);
    assert!(missing.stderr.contains("nowhere.toml"), "{missing:?}");
    assert_eq!(missing.stderr.lines().count(), 1, "{missing:?}");
    let bytes = check(&folder.write("latin.toml", b"[pipeline]\nname = \"Z\xfcrich\"\n")).with(3);
    assert!(bytes.stderr.contains("latin.toml") && bytes.stderr.contains("UTF-8"), "{bytes:?}");
    let folder_itself = check(&folder.path().to_owned()).with(3);
    assert_eq!(folder_itself.stderr.lines().count(), 1, "{folder_itself:?}");
}

#[test]
fn a_pipeline_is_drawn_as_text_and_as_mermaid() {
    let text = majlis(["graph"]).arg(pipeline("seed.toml")).run().with(0);
    assert!(text.stdout.starts_with("seed\n"), "{text:?}");
    assert!(text.stdout.contains("fourth <- avatar.done  majlis/data@1, depth 4"), "{text:?}");
    let mermaid = majlis(["graph", "--format", "mermaid"]).arg(pipeline("seed.toml")).run().with(0);
    assert!(mermaid.stdout.starts_with("flowchart LR\n"), "{mermaid:?}");
    assert_eq!(mermaid.stdout.matches("-->").count(), 10, "{mermaid:?}");
    assert!(mermaid.stdout.contains("InsightFace") || mermaid.stdout.contains("Face Recognition"), "{mermaid:?}");
    let json = majlis(["graph", "--json"]).arg(pipeline("seed.toml")).run().with(0).json();
    let drawn = &json["pipeline"];
    assert_eq!(drawn["stages"].as_array().map(Vec::len), Some(8), "{json:#}");
    let edges = drawn["edges"].as_array().expect("a list");
    let one =
        |edge: &&Value| edge["from"] == "avatar.done" && edge["to"].as_str().is_some_and(|to| to.ends_with(".fourth"));
    let edge = edges.iter().find(one).expect("it is in the file");
    assert_eq!((&edge["type"], &edge["depth"]), (&json!("majlis/data@1"), &json!(4)), "{edge}");
    assert_eq!(edges.len(), 10);
}

#[test]
fn explain_lists_the_codes_and_tells_each_of_them() {
    let list = majlis(["explain"]).run().with(0);
    assert!(list.stdout.lines().count() > 40, "{list:?}");
    let codes: Vec<&str> = list.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    for kind in ['E', 'W', 'L', 'M', 'R', 'S'] {
        let code = codes.iter().find(|code| code.starts_with(kind)).expect("a code of each kind");
        let told = majlis(["explain", &code.to_lowercase()]).run().with(0);
        assert!(told.stdout.contains(code), "{told:?}");
    }
    let mut once = codes.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), codes.len(), "a code is listed twice");
    let unknown = majlis(["explain", "E9999"]).run().with(2);
    assert!(unknown.stderr.contains("`E9999`"), "{unknown:?}");

    let json = majlis(["explain", "--json"]).run().with(0).json();
    let listed: Vec<&str> = json.as_array().into_iter().flatten().filter_map(|code| code["code"].as_str()).collect();
    assert_eq!(listed, codes, "both lists are the same");
    let one = majlis(["explain", "l0101", "--json"]).run().with(0).json();
    assert_eq!(one["code"], "L0101");
    assert!(one["title"].is_string() && one["text"].as_str().is_some_and(|text| text.contains("permissions")), "{one}");
    let unknown = majlis(["explain", "E9999", "--json"]).run().with(2).json();
    assert!(unknown["diagnostics"][0]["message"].as_str().is_some_and(|text| text.contains("E9999")), "{unknown}");
}

#[test]
fn the_schema_of_pipeline_files_knows_the_keys_and_the_plugins() {
    let schema = majlis(["schema"]).run().with(0).json();
    assert!(schema["$schema"].as_str().is_some_and(|dialect| dialect.contains("json-schema.org")), "{schema:#}");
    let table: toml::Table = std::fs::read_to_string(pipeline("demo.toml")).expect("shipped").parse().expect("TOML");
    let keys = schema["properties"].as_object().expect("a schema has properties");
    for key in table.keys() {
        assert!(keys.contains_key(key), "`{key}` is not in {keys:#?}");
    }
    let text = schema.to_string();
    for word in ["replay", "insightface", "opening_title", "min_face_px", "drain_within"] {
        assert!(text.contains(&format!("\"{word}\"")), "`{word}` is not in the schema");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_was_meant() {
    let unknown = majlis(["chekc", "x.toml"]).run().with(2);
    assert!(unknown.stderr.contains("'check'"), "{unknown:?}");
    let _ = majlis(["run"]).run().with(2);
    let _ = majlis(["run", "x.toml", "--report", "xml"]).run().with(2);
    let _ = majlis([""; 0]).run().with(2);
    let help = majlis(["--help"]).run().with(0);
    assert!(help.stdout.contains("Exit codes:"), "{help:?}");
    for verb in ["run", "check", "graph", "explain", "schema", "plugins", "models", "stage"] {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{help:?}");
        let _ = majlis([verb, "--help"]).run().with(0);
    }
    let version = majlis(["--version"]).run().with(0);
    assert!(version.stdout.starts_with("majlis "), "{version:?}");
}

#[test]
fn nothing_is_coloured_that_is_no_terminal() {
    let folder = Folder::new();
    let file = folder.write("wrong.toml", WRONG);
    for no_color in ["", "1"] {
        let run = majlis(["run"]).arg(pipeline("seed.toml")).env("NO_COLOR", no_color).run().with(0);
        let check = majlis(["check", "-vvv"]).arg(&file).env("NO_COLOR", no_color).run().with(3);
        for text in [run.stdout, run.stderr, check.stderr] {
            assert!(!text.contains('\u{1b}'), "an escape sequence stands in {text:?}");
        }
    }
}

/// What a command writes to a terminal, or nothing where no `script` can stand in for one.
fn at_a_terminal(command: &str) -> Option<(Option<i32>, String)> {
    let home = Folder::new();
    let terminal = Command::new("script")
        .args(["-qec", command, "/dev/null"])
        .env_remove("NO_COLOR")
        .env("MAJLIS_PLUGIN_PATH", plugins())
        .env("XDG_CACHE_HOME", home.path())
        .env("MAJLIS_SPEED", "20")
        .current_dir(root())
        .stdin(Stdio::null())
        .output();
    let Ok(ended) = terminal else {
        assert!(std::env::var_os("MAJLIS_REQUIRE").is_none_or(|all| all != "all"), "`script` of util-linux is missing");
        eprintln!("\n*** SKIPPED: what stands on a real terminal\n*** `script` of util-linux is missing\n");
        return None;
    };
    Some((ended.status.code(), String::from_utf8_lossy(&ended.stdout).into_owned()))
}

#[test]
fn a_terminal_gets_colours_and_the_whole_report_within_its_columns() {
    let folder = Folder::new();
    let (binary, file) = (binary().display().to_string(), folder.write("wrong.toml", WRONG));
    let Some((code, told)) = at_a_terminal(&format!("{binary} -v run {}", pipeline("seed.toml").display())) else {
        return;
    };
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("RUN seed") && told.contains("\u{1b}[1m"), "{told}");
    for line in told.lines() {
        let plain: String = line
            .split('\u{1b}')
            .map(|part| part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, text)| text))
            .collect();
        assert!(plain.trim_end().chars().count() <= 100, "{plain}");
    }
    let (code, told) = at_a_terminal(&format!("{binary} check {}", file.display())).expect("it was there above");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("\u{1b}[") && told.contains("wrong.toml:6:31"), "{told}");
}

#[test]
fn a_stage_does_the_verbs_of_its_plugin() {
    let folder = Folder::new();
    let text = "[stage.helper]\nplugin = \"fixture-services\"\nconfig = { do = \"nothing\" }\n";
    let file = folder.write("verbs.toml", text);
    let stage = |arguments: &[&str]| majlis(["stage"]).arg(&file).args(arguments).run();
    let listed = stage(&["helper"]).with(0);
    assert!(listed.stdout.contains("twice") && listed.stdout.contains("Doubles a number"), "{listed:?}");
    assert_eq!(stage(&["helper", "twice", "number=21"]).with(0).json(), 42);
    let json = stage(&["helper", "--json"]).with(0).json();
    assert_eq!((&json["stage"], &json["verbs"][0]["name"]), (&json!("helper"), &json!("twice")), "{json:#}");
    assert_eq!(json["verbs"][0]["arguments"]["type"], "object", "{json:#}");
    for (wrong, code) in [(&["helper", "thrice", "--json"][..], "R0204"), (&["helpr", "--json"], "R0203")] {
        let ended = stage(wrong).with(2);
        assert_eq!(ended.json()["diagnostics"][0]["code"], code, "{ended:?}");
        assert_eq!(ended.stderr, "");
    }
    let unknown = stage(&["helper", "thrice"]).with(2);
    assert!(unknown.stderr.contains("`thrice`") && unknown.stderr.contains("twice"), "{unknown:?}");
    for wrong in [&["helper", "twice"][..], &["helper", "twice", "number=many"], &["helper", "twice", "number"]] {
        let ended = stage(wrong).with(2);
        assert!(ended.stderr.contains("number"), "{ended:?}");
    }
    let nobody = stage(&["helpr", "twice"]).with(2);
    assert!(nobody.stderr.contains("helper"), "{nobody:?}");
}
