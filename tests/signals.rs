//! Signals: the first one lets the show end well, the second one ends it.

use std::fs::File;
use std::process::Command;

use majlis_tests::{Folder, Majlis, Report, majlis};

/// A show without end; a call takes this long.
fn show(folder: &Folder, call: &str) -> Majlis {
    let text = format!(
        r#"
[pipeline]
drain_within = "30s"

[stage.door]
plugin = "replay"
config = {{ visits = 1000000, every = "20ms", milestone = "ready" }}

[stage.talk]
plugin = "replay"
inputs = {{ first = "door.done" }}
config = {{ call = {{ time = "{call}" }}, milestone = "greeted" }}

[report]
until = "greeted"
"#
    );
    majlis(["run", "--milestones"]).arg(folder.write("show.toml", text))
}

#[test]
fn the_first_signal_lets_visits_end_and_the_report_be_written() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let mut running = show(&folder, "30ms").args(["--report", "json"]).start();
        let _ = running.until_line("\"greeted\"");
        running.signal(signal);
        let said = running.until_line("draining");
        assert!(said.contains("30s") && said.contains("second signal"), "{said}");
        let ended = running.wait().with(0);
        let report = Report::new(ended.json());
        let run = report.run();
        assert_eq!(run["visits_gone"], 0, "whoever was there was served: {run:#}");
        assert_eq!(run["visits_opened"], run["visits_ended"]);
        assert!(run["visits_ended"].as_u64() >= Some(1));
        assert_eq!(run["to_milestone"]["count"], run["visits_ended"]);
    }
}

#[test]
fn a_signal_while_stages_open_before_the_start_drains_and_the_report_is_written() {
    let folder = Folder::new();
    // Opening a pipe for writing waits for its reader: so this test says how long the openings take.
    for pipe in ["first", "second"] {
        let made = Command::new("mkfifo").arg(folder.file(pipe)).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo is part of every system");
    }
    let file = folder.write(
        "show.toml",
        r#"
[stage.door]
plugin = "replay"
config = { visits = 1000000, every = "20ms" }

[stage.first]
plugin = "jsonl"
inputs = { packets = "door.done" }
load = "eager"
thread = "files"
config = { path = "first" }

[stage.second]
plugin = "jsonl"
inputs = { packets = "door.done" }
load = "eager"
thread = "files"
config = { path = "second" }
"#,
    );
    let mut running = majlis(["run", "--report", "json"]).arg(file).start();
    // The first one is opening, so the second one has still to open.
    let first = File::open(folder.file("first")).expect("a pipe with a writer");
    running.signal("TERM");
    let said = running.until_line("draining");
    assert!(said.contains("opening") && said.contains("second signal"), "{said}");
    let second = File::open(folder.file("second")).expect("a pipe with a writer");
    let read =
        [first, second].map(|mut pipe| std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink())));
    let report = running.wait().report();
    for stage in ["first", "second"] {
        assert_eq!(report.opening(stage)["failed"], serde_json::Value::Null);
    }
    for pipe in read {
        assert!(pipe.join().is_ok_and(|read| read.is_ok()));
    }
}

#[test]
fn a_second_signal_while_stages_open_before_the_start_ends_at_once() {
    let folder = Folder::new();
    let made = Command::new("mkfifo").arg(folder.file("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is part of every system");
    let text = "[stage.door]\nplugin = \"replay\"\nload = \"eager\"\n\n[stage.file]\nplugin = \"jsonl\"\nload = \"eager\"\n\
                inputs = { packets = \"door.done\" }\nconfig = { path = \"pipe\" }\n";
    // Nobody reads the pipe, so the start never comes.
    let mut running = majlis(["run", "-vv"]).arg(folder.write("show.toml", text)).start();
    let _ = running.until_line("listening for signals");
    running.signal("INT");
    let _ = running.until_line("draining");
    running.signal("INT");
    let ended = running.wait();
    assert!(ended.code.is_none() && ended.stderr.contains("nothing to report"), "{ended:?}");
}

#[test]
fn the_second_signal_ends_at_once() {
    let folder = Folder::new();
    let mut running = show(&folder, "25s").args(["--report", "json"]).start();
    let _ = running.until_line("\"visit\":1,");
    running.signal("TERM");
    let _ = running.until_line("draining");
    let begun = std::time::Instant::now();
    running.signal("TERM");
    let ended = running.wait();
    assert!(begun.elapsed().as_secs_f64() < 5.0, "it took {:?}: {ended:?}", begun.elapsed());
    let report = ended.report();
    assert_eq!(report.run()["visits_ended"], 0, "{:#}", report.run());
}
