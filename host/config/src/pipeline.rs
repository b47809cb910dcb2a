//! The checked graph: plain data with indices where the file has names.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::codes;
use crate::diagnostic::{Diagnostic, Lines, Severity};
use crate::manifest::Manifest;
use crate::nearest::shown;

/// A pipeline without errors, ready for the runtime.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// `[pipeline] name`, by default the file's name without its ending.
    pub name: String,
    /// A BCP 47 tag in its canonical letters: `ar-SA`.
    pub language: String,
    /// IANA: `Asia/Riyadh`.
    pub time_zone: String,
    /// Visits that may be open at once.
    pub max_visits: u32,
    /// How long a drain may take before what is left is cut.
    pub drain_within: Duration,
    /// The folder of the pipeline file, to which its relative paths were joined.
    pub base: PathBuf,
    /// Folders that are searched for plugins before the installed ones; joined to `base`.
    pub plugins: Vec<PathBuf>,
    /// In the order of the file.
    pub stages: Vec<Stage>,
    /// In the order of the consuming stages, then of their inputs in the file.
    pub edges: Vec<Edge>,
    /// Names; [`Stage::thread`] is an index.
    pub threads: Vec<String>,
    /// The milestone at which a visit's account ends.
    pub until: Option<String>,
}

/// A configured instance of a plugin.
#[derive(Clone)]
pub struct Stage {
    /// The NAME of `[stage.NAME]`.
    pub name: String,
    /// How reports name it; by default `name`.
    pub title: String,
    /// How reports name the making of its instance; by default the title, then "(opening)".
    pub opening_title: Option<String>,
    /// The plugin's name.
    pub plugin: String,
    /// What the plugin says of itself; port indices of edges refer to it.
    pub manifest: Arc<Manifest>,
    /// The plugin's library.
    pub path: PathBuf,
    /// Of the library that was checked: what is opened must have the same.
    pub checked_sha256: [u8; 32],
    /// The pin, where the file has one. It equals `checked_sha256`.
    pub sha256: Option<[u8; 32]>,
    /// Checked against the plugin's schema; references to the environment and to secret files are replaced by their text.
    /// Never printed: [`Stage::shown_config`] is what may be.
    pub config: Value,
    /// JSON pointers into `config` of the values that are secrets.
    pub secrets: Vec<String>,
    /// When it is opened.
    pub load: Load,
    /// Index into [`Pipeline::threads`].
    pub thread: usize,
    /// Soft limit of one call.
    pub deadline: Option<Duration>,
    /// What a failed call means for what comes after it.
    pub on_failure: OnFailure,
    /// How often a failed instance is made anew.
    pub restart: Restart,
    /// Where NAME stands in the file.
    pub place: Place,
    /// By JSON pointer: where each value of `config` stands. The empty pointer is `config` itself.
    pub config_places: BTreeMap<String, Place>,
}

/// When a stage is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// At its first packet.
    Lazy,
    /// In the background, after the start.
    Prewarm,
    /// Before the start, which fails when it does.
    Eager,
}

/// What becomes of a packet whose call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The packet has no answer; downstream is told so.
    Skip,
    /// The pipeline ends.
    Stop,
}

/// What a full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// Everything but the newest goes.
    Latest,
    /// The oldest goes.
    DropOldest,
    /// What came last goes.
    DropNewest,
    /// The producer waits.
    Block,
}

/// At most `max` restarts `within` a time, each after `delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Restart {
    /// 0: never.
    pub max: u32,
    /// The window in which they are counted.
    pub within: Duration,
    /// Before each.
    pub delay: Duration,
}

/// A place in the pipeline file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, as it was named to the check.
    pub file: Arc<str>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// What is underlined: a range of bytes.
    pub span: Range<usize>,
}

impl Place {
    pub(crate) fn new(file: &Arc<str>, span: &Range<usize>, lines: &Lines<'_>) -> Self {
        let (line, column) = lines.place(span.start);
        Place { file: Arc::clone(file), line, column, span: span.clone() }
    }
}

/// From an output to an input, with its queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Index into [`Pipeline::stages`].
    pub from: usize,
    /// Index into the producer's `manifest.outputs`.
    pub output: usize,
    /// Index into [`Pipeline::stages`].
    pub to: usize,
    /// Index into the consumer's `manifest.inputs`.
    pub input: usize,
    /// `majlis/frame@1`, resolved.
    pub ty: String,
    /// Packets of each visit.
    pub depth: usize,
    /// Bytes over all visits.
    pub bytes: u64,
    /// What happens beyond either.
    pub overflow: Overflow,
    /// It leaves an origin inside a loop: it never blocks.
    pub looping: bool,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.name)
            .field("title", &self.title)
            .field("plugin", &self.plugin)
            .field("path", &self.path)
            .field("config", &self.shown_config())
            .field("load", &self.load)
            .field("thread", &self.thread)
            .field("deadline", &self.deadline)
            .field("on_failure", &self.on_failure)
            .field("restart", &self.restart)
            .finish_non_exhaustive()
    }
}

impl Stage {
    /// The configuration with `***` for each secret.
    pub fn shown_config(&self) -> Value {
        let mut config = self.config.clone();
        for pointer in &self.secrets {
            if let Some(secret) = config.pointer_mut(pointer) {
                *secret = Value::String("***".to_owned());
            }
        }
        config
    }
}

impl Pipeline {
    /// The index of a stage.
    pub fn stage(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.name == name)
    }

    /// Where a value of a stage's configuration stands. `config_path` is a JSON pointer (`/models/0`) or a dotted path as
    /// serde's path tracking writes it (`models[0].name`); what the file does not have is shown at the closest table around
    /// it. `None` only for a stage that does not exist.
    pub fn locate(&self, stage: usize, config_path: &str) -> Option<Place> {
        let stage = self.stages.get(stage)?;
        let mut pointer = as_pointer(config_path);
        loop {
            if let Some(place) = stage.config_places.get(&pointer) {
                return Some(place.clone());
            }
            match pointer.rfind('/') {
                Some(parent) => pointer.truncate(parent),
                None => return Some(stage.place.clone()),
            }
        }
    }

    /// What a plugin itself said of its configuration at `open`, as a diagnostic of the file, so that it is drawn as all others
    /// are.
    pub fn refused_by_plugin(&self, stage: usize, config_path: &str, reason: &str) -> Option<Diagnostic> {
        let place = self.locate(stage, config_path)?;
        let stage = self.stages.get(stage)?;
        let message = format!("stage {} was not opened: {reason}", shown(&stage.name));
        let mut diagnostic = Diagnostic::new(codes::E0713, Severity::Error, place.span, message);
        (diagnostic.line, diagnostic.column) = (place.line, place.column);
        diagnostic.file = place.file.to_string();
        diagnostic.label(format!("plugin {} refuses this", shown(&stage.plugin))).hint(format!(
            "change it; `majlis plugins inspect {}` lists the plugin's keys and what they take",
            stage.plugin
        ));
        // The plugin may have refused a secret, and the text around it is drawn.
        for secret in stage.secrets.iter().filter_map(|pointer| stage.config_places.get(pointer)) {
            diagnostic.hide(&secret.span);
        }
        Some(diagnostic)
    }
}

/// `a.b[0].c` and `/a/b/0/c` alike.
fn as_pointer(path: &str) -> String {
    if path.is_empty() || path.starts_with('/') {
        return path.to_owned();
    }
    let flat = path.replace('[', ".").replace(']', "");
    flat.split('.').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect()
}

/// Bytes of one packet in the worst case: a full-HD frame in RGB, and an upper bound for the small messages.
fn packet_bytes(ty: &str) -> u64 {
    const FRAME: u64 = 1920 * 1080 * 3;
    const MESSAGE: u64 = 64 * 1024;
    if ty == FRAME_TYPE { FRAME } else { MESSAGE }
}

/// The one type whose name this crate knows: frames are large, and only the newest is worth anything.
pub(crate) const FRAME_TYPE: &str = "majlis/frame@1";

/// Bytes that the queue of an edge can hold when every visit's is full. Packets of no visit count as one visit more.
pub fn edge_worst_case_bytes(pipeline: &Pipeline, edge: &Edge) -> u64 {
    let visits = u64::from(pipeline.max_visits) + 1;
    let full = visits.saturating_mul(edge.depth as u64).saturating_mul(packet_bytes(&edge.ty));
    full.min(edge.bytes.max(packet_bytes(&edge.ty)))
}

/// Bytes that all queues of a pipeline can hold together. A buffer that stands in two queues is counted twice: an upper bound.
pub fn worst_case_bytes(pipeline: &Pipeline) -> u64 {
    pipeline.edges.iter().map(|edge| edge_worst_case_bytes(pipeline, edge)).sum()
}
