//! Visits: `VisitOpened` first, `VisitClosed` once, last and in order, by whatever way the visit closes.

use majlis_config::Load;
use majlis_meter::record::{Call, Closed, Span};
use majlis_plugin_api::{Event, Flow, NoVisit};

use crate::common::*;

#[test]
fn an_ended_visit_closes_from_stage_to_stage_after_all_that_was_under_way() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("a", recorder("a", &log, true));
    bench.stage("b", recorder("b", &log, false));
    bench.chain(&["door", "a", "b"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    door.send(&visit, 2);
    visit.end();
    let (record, how, _) = run.seen.visits(1).remove(0);
    assert_eq!((record.visit, how), (1, Closed::Ended));
    let of = |stage: &str| log.lines().into_iter().filter(|line| line.starts_with(stage)).collect::<Vec<_>>();
    assert_eq!(of("a"), ["a: opened 1", "a: 1 of 1", "a: 2 of 1", "a: closed 1 ended"]);
    assert_eq!(of("b"), ["b: opened 1", "b: 1 of 1", "b: 2 of 1", "b: closed 1 ended"]);
    let place = |line: &str| log.lines().iter().position(|said| said == line);
    assert!(place("a: closed 1 ended") < place("b: closed 1 ended"));
    run.kill();
}

#[test]
fn a_visit_that_ends_while_its_greeting_waits_is_greeted_and_one_that_is_gone_is_not() {
    for gone in [false, true] {
        let (mut bench, log) = (Bench::new(), Log::new());
        let door = bench.door("door");
        let said = log.clone();
        bench.stage("greeting", move |_| {
            let said = said.clone();
            script(move |entry, _| {
                said.say(entry.words());
                Ok(match entry {
                    At::Event(Event::VisitOpened(_)) => Flow::WakeAt(at(2_000)),
                    _ => Flow::Continue,
                })
            })
        });
        bench.chain(&["door", "greeting"]);
        let run = bench.start();
        let visit = door.visit();
        log.wait("opened 1");
        if gone {
            visit.gone()
        } else {
            visit.end()
        }
        run.advance(2_000);
        run.seen.visits(1);
        let expected: &[&str] =
            if gone { &["opened 1", "closed 1 gone"] } else { &["opened 1", "wake of 1 at 2000", "closed 1 ended"] };
        assert_eq!(log.lines(), expected);
        run.kill();
    }
}

#[test]
fn at_a_join_behind_a_fan_out_a_visit_stands_on_every_input_before_it_closes() {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let door = bench.door("door");
    bench.stage("fast", recorder("fast", &log, true));
    let (said, closed) = (log.clone(), gate.clone());
    bench.stage("slow", move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        script(move |entry, out| {
            if let At::Packet(packet) = &entry {
                closed.pass();
                out.forward(self::out(0), packet)?;
            }
            said.say(format!("slow: {}", entry.words()));
            Ok(Flow::Continue)
        })
    });
    bench.stage("join", recorder("join", &log, false));
    bench.edge("door.0", "fast.0");
    bench.edge("door.0", "slow.0");
    bench.edge("fast.0", "join.0");
    bench.edge("slow.0", "join.1");
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    visit.end();
    log.wait("fast: closed 1 ended");
    log.wait("join: 1 of 1");
    assert_eq!(log.count("join: closed 1 ended"), 0);
    gate.open();
    run.seen.visits(1);
    assert_eq!(log.lines().last().map(String::as_str), Some("join: closed 1 ended"));
    assert_eq!(log.count("join: closed 1 ended"), 1);
    assert_eq!(log.count("join: 1 of 1 by input 1"), 1);
    run.kill();
}

#[test]
fn a_loop_edge_from_an_origin_is_not_waited_for_and_the_room_sees_its_visit_close_last() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let (said, door) = (log.clone(), Door::new());
    let make = door.script();
    // The room is source and sink at once: frames out, speech in.
    bench
        .stage("room", move |host| {
            let (said, mut inner) = (said.clone(), make(host)?);
            script(move |entry, out| {
                said.say(format!("room: {}", entry.words()));
                inner(entry, out)
            })
        })
        .origin(0);
    bench.stage("faces", recorder("faces", &log, true));
    bench.edge("room.0", "faces.0").looping();
    bench.edge("faces.0", "room.0");
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    log.wait("room: 1 of 1");
    visit.end();
    run.seen.visits(1);
    let closes = log.lines().into_iter().filter(|line| line.contains("closed")).collect::<Vec<_>>();
    assert_eq!(closes, ["faces: closed 1 ended", "room: closed 1 ended"]);
    run.kill();
}

#[test]
fn the_opener_s_own_wake_and_call_hold_a_visit_that_ends() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.stage("camera", move |_| {
        let mut visit = None;
        script(move |entry, out| {
            match entry {
                At::Wake(None, _) if visit.is_none() => {
                    let opened = out.open_visit()?;
                    out.emit(self::out(0), num(1))?;
                    opened.end();
                    visit = Some(());
                    // Its call still emits for it.
                    out.emit(self::out(0), num(2))?;
                }
                _ => {}
            }
            Ok(Flow::Ended)
        })
    });
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["camera", "sink"]);
    let run = bench.start();
    let seen = std::sync::Arc::clone(&run.seen);
    run.wait();
    assert_eq!(
        log.lines(),
        ["sink: opened 1", "sink: 1 of 1", "sink: 2 of 1", "sink: closed 1 ended", "sink: input 0 ended"]
    );
    let (record, ..) = seen.visits(1).remove(0);
    assert!(record.spans.iter().all(|span| span.end().is_some()), "{:#?}", record.spans);
}

#[test]
fn what_is_emitted_for_a_visit_after_it_closed_is_dropped_and_counted_late() {
    let (mut bench, log, gate, entered) = (Bench::new(), Log::new(), Gate::new(), Gate::new());
    let door = bench.door("door");
    let gates = (gate.clone(), entered.clone(), log.clone());
    bench.stage("faces", move |_| {
        let (gate, entered, log) = gates.clone();
        script(move |entry, out| {
            if let At::Packet(packet) = &entry {
                entered.open();
                gate.pass();
                assert!(out.cancelled());
                out.forward(self::out(0), packet)?;
                out.forward(self::out(0), packet)?;
            }
            log.say(format!("faces: {}", entry.words()));
            Ok(Flow::Continue)
        })
    });
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "faces", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    door.send(&visit, 2);
    entered.pass();
    let id = visit.id();
    visit.gone();
    log.wait("sink: closed 1 gone");
    assert!(matches!(door.try_send(Some(id), 3), Err(majlis_plugin_api::Refused::Gone)));
    gate.open();
    let (record, how, _) = run.seen.visits(1).remove(0);
    assert_eq!((record.late, how), (3, Closed::Gone));
    let of = |stage: &str| log.lines().into_iter().filter(|line| line.starts_with(stage)).collect::<Vec<_>>();
    assert_eq!(of("sink"), ["sink: opened 1", "sink: closed 1 gone"]);
    assert_eq!(of("faces"), ["faces: opened 1", "faces: 1 of 1", "faces: closed 1 gone"]);
    assert!(run.runtime.snapshot().in_flight.is_empty(), "{:?}", run.runtime.snapshot().in_flight);
    run.kill();
}

#[test]
fn of_a_visit_that_closes_while_a_stage_is_told_of_its_opening_it_hears_both_or_nothing() {
    let (mut bench, log, gate, entered) = (Bench::new(), Log::new(), Gate::new(), Gate::new());
    let door = bench.door("door");
    let gates = (gate.clone(), entered.clone(), log.clone());
    bench.stage("sink", move |_| {
        let (gate, entered, log) = gates.clone();
        script(move |entry, _| {
            log.say(entry.words());
            if entry.words() == "opened 1" {
                entered.open();
                gate.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    let first = door.visit();
    entered.pass();
    let second = door.visit();
    door.send(&second, 1);
    second.gone();
    gate.open();
    run.seen.visits(1);
    assert_eq!(log.lines(), ["opened 1", "opened 2", "closed 2 gone"]);
    first.gone();
    run.seen.visits(2);
    run.kill();
}

#[test]
fn a_visit_that_is_gone_while_a_stage_is_told_that_it_ended_is_not_told_twice() {
    let (mut bench, log, gate, entered) = (Bench::new(), Log::new(), Gate::new(), Gate::new());
    let door = bench.door("door");
    let gates = (gate.clone(), entered.clone(), log.clone());
    bench.stage("sink", move |_| {
        let (gate, entered, log) = gates.clone();
        script(move |entry, _| {
            log.say(entry.words());
            if entry.words() == "closed 1 ended" {
                entered.open();
                gate.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    door.visit().end();
    entered.pass();
    run.runtime.kill();
    gate.open();
    let seen = std::sync::Arc::clone(&run.seen);
    run.wait();
    assert_eq!(log.lines(), ["opened 1", "closed 1 ended"]);
    assert_eq!(seen.visits(1).len(), 1);
}

#[test]
fn deferred_work_of_the_last_call_of_a_visit_does_not_outlive_it() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench.stage("sink", move |_| {
        let (said, mut kept) = (said.clone(), Vec::new());
        script(move |entry, out| {
            said.say(entry.words());
            if let At::Event(Event::VisitClosed(..)) = entry {
                kept.push(out.defer("a last word"));
            }
            if let At::Packet(_) = entry {
                said.say(format!("cancelled: {}", kept[0].is_cancelled()));
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    door.visit().end();
    run.seen.visits(1);
    door.send_at(0, None, 0, 9);
    log.exactly(&["opened 1", "closed 1 ended", "9", "cancelled: true"]);
    run.kill();
}

#[test]
fn beyond_max_visits_no_visit_opens_until_one_has_closed() {
    let mut bench = Bench::new();
    bench.max_visits = 2;
    let door = bench.door("door");
    bench.stage("sink", recorder("sink", &Log::new(), false));
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    let (first, _second) = (door.visit(), door.visit());
    assert_eq!(door.origin().open_visit().err(), Some(NoVisit::TooMany));
    first.gone();
    run.seen.visits(1);
    assert_eq!(door.visit().id().number(), 3);
    assert_eq!(run.runtime.snapshot().visits.refused, 1);
    run.kill();
}

#[test]
fn a_lazy_stage_is_not_opened_by_events_and_hears_of_every_live_visit_before_its_first_packet() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("sink", recorder("sink", &log, false)).load(Load::Lazy);
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    let (first, second, third) = (door.visit(), door.visit(), door.visit());
    first.end();
    run.seen.visits(1);
    assert!(log.lines().is_empty());
    door.send(&third, 7);
    log.exactly(&["sink: opened 2", "sink: opened 3", "sink: 7 of 3"]);
    second.gone();
    third.end();
    run.seen.visits(3);
    log.until(|lines| lines.len() == 5);
    run.kill();
}

#[test]
fn only_the_first_milestone_of_a_name_counts() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.until = Some("greeted".to_owned());
    let door = bench.door("door");
    let said = log.clone();
    bench.stage("greeting", move |_| {
        let said = said.clone();
        script(move |entry, out| {
            if let At::Packet(_) = entry {
                out.milestone("greeted");
            }
            said.say(entry.words());
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "greeting"]);
    let run = bench.start();
    let visit = door.visit();
    run.advance(300);
    door.send(&visit, 1);
    log.wait("1 of 1");
    run.advance(300);
    door.send(&visit, 2);
    log.wait("2 of 1");
    visit.end();
    let (record, _, run_record) = run.seen.visits(1).remove(0);
    assert_eq!(record.reached("greeted").map(|milestone| milestone.time), Some(300_000_000));
    assert_eq!(run_record.visits.recent[0].to_milestone, Some(300_000_000));
    assert_eq!(run.seen.log.count("milestone greeted of 1"), 1);
    run.kill();
}

#[test]
fn a_visit_is_told_as_of_its_milestone_when_the_call_that_set_it_is_over_and_once() {
    let (mut bench, gate) = (Bench::new(), Gate::new());
    bench.until = Some("greeted".to_owned());
    let door = bench.door("door");
    let closed = gate.clone();
    bench.stage("greeting", move |_| {
        let closed = closed.clone();
        script(move |entry, out| {
            if let At::Packet(_) = entry {
                out.milestone("seen");
                out.milestone("greeted");
                closed.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "greeting"]);
    let run = bench.start();
    let visit = door.visit();
    run.advance(300);
    door.send(&visit, 1);
    run.seen.log.wait("milestone greeted of 1");
    assert!(run.seen.reached.lock().unwrap().is_empty(), "the call still goes on");
    gate.open();
    run.seen.log.wait("reached by 1");
    door.send(&visit, 2);
    visit.end();
    run.seen.visits(1);
    let reached = run.seen.reached.lock().unwrap().clone();
    let [record] = &reached[..] else { panic!("one visit was expected: {reached:#?}") };
    assert_eq!((record.closed, record.reached("greeted").map(|milestone| milestone.time)), (None, Some(300_000_000)));
    let running = |span: &Span| matches!(span, Span::Call(call) if call.end == Call::RUNNING);
    assert!(!record.spans.iter().any(running), "{record:#?}");
    run.kill();
}
