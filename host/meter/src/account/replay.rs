//! When a moment would have come if something had taken no time.
//!
//! The visit's own calls are replayed in the order in which each thread made them: a call begins
//! when its trigger is ready, its thread is free and its opening is done, plus the hand-over that
//! was recorded. What other visits did stays where it was. It is an estimate, because a real run
//! might have served its packets in another order; leaving out nothing gives the recorded moment.
//!
//! A report asks once for each of its lines, so a pass begins where something is left out and
//! computes only what moves because of it.

use std::collections::{HashMap, HashSet};

use crate::record::{BegunFor, Call, Cut, CutKind, Nanos, Producer, Span, VisitRecord};

/// What a replay lets take no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zero {
    /// A call or a deferred work, or the part of it between two moments of the record.
    Span {
        /// Its index.
        span: u32,
        /// From when.
        from: Nanos,
        /// Until when.
        to: Nanos,
    },
    /// The opening of `stage` that ended at `end` and was begun for this visit.
    Opening {
        /// The stage.
        stage: u16,
        /// When it ended.
        end: Nanos,
    },
    /// What occupied `thread` until `end` and was not this visit's.
    Block {
        /// The thread.
        thread: u16,
        /// When it ended.
        end: Nanos,
    },
    /// The timer of the wake that this call served.
    Timer(u32),
    /// All hand-over before this call.
    HandOver(u32),
    /// The wait for the source's first packet: everything from it comes earlier by as much.
    Source,
}

impl Zero {
    /// The whole of a span.
    pub fn span(span: u32) -> Self {
        Self::Span { span, from: 0, to: Nanos::MAX }
    }
}

/// A visit's calls in the order in which they are replayed.
pub struct Replay<'a> {
    record: &'a VisitRecord,
    steps: Vec<Step<'a>>,
    /// The step of each span of the record that is a call.
    step_of: Vec<Option<usize>>,
    /// Own calls by thread and end: cuts about these are in the order of the thread already.
    own: HashSet<(u16, Nanos)>,
    /// The first step that waited for an opening moves it; the others move with it.
    openers: HashMap<(u16, Nanos), usize>,
    starts: Vec<Nanos>,
    ends: Vec<Nanos>,
    /// How long the visit waited for its source's first packet.
    source: Nanos,
}

struct Step<'a> {
    index: u32,
    call: &'a Call,
    /// The step before it on its thread.
    before: Option<usize>,
}

impl<'a> Replay<'a> {
    /// Prepares the replay of a visit.
    pub fn new(record: &'a VisitRecord) -> Self {
        let mut order: Vec<(u32, usize, &Call)> = record
            .indexed()
            .enumerate()
            .filter_map(|(at, (index, span))| match span {
                Span::Call(call) => Some((index, at, call)),
                Span::Work(_) => None,
            })
            .collect();
        order.sort_by_key(|(index, _, call)| (call.start, *index));
        let mut step_of = vec![None; record.spans.len()];
        let mut latest: HashMap<u16, usize> = HashMap::new();
        let mut openers = HashMap::new();
        let mut steps = Vec::with_capacity(order.len());
        for (step, (index, at, call)) in order.into_iter().enumerate() {
            step_of[at] = Some(step);
            for opening in call.waits.iter().filter_map(own_opening) {
                openers.entry(opening).or_insert(step);
            }
            let before = latest.insert(call.thread, step);
            steps.push(Step { index, call, before });
        }
        let source = steps
            .iter()
            .filter(|step| matches!(step.call.trigger.producer, Producer::Origin(_)))
            .map(|step| step.call.trigger.time.saturating_sub(record.arrival))
            .min()
            .unwrap_or(0);
        Self {
            record,
            own: steps.iter().map(|step| (step.call.thread, step.call.end)).collect(),
            starts: steps.iter().map(|step| step.call.start).collect(),
            ends: steps.iter().map(|step| step.call.end).collect(),
            steps,
            step_of,
            openers,
            source,
        }
    }

    /// When `time`, which `producer` brought about, would have come without `zero`.
    pub fn time(&self, producer: Producer, time: Nanos, zero: &[Zero]) -> Nanos {
        let mut pass = Pass {
            replay: self,
            parts: Vec::new(),
            rest: Vec::new(),
            starts: self.starts.clone(),
            ends: self.ends.clone(),
            openings: HashMap::new(),
        };
        for zero in zero {
            match *zero {
                Zero::Span { span, from, to } => pass.parts.push((span, from, to)),
                other => pass.rest.push(other),
            }
        }
        pass.parts.sort_unstable();
        pass.rest.sort_unstable();
        let first = zero.iter().map(|zero| self.first_moved(zero)).min().unwrap_or(usize::MAX);
        // What began after the moment cannot have brought it about.
        let end = self.starts.partition_point(|start| *start <= time);
        for step in first..end {
            pass.step(step);
        }
        pass.moment(producer, time)
    }

    /// The first step that may move when `zero` takes no time.
    fn first_moved(&self, zero: &Zero) -> usize {
        let starts_at = |time: Nanos| self.starts.partition_point(|start| *start < time);
        match *zero {
            Zero::Span { span, .. } => match self.record.get(span) {
                Some(span) => starts_at(span.start()),
                None => usize::MAX,
            },
            Zero::Timer(call) | Zero::HandOver(call) => self.step(call).unwrap_or(usize::MAX),
            Zero::Opening { end, .. } | Zero::Block { end, .. } => starts_at(end),
            Zero::Source => 0,
        }
    }

    fn step(&self, index: u32) -> Option<usize> {
        self.record.position(index).and_then(|at| self.step_of.get(at).copied().flatten())
    }
}

/// The opening that a cut is about, if it was begun for this visit.
fn own_opening(cut: &Cut) -> Option<(u16, Nanos)> {
    match cut.kind {
        CutKind::OwnOpening { stage, begun_for: BegunFor::ThisVisit } => Some((stage, cut.end)),
        _ => None,
    }
}

/// A moment as it was recorded and as it is replayed.
#[derive(Clone, Copy)]
struct Both {
    was: Nanos,
    is: Nanos,
}

impl Both {
    fn at_least(self, other: Self) -> Self {
        Self { was: self.was.max(other.was), is: self.is.max(other.is) }
    }

    /// What came `was - self.was` later in the record comes as much later in the replay.
    fn then(self, was: Nanos) -> Nanos {
        match was.checked_sub(self.was) {
            Some(later) => self.is.saturating_add(later),
            None => self.is.saturating_sub(self.was - was),
        }
    }
}

struct Pass<'a> {
    replay: &'a Replay<'a>,
    /// What is left out of spans: (span, from, to), in order.
    parts: Vec<(u32, Nanos, Nanos)>,
    /// What else is left out, in order.
    rest: Vec<Zero>,
    /// When each step begins and ends in the replay; as recorded until it moves.
    starts: Vec<Nanos>,
    ends: Vec<Nanos>,
    /// When openings that moved end.
    openings: HashMap<(u16, Nanos), Nanos>,
}

impl Pass<'_> {
    fn step(&mut self, at: usize) {
        let Step { index, call, before } = self.replay.steps[at];
        let asked = self.moment(call.trigger.producer, call.trigger.time);
        if !self.moves(at, asked) {
            return;
        }
        let timer = match self.left_out(Zero::Timer(index)) {
            true => 0,
            false => call.trigger.ready() - call.trigger.time,
        };
        let mut free = Both { was: call.trigger.ready(), is: asked + timer };
        if let Some(before) = before {
            free = free.at_least(Both { was: self.replay.ends[before], is: self.ends[before] });
        }
        let no_hand_over = self.left_out(Zero::HandOver(index));
        for cut in &call.waits {
            free = match (own_opening(cut), cut.kind) {
                (None, CutKind::OtherCall { same_visit: true, .. })
                    if self.replay.own.contains(&(call.thread, cut.end)) =>
                {
                    free
                }
                (Some(opening), _) => {
                    let is = if self.replay.openers.get(&opening) == Some(&at) {
                        let start = if no_hand_over { free.is } else { free.then(cut.start) };
                        let zero = Zero::Opening { stage: opening.0, end: opening.1 };
                        let length = cut.end - cut.start.min(cut.end);
                        let is = start + if self.left_out(zero) { 0 } else { length };
                        self.openings.insert(opening, is);
                        is
                    } else {
                        self.openings.get(&opening).copied().unwrap_or(cut.end)
                    };
                    free.at_least(Both { was: cut.end, is })
                }
                _ if self.left_out(Zero::Block { thread: call.thread, end: cut.end }) => {
                    Both { was: free.was.max(cut.end), is: free.is }
                }
                _ => free.at_least(Both { was: cut.end, is: cut.end }),
            };
        }
        let start = if no_hand_over { free.is } else { free.then(call.start) };
        self.starts[at] = start;
        self.ends[at] = start.saturating_add(self.elapsed(index, call.start, call.end));
    }

    /// Whether anything that a step depends on, or the step itself, is not as it was recorded.
    fn moves(&self, at: usize, asked: Nanos) -> bool {
        let Step { index, call, before } = self.replay.steps[at];
        asked != call.trigger.time
            || before.is_some_and(|before| self.ends[before] != self.replay.ends[before])
            || self.parts.binary_search_by_key(&index, |(span, ..)| *span).is_ok()
            || (!self.rest.is_empty() && self.touches(index, call))
            || (!self.openings.is_empty()
                && call.waits.iter().filter_map(own_opening).any(|o| self.openings.contains_key(&o)))
    }

    fn touches(&self, index: u32, call: &Call) -> bool {
        self.left_out(Zero::Timer(index))
            || self.left_out(Zero::HandOver(index))
            || call.waits.iter().any(|cut| match own_opening(cut) {
                Some((stage, end)) => self.left_out(Zero::Opening { stage, end }),
                None => self.left_out(Zero::Block { thread: call.thread, end: cut.end }),
            })
    }

    fn left_out(&self, zero: Zero) -> bool {
        self.rest.binary_search(&zero).is_ok()
    }

    fn moment(&self, producer: Producer, time: Nanos) -> Nanos {
        let record = self.replay.record;
        let earliest = time.min(record.arrival);
        let moment = match producer {
            Producer::Folded => time,
            Producer::Origin(_) if self.left_out(Zero::Source) => time.saturating_sub(self.replay.source),
            Producer::Origin(_) => time,
            Producer::Span(index) => match record.get(index) {
                None => time,
                Some(Span::Call(call)) => self.in_call(index, call.start, time),
                Some(Span::Work(work)) => {
                    let begun = match record.get(work.call) {
                        Some(Span::Call(call)) => self.in_call(work.call, call.start, work.begun),
                        _ => work.begun,
                    };
                    let elapsed = self.elapsed(index, work.begun, time);
                    Both { was: work.begun, is: begun }.then(work.begun + elapsed)
                }
            },
        };
        moment.max(earliest)
    }

    fn in_call(&self, index: u32, start: Nanos, time: Nanos) -> Nanos {
        match self.replay.step(index) {
            Some(step) => self.starts[step].saturating_add(self.elapsed(index, start, time)),
            None => time,
        }
    }

    /// What a span takes from `start` to `time` without the parts that are left out.
    fn elapsed(&self, index: u32, start: Nanos, time: Nanos) -> Nanos {
        let whole = time.saturating_sub(start);
        let first = self.parts.partition_point(|(span, ..)| *span < index);
        let own = self.parts[first..].iter().take_while(|(span, ..)| *span == index);
        let out: Nanos = own.map(|(_, from, to)| (*to).min(time).saturating_sub((*from).max(start))).sum();
        whole.saturating_sub(out)
    }
}
