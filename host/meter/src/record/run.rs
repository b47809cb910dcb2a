//! The run around the visits: its tables of names, its totals, its ledgers.

use super::{BegunFor, Closed, Cost, Nanos};
use crate::calendar::Calendar;
use crate::histogram::Summary;
use crate::slab::{self, InFlight};

/// Names and totals of a run. It grows with stages and openings, never with calls or visits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRecord {
    /// The pipeline's name.
    pub pipeline: String,
    /// By which dates are told; `None` where nobody asks for them.
    pub calendar: Option<Calendar>,
    /// When the run began.
    pub started: Nanos,
    /// When it ended; `None` while it goes on.
    pub ended: Option<Nanos>,
    /// The milestone at which a visit's account ends (`[report] until`).
    pub until: Option<String>,
    /// Memory was not metered: the process's malloc is not the host's. Reports say so and show no
    /// figure.
    pub unmetered: bool,
    /// The stages, by index.
    pub stages: Vec<StageInfo>,
    /// The threads' names, by index.
    pub threads: Vec<String>,
    /// The edges, by index.
    pub edges: Vec<EdgeInfo>,
    /// Openings of stages, in order of start.
    pub openings: Vec<Opening>,
    /// Totals, by index of stage.
    pub totals: Vec<StageTotals>,
    /// What the visits took.
    pub visits: VisitTotals,
    /// Allocated bytes, by who allocated them.
    pub heap: LedgerView,
    /// Resident bytes, by what they hold.
    pub resident: LedgerView,
    /// Packets whose buffers are held now.
    pub in_flight: Vec<InFlightRow>,
    /// Threads that nobody adopted, by name.
    pub strangers: Vec<String>,
    /// What metering one call costs, measured at start.
    pub overhead: Option<Nanos>,
    /// Processor time of the whole process; `None` where nobody asked.
    pub cpu: Option<Nanos>,
    /// Of this, what the threads used that are there, most first.
    pub threads_cpu: Vec<ThreadCpu>,
}

impl RunRecord {
    /// The rows of a pool's table with the names of this run, most bytes first.
    pub fn name_in_flight(&self, table: &[InFlight]) -> Vec<InFlightRow> {
        let name = |stage: u16| match (stage, self.stages.get(usize::from(stage))) {
            (_, Some(info)) => info.shown().to_owned(),
            (slab::QUEUE, None) => "queues".to_owned(),
            (slab::HOST, None) => "host".to_owned(),
            (stage, None) => format!("stage {stage}"),
        };
        let mut rows: Vec<InFlightRow> = table
            .iter()
            .map(|row| InFlightRow {
                producer: name(row.producer),
                holder: name(row.holder),
                count: row.count,
                bytes: row.bytes,
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        rows
    }
}

/// A stage as reports name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageInfo {
    /// Its name in the pipeline file.
    pub name: String,
    /// Its title; empty means its name.
    pub title: String,
    /// What its opening is called; `None` means "TITLE (opening)".
    pub opening_title: Option<String>,
    /// Its plugin.
    pub plugin: String,
    /// Its thread, by index.
    pub thread: u16,
}

impl StageInfo {
    /// What reports call it.
    pub fn shown(&self) -> &str {
        if self.title.is_empty() { &self.name } else { &self.title }
    }

    /// What reports call its opening.
    pub fn opening_shown(&self) -> String {
        self.opening_title.clone().unwrap_or_else(|| format!("{} (opening)", self.shown()))
    }
}

/// Processor time of the threads of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadCpu {
    /// Their name, of which the system keeps 15 bytes.
    pub name: String,
    /// What they used since they began, openings included.
    pub cpu: Nanos,
}

impl ThreadCpu {
    /// Whether this is the thread that a run calls `name`: the system knows the beginning of it.
    pub fn is(&self, name: &str) -> bool {
        let kept: String = name.chars().take(15).collect();
        self.name == kept
    }
}

/// An edge as reports name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdgeInfo {
    /// Where it begins, such as `camera.frame`.
    pub from: String,
    /// Where it ends, such as `faces.frame`.
    pub to: String,
}

/// The making of one instance of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opening {
    /// The stage.
    pub stage: u16,
    /// The thread on which it ran.
    pub thread: u16,
    /// When it began.
    pub start: Nanos,
    /// When it ended; `None` while it goes on.
    pub end: Option<Nanos>,
    /// What it cost.
    pub cost: Cost,
    /// The visit whose packet began it, 0 for a packet of no visit; `None` when it was opened ahead.
    pub begun_for: Option<u64>,
    /// How it ended.
    pub outcome: OpeningOutcome,
    /// Files that it mapped.
    pub mapped: Vec<MappedFile>,
}

impl Opening {
    /// For whom it was begun, as the visit `visit` sees it.
    pub fn seen_by(&self, visit: u64) -> BegunFor {
        match self.begun_for {
            Some(v) if v == visit => BegunFor::ThisVisit,
            Some(0) => BegunFor::NoVisit,
            Some(_) => BegunFor::OtherVisit,
            None => BegunFor::Prewarm,
        }
    }
}

/// How an opening ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OpeningOutcome {
    /// The stage is ready (or the opening goes on).
    #[default]
    Ready,
    /// It failed: why.
    Failed(String),
}

/// A file that an opening mapped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappedFile {
    /// The file's name without its folder.
    pub file: String,
    /// Its resident bytes.
    pub bytes: u64,
    /// Other stages that were opening when it was mapped: the system knows files by process, so it may be theirs.
    pub or_by: Vec<u16>,
}

/// Times over many, from a histogram.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// How many.
    pub count: u64,
    /// Half took no longer.
    pub p50: Nanos,
    /// Nineteen of twenty took no longer.
    pub p95: Nanos,
    /// The longest.
    pub max: Nanos,
}

impl From<Summary> for Quantiles {
    fn from(summary: Summary) -> Self {
        let Summary { count, p50, p95, max, .. } = summary;
        Self { count, p50, p95, max }
    }
}

/// What a stage did during the run, openings apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageTotals {
    /// Calls that were made, with a packet, a wake or deferred work that came back.
    pub calls: u64,
    /// Events that it was told: mostly microseconds, among which the times of its calls would not be found.
    pub events: u64,
    /// Of calls and events, failed.
    pub failed: u64,
    /// Of calls and events, panicked.
    pub panicked: u64,
    /// Of calls and events, past their deadline.
    pub late: u64,
    /// Calls that were not made.
    pub skipped: u64,
    /// Instances that were made anew after a failure.
    pub restarts: u64,
    /// Wall time of a call, events not among them.
    pub wall: Quantiles,
    /// Length of a deferred work.
    pub work: Quantiles,
    /// Bytes allocated in calls and events.
    pub allocated: u64,
    /// Bytes freed in calls and events.
    pub freed: u64,
    /// The largest peak inside one call, in bytes.
    pub max_peak: u64,
    /// Processor time of its calls and events together; `None` where it was not asked for.
    pub cpu: Option<Nanos>,
    /// What its inputs' edges dropped.
    pub drops: Vec<EdgeDrops>,
    /// Facts that it said outside of visits, each with its latest value: no visit's report has them.
    pub facts: Vec<(String, String)>,
    /// How often each value of the fact `reason` was said, of visits or not; in the order in which they were said first.
    pub reasons: Vec<(String, u64)>,
    /// Sums of facts that are amounts (`+120`), of visits or not; in the order in which they were said first.
    pub amounts: Vec<(String, u64)>,
}

impl StageTotals {
    /// What its calls left alive: allocated less freed.
    pub fn live(&self) -> i64 {
        self.allocated as i64 - self.freed as i64
    }

    /// Adds up the facts that are amounts. Names beyond the first ones are left out: they stand in the stage's code and are few.
    pub fn add_up(&mut self, facts: &[(String, String)]) {
        const MOST: usize = 16;
        let amount = |fact: &str| fact.strip_prefix('+')?.parse::<u64>().ok();
        for (name, amount) in facts.iter().filter_map(|(name, value)| Some((name, amount(value)?))) {
            match self.amounts.iter().position(|(known, _)| known == name) {
                Some(at) => self.amounts[at].1 = self.amounts[at].1.saturating_add(amount),
                None if self.amounts.len() < MOST => self.amounts.push((name.clone(), amount)),
                None => {}
            }
        }
    }

    /// Counts why calls did what they did. Whatever a stage says beyond the first reasons is counted together.
    pub fn because(&mut self, facts: &[(String, String)]) {
        const MOST: usize = 16;
        for (_, reason) in facts.iter().filter(|(name, _)| name == "reason") {
            let known = self.reasons.iter().position(|(known, _)| known == reason);
            let at = known.unwrap_or_else(|| self.reasons.len().min(MOST));
            if at == self.reasons.len() {
                let word = if at < MOST { reason } else { "others" };
                self.reasons.push((word.to_owned(), 0));
            }
            self.reasons[at].1 += 1;
        }
    }

    /// Keeps facts that were said outside of visits, without reasons, which are counted. A stage that makes up ever new names
    /// keeps the first of them.
    pub fn say(&mut self, facts: &[(String, String)]) {
        const MOST: usize = 16;
        for (name, value) in facts.iter().filter(|(name, _)| name != "reason") {
            if let Some((_, latest)) = self.facts.iter_mut().find(|(known, _)| known == name) {
                latest.clone_from(value);
            } else if self.facts.len() < MOST {
                self.facts.push((name.clone(), value.clone()));
            }
        }
    }
}

/// Packets that one edge dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeDrops {
    /// The edge.
    pub edge: u16,
    /// Packets dropped by its overflow policy.
    pub packets: u64,
}

/// The visits of a run. `recent` is bounded by whoever fills it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisitTotals {
    /// Visits that were opened.
    pub opened: u64,
    /// Of these, ended.
    pub ended: u64,
    /// Of these, gone.
    pub gone: u64,
    /// Visits that were refused because too many were open.
    pub refused: u64,
    /// Time from arrival to the milestone, of those that reached it.
    pub to_milestone: Quantiles,
    /// How the heap grew from visit to visit.
    pub growth: Option<Growth>,
    /// The latest visits, oldest first.
    pub recent: Vec<VisitSummary>,
}

/// The heap at two moments at which no visit was open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Growth {
    /// Visits between the two.
    pub visits: u64,
    /// Allocated bytes at the first.
    pub from: u64,
    /// Allocated bytes at the second.
    pub to: u64,
}

impl Growth {
    /// Bytes that a visit left behind on average; `None` without a visit.
    pub fn per_visit(&self) -> Option<i64> {
        (self.visits > 0).then(|| (self.to as i64 - self.from as i64) / self.visits as i64)
    }
}

/// One closed visit in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitSummary {
    /// Its number.
    pub visit: u64,
    /// When it was opened.
    pub arrival: Nanos,
    /// When it closed.
    pub closed: Nanos,
    /// How it closed.
    pub how: Closed,
    /// Time from arrival to the milestone; `None` if it was not reached.
    pub to_milestone: Option<Nanos>,
    /// What its calls left alive, in bytes.
    pub live: i64,
    /// The largest peak inside one of its calls, in bytes.
    pub peak: u64,
}

/// One of the two ledgers. They measure different things and are never added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerView {
    /// Its rows, in the order in which they are shown.
    pub rows: Vec<LedgerRow>,
    /// The total that was measured apart from the rows; `None` if it is not known.
    pub total: Option<u64>,
}

impl LedgerView {
    /// The rows' sum, in bytes.
    pub fn sum(&self) -> i64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// What the rows do not explain: the measured total less their sum.
    pub fn unexplained(&self) -> Option<i64> {
        self.total.map(|total| total as i64 - self.sum())
    }
}

/// A row of a ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerRow {
    /// Whose bytes.
    pub name: String,
    /// How many; freed by somebody else may make them negative.
    pub bytes: i64,
    /// What the reader must know of the figure, such as "shares its thread".
    pub mark: Option<String>,
}

/// Buffers that one stage made and another holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InFlightRow {
    /// Who made them.
    pub producer: String,
    /// Who holds them.
    pub holder: String,
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}
