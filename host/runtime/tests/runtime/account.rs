//! The records of real runs add up: from arrival to milestone without a gap, and no thread does two things at once.

use std::sync::Mutex;
use std::sync::mpsc;

use majlis_config::{Load, Overflow};
use majlis_meter::account;
use majlis_meter::record::{Call, Producer, RunRecord, Span, VisitRecord};
use majlis_plugin_api::{Error, Event, Flow, Pending};

use crate::common::*;

/// Numbers that look random and are the same in each run of the test.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[track_caller]
fn assert_tiles(record: &VisitRecord, run: &RunRecord, until: Option<&str>) -> account::Account {
    let account = account::of(record, run, until);
    let mut at = account.from;
    for segment in &account.segments {
        assert_eq!(segment.start, at, "a gap or an overlap: {:#?}\n{record:#?}", account.segments);
        assert!(segment.end > segment.start);
        at = segment.end;
    }
    assert_eq!(at, account.to, "{:#?}\n{record:#?}", account.segments);
    account
}

/// Calls on one thread, of all visits together, one after the other.
fn assert_threads_do_one_thing_at_a_time(records: &[(VisitRecord, majlis_meter::record::Closed, RunRecord)]) {
    let run = &records.last().unwrap().2;
    let mut spans: Vec<(u16, u64, u64)> =
        run.openings.iter().map(|it| (it.thread, it.start, it.end.unwrap())).collect();
    for (record, ..) in records {
        for span in &record.spans {
            if let Span::Call(Call { thread, start, end, .. }) = span {
                assert_ne!(*end, Call::RUNNING);
                spans.push((*thread, *start, *end));
            }
        }
    }
    spans.retain(|(_, start, end)| start < end);
    spans.sort_unstable();
    // A call that opens several visits stands in the record of each.
    spans.dedup();
    for pair in spans.windows(2) {
        assert!(pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1, "{pair:?}");
    }
}

/// A camera, two recognisers on one thread that are opened lazily, a question that is deferred, and a greeting at the
/// join with a deadline: every kind of producer that there is.
fn expo(seed: u64, metering: bool, same_thread: bool) -> Vec<(VisitRecord, majlis_meter::record::Closed, RunRecord)> {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.metering = metering;
    bench.until = Some("greeted".to_owned());
    let clock = bench.turned.clone();
    let door = bench.door("door");
    // Each call takes a few of the turned clock's milliseconds, whoever else turns it meanwhile.
    let work = move |clock: &majlis_meter::Turned, random: &mut Random| clock.advance(ms(random.below(30)));
    for (name, lazy, answers) in [("faces", true, true), ("pose", true, false), ("room", false, true)] {
        let clock = clock.clone();
        let spec = bench.stage(name, move |_| {
            let clock = clock.clone();
            let mut random = Random(seed ^ name.len() as u64);
            clock.advance(ms(random.below(300)));
            script(move |entry, out| {
                work(&clock, &mut random);
                if let At::Packet(packet) = entry {
                    if random.below(8) == 0 {
                        return Err(Error::new("nobody could look"));
                    }
                    if answers {
                        out.forward(self::out(0), &packet)?;
                    }
                    work(&clock, &mut random);
                }
                Ok(Flow::Continue)
            })
        });
        spec.load(if lazy { Load::Lazy } else { Load::Eager }).restart(9, 60_000, 40);
        if lazy || same_thread {
            spec.thread("vision");
        }
    }
    let (give, questions) = mpsc::channel::<(Pending, u64)>();
    let (give, own) = (Mutex::new(give), clock.clone());
    bench.stage("scene", move |_| {
        let (give, clock) = (give.lock().unwrap().clone(), own.clone());
        let mut random = Random(seed + 7);
        script(move |entry, out| {
            work(&clock, &mut random);
            match entry {
                At::Packet(packet) => {
                    let _ = give.send((out.defer("question"), number(&packet)));
                }
                At::Resumed(pending) => {
                    work(&clock, &mut random);
                    out.emit(self::out(0), num(1))?;
                    pending.finish();
                }
                _ => {}
            }
            Ok(Flow::Continue)
        })
    });
    let said = log.clone();
    bench.stage("greeting", move |_| {
        let said = said.clone();
        let mut seen = std::collections::BTreeMap::new();
        script(move |entry, out| {
            match entry {
                At::Event(Event::VisitOpened(_)) => {
                    return Ok(Flow::WakeAt(majlis_plugin_api::Time::from_nanos(out.now().as_nanos() + 250_000_000)));
                }
                At::Packet(packet) => {
                    let count: &mut u32 = seen.entry(packet.visit()).or_default();
                    *count += 1;
                    if *count == 3 {
                        out.milestone("greeted");
                    }
                }
                At::Wake(visit, _) => {
                    out.milestone("greeted");
                    said.say(format!("wake of {}", visit.unwrap()));
                }
                _ => {}
            }
            Ok(Flow::Continue)
        })
    });
    for to in ["faces.0", "pose.0", "room.0", "scene.0"] {
        bench.edge("door.0", to).overflow(Overflow::DropOldest);
    }
    bench.edge("faces.0", "greeting.0");
    bench.edge("room.0", "greeting.0");
    bench.edge("scene.0", "greeting.1");
    let run = bench.start();
    let mut random = Random(seed);
    let visits: Vec<_> = (0..4)
        .map(|_| {
            run.advance(random.below(60));
            let visit = door.visit();
            for value in 0..=random.below(4) {
                run.advance(random.below(20));
                let time = run.clock.clone();
                let _ = door.origin().emit(
                    out(0),
                    Some(visit.id()),
                    at(majlis_meter::Clock::now(&time) / 1_000_000),
                    num(value),
                );
            }
            visit
        })
        .collect();
    for (question, value) in questions.try_iter() {
        run.advance(random.below(80));
        question.mark("asked");
        run.advance(random.below(80));
        match value % 3 {
            0 => question.resume(),
            1 => {
                let _ = question.emit(out(0), num(value));
                question.finish();
            }
            _ => question.fail(Error::new("no answer")),
        }
    }
    for (index, visit) in visits.into_iter().enumerate() {
        if index == 3 { visit.gone() } else { visit.end() }
    }
    // Questions that came later, and wakes: the clock goes on until the last visit is closed.
    for _ in 0..20_000 {
        if run.seen.closes(4, ms(1)) {
            break;
        }
        questions.try_iter().for_each(|(question, _)| question.finish());
        run.advance(1);
    }
    let records = run.seen.visits(4);
    run.kill();
    records
}

#[test]
fn the_account_of_every_visit_tiles_and_a_thread_does_one_thing_at_a_time() {
    let mut reached = 0;
    for seed in 0..60 {
        let records = expo(seed, seed % 4 != 0, seed % 3 == 0);
        for (record, _, run) in &records {
            let account = assert_tiles(record, run, Some("greeted"));
            reached += u32::from(account.reached);
            assert_tiles(record, run, None);
        }
        assert_threads_do_one_thing_at_a_time(&records);
    }
    assert!(reached > 100, "{reached} of 240 visits were greeted");
}

#[test]
fn a_way_through_every_kind_of_producer_is_told_segment_by_segment() {
    use majlis_meter::account::SegmentKind as Kind;
    use majlis_meter::record::BegunFor;
    let (mut bench, log) = (Bench::new(), Log::new());
    let clock = bench.turned.clone();
    let door = bench.door("door");
    let (give, questions) = mpsc::channel::<Pending>();
    let (give, own, said) = (Mutex::new(give), clock.clone(), log.clone());
    bench
        .stage("scene", move |_| {
            own.advance(ms(400));
            let (give, clock, said) = (give.lock().unwrap().clone(), own.clone(), said.clone());
            script(move |entry, out| {
                match entry {
                    At::Packet(packet) if packet.visit().is_none() => said.say("the call is over"),
                    At::Packet(_) => {
                        clock.advance(ms(10));
                        give.send(out.defer("question")).unwrap();
                        clock.advance(ms(5));
                    }
                    At::Resumed(pending) => {
                        clock.advance(ms(20));
                        out.emit(self::out(0), num(1))?;
                        pending.finish();
                    }
                    _ => {}
                }
                Ok(Flow::Continue)
            })
        })
        .load(Load::Lazy);
    let (own, said) = (clock.clone(), log.clone());
    bench.stage("greeting", move |_| {
        let (clock, said) = (own.clone(), said.clone());
        script(move |entry, out| {
            match entry {
                At::Packet(packet) if packet.visit().is_none() => said.say("the wake is armed"),
                At::Packet(_) => {
                    said.say("composing");
                    clock.advance(ms(3));
                    return Ok(Flow::WakeAt(majlis_plugin_api::Time::from_nanos(out.now().as_nanos() + 100_000_000)));
                }
                At::Wake(..) => {
                    clock.advance(ms(2));
                    out.milestone("greeted");
                }
                _ => {}
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["door", "scene", "greeting"]);
    bench.edge("door.1", "greeting.0");
    let run = bench.start();
    let visit = door.visit();
    run.advance(50);
    door.send(&visit, 1);
    let question = questions.recv().unwrap();
    door.send_at(0, None, 0, 0);
    log.wait("the call is over");
    run.advance(500);
    question.mark("sent");
    run.advance(1_500);
    question.resume();
    log.wait("composing");
    door.send_at(1, None, 0, 0);
    log.wait("the wake is armed");
    run.advance(100);
    run.seen.log.wait("milestone greeted of 1");
    visit.end();
    let (record, _, run_record) = run.seen.visits(1).remove(0);
    let account = assert_tiles(&record, &run_record, Some("greeted"));
    let told: Vec<_> =
        account.segments.iter().map(|it| (it.kind, it.stage, it.label.as_str(), it.length() / 1_000_000)).collect();
    let expected = [
        (Kind::Source, Some(0), "", 50),
        (Kind::Opening(BegunFor::ThisVisit), Some(1), "", 400),
        (Kind::Call, Some(1), "", 10),
        (Kind::Work, Some(1), "question: sent", 505),
        (Kind::Work, Some(1), "question", 1_500),
        (Kind::Call, Some(1), "", 20),
        (Kind::Call, Some(2), "", 3),
        (Kind::Timer, Some(2), "", 100),
        (Kind::Call, Some(2), "", 2),
    ];
    assert_eq!(told, expected);
    assert!(
        record
            .spans
            .iter()
            .any(|span| matches!(span, Span::Call(call) if matches!(call.trigger.producer, Producer::Span(_))))
    );
    run.kill();
}

#[test]
fn the_account_of_whoever_is_noticed_later_runs_from_when_they_came() {
    use majlis_meter::account::SegmentKind as Kind;
    let (mut bench, log) = (Bench::new(), Log::new());
    let clock = bench.turned.clone();
    let door = bench.door("camera");
    let own = clock.clone();
    bench.stage("presence", move |_| {
        let clock = own.clone();
        script(move |entry, out| {
            if let At::Packet(_) = entry {
                clock.advance(ms(5));
                let visit = out.open_visit_since(at(200))?;
                clock.advance(ms(1));
                out.emit(self::out(0), num(1))?;
                visit.end();
            }
            Ok(Flow::Continue)
        })
    });
    let (own, said) = (clock.clone(), log.clone());
    bench
        .stage("greeting", move |_| {
            let (clock, said) = (own.clone(), said.clone());
            script(move |entry, out| {
                if let At::Packet(packet) = entry {
                    said.say(format!("seen at {}", packet.time().as_nanos() / 1_000_000));
                    clock.advance(ms(3));
                    out.milestone("greeted");
                }
                Ok(Flow::Continue)
            })
        })
        .load(Load::Lazy);
    bench.chain(&["camera", "presence", "greeting"]);
    let run = bench.start();
    run.advance(900);
    door.send_at(0, None, 700, 0);
    let (record, _, run_record) = run.seen.visits(1).remove(0);
    assert_eq!(record.arrival, 200_000_000);
    let account = assert_tiles(&record, &run_record, Some("greeted"));
    let told: Vec<_> = account.segments.iter().map(|it| (it.kind, it.stage, it.length() / 1_000_000)).collect();
    assert_eq!(told, [(Kind::Source, Some(1), 700), (Kind::Call, Some(1), 6), (Kind::Call, Some(2), 3)]);
    log.exactly(&["seen at 700"]);
    // The stage that was opened meanwhile waited for nothing before there was a visit.
    let called = record.spans.iter().filter_map(|span| match span {
        Span::Call(call) if call.stage == 2 => Some(call.trigger.time),
        _ => None,
    });
    assert!(called.clone().count() > 1 && called.min() >= Some(905_000_000), "{record:#?}");
    run.kill();
}

#[test]
fn nobody_comes_later_than_now_and_an_origin_may_say_when_somebody_came() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench.stage("sink", recorder("sink", &log, false));
    bench.chain(&["door", "sink"]);
    let run = bench.start();
    run.advance(900);
    for (arrived, expected) in [(at(300), 300), (at(100_000), 900)] {
        let visit = door.origin().open_visit_since(arrived).unwrap();
        let number = visit.id().number();
        visit.end();
        let records = run.seen.visits(number as usize);
        let record = records.iter().map(|(record, ..)| record).find(|record| record.visit == number).unwrap();
        assert_eq!(record.arrival, expected * 1_000_000);
    }
    run.kill();
}

#[test]
fn what_a_stage_says_outside_of_visits_stands_in_the_totals_of_the_run() {
    let mut bench = Bench::new();
    let wakes = Mutex::new(0);
    bench.stage("camera", move |_| {
        let mut wakes = *wakes.lock().unwrap();
        script(move |entry, out| {
            let At::Wake(None, due) = entry else { return Ok(Flow::Continue) };
            wakes += 1;
            if wakes == 3 {
                let visit = out.open_visit().unwrap();
                out.fact("picture", "in the visit");
                visit.end();
                return Ok(Flow::Ended);
            }
            out.fact("broken", wakes);
            for name in "abcdefghijklmnopqrstuvwxyz".split_inclusive(|_| true) {
                out.fact(name, "");
            }
            Ok(Flow::WakeAt(due))
        })
    });
    let ended = bench.start().wait();
    let facts = &totals(&ended.record)["camera"].facts;
    assert_eq!(facts[0], ("broken".to_owned(), "2".to_owned()));
    assert_eq!(facts.len(), 16, "a stage that makes up names does not fill the memory");
    assert!(facts.iter().all(|(name, _)| name != "picture"), "{facts:?}");
}

#[test]
fn how_often_a_stage_gave_each_reason_is_counted_in_visits_and_outside_of_them() {
    let mut bench = Bench::new();
    let wakes = Mutex::new(0);
    bench.stage("gate", move |_| {
        let mut wakes = *wakes.lock().unwrap();
        script(move |entry, out| {
            let At::Wake(None, due) = entry else { return Ok(Flow::Continue) };
            wakes += 1;
            if wakes == 40 {
                let visit = out.open_visit().unwrap();
                out.fact("reason", "unchanged");
                visit.end();
                return Ok(Flow::Ended);
            }
            out.fact("reason", "unchanged");
            out.fact("reason", format!("number {wakes}"));
            Ok(Flow::WakeAt(due))
        })
    });
    let ended = bench.start().wait();
    let reasons = &totals(&ended.record)["gate"].reasons;
    assert_eq!(reasons[0], ("unchanged".to_owned(), 40));
    assert_eq!(reasons[1], ("number 1".to_owned(), 1));
    assert_eq!(reasons.len(), 17, "a stage that makes up reasons does not fill the memory");
    assert_eq!(reasons[16], ("others".to_owned(), 39 - 15));
}

#[test]
fn what_calls_count_is_added_up_over_the_run() {
    let mut bench = Bench::new();
    let wakes = Mutex::new(0);
    bench.stage("vision", move |_| {
        let mut wakes = *wakes.lock().unwrap();
        script(move |entry, out| {
            let At::Wake(None, due) = entry else { return Ok(Flow::Continue) };
            wakes += 1;
            out.count("tokens", 120);
            out.fact("faces", 2);
            Ok(if wakes == 5 { Flow::Ended } else { Flow::WakeAt(due) })
        })
    });
    let ended = bench.start().wait();
    assert_eq!(totals(&ended.record)["vision"].amounts, [("tokens".to_owned(), 600)]);
}
