//! Places in a value by JSON pointers with `*` in them, which stands for each key of a table or each item of a list.

use regex_lite::Regex;
use serde_json::Value;

use super::join;

/// What stands at such a pointer, in the order of the value.
pub(super) fn at<'v>(value: &'v Value, pattern: &str) -> Vec<(String, &'v Value)> {
    let mut found = vec![(String::new(), value)];
    for part in pattern.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        found = found.into_iter().flat_map(|(pointer, value)| below(&pointer, value, &part)).collect();
    }
    found
}

fn below<'v>(pointer: &str, value: &'v Value, part: &str) -> Vec<(String, &'v Value)> {
    match value {
        Value::Object(table) if part == "*" => table.iter().map(|(key, value)| (join(pointer, key), value)).collect(),
        Value::Object(table) => table.get(part).map(|value| (join(pointer, part), value)).into_iter().collect(),
        Value::Array(items) if part == "*" => {
            items.iter().enumerate().map(|(index, value)| (format!("{pointer}/{index}"), value)).collect()
        }
        _ => Vec::new(),
    }
}

/// All texts at a place and below it.
pub(super) fn texts((pointer, value): (String, &Value)) -> Vec<(String, &str)> {
    match value {
        Value::String(text) => vec![(pointer, text)],
        Value::Array(_) | Value::Object(_) => below(&pointer, value, "*").into_iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The innermost of a pointer's places that there is.
pub(super) fn there(value: &Value, pointer: &str) -> String {
    let mut pointer = pointer;
    while value.pointer(pointer).is_none() {
        pointer = pointer.rsplit_once('/').map_or("", |(before, _)| before);
    }
    pointer.to_owned()
}

/// A pattern whose first group is what is looked for: what it matches without that group is passed over.
pub(super) fn pattern(pattern: &str) -> Result<Regex, String> {
    let read = Regex::new(pattern).map_err(|error| format!("the pattern `{pattern}` cannot be read: {error}"))?;
    if read.captures_len() < 2 { Err(format!("the pattern `{pattern}` has no group")) } else { Ok(read) }
}

/// Whether all of these are pointers.
pub(super) fn audit<'p>(pointers: impl IntoIterator<Item = &'p String>) -> Result<(), String> {
    let wrong = pointers.into_iter().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'));
    wrong.map_or(Ok(()), |wrong| Err(format!("`{wrong}` is no JSON pointer")))
}
