//! The account of a visit: what the time from its arrival to its milestone was made of.
//!
//! The way is walked backwards from the milestone ([`walk`]): each thing has one producer, so
//! there is one way, and its segments tile the interval by construction, whatever ran beside it.
//! How much sooner the milestone would have come without a thing is another question, answered by
//! replaying the visit's own spans with that thing at length 0 ([`replay`]): a segment's own length
//! is no answer, because something else may be ready only later.

mod lines;
mod names;
pub mod replay;
pub mod walk;

use crate::record::{CallKind, Closed, Nanos, Others, Producer, RunRecord, Span, VisitRecord};

pub use lines::{Line, LineKind, LinePart, Mishap};
pub use names::Mapped;
pub use replay::{Replay, Zero};
pub use walk::{Segment, SegmentKind};

/// What a visit's time and memory were made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The visit.
    pub visit: u64,
    /// Its arrival.
    pub from: Nanos,
    /// The milestone; or, if it was not reached, the close; or the last thing known.
    pub to: Nanos,
    /// The milestone that was asked for.
    pub until: Option<String>,
    /// Whether it was reached, so that `to` is its time.
    pub reached: bool,
    /// How the visit closed; `None` while it is open.
    pub closed: Option<(Nanos, Closed)>,
    /// The way: segments that tile `from..to` in time order.
    pub segments: Vec<Segment>,
    /// Everything that the visit did or waited for, in time order. The lines' `on_way` add up to
    /// `to - from`.
    pub lines: Vec<Line>,
    /// What ran when, one lane for each thing that has a title.
    pub lanes: Vec<Lane>,
    /// The visit's memory.
    pub memory: Memory,
    /// Of the way: from one thread to another.
    pub hand_over: Nanos,
    /// Of the way: what no record explains.
    pub untracked: Nanos,
    /// Of the way: spans that are no longer kept.
    pub folded: Nanos,
    /// Packets that edges dropped: (edge, count).
    pub drops: Vec<(u16, u64)>,
    /// Packets that came after the close.
    pub late: u64,
}

/// One row of the picture of what ran side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The title of what ran.
    pub title: String,
    /// The thread; `None` for deferred work.
    pub thread: Option<u16>,
    /// When it ran, in time order.
    pub parts: Vec<LinePart>,
}

/// Heap bytes of a visit. Openings are the stages' and never added to its calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// What its calls left alive until the account's end.
    pub calls: i64,
    /// What its calls allocated until then.
    pub allocated: u64,
    /// What its calls freed until then.
    pub freed: u64,
    /// The largest peak inside one of its calls.
    pub peak: u64,
    /// What its calls after the account's end left alive.
    pub after: i64,
    /// What the openings that it began left alive.
    pub openings: i64,
    /// What other visits did at the same time; `None` if none was open.
    pub others: Option<Others>,
}

/// The account of a visit until the milestone `until`, or until its close if there is no such
/// milestone or the visit did not reach it.
pub fn of(record: &VisitRecord, run: &RunRecord, until: Option<&str>) -> Account {
    let end = End::of(record, until);
    let mut segments = walk::way(record, end.to, end.producer, end.quiet_from);
    let replay = Replay::new(record);
    let sooner = |zero: &[Zero]| {
        let without = replay.time(end.producer, end.to, zero);
        end.reached.then(|| end.to.saturating_sub(without))
    };
    for segment in &mut segments {
        segment.sooner = match &segment.without {
            Some(zero) => sooner(std::slice::from_ref(zero)),
            None => end.reached.then_some(0),
        };
    }
    let lines = lines::of(record, run, &segments, end.to, &sooner);
    let length = |kind: SegmentKind| segments.iter().filter(|s| s.kind == kind).map(Segment::length).sum::<Nanos>();
    Account {
        visit: record.visit,
        from: record.arrival.min(end.to),
        to: end.to,
        until: until.map(str::to_owned),
        reached: end.reached,
        closed: record.closed,
        lanes: lanes(&lines, end.to),
        memory: memory(record, run, end.to),
        hand_over: length(SegmentKind::HandOver),
        untracked: length(SegmentKind::Untracked),
        folded: length(SegmentKind::Folded),
        drops: record.drops.clone(),
        late: record.late,
        segments,
        lines,
    }
}

impl Account {
    /// From arrival to the account's end.
    pub fn length(&self) -> Nanos {
        self.to - self.from
    }

    /// The lines that took longest, longest first; waits are no lines of their own here.
    pub fn slowest(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().filter(|l| l.kind.ran() && l.took > 0).collect();
        lines.sort_by(|a, b| b.took.cmp(&a.took).then(a.start.cmp(&b.start)));
        lines
    }

    /// The lines that needed most memory, most first: by peak, or by what they kept if that is
    /// more. Lines that needed none are left out.
    pub fn heaviest(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().filter(|l| l.demand() > 0).collect();
        lines.sort_by(|a, b| b.demand().cmp(&a.demand()).then(a.start.cmp(&b.start)));
        lines
    }

    /// Whether something ran while the way led through something else.
    pub fn overlaps(&self) -> bool {
        self.lanes.iter().flat_map(|lane| &lane.parts).any(|part| !part.on_way)
    }
}

/// Where an account ends, and where its way is walked back from.
struct End {
    to: Nanos,
    producer: Producer,
    /// After this moment nothing of the visit ran until `to`; only without a milestone.
    quiet_from: Nanos,
    reached: bool,
}

impl End {
    fn of(record: &VisitRecord, until: Option<&str>) -> Self {
        if let Some(milestone) = until.and_then(|name| record.reached(name)) {
            let to = milestone.time.max(record.arrival);
            return Self { to, producer: milestone.producer, quiet_from: to, reached: true };
        }
        let to = record.closed.map_or_else(|| last_known(record), |(time, _)| time);
        let to = to.max(record.arrival);
        // The way to a close is the way to what ended last before it. That the host tells of the visit is no part of it:
        // an event's way leads straight to the source, past everything that was done.
        let told = |span: &Span| matches!(span, Span::Call(call) if call.kind == CallKind::Event);
        let ended_last = |wanted: &dyn Fn(&Span) -> bool| {
            record
                .indexed()
                .filter(|(_, span)| span.start() < to && wanted(span))
                .map(|(index, span)| (span.end().map_or(to, |end| end.min(to)), index))
                .max()
        };
        let last = ended_last(&|span| !told(span)).or_else(|| ended_last(&|_| true));
        match last {
            Some((quiet_from, index)) => Self { to, producer: Producer::Span(index), quiet_from, reached: false },
            None => Self { to, producer: Producer::Origin(record.source), quiet_from: to, reached: false },
        }
    }
}

fn last_known(record: &VisitRecord) -> Nanos {
    let spans = record.spans.iter().map(|span| span.end().unwrap_or(span.start()));
    let milestones = record.milestones.iter().map(|m| m.time);
    spans.chain(milestones).max().unwrap_or(record.arrival)
}

fn memory(record: &VisitRecord, run: &RunRecord, to: Nanos) -> Memory {
    let mut memory = Memory::default();
    for fold in &record.folds {
        memory.calls += fold.live;
        memory.allocated += fold.allocated;
        memory.freed += fold.freed;
        memory.peak = memory.peak.max(fold.peak);
    }
    for span in &record.spans {
        let Span::Call(call) = span else {
            continue;
        };
        if call.start >= to {
            memory.after += call.cost.live;
            continue;
        }
        memory.calls += call.cost.live;
        memory.allocated += call.cost.allocated;
        memory.freed += call.cost.freed;
        memory.peak = memory.peak.max(call.cost.peak);
    }
    memory.openings =
        run.openings.iter().filter(|o| o.begun_for == Some(record.visit) && o.start < to).map(|o| o.cost.live).sum();
    let overlap = record.other_visits_overlap || record.others != Others::default();
    memory.others = overlap.then_some(record.others);
    memory
}

/// One lane for each title, in order of first start; what began after the end is left out.
fn lanes(lines: &[Line], to: Nanos) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for line in lines.iter().filter(|l| l.kind.ran()) {
        let known = line.parts.iter().filter(|p| p.start < to);
        let parts = known.map(|p| LinePart { end: p.end.min(to), ..*p });
        let at = lanes.iter().position(|l| l.title == line.title && l.thread == line.thread);
        match at {
            Some(at) => lanes[at].parts.extend(parts),
            None => lanes.push(Lane { title: line.title.clone(), thread: line.thread, parts: parts.collect() }),
        }
    }
    for lane in &mut lanes {
        lane.parts.sort_by_key(|p| (p.start, p.end));
    }
    lanes.retain(|lane| !lane.parts.is_empty());
    lanes.sort_by_key(|lane| lane.parts[0].start);
    lanes
}
