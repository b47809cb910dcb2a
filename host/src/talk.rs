//! Talk to the operator, on stderr: in words, or as the lines of JSON that `--log json` asks for.
//!
//! What is said here answers a command, so no level of the log hides it. With `--log json` it has the shape of the log's
//! own lines: whoever collects stderr reads one format.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use majlis_config::{Diagnostic, Severity, Source};
use serde_json::{Map, Value, json};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

static AS_JSON: AtomicBool = AtomicBool::new(false);

/// From here on in lines of JSON.
pub(crate) fn in_json() {
    AS_JSON.store(true, Ordering::Relaxed);
    // A panic of the host's own, or of a plugin's thread that nobody watches in this library.
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map(ToString::to_string);
        line("ERROR", &format!("panicked: {text}"), json!({ "place": place }));
    }));
}

pub(crate) fn is_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// A terminal that is gone must not end the show.
fn write(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// One line in the shape of the log's.
fn line(level: &str, message: &str, fields: Value) {
    let mut timestamp = String::new();
    // Writing to a text cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let mut object = Map::new();
    for (name, value) in [("timestamp", &*timestamp), ("level", level), ("message", message), ("target", "majlis")] {
        object.insert(name.to_owned(), value.into());
    }
    if let Value::Object(fields) = fields {
        object.extend(fields.into_iter().filter(|(name, value)| name != "message" && !value.is_null()));
    }
    write(&format!("{}\n", Value::Object(object)));
}

/// Something failed.
pub(crate) fn error(message: &str) {
    if is_json() { line("ERROR", message, Value::Null) } else { write(&format!("error: {message}\n")) }
}

/// Something that an operator should know and that is no error.
pub(crate) fn notice(message: &str) {
    if is_json() { line("INFO", message, Value::Null) } else { write(&format!("{message}\n")) }
}

/// What a stage shows to whoever stands there, such as a greeting with a name. In JSON it is an object of its own, without
/// level and time, because it is no line of the log: who keeps a log leaves out what has `shown`.
pub(crate) fn shown(stage: &str, visit: u64, text: &str) {
    if is_json() {
        write(&format!("{}\n", json!({ "shown": text, "stage": stage, "visit": visit })));
    } else {
        write(&format!("{text}\n"));
    }
}

/// The command line is wrong, in clap's own words.
pub(crate) fn misused(error: &clap::Error) {
    line("ERROR", error.render().to_string().trim_end(), Value::Null);
}

/// Findings in a pipeline file, each at its place.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic], source: &Source<'_>, color: bool) {
    if !is_json() {
        return write(&majlis_config::render(diagnostics, source, color));
    }
    for diagnostic in diagnostics {
        let level = if diagnostic.severity == Severity::Error { "ERROR" } else { "WARN" };
        line(level, &diagnostic.message, json!(diagnostic));
    }
}

/// What is wrong with a command, apart from the text of a pipeline file.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Stable: see [`crate::codes`].
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// What was probably meant, or what to do.
    pub(crate) hint: String,
}

impl Problem {
    /// For a command that was given `--json`, stdout carries what is wrong as it carries everything else.
    pub(crate) fn tell(&self, as_json: bool, file: Option<&Path>) {
        if as_json {
            let mut diagnostic = json!(self);
            diagnostic["file"] = json!(file);
            let mut object = json!({ "diagnostics": [diagnostic] });
            if let Some(file) = file {
                object["file"] = json!(file);
            }
            return say!("{object}");
        }
        self.talk("ERROR", "error");
    }

    /// The same as a warning, which no data waits for.
    pub(crate) fn warn(&self) {
        self.talk("WARN", "warning");
    }

    fn talk(&self, level: &str, word: &str) {
        let Self { code, message, hint } = self;
        if is_json() {
            return line(level, message, json!({ "code": code, "hint": hint }));
        }
        write(&format!("{word}[{code}]: {message}; {hint}\n"));
    }
}

impl serde::Serialize for Problem {
    /// As a diagnostic, without a place in the file.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { code, message, hint } = self;
        json!({ "code": code, "severity": "error", "message": message, "line": null, "column": null, "hint": hint })
            .serialize(serializer)
    }
}
