//! The life of a stage: opened when it is needed, made anew by its policy, or given up.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use majlis_config::Load;
use majlis_meter::record::{BegunFor, CutKind, Span};
use majlis_plugin_api::{Error, Event, Flow, Host, Origin, Visit};
use majlis_runtime::{StartError, Then};

use crate::common::*;

/// Panics at each packet and counts its instances.
fn panics(log: &Log) -> impl Fn(&Host) -> majlis_plugin_api::Result<Script> + Send + Sync + 'static {
    let (log, instances) = (log.clone(), AtomicU32::new(0));
    move |_| {
        let (log, instance) = (log.clone(), instances.fetch_add(1, Ordering::SeqCst));
        log.say(format!("instance {instance}"));
        script(move |entry, _| {
            log.say(format!("{instance}: {}", entry.words()));
            if let At::Packet(_) = entry {
                panic!("again");
            }
            Ok(Flow::Continue)
        })
    }
}

#[test]
fn a_poisoned_instance_is_made_anew_after_its_delay_and_the_packet_is_not_tried_again() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("a", panics(&log)).restart(1, 10_000, 200);
    bench.chain(&["door", "a"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    let told = |then: &str| {
        run.seen
            .log
            .until(|lines| lines.iter().any(|line| line.starts_with("a panicked: again") && line.ends_with(then)));
    };
    told("; it is tried again, 200ms from now at the earliest; 1 try is left");
    door.send(&visit, 2);
    run.advance(199);
    assert_eq!(log.lines(), ["instance 0", "0: opened 1", "0: 1 of 1"]);
    run.advance(1);
    log.wait("1: 2 of 1");
    assert_eq!(log.lines()[3..], ["instance 1", "1: opened 1", "1: 2 of 1"]);
    // The second failure within ten seconds is one too many.
    told(&format!("; {}", Then::GivenUp));
    door.send(&visit, 3);
    visit.end();
    let (record, _, run_record) = run.seen.visits(1).remove(0);
    let totals = &totals(&run_record)["a"];
    assert_eq!((totals.panicked, totals.restarts, totals.skipped), (2, 1, 1));
    let cuts: Vec<_> = record
        .spans
        .iter()
        .filter_map(|span| if let Span::Call(call) = span { Some(&call.waits) } else { None })
        .flatten()
        .collect();
    assert!(
        cuts.iter().any(|cut| cut.kind == CutKind::RestartDelay { stage: 1 } && cut.end - cut.start == 200_000_000),
        "{cuts:?}"
    );
    run.kill();
}

#[test]
fn failures_that_lie_longer_back_than_within_are_forgotten() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("a", panics(&log)).restart(1, 10_000, 0);
    bench.chain(&["door", "a"]);
    let run = bench.start();
    let visit = door.visit();
    for (instance, value) in (0..5).zip(1..) {
        door.send(&visit, value);
        log.wait(&format!("{instance}: {value} of 1"));
        run.seen
            .log
            .until(|lines| lines.iter().filter(|line| line.starts_with("a panicked")).count() == value as usize);
        run.advance(10_001);
    }
    run.kill();
}

#[test]
fn what_a_failed_instance_began_is_over_and_the_visits_that_it_opened_are_gone() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let (given, take) = std::sync::mpsc::channel();
    let (given, said) = (Mutex::new(given), log.clone());
    bench
        .stage("room", move |host| {
            let (given, origin, said) = (given.lock().unwrap().clone(), host.origin(), said.clone());
            script(move |entry, out| {
                said.say(format!("room: {}", entry.words()));
                match entry {
                    At::Wake(..) => given.send((origin.clone(), Some(out.defer("listening")))).unwrap(),
                    At::Resumed(_) => panic!("the room fell down"),
                    _ => {}
                }
                Ok(Flow::Continue)
            })
        })
        .restart(1, 1_000, 0);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["room", "sink"]);
    let run = bench.start();
    let (origin, pending): (Origin, Option<majlis_plugin_api::Pending>) = take.recv().unwrap();
    let visit: Visit = origin.open_visit().unwrap();
    log.wait("sink: opened 1");
    pending.unwrap().resume();
    log.wait("sink: closed 1 gone");
    let (again, _pending) = take.recv().unwrap();
    assert!(origin.open_visit().is_err(), "a handle of the former instance");
    assert!(matches!(origin.emit(out(0), None, at(0), num(1)), Err(majlis_plugin_api::Refused::Gone)));
    again.open_visit().unwrap().gone();
    run.seen.visits(2);
    drop(visit);
    run.kill();
}

#[test]
fn on_failure_stop_ends_the_run_with_its_reason() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench
        .stage("a", |_| {
            script(|entry, _| if let At::Packet(_) = entry { Err(Error::new("no more")) } else { Ok(Flow::Continue) })
        })
        .stop();
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "a", "sink"]);
    let run = bench.start();
    let visit = door.visit();
    log.wait("sink: opened 1");
    door.send(&visit, 1);
    let seen = Arc::clone(&run.seen);
    let ended = run.wait();
    assert_eq!(ended.failure, Some(("a".to_owned(), "no more".to_owned())));
    assert_eq!(log.lines().last().map(String::as_str), Some("sink: closed 1 gone"));
    assert_eq!(seen.visits(1).len(), 1);
}

#[test]
fn a_start_fails_with_the_eager_stage_that_could_not_be_opened_and_leaves_nothing_running() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.door("door");
    bench.stage("a", |_| Err(Error::new("there is no camera"))).restart(0, 1_000, 0);
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "a", "sink"]);
    let Err(StartError::Stage { index, stage, error }) = bench.try_start() else { panic!("it started") };
    assert_eq!((index, stage.as_str(), error.reason.as_str()), (1, "a", "there is no camera"));
}

#[test]
fn an_eager_source_is_not_entered_before_every_eager_stage_is_open() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let said = log.clone();
    bench.stage("camera", move |_| {
        let said = said.clone();
        script(move |_, _| {
            said.say("the camera is woken");
            Ok(Flow::Ended)
        })
    });
    let said = log.clone();
    bench.stage("slow", move |host| {
        // Long enough for a camera that does not wait.
        for _ in 0..1_000 {
            std::thread::yield_now();
        }
        said.say("slow is open");
        recorder("slow", &Log::new(), false)(host)
    });
    bench.chain(&["camera", "slow"]);
    bench.start().wait();
    assert_eq!(log.lines(), ["slow is open", "the camera is woken"]);
}

#[test]
fn ten_stages_opened_at_once_of_which_one_fails_and_can_be_tried_again() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let together = Arc::new(std::sync::Barrier::new(10));
    let refusals = Arc::new(AtomicU32::new(0));
    for index in 0..10 {
        let (name, together, refusals, said) =
            (format!("stage{index}"), Arc::clone(&together), Arc::clone(&refusals), log.clone());
        let own = name.clone();
        bench
            .stage(&name, move |_| {
                if refusals.load(Ordering::SeqCst) == 0 {
                    together.wait();
                }
                if index == 7 && refusals.fetch_add(1, Ordering::SeqCst) == 0 {
                    return Err(Error::new("not yet"));
                }
                let (said, own) = (said.clone(), own.clone());
                script(move |entry, _| {
                    if let At::Packet(_) = entry {
                        said.say(format!("{own}: {}", entry.words()));
                    }
                    Ok(Flow::Continue)
                })
            })
            .load(Load::Lazy)
            .restart(3, 60_000, 100);
        bench.edge("door.0", &format!("{name}.0"));
    }
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    log.until(|lines| lines.len() == 9);
    run.seen.log.wait("refused 8: not yet; it is tried again, 100ms from now at the earliest; 3 tries are left");
    run.advance(100);
    door.send(&visit, 2);
    log.until(|lines| lines.len() == 19);
    assert_eq!((log.count("stage7: 1 of 1"), log.count("stage7: 2 of 1")), (0, 1));
    let openings = run.kill().record.openings;
    assert!(openings.is_sorted_by_key(|opening| opening.start), "{openings:#?}");
}

#[test]
fn an_opening_is_a_span_of_its_own_and_not_the_call_s_and_a_prewarmed_stage_is_open_before_its_packet() {
    for load in [Load::Lazy, Load::Prewarm] {
        let (mut bench, log) = (Bench::new(), Log::new());
        let clock = bench.turned.clone();
        let door = bench.door("door");
        let said = log.clone();
        let opens = bench.stage("faces", move |_| {
            clock.advance(ms(3_000));
            said.say("open");
            let (said, clock) = (said.clone(), clock.clone());
            script(move |entry, _| {
                if let At::Packet(_) = entry {
                    clock.advance(ms(50));
                }
                said.say(entry.words());
                Ok(Flow::Continue)
            })
        });
        opens.load(load).deadline(100);
        bench.chain(&["door", "faces"]);
        let run = bench.start();
        if load == Load::Prewarm {
            log.wait("open");
        }
        let visit = door.visit();
        door.send(&visit, 1);
        log.wait("1 of 1");
        visit.end();
        let (record, _, run_record) = run.seen.visits(1).remove(0);
        let call = record.spans.iter().find_map(|span| match span {
            Span::Call(call) if call.stage == 1 && call.length() > 0 => Some(call.clone()),
            _ => None,
        });
        let call = call.unwrap();
        assert_eq!((call.length(), call.outcome), (50_000_000, majlis_meter::record::Outcome::Ok));
        assert_eq!(run_record.openings.iter().filter(|opening| opening.stage == 1).count(), 1);
        let waited =
            call.waits.iter().any(|cut| cut.kind == CutKind::OwnOpening { stage: 1, begun_for: BegunFor::ThisVisit });
        assert_eq!(waited, load == Load::Lazy);
        run.kill();
    }
}

#[test]
fn an_opening_says_whether_a_packet_of_no_visit_began_it_or_nothing() {
    for (load, begun_for, seen_as) in
        [(Load::Lazy, Some(0), BegunFor::NoVisit), (Load::Prewarm, None, BegunFor::Prewarm)]
    {
        let (mut bench, log) = (Bench::new(), Log::new());
        let door = bench.door("door");
        let said = log.clone();
        let sink = bench.stage("sink", move |_| {
            said.say("open");
            let said = said.clone();
            script(move |entry, _| {
                said.say(entry.words());
                Ok(Flow::Continue)
            })
        });
        sink.load(load);
        bench.chain(&["door", "sink"]);
        let run = bench.start();
        if load == Load::Prewarm {
            log.wait("open");
        }
        door.send_at(0, None, 0, 1);
        log.wait("1");
        let record = run.kill().record;
        let opening = record.openings.iter().find(|opening| opening.stage == 1).unwrap();
        assert_eq!((opening.begun_for, opening.seen_by(7)), (begun_for, seen_as));
    }
}

#[test]
fn a_visit_does_not_wait_for_the_close_of_a_stage_that_died_with_it_in_its_queue() {
    for dies_at in ["opened 2", "closed 1 ended", "closed 1 gone"] {
        let (mut bench, log, gate, entered) = (Bench::new(), Log::new(), Gate::new(), Gate::new());
        let door = bench.door("door");
        let inside = (log.clone(), gate.clone(), entered.clone(), AtomicU32::new(0));
        bench
            .stage("a", move |_| {
                let (log, gate, entered) = (inside.0.clone(), inside.1.clone(), inside.2.clone());
                let first = inside.3.fetch_add(1, Ordering::SeqCst) == 0;
                script(move |entry, _| {
                    log.say(entry.words());
                    if first && entry.words() == dies_at {
                        entered.open();
                        gate.pass();
                        panic!("dead");
                    }
                    Ok(Flow::Continue)
                })
            })
            .restart(2, 1_000, 100);
        bench.chain(&["door", "a"]);
        let run = bench.start();
        let first = door.visit();
        log.wait("opened 1");
        match dies_at {
            "opened 2" => {
                door.visit().gone();
                // It may be gone before the stage heard of it; then it is told both.
                entered.pass();
                first.end();
                run.clock.advance(ms(1));
            }
            "closed 1 ended" => first.end(),
            _ => first.gone(),
        }
        entered.pass();
        gate.open();
        run.seen.visits(if dies_at == "opened 2" { 2 } else { 1 });
        run.advance(100);
        door.send_at(0, None, 0, 5);
        log.wait("5");
        let closes = log.lines().iter().filter(|line| line.starts_with("closed 1")).count();
        assert!(closes <= 1, "{:?}", log.lines());
        run.kill();
    }
}

#[test]
fn a_verb_opens_its_stage_alone() {
    let mut bench = Bench::new();
    bench.door("door");
    bench.stage("a", |_| {
        script(|entry, _| {
            if let At::Event(Event::VisitOpened(_)) = entry { panic!("nobody is there") } else { Ok(Flow::Continue) }
        })
    });
    bench.chain(&["door", "a"]);
    let seen = Arc::new(Seen::default());
    let error = majlis_runtime::control_alone(bench.setup(&seen), 1, "sing", "{}").unwrap_err();
    assert_eq!(error.to_string(), "the stage has no verb `sing`");
}

#[test]
fn a_stage_that_refuses_its_configuration_is_not_tried_again() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench
        .stage("a", move |_| {
            said.say("asked");
            Err::<Script, _>(Error::config("path", "there is no such folder"))
        })
        .load(Load::Lazy)
        .restart(3, 60_000, 0);
    bench.chain(&["door", "a"]);
    let run = bench.start();
    let visit = door.visit();
    door.send(&visit, 1);
    run.seen.log.until(|lines| {
        lines.iter().any(|line| line.starts_with("refused 1: ") && line.ends_with(&Then::GivenUp.to_string()))
    });
    door.send(&visit, 2);
    visit.end();
    let (_, _, run_record) = run.seen.visits(1).remove(0);
    assert_eq!((totals(&run_record)["a"].restarts, totals(&run_record)["a"].skipped), (0, 2));
    assert_eq!(log.lines(), ["asked"]);
    run.kill();
}
