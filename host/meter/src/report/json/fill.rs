//! From records and accounts to the document.

use super::{
    Amount, Dropped, Fact, InFlight, Ledger, LedgerRow, Mapped, Mark, Opening, Reason, Recent, Run, Stage, Step,
    Thread, Times, Visit, Way,
};
use crate::account::{self, Account, Line, LineKind, Mishap, Segment, SegmentKind};
use crate::record::{
    BegunFor, CallKind, Closed, LedgerView, Nanos, OpeningOutcome, Quantiles, RunRecord, StageInfo, ThreadCpu,
    VisitSummary,
};

impl Run {
    pub(super) fn of(run: &RunRecord) -> Self {
        let visits = &run.visits;
        let stages = run.stages.iter().enumerate().map(|(at, info)| {
            let totals = run.totals.get(at).cloned().unwrap_or_default();
            Stage {
                name: info.name.clone(),
                title: info.shown().to_owned(),
                plugin: info.plugin.clone(),
                thread: run.threads.get(usize::from(info.thread)).cloned().unwrap_or_default(),
                calls: totals.calls,
                events: totals.events,
                failed: totals.failed,
                panicked: totals.panicked,
                late: totals.late,
                skipped: totals.skipped,
                restarts: totals.restarts,
                wall: totals.wall.into(),
                work: totals.work.into(),
                allocated_bytes: totals.allocated,
                freed_bytes: totals.freed,
                live_bytes: totals.live(),
                max_peak_bytes: totals.max_peak,
                cpu_ns: totals.cpu,
                facts: totals.facts.iter().map(fact).collect(),
                reasons: totals.reasons.iter().map(reason).collect(),
                amounts: totals.amounts.iter().map(|(name, sum)| Amount { name: name.clone(), sum: *sum }).collect(),
            }
        });
        let openings = run.openings.iter().map(|opening| Opening {
            stage: stage(run, Some(opening.stage)).unwrap_or_default(),
            title: run.stages.get(usize::from(opening.stage)).map(StageInfo::opening_shown).unwrap_or_default(),
            start_ns: opening.start,
            end_ns: opening.end,
            live_bytes: opening.cost.live,
            peak_bytes: opening.cost.peak,
            cpu_ns: opening.cost.cpu,
            begun_for: opening.begun_for.filter(|visit| *visit != 0),
            ahead: opening.begun_for.is_none(),
            failed: match &opening.outcome {
                OpeningOutcome::Ready => None,
                OpeningOutcome::Failed(why) => Some(why.clone()),
            },
            mapped: opening.mapped.iter().map(|file| account::Mapped::of(file, run).into()).collect(),
        });
        let drops = run.totals.iter().flat_map(|t| &t.drops).map(|d| (d.edge, d.packets));
        Self {
            pipeline: run.pipeline.clone(),
            began: run.calendar.as_ref().map(|calendar| calendar.exact(run.started)),
            started_ns: run.started,
            ended_ns: run.ended,
            until: run.until.clone(),
            memory_metered: !run.unmetered,
            overhead_ns: run.overhead,
            visits_opened: visits.opened,
            visits_ended: visits.ended,
            visits_gone: visits.gone,
            visits_refused: visits.refused,
            to_milestone: visits.to_milestone.into(),
            growth_per_visit_bytes: visits.growth.and_then(|growth| growth.per_visit()),
            stages: stages.collect(),
            openings: openings.collect(),
            heap: (&run.heap).into(),
            resident: (&run.resident).into(),
            packets_in_flight: run
                .in_flight
                .iter()
                .map(|row| InFlight {
                    producer: row.producer.clone(),
                    holder: row.holder.clone(),
                    count: row.count,
                    bytes: row.bytes,
                })
                .collect(),
            drops: drops.map(|(edge, packets)| Dropped::of(run, edge, packets)).collect(),
            unclaimed_threads: run.strangers.clone(),
            recent_visits: visits.recent.iter().map(Recent::of).collect(),
            cpu_ns: run.cpu,
            threads: run.threads_cpu.iter().map(|thread| Thread::of(thread, run)).collect(),
        }
    }
}

impl Recent {
    fn of(visit: &VisitSummary) -> Self {
        Self {
            visit: visit.visit,
            arrival_ns: visit.arrival,
            closed_ns: visit.closed,
            how: how(visit.how),
            to_milestone_ns: visit.to_milestone,
            live_bytes: visit.live,
            peak_bytes: visit.peak,
        }
    }
}

impl Thread {
    fn of(thread: &ThreadCpu, run: &RunRecord) -> Self {
        let here = |stage: &&StageInfo| run.threads.get(usize::from(stage.thread)).is_some_and(|name| thread.is(name));
        Self {
            name: thread.name.clone(),
            cpu_ns: thread.cpu,
            stages: run.stages.iter().filter(here).map(|stage| stage.name.clone()).collect(),
        }
    }
}

impl From<Quantiles> for Times {
    fn from(q: Quantiles) -> Self {
        Self { count: q.count, p50_ns: q.p50, p95_ns: q.p95, max_ns: q.max }
    }
}

impl From<&LedgerView> for Ledger {
    fn from(ledger: &LedgerView) -> Self {
        let rows = ledger.rows.iter().map(|row| LedgerRow {
            name: row.name.clone(),
            bytes: row.bytes,
            mark: row.mark.clone(),
        });
        Self { rows: rows.collect(), sum_bytes: ledger.sum(), total_bytes: ledger.total }
    }
}

impl Dropped {
    pub(super) fn of(run: &RunRecord, edge: u16, packets: u64) -> Self {
        let info = run.edges.get(usize::from(edge)).cloned().unwrap_or_default();
        Self { from: info.from, to: info.to, packets }
    }
}

impl Visit {
    pub(super) fn of(account: &Account, run: &RunRecord) -> Self {
        let memory = account.memory;
        let drops = account.drops.iter();
        Self {
            visit: account.visit,
            arrived: run.calendar.as_ref().map(|calendar| calendar.exact(account.from)),
            arrival_ns: account.from,
            end_ns: account.to,
            length_ns: account.length(),
            until: account.until.clone(),
            reached: account.reached,
            closed_ns: account.closed.map(|(time, _)| time),
            how: account.closed.map(|(_, closed)| how(closed)),
            segments: account.segments.iter().map(|segment| Way::of(segment, run)).collect(),
            steps: account.lines.iter().map(|line| Step::of(line, run)).collect(),
            live_bytes: memory.calls,
            allocated_bytes: memory.allocated,
            freed_bytes: memory.freed,
            peak_bytes: memory.peak,
            openings_live_bytes: memory.openings,
            other_visits: memory.others.is_some(),
            other_visits_live_bytes: memory.others.map_or(0, |others| others.live),
            hand_over_ns: account.hand_over,
            folded_ns: account.folded,
            untracked_ns: account.untracked,
            drops: drops.map(|(edge, packets)| Dropped::of(run, *edge, *packets)).collect(),
            late_packets: account.late,
        }
    }
}

impl Way {
    pub(super) fn of(segment: &Segment, run: &RunRecord) -> Self {
        Self {
            start_ns: segment.start,
            end_ns: segment.end,
            kind: segment_kind(segment.kind),
            stage: stage(run, segment.stage),
            label: (!segment.label.is_empty()).then(|| segment.label.clone()),
            waiting: segment.waiting,
            sooner_ns: segment.sooner,
        }
    }
}

impl Step {
    pub(super) fn of(line: &Line, run: &RunRecord) -> Self {
        let (outcome, reason) = match &line.mishap {
            None => ("ok", None),
            Some(Mishap::Failed(why)) => ("failed", Some(why.clone())),
            Some(Mishap::Panicked(why)) => ("panicked", Some(why.clone())),
            Some(Mishap::Skipped(why)) => ("skipped", Some(why.clone())),
            Some(Mishap::Late) => ("late", None),
            Some(Mishap::Cancelled(_)) => ("cancelled", None),
            Some(Mishap::Dropped) => ("dropped", None),
        };
        let mark = |(name, at): &(String, Nanos)| Mark { name: name.clone(), at_ns: *at };
        Self {
            title: line.title.clone(),
            kind: match line.kind {
                LineKind::Call(CallKind::Packet) => "packet",
                LineKind::Call(CallKind::Wake) => "wake",
                LineKind::Call(CallKind::Event) => "event",
                LineKind::Call(CallKind::Resumed) => "resumed",
                LineKind::Call(CallKind::Control) => "control",
                LineKind::Call(CallKind::Close) => "close",
                LineKind::Work => "work",
                LineKind::Folded => "earlier calls",
                LineKind::Opening(begun_for) => segment_kind(SegmentKind::Opening(begun_for)),
                LineKind::Wait(kind) => segment_kind(kind),
            },
            stage: stage(run, line.stage),
            start_ns: line.start,
            end_ns: line.end,
            took_ns: line.took,
            cpu_ns: line.cpu,
            count: line.count,
            on_way_ns: line.on_way,
            sooner_ns: line.sooner,
            live_bytes: line.live,
            peak_bytes: line.peak,
            running: line.running,
            after: line.after,
            outcome,
            reason,
            marks: line.steps.iter().map(mark).collect(),
            facts: line.facts.iter().map(fact).collect(),
            mapped: line.mapped.iter().cloned().map(Mapped::from).collect(),
        }
    }
}

fn how(closed: Closed) -> &'static str {
    match closed {
        Closed::Ended => "ended",
        Closed::Gone => "gone",
    }
}

fn stage(run: &RunRecord, stage: Option<u16>) -> Option<String> {
    let stage = stage?;
    let info = run.stages.get(usize::from(stage));
    Some(info.map_or_else(|| format!("stage {stage}"), |info| info.name.clone()))
}

fn reason((reason, count): &(String, u64)) -> Reason {
    Reason { reason: reason.clone(), count: *count }
}

fn fact((name, value): &(String, String)) -> Fact {
    Fact { name: name.clone(), value: value.clone() }
}

impl From<account::Mapped> for Mapped {
    fn from(account::Mapped { file, bytes, or_by }: account::Mapped) -> Self {
        Self { file, bytes, or_by }
    }
}

fn segment_kind(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Call => "call",
        SegmentKind::Work => "work",
        SegmentKind::Opening(BegunFor::ThisVisit) => "opening",
        SegmentKind::Opening(BegunFor::OtherVisit) => "opening for another visit",
        SegmentKind::Opening(BegunFor::NoVisit) => "opening for no visit",
        SegmentKind::Opening(BegunFor::Prewarm) => "opening ahead",
        SegmentKind::OtherOpening => "another opening",
        SegmentKind::OtherVisit => "another visit",
        SegmentKind::RestartDelay => "restart delay",
        SegmentKind::Busy => "busy",
        SegmentKind::HandOver => "hand-over",
        SegmentKind::Timer => "timer",
        SegmentKind::Source => "source",
        SegmentKind::Folded | SegmentKind::OwnFolded => "folded",
        SegmentKind::Quiet => "quiet",
        SegmentKind::Untracked => "untracked",
    }
}
