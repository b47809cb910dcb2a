//! A random runtime: stages that share threads, joins, deadlines, failures, deferred work, lazy
//! and prewarmed openings, one to four visits. It fills visit records as the real one does.
//!
//! Every length comes from a hash of what it is the length of, so that the same world can be run
//! again with one thing taking no time: that is the truth to which an estimate is held.

#![allow(dead_code)] // each test binary uses a part of it

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use majlis_meter::record::{
    BegunFor, Call, CallKind, Cut, CutKind, Nanos, Outcome, Producer, Span, Trigger, VisitRecord, Work, WorkOutcome,
};

pub(crate) const MILESTONE: &str = "greeted";

/// What a span is the execution of, in every run of its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Call { stage: usize, visit: usize, port: usize, nth: usize },
    Work { stage: usize, visit: usize, port: usize, nth: usize },
    Opening { stage: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pass,
    Join,
    Deadline,
    Defer,
    Sink,
}

struct Stage {
    thread: usize,
    kind: Kind,
    inputs: usize,
    outputs: Vec<(usize, usize)>,
    opening: Nanos,
    prewarm: bool,
}

struct Plan {
    arrival: Nanos,
    first: Nanos,
    ahead: Nanos,
    frames: usize,
    source_is_call: bool,
}

pub(crate) struct World {
    seed: u64,
    stages: Vec<Stage>,
    threads: usize,
    plans: Vec<Plan>,
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn hash(seed: u64, key: &[u64]) -> u64 {
    key.iter().fold(mix(seed), |s, &k| mix(s ^ k.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let random = |key: &[u64], below: u64| hash(seed, key) % below;
        let count = 4 + random(&[1], 6) as usize;
        let threads = 1 + random(&[2], count as u64) as usize;
        let mut stages: Vec<Stage> = (0..count)
            .map(|i| {
                let id = i as u64;
                let kind = match random(&[3, id], 6) {
                    2 => Kind::Join,
                    3 => Kind::Deadline,
                    4 => Kind::Defer,
                    _ => Kind::Pass,
                };
                let opens = random(&[5, id], 2) == 0;
                Stage {
                    thread: random(&[4, id], threads as u64) as usize,
                    kind: if i == count - 1 { Kind::Sink } else { kind },
                    inputs: 0,
                    outputs: Vec::new(),
                    opening: if opens { random(&[6, id], 400) } else { 0 },
                    prewarm: random(&[7, id], 4) == 0,
                }
            })
            .collect();
        for to in 1..count {
            let mut seen = HashSet::new();
            for edge in 0..1 + random(&[8, to as u64], 3) {
                // The one above the last is the source.
                let from = random(&[9, to as u64, edge], to as u64 + 1) as usize;
                if from != to && seen.insert(from) {
                    let port = stages[to].inputs;
                    stages[to].inputs += 1;
                    stages[from].outputs.push((to, port));
                }
            }
        }
        let plans = (0..1 + random(&[10], 4))
            .map(|v| Plan {
                arrival: 1_000 + random(&[11, v], 300),
                first: random(&[12, v], 60),
                ahead: random(&[13, v], 40),
                frames: 1 + random(&[14, v], 3) as usize,
                source_is_call: random(&[15, v], 2) == 0,
            })
            .collect();
        Self { seed, stages, threads, plans }
    }
}

#[derive(Clone, Copy)]
struct Item {
    stage: usize,
    visit: usize,
    port: usize,
    nth: usize,
    stamp: Nanos,
    kind: CallKind,
    trigger: Trigger,
}

enum Happening {
    Arrives(Item),
    Frees(usize),
}

/// What a thread did, in order.
#[derive(Clone, Copy)]
struct Block {
    start: Nanos,
    end: Nanos,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Opening { stage: usize, visit: Option<usize> },
    Call { stage: usize, visit: usize },
    Restart { stage: usize },
}

#[derive(Default)]
struct Progress {
    ports: HashSet<usize>,
    done: bool,
    armed: bool,
}

/// The records of one run, and what each of their spans is in other runs of the world.
pub(crate) struct Ran {
    pub(crate) visits: Vec<VisitRecord>,
    pub(crate) keys: Vec<HashMap<u32, Key>>,
}

struct Run<'a> {
    world: &'a World,
    zero: Option<Key>,
    ran: Ran,
    heap: BinaryHeap<Reverse<(Nanos, usize)>>,
    happenings: Vec<Happening>,
    queues: Vec<Vec<(usize, Item)>>,
    busy: Vec<bool>,
    timelines: Vec<Vec<Block>>,
    opened: HashSet<usize>,
    progress: HashMap<(usize, usize), Progress>,
    accepted: usize,
}

impl World {
    /// Runs the world, with `zero` taking no time.
    pub(crate) fn run(&self, zero: Option<Key>) -> Ran {
        let visits: Vec<VisitRecord> = self
            .plans
            .iter()
            .enumerate()
            .map(|(v, plan)| {
                let mut record = VisitRecord::new(v as u64, plan.arrival, SOURCE);
                record.other_visits_overlap = self.plans.len() > 1;
                record
            })
            .collect();
        let mut run = Run {
            world: self,
            zero,
            ran: Ran { keys: vec![HashMap::new(); visits.len()], visits },
            heap: BinaryHeap::new(),
            happenings: Vec::new(),
            queues: vec![Vec::new(); self.threads],
            busy: vec![false; self.threads],
            timelines: vec![Vec::new(); self.threads],
            opened: HashSet::new(),
            progress: HashMap::new(),
            accepted: 0,
        };
        run.prewarm();
        run.frames();
        run.go();
        run.ran
    }
}

/// The source is no stage of the world; its calls run on a thread of their own.
const SOURCE: u16 = 900;

impl Run<'_> {
    fn at(&mut self, time: Nanos, happening: Happening) {
        self.happenings.push(happening);
        self.heap.push(Reverse((time, self.happenings.len() - 1)));
    }

    fn length(&self, key: Key, length: Nanos) -> Nanos {
        if self.zero == Some(key) { 0 } else { length }
    }

    fn prewarm(&mut self) {
        let mut free = vec![900; self.world.threads];
        for (stage, s) in self.world.stages.iter().enumerate() {
            if s.prewarm && s.opening > 0 {
                let start = free[s.thread];
                let end = start + self.length(Key::Opening { stage }, s.opening);
                let what = What::Opening { stage, visit: None };
                self.timelines[s.thread].push(Block { start, end, what });
                free[s.thread] = end;
                self.opened.insert(stage);
            }
        }
        for (thread, free) in free.into_iter().enumerate() {
            self.busy[thread] = free > 900;
            if self.busy[thread] {
                self.at(free, Happening::Frees(thread));
            }
        }
    }

    fn frames(&mut self) {
        for (visit, plan) in self.world.plans.iter().enumerate() {
            for nth in 0..plan.frames {
                let time = plan.arrival + plan.first + 100 * nth as Nanos;
                let mut producer = Producer::Origin(SOURCE);
                if plan.source_is_call {
                    // It was woken before the visitor came, perhaps.
                    let woken = time - plan.ahead;
                    let trigger = Trigger { producer, time: woken, due: None };
                    producer = Producer::Span(self.ran.visits[visit].push(Span::Call(Call {
                        stage: SOURCE,
                        thread: SOURCE,
                        kind: CallKind::Wake,
                        trigger,
                        start: woken,
                        end: time,
                        ..Call::default()
                    })));
                }
                for stage in 0..self.world.stages.len() {
                    if self.world.stages[stage].inputs == 0 {
                        let trigger = Trigger { producer, time, due: None };
                        let kind = CallKind::Packet;
                        let item = Item { stage, visit, port: 0, nth, stamp: time, kind, trigger };
                        self.at(time, Happening::Arrives(item));
                    }
                }
            }
        }
    }

    fn go(&mut self) {
        let mut steps = 0;
        while let Some(Reverse((now, at))) = self.heap.pop() {
            steps += 1;
            if steps > 20_000 {
                break;
            }
            let thread = match self.happenings[at] {
                Happening::Arrives(item) => {
                    let thread = self.world.stages[item.stage].thread;
                    self.queues[thread].push((self.accepted, item));
                    self.accepted += 1;
                    thread
                }
                Happening::Frees(thread) => {
                    self.busy[thread] = false;
                    thread
                }
            };
            let next = self.queues[thread]
                .iter()
                .enumerate()
                .filter(|_| !self.busy[thread])
                .min_by_key(|(_, (seq, item))| (item.kind != CallKind::Event, item.stamp, *seq))
                .map(|(at, _)| at);
            if let Some(next) = next {
                let (_, item) = self.queues[thread].remove(next);
                self.serve(now, thread, item);
            }
        }
        for record in &mut self.ran.visits {
            let end = record.spans.iter().filter_map(Span::end).max();
            record.closed = end.map(|end| (end + 5, majlis_meter::record::Closed::Ended));
        }
    }

    fn serve(&mut self, now: Nanos, thread: usize, item: Item) {
        let world = self.world;
        let Item { stage, visit, port, nth, .. } = item;
        let spec = &world.stages[stage];
        let random = |what: u64, below: u64| {
            let kind = item.kind as u64;
            let id = [what, stage as u64, visit as u64, port as u64, kind, nth as u64];
            hash(world.seed, &id) % below
        };
        self.busy[thread] = true;
        let mut start = now;
        if self.opened.insert(stage) && spec.opening > 0 {
            start += self.length(Key::Opening { stage }, spec.opening);
            let what = What::Opening { stage, visit: Some(visit) };
            self.timelines[thread].push(Block { start: now, end: start, what });
        }
        start += random(19, 4);
        let key_port = port + 100 * item.kind as usize;
        let key = Key::Call { stage, visit, port: key_port, nth };
        let length = self.length(key, 1 + random(20, 80));
        let emitted = start + length * random(21, 101) / 100;
        let end = start + length;
        let fails = item.kind == CallKind::Packet && random(22, 20) == 0 && spec.kind != Kind::Sink;
        let call = Call {
            stage: stage as u16,
            thread: thread as u16,
            kind: item.kind,
            trigger: item.trigger,
            waits: self.waits(thread, &item, start),
            start,
            end,
            outcome: if fails { Outcome::Failed("no".to_owned()) } else { Outcome::Ok },
            ..Call::default()
        };
        let index = self.ran.visits[visit].push(Span::Call(call));
        self.ran.keys[visit].insert(index, key);
        let what = What::Call { stage, visit };
        self.timelines[thread].push(Block { start, end, what });

        let progress = self.progress.entry((stage, visit)).or_default();
        let wake = item.kind == CallKind::Wake;
        if !wake {
            progress.ports.insert(port);
        }
        let complete = progress.ports.len() >= spec.inputs.max(1);
        let mut emits = !fails;
        match spec.kind {
            Kind::Pass | Kind::Defer => {}
            Kind::Join => {
                emits = complete && !progress.done;
                progress.done |= emits;
            }
            Kind::Deadline => {
                emits = (wake || (complete && spec.inputs > 1)) && !progress.done;
                progress.done |= emits;
                if !progress.armed && !wake {
                    progress.armed = true;
                    let due = end + 50 + hash(world.seed, &[23, stage as u64]) % 300;
                    let trigger = Trigger { producer: Producer::Span(index), time: end, due: Some(due) };
                    let wake = Item { kind: CallKind::Wake, trigger, ..item };
                    self.at(due, Happening::Arrives(wake));
                }
            }
            Kind::Sink if progress.done => emits = false,
            Kind::Sink => {
                progress.done = true;
                emits = false;
                self.sink(index, item, emitted, random(26, 3) == 0, random(27, 200));
            }
        }
        let mut after = end;
        if spec.kind == Kind::Defer {
            self.defer(index, item, emitted);
        } else if emits {
            self.emit(Producer::Span(index), item, emitted, CallKind::Packet, nth);
        } else if fails {
            self.emit(Producer::Span(index), item, end, CallKind::Event, nth);
            after += random(28, 30);
            if after > end {
                let block = Block { start: end, end: after, what: What::Restart { stage } };
                self.timelines[thread].push(block);
            }
        }
        self.at(after, Happening::Frees(thread));
    }

    fn emit(&mut self, producer: Producer, by: Item, time: Nanos, kind: CallKind, nth: usize) {
        for &(stage, port) in &self.world.stages[by.stage].outputs {
            let trigger = Trigger { producer, time, due: None };
            self.at(time, Happening::Arrives(Item { stage, port, nth, kind, trigger, ..by }));
        }
    }

    fn begin_work(&mut self, call: u32, item: Item, begun: Nanos) -> (u32, Key) {
        let Item { stage, visit, port, nth, .. } = item;
        let key = Key::Work { stage, visit, port: port + 100 * item.kind as usize, nth };
        let work = Work {
            stage: stage as u16,
            label: "ask".to_owned(),
            call,
            begun,
            outcome: WorkOutcome::Finished,
            ..Work::default()
        };
        let index = self.ran.visits[visit].push(Span::Work(work));
        self.ran.keys[visit].insert(index, key);
        (index, key)
    }

    fn end_work(&mut self, visit: usize, index: u32, marks: Vec<(String, Nanos)>, end: Nanos) {
        if let Some(work) = self.ran.visits[visit].work_mut(index) {
            work.marks = marks;
            work.end = Some(end);
        }
    }

    fn defer(&mut self, call: u32, item: Item, begun: Nanos) {
        let (index, key) = self.begin_work(call, item, begun);
        let (stage, visit, nth) = (item.stage as u64, item.visit as u64, item.nth);
        let seed = self.world.seed;
        let mut time = begun;
        let mut marks = Vec::new();
        for answer in 0..1 + hash(seed, &[24, stage, visit]) % 3 {
            let length = 10 + hash(seed, &[25, stage, visit, answer, nth as u64]) % 250;
            let length = self.length(key, length);
            marks.push((format!("half of {answer}"), time + length / 2));
            time += length;
            let answer_nth = nth * 10 + answer as usize;
            self.emit(Producer::Span(index), item, time, CallKind::Packet, answer_nth);
        }
        self.end_work(item.visit, index, marks, time);
    }

    /// The milestone is set in the call, or by a work that it begins.
    fn sink(&mut self, call: u32, item: Item, time: Nanos, deferred: bool, length: Nanos) {
        let mut producer = Producer::Span(call);
        let mut at = time;
        if deferred {
            let (index, key) = self.begin_work(call, item, time);
            producer = Producer::Span(index);
            at += self.length(key, length);
            self.end_work(item.visit, index, Vec::new(), at + 7);
        }
        self.ran.visits[item.visit].milestone(MILESTONE, at, producer, item.stage as u16);
    }

    fn waits(&self, thread: usize, item: &Item, start: Nanos) -> Vec<Cut> {
        let ready = item.trigger.ready();
        let cuts = self.timelines[thread].iter().filter(|b| b.end > ready && b.start < start);
        let mut cuts: Vec<Cut> = cuts
            .map(|block| Cut {
                start: block.start.max(ready),
                end: block.end,
                kind: match block.what {
                    What::Restart { stage } => CutKind::RestartDelay { stage: stage as u16 },
                    What::Call { stage, visit } => {
                        CutKind::OtherCall { stage: stage as u16, same_visit: visit == item.visit }
                    }
                    What::Opening { stage, visit } if stage == item.stage => CutKind::OwnOpening {
                        stage: stage as u16,
                        begun_for: match visit {
                            None => BegunFor::Prewarm,
                            Some(v) if v == item.visit => BegunFor::ThisVisit,
                            Some(_) => BegunFor::OtherVisit,
                        },
                    },
                    What::Opening { stage, .. } => CutKind::OtherOpening { stage: stage as u16 },
                },
            })
            .filter(|cut| cut.end > cut.start)
            .collect();
        // The real one knows a thread's last 64 blocks; here a few must do to see the rest.
        let unknown = cuts.len().saturating_sub(8);
        if unknown > 0 {
            let end = cuts[unknown - 1].end;
            cuts.drain(1..unknown);
            cuts[0] = Cut { end, kind: CutKind::Busy, ..cuts[0] };
        }
        cuts
    }
}

impl World {
    /// That no thread did two things at once, as far as the records show.
    pub(crate) fn assert_threads_do_one_thing_at_a_time(&self, ran: &Ran) {
        let mut spans: HashMap<u16, Vec<(Nanos, Nanos)>> = HashMap::new();
        for call in ran.visits.iter().flat_map(|v| &v.spans).filter_map(|span| match span {
            Span::Call(call) if call.stage != SOURCE => Some(call),
            _ => None,
        }) {
            spans.entry(call.thread).or_default().push((call.start, call.end));
        }
        for spans in spans.values_mut() {
            spans.sort_unstable();
            assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "seed {}", self.seed);
        }
    }
}
