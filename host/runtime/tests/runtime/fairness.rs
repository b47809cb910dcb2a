//! Visits of a stage are served in turn.

use majlis_config::Overflow;
use majlis_plugin_api::Flow;

use crate::common::*;

#[test]
fn eight_visits_before_a_stage_of_50_ms_are_each_served_within_500_ms_whatever_one_of_them_sends() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    // A call lasts 50 ms of the turned clock: it ends when the test says so.
    let (give, steps) = std::sync::mpsc::channel::<()>();
    let (said, steps) = (log.clone(), std::sync::Mutex::new(Some(steps)));
    bench.stage("faces", move |_| {
        let (said, steps) = (said.clone(), steps.lock().unwrap().take().unwrap());
        script(move |entry, out| {
            if let At::Packet(packet) = entry {
                let waited = out.now().as_nanos() - packet.time().as_nanos();
                steps.recv().unwrap();
                said.say(format!("{} after {}", packet.visit().unwrap(), waited / 1_000_000));
            }
            Ok(Flow::Continue)
        })
    });
    bench.edge("door.0", "faces.0").depth(1).overflow(Overflow::Latest);
    let run = bench.start();
    let visits: Vec<_> = (0..8).map(|_| door.visit()).collect();
    let mut calls = 0;
    // Ten seconds: one visit at 30 frames a second, seven at one, spread over the second.
    for tick in 0..1_000_u64 {
        let now = tick * 10;
        for (index, visit) in visits.iter().enumerate() {
            let due = if index == 0 { tick % 3 == 0 } else { now % 1_000 == 100 * index as u64 };
            if due {
                door.send_at(0, Some(visit.id()), now, tick);
            }
        }
        // The stage never sleeps: the first visit has always something for it. So it ends a call each 50 ms.
        if tick % 5 == 4 {
            give.send(()).unwrap();
            calls += 1;
            log.until(|lines| lines.len() == calls);
        }
        run.advance(10);
    }
    let lines = log.lines();
    for visit in 2..=8 {
        let prefix = format!("{visit} after ");
        let waits: Vec<u64> = lines.iter().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
        assert_eq!(waits.len(), 10, "visit {visit} was served {waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 450), "visit {visit} waited {waits:?}");
    }
    drop(give);
    for visit in visits {
        visit.gone();
    }
    run.kill();
}

#[test]
fn a_flood_of_packets_of_no_visit_is_one_turn_among_the_visits() {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let door = bench.door("door");
    let (said, closed) = (log.clone(), gate.clone());
    bench.stage("sink", move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        script(move |entry, _| {
            if let At::Packet(_) = entry {
                said.say(entry.words());
                closed.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.edge("door.0", "sink.0").depth(64);
    let run = bench.start();
    let visit = door.visit();
    for value in 0..50 {
        door.send_at(0, None, 0, value);
    }
    log.wait("0");
    door.send(&visit, 100);
    door.send(&visit, 101);
    gate.open();
    log.wait("49");
    let place = |line: &str| log.lines().iter().position(|said| said == line).unwrap();
    assert!(place("100 of 1") <= 3 && place("101 of 1") <= 5, "{:?}", log.lines());
    run.kill();
}
