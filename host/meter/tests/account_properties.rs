//! What holds for every visit, whatever happened in it: held against random runs of a simulated
//! runtime. `MAJLIS_SEEDS` says how many (2,000 unless told).

mod simulator;

use majlis_meter::account::{self, Account, Replay, Segment, SegmentKind, Zero};
use majlis_meter::record::{CallKind, Producer, RunRecord, Span, VisitRecord};
use simulator::{MILESTONE, World};

fn seeds() -> u64 {
    std::env::var("MAJLIS_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000)
}

fn assert_tiles(account: &Account, place: &str) {
    let mut at = account.from;
    for segment in &account.segments {
        assert_eq!(segment.start, at, "{place}: gap or overlap before {segment:?}");
        assert!(segment.end > segment.start, "{place}: not positive {segment:?}");
        at = segment.end;
    }
    assert_eq!(at, account.to, "{place}: the way does not reach its end");
    let lines: u64 = account.lines.iter().map(|line| line.on_way).sum();
    assert_eq!(lines, account.length(), "{place}: the lines do not add up");
}

fn way_of(record: &VisitRecord) -> Account {
    account::of(record, &RunRecord::default(), Some(MILESTONE))
}

#[test]
fn segments_tile_arrival_to_milestone_and_lines_add_up() {
    let mut kinds = std::collections::HashMap::new();
    let mut reached = 0;
    for seed in 1..=seeds() {
        let world = World::new(seed);
        let ran = world.run(None);
        world.assert_threads_do_one_thing_at_a_time(&ran);
        for record in &ran.visits {
            let account = way_of(record);
            let place = format!("seed {seed}, visit {}", record.visit);
            assert_tiles(&account, &place);
            assert_eq!(account.untracked, 0, "{place}");
            reached += u64::from(account.reached);
            for segment in &account.segments {
                *kinds.entry(std::mem::discriminant(&segment.kind)).or_insert(0) += 1;
            }
        }
    }
    assert!(reached > seeds(), "too few visits reached the milestone: {reached}");
    // All kinds but the four about folded, quiet and untracked time.
    assert!(kinds.len() == 10, "the simulator shows only {} kinds of segments", kinds.len());
}

#[test]
fn a_record_that_lost_its_ancestors_or_contradicts_itself_still_tiles() {
    for seed in 1..=seeds() / 4 {
        let ran = World::new(seed).run(None);
        for record in &ran.visits {
            let place = format!("seed {seed}, visit {}", record.visit);
            let mut folded = record.clone();
            let mut circular = record.clone();
            let last = record.spans.len() as u32 - 1;
            for (at, span) in folded.spans.iter_mut().enumerate() {
                if let Span::Call(call) = span
                    && at as u64 % 3 == seed % 3
                {
                    call.trigger.producer = Producer::Folded;
                }
            }
            for span in &mut circular.spans {
                match span {
                    Span::Call(call) => {
                        call.trigger.producer = Producer::Span(last);
                        call.waits.reverse();
                    }
                    Span::Work(work) => work.call = last,
                }
            }
            assert_tiles(&way_of(&folded), &place);
            assert_tiles(&way_of(&circular), &place);
        }
    }
}

#[test]
fn leaving_out_nothing_replays_the_milestone_and_leaving_out_anything_never_delays_it() {
    for seed in 1..=seeds() {
        for record in &World::new(seed).run(None).visits {
            let Some(milestone) = record.reached(MILESTONE) else {
                continue;
            };
            let replay = Replay::new(record);
            let without = |zero: &[Zero]| replay.time(milestone.producer, milestone.time, zero);
            assert_eq!(without(&[]), milestone.time, "seed {seed}, visit {}", record.visit);
            let account = way_of(record);
            for (index, _) in record.indexed() {
                let time = without(&[Zero::span(index)]);
                assert!(time <= milestone.time);
                assert!(time >= record.arrival);
                let beside = !account.segments.iter().any(|s| s.span == Some(index));
                if beside && !account.segments.iter().any(Segment::is_own_wait) {
                    assert_eq!(time, milestone.time, "seed {seed}: {index} lies beside the way");
                }
            }
        }
    }
}

/// How far estimates are from the truth, which is the world run again without the thing.
#[derive(Debug, Default)]
struct Errors {
    lines: u64,
    /// Lines that are wrong by more than a tenth.
    own_length_wrong: u64,
    replay_wrong: u64,
}

impl Errors {
    fn note(&mut self, own: u64, estimate: u64, gain: i64) {
        let wrong = |value: u64| u64::from((value as i64 - gain).unsigned_abs() > (own / 10).max(1));
        self.lines += 1;
        self.own_length_wrong += wrong(own);
        self.replay_wrong += wrong(estimate);
    }
}

#[test]
fn what_a_replay_says_is_nearer_the_truth_than_a_lines_own_length() {
    let (mut alone, mut together) = (Errors::default(), Errors::default());
    for seed in (1..=seeds().max(1_000)).step_by(10) {
        let world = World::new(seed);
        let ran = world.run(None);
        let errors = if ran.visits.len() == 1 { &mut alone } else { &mut together };
        for (record, keys) in ran.visits.iter().zip(&ran.keys) {
            let Some(milestone) = record.reached(MILESTONE) else {
                continue;
            };
            let account = way_of(record);
            let replay = Replay::new(record);
            for (&index, &key) in keys {
                let on_way = account.segments.iter().filter(|s| s.span == Some(index));
                let own: u64 = on_way.map(Segment::length).sum();
                let truth = &world.run(Some(key)).visits[record.visit as usize];
                let Some(then) = truth.reached(MILESTONE).filter(|_| own > 0) else {
                    continue;
                };
                let gain = milestone.time as i64 - then.time as i64;
                let time = replay.time(milestone.producer, milestone.time, &[Zero::span(index)]);
                errors.note(own, milestone.time - time, gain);
            }
        }
    }
    println!("alone {alone:?}; together {together:?}");
    assert!(alone.lines > 100 && together.lines > 1_000, "{alone:?} {together:?}");
    assert!(alone.replay_wrong < alone.own_length_wrong, "{alone:?}");
    assert!(together.replay_wrong < together.own_length_wrong, "{together:?}");
}

#[test]
fn the_slowest_and_the_heaviest_come_in_order() {
    for seed in 1..=seeds() / 4 {
        for record in &mut World::new(seed).run(None).visits {
            for (at, span) in record.spans.iter_mut().enumerate() {
                if let Span::Call(call) = span {
                    call.cost.peak = (at as u64 * 7_919 + seed) % 5_000_000;
                    call.cost.live = (at as i64 * 104_729) % 9_000_000 - 2_000_000;
                }
            }
            let account = way_of(record);
            let slowest = account.slowest();
            assert!(slowest.windows(2).all(|w| w[0].took >= w[1].took));
            assert!(slowest.iter().all(|line| line.kind.ran()));
            let heaviest = account.heaviest();
            assert!(heaviest.windows(2).all(|w| w[0].demand() >= w[1].demand()));
            let calls: i64 = account.lines.iter().filter(|l| !l.after).filter_map(|l| l.live).sum();
            assert_eq!(calls, account.memory.calls, "the lines' memory adds up");
        }
    }
}

#[test]
fn a_visit_without_its_milestone_is_accounted_for_until_its_close() {
    for seed in 1..=seeds() / 4 {
        for record in &World::new(seed).run(None).visits {
            let account = account::of(record, &RunRecord::default(), Some("never"));
            assert_tiles(&account, &format!("seed {seed}"));
            assert!(!account.reached);
            assert_eq!(Some(account.to), record.closed.map(|(time, _)| time));
            let quiet = account.segments.iter().filter(|s| s.kind == SegmentKind::Quiet);
            // From what was done last; that a stage was told of something is nothing that was done.
            let told = |span: &Span| matches!(span, Span::Call(call) if call.kind == CallKind::Event);
            let ends = |wanted: &dyn Fn(&Span) -> bool| {
                record.spans.iter().filter(|span| wanted(span)).filter_map(Span::end).max()
            };
            let last = ends(&|span| !told(span)).or_else(|| ends(&|_| true)).expect("something was done");
            assert_eq!(quiet.map(Segment::length).sum::<u64>(), account.to - last);
            assert!(account.segments.iter().all(|s| s.sooner.is_none()));
        }
    }
}
