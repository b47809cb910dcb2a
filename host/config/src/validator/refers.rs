//! `x-refers`: texts that name something which stands elsewhere.

use regex_lite::{Captures, Regex};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Fault, Violation, places};
use crate::nearest::{nearest, shown};

/// Beside a table: a list of [`Rule`], whose pointers start at the table.
const REFERS: &str = "x-refers";

/// Which names texts may use.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// A pattern whose first group is a name; what it matches without one is none.
    pattern: String,
    /// Where it is looked for: in all texts at these pointers and below, with `*` for any key or item.
    #[serde(rename = "in")]
    within: Vec<String>,
    /// Tables whose keys are the names that there are.
    #[serde(default)]
    keys: Vec<String>,
    /// Names that there are in any case.
    #[serde(default)]
    names: Vec<String>,
    /// Of the items of a list only those before it give names to a text.
    #[serde(default)]
    before: bool,
    /// What is wrong with a name `{}` that there is not.
    told: String,
    /// What to do, where no other name is near.
    remedy: String,
}

/// Whether the keyword is written as it must be.
pub(super) fn audit(rules: &Value) -> Result<(), String> {
    for rule in Vec::<Rule>::deserialize(rules).map_err(|error| error.to_string())? {
        places::pattern(&rule.pattern)?;
        places::audit(rule.within.iter().chain(&rule.keys))?;
    }
    Ok(())
}

pub(super) fn faults(schema: &Map<String, Value>, table: &Value, pointer: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let rules = schema.get(REFERS).and_then(|rules| Vec::<Rule>::deserialize(rules).ok());
    for rule in rules.into_iter().flatten() {
        let Ok(pattern) = places::pattern(&rule.pattern) else { continue };
        let texts = rule.within.iter().flat_map(|within| places::at(table, within)).flat_map(places::texts);
        for (at, text) in texts {
            let names = rule.names_for(table, &at);
            for (what, name, meant) in references(&pattern, text, &names) {
                let hint = meant.unwrap_or_else(|| filled(&rule.remedy, name));
                let told = format!("{} stands for nothing: {}", shown(what), filled(&rule.told, name));
                found.push(Violation { pointer: format!("{pointer}{at}"), fault: Fault::Reference { told, hint } });
            }
        }
    }
    found
}

impl Rule {
    /// The names that a text at this place may use.
    fn names_for<'v>(&'v self, table: &'v Value, at: &str) -> Vec<&'v str> {
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        for keys in &self.keys {
            let list = keys.split_once('*').map_or("", |(list, _)| list);
            let place = |pointer: &str| pointer.strip_prefix(list)?.split('/').next()?.parse::<usize>().ok();
            let is_before = |pointer: &str| match (place(pointer), place(at)) {
                (Some(its), Some(of_text)) => its < of_text,
                _ => true,
            };
            let tables = places::at(table, keys).into_iter().filter(|(pointer, _)| !self.before || is_before(pointer));
            let of_tables = tables.filter_map(|(_, table)| table.as_object()).flat_map(Map::keys);
            names.extend(of_tables.map(String::as_str));
        }
        names
    }
}

/// What in a text names something that there is not: as it stands there, the name, and what was meant perhaps.
fn references<'t>(pattern: &Regex, text: &'t str, names: &[&str]) -> Vec<(&'t str, &'t str, Option<String>)> {
    let of = |captures: Captures<'t>| {
        let (what, name) = (captures.get(0)?, captures.get(1)?);
        if names.contains(&name.as_str()) {
            return None;
        }
        let meant = nearest(name.as_str(), names.iter().copied()).map(|near| {
            let (before, after) = (&text[what.start()..name.start()], &text[name.end()..what.end()]);
            format!("did you mean {}?", shown(&format!("{before}{near}{after}")))
        });
        Some((what.as_str(), name.as_str(), meant))
    };
    pattern.captures_iter(text).filter_map(of).collect()
}

/// Words with a name of the file in them, which is shown as such names are.
pub(super) fn filled(words: &str, name: &str) -> String {
    let shown = shown(name);
    words.replace("{}", shown.trim_matches('`'))
}
