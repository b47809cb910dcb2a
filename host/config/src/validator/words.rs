//! The keywords that look at one value alone.

use serde_json::{Map, Value};

use super::Fault;
use crate::nearest::{either, shown};

/// What fits, from what the schema itself says of the value: its description and examples.
pub(super) fn about(schema: &Map<String, Value>) -> Option<String> {
    let description = schema.get("description").and_then(Value::as_str).map(|text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ")
    });
    let examples = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
    let examples: Vec<String> = examples.map(describe_plain).collect();
    let examples: Vec<&str> = examples.iter().map(String::as_str).collect();
    match (description, examples.is_empty()) {
        (Some(text), false) => Some(format!("{}; such as {}", text.trim_end_matches('.'), either(&examples))),
        (Some(text), true) => Some(text),
        (None, false) => Some(format!("write something such as {}", either(&examples))),
        (None, true) => None,
    }
}

pub(super) fn type_fault(schema: &Map<String, Value>, value: &Value) -> Option<Fault> {
    let types: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = |ty: &&str| match *ty {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => true,
    };
    if types.iter().any(fits) {
        return None;
    }
    let expected: Vec<&str> = types.iter().filter(|ty| **ty != "null").map(|ty| type_name(ty)).collect();
    Some(Fault::Type { expected: expected.join(" or "), found: describe(value) })
}

pub(super) fn type_name(ty: &str) -> &'static str {
    match ty {
        "null" => "nothing",
        "boolean" => "true or false",
        "object" => "a table",
        "array" => "a list",
        "string" => "a text",
        "number" => "a number",
        "integer" => "a whole number",
        _ => "something else",
    }
}

/// A value with its type, for "found …".
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => format!("`{yes}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", shown(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}

pub(super) fn describe_bare(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        other => describe(other),
    }
}

pub(super) fn describe_plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The words of a `const` or an `enum`.
pub(super) fn words_of(schema: &Map<String, Value>) -> Option<Vec<String>> {
    if let Some(word) = schema.get("const") {
        return Some(vec![describe_plain(word)]);
    }
    let words = schema.get("enum")?.as_array()?;
    Some(words.iter().filter(|word| !word.is_null()).map(describe_plain).collect())
}

pub(super) fn choice_fault(schema: &Map<String, Value>, value: &Value) -> Option<Fault> {
    let allowed = match (schema.get("const"), schema.get("enum").and_then(Value::as_array)) {
        (Some(word), _) if word != value => words_of(schema)?,
        (None, Some(words)) if !words.contains(value) => words_of(schema)?,
        _ => return None,
    };
    Some(Fault::Choice { allowed, found: describe_bare(value) })
}

pub(super) fn number_fault(schema: &Map<String, Value>, value: &Value) -> Option<Fault> {
    let number = value.as_f64()?;
    let (least, most) = schema.get("format").and_then(Value::as_str).map_or((None, None), format_range);
    let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
    let shown_bound = |word: &str| schema.get(word).map(Value::to_string).unwrap_or_default();
    let rule = if bound("minimum").is_some_and(|least| number < least) {
        format!("at least {}", shown_bound("minimum"))
    } else if bound("maximum").is_some_and(|most| number > most) {
        format!("at most {}", shown_bound("maximum"))
    } else if bound("exclusiveMinimum").is_some_and(|least| number <= least) {
        format!("more than {}", shown_bound("exclusiveMinimum"))
    } else if bound("exclusiveMaximum").is_some_and(|most| number >= most) {
        format!("less than {}", shown_bound("exclusiveMaximum"))
    } else if least.is_some_and(|least| number < least) {
        format!("at least {}", least.unwrap_or_default())
    } else if most.is_some_and(|most| number > most) {
        format!("at most {}", most.unwrap_or_default())
    } else if bound("multipleOf").is_some_and(|step| step > 0.0 && !is_multiple(number, step)) {
        format!("a multiple of {}", shown_bound("multipleOf"))
    } else {
        return None;
    };
    let least = schema.get("minimum").map(Value::to_string).or(least.map(|least| least.to_string()));
    let most = schema.get("maximum").map(Value::to_string).or(most.map(|most| most.to_string()));
    let fits = match (least, most) {
        _ if rule.starts_with("a multiple") => format!("write {rule}"),
        (Some(least), Some(most)) => format!("it may be {least} to {most}"),
        _ => format!("write a number that is {rule}"),
    };
    Some(Fault::Range { bound: rule, found: value.to_string(), fits })
}

fn is_multiple(number: f64, step: f64) -> bool {
    let times = number / step;
    (times - times.round()).abs() < 1e-9
}

/// schemars writes a Rust integer's type as a format and leaves some bounds to it.
fn format_range(format: &str) -> (Option<f64>, Option<f64>) {
    match format {
        "uint8" => (Some(0.0), Some(f64::from(u8::MAX))),
        "uint16" => (Some(0.0), Some(f64::from(u16::MAX))),
        "uint32" => (Some(0.0), Some(f64::from(u32::MAX))),
        "uint" | "uint64" => (Some(0.0), None),
        "int8" => (Some(f64::from(i8::MIN)), Some(f64::from(i8::MAX))),
        "int16" => (Some(f64::from(i16::MIN)), Some(f64::from(i16::MAX))),
        "int32" => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
        _ => (None, None),
    }
}

pub(super) fn text_fault(schema: &Map<String, Value>, text: &str) -> Option<Fault> {
    let length = text.chars().count() as u64;
    let number = |word: &str| schema.get(word).and_then(Value::as_u64);
    let (rule, fits) = if let Some(least) = number("minLength").filter(|least| length < *least) {
        match least {
            1 => ("not be empty".to_owned(), "write a text".to_owned()),
            _ => (format!("be at least {least} characters long"), "write a longer one".to_owned()),
        }
    } else if let Some(most) = number("maxLength").filter(|most| length > *most) {
        (format!("be at most {most} characters long"), "write a shorter one".to_owned())
    } else {
        let pattern = schema.get("pattern")?.as_str()?;
        if matches(pattern, text) {
            return None;
        }
        if let Some(part) = literal(pattern) {
            let rule = format!("have {} in it", shown(&part));
            (rule, about(schema).unwrap_or_else(|| "write it where it belongs".to_owned()))
        } else {
            // A regular expression is not for everybody: it is shown where the schema has no words at all.
            let fits = about(schema)
                .unwrap_or_else(|| format!("the plugin describes it by the regular expression {}", shown(pattern)));
            ("have the form that the plugin asks for".to_owned(), fits)
        }
    };
    Some(Fault::Text { rule, found: describe(&Value::String(text.to_owned())), fits })
}

/// The text that a pattern looks for, where it looks for nothing else: `{tags}` of `\\{tags\\}`.
fn literal(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next().filter(char::is_ascii_punctuation)?),
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => return None,
            _ => text.push(letter),
        }
    }
    Some(text)
}

pub(super) fn count_rule(
    schema: &Map<String, Value>,
    count: usize,
    [least, most]: [&str; 2],
    one: &str,
) -> Option<String> {
    let number = |word: &str| schema.get(word).and_then(Value::as_u64);
    let things = |number: u64| {
        if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
    };
    let count = count as u64;
    if let Some(least) = number(least).filter(|least| count < *least) {
        return Some(format!("have at least {}", things(least)));
    }
    number(most).filter(|most| count > *most).map(|most| format!("have at most {}", things(most)))
}

pub(super) fn matches(pattern: &str, text: &str) -> bool {
    // The audit of the manifest has compiled it once.
    regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}
