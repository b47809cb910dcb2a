//! Stages that share a thread: what a call emits to one of them is kept, and delivered after it.

use std::sync::Arc;

use majlis_config::Overflow;
use majlis_plugin_api::{Error, Flow};

use crate::common::*;

/// `splitter` emits what `emits` says for each packet; it shares its thread with `a` and `b`.
fn shared(emits: impl Fn(u64) -> Vec<(u32, u64)> + Send + Sync + 'static) -> (Bench, Log, Door) {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let (said, emits) = (log.clone(), Arc::new(emits));
    bench
        .stage("splitter", move |_| {
            let (said, emits) = (said.clone(), Arc::clone(&emits));
            script(move |entry, out| {
                if let At::Packet(packet) = &entry {
                    said.say(format!("splitter: {}", entry.words()));
                    for (port, value) in emits(number(packet)) {
                        out.emit(self::out(port), num(value))?;
                    }
                    said.say("splitter is done");
                }
                Ok(Flow::Continue)
            })
        })
        .thread("shared");
    bench.stage("a", recorder("a", &log, false)).thread("shared");
    bench.stage("b", recorder("b", &log, false)).thread("shared");
    bench.edge("door.0", "splitter.0");
    bench.edge("splitter.0", "a.0");
    bench.edge("splitter.1", "b.0");
    (bench, log, door)
}

#[test]
fn kept_packets_come_after_the_call_in_order_of_emission_and_before_anything_else() {
    let (mut bench, log, door) = shared(|value| vec![(1, value + 1), (0, value + 2), (1, value + 3), (0, value + 4)]);
    bench.edges[0].depth(8);
    let run = bench.start();
    for value in [10, 20] {
        door.send_at(0, None, 0, value);
    }
    log.wait("a: 24");
    let expected: Vec<String> = [10, 20]
        .into_iter()
        .flat_map(|value| {
            let kept =
                [("b", 1), ("a", 2), ("b", 3), ("a", 4)].map(|(stage, more)| format!("{stage}: {}", value + more));
            [format!("splitter: {value}"), "splitter is done".to_owned()].into_iter().chain(kept)
        })
        .collect();
    assert_eq!(log.lines(), expected);
    run.kill();
}

#[test]
fn a_visit_is_opened_before_its_first_kept_packet_and_events_keep_their_place() {
    let (mut bench, log) = (Bench::new(), Log::new());
    bench
        .stage("camera", |_| {
            script(|_, out| {
                let visit = out.open_visit()?;
                out.emit(self::out(0), num(1))?;
                visit.end();
                Ok(Flow::Ended)
            })
        })
        .thread("shared");
    bench.stage("a", recorder("a", &log, true)).thread("shared");
    bench.stage("b", recorder("b", &log, false)).thread("shared");
    bench.chain(&["camera", "a", "b"]);
    bench.start().wait();
    assert_eq!(
        log.lines(),
        [
            "a: opened 1",
            "a: 1 of 1",
            "b: opened 1",
            "b: 1 of 1",
            "a: input 0 ended",
            "a: closed 1 ended",
            "b: closed 1 ended",
            "b: input 0 ended"
        ]
    );
}

#[test]
fn what_is_kept_obeys_the_policy_of_its_edge() {
    let (mut bench, log, door) = shared(|_| (1..=5).map(|value| (0, value)).chain([(1, 9)]).collect());
    bench.edges[1].depth(2).overflow(Overflow::DropOldest);
    let run = bench.start();
    door.send_at(0, None, 0, 0);
    log.exactly(&["splitter: 0", "splitter is done", "a: 4", "a: 5", "b: 9"]);
    assert_eq!(run.runtime.snapshot().totals[2].drops[0].packets, 3);
    run.kill();
}

#[test]
fn a_packet_that_was_passed_on_can_be_read_until_the_call_is_over() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    let said = log.clone();
    bench
        .stage("splitter", move |_| {
            let said = said.clone();
            script(move |entry, out| {
                if let At::Packet(packet) = &entry {
                    out.forward(self::out(0), packet)?;
                    said.say(format!("passed on {}", number(packet)));
                    // The edge drops both for a third message, whose bytes may lie where theirs did.
                    out.forward(self::out(0), packet)?;
                    out.emit(self::out(0), num(9))?;
                    said.say(format!("still {}", number(packet)));
                }
                Ok(Flow::Continue)
            })
        })
        .thread("shared");
    bench.stage("a", recorder("a", &log, false)).thread("shared");
    bench.chain(&["door", "splitter", "a"]);
    bench.edges[1].depth(1).overflow(Overflow::Latest);
    let run = bench.start();
    door.send_at(0, None, 0, 1);
    log.exactly(&["passed on 1", "still 1", "a: 9"]);
    assert_eq!(run.runtime.snapshot().totals[2].drops[0].packets, 2);
    run.kill();
}

#[test]
fn on_a_blocking_edge_a_call_may_keep_1024_packets_and_fails_with_one_more_whatever_it_says_itself() {
    let (mut bench, log) = (Bench::new(), Log::new());
    let door = bench.door("door");
    bench
        .stage("splitter", |_| {
            script(|entry, out| {
                if let At::Packet(packet) = &entry {
                    for value in 0..number(packet) {
                        // An author who does not look.
                        let _ = out.emit(self::out(0), num(value));
                    }
                }
                Ok(Flow::Continue)
            })
        })
        .thread("shared");
    let said = log.clone();
    bench
        .stage("a", move |_| {
            let (said, mut count) = (said.clone(), 0);
            script(move |entry, _| {
                match entry {
                    At::Packet(_) => count += 1,
                    entry => said.say(entry.words()),
                }
                if count % 1_024 == 0 && count > 0 {
                    said.say(count.to_string());
                }
                Ok(Flow::Continue)
            })
        })
        .thread("shared");
    bench.chain(&["door", "splitter", "a"]);
    let run = bench.start();
    door.send_at(0, None, 0, 1_024);
    door.send_at(0, None, 0, 1_025);
    log.wait("2048");
    assert_eq!(log.count("input 0 failed"), 1);
    let totals = totals(&run.runtime.snapshot());
    assert_eq!((totals["splitter"].calls, totals["splitter"].failed), (2, 1));
    run.kill();
}

#[test]
fn a_kept_packet_of_a_stage_that_has_to_be_opened_opens_it_and_one_that_cannot_be_opened_holds_nobody_up() {
    let (mut bench, log, door) = shared(|value| vec![(0, value), (1, value)]);
    let said = log.clone();
    let refuses = bench.stage("lazy", move |_| {
        said.say("lazy is opened");
        Err(Error::new("there is no model"))
    });
    refuses.thread("shared").load(majlis_config::Load::Lazy).restart(1, 60_000, 1_000);
    bench.stage("after", recorder("after", &log, false));
    bench.edge("splitter.0", "lazy.0");
    bench.edge("lazy.0", "after.0");
    let run = bench.start();
    door.send_at(0, None, 0, 1);
    door.send_at(0, None, 0, 2);
    log.wait("b: 2");
    assert_eq!(log.count("lazy is opened"), 1);
    log.wait("after: input 0 failed");
    run.advance(1_000);
    log.until(|lines| lines.iter().filter(|line| *line == "lazy is opened").count() == 2);
    door.send_at(0, None, 0, 3);
    log.wait("b: 3");
    run.kill();
}
