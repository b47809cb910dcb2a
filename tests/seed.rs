//! The measured reception, replayed: what the report says has to be what the table says.

use std::collections::HashMap;

use majlis_tests::{Report, close, mb, ms, pipeline, reported, undisturbed};

/// How many times as fast as it was: what the tests set MAJLIS_SPEED to.
const SPEED: f64 = 10.0;

fn run_faster(name: &str) -> Report {
    reported(pipeline(name))
}

#[test]
fn the_steps_of_the_sequence_add_up_to_the_seconds_and_megabytes_of_the_table() {
    undisturbed(|| {
        let report = run_faster("seed-sequential.toml");
        let visit = report.visit();
        visit.assert_account();
        report.assert_ledgers();

        let expected = 31_740.0 / SPEED;
        let ran = visit.steps().filter(|step| step["live_bytes"].is_i64());
        let sum: f64 = ran.map(|step| ms(&step["took_ns"])).sum();
        close("the steps' milliseconds", sum, expected, 0.01 * expected);
        close("the account's milliseconds", ms(&visit.0["length_ns"]), expected, 0.01 * expected);
        let memory = mb(&visit.0["live_bytes"]) + mb(&visit.0["openings_live_bytes"]);
        close("the megabytes", memory, 543.3, 5.433);
    });
}

#[test]
fn a_model_load_is_a_line_of_its_own_and_not_the_recognitions_time() {
    undisturbed(|| {
        let report = run_faster("seed-sequential.toml");
        let visit = report.visit();

        let recognition = visit.step("Face Recognition");
        close("recognition's milliseconds", ms(&recognition["took_ns"]), 890.0 / SPEED, 0.05 * 890.0 / SPEED);
        close("recognition's megabytes", mb(&recognition["live_bytes"]), 4.3, 0.1);
        let opening = visit.step("InsightFace Model Loading");
        assert_eq!(opening["kind"], "opening", "{opening:#}");
        close("the opening's milliseconds", ms(&opening["took_ns"]), 3_120.0 / SPEED, 0.05 * 3_120.0 / SPEED);
        close("the opening's megabytes", mb(&opening["live_bytes"]), 281.5, 0.1);
        close("the stage's heap", mb(report.row("heap", "Face Recognition")), 281.5 + 4.3, 0.5);
    });
}

/// When the last stage is done, from the table alone: a stage opens when its first packet comes and works when its last
/// one has come.
fn critical_path(file: &toml::Table) -> f64 {
    let stages = file["stage"].as_table().expect("a pipeline has stages");
    let milliseconds = |stage: &toml::Value, what: &str| {
        let config = stage.get("config").and_then(|config| config.get(what));
        let time = config.and_then(|what| what.get("time")).and_then(toml::Value::as_str).unwrap_or("0s");
        time.strip_suffix('s').and_then(|time| time.parse::<f64>().ok()).expect("the table has seconds") * 1_000.0
    };
    let mut done: HashMap<&str, f64> = HashMap::new();
    while done.len() < stages.len() {
        let before = done.len();
        for (name, stage) in stages {
            let inputs = stage.get("inputs").and_then(toml::Value::as_table);
            let producers = inputs.into_iter().flat_map(|inputs| inputs.values());
            let came: Option<Vec<f64>> = producers
                .map(|producer| {
                    let producer =
                        producer.as_str().and_then(|producer| producer.split('.').next()).expect("STAGE.OUTPUT");
                    done.get(producer).copied()
                })
                .collect();
            let Some(came) = came else { continue };
            let first = came.iter().copied().fold(f64::INFINITY, f64::min);
            let last = came.iter().copied().fold(0.0, f64::max);
            let open = if first.is_finite() { first + milliseconds(stage, "open") } else { 0.0 };
            done.insert(name, open.max(last) + milliseconds(stage, "call"));
        }
        assert!(done.len() > before, "the stages go in a circle");
    }
    done.values().copied().fold(0.0, f64::max)
}

#[test]
fn wired_by_need_the_greeting_waits_for_the_avatar_alone() {
    undisturbed(|| {
        let table: toml::Table = std::fs::read_to_string(pipeline("seed.toml"))
            .expect("it is shipped")
            .parse()
            .expect("the pipeline is TOML");
        let expected = critical_path(&table) / SPEED;
        close("the critical path of the table", expected, (18_450.0 + 2_340.0) / SPEED, 0.001);

        let report = run_faster("seed.toml");
        let visit = report.visit();
        visit.assert_account();
        close("the account's milliseconds", ms(&visit.0["length_ns"]), expected, 0.03 * expected);

        let longest = visit.steps().max_by_key(|step| step["on_way_ns"].as_u64()).expect("a visit has steps");
        assert_eq!(longest["title"], "Starting Avatar Session", "{longest:#}");
        // Without it the way leads through the recognition: connection, frames, opening and call.
        let sooner = (18_450.0 - (2_150.0 + 230.0 + 3_120.0 + 890.0)) / SPEED;
        close("how much sooner without the avatar", ms(&longest["sooner_ns"]), sooner, 0.1 * sooner);
        let beside = visit.step("GPT-4 Vision Analysis");
        assert_eq!((beside["on_way_ns"].as_u64(), beside["sooner_ns"].as_u64()), (Some(0), Some(0)), "{beside:#}");
        assert_eq!(visit.step("InsightFace Model Loading")["on_way_ns"], 0);
        let memory = mb(&visit.0["live_bytes"]) + mb(&visit.0["openings_live_bytes"]);
        close("the megabytes", memory, 543.3, 5.433);
    });
}
