//! `anyOf` and `oneOf`: which of the forms was meant.

use serde_json::Value;

use super::words::{describe, describe_bare, describe_plain, type_name, words_of};
use super::{Fault, Validator, Violation, join, resolve_near, types_of};

impl Validator<'_> {
    /// `anyOf` and `oneOf`. The problem of the form that was meant is worth more than "fits none": a form is meant when its type
    /// and its tag (a property with one word) fit.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn forms<'b>(
        &self,
        branches: impl Iterator<Item = &'b Value>,
        value: &Value,
        pointer: &str,
        closed: bool,
        exactly_one: bool,
        depth: usize,
        out: &mut Vec<Violation>,
    ) {
        let branches: Vec<&Value> = branches.map(|branch| resolve_near(self.root, branch)).collect();
        let results: Vec<Vec<Violation>> = branches
            .iter()
            .map(|branch| {
                let mut found = Vec::new();
                self.walk(branch, value, pointer, closed, depth + 1, &mut found);
                found
            })
            .collect();
        let fitting = results.iter().filter(|found| found.is_empty()).count();
        let fault = |fault: Fault| Violation { pointer: pointer.to_owned(), fault };
        let names =
            || branches.iter().map(|branch| form_name(branch)).filter(|name| name != "nothing").collect::<Vec<_>>();
        if fitting == 1 || (fitting > 1 && !exactly_one) {
            return;
        }
        if fitting > 1 {
            out.push(fault(Fault::Form { forms: names(), ambiguous: true }));
            return;
        }
        let words: Option<Vec<Vec<String>>> = branches
            .iter()
            .filter(|branch| !is_null(branch))
            .map(|branch| branch.as_object().and_then(words_of))
            .collect();
        if let Some(words) = words.filter(|_| value.is_string()) {
            let allowed = words.into_iter().flatten().collect();
            out.push(fault(Fault::Choice { allowed, found: describe_bare(value) }));
            return;
        }
        if let Some(tag) = common_tag(&branches) {
            let tagged = value.get(&tag);
            let chosen = tagged.and_then(|word| {
                branches.iter().position(|branch| tag_words(branch, &tag).contains(&describe_plain(word)))
            });
            match (tagged, chosen) {
                (_, Some(index)) => out.extend(results[index].clone()),
                (Some(word), None) => {
                    let allowed = branches.iter().flat_map(|branch| tag_words(branch, &tag)).collect();
                    let fault = Fault::Choice { allowed, found: describe_bare(word) };
                    out.push(Violation { pointer: join(pointer, &tag), fault });
                }
                (None, None) if value.is_object() => out.push(fault(Fault::MissingKey { key: tag, secret: false })),
                (None, None) => {
                    let fault_type = Fault::Type { expected: "a table".to_owned(), found: describe(value) };
                    out.push(fault(fault_type));
                }
            }
            return;
        }
        let wrong_type =
            |violation: &Violation| violation.pointer == pointer && matches!(violation.fault, Fault::Type { .. });
        let meant: Vec<&Vec<Violation>> = results.iter().filter(|found| !found.iter().any(wrong_type)).collect();
        match meant[..] {
            [only] => out.extend(only.clone()),
            [] => out.push(fault(Fault::Type { expected: names().join(" or "), found: describe(value) })),
            _ => out.push(fault(Fault::Form { forms: names(), ambiguous: false })),
        }
    }
}

fn is_null(schema: &Value) -> bool {
    types_of(schema) == ["null"]
}

/// A property that each form gives another single word: what tells the forms apart.
fn common_tag(branches: &[&Value]) -> Option<String> {
    let tables: Vec<&&Value> = branches.iter().filter(|branch| !is_null(branch)).collect();
    let (first, others) = tables.split_first()?;
    let properties = first.get("properties")?.as_object()?;
    let is_tag = |branch: &Value, key: &str| !tag_words(branch, key).is_empty();
    let key = properties.keys().find(|key| is_tag(first, key) && others.iter().all(|branch| is_tag(branch, key)))?;
    Some(key.clone())
}

fn tag_words(branch: &Value, tag: &str) -> Vec<String> {
    let property = branch.get("properties").and_then(|properties| properties.get(tag));
    property.and_then(Value::as_object).and_then(words_of).unwrap_or_default()
}

/// A form in a word or two, for a hint.
fn form_name(branch: &Value) -> String {
    if let Some(title) = branch.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    if let Some(words) = branch.as_object().and_then(words_of) {
        return words.join(", ");
    }
    let required: Vec<&str> =
        branch.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    match (required.is_empty(), types_of(branch).first()) {
        (false, _) => format!("a table with {}", required.join(", ")),
        (true, Some(ty)) => type_name(ty).to_owned(),
        (true, None) => "anything".to_owned(),
    }
}
