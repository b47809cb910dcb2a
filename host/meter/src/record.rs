//! What the runtime writes down: spans of one visit, and figures of the whole run.
//!
//! A visit's record holds numbers and refers to nothing outside itself: what another visit did to
//! it stands in its own [`Cut`]s. That is why a visit can be accounted for when it closes, and its
//! record dropped, while the others go on.
//!
//! All times are [`Nanos`] on one monotonic clock. Stages, threads and edges are indices into the
//! tables of the [`RunRecord`].

mod run;
mod span;

pub use run::{
    EdgeDrops, EdgeInfo, Growth, InFlightRow, LedgerRow, LedgerView, MappedFile, Opening, OpeningOutcome, Quantiles,
    RunRecord, StageInfo, StageTotals, ThreadCpu, VisitSummary, VisitTotals,
};
pub use span::{
    BegunFor, Call, CallKind, Cost, Cut, CutKind, Outcome, Producer, Span, Trigger, Why, Work, WorkOutcome,
};

pub use crate::clock::Nanos;

/// Spans that a visit keeps at most. Older ones are folded: counted, no longer placed in time.
pub const MAX_SPANS: usize = 4_096;

/// Of [`MAX_SPANS`], those that are kept free for what comes after the milestone.
const AFTER_MILESTONE: usize = 256;

/// Spans folded at once, so that folding costs little for each push.
const FOLD_AT_ONCE: usize = 64;

/// How a visit closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Nothing more came; what was under way was finished.
    Ended,
    /// The visitor left; what was under way was cancelled.
    Gone,
}

/// A named moment of a visit, and what brought it about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MilestoneAt {
    /// Its name, as the manifest declares it.
    pub name: String,
    /// When it was set.
    pub time: Nanos,
    /// The handle through which it was set.
    pub producer: Producer,
    /// The stage that set it.
    pub stage: u16,
}

/// What folded spans of one stage add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// The stage.
    pub stage: u16,
    /// Calls that were folded.
    pub calls: u64,
    /// Deferred works that were folded.
    pub works: u64,
    /// Of both, those that did not go well (failed, panicked, skipped, late).
    pub troubled: u64,
    /// The calls' wall time together.
    pub time: Nanos,
    /// Bytes that the calls allocated.
    pub allocated: u64,
    /// Bytes that the calls freed.
    pub freed: u64,
    /// What the calls left alive: allocated less freed.
    pub live: i64,
    /// The largest peak inside one of the calls, in bytes.
    pub peak: u64,
}

/// What other visits did on the same stages while this one was open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Others {
    /// Visits that were open at the same time.
    pub visits: u32,
    /// Their calls in that time.
    pub calls: u64,
    /// What these calls left alive, in bytes.
    pub live: i64,
}

/// All that is kept of one visit until its report is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisitRecord {
    /// Its number.
    pub visit: u64,
    /// When it was opened.
    pub arrival: Nanos,
    /// The stage that opened it.
    pub source: u16,
    /// When and how it closed; `None` while it is open.
    pub closed: Option<(Nanos, Closed)>,
    /// Calls and deferred works, oldest first. Read them by index through [`VisitRecord::get`]:
    /// folding moves them.
    pub spans: Vec<Span>,
    /// Milestones, the first of each name.
    pub milestones: Vec<MilestoneAt>,
    /// Spans that were folded.
    pub folded: u32,
    /// What they add up to, one entry a stage.
    pub folds: Vec<Fold>,
    /// Packets of this visit that an edge dropped by its overflow policy: (edge, count).
    pub drops: Vec<(u16, u64)>,
    /// Packets that were emitted for the visit after a stage had seen it close.
    pub late: u64,
    /// Another visit was open at the same time.
    pub other_visits_overlap: bool,
    /// What those did, as far as it is known.
    pub others: Others,
    /// Spans folded from the front, which is the index of `spans[0]`.
    base: u32,
    /// Set when the milestone was reached.
    settled: Option<Settled>,
}

/// The spans up to the milestone stay; those after it are a window of their own behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settled {
    /// Spans that stay.
    kept: u32,
    /// Spans folded behind them.
    skipped: u32,
}

impl VisitRecord {
    /// The record of a visit that `source` opened at `arrival`.
    pub fn new(visit: u64, arrival: Nanos, source: u16) -> Self {
        Self { visit, arrival, source, ..Self::default() }
    }

    /// Adds a span and gives the index by which [`Producer::Span`] names it, for ever.
    ///
    /// Push a call when it begins (with [`Call::RUNNING`] as its end) and complete it through
    /// [`VisitRecord::get_mut`]: what it emits names it before it has ended.
    pub fn push(&mut self, span: Span) -> u32 {
        match self.settled {
            None if self.spans.len() >= MAX_SPANS - AFTER_MILESTONE => {
                self.fold(0, FOLD_AT_ONCE);
                self.base += FOLD_AT_ONCE as u32;
            }
            Some(mut settled) if self.spans.len() >= settled.kept as usize + AFTER_MILESTONE => {
                self.fold(settled.kept as usize, FOLD_AT_ONCE);
                settled.skipped += FOLD_AT_ONCE as u32;
                self.settled = Some(settled);
            }
            _ => {}
        }
        self.spans.push(span);
        self.index_at(self.spans.len() - 1)
    }

    /// The span of this index; `None` once it is folded.
    pub fn get(&self, index: u32) -> Option<&Span> {
        self.position(index).and_then(|at| self.spans.get(at))
    }

    /// The span of this index, to be completed; `None` once it is folded.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Span> {
        self.position(index).and_then(|at| self.spans.get_mut(at))
    }

    /// The call of this index; `None` once it is folded.
    pub fn call_mut(&mut self, index: u32) -> Option<&mut Call> {
        match self.get_mut(index) {
            Some(Span::Call(call)) => Some(call),
            _ => None,
        }
    }

    /// The deferred work of this index; `None` once it is folded.
    pub fn work_mut(&mut self, index: u32) -> Option<&mut Work> {
        match self.get_mut(index) {
            Some(Span::Work(work)) => Some(work),
            _ => None,
        }
    }

    /// The kept spans with their indices, oldest first.
    pub fn indexed(&self) -> impl Iterator<Item = (u32, &Span)> {
        self.spans.iter().enumerate().map(|(at, span)| (self.index_at(at), span))
    }

    /// Notes a milestone. Only the first of a name counts; `false` says that it was not that.
    pub fn milestone(&mut self, name: &str, time: Nanos, producer: Producer, stage: u16) -> bool {
        let first = self.reached(name).is_none();
        if first {
            self.milestones.push(MilestoneAt { name: name.to_owned(), time, producer, stage });
        }
        first
    }

    /// The milestone of this name, if the visit reached it.
    pub fn reached(&self, name: &str) -> Option<&MilestoneAt> {
        self.milestones.iter().find(|m| m.name == name)
    }

    /// Says that the account's milestone was reached: what was kept so far stays until the report
    /// is written, and of what follows only the latest spans are kept.
    pub fn settle(&mut self) {
        if self.settled.is_none() {
            self.settled = Some(Settled { kept: self.spans.len() as u32, skipped: 0 });
        }
    }

    /// Counts packets that `edge` dropped.
    pub fn dropped(&mut self, edge: u16, packets: u64) {
        match self.drops.iter_mut().find(|(e, _)| *e == edge) {
            Some((_, count)) => *count += packets,
            None => self.drops.push((edge, packets)),
        }
    }

    fn index_at(&self, at: usize) -> u32 {
        let skipped = match self.settled {
            Some(s) if at >= s.kept as usize => s.skipped,
            _ => 0,
        };
        self.base + at as u32 + skipped
    }

    /// Where the span of this index stands in `spans`.
    pub(crate) fn position(&self, index: u32) -> Option<usize> {
        let at = index.checked_sub(self.base)?;
        match self.settled {
            Some(s) if at >= s.kept => at.checked_sub(s.skipped).filter(|&at| at >= s.kept).map(|at| at as usize),
            _ => Some(at as usize),
        }
    }

    fn fold(&mut self, from: usize, count: usize) {
        for span in self.spans.drain(from..from + count) {
            let stage = span.stage();
            let at = self.folds.iter().position(|f| f.stage == stage).unwrap_or_else(|| {
                self.folds.push(Fold { stage, ..Fold::default() });
                self.folds.len() - 1
            });
            let fold = &mut self.folds[at];
            fold.troubled += u64::from(span.troubled());
            match span {
                Span::Work(_) => fold.works += 1,
                Span::Call(call) => {
                    fold.calls += 1;
                    fold.time += call.length();
                    fold.allocated += call.cost.allocated;
                    fold.freed += call.cost.freed;
                    fold.live += call.cost.live;
                    fold.peak = fold.peak.max(call.cost.peak);
                }
            }
            self.folded += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(at: Nanos) -> Span {
        Span::Call(Call {
            start: at,
            end: at + 2,
            cost: Cost { live: 3, peak: at, ..Cost::default() },
            ..Call::default()
        })
    }

    fn start_of(record: &VisitRecord, index: u32) -> Option<Nanos> {
        record.get(index).map(Span::start)
    }

    #[test]
    fn an_index_stays_valid_until_its_span_is_folded_and_is_never_reused() {
        let mut record = VisitRecord::new(1, 0, 0);
        let indices: Vec<u32> = (0..10_000).map(|at| record.push(call(at))).collect();
        assert!(record.spans.len() <= MAX_SPANS);
        assert_eq!(record.folded as usize + record.spans.len(), 10_000);
        for (at, index) in indices.into_iter().enumerate() {
            let kept = at >= record.folded as usize;
            assert_eq!(start_of(&record, index), kept.then_some(at as Nanos));
        }
        let fold = &record.folds[0];
        assert_eq!(fold.calls, u64::from(record.folded));
        assert_eq!(fold.live, 3 * i64::from(record.folded));
        assert_eq!(fold.peak, u64::from(record.folded) - 1);
    }

    #[test]
    fn what_led_to_the_milestone_stays_however_long_the_visit_goes_on() {
        let mut record = VisitRecord::new(1, 0, 0);
        let before: Vec<u32> = (0..100).map(|at| record.push(call(at))).collect();
        record.settle();
        let after: Vec<u32> = (100..9_000).map(|at| record.push(call(at))).collect();
        assert!(record.spans.len() <= MAX_SPANS);
        for (at, index) in before.into_iter().enumerate() {
            assert_eq!(start_of(&record, index), Some(at as Nanos));
        }
        assert_eq!(start_of(&record, after[0]), None);
        assert_eq!(start_of(&record, after[after.len() - 1]), Some(8_999));
        assert!(record.indexed().all(|(index, span)| record.get(index) == Some(span)));
    }

    #[test]
    fn only_the_first_milestone_of_a_name_counts() {
        let mut record = VisitRecord::new(1, 0, 0);
        assert!(record.milestone("greeted", 5, Producer::Origin(0), 0));
        assert!(!record.milestone("greeted", 9, Producer::Origin(0), 0));
        assert_eq!(record.reached("greeted").map(|m| m.time), Some(5));
    }
}
