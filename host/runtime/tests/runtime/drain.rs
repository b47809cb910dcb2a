//! How a run ends: by itself, by a drain, or at once.

use std::sync::Arc;

use majlis_meter::record::Closed;
use majlis_plugin_api::{Event, Flow, NoVisit};
use majlis_runtime::CutOff;

use crate::common::*;

#[test]
fn a_run_ends_when_every_source_has_ended_and_every_visit_is_closed() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let (a, b) = (bench.door("a"), bench.door("b"));
    bench.stage("sink", recorder("sink", &log, false));
    bench.edge("a.0", "sink.0");
    bench.edge("b.0", "sink.1");
    let run = bench.start();
    let visit = a.visit();
    a.end();
    b.end();
    log.wait("sink: input 1 ended");
    visit.end();
    let ended = run.wait();
    assert_eq!(ended.failure, None);
    assert_eq!((ended.record.visits.opened, ended.record.visits.ended), (1, 1));
}

#[test]
fn a_stage_s_wake_without_a_visit_does_not_keep_a_run_alive_and_deferred_work_does() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let (give, pending) = std::sync::mpsc::channel();
    let (give, said) = (std::sync::Mutex::new(give), log.clone());
    bench.stage("sink", move |_| {
        let (give, said) = (give.lock().unwrap().clone(), said.clone());
        script(move |entry, out| {
            said.say(entry.words());
            if let At::Packet(_) = entry {
                give.send(out.defer("writing")).unwrap();
            }
            Ok(Flow::WakeAt(at(1_000_000)))
        })
    });
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    door.send_at(0, None, 0, 1);
    let writing = pending.recv().unwrap();
    door.end();
    log.wait("input 0 ended");
    assert!(!run.runtime.snapshot().ended.is_some_and(|_| true) && !writing.is_cancelled());
    writing.finish();
    run.wait();
}

#[test]
fn a_drain_takes_no_new_visit_tells_every_open_stage_and_lets_what_is_under_way_finish() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench.stage("greeting", move |_| {
        let said = said.clone();
        script(move |entry, _| {
            said.say(entry.words());
            Ok(if let At::Event(Event::VisitOpened(_)) = entry { Flow::WakeAt(at(500)) } else { Flow::Continue })
        })
    });
    bench.stage("lazy", recorder("lazy", &log, false)).load(majlis_config::Load::Lazy);
    bench.edge("door.0", "greeting.0");
    bench.edge("door.1", "lazy.0");
    let run = bench.start();
    let visit = door.visit();
    log.wait("opened 1");
    run.runtime.drain(ms(10_000));
    log.wait("drain until 10000");
    assert_eq!(door.origin().open_visit().err(), Some(NoVisit::Draining));
    door.send(&visit, 1);
    log.wait("1 of 1");
    // A stage that opens now is told as well.
    door.send_at(1, Some(visit.id()), 0, 2);
    log.wait("lazy: drain until 10000");
    run.advance(500);
    log.wait("wake of 1 at 500");
    visit.end();
    // The door's own work goes on as well, until it says so.
    door.end();
    assert_eq!(run.wait().cut_off, None);
    log.wait("closed 1 ended");
}

#[test]
fn at_until_all_visits_are_gone_and_are_told_and_reported_before_the_stages_close() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    let _visits = (door.visit(), door.visit());
    log.wait("sink: opened 2");
    run.runtime.drain(ms(1_000));
    run.advance(999);
    log.wait("sink: drain until 1000");
    assert!(run.seen.records.lock().unwrap().is_empty());
    run.advance(1);
    let seen = Arc::clone(&run.seen);
    assert_eq!(run.wait().cut_off, Some(CutOff::Drain { visits: 2 }));
    log.wait("sink: closed 1 gone");
    log.wait("sink: closed 2 gone");
    assert!(seen.visits(2).iter().all(|(_, how, _)| *how == Closed::Gone));
}

#[test]
fn a_drain_cuts_a_call_that_waits_for_space_when_its_time_is_over() {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let said = log.clone();
    bench.stage("camera", move |_| {
        let said = said.clone();
        script(move |_, out| {
            let _visit = out.open_visit()?;
            while !out.cancelled() {
                out.emit(self::out(0), num(1))?;
            }
            said.say("the camera is cut");
            Ok(Flow::Continue)
        })
    });
    let (said, closed) = (log.clone(), gate.clone());
    bench.stage("sink", move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        script(move |entry, out| {
            said.say(entry.words());
            if let At::Packet(_) = entry {
                closed.pass();
                said.say(format!("cancelled: {}", out.cancelled()));
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["camera", "sink"]);
    let run = bench.start();
    log.wait("1 of 1");
    run.runtime.drain(ms(1_000));
    // Both threads are in calls: one waits for space, the other for the gate.
    let (told, hear) = std::sync::mpsc::channel();
    let (clock, seen) = (run.clock.clone(), Arc::clone(&run.seen));
    std::thread::spawn(move || drop(told.send(run.runtime.wait())));
    clock.advance(ms(1_000));
    log.wait("the camera is cut");
    gate.open();
    hear.recv_timeout(std::time::Duration::from_secs(20)).expect("the run did not end");
    log.wait("cancelled: true");
    assert_eq!(log.lines().last().map(String::as_str), Some("closed 1 gone"));
    assert_eq!(seen.visits(1).len(), 1);
}

#[test]
fn a_kill_ends_a_run_at_once_and_its_visits_are_gone() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    log.wait("sink: opened 1");
    let (controls, seen) = (run.runtime.controls(), Arc::clone(&run.seen));
    controls.kill();
    assert_eq!(run.wait().cut_off, Some(CutOff::Kill { visits: 1 }));
    assert_eq!(log.lines(), ["sink: opened 1", "sink: closed 1 gone"]);
    assert_eq!(seen.visits(1)[0].1, Closed::Gone);
    assert!(matches!(
        door.origin().emit(out(0), Some(visit.id()), at(0), num(1)),
        Err(majlis_plugin_api::Refused::Gone)
    ));
    // Controls outlive their run.
    controls.drain(ms(1));
}

#[test]
fn a_pipeline_whose_sources_all_failed_ends() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let camera = bench.stage("camera", |_| Err(majlis_plugin_api::Error::new("there is no camera")));
    camera.load(majlis_config::Load::Lazy).restart(0, 1_000, 0);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["camera", "sink"]);
    let ended = bench.start().wait();
    assert_eq!(ended.record.visits.opened, 0);
    log.wait("sink: input 0 ended");
}
