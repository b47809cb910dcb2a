//! What a plugin asks of the host beside packets, and what the host makes of a plugin that goes wrong.

use majlis_tests::{Ended, Folder, Majlis, Report, close, majlis, mib, plugins, replaced, undisturbed};
use serde_json::{Value, json};

/// A fixture that does this, and a tap that writes down its answer.
fn pipeline(folder: &Folder, config: &str) -> std::path::PathBuf {
    let text = r#"
[stage.asker]
plugin = "fixture-services"
config = { CONFIG }
restart = { max = 0 }

[stage.answers]
plugin = "jsonl"
inputs = { packets = "asker.answer" }
config = { path = "answers.jsonl" }
"#;
    folder.write("services.toml", replaced(text, "CONFIG", config))
}

fn asked(folder: &Folder, config: &str) -> Majlis {
    majlis(["run", "--report", "json", "--log", "json", "-vv"]).arg(pipeline(folder, config))
}

fn answer(folder: &Folder) -> Value {
    let lines = folder.read("answers.jsonl");
    let mut lines = lines.lines();
    let line: Value = serde_json::from_str(lines.next().expect("there is an answer")).expect("the tap writes JSON");
    assert_eq!(lines.next(), None, "one answer was expected");
    line["packet"]["value"].clone()
}

#[test]
fn a_plugin_keeps_rows_in_the_store_and_erases_a_person() {
    let folder = Folder::new();
    let ended = asked(&folder, "do = \"store\"").run().with(0);
    let told = answer(&folder);
    assert_eq!(told["changed"], json!([1, 1]));
    assert!(told["twice"].is_string(), "a broken transaction is an error: {told}");
    assert_eq!(told["rows"].as_array().map(Vec::len), Some(2), "and leaves nothing behind: {told}");
    assert_eq!(told["rows"][0][0], json!({ "text": "p1" }));
    assert_eq!(told["erased"], 1);
    assert_eq!(told["left"], json!([[{ "text": "p2" }]]));
    let kept: Vec<_> =
        ended.home.files().into_iter().filter(|file| file.starts_with(ended.home.file("data"))).collect();
    assert!(
        kept.iter().any(|file| file.to_string_lossy().contains("store/fixture")),
        "the file lies in the data folder: {kept:?}"
    );
}

#[test]
fn what_the_store_keeps_is_there_in_the_next_run() {
    let folder = Folder::new();
    let home = Folder::new();
    let _ = asked(&folder, "do = \"store\"").at_home(home.path()).run().with(0);
    let again = asked(&folder, "do = \"store\"").at_home(home.path()).run().with(0);
    // The schema's step is not applied twice, and the row that was not erased is still there.
    let report = Report::new(again.json());
    let step = report.visit().steps().find(|step| step["outcome"] == "failed").expect("the row is refused").clone();
    assert!(step["reason"].as_str().is_some_and(|reason| reason.contains("UNIQUE")), "{step:#}");
}

#[test]
fn a_native_library_is_opened_once_and_a_second_version_refused() {
    let folder = Folder::new();
    let other = folder.write("other.so", std::fs::read(plugins().join("libmajlis_replay.so")).expect("a library"));
    let same = folder.write("same.so", std::fs::read(plugins().join("libmajlis_identity.so")).expect("a library"));
    let first = plugins().join("libmajlis_identity.so");
    let config = format!("do = \"native\", libraries = [{first:?}, {same:?}, {other:?}, \"nowhere.so\"]");
    let _ = asked(&folder, &config).run().with(0);
    let told = answer(&folder);
    let path = first.canonicalize().expect("a built plugin is there");
    assert_eq!(told[0]["path"].as_str(), path.to_str());
    assert_eq!(told[1]["path"].as_str(), path.to_str(), "the same bytes elsewhere are the library that is open");
    let refused = told[2]["error"].as_str().expect("another version is refused");
    assert!(
        refused.contains("fixture-native") && refused.contains("stage `asker`") && refused.contains("other.so"),
        "{refused}"
    );
    assert!(told[3]["error"].as_str().is_some_and(|error| error.contains("cannot be read")), "{told}");
}

#[test]
fn a_plugin_learns_the_load_of_the_machine() {
    let folder = Folder::new();
    let report = asked(&folder, "do = \"load\"").run().report();
    let told = answer(&folder);
    let resident = mib(&told["resident"]);
    let reported = mib(&report.run()["resident"]["total_bytes"]);
    assert!(resident > 5.0 && resident < reported * 1.5, "{resident} MiB, and {reported} in the report");
    assert!(told["cores"].as_f64().is_some_and(|cores| cores > 0.0 && cores < 1_000.0), "{told}");
    assert_eq!(told["visits"], 1, "the visit that asks");
    assert!(told["used_ns"].as_u64().is_some_and(|used| used > 1_000_000), "it was started at least: {told}");
    let processors = std::thread::available_parallelism().map_or(0, |count| count.get() as u64);
    assert_eq!(told["processors"].as_u64(), Some(processors));
    assert!(mib(&told["memory"]) > resident, "{told}");
    assert_eq!(told["alone"], false, "all stages run");
}

/// The lines of the log that a stage wrote: (level, message).
fn lines(ended: &Ended, stage: &str) -> Vec<(String, String)> {
    let of = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    ended
        .log()
        .iter()
        .filter(|line| line["stage"] == stage)
        .map(|line| (of(line, "level"), of(line, "message")))
        .collect()
}

#[test]
fn what_a_plugin_logs_stands_in_the_hosts_log_under_its_stages_name() {
    let folder = Folder::new();
    let file = pipeline(&folder, "do = \"log\"");
    let levels = [
        ("ERROR", "an error line attempt=3"),
        ("WARN", "a warning line"),
        ("INFO", "an info line"),
        ("DEBUG", "a debug line"),
        ("TRACE", "a trace line"),
    ];
    for (verbosity, seen) in [("-v", 3), ("-vv", 4), ("-vvv", 5)] {
        let ended = majlis(["run", "--report", "none", "--log", "json", verbosity]).arg(&file).run().with(0);
        let told = lines(&ended, "asker");
        let expected: Vec<(String, String)> =
            levels[..seen].iter().map(|(level, text)| ((*level).into(), (*text).into())).collect();
        let own: Vec<_> = told.iter().filter(|(_, message)| message.contains(" line")).cloned().collect();
        assert_eq!(own, expected, "with {verbosity}: {ended:?}");
    }
    let quiet = majlis(["run", "--report", "none"]).arg(&file).run().with(0);
    assert!(quiet.stderr.contains("an error line") && quiet.stderr.contains("asker"), "{quiet:?}");
    assert!(!quiet.stderr.contains("an info line"), "{quiet:?}");
    let off = majlis(["run", "--report", "none", "--log", "off"]).arg(&file).run().with(0);
    assert_eq!(off.stderr, "");
}

#[test]
fn threads_of_a_plugins_library_are_known_by_their_stage() {
    undisturbed(|| {
        let folder = Folder::new();
        let ended = asked(&folder, "do = \"tokio\"").run().with(0);
        assert_eq!(answer(&folder)["kept"], 8 << 20);
        assert!(lines(&ended, "asker").iter().any(|(_, message)| message == "a line from a worker"), "{ended:?}");
        let report = Report::new(ended.json());
        let visit = report.visit();
        visit.assert_account();
        let work = visit.steps().find(|step| step["kind"] == "work").expect("deferred work is a step");
        assert!(work["title"].as_str().is_some_and(|title| title.contains("ask")), "{work:#}");
        assert_eq!((&work["outcome"], &work["marks"][0]["name"]), (&json!("ok"), &json!("asked")));
        close("MiB of the background", mib(report.row("heap", "asker (background)")), 8.0, 0.25);
        assert_eq!(report.run()["unclaimed_threads"], json!([]));
    });
}

#[test]
fn a_panic_is_told_with_its_text_and_place_and_does_not_end_the_show() {
    let folder = Folder::new();
    let text = r#"
[stage.door]
plugin = "replay"
config = { visits = 3, every = "50ms" }

[stage.clumsy]
plugin = "fixture-services"
inputs = { trigger = "door.done" }
restart = { max = 1, within = "1m", delay = "10ms" }
config = { do = "panic" }
"#;
    let file = folder.write("panic.toml", text);
    let ended = majlis(["run", "--report", "json", "--visits", "all", "--log", "json"]).arg(file).run().with(0);
    let report = Report::new(ended.json());
    assert_eq!(report.run()["visits_ended"], 3);
    assert_eq!(report.stage("clumsy")["panicked"], 2, "the first instance and the one made anew");
    assert_eq!(report.stage("clumsy")["restarts"], 1);
    let visits = report.visits();
    let step = visits[0].steps().find(|step| step["outcome"] == "panicked").expect("the visit shows the panic");
    let reason = step["reason"].as_str().expect("a panic has a text");
    assert!(reason.contains("the fixture was told to panic at ") && reason.contains("src/lib.rs:"), "{reason}");
    let logged = lines(&ended, "clumsy");
    assert!(
        logged.iter().any(|(level, message)| level == "ERROR" && message.contains("the fixture was told to panic at ")),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains("thread '"), "the panic is told once, by the host: {ended:?}");
}

#[test]
fn a_key_that_only_the_plugin_can_judge_is_shown_where_it_stands() {
    let folder = Folder::new();
    let file = folder.write(
        "limit.toml",
        "[stage.asker]\nplugin = \"fixture-services\"\nload = \"eager\"\n\n[stage.asker.config]\ndo = \"nothing\"\nlimit = 101\n",
    );
    let _ = majlis(["check"]).arg(&file).run().with(0);
    let ended = majlis(["run", "--report", "none"]).arg(&file).run().with(1);
    assert!(
        ended.stderr.contains("limit.toml:7:") && ended.stderr.contains("101 is more than this stage can do"),
        "{ended:?}"
    );
}

#[test]
fn a_key_that_the_schema_forbids_never_reaches_the_plugin() {
    let folder = Folder::new();
    let file = pipeline(&folder, "do = \"nothing\", limt = 1");
    let ended = majlis(["run", "--report", "none"]).arg(&file).run().with(3);
    assert!(ended.stderr.contains("services.toml:4:28") && ended.stderr.contains("`limit`"), "{ended:?}");
}
