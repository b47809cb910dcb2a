//! A flush withdraws what is under way downstream of an output.

use std::sync::{Mutex, mpsc};

use majlis_meter::record::{Span, Why, WorkOutcome};
use majlis_plugin_api::{Event, Flow, Pending, Refused};

use crate::common::*;

/// `talker` passes numbers on, and at 99 flushes before it passes it on.
fn talker(bench: &mut Bench) {
    bench.stage("talker", |_| {
        script(|entry, out| {
            if let At::Packet(packet) = entry {
                if number(&packet) == 99 {
                    out.flush(self::out(0));
                }
                out.forward(self::out(0), &packet)?;
            }
            Ok(Flow::Continue)
        })
    });
}

#[test]
fn a_flush_empties_queues_cancels_older_work_drops_what_a_running_call_emits_and_keeps_wakes() {
    let (mut bench, log, gate, entered) = (Bench::new(), Log::new(), Gate::new(), Gate::new());
    let door = bench.door("door");
    talker(&mut bench);
    let (give, pending) = mpsc::channel::<Pending>();
    let inside = (gate.clone(), entered.clone(), log.clone(), Mutex::new(give));
    bench.stage("voice", move |_| {
        let (gate, entered, log) = (inside.0.clone(), inside.1.clone(), inside.2.clone());
        let give = inside.3.lock().unwrap().clone();
        script(move |entry, out| {
            log.say(format!("voice: {}", entry.words()));
            match entry {
                At::Event(Event::VisitOpened(_)) => return Ok(Flow::WakeAt(at(5_000))),
                At::Packet(packet) if number(&packet) == 1 => {
                    give.send(out.defer("speech")).unwrap();
                    entered.open();
                    gate.pass();
                    assert!(out.cancelled());
                    out.forward(self::out(0), &packet)?;
                }
                At::Packet(packet) => out.forward(self::out(0), &packet)?,
                _ => {}
            }
            Ok(Flow::Continue)
        })
    });
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "talker", "voice", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    entered.pass();
    let speech = pending.recv().unwrap();
    door.send(&visit, 2);
    door.send(&visit, 3);
    door.send(&visit, 99);
    log.wait("sink: flush 1");
    assert!(speech.is_cancelled());
    assert!(matches!(speech.emit(out(0), num(7)), Err(Refused::Gone)));
    drop(speech);
    gate.open();
    log.wait("sink: 99 of 1");
    run.advance(5_000);
    log.wait("voice: wake of 1 at 5000");
    let of = |stage: &str| log.lines().into_iter().filter(|line| line.starts_with(stage)).collect::<Vec<_>>();
    assert_eq!(
        of("voice"),
        ["voice: opened 1", "voice: 1 of 1", "voice: flush 1", "voice: 99 of 1", "voice: wake of 1 at 5000"]
    );
    assert_eq!(of("sink"), ["sink: opened 1", "sink: flush 1", "sink: 99 of 1"]);
    visit.end();
    let (record, ..) = run.seen.visits(1).remove(0);
    let outcome =
        record.spans.iter().find_map(|span| if let Span::Work(work) = span { Some(&work.outcome) } else { None });
    assert_eq!(outcome, Some(&WorkOutcome::Cancelled(Why::Flush)));
    run.kill();
}

#[test]
fn a_flush_leaves_other_visits_alone_and_does_not_come_back_to_its_caller() {
    let (mut bench, log, gate, entered) = (Bench::new(), Log::new(), Gate::new(), Gate::new());
    let (door, room) = (Door::new(), log.clone());
    let make = door.script();
    bench
        .stage("room", move |host| {
            let (said, mut inner) = (room.clone(), make(host)?);
            script(move |entry, out| {
                said.say(format!("room: {}", entry.words()));
                inner(entry, out)
            })
        })
        .origin(0);
    talker(&mut bench);
    let inside = (gate.clone(), entered.clone(), log.clone());
    bench.stage("voice", move |_| {
        let (gate, entered, log) = inside.clone();
        script(move |entry, out| {
            log.say(format!("voice: {}", entry.words()));
            if let At::Packet(packet) = entry {
                if number(&packet) == 1 {
                    entered.open();
                    gate.pass();
                }
                out.forward(self::out(0), &packet)?;
            }
            Ok(Flow::Continue)
        })
    });
    bench.edge("room.0", "talker.0").looping();
    bench.edge("talker.0", "voice.0");
    bench.edge("voice.0", "room.0");
    let run = bench.start();
    let (a, b) = (door.visit(), door.visit());
    door.send(&b, 1);
    entered.pass();
    door.send(&b, 2);
    door.send(&a, 3);
    door.send(&a, 99);
    // Into the room, and not out of it again to the talker.
    log.wait("room: flush 1");
    gate.open();
    for line in ["room: 1 of 2", "room: 2 of 2", "room: 99 of 1"] {
        log.wait(line);
    }
    assert_eq!(log.count("room: 3 of 1") + log.count("talker: flush 1"), 0);
    run.kill();
}

#[test]
fn a_flush_ends_the_wait_of_a_call_that_is_withdrawn() {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let door = bench.door("door");
    talker(&mut bench);
    bench.stage("voice", recorder("voice", &log, true));
    let (said, closed) = (log.clone(), gate.clone());
    bench.stage("sink", move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        script(move |entry, _| {
            said.say(format!("sink: {}", entry.words()));
            if let At::Packet(_) = entry {
                closed.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "talker", "voice", "sink"]);
    bench.edges[2].depth(1);
    let run = bench.start();
    let visit = door.visit();
    for value in [1, 2, 3] {
        door.send(&visit, value);
    }
    // The sink has 1, its queue 2, and the voice waits with 3.
    log.wait("voice: 3 of 1");
    door.send(&visit, 99);
    log.wait("voice: flush 1");
    log.wait("voice: 99 of 1");
    gate.open();
    log.wait("sink: 99 of 1");
    let lines = log.lines().into_iter().filter(|line| line.starts_with("sink")).collect::<Vec<_>>();
    assert_eq!(lines, ["sink: opened 1", "sink: 1 of 1", "sink: flush 1", "sink: 99 of 1"]);
    run.kill();
}
