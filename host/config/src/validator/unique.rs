//! `x-unique`: items of a list that must differ.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Fault, Violation, join};

/// Beside a list of tables: a list of lists of keys. No two items have all keys of one of them and say the same there.
const UNIQUE: &str = "x-unique";

/// Whether the keyword is written as it must be.
pub(super) fn audit(keys: &Value) -> Result<(), String> {
    Vec::<Vec<String>>::deserialize(keys).map(drop).map_err(|error| error.to_string())
}

pub(super) fn faults(schema: &Map<String, Value>, items: &[Value], pointer: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for keys in schema.get(UNIQUE).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_array) {
        let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
        let Some(first_key) = keys.first() else { continue };
        let at = |index: usize| join(&format!("{pointer}/{index}"), first_key);
        let mut firsts = BTreeMap::new();
        for (index, said) in items.iter().enumerate().filter_map(|(index, item)| Some((index, what(item, &keys)?))) {
            let first = *firsts.entry(said).or_insert(index);
            if first != index {
                found.push(Violation { pointer: at(index), fault: Fault::Repeated { first: at(first) } });
            }
        }
    }
    found
}

/// What an item says under these keys, texts without differences of white space; `None` where it has not all of them.
fn what(item: &Value, keys: &[&str]) -> Option<Vec<String>> {
    let plain = |value: &Value| match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    keys.iter().map(|key| item.get(*key).map(plain)).collect()
}
