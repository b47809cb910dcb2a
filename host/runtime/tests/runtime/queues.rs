//! Edges: their four policies, their bytes, and the waiting of a call.

use majlis_config::Overflow;
use majlis_plugin_api::{Flow, Refused};

use crate::common::*;

/// A sink that waits at the gate with its first packet of a visit, or of none.
fn held_sink(bench: &mut Bench, log: &Log) -> Gate {
    let (said, gate) = (log.clone(), Gate::new());
    let closed = gate.clone();
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
    gate
}

/// What is left of the numbers 2 to 7 on an edge of depth 3 whose consumer is busy with 1, and how many were dropped.
fn left_of_six(overflow: Overflow, depth: usize) -> (Vec<String>, u64) {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let gate = held_sink(&mut bench, &log);
    bench.edge("door.0", "sink.0").depth(depth).overflow(overflow);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    log.wait("1 of 1");
    for value in 2..=7 {
        let _ = door.try_send(Some(visit.id()), value);
    }
    gate.open();
    visit.end();
    let (record, _, run_record) = run.seen.visits(1).remove(0);
    let dropped = record.drops.iter().map(|(_, count)| count).sum();
    assert_eq!(totals(&run_record)["sink"].drops.iter().map(|drops| drops.packets).sum::<u64>(), dropped);
    run.kill();
    (log.lines(), dropped)
}

fn of_visit(values: &[u64]) -> Vec<String> {
    values.iter().map(|value| format!("{value} of 1")).collect()
}

#[test]
fn each_overflow_policy_keeps_what_it_says_and_counts_what_it_dropped() {
    assert_eq!(left_of_six(Overflow::Latest, 3), (of_visit(&[1, 5, 6, 7]), 3));
    assert_eq!(left_of_six(Overflow::Latest, 1), (of_visit(&[1, 7]), 5));
    assert_eq!(left_of_six(Overflow::DropOldest, 3), (of_visit(&[1, 5, 6, 7]), 3));
    assert_eq!(left_of_six(Overflow::DropNewest, 3), (of_visit(&[1, 2, 3, 4]), 3));
    // Given back, which is no drop: the source knows.
    assert_eq!(left_of_six(Overflow::Block, 3), (of_visit(&[1, 2, 3, 4]), 0));
}

#[test]
fn depth_holds_for_each_visit_so_that_a_busy_room_takes_nothing_from_another() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let gate = held_sink(&mut bench, &log);
    bench.edge("door.0", "sink.0").depth(2).overflow(Overflow::DropOldest);
    let run = bench.start();
    let (busy, quiet) = (door.visit(), door.visit());
    door.send(&busy, 1);
    log.wait("1 of 1");
    door.send(&quiet, 100);
    for value in 2..50 {
        door.send(&busy, value);
    }
    gate.open();
    for line in ["100 of 2", "48 of 1", "49 of 1"] {
        log.wait(line);
    }
    assert_eq!(log.lines().len(), 4);
    run.kill();
}

/// With room for three messages of 1,000 bytes on the edge: what is left of two visits that together send five.
fn left_of_bytes(overflow: Overflow) -> Vec<String> {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let gate = held_sink(&mut bench, &log);
    bench.edge("door.0", "sink.0").depth(16).overflow(overflow).bytes(3_100);
    let run = bench.start();
    let (a, b) = (door.visit(), door.visit());
    door.send_at(0, None, 0, 9);
    log.wait("9");
    for (visit, value) in [(&a, 1), (&a, 2), (&a, 3), (&b, 4), (&b, 5)] {
        let message = Num { value, padding: 992 };
        let _ = door.origin().emit(out(0), Some(visit.id()), at(0), message);
    }
    gate.open();
    a.end();
    b.end();
    run.seen.visits(2);
    run.kill();
    let mut lines = log.lines();
    lines.remove(0);
    lines.sort();
    lines
}

#[test]
fn beyond_an_edge_s_bytes_the_fullest_visit_is_shortened_by_the_policy() {
    // 4 costs visit 1 its oldest; 5 then finds both with two, of which the one that comes is the fuller.
    assert_eq!(left_of_bytes(Overflow::DropOldest), ["2 of 1", "3 of 1", "5 of 2"]);
    assert_eq!(left_of_bytes(Overflow::DropNewest), ["1 of 1", "2 of 1", "4 of 2"]);
    assert_eq!(left_of_bytes(Overflow::Latest), ["3 of 1", "4 of 2", "5 of 2"]);
    assert_eq!(left_of_bytes(Overflow::Block), ["1 of 1", "2 of 1", "3 of 1"]);
}

#[test]
fn a_single_packet_has_room_however_large_it_is() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("sink", recorder("sink", &log, false));
    bench.edge("door.0", "sink.0").bytes(100);
    let run = bench.start();
    let visit = door.visit();
    let large = Num { value: 1, padding: 10_000 };
    door.origin().emit(out(0), Some(visit.id()), at(0), large).unwrap();
    log.wait("sink: 1 of 1");
    run.kill();
}

#[test]
fn a_call_waits_on_a_full_edge_and_nothing_is_lost_or_out_of_order() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.stage("camera", |_| {
        script(|_, out| {
            let visit = out.open_visit()?;
            for value in 0..200 {
                out.emit(self::out(0), num(value))?;
            }
            visit.end();
            Ok(Flow::Ended)
        })
    });
    bench.stage("a", recorder("a", &log, true));
    bench.stage("b", recorder("b", &log, false));
    bench.chain(&["camera", "a", "b"]);
    bench.edges[0].depth(1);
    bench.edges[1].depth(2);
    bench.start().wait();
    let values =
        log.lines().into_iter().filter(|line| line.starts_with("b: ") && line.contains("of")).collect::<Vec<_>>();
    assert_eq!(values, (0..200).map(|value| format!("b: {value} of 1")).collect::<Vec<_>>());
}

#[test]
fn gone_ends_the_wait_of_a_call_and_the_next_visit_is_served() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("a", recorder("a", &log, true));
    let (said, gate) = (log.clone(), Gate::new());
    let closed = gate.clone();
    bench.stage("sink", move |_| {
        let (said, closed) = (said.clone(), closed.clone());
        script(move |entry, _| {
            said.say(format!("sink: {}", entry.words()));
            if entry.words() == "1 of 1" {
                closed.pass();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "a", "sink"]);
    bench.edges[1].depth(1);
    let run = bench.start();
    let (first, second) = (door.visit(), door.visit());
    for value in [1, 2, 3] {
        door.send(&first, value);
    }
    log.wait("sink: 1 of 1");
    log.wait("a: 3 of 1");
    first.gone();
    // The thread of `a` is free again, though the sink is not.
    door.send(&second, 4);
    log.wait("a: 4 of 2");
    gate.open();
    log.wait("sink: 4 of 2");
    assert_eq!(log.count("sink: 2 of 1") + log.count("sink: 3 of 1"), 0);
    run.kill();
}

#[test]
fn a_second_signal_ends_the_wait_of_a_call() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("a", recorder("a", &log, true));
    let gate = held_sink(&mut bench, &log);
    bench.chain(&["door", "a", "sink"]);
    bench.edges[1].depth(1);
    let run = bench.start();
    for value in [1, 2, 3] {
        door.send_at(0, None, 0, value);
    }
    log.wait("1");
    log.wait("a: 3");
    run.runtime.kill();
    gate.open();
    run.wait();
}

#[test]
fn of_several_inputs_the_oldest_time_stamp_is_served_first() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let gate = held_sink(&mut bench, &log);
    bench.edge("door.0", "sink.0");
    bench.edge("door.1", "sink.1");
    let run = bench.start();
    let visit = door.visit();
    let id = Some(visit.id());
    door.send_at(0, id, 0, 1);
    log.wait("1 of 1");
    door.send_at(0, id, 300, 2);
    door.send_at(1, id, 100, 3);
    door.send_at(1, id, 400, 4);
    door.send_at(0, id, 350, 5);
    gate.open();
    log.exactly(&["1 of 1", "3 of 1 by input 1", "2 of 1", "5 of 1", "4 of 1 by input 1"]);
    run.kill();
}

#[test]
fn in_a_loop_a_small_message_that_does_not_fit_is_an_error_of_its_visit() {
    let (mut bench, log, door) = (Bench::new(), Log::new(), Door::new());
    bench.stage("room", door.script()).origin(0);
    let gate = held_sink(&mut bench, &log);
    bench.edge("room.0", "sink.0").looping().overflow(Overflow::DropNewest).depth(1);
    bench.edge("sink.0", "room.0");
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    log.wait("1 of 1");
    door.send(&visit, 2);
    door.send(&visit, 3);
    run.seen
        .log
        .until(|lines| lines.iter().any(|line| line.starts_with("sink was not given a test/number@1 of visit 1: ")));
    gate.open();
    run.kill();
}

#[test]
fn an_origin_s_message_is_given_back_whole() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let gate = held_sink(&mut bench, &log);
    bench.edge("door.0", "sink.0").depth(1);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    log.wait("1 of 1");
    door.send(&visit, 2);
    let large = Num { value: 3, padding: 5_000 };
    let answer = door.origin().emit(out(0), Some(visit.id()), at(0), large);
    assert!(matches!(answer, Err(Refused::Full(back)) if back == large));
    gate.open();
    run.kill();
}
