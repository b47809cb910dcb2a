//! What the stand-in does; its time really passes, so the tests ask for milliseconds.

use std::time::{Duration, Instant};

use majlis_plugin_api::{Closed, Faces, Utterance};
use majlis_replay::{Config, Replay, input, manifest__, output};
use majlis_testkit::{FailureKind, Kit};
use serde_json::json;

fn builder() -> majlis_testkit::Builder<Replay> {
    Kit::builder().manifest(manifest__::TEXT).stage("recognition")
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn without_a_wired_input_it_is_a_source_of_visits() {
    let config = json!({ "visits": 2, "every": "4s", "speed": 2, "milestone": "ready" });
    let mut kit = builder().open(config).expect("the stage opens");
    kit.start().expect("the first visitor");
    kit.advance(Duration::from_millis(1_999)).expect("nothing is due");
    assert_eq!(kit.opened().len(), 1);
    kit.advance(Duration::from_millis(1)).expect("the second visitor");
    let visits = kit.opened();
    assert_eq!(visits.len(), 2);
    assert!(visits.iter().all(|&visit| kit.closed(visit) == Some(Closed::Ended)));
    assert!(kit.ended());
    let done = kit.emitted(output::done);
    assert_eq!(done.iter().filter_map(|(visit, _)| *visit).collect::<Vec<_>>(), visits);
    assert_eq!(done[0].1.value, json!({ "stage": "recognition" }));
    assert_eq!(kit.milestones()[1], (Some(visits[1]), "ready".into()));
}

#[test]
fn with_inputs_it_waits_for_one_packet_on_each_and_works_once_a_visit() {
    let builder = builder()
        .wire_as::<Faces, _>(input::first, "rec.faces")
        .wire_as::<Utterance, _>(input::third, "greeting.utterance");
    let mut kit = builder.open(json!({ "milestone": "greeted" })).expect("the stage opens");
    let (one, other) = (kit.open_visit().expect("no answer"), kit.open_visit().expect("no answer"));
    for visit in [one, one, other] {
        kit.send_by(0, input::first, visit, Faces::default()).expect("it waits");
    }
    assert!(kit.emitted(output::done).is_empty());
    for _ in 0..2 {
        kit.send_by(1, input::third, one, Utterance::plain("Welcome", "en")).expect("it works");
    }
    let done = kit.emitted(output::done);
    assert_eq!(done.iter().map(|(visit, _)| *visit).collect::<Vec<_>>(), [Some(one)]);
    assert_eq!(kit.milestones(), [(Some(one), "greeted".into())]);
    kit.send_by(1, input::third, other, Utterance::plain("Welcome", "en")).expect("it works");
    assert_eq!(kit.emitted(output::done).len(), 2);
}

#[test]
fn its_time_passes_divided_by_the_speed() {
    let config = json!({ "open": { "time": "400ms" }, "call": { "time": "200ms", "temporary_mb": 1 }, "speed": 20 });
    let begun = Instant::now();
    let mut kit = builder().open(config).expect("the stage opens");
    let opened = begun.elapsed();
    kit.start().expect("a visitor");
    let worked = begun.elapsed() - opened;
    assert!(opened >= Duration::from_millis(20), "{opened:?}");
    assert!(worked >= Duration::from_millis(10), "{worked:?}");
}

#[test]
fn a_table_that_cannot_be_done_is_refused_with_its_key() {
    for (config, path) in [
        (json!({ "speed": 0 }), "speed"),
        (json!({ "visits": 0 }), "visits"),
        (json!({ "open": { "memory_mb": -1 } }), "open.memory_mb"),
        (json!({ "call": { "memory": 1 } }), "call.memory"),
        (json!({ "call": { "time": 5 } }), "call.time"),
        (json!({ "milestone": "fed" }), "milestone"),
    ] {
        let refused = builder().open(config.clone()).err().expect("it is refused");
        assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, path), "{config}: {refused}");
    }
}

#[test]
fn a_full_house_makes_a_source_wait_and_a_drain_ends_it() {
    let mut kit = builder().max_visits(1).open(json!({ "visits": 9 })).expect("the stage opens");
    let guest = kit.open_visit().expect("no answer");
    kit.start().expect("it waits");
    kit.leave(guest).expect("no answer");
    kit.advance(Duration::from_millis(100)).expect("the first visitor");
    assert_eq!(kit.opened().len(), 1);
    kit.drain(Duration::from_secs(1)).expect("it ends");
    kit.advance(Duration::from_secs(9)).expect("nothing more");
    assert_eq!((kit.opened().len(), kit.ended()), (1, true));
}
