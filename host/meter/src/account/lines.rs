//! A visit line by line: its steps, its openings, its waits.
//!
//! A visit may hold thousands of spans, and a reader a dozen lines. Calls of one stage that went
//! well, lie beside the way and say nothing of their own become one line; so do wakes. What is on
//! the way, went wrong or carries a fact keeps a line to itself.

use std::collections::{BTreeMap, HashMap};

use super::Zero;
use super::names::{Mapped, Names};
use super::walk::{Segment, SegmentKind};
use crate::record::{BegunFor, CallKind, CutKind, Nanos, Opening, OpeningOutcome, RunRecord, Span, VisitRecord, Why};

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// Calls.
    Call(CallKind),
    /// Deferred work.
    Work,
    /// The opening of a stage; of one begun for another visit only the wait for it.
    Opening(BegunFor),
    /// Calls that are no longer kept.
    Folded,
    /// A wait on the way.
    Wait(SegmentKind),
}

impl LineKind {
    /// Whether it is something that ran, and not a wait or a sum.
    pub fn ran(self) -> bool {
        matches!(self, Self::Call(_) | Self::Work | Self::Opening(_))
    }
}

/// What went otherwise than meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mishap {
    /// An error: its text.
    Failed(String),
    /// A panic: its text.
    Panicked(String),
    /// Not done: why.
    Skipped(String),
    /// Done past the deadline, and used.
    Late,
    /// Cancelled.
    Cancelled(Why),
    /// Its handle was dropped unfinished.
    Dropped,
}

/// A stretch of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinePart {
    /// From when.
    pub start: Nanos,
    /// Until when.
    pub end: Nanos,
    /// Whether the way leads through it.
    pub on_way: bool,
}

/// One line of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub kind: LineKind,
    /// Its stage.
    pub stage: Option<u16>,
    /// Its thread; `None` for deferred work and waits.
    pub thread: Option<u16>,
    /// What a reader calls it.
    pub title: String,
    /// When the first of it began.
    pub start: Nanos,
    /// When the last of it ended.
    pub end: Nanos,
    /// How long it took, all of it together.
    pub took: Nanos,
    /// Processor time of its threads meanwhile; `None` where it was not asked for.
    pub cpu: Option<Nanos>,
    /// How many it stands for.
    pub count: u64,
    /// It was still under way at the account's end.
    pub running: bool,
    /// It began after the account's end.
    pub after: bool,
    /// Bytes that it left alive; `None` for what is not metered.
    pub live: Option<i64>,
    /// The largest peak inside one of it, in bytes.
    pub peak: Option<u64>,
    /// How much of the way leads through it.
    pub on_way: Nanos,
    /// How much sooner (≈) the milestone would have come without it; `None` without a milestone.
    pub sooner: Option<Nanos>,
    /// What went otherwise than meant.
    pub mishap: Option<Mishap>,
    /// Steps that the plugin named, each with its moment.
    pub steps: Vec<(String, Nanos)>,
    /// Facts that the plugin attached; of several calls, the last one's.
    pub facts: Vec<(String, String)>,
    /// Files that it mapped.
    pub mapped: Vec<Mapped>,
    /// When it ran, in time order.
    pub parts: Vec<LinePart>,
    /// What a replay leaves out to learn `sooner`.
    pub(super) without: Vec<Zero>,
}

impl Line {
    /// What it needs of memory: its peak, or what it kept if that is more, in bytes.
    pub fn demand(&self) -> u64 {
        self.peak.unwrap_or(0).max(self.live.map_or(0, |live| live.max(0) as u64))
    }

    pub(super) fn new(kind: LineKind, stage: Option<u16>, title: String, start: Nanos, end: Nanos) -> Self {
        Self {
            kind,
            stage,
            thread: None,
            title,
            start,
            end,
            took: end.saturating_sub(start),
            cpu: None,
            count: 1,
            running: false,
            after: false,
            live: None,
            peak: None,
            on_way: 0,
            sooner: None,
            mishap: None,
            steps: Vec::new(),
            facts: Vec::new(),
            mapped: Vec::new(),
            parts: Vec::new(),
            without: Vec::new(),
        }
    }

    /// Whether `next` may join this line: neither says anything that would be lost.
    fn takes(&self, next: &Self) -> bool {
        let plain = |line: &Self| {
            let beside = line.on_way == 0 || line.kind == LineKind::Call(CallKind::Wake);
            beside && line.mishap.is_none() && line.steps.is_empty() && !line.running
        };
        let same = self.kind == next.kind && self.after == next.after;
        let stages = self.stage == next.stage && self.title == next.title;
        let facts = self.facts.iter().map(|f| &f.0).eq(next.facts.iter().map(|f| &f.0));
        same && stages && facts && plain(self) && plain(next)
    }

    fn join(&mut self, next: Self) {
        self.start = self.start.min(next.start);
        self.end = self.end.max(next.end);
        self.took += next.took;
        self.count += next.count;
        self.cpu = match (self.cpu, next.cpu) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.live = match (self.live, next.live) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.peak = self.peak.max(next.peak);
        self.on_way += next.on_way;
        self.facts = next.facts;
        self.parts.extend(next.parts);
        self.without.extend(next.without);
        if self.thread != next.thread {
            self.thread = None;
        }
    }
}

/// The lines of a visit, in order of start. `sooner` says how much sooner the milestone would have
/// come without some things.
pub(super) fn of(
    record: &VisitRecord,
    run: &RunRecord,
    segments: &[Segment],
    to: Nanos,
    sooner: &dyn Fn(&[Zero]) -> Option<Nanos>,
) -> Vec<Line> {
    let names = Names(run);
    let mut on_way: HashMap<u32, Vec<(Nanos, Nanos)>> = HashMap::new();
    let mut opened: HashMap<(u16, Nanos), Vec<(Nanos, Nanos)>> = HashMap::new();
    let mut waits: BTreeMap<(SegmentKind, Option<u16>), Vec<&Segment>> = BTreeMap::new();
    for segment in segments {
        match (segment.span, segment.kind, segment.without) {
            (Some(span), ..) => {
                on_way.entry(span).or_default().push((segment.start, segment.end));
            }
            (None, SegmentKind::Opening(_), Some(Zero::Opening { end, .. } | Zero::Block { end, .. })) => {
                let stage = segment.stage.unwrap_or(u16::MAX);
                opened.entry((stage, end)).or_default().push((segment.start, segment.end));
            }
            _ => waits.entry((segment.kind, names.apart(segment))).or_default().push(segment),
        }
    }

    let mut lines: Vec<Line> = Vec::new();
    // The line of each stage that may still take another call, by stage, kind and title.
    let mut open: HashMap<(u16, bool, String), usize> = HashMap::new();
    for (index, span) in record.indexed() {
        let mut line = match span {
            Span::Call(call) => names.call(call, to),
            Span::Work(work) => names.work(work, to),
        };
        line.after = span.start() >= to;
        line.without.push(Zero::span(index));
        line.lay(on_way.get(&index).map_or(&[], Vec::as_slice));
        let event = line.kind == LineKind::Call(CallKind::Event) && line.on_way == 0 && line.mishap.is_none();
        if event {
            (line.stage, line.thread, line.title) = (None, None, "Visit events".to_owned());
        }
        let key = (line.stage.unwrap_or(u16::MAX), line.after, line.title.clone());
        match open.get(&key).copied() {
            Some(at) if lines[at].takes(&line) => lines[at].join(line),
            _ => {
                open.insert(key, lines.len());
                lines.push(line);
            }
        }
    }
    lines.extend(openings(record, &names, to, &opened));
    lines.extend(record.folds.iter().map(|fold| names.fold(fold, record.arrival)));
    for ((kind, stage), segments) in waits {
        let (first, last) = (segments[0], segments[segments.len() - 1]);
        let title = names.wait(kind, stage);
        let mut line = Line::new(LineKind::Wait(kind), stage, title, first.start, last.end);
        line.count = segments.len() as u64;
        line.on_way = segments.iter().map(|s| s.length()).sum();
        line.took = line.on_way;
        line.without = segments.iter().filter_map(|s| s.without).collect();
        lines.push(line);
    }
    // What lies beside the way delayed nothing, unless the way waited for something that it began.
    let waited = segments.iter().any(Segment::is_own_wait);
    let nothing = sooner(&[]);
    for line in &mut lines {
        let delays = line.on_way > 0 || (waited && !line.after);
        line.sooner = if delays { sooner(&line.without) } else { nothing };
    }
    lines.sort_by_key(|line| (line.start, line.end));
    lines
}

/// The openings that the visit began or waited for.
fn openings(
    record: &VisitRecord,
    names: &Names<'_>,
    to: Nanos,
    on_way: &HashMap<(u16, Nanos), Vec<(Nanos, Nanos)>>,
) -> Vec<Line> {
    let mut seen: BTreeMap<(u16, Nanos), (BegunFor, Nanos, u16)> = BTreeMap::new();
    for span in &record.spans {
        let Span::Call(call) = span else { continue };
        for cut in &call.waits {
            let CutKind::OwnOpening { stage, begun_for } = cut.kind else {
                continue;
            };
            let entry = seen.entry((stage, cut.end)).or_insert((begun_for, cut.start, call.thread));
            entry.1 = entry.1.min(cut.start);
        }
    }
    let own = |o: &&Opening| o.begun_for == Some(record.visit);
    for opening in names.0.openings.iter().filter(own) {
        let end = opening.end.unwrap_or(to.max(opening.start));
        let found = (BegunFor::ThisVisit, opening.start, opening.thread);
        seen.entry((opening.stage, end)).or_insert(found);
    }
    let mut lines = Vec::new();
    for ((stage, end), (begun_for, start, thread)) in seen {
        let mut line = Line::new(LineKind::Opening(begun_for), Some(stage), names.opening(stage), start, end);
        line.thread = Some(thread);
        line.after = start >= to;
        line.without = vec![match begun_for {
            BegunFor::ThisVisit => Zero::Opening { stage, end },
            BegunFor::OtherVisit | BegunFor::NoVisit | BegunFor::Prewarm => Zero::Block { thread, end },
        }];
        let same = |o: &&Opening| o.stage == stage && o.end.unwrap_or(end) == end;
        if begun_for == BegunFor::ThisVisit
            && let Some(opening) = names.0.openings.iter().filter(own).find(same)
        {
            line.start = opening.start;
            line.took = end.saturating_sub(opening.start);
            line.running = opening.end.is_none();
            line.cpu = opening.cost.cpu;
            if !names.0.unmetered {
                line.live = Some(opening.cost.live);
                line.peak = Some(opening.cost.peak);
            }
            line.mapped = opening.mapped.iter().map(|file| names.mapped(file)).collect();
            if let OpeningOutcome::Failed(why) = &opening.outcome {
                line.mishap = Some(Mishap::Failed(why.clone()));
            }
        }
        line.lay(on_way.get(&(stage, end)).map_or(&[], Vec::as_slice));
        lines.push(line);
    }
    lines
}

impl Line {
    /// Cuts its stretch into what is on the way and what lies beside. `on_way` is in time order.
    fn lay(&mut self, on_way: &[(Nanos, Nanos)]) {
        let mut at = self.start;
        let mut put = |start: Nanos, end: Nanos, on_way: bool| {
            if start >= end {
                return;
            }
            match self.parts.last_mut() {
                Some(last) if last.on_way == on_way && last.end == start => last.end = end,
                _ => self.parts.push(LinePart { start, end, on_way }),
            }
        };
        for &(start, end) in on_way {
            put(at, start, false);
            put(start, end, true);
            at = end;
        }
        put(at, self.end, false);
        self.on_way = on_way.iter().map(|(start, end)| end - start).sum();
    }
}
