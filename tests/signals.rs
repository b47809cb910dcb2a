//! Signals: the first one lets the show end well, the second one ends it.

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
