//! Signals: the first one lets the show end well, the second one ends it.

use std::fs::File;

use majlis_tests::{Folder, Majlis, majlis};

/// A show without end; a call takes this long, and a drain at most so long.
fn show(folder: &Folder, call: &str, drain_within: &str) -> Majlis {
    let text = format!(
        r#"
[pipeline]
drain_within = "{drain_within}"

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
        let mut running = show(&folder, "30ms", "30s").args(["--report", "json"]).start();
        let _ = running.until_line("\"greeted\"");
        running.signal(signal);
        let said = running.until_line("draining");
        assert!(said.contains("30s") && said.contains("second signal"), "{said}");
        let report = running.wait().report();
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
    let pipes = ["first", "second"].map(|name| folder.pipe(name));
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
    let first = File::open(&pipes[0]).expect("a pipe with a writer");
    running.signal("TERM");
    let said = running.until_line("draining");
    assert!(said.contains("opening") && said.contains("second signal"), "{said}");
    let second = File::open(&pipes[1]).expect("a pipe with a writer");
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
    let _ = folder.pipe("pipe");
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
fn the_second_signal_ends_at_once_with_the_code_that_a_shell_gives_it() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let folder = Folder::new();
        let mut running = show(&folder, "25s", "30s").args(["--report", "json"]).start();
        let _ = running.until_line("\"visit\":1,");
        running.signal("TERM");
        let _ = running.until_line("draining");
        let begun = std::time::Instant::now();
        running.signal(signal);
        let said = running.until_line("ended at once");
        assert!(said.contains("open and "), "{said}");
        let ended = running.wait();
        assert!(begun.elapsed().as_secs_f64() < 5.0, "it took {:?}: {ended:?}", begun.elapsed());
        let report = ended.report_with(code);
        assert_eq!(report.run()["visits_ended"], 0, "{:#}", report.run());
    }
}

#[test]
fn a_drain_whose_time_is_over_has_a_code_of_its_own_and_says_what_was_left() {
    let folder = Folder::new();
    let mut running = show(&folder, "25s", "50ms").args(["--report", "json"]).start();
    let _ = running.until_line("\"visit\":1,");
    running.signal("TERM");
    let said = running.until_line("`drain_within` (50ms) was over");
    assert!(said.contains("open and "), "{said}");
    let report = running.wait().report_with(5);
    assert!(report.run()["visits_gone"].as_u64() >= Some(1), "{:#}", report.run());
}
