//! Events: `UpstreamFailed` once for each input and visit, `UpstreamRecovered`, `EndOfStream` after the last packet.

use majlis_config::Load;
use majlis_plugin_api::{Error, Event, Flow};

use crate::common::*;

/// Fails at 1 with an error, at 2 with a panic, and passes the rest on.
fn fragile(bench: &mut Bench, name: &str) {
    bench
        .stage(name, |_| {
            script(|entry, out| {
                if let At::Packet(packet) = entry {
                    match number(&packet) {
                        1 => return Err(Error::new("not this one")),
                        2 => panic!("not that one"),
                        _ => out.forward(self::out(0), &packet)?,
                    }
                }
                Ok(Flow::Continue)
            })
        })
        .restart(9, 60_000, 0);
}

fn lines_of(log: &Log, stage: &str) -> Vec<String> {
    log.lines().into_iter().filter(|line| line.starts_with(stage)).collect()
}

#[test]
fn an_error_and_a_panic_are_told_downstream_once_until_it_recovers() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    fragile(&mut bench, "faces");
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "faces", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    for value in [1, 1, 2, 3] {
        door.send(&visit, value);
    }
    log.wait("sink: 3 of 1");
    for value in [2, 4] {
        door.send(&visit, value);
    }
    log.wait("sink: 4 of 1");
    assert_eq!(
        lines_of(&log, "sink"),
        [
            "sink: opened 1",
            "sink: input 0 failed of 1",
            "sink: input 0 recovered",
            "sink: 3 of 1",
            "sink: input 0 failed of 1",
            "sink: input 0 recovered",
            "sink: 4 of 1",
        ]
    );
    let totals = totals(&run.runtime.snapshot());
    assert_eq!((totals["faces"].failed, totals["faces"].panicked, totals["faces"].restarts), (2, 2, 2));
    run.kill();
}

#[test]
fn of_an_input_with_two_producers_a_failure_is_told_once_and_recovery_when_both_answer() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    fragile(&mut bench, "left");
    fragile(&mut bench, "right");
    bench.stage("sink", recorder("sink", &log, false));
    bench.edge("door.0", "left.0");
    bench.edge("door.1", "right.0");
    bench.edge("left.0", "sink.0");
    bench.edge("right.0", "sink.0");
    let run = bench.start();
    let visit = door.visit();
    let id = Some(visit.id());
    door.send_at(0, id, 0, 1);
    door.send_at(1, id, 0, 1);
    log.wait("sink: input 0 failed of 1");
    run.seen.log.until(|lines| lines.iter().filter(|line| line.contains("not this one")).count() == 2);
    door.send_at(0, id, 0, 3);
    log.wait("sink: 3 of 1");
    door.send_at(1, id, 0, 4);
    log.wait("sink: 4 of 1");
    assert_eq!(
        lines_of(&log, "sink"),
        ["sink: opened 1", "sink: input 0 failed of 1", "sink: 3 of 1", "sink: input 0 recovered", "sink: 4 of 1"]
    );
    run.kill();
}

#[test]
fn a_failed_opening_and_every_later_packet_are_told_and_an_unopened_stage_between_is_passed() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench
        .stage("faces", |_| Err(Error::config("/models", "there is no such model")))
        .load(Load::Lazy)
        .restart(0, 1_000, 0);
    bench.stage("between", recorder("between", &log, true)).load(Load::Lazy);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "faces", "between", "sink"]);
    let run = bench.start();
    let (a, b) = (door.visit(), door.visit());
    door.send(&a, 5);
    log.wait("sink: input 0 failed of 1");
    door.send(&b, 6);
    log.wait("sink: input 0 failed of 2");
    door.send(&a, 7);
    door.send_at(0, None, 0, 8);
    log.wait("sink: input 0 failed");
    a.end();
    b.end();
    let records = run.seen.visits(2);
    assert!(lines_of(&log, "between").is_empty());
    assert_eq!(log.count("sink: input 0 failed of 1"), 1);
    assert_eq!(totals(&run.runtime.snapshot())["faces"].skipped, 4);
    assert!(
        run.seen.log.lines().contains(&format!("refused 1: there is no such model; {}", majlis_runtime::Then::GivenUp))
    );
    let first = &records.iter().find(|(record, ..)| record.visit == 1).unwrap().0;
    assert_eq!(first.spans.iter().filter(|span| span.troubled()).count(), 2);
    run.kill();
}

#[test]
fn a_failure_does_not_pass_through_an_origin_that_answers_nothing() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("faces", |_| {
        script(|entry, out| match entry {
            At::Packet(packet) if number(&packet) == 0 => Err(Error::new("nobody could look")),
            At::Packet(packet) => out.forward(self::out(1), &packet).map(|()| Flow::Continue),
            _ => Ok(Flow::Continue),
        })
    });
    bench.stage("presence", |_| Err(Error::new("it cannot be opened"))).load(Load::Lazy).restart(0, 1_000, 0).origin(0);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "faces", "presence", "sink"]);
    bench.stage("journal", recorder("journal", &log, false));
    bench.edge("faces.1", "journal.0");
    bench.edge("door.1", "sink.1");
    let run = bench.start();
    door.send_at(0, None, 0, 0);
    // Served when the failed call is over, and all are told of it.
    door.send_at(0, None, 0, 1);
    log.wait("journal: 1");
    door.send_at(1, None, 0, 2);
    log.wait("sink: 2 by input 1");
    assert!(log.lines().contains(&"journal: input 0 failed".to_owned()));
    assert!(!lines_of(&log, "sink").iter().any(|line| line.contains("failed")), "{:?}", log.lines());
    run.kill();
}

#[test]
fn a_drop_by_overflow_is_no_failure() {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let door = bench.door("door");
    let closed = gate.clone();
    bench.stage("a", move |_| {
        let closed = closed.clone();
        script(move |entry, out| {
            if let At::Packet(packet) = entry {
                closed.pass();
                out.forward(self::out(0), &packet)?;
            }
            Ok(Flow::Continue)
        })
    });
    bench.stage("sink", recorder("sink", &log, false));
    bench.edge("door.0", "a.0").depth(1).overflow(majlis_config::Overflow::Latest);
    bench.edge("a.0", "sink.0");
    let run = bench.start();
    let visit = door.visit();
    for value in 10..20 {
        door.send(&visit, value);
    }
    gate.open();
    log.wait("sink: 19 of 1");
    assert!(!log.lines().iter().any(|line| line.contains("failed")));
    run.kill();
}

#[test]
fn events_wait_on_a_full_edge_for_nobody() {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let door = bench.door("door");
    let (said, closed) = (log.clone(), gate.clone());
    bench.stage("sink", move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        script(move |entry, _| {
            said.say(entry.words());
            if let At::Packet(_) = entry {
                closed.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "sink"]);
    bench.edges[0].depth(1);
    let run = bench.start();
    let first = door.visit();
    door.send(&first, 1);
    log.wait("1 of 1");
    door.send(&first, 2);
    let others: Vec<_> = (0..20).map(|_| door.visit()).collect();
    for visit in others {
        visit.end();
    }
    first.end();
    gate.open();
    run.seen.visits(21);
    for visit in 1..=21 {
        assert_eq!(log.count(&format!("opened {visit}")), 1);
        assert_eq!(log.count(&format!("closed {visit} ended")), 1);
    }
    assert_eq!(log.count("2 of 1"), 1);
    run.kill();
}

#[test]
fn the_end_of_a_stream_comes_after_the_last_packet_of_any_visit_and_to_a_stage_that_opens_later() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.stage("camera", |_| {
        script(|_, out| {
            for value in 0..3 {
                let visit = out.open_visit()?;
                out.emit(self::out(0), num(value))?;
                visit.end();
            }
            Ok(Flow::Ended)
        })
    });
    bench.stage("a", recorder("a", &log, true)).load(Load::Lazy);
    bench.stage("b", recorder("b", &log, false)).load(Load::Lazy);
    bench.chain(&["camera", "a", "b"]);
    bench.start().wait();
    for stage in ["a", "b"] {
        let lines = lines_of(&log, stage);
        let place = |word: &str| lines.iter().position(|line| line.ends_with(word)).unwrap_or(usize::MAX);
        assert!(place("2 of 3") < place("input 0 ended"), "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.ends_with("input 0 ended")).count(), 1, "{lines:?}");
    }
}

#[test]
fn a_loop_ends_when_its_origin_says_so_and_not_before() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let (door, said) = (Door::new(), log.clone());
    let make = door.script();
    bench
        .stage("room", move |host| {
            let (said, mut inner) = (said.clone(), make(host)?);
            let mut woken = false;
            script(move |entry, out| {
                said.say(format!("room: {}", entry.words()));
                if !std::mem::replace(&mut woken, true) {
                    // It has inputs, so nobody wakes it: its first packet does.
                    return inner(At::Wake(None, at(0)), out);
                }
                inner(entry, out)
            })
        })
        .origin(0);
    bench.stage("faces", recorder("faces", &log, true));
    bench.edge("room.0", "faces.0").looping();
    bench.edge("faces.0", "room.0");
    let run = bench.start();
    door.send_at(0, None, 0, 1);
    log.wait("room: 1");
    let visit = door.visit();
    door.send(&visit, 2);
    log.wait("room: 2 of 1");
    visit.end();
    run.seen.visits(1);
    assert!(!log.lines().iter().any(|line| line.contains("input 0 ended")), "{:?}", log.lines());
    door.end();
    run.wait();
    assert!(
        log.lines().ends_with(&["faces: input 0 ended".to_owned(), "room: input 0 ended".to_owned()]),
        "{:?}",
        log.lines()
    );
}

#[test]
fn word_of_what_became_of_a_packet_begins_nothing_and_nobody_waits_for_its_end() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench.stage("greeting", move |_| {
        let said = said.clone();
        script(move |entry, out| {
            match entry {
                At::Packet(packet) if packet.visit().is_some() => out.forward(self::out(0), &packet)?,
                other => said.say(format!("greeting: {}", other.words())),
            }
            Ok(Flow::Continue)
        })
    });
    let said = log.clone();
    bench
        .stage("console", move |host| {
            let (said, origin) = (said.clone(), host.origin());
            said.say("console: it opens".to_owned());
            script(move |entry, _| {
                said.say(format!("console: {}", entry.words()));
                if let At::Packet(packet) = entry {
                    origin.emit(self::out(0), None, packet.time(), num(100)).expect("nobody is before it");
                }
                Ok(Flow::Continue)
            })
        })
        .load(Load::Lazy)
        .feedback(0);
    bench.edge("door.0", "greeting.0");
    bench.edge("greeting.0", "console.0");
    bench.edge("console.0", "greeting.1").looping();
    let run = bench.start();
    let visit = door.visit();
    log.wait("greeting: opened 1");
    assert!(!log.lines().contains(&"console: it opens".to_owned()), "it is lazy: {:?}", log.lines());
    door.send(&visit, 2);
    visit.end();
    log.wait("greeting: 100 by input 1");
    door.end();
    // The run ends although the console never said that it has.
    run.wait();
    assert!(log.lines().contains(&"console: input 0 ended".to_owned()), "{:?}", log.lines());
}

#[test]
fn a_failing_event_is_reported_and_fails_no_packet() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("a", |_| {
        script(|entry, out| match entry {
            At::Event(Event::VisitOpened(_)) => Err(Error::new("who is that")),
            At::Packet(packet) => {
                out.forward(self::out(0), &packet)?;
                Ok(Flow::Continue)
            }
            _ => Ok(Flow::Continue),
        })
    });
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "a", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    log.exactly(&["sink: opened 1", "sink: 1 of 1"]);
    run.seen.log.wait("a failed: who is that");
    run.kill();
}
