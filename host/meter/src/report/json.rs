//! The reports for a program: one JSON document, versioned.
//!
//! Fields are added within a version and never renamed or removed; a reader passes over what it
//! does not know. Times are nanoseconds on the run's clock unless they say otherwise, bytes are
//! bytes. [`fields`] lists every field with its meaning, made from the types below.

mod fill;

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;

use crate::account::Account;
use crate::record::RunRecord;

/// The document's name and version.
pub const SCHEMA: &str = "majlis/report@1";

/// A report: a run and the accounts of some of its visits.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Always `majlis/report@1`.
    pub schema: &'static str,
    /// The run.
    pub run: Run,
    /// The accounts, one a visit.
    pub visits: Vec<Visit>,
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Run {
    /// The pipeline's name.
    pub pipeline: String,
    /// When the run began, by the calendar of the pipeline's `time_zone` (RFC 3339); null where no calendar was asked for.
    pub began: Option<String>,
    /// When the run began.
    pub started_ns: u64,
    /// When it ended; null while it goes on.
    pub ended_ns: Option<u64>,
    /// The milestone at which accounts end.
    pub until: Option<String>,
    /// Whether memory was metered; if not, all memory figures are 0 or null.
    pub memory_metered: bool,
    /// What metering one call costs.
    pub overhead_ns: Option<u64>,
    /// Visits opened.
    pub visits_opened: u64,
    /// Visits that ended.
    pub visits_ended: u64,
    /// Visits that were left before they ended.
    pub visits_gone: u64,
    /// Visits refused because too many were open.
    pub visits_refused: u64,
    /// Time from arrival to the milestone, of the visits that reached it.
    pub to_milestone: Times,
    /// Change of the heap for each visit.
    pub growth_per_visit_bytes: Option<i64>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// The openings of stages, in order of start.
    pub openings: Vec<Opening>,
    /// Allocated bytes, by who allocated them. Never to be added to `resident`.
    pub heap: Ledger,
    /// Resident bytes, by what they hold. Never to be added to `heap`.
    pub resident: Ledger,
    /// Packets whose buffers are held: a row of `resident`, in detail.
    pub packets_in_flight: Vec<InFlight>,
    /// Packets that queues dropped.
    pub drops: Vec<Dropped>,
    /// Threads that belong to no stage.
    pub unclaimed_threads: Vec<String>,
    /// The latest visits in the order in which they closed; a bounded number of them.
    pub recent_visits: Vec<Recent>,
    /// Processor time of the whole process, threads that have ended included; null where it is not known.
    pub cpu_ns: Option<u64>,
    /// Processor time of each thread that was there at the end, most first, to about 10 ms: a part of `cpu_ns`. The
    /// figures of stages, openings and steps are those of calls.
    pub threads: Vec<Thread>,
}

/// A visit that has closed, in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Recent {
    /// Its number.
    pub visit: u64,
    /// Its arrival.
    pub arrival_ns: u64,
    /// When it closed.
    pub closed_ns: u64,
    /// `ended` or `gone`.
    pub how: &'static str,
    /// Time from arrival to the milestone; null if it was not reached.
    pub to_milestone_ns: Option<u64>,
    /// What its calls left alive.
    pub live_bytes: i64,
    /// The largest peak inside one of its calls, to 64 KiB.
    pub peak_bytes: u64,
}

/// Threads of one name.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Thread {
    /// The name, of which the system keeps 15 bytes.
    pub name: String,
    /// Processor time since they began, openings included.
    pub cpu_ns: u64,
    /// The stages that run there; none for threads of the host and of plugins' own.
    pub stages: Vec<String>,
}

/// Times over many.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Half took no longer.
    pub p50_ns: u64,
    /// Nineteen of twenty took no longer.
    pub p95_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// What a stage did, openings apart.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stage {
    /// Its name in the pipeline file.
    pub name: String,
    /// What reports call it.
    pub title: String,
    /// Its plugin.
    pub plugin: String,
    /// Its thread.
    pub thread: String,
    /// Calls made with a packet, a wake or deferred work that came back.
    pub calls: u64,
    /// Events that it was told.
    pub events: u64,
    /// Of both, those that failed.
    pub failed: u64,
    /// Of both, those that panicked.
    pub panicked: u64,
    /// Of both, those past their deadline, whose results were used.
    pub late: u64,
    /// Calls that were not made.
    pub skipped: u64,
    /// Instances made anew after a failure.
    pub restarts: u64,
    /// Wall time of a call, without events.
    pub wall: Times,
    /// Length of a deferred work.
    pub work: Times,
    /// Bytes allocated in calls.
    pub allocated_bytes: u64,
    /// Bytes freed in calls.
    pub freed_bytes: u64,
    /// Allocated less freed.
    pub live_bytes: i64,
    /// The largest peak inside one call, to 64 KiB.
    pub max_peak_bytes: u64,
    /// Processor time of its calls and events together, on its own thread; null where it was not asked for (`--cpu`).
    pub cpu_ns: Option<u64>,
    /// Facts that it said outside of visits, each with its latest value.
    pub facts: Vec<Fact>,
    /// How often it gave each reason for what a call did (the fact `reason`), in visits and outside of them.
    pub reasons: Vec<Reason>,
    /// What its calls counted, such as tokens that were paid for, added up, in visits and outside of them.
    pub amounts: Vec<Amount>,
}

/// The making of one instance of a stage.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Opening {
    /// The stage's name.
    pub stage: String,
    /// What reports call the opening.
    pub title: String,
    /// When it began.
    pub start_ns: u64,
    /// When it ended; null while it goes on.
    pub end_ns: Option<u64>,
    /// What it left alive.
    pub live_bytes: i64,
    /// Its peak, to 64 KiB.
    pub peak_bytes: u64,
    /// Processor time of its thread meanwhile; null where it was not asked for (`--cpu`).
    pub cpu_ns: Option<u64>,
    /// The visit whose packet began it; null when it was begun ahead or by a packet of no visit.
    pub begun_for: Option<u64>,
    /// Whether it was begun before anything needed it.
    pub ahead: bool,
    /// Why it failed; null if it did not.
    pub failed: Option<String>,
    /// Files that it mapped.
    pub mapped: Vec<Mapped>,
}

/// A mapped file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mapped {
    /// Its name without its folder.
    pub file: String,
    /// Its resident bytes.
    pub bytes: u64,
    /// Other stages that were opening when it was mapped, and whose it may be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub or_by: Vec<String>,
}

/// A ledger.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ledger {
    /// Its rows.
    pub rows: Vec<LedgerRow>,
    /// The rows' sum.
    pub sum_bytes: i64,
    /// The total that was measured apart from the rows.
    pub total_bytes: Option<u64>,
}

/// A row of a ledger.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LedgerRow {
    /// Whose bytes.
    pub name: String,
    /// How many.
    pub bytes: i64,
    /// What a reader must know of the figure.
    pub mark: Option<String>,
}

/// Buffers that one stage made and another holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InFlight {
    /// Who made them.
    pub producer: String,
    /// Who holds them.
    pub holder: String,
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Packets that a queue dropped.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Dropped {
    /// Where the edge begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// How many packets.
    pub packets: u64,
}

/// The account of one visit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Visit {
    /// Its number.
    pub visit: u64,
    /// Its arrival, by the calendar of the pipeline's `time_zone` (RFC 3339); null where no calendar was asked for.
    pub arrived: Option<String>,
    /// Its arrival.
    pub arrival_ns: u64,
    /// Where the account ends: the milestone, else the close, else the last thing known.
    pub end_ns: u64,
    /// From arrival to the account's end; what `segments` add up to.
    pub length_ns: u64,
    /// The milestone that was asked for.
    pub until: Option<String>,
    /// Whether it was reached.
    pub reached: bool,
    /// When the visit closed; null while it is open.
    pub closed_ns: Option<u64>,
    /// `ended` or `gone`; null while it is open.
    pub how: Option<&'static str>,
    /// The way from arrival to the end: no gap, no overlap.
    pub segments: Vec<Way>,
    /// Everything that the visit did or waited for, in time order.
    pub steps: Vec<Step>,
    /// What its calls left alive until the end.
    pub live_bytes: i64,
    /// What they allocated.
    pub allocated_bytes: u64,
    /// What they freed.
    pub freed_bytes: u64,
    /// The largest peak inside one of them, to 64 KiB.
    pub peak_bytes: u64,
    /// What the openings that it began left alive: the stages', not part of `live_bytes`.
    pub openings_live_bytes: i64,
    /// Whether another visit was open at the same time.
    pub other_visits: bool,
    /// What other visits' calls left alive meanwhile, as far as it is known.
    pub other_visits_live_bytes: i64,
    /// Of the way: from one thread to another.
    pub hand_over_ns: u64,
    /// Of the way: spans that are no longer kept.
    pub folded_ns: u64,
    /// Of the way: what no record explains. 0 unless a record contradicts itself.
    pub untracked_ns: u64,
    /// Packets that queues dropped.
    pub drops: Vec<Dropped>,
    /// Packets that came after the close.
    pub late_packets: u64,
}

/// A piece of the way.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Way {
    /// From when.
    pub start_ns: u64,
    /// Until when.
    pub end_ns: u64,
    /// What it is: `call`, `work`, `opening`, `opening for another visit`, `opening for no visit`, `opening ahead`,
    /// `another opening`, `another visit`, `restart delay`, `busy`, `hand-over`, `timer`, `source`,
    /// `folded`, `quiet`, `untracked`.
    pub kind: &'static str,
    /// The stage that it is about.
    pub stage: Option<String>,
    /// For deferred work: its label, and the mark that the piece led to.
    pub label: Option<String>,
    /// Whether the visit stood still meanwhile.
    pub waiting: bool,
    /// How much sooner, about, the milestone would have come without it; null without a milestone.
    pub sooner_ns: Option<u64>,
}

/// A line of a visit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Step {
    /// What reports call it.
    pub title: String,
    /// `packet`, `wake`, `event`, `resumed`, `control`, `close`, `work`, `earlier calls`, or as the
    /// `kind` of a segment.
    pub kind: &'static str,
    /// Its stage.
    pub stage: Option<String>,
    /// When the first of it began.
    pub start_ns: u64,
    /// When the last of it ended.
    pub end_ns: u64,
    /// How long it took, all of it together.
    pub took_ns: u64,
    /// Processor time of its thread meanwhile; null for what is not metered, and where it was not asked for (`--cpu`).
    pub cpu_ns: Option<u64>,
    /// How many calls, works or waits it stands for.
    pub count: u64,
    /// How much of the way leads through it.
    pub on_way_ns: u64,
    /// How much sooner, about, the milestone would have come without it; null without a milestone.
    pub sooner_ns: Option<u64>,
    /// What it left alive; null for what is not metered.
    pub live_bytes: Option<i64>,
    /// The largest peak inside one of it, to 64 KiB; null for what is not metered.
    pub peak_bytes: Option<u64>,
    /// It was still under way at the end.
    pub running: bool,
    /// It began after the end.
    pub after: bool,
    /// `ok`, `failed`, `panicked`, `skipped`, `late`, `cancelled`, `dropped`.
    pub outcome: &'static str,
    /// The text of a failure, panic or skip, from the plugin.
    pub reason: Option<String>,
    /// Steps that the plugin named.
    pub marks: Vec<Mark>,
    /// Facts that the plugin attached.
    pub facts: Vec<Fact>,
    /// Files that an opening mapped.
    pub mapped: Vec<Mapped>,
}

/// A step that a plugin named.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mark {
    /// Its name.
    pub name: String,
    /// When it was reached.
    pub at_ns: u64,
}

/// A fact that a plugin attached.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What the calls of a stage counted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Amount {
    /// Of what, in the stage's words.
    pub name: String,
    /// The amounts of all calls together.
    pub sum: u64,
}

/// How often a reason was given.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reason {
    /// The reason, in the stage's words.
    pub reason: String,
    /// How many calls gave it.
    pub count: u64,
}

/// The report of a run and of some visits.
pub fn report(run: &RunRecord, accounts: &[Account]) -> Report {
    Report {
        schema: SCHEMA,
        run: Run::of(run),
        visits: accounts.iter().map(|account| Visit::of(account, run)).collect(),
    }
}

/// The report as one JSON value.
pub fn value(run: &RunRecord, accounts: &[Account]) -> Value {
    serde_json::to_value(report(run, accounts)).expect("a report has only text keys")
}

/// The JSON schema of a [`Report`].
pub fn schema() -> Schema {
    schemars::schema_for!(Report)
}

/// A field of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its place, such as `visits[].steps[].took_ns`.
    pub path: String,
    /// Its meaning.
    pub meaning: String,
}

/// Every field of a [`Report`], each object's by name.
pub fn fields() -> Vec<Field> {
    let schema = schema().to_value();
    let mut fields = Vec::new();
    list(&schema, &schema, "", &mut fields);
    fields
}

fn list(root: &Value, object: &Value, prefix: &str, fields: &mut Vec<Field>) {
    let Some(properties) = object["properties"].as_object() else {
        return;
    };
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by_key(|(name, _)| *name);
    for (name, property) in properties {
        let array = property["items"].is_object();
        let path = format!("{prefix}{name}{}", if array { "[]" } else { "" });
        let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        fields.push(Field { path: path.clone(), meaning });
        let inner = if array { &property["items"] } else { property };
        if let Some(place) = inner["$ref"].as_str()
            && let Some(inner) = root.pointer(place.trim_start_matches('#'))
        {
            list(root, inner, &format!("{path}."), fields);
        }
    }
}
