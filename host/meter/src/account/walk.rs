//! The way to a moment, walked backwards.
//!
//! A call gives [its start, t] and then its wait; a deferred work gives [begun, t], cut at its
//! marks; a wake gives its timer; what has no producer gives everything back to the arrival. Each
//! step moves one moment, `t`, towards the arrival and leaves a segment behind: that is why the
//! segments tile, also where a record contradicts itself.

use std::collections::HashMap;

use super::replay::Zero;
use crate::record::{BegunFor, Call, CutKind, Nanos, Producer, Span, VisitRecord, Work};

/// A piece of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// From when.
    pub start: Nanos,
    /// Until when; always later than `start`.
    pub end: Nanos,
    /// What the visit did or waited for.
    pub kind: SegmentKind,
    /// The stage that it is about.
    pub stage: Option<u16>,
    /// For deferred work: its label, and the mark that this piece led to.
    pub label: String,
    /// The visit's own span that took the time, by index.
    pub span: Option<u32>,
    /// Whether the visit stood still meanwhile: the span was one that it had to wait for.
    pub waiting: bool,
    /// How much sooner (≈) the milestone would have come without it; `None` without a milestone.
    pub sooner: Option<Nanos>,
    /// What a replay leaves out to learn that.
    pub without: Option<Zero>,
}

impl Segment {
    /// How long it is.
    pub fn length(&self) -> Nanos {
        self.end - self.start
    }

    /// Whether the visit waited here for something that it had begun itself. What brought that
    /// about may lie beside the way and still have delayed the milestone.
    pub fn is_own_wait(&self) -> bool {
        let own = [SegmentKind::Call, SegmentKind::Opening(BegunFor::ThisVisit)];
        self.waiting && own.contains(&self.kind)
    }
}

/// What a piece of the way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SegmentKind {
    /// A call of this visit, whether it led on or its thread was waited for.
    Call,
    /// A deferred work of this visit.
    Work,
    /// The opening of a stage that was to be called.
    Opening(BegunFor),
    /// The opening of another stage on the same thread.
    OtherOpening,
    /// A call of another visit on the same thread.
    OtherVisit,
    /// A call of this visit that is no longer kept, on the same thread.
    OwnFolded,
    /// The pause before a failed stage is made anew.
    RestartDelay,
    /// The thread was busy; with what is too long ago to be known.
    Busy,
    /// From one thread to another, or back to a thread that had slept.
    HandOver,
    /// A wake that was asked for and not yet due.
    Timer,
    /// Nothing had come from the source yet.
    Source,
    /// Spans that are no longer kept.
    Folded,
    /// Nothing of the visit ran until it closed.
    Quiet,
    /// No record explains it.
    Untracked,
}

/// The way from the arrival to `to`, where `producer` brought `to` about. Between `quiet_from` and
/// `to` nothing ran.
pub fn way(record: &VisitRecord, to: Nanos, producer: Producer, quiet_from: Nanos) -> Vec<Segment> {
    let mut way = Way { from: record.arrival, now: to, segments: Vec::new() };
    way.back_to(quiet_from, SegmentKind::Quiet, |_| {});
    let calls_by_end = calls_by_end(record);
    let mut producer = producer;
    // Every producer is older than what it produced; a record that says otherwise ends the walk.
    let mut steps_left = 2 * record.spans.len() + 2;
    while way.now > way.from && steps_left > 0 {
        steps_left -= 1;
        match producer {
            Producer::Origin(stage) => {
                way.back_to(way.from, SegmentKind::Source, |s| {
                    s.stage = Some(stage);
                    s.without = Some(Zero::Source);
                });
            }
            Producer::Folded => way.back_to(way.from, SegmentKind::Folded, |_| {}),
            Producer::Span(index) => match record.get(index) {
                None => way.back_to(way.from, SegmentKind::Folded, |_| {}),
                Some(Span::Work(work)) => {
                    way.work(index, work);
                    producer = Producer::Span(work.call);
                }
                Some(Span::Call(call)) => {
                    way.back_to(call.start, SegmentKind::Call, |s| {
                        s.stage = Some(call.stage);
                        s.span = Some(index);
                        s.without = Some(Zero::span(index));
                    });
                    way.wait(index, call, &calls_by_end);
                    producer = call.trigger.producer;
                }
            },
        }
    }
    way.back_to(way.from, SegmentKind::Untracked, |_| {});
    way.segments.reverse();
    way.segments
}

/// Own calls by thread and end: how a cut finds the span that it is about.
fn calls_by_end(record: &VisitRecord) -> HashMap<(u16, Nanos), u32> {
    record
        .indexed()
        .filter_map(|(index, span)| match span {
            Span::Call(call) if call.length() > 0 => Some(((call.thread, call.end), index)),
            _ => None,
        })
        .collect()
}

struct Way {
    from: Nanos,
    now: Nanos,
    segments: Vec<Segment>,
}

impl Way {
    /// Walks back to `time`, but never past the arrival and never forwards.
    fn back_to(&mut self, time: Nanos, kind: SegmentKind, fill: impl FnOnce(&mut Segment)) {
        let start = time.max(self.from);
        if start >= self.now {
            return;
        }
        let mut segment = Segment {
            start,
            end: self.now,
            kind,
            stage: None,
            label: String::new(),
            span: None,
            waiting: false,
            sooner: None,
            without: None,
        };
        fill(&mut segment);
        self.segments.push(segment);
        self.now = start;
    }

    fn work(&mut self, index: u32, work: &Work) {
        let mut marks: Vec<&(String, Nanos)> = work.marks.iter().collect();
        marks.sort_by_key(|(_, time)| *time);
        let mut step = "";
        let mut piece_end = Nanos::MAX;
        for (name, time) in marks.into_iter().rev() {
            self.piece(index, work, step, *time, piece_end);
            (step, piece_end) = (name, *time);
        }
        self.piece(index, work, step, work.begun, piece_end);
    }

    fn piece(&mut self, index: u32, work: &Work, step: &str, start: Nanos, end: Nanos) {
        self.back_to(start, SegmentKind::Work, |s| {
            s.stage = Some(work.stage);
            s.label = match step {
                "" => work.label.clone(),
                step => format!("{}: {step}", work.label),
            };
            s.span = Some(index);
            s.without = Some(Zero::Span { span: index, from: start, to: end });
        });
    }

    fn wait(&mut self, index: u32, call: &Call, calls_by_end: &HashMap<(u16, Nanos), u32>) {
        let ready = call.trigger.ready();
        let hand_over = |s: &mut Segment| {
            s.stage = Some(call.stage);
            s.without = Some(Zero::HandOver(index));
        };
        let mut cuts: Vec<_> = call.waits.iter().collect();
        cuts.sort_by_key(|cut| (cut.start, cut.end));
        for cut in cuts.into_iter().rev() {
            self.back_to(cut.end.max(ready), SegmentKind::HandOver, hand_over);
            let block = Zero::Block { thread: call.thread, end: cut.end };
            let mut own = None;
            let (kind, stage, without) = match cut.kind {
                CutKind::OwnOpening { stage, begun_for } => {
                    let zero = match begun_for {
                        BegunFor::ThisVisit => Zero::Opening { stage, end: cut.end },
                        BegunFor::OtherVisit | BegunFor::NoVisit | BegunFor::Prewarm => block,
                    };
                    (SegmentKind::Opening(begun_for), Some(stage), zero)
                }
                CutKind::OtherOpening { stage } => (SegmentKind::OtherOpening, Some(stage), block),
                CutKind::OtherCall { stage, same_visit: false } => (SegmentKind::OtherVisit, Some(stage), block),
                CutKind::OtherCall { stage, same_visit: true } => {
                    own = calls_by_end.get(&(call.thread, cut.end)).copied();
                    match own {
                        Some(span) => (SegmentKind::Call, Some(stage), Zero::span(span)),
                        None => (SegmentKind::OwnFolded, Some(stage), block),
                    }
                }
                CutKind::RestartDelay { stage } => (SegmentKind::RestartDelay, Some(stage), block),
                CutKind::Busy => (SegmentKind::Busy, None, block),
            };
            self.back_to(cut.start.max(ready), kind, |s| {
                s.stage = stage;
                s.span = own;
                s.waiting = true;
                s.without = Some(without);
            });
        }
        self.back_to(ready, SegmentKind::HandOver, hand_over);
        self.back_to(call.trigger.time, SegmentKind::Timer, |s| {
            s.stage = Some(call.stage);
            s.without = Some(Zero::Timer(index));
        });
    }
}
