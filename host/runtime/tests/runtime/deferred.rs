//! Work that outlives its call: it blocks nobody, is cancelled with what it was begun for, and never blocks itself.

use std::future::Future;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use majlis_meter::record::{Span, Why, WorkOutcome};
use majlis_plugin_api::{Error, Flow, Pending, Refused};

use crate::common::*;

/// Defers each packet's answer and gives the handle to the test.
fn asker(bench: &mut Bench, log: &Log) -> mpsc::Receiver<Pending> {
    let (give, take) = mpsc::channel();
    let (give, said) = (Mutex::new(give), log.clone());
    bench.stage("asker", move |_| {
        let (give, said) = (give.lock().unwrap().clone(), said.clone());
        script(move |entry, out| {
            said.say(format!("asker: {}", entry.words()));
            match entry {
                At::Packet(packet) if number(&packet) < 100 => give.send(out.defer("question")).unwrap(),
                At::Packet(packet) => out.forward(self::out(0), &packet)?,
                At::Resumed(pending) => {
                    pending.emit(self::out(0), num(77)).unwrap();
                    pending.finish();
                }
                _ => {}
            }
            Ok(Flow::Continue)
        })
    });
    take
}

fn works(run: &Run) -> Vec<majlis_meter::record::Work> {
    let (record, ..) = run.seen.visits(1).remove(0);
    let work = |span: Span| if let Span::Work(work) = span { Some(work) } else { None };
    record.spans.into_iter().filter_map(work).collect()
}

#[test]
fn an_answer_after_two_seconds_does_not_hold_up_another_visit_and_stands_in_the_record() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.until = Some("answered".to_owned());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let (a, b) = (door.visit(), door.visit());
    door.send(&a, 1);
    let question = pending.recv().unwrap();
    run.advance(1_000);
    question.mark("asked");
    // The other visit's call is made while the question is open, and the clock does not move for it.
    door.send(&b, 100);
    log.wait("sink: 100 of 2");
    run.advance(1_000);
    question.emit(out(0), num(42)).unwrap();
    question.milestone("answered");
    // No call has to end first.
    run.seen.log.wait("reached by 1");
    question.finish();
    a.end();
    b.end();
    log.wait("sink: 42 of 1");
    run.seen.visits(2);
    let record = run.seen.visits(2).into_iter().find(|(record, ..)| record.visit == 1).unwrap().0;
    let work =
        record.spans.iter().find_map(|span| if let Span::Work(work) = span { Some(work) } else { None }).unwrap();
    assert_eq!((work.label.as_str(), work.begun, work.end), ("question", 0, Some(2_000_000_000)));
    assert_eq!(
        (work.marks.clone(), work.outcome.clone()),
        (vec![("asked".to_owned(), 1_000_000_000)], WorkOutcome::Finished)
    );
    assert_eq!(record.reached("answered").unwrap().time, 2_000_000_000);
    run.kill();
}

#[test]
fn a_visit_that_ends_waits_for_its_deferred_work() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    visit.end();
    question.emit(out(0), num(42)).unwrap();
    question.finish();
    run.seen.visits(1);
    assert_eq!(
        log.lines().into_iter().filter(|line| line.starts_with("sink")).collect::<Vec<_>>(),
        ["sink: opened 1", "sink: 42 of 1", "sink: closed 1 ended"]
    );
    run.kill();
}

#[test]
fn deferred_work_is_cancelled_when_its_visit_is_gone() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    let mut cancelled = Polled::new(question.cancelled());
    assert!(!cancelled.is_ready());
    visit.gone();
    assert!(cancelled.is_ready() && question.is_cancelled());
    assert!(matches!(question.emit(out(0), num(42)), Err(Refused::Gone)));
    drop(question);
    assert_eq!(works(&run)[0].outcome, WorkOutcome::Cancelled(Why::Gone));
    assert_eq!(log.lines().iter().filter(|line| line.contains("failed")).count(), 0);
    run.kill();
}

#[test]
fn deferred_work_is_cancelled_at_what_is_left_of_its_call_s_deadline_and_downstream_is_told_once() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    bench.stages[1].deadline(2_000);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    door.send(&visit, 2);
    let (first, second) = (pending.recv().unwrap(), pending.recv().unwrap());
    run.advance(1_999);
    first.emit(out(0), num(41)).unwrap();
    log.wait("sink: 41 of 1");
    run.advance(1);
    log.wait("sink: input 0 failed of 1");
    // Late, whether or not the thread has looked.
    assert!(matches!(second.emit(out(0), num(42)), Err(Refused::Gone)));
    assert!(first.is_cancelled() && second.is_cancelled());
    drop((first, second));
    visit.end();
    assert!(works(&run).iter().all(|work| work.outcome == WorkOutcome::Cancelled(Why::Deadline)));
    assert_eq!(log.count("sink: input 0 failed of 1"), 1);
    assert_eq!(totals(&run.runtime.snapshot())["asker"].failed, 2);
    run.kill();
}

#[test]
fn work_that_is_dropped_or_fails_has_failed_and_an_answer_recovers() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    for value in [1, 2] {
        door.send(&visit, value);
    }
    drop(pending.recv().unwrap());
    pending.recv().unwrap().fail(Error::new("no answer"));
    log.wait("sink: input 0 failed of 1");
    door.send(&visit, 100);
    log.wait("sink: 100 of 1");
    assert_eq!(
        log.lines().into_iter().filter(|line| line.starts_with("sink")).collect::<Vec<_>>(),
        ["sink: opened 1", "sink: input 0 failed of 1", "sink: input 0 recovered", "sink: 100 of 1"]
    );
    visit.end();
    let outcomes: Vec<_> = works(&run).into_iter().map(|work| work.outcome).collect();
    assert_eq!(outcomes, [WorkOutcome::Dropped, WorkOutcome::Failed("no answer".to_owned())]);
    run.kill();
}

#[test]
fn resumed_work_enters_its_stage_on_its_own_thread() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    pending.recv().unwrap().resume();
    log.wait("asker: resumed of 1");
    log.wait("sink: 77 of 1");
    // What came back and was not served yet goes with its visit.
    door.send(&visit, 2);
    let second = pending.recv().unwrap();
    visit.gone();
    second.resume();
    run.seen.visits(1);
    assert_eq!(log.count("asker: resumed of 1"), 1);
    run.kill();
}

/// A full edge: `sink` waits at the gate with the first packet, four more stand in the queue.
fn full_edge() -> (Bench, Log, Door, mpsc::Receiver<Pending>, Gate) {
    let (mut bench, log, gate) = (Bench::new(), Log::new(), Gate::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
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
    bench.chain(&["door", "asker", "sink"]);
    (bench, log, door, pending, gate)
}

#[test]
fn on_a_full_edge_the_message_comes_back_while_all_threads_go_on() {
    let (mut bench, log, door, pending, gate) = full_edge();
    // On the asker's own thread, which must not be held up.
    bench.stage("other", recorder("other", &log, false)).thread("asker");
    bench.edge("door.0", "other.0");
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    question.emit(out(0), num(10)).unwrap();
    log.wait("sink: 10 of 1");
    for value in 11..15 {
        question.emit(out(0), num(value)).unwrap();
    }
    let Err(Refused::Full(again)) = question.emit(out(0), num(15)) else { panic!("the edge was not full") };
    assert_eq!(again, num(15));
    door.send(&visit, 2);
    log.wait("other: 2 of 1");
    log.wait("asker: 2 of 1");
    let mut space = Polled::new(question.space(out(0)));
    assert!(!space.is_ready());
    gate.open();
    log.wait("sink: 14 of 1");
    assert!(space.is_ready());
    question.emit(out(0), again).unwrap();
    log.wait("sink: 15 of 1");
    question.finish();
    run.kill();
}

#[test]
fn emit_wait_waits_for_space_and_ends_with_its_visit() {
    let (bench, log, door, pending, gate) = full_edge();
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    door.send(&visit, 2);
    let (first, second) = (pending.recv().unwrap(), pending.recv().unwrap());
    first.emit(out(0), num(10)).unwrap();
    log.wait("sink: 10 of 1");
    let writer = std::thread::spawn(move || {
        for value in 11..30 {
            first.emit_wait(out(0), num(value)).unwrap();
        }
        first.finish();
    });
    gate.open();
    log.wait("sink: 29 of 1");
    writer.join().unwrap();
    let lines =
        log.lines().into_iter().filter(|line| line.starts_with("sink") && line.contains("of")).collect::<Vec<_>>();
    assert_eq!(lines, (10..30).map(|value| format!("sink: {value} of 1")).collect::<Vec<_>>());
    visit.gone();
    assert!(second.emit_wait(out(0), num(1)).is_err());
    run.kill();
}

#[test]
fn a_call_that_waits_for_space_comes_before_work_that_refills_each_place_at_once() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let pending = asker(&mut bench, &log);
    let (begun, begins) = mpsc::channel();
    let (goes_on, go_on) = mpsc::channel::<()>();
    let (begun, go_on) = (Mutex::new(begun), Arc::new(Mutex::new(go_on)));
    bench.stage("sink", move |_| {
        let (begun, go_on) = (begun.lock().unwrap().clone(), Arc::clone(&go_on));
        script(move |entry, _| {
            if let At::Packet(packet) = entry {
                begun.send(number(&packet)).unwrap();
                // Ended by the test's end at the latest.
                let _ = go_on.lock().unwrap().recv();
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "asker", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    question.emit(out(0), num(10)).unwrap();
    assert_eq!(begins.recv(), Ok(10));
    while question.emit(out(0), num(11)).is_ok() {}
    // This call finds the edge full; from now on each place is filled as soon as it is free.
    door.send(&visit, 100);
    log.wait("asker: 100 of 1");
    let came = (0..1_000).any(|_| {
        goes_on.send(()).unwrap();
        let next = begins.recv().unwrap();
        let _ = question.emit(out(0), num(12));
        next == 100
    });
    drop(goes_on);
    assert!(came, "the call waits for ever");
    run.kill();
}

#[test]
fn emit_wait_on_a_full_edge_is_ended_by_gone() {
    let (bench, log, door, pending, gate) = full_edge();
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    question.emit(out(0), num(10)).unwrap();
    log.wait("sink: 10 of 1");
    for value in 11..15 {
        question.emit(out(0), num(value)).unwrap();
    }
    let mut space = Polled::new(question.space(out(0)));
    let writer = std::thread::spawn(move || question.emit_wait(out(0), num(15)).is_err());
    assert!(!space.is_ready());
    visit.gone();
    assert!(writer.join().unwrap());
    assert!(space.is_ready());
    gate.open();
    run.kill();
}

#[test]
fn a_message_that_is_too_large_for_what_is_left_of_an_edge_is_waited_for_and_not_tried_again_and_again() {
    let (mut bench, log, door, pending, gate) = full_edge();
    bench.edges[1].bytes(1_000);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    question.emit(out(0), num(10)).unwrap();
    log.wait("sink: 10 of 1");
    let large = Num { value: 11, padding: 900 };
    question.emit(out(0), large).unwrap();
    assert!(matches!(question.emit(out(0), large), Err(Refused::Full(_))));
    // There is room for a small one, but that is not what waits.
    let mut space = Polled::new(question.space(out(0)));
    assert!(!space.is_ready());
    gate.open();
    log.wait("sink: 11 of 1");
    assert!(space.is_ready());
    question.finish();
    run.kill();
}

#[test]
fn an_output_with_several_edges_takes_a_message_on_all_of_them_or_on_none() {
    let (mut bench, log, door, pending, gate) = full_edge();
    bench.stage("free", recorder("free", &log, false));
    bench.edge("asker.0", "free.0").depth(64);
    bench.edge("door.0", "free.1").depth(1);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let question = pending.recv().unwrap();
    question.emit(out(0), num(10)).unwrap();
    log.wait("sink: 10 of 1");
    for value in 11..15 {
        question.emit(out(0), num(value)).unwrap();
    }
    log.wait("free: 14 of 1");
    assert!(matches!(question.emit(out(0), num(15)), Err(Refused::Full(_))));
    gate.open();
    log.wait("sink: 14 of 1");
    question.emit(out(0), num(16)).unwrap();
    log.wait("free: 16 of 1");
    assert_eq!(log.count("free: 15 of 1"), 0);
    question.finish();
    run.kill();
}

/// A future that is asked by hand.
struct Polled<F>(std::pin::Pin<Box<F>>);

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

impl<F: Future<Output = ()>> Polled<F> {
    fn new(future: F) -> Self {
        Self(Box::pin(future))
    }

    fn is_ready(&mut self) -> bool {
        let waker = Waker::from(Arc::new(Nothing));
        matches!(self.0.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(()))
    }
}
