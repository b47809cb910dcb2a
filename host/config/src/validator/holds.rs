//! `x-holds`: what a table has to hold, always or for what else stands in it; and what it must not.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::refers::filled;
use super::{Fault, Violation, places};

/// Beside a table: a list of [`Rule`], whose pointers start at the table.
const HOLDS: &str = "x-holds";

/// One thing that has to be so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Only where this is so; always, otherwise.
    #[serde(rename = "if", default)]
    when: Option<Holding>,
    /// This has to be so.
    #[serde(default)]
    then: Option<Holding>,
    /// This must not be so: each place where it is.
    #[serde(default)]
    not: Option<Holding>,
    /// Where it is told, as a pointer; otherwise where the condition is so, or what must not be.
    #[serde(default)]
    at: Option<String>,
    /// What is wrong; `{}` is the last part of the place.
    told: String,
    /// What to do.
    remedy: String,
}

/// Something that is so at one of some places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    /// Pointers, with `*` for any key or item.
    at: Vec<String>,
    /// It has one of these values; otherwise any that says something.
    #[serde(default)]
    is: Option<Vec<Value>>,
    /// There or below is a text in which the first group of this pattern takes part.
    #[serde(default)]
    text: Option<String>,
}

/// Whether the keyword is written as it must be.
pub(super) fn audit(rules: &Value) -> Result<(), String> {
    for rule in Vec::<Rule>::deserialize(rules).map_err(|error| error.to_string())? {
        if rule.then.is_some() == rule.not.is_some() {
            return Err("a rule has either `then` or `not`".to_owned());
        }
        places::audit(&rule.at)?;
        for holding in [&rule.when, &rule.then, &rule.not].into_iter().flatten() {
            places::audit(&holding.at)?;
            holding.text.as_deref().map_or(Ok(()), |text| places::pattern(text).map(drop))?;
        }
    }
    Ok(())
}

pub(super) fn faults(schema: &Map<String, Value>, table: &Value, pointer: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let rules = schema.get(HOLDS).and_then(|rules| Vec::<Rule>::deserialize(rules).ok());
    for rule in rules.into_iter().flatten() {
        let cause = match &rule.when {
            Some(when) => when.places(table).into_iter().next(),
            None => Some(String::new()),
        };
        let Some(cause) = cause else { continue };
        let wrong = match (&rule.then, &rule.not) {
            (Some(then), _) if then.places(table).is_empty() => vec![cause],
            (_, Some(not)) => not.places(table),
            _ => Vec::new(),
        };
        for place in wrong {
            let place = rule.at.as_ref().map_or(place, |at| places::there(table, at));
            let last = place.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
            let fault = Fault::Holds { told: filled(&rule.told, &last), remedy: filled(&rule.remedy, &last) };
            found.push(Violation { pointer: format!("{pointer}{place}"), fault });
        }
    }
    found
}

impl Holding {
    /// Where it is so.
    fn places(&self, table: &Value) -> Vec<String> {
        let places = self.at.iter().flat_map(|at| places::at(table, at));
        let Some(text) = &self.text else {
            let is_so = |value: &Value| self.is.as_ref().map_or_else(|| says_something(value), |is| is.contains(value));
            return places.filter(|(_, value)| is_so(value)).map(|(pointer, _)| pointer).collect();
        };
        let Ok(pattern) = places::pattern(text) else { return Vec::new() };
        let takes_part = |text: &str| pattern.captures_iter(text).any(|captures| captures.get(1).is_some());
        places.flat_map(places::texts).filter(|(_, text)| takes_part(text)).map(|(pointer, _)| pointer).collect()
    }
}

/// Whether something stands there that says more than that it is there.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(table) => !table.is_empty(),
        _ => true,
    }
}
