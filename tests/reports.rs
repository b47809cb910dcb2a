//! What a run leaves to read: on the terminal, in a trace, in a log of visits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use majlis_tests::{Folder, Visit, majlis, pipeline, reported, undisturbed};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

/// Three visitors in a row, with titles in Arabic.
const ARABIC: &str = r#"
[pipeline]
name = "استقبال"

[stage.door]
plugin = "replay"
title = "وصول الزائر"
config = { visits = 5, every = "30ms" }

[stage.faces]
plugin = "replay"
title = "التعرف على الوجوه في القاعة الكبرى للمعرض الدولي"
opening_title = "تحميل النموذج"
inputs = { first = "door.done" }
config = { open = { time = "40ms", memory_mb = 20.0 }, call = { time = "10ms", memory_mb = 0.5, temporary_mb = 30.0 } }

[stage.greeting]
plugin = "replay"
title = "الترحيب"
inputs = { first = "faces.done" }
config = { call = { time = "5ms" }, milestone = "greeted" }

[report]
until = "greeted"
"#;

#[test]
fn a_text_report_fits_a_hundred_columns_in_any_script() {
    let folder = Folder::new();
    let arabic = folder.write("arabic.toml", ARABIC);
    for file in [pipeline("seed.toml"), arabic] {
        let ended = majlis(["run", "--visits", "all"]).arg(file).run().with(0);
        for line in ended.stdout.lines() {
            assert!(line.width() <= 100, "{} columns: {line}\n{ended:?}", line.width());
        }
    }
}

#[test]
fn the_receptions_report_shows_every_step_the_way_and_both_ledgers() {
    let ended = majlis(["run"]).arg(pipeline("seed.toml")).run().with(0);
    for part in [
        "Connection Initialization",
        "Session & Agent Configuration",
        "Starting Avatar Session",
        "Vision Processing Startup",
        "GPT-4 Vision Analysis",
        "InsightFace Model Loading",
        "Face Recognition",
        "Deliver First Greeting",
        "unclaimed",
        "rest",
    ] {
        assert!(ended.stdout.contains(part), "`{part}` is missing: {ended:?}");
    }
}

/// Seconds since 1970, as the system's own `date` reads it.
fn seconds(date: &Value) -> u64 {
    let date = date.as_str().unwrap_or_else(|| panic!("{date} is no date"));
    let read = Command::new("date").args(["-d", date, "+%s"]).output().expect("every Linux has `date`");
    let text = String::from_utf8_lossy(&read.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("`{date}` is no date"))
}

#[test]
fn a_run_and_its_visits_have_dates_of_the_pipelines_time_zone() {
    let folder = Folder::new();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_secs();
    for (zone, distance) in [("Asia/Riyadh", "+03:00"), ("Asia/Kathmandu", "+05:45"), ("UTC", "+00:00")] {
        let text = format!("[pipeline]\ntime_zone = \"{zone}\"\n[stage.door]\nplugin = \"replay\"\n");
        let file = folder.write("dates.toml", text);
        let log = folder.file("visits.jsonl");
        let before = now();
        let report = majlis(["run", "--report", "json", "--report-log"]).arg(&log).arg(&file).run().report();
        let line =
            folder.read("visits.jsonl").lines().last().map(str::to_owned).expect("the log has a line for the visit");
        let logged: Value = serde_json::from_str(&line).expect("the log is JSON");
        for date in [&report.run()["began"], &report.visit().0["arrived"], &logged["arrived"]] {
            assert!(date.as_str().is_some_and(|date| date.ends_with(distance)), "{zone}: {date}");
            // To the second, and the clock is read to the millisecond.
            assert!((before.saturating_sub(1)..=now()).contains(&seconds(date)), "{zone}: {date} is not now");
        }
        let text = majlis(["run"]).arg(&file).run().with(0).stdout;
        assert!(text.contains(&format!(" ({zone}).")) && text.contains("Began 2"), "{text}");
        assert!(text.contains("Arrived 2"), "{text}");
    }
}

#[test]
fn processor_time_of_calls_is_measured_where_it_is_asked_for() {
    let folder = Folder::new();
    let file = folder.write(
        "work.toml",
        r#"
            [stage.door]
            plugin = "replay"

            [stage.sleeper]
            plugin = "replay"
            inputs = { first = "door.done" }
            config = { call = { time = "300ms" } }

            [stage.worker]
            plugin = "replay"
            inputs = { first = "door.done" }
            config = { open = { memory_mb = 200 }, call = { memory_mb = 200 } }
        "#,
    );
    let plain = reported(&file);
    assert_eq!(plain.stage("worker")["cpu_ns"], Value::Null);
    assert_eq!(plain.visit().step("worker")["cpu_ns"], Value::Null);
    assert!(plain.run()["cpu_ns"].is_u64(), "that of the whole run costs nothing");

    let report = majlis(["run", "--cpu", "--report", "json"]).arg(&file).run().report();
    let milliseconds = |value: &Value| value.as_f64().map_or(-1.0, |nanos| nanos / 1e6);
    // Who sleeps uses next to nothing; who writes 50,000 fresh pages uses some milliseconds at least.
    let sleeper = report.visit().step("sleeper").clone();
    assert!((0.0..100.0).contains(&milliseconds(&sleeper["cpu_ns"])), "{sleeper:#}");
    assert!(milliseconds(&sleeper["took_ns"]) >= 300.0, "{sleeper:#}");
    for working in [report.visit().step("worker"), report.opening("worker"), report.stage("worker")] {
        assert!(milliseconds(&working["cpu_ns"]) > 2.0, "{working:#}");
    }
    let step = report.visit().step("worker");
    assert!(milliseconds(&step["cpu_ns"]) <= milliseconds(&step["took_ns"]) + 1.0, "{step:#}");
    assert!(report.run()["overhead_ns"].as_u64() > plain.run()["overhead_ns"].as_u64(), "its own cost is told");
}

#[test]
fn the_report_is_data_and_everything_else_is_talk() {
    undisturbed(|| {
        let folder = Folder::new();
        let file = folder.write("arabic.toml", ARABIC);
        let none = majlis(["run", "--report", "none"]).arg(&file).run().with(0);
        assert_eq!(none.stdout, "");
        let few = majlis(["run", "--report", "json", "--visits", "few"]).arg(&file).run().report();
        assert_eq!(few.visits().len(), 3, "the first, the slowest and the last");
        let json = majlis(["run", "--report", "json", "-vvv"]).arg(&file).run();
        assert_eq!(json.stdout.lines().count(), 1, "{json:?}");
        let report = json.report();
        assert_eq!(report.run()["pipeline"], "استقبال");
        assert_eq!(report.visits().len(), 5, "a program is told of every visit");
        assert_eq!(report.run()["to_milestone"]["count"], 5);
        let times = &report.run()["to_milestone"];
        assert!(
            times["p50_ns"].as_u64() <= times["p95_ns"].as_u64()
                && times["p95_ns"].as_u64() <= times["max_ns"].as_u64()
        );
        for visit in report.visits() {
            visit.assert_account();
        }
    });
}

#[test]
fn the_json_report_has_what_the_text_shows_of_latest_visits_and_of_the_processor() {
    let folder = Folder::new();
    let report = reported(folder.write("arabic.toml", ARABIC));
    let recent = report.run()["recent_visits"].as_array().expect("a list");
    let of_each = |key: &str| recent.iter().map(|visit| visit[key].as_u64()).collect::<Vec<_>>();
    let mut numbers = of_each("visit");
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5].map(Some));
    assert!(of_each("closed_ns").is_sorted(), "in the order in which they closed: {recent:#?}");
    assert!(recent.iter().all(|visit| visit["how"] == "ended" && visit["to_milestone_ns"].as_u64() > Some(0)));

    let whole = report.run()["cpu_ns"].as_u64().expect("it is known");
    let threads = report.run()["threads"].as_array().expect("a list");
    for stage in ["door", "faces", "greeting"] {
        assert!(threads.iter().any(|thread| thread["stages"] == serde_json::json!([stage])), "{stage}: {threads:#?}");
    }
    // Each thread's time is told in hundredths of a second.
    let sum: u64 = threads.iter().filter_map(|thread| thread["cpu_ns"].as_u64()).sum();
    assert!(whole > 0 && sum <= whole + 10_000_000 * threads.len() as u64, "{sum} of {whole}");

    let text = majlis(["run"]).arg(folder.file("arabic.toml")).run().with(0);
    assert!(
        text.stdout.lines().any(|line| line.starts_with("Processor: ") && line.contains("% of one core")),
        "{text:?}"
    );
}

#[test]
fn events_of_the_host_have_no_lines_in_a_text_and_all_of_them_in_json() {
    // A visit of a second: an event would have to take 10 ms to have a line.
    let text = majlis(["run"]).arg(pipeline("seed.toml")).run().with(0);
    assert!(!text.stdout.contains("(event)") && !text.stdout.contains("Visit events"), "{text:?}");
    assert_eq!(text.stdout.matches("  not listed: ").count(), 1, "{text:?}");
    let json = reported(pipeline("seed.toml"));
    assert!(json.visit().steps().any(|step| step["kind"] == "event"), "{:#}", json.visit().0);
}

#[test]
fn a_trace_has_the_calls_of_every_visit() {
    let folder = Folder::new();
    let (file, trace) = (folder.write("arabic.toml", ARABIC), folder.file("trace.json"));
    let report = majlis(["run", "--report", "json", "--visits", "all", "--trace"]).arg(&trace).arg(file).run().report();
    let trace: Value = serde_json::from_str(&folder.read("trace.json")).expect("a trace is JSON");
    let events = trace["traceEvents"].as_array().expect("a trace has events");

    let calls = events.iter().filter(|event| event["ph"] == "X" && event["cat"] != "opening");
    let mut of_visit: BTreeMap<u64, usize> = BTreeMap::new();
    for call in calls {
        assert!(call["dur"].as_f64() >= Some(0.0) && call["ts"].as_f64() >= Some(0.0), "{call}");
        *of_visit.entry(call["args"]["visit"].as_u64().unwrap_or(0)).or_default() += 1;
    }
    for visit in report.visits() {
        let number = visit.0["visit"].as_u64().expect("a visit has a number");
        assert!(of_visit.get(&number).is_some_and(|calls| *calls >= 3), "visit {number} has no calls: {of_visit:?}");
    }
    let begun = events.iter().filter(|event| event["ph"] == "b" && event["cat"] == "visit").count();
    let ended = events.iter().filter(|event| event["ph"] == "e" && event["cat"] == "visit").count();
    assert_eq!((begun, ended), (5, 5));
    let threads: Vec<&str> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .filter_map(|event| event["args"]["name"].as_str())
        .collect();
    assert_eq!(threads, ["door", "faces", "greeting"]);
    let arrows = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!(arrows("s"), arrows("f"), "each arrow has both ends");
    assert!(
        !folder.files().iter().any(|file| file.extension().is_some_and(|part| part == "part")),
        "no half of a trace stays"
    );
}

#[test]
fn a_log_of_visits_grows_by_a_line_for_each() {
    undisturbed(|| {
        let folder = Folder::new();
        let (file, log) = (folder.write("arabic.toml", ARABIC), folder.file("visits.jsonl"));
        for runs in 1..=2 {
            let _ = majlis(["run", "--report", "none", "--report-log"]).arg(&log).arg(&file).run().with(0);
            let text = folder.read("visits.jsonl");
            assert_eq!(text.lines().count(), 5 * runs);
            for line in text.lines() {
                let visit: Value = serde_json::from_str(line).expect("a line is JSON");
                assert_eq!(visit["reached"], true);
                Visit(&visit).assert_account();
            }
        }
    });
}

#[test]
fn a_file_that_cannot_be_written_is_said_before_the_show() {
    let folder = Folder::new();
    let file = folder.write("arabic.toml", ARABIC);
    for option in ["--trace", "--report-log"] {
        let ended = majlis(["run", option]).arg(folder.file("no-such-folder/file")).arg(&file).run().with(1);
        assert!(ended.stderr.contains("no-such-folder"), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn the_log_knows_of_a_visit_when_its_milestone_is_reached_and_has_each_visit_once() {
    let folder = Folder::new();
    let text = r#"
[stage.door]
plugin = "replay"
config = { visits = 2, every = "20ms" }

[stage.greeting]
plugin = "replay"
inputs = { first = "door.done" }
config = { milestone = "greeted" }

[stage.farewell]
plugin = "replay"
inputs = { first = "greeting.done" }
config = { call = { time = "60s" } }

[report]
until = "greeted"
"#;
    let (file, log) = (folder.write("long.toml", text), folder.pipe("visits.jsonl"));
    let trace = folder.file("trace.json");
    let run = majlis(["run", "--report", "json", "--report-log"]).arg(&log).arg("--trace").arg(trace);
    let mut running = run.arg(file).start();
    let mut lines = BufReader::new(File::open(log).expect("a pipe with a writer")).lines();
    let mut next = || -> Option<Value> {
        let line = lines.next()?.expect("a line of text");
        Some(serde_json::from_str(&line).expect("a line is JSON"))
    };
    // They stay for a minute, and the test does not wait for that. Two milestones so near to each other may be told by two
    // threads, in either order.
    let mut told = [(); 2].map(|()| next().expect("a line for each visit"));
    told.sort_by_key(|visit| visit["visit"].as_u64());
    for (number, visit) in (1..).zip(told) {
        assert_eq!((&visit["visit"], &visit["reached"], &visit["how"]), (&number.into(), &true.into(), &Value::Null));
        Visit(&visit).assert_tiles();
        let greeting = Visit(&visit).step("greeting");
        assert_eq!(greeting["running"], false, "what set the milestone is told whole: {greeting}");
    }
    let drawn = |what: &str, phase: &str| {
        let trace: Value = serde_json::from_str(&folder.read("trace.json")).expect("a trace is JSON at any moment");
        let events = trace["traceEvents"].as_array().expect("a trace has events").clone();
        events.iter().filter(|event| event["name"] == what && event["ph"] == phase).count()
    };
    // It is written after the log, on another thread than any that this test waits for.
    let begun = Instant::now();
    while drawn("greeted", "n") < 2 {
        assert!(
            begun.elapsed().as_secs() < 20,
            "the trace does not show the milestones: {}",
            folder.read("trace.json")
        );
        std::thread::yield_now();
    }
    running.signal("TERM");
    let _ = running.until_line("draining");
    running.signal("TERM");
    let report = running.wait().report_with(143);
    assert_eq!(report.run()["visits_gone"], 2);
    assert_eq!(next(), None, "no visit stands there twice");
    for visit in ["visit 1", "visit 2"] {
        assert_eq!((drawn(visit, "b"), drawn(visit, "e")), (1, 1), "nor in the trace");
    }
}

#[test]
fn a_trace_is_one_from_the_beginning_and_an_old_one_stays_until_a_run_has_started() {
    let folder = Folder::new();
    let text = "[stage.file]\nplugin = \"jsonl\"\nload = \"eager\"\ninputs = { packets = \"door.done\" }\n\
                config = { path = \"no/such/file\" }\n\n[stage.door]\nplugin = \"replay\"\n";
    let file = folder.write("refused.toml", text);
    let run = |file: &Path| majlis(["run", "--report", "none", "--trace"]).arg(folder.file("trace")).arg(file).run();
    let trace = || -> Value { serde_json::from_str(&folder.read("trace")).expect("a trace is JSON") };
    let _ = run(&file).with(1);
    assert!(trace()["traceEvents"].is_array(), "{:#}", trace());
    let _ = folder.write("trace", "{\"old\":true}");
    let _ = run(&file).with(1);
    assert_eq!(trace()["old"], true);
    let _ = run(&folder.write("arabic.toml", ARABIC)).with(0);
    assert!(trace()["traceEvents"].as_array().is_some_and(|events| events.len() > 10), "{:#}", trace());
}

#[test]
fn a_file_is_written_by_one_only_however_it_is_named() {
    let folder = Folder::new();
    let file = folder.write("arabic.toml", ARABIC);
    let _ = folder.write("sub/here", "");
    symlink("report", folder.file("link")).expect("a link can be made");
    std::fs::hard_link(&file, folder.file("second.toml")).expect("a link can be made");
    for (trace, log, names) in [
        ("report", "report", ["`--trace`", "`--report-log`"]),
        ("report", "sub/../report", ["`--trace`", "`--report-log`"]),
        ("report", "link", ["`--trace`", "`--report-log`"]),
        ("report", "arabic.toml", ["the pipeline file", "`--report-log`"]),
        ("second.toml", "report", ["the pipeline file", "`--trace`"]),
    ] {
        let (trace, log) = (folder.file(trace), folder.file(log));
        let ended = majlis(["run", "--trace"]).arg(trace).arg("--report-log").arg(log).arg(&file).run().with(2);
        assert!(names.iter().all(|name| ended.stderr.contains(name)), "{ended:?}");
        assert!(ended.stderr.contains("the same file") && ended.stdout.is_empty(), "{ended:?}");
        assert!(!folder.file("report").exists(), "nothing was made");
    }
    assert_eq!(folder.read("arabic.toml"), ARABIC);
    // What is no plain file takes both.
    let nowhere = ["run", "--report", "none", "--trace", "/dev/null", "--report-log", "/dev/null"];
    let _ = majlis(nowhere).arg(&file).run().with(0);
}
