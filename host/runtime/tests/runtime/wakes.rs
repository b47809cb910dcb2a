//! Wakes: one for each stage and visit, served in the order of time.

use crate::common::*;
use majlis_plugin_api::{Event, Flow, Result};

/// Writes down what it sees and asks for a wake at 2,000 ms when a visit opens.
fn greeter(log: &Log) -> impl Fn(&majlis_plugin_api::Host) -> Result<Script> + Send + Sync + 'static {
    let log = log.clone();
    move |_| {
        let log = log.clone();
        script(move |entry, _| {
            log.say(entry.words());
            Ok(if matches!(entry, At::Event(Event::VisitOpened(_))) { Flow::WakeAt(at(2_000)) } else { Flow::Continue })
        })
    }
}

#[test]
fn a_wake_comes_without_any_packet_and_only_when_it_is_due() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("greeting", greeter(&log));
    bench.chain(&["door", "greeting"]);
    let run = bench.start();
    let visit = door.visit();
    log.wait("opened 1");
    run.advance(1_999);
    door.send(&visit, 7);
    log.exactly(&["opened 1", "7 of 1"]);
    run.advance(1);
    log.exactly(&["opened 1", "7 of 1", "wake of 1 at 2000"]);
    run.kill();
}

#[test]
fn a_face_that_arrives_before_a_wake_is_due_is_served_before_it_however_busy_the_stage_was() {
    let (mut bench, log, (entered, go_on)) = (Bench::new(), Log::new(), (Gate::new(), Gate::new()));
    let door = bench.door("door");
    let (said, gates) = (log.clone(), (entered.clone(), go_on.clone()));
    bench.stage("greeting", move |_| {
        let (said, (entered, go_on)) = (said.clone(), gates.clone());
        script(move |entry, _| {
            said.say(entry.words());
            if entry.words() == "1 of 1" {
                entered.open();
                go_on.pass();
            }
            Ok(if matches!(entry, At::Event(Event::VisitOpened(_))) { Flow::WakeAt(at(2_000)) } else { Flow::Continue })
        })
    });
    bench.chain(&["door", "greeting"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    entered.pass();
    // The stage is busy from here to 2,100 ms, and the wake is due at 2,000.
    run.advance(1_990);
    door.send(&visit, 2);
    run.advance(20);
    door.send(&visit, 3);
    run.advance(90);
    go_on.open();
    log.exactly(&["opened 1", "1 of 1", "2 of 1", "wake of 1 at 2000", "3 of 1"]);
    run.kill();
}

#[test]
fn a_wake_is_replaced_or_removed_and_what_was_asked_before_never_comes() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench.stage("greeting", move |_| {
        let said = said.clone();
        script(move |entry, _| {
            said.say(entry.words());
            let At::Packet(packet) = entry else { return Ok(Flow::Continue) };
            Ok(match number(&packet) {
                0 => Flow::CancelWake,
                1 => Flow::Continue,
                due => Flow::WakeAt(at(due)),
            })
        })
    });
    bench.chain(&["door", "greeting"]);
    let run = bench.start();
    let (a, b) = (door.visit(), door.visit());
    for value in [100, 200, 1] {
        door.send(&a, value);
    }
    door.send(&b, 150);
    door.send(&b, 0);
    log.wait("0 of 2");
    log.wait("1 of 1");
    run.advance(199);
    // Later than anything that could have been woken.
    door.send(&a, 1);
    log.until(|lines| lines.iter().filter(|line| *line == "1 of 1").count() == 2);
    assert!(!log.lines().iter().any(|line| line.starts_with("wake")), "{:?}", log.lines());
    run.advance(1);
    log.wait("wake of 1 at 200");
    run.kill();
}

#[test]
fn an_error_a_panic_and_a_skipped_call_leave_the_wake_armed() {
    for (fails, lost) in [("error", false), ("panic", true), ("refusal", true)] {
        let (mut bench, log) = (Bench::new(), Log::new());
        let door = bench.door("door");
        let said = log.clone();
        let opened = std::sync::atomic::AtomicU32::new(0);
        bench
            .stage("greeting", move |_| {
                let times = opened.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if fails == "refusal" && times == 1 {
                    return Err(majlis_plugin_api::Error::new("not today"));
                }
                let said = said.clone();
                script(move |entry, _| {
                    said.say(entry.words());
                    match entry {
                        At::Packet(packet) if number(&packet) == 1 => Ok(Flow::WakeAt(at(2_000))),
                        At::Packet(packet) if number(&packet) == 2 && fails == "error" => {
                            Err(majlis_plugin_api::Error::new("not this one"))
                        }
                        At::Packet(packet) if number(&packet) == 2 => panic!("not this one"),
                        _ => Ok(Flow::Continue),
                    }
                })
            })
            .restart(5, 60_000, 100);
        bench.chain(&["door", "greeting"]);
        let run = bench.start();
        let visit = door.visit();
        door.send(&visit, 1);
        door.send(&visit, 2);
        run.seen.log.until(|lines| lines.iter().any(|line| line.contains("not this one")));
        if fails == "refusal" {
            run.advance(100);
            // It needs the stage, whose opening fails: it is skipped.
            door.send(&visit, 3);
            run.seen.log.until(|lines| lines.iter().any(|line| line.starts_with("refused")));
        }
        log.clear();
        run.advance(2_000);
        let wake = "wake of 1 at 2000";
        let expected: &[&str] = if lost { &["opened 1", wake] } else { &[wake] };
        log.exactly(expected);
        run.kill();
    }
}

#[test]
fn the_key_of_a_wake_is_the_visit_with_which_the_call_began() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let said = log.clone();
    bench.stage("camera", move |_| {
        let (said, mut visit) = (said.clone(), None);
        script(move |entry, out| {
            said.say(format!("camera: {}", entry.words()));
            if visit.is_none() {
                visit = Some(out.open_visit()?);
                out.emit(self::out(0), num(1))?;
                return Ok(Flow::WakeAt(at(500)));
            }
            Ok(Flow::Continue)
        })
    });
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["camera", "sink"]);
    let run = bench.start();
    log.wait("sink: 1 of 1");
    run.advance(500);
    log.wait("camera: wake at 500");
    run.kill();
}

#[test]
fn a_stage_that_puts_its_wake_off_at_every_packet_is_woken_once() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench.stage("greeting", move |_| {
        let said = said.clone();
        script(move |entry, out| match entry {
            At::Packet(packet) => {
                let value = number(&packet);
                // The test turns the clock as soon as it hears of the last one.
                let due = majlis_plugin_api::Time::from_nanos(out.now().as_nanos() + 60_000_000_000 + value);
                if value.is_multiple_of(1_000) {
                    said.say(entry_line(value));
                }
                Ok(Flow::WakeAt(due))
            }
            At::Wake(..) => {
                said.say("woken");
                Ok(Flow::Continue)
            }
            _ => Ok(Flow::Continue),
        })
    });
    bench.chain(&["door", "greeting"]);
    let run = bench.start();
    let visit = door.visit();
    for value in 1..=5_000 {
        while door.try_send(Some(visit.id()), value).is_err() {
            std::thread::yield_now();
        }
    }
    log.wait(&entry_line(5_000));
    log.clear();
    run.advance(59_999);
    run.advance(2);
    log.exactly(&["woken"]);
    run.kill();
}

fn entry_line(value: u64) -> String {
    format!("packet {value}")
}

#[test]
fn a_source_is_woken_once_when_it_is_ready_and_a_failing_one_is_woken_again_after_its_delay() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let said = log.clone();
    bench
        .stage("camera", move |_| {
            let (said, mut times) = (said.clone(), 0);
            script(move |entry, _| {
                said.say(entry.words());
                times += 1;
                match times {
                    1 | 2 => Err(majlis_plugin_api::Error::new("the cable is loose")),
                    3 => Ok(Flow::WakeAt(at(1_000))),
                    _ => Ok(Flow::Ended),
                }
            })
        })
        .restart(3, 60_000, 100);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["camera", "sink"]);
    let run = bench.start();
    // The complaint comes when the call is over, and its wake armed.
    let complaints = |count: usize| {
        run.seen.log.until(|lines| {
            lines.iter().filter(|line| line.starts_with("camera failed: the cable is loose")).count() == count
        });
    };
    complaints(1);
    run.advance(100);
    complaints(2);
    run.advance(100);
    log.wait("wake at 200");
    // Armed at 1,000 by a call that may not be over yet.
    while log.count("wake at 1000") == 0 {
        run.advance(1);
        std::thread::yield_now();
    }
    let ended = run.wait();
    assert_eq!(log.count("sink: input 0 failed"), 1);
    log.wait("sink: input 0 ended");
    assert_eq!(ended.failure, None);
}

#[test]
fn a_source_that_never_recovers_is_given_up_and_the_run_ends() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench
        .stage("camera", |_| script(|_, _| Err(majlis_plugin_api::Error::new("there is no camera"))))
        .restart(2, 60_000, 100);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["camera", "sink"]);
    let run = bench.start();
    for count in 1..=2 {
        run.seen
            .log
            .until(|lines| lines.iter().filter(|line| line.contains("failed: there is no camera")).count() == count);
        run.advance(100);
    }
    let seen = std::sync::Arc::clone(&run.seen);
    run.wait();
    assert!(
        seen.log.lines().contains(&format!("camera failed: there is no camera; {}", majlis_runtime::Then::GivenUp)),
        "{:?}",
        seen.log.lines()
    );
    log.wait("sink: input 0 ended");
}
