//! The reports that programs read: JSON and the trace.

mod fixture;
mod simulator;

use std::collections::HashMap;

use majlis_meter::account;
use majlis_meter::record::{RunRecord, VisitRecord};
use majlis_meter::report::{json, trace};
use serde_json::Value;
use simulator::World;

/// Holds a trace against what its viewers need, and gives how many arrows it has.
fn assert_well_formed(trace: &Value, place: &str) -> usize {
    let events = trace["traceEvents"].as_array().expect("events");
    let mut now = 0.0;
    let mut open: HashMap<(String, String), Vec<String>> = HashMap::new();
    let mut arrows: HashMap<String, f64> = HashMap::new();
    let mut arrived = 0;
    let mut slices: HashMap<u64, Vec<(f64, f64)>> = HashMap::new();
    for event in events {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        assert!(event["pid"].is_u64() && !text("ph").is_empty(), "{place}: {event}");
        if text("ph") == "M" {
            continue;
        }
        let time = event["ts"].as_f64().expect("a time");
        assert!(time >= now, "{place}: goes back in time: {event}");
        now = time;
        let thread = event["tid"].as_u64().expect("a thread");
        let key = (text("cat"), text("id"));
        match text("ph").as_str() {
            "X" => {
                let length = event["dur"].as_f64().expect("a length");
                assert!(length >= 0.0);
                slices.entry(thread).or_default().push((time, time + length));
            }
            "b" => open.entry(key).or_default().push(text("name")),
            "n" => assert!(!open[&key].is_empty(), "{place}: an instant outside: {event}"),
            "e" => {
                let begun = open.get_mut(&key).and_then(Vec::pop);
                assert_eq!(begun, Some(text("name")), "{place}: ends what never began");
            }
            "s" => {
                arrows.insert(text("id"), time);
                let on = slices.get(&thread).map_or(&[][..], Vec::as_slice);
                let inside = on.iter().any(|(start, end)| *start <= time && time <= *end + 0.001);
                assert!(inside, "{place}: an arrow from nowhere: {event}");
            }
            "f" => {
                assert!(arrows.remove(&text("id")).is_some_and(|begun| begun <= time));
                arrived += 1;
            }
            "i" => {}
            other => panic!("{place}: unknown phase {other}"),
        }
    }
    assert!(open.values().all(Vec::is_empty), "{place}: something never ends: {open:?}");
    assert!(arrows.is_empty(), "{place}: arrows that never arrive");
    arrived
}

#[test]
fn a_trace_of_any_run_is_well_formed_and_monotonic() {
    let mut arrows = 0;
    for seed in 1..=300 {
        let ran = World::new(seed).run(None);
        let visits: Vec<&VisitRecord> = ran.visits.iter().collect();
        let trace = trace::of(&RunRecord::default(), &visits);
        arrows += assert_well_formed(&trace, &format!("seed {seed}"));
    }
    assert!(arrows > 1_000);
}

#[test]
fn a_trace_names_threads_and_carries_no_facts_and_no_texts_of_errors() {
    let (visit, run) = fixture::overlapping();
    let trace = trace::of(&run, &[&visit]);
    assert_well_formed(&trace, "fixture");
    let text = trace.to_string();
    assert!(text.contains("thread_name") && text.contains("InsightFace Model Loading"));
    assert!(!text.contains("confidence") && !text.contains("weather"));
}

#[test]
fn an_open_visit_gives_a_trace_in_which_everything_ends() {
    let (mut visit, run) = fixture::overlapping();
    visit.closed = None;
    for span in &mut visit.spans {
        match span {
            majlis_meter::record::Span::Call(call) => call.end = majlis_meter::record::Call::RUNNING,
            majlis_meter::record::Span::Work(work) => work.end = None,
        }
    }
    assert_well_formed(&trace::of(&run, &[&visit]), "open visit");
}

#[test]
fn the_json_report_says_its_schema_and_adds_up() {
    let (visit, _) = fixture::overlapping();
    let run = fixture::whole_run();
    let report = json::value(&run, &[account::of(&visit, &run, Some("greeted"))]);
    assert_eq!(report["schema"], "majlis/report@1");
    let visit = &report["visits"][0];
    let sum = |list: &str, field: &dyn Fn(&Value) -> u64| -> u64 {
        visit[list].as_array().expect("a list").iter().map(field).sum()
    };
    let ns = |value: &Value, field: &str| value[field].as_u64().expect("nanoseconds");
    let segments = sum("segments", &|s| ns(s, "end_ns") - ns(s, "start_ns"));
    assert_eq!(segments, 24_839 * fixture::MS);
    assert_eq!(segments, sum("steps", &|s| ns(s, "on_way_ns")));
    assert_eq!(segments, ns(visit, "length_ns"));
    assert_eq!(visit["steps"][4]["outcome"], "ok");
}

#[test]
fn the_json_report_has_the_latest_visits_and_the_processor_time_of_each_thread_with_its_stages() {
    let run = fixture::whole_run();
    let report = json::value(&run, &[]);
    let recent = report["run"]["recent_visits"].as_array().expect("a list");
    assert_eq!(recent.len(), run.visits.recent.len());
    assert_eq!((&recent[1]["visit"], &recent[1]["how"]), (&11.into(), &"gone".into()));
    assert_eq!(recent[1]["to_milestone_ns"], Value::Null);
    assert_eq!(report["run"]["cpu_ns"], 78_400 * fixture::MS);
    let faces = &report["run"]["threads"][0];
    assert_eq!((&faces["cpu_ns"], &faces["stages"]), (&(61_120 * fixture::MS).into(), &serde_json::json!(["faces"])));
    assert_eq!(report["run"]["threads"][3]["stages"], serde_json::json!([]));
}

#[test]
fn every_field_of_the_json_report_is_documented() {
    let fields = json::fields();
    assert!(fields.iter().all(|field| !field.meaning.is_empty()));
    let lines: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.path, field.meaning)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_field_list_has_every_field_that_a_report_has() {
    let (visit, _) = fixture::overlapping();
    let run = fixture::whole_run();
    let report = json::value(&run, &[account::of(&visit, &run, Some("greeted"))]);
    let listed: Vec<String> = json::fields().into_iter().map(|field| field.path).collect();
    assert_listed(&report, "", &listed);
}

fn assert_listed(value: &Value, place: &str, listed: &[String]) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let array = if value.is_array() { "[]" } else { "" };
                let place = format!("{place}{name}{array}");
                assert!(listed.contains(&place), "{place} is not listed");
                assert_listed(value, &format!("{place}."), listed);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_listed(item, place, listed)),
        _ => {}
    }
}
