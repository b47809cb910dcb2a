//! Tables of a configuration that other keys of it choose by name, such as what each of several services is told.
//!
//! What such a table holds depends on its name, and one that nobody chooses is not looked at: an operator keeps what belongs to the
//! other choice, whole or half.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::codes::W0606;
use crate::diagnostic::Findings;
use crate::nearest::shown;
use crate::quantity::{parse_duration, show_duration};
use crate::validator::{audit, join};

use super::config::dotted;
use super::needs::says_something;

/// Beside a table of tables: [`Rules`].
pub(crate) const CHOSEN: &str = "x-chosen";
/// Beside a length of time in the schema of such a table: how long it usually takes.
const USUAL: &str = "x-usual";

/// What is said of the tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// The keys of the configuration that choose: a name, or a list of names.
    by: Vec<String>,
    /// Keys that bring other rules for the same names: where one of them is written, nothing is known.
    #[serde(default)]
    unless: Vec<String>,
    /// By name: the JSON Schema of its table, beside what holds for all of them.
    tables: BTreeMap<String, Value>,
}

/// A table that is chosen.
pub(super) struct Chosen {
    /// Where it is, as a JSON pointer.
    pub(super) pointer: String,
    /// Where it is chosen.
    pub(super) by: String,
    pub(super) schema: Value,
}

/// Refuses rules that could not be looked at.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn refuse(rules: &Value) -> Result<(), String> {
    let rules = Rules::deserialize(rules).map_err(|error| error.to_string())?;
    rules
        .tables
        .iter()
        .try_for_each(|(name, schema)| audit(schema).map_err(|reason| format!("the table {}: {reason}", shown(name))))
}

/// The tables that a configuration chooses and of which something is known.
pub(super) fn of(schema: &Value, config: &Value) -> Vec<Chosen> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut chosen: Vec<Chosen> = Vec::new();
    for (key, rules) in properties.into_iter().flatten().filter_map(|(key, part)| Some((key, part.get(CHOSEN)?))) {
        // The manifest's audit has read them once.
        let Ok(mut rules) = Rules::deserialize(rules) else { continue };
        if rules.unless.iter().any(|key| config.get(key).is_some_and(says_something)) {
            continue;
        }
        for (by, name) in rules.by.iter().flat_map(|by| names(config, by)) {
            // Each once.
            if let Some(schema) = rules.tables.remove(name) {
                chosen.push(Chosen { pointer: join(&join("", key), name), by, schema });
            }
        }
    }
    chosen
}

/// The names that a key chooses, and where each stands.
fn names<'c>(config: &'c Value, key: &str) -> Vec<(String, &'c str)> {
    let at = join("", key);
    match config.get(key) {
        Some(Value::String(name)) => vec![(at, name)],
        Some(Value::Array(items)) => {
            let named = items.iter().enumerate();
            named.filter_map(|(index, item)| Some((format!("{at}/{index}"), item.as_str()?))).collect()
        }
        _ => Vec::new(),
    }
}

/// Warns of lengths of time that are less than it usually takes.
pub(super) fn warn(
    chosen: &Chosen,
    table: &Map<String, Value>,
    span: impl Fn(&str) -> std::ops::Range<usize>,
    findings: &mut Findings<'_>,
) {
    let properties = chosen.schema.get("properties").and_then(Value::as_object);
    for (key, part) in properties.into_iter().flatten() {
        let length = |value: Option<&Value>| parse_duration(value?.as_str()?).ok();
        let (Some(usual), Some(written)) = (length(part.get(USUAL)), length(table.get(key))) else { continue };
        if written >= usual {
            continue;
        }
        let pointer = join(&chosen.pointer, key);
        let (usual, written) = (show_duration(usual), show_duration(written));
        let message = format!("{} is {written}, and it usually takes {usual}", shown(&dotted(&pointer)));
        findings
            .warning(W0606, &span(&pointer), message)
            .hint(format!("write `{key} = \"{usual}\"` or more, or leave it out"));
    }
}
