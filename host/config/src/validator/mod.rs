//! Values against a plugin's JSON Schema.
//!
//! Written here and not taken from a crate: the general validators bring a regex engine, big numbers and forty crates, and their
//! messages speak of schemas. This one covers what schemars emits and what people write by hand, gives each problem the
//! pointer of the exact value, and differs from the standard in two ways that operators need: a table that lists properties
//! takes no others unless it says so (a key that is accepted and ignored is the worst answer), and `10.0` is not a whole number
//! (serde does not take it for one either). A schema with a keyword that is not checked here is refused with its manifest
//! ([`audit`]), never half obeyed.
mod audit;
mod fault;
mod forms;
mod holds;
mod places;
mod refers;
mod spoken;
mod unique;
mod words;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::nearest::nearest;
pub(crate) use audit::audit;
pub use fault::{Fault, Violation};
use words::{choice_fault, count_rule, matches, number_fault, text_fault, type_fault};

/// Everything in `value` that does not fit `schema`, in the order of the value. The schema must have passed its manifest's
/// audit; keywords outside of it are not looked at.
pub fn violations(schema: &Value, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    Validator { root: schema }.walk(schema, value, "", true, 0, &mut found);
    found
}

/// Follows a local `$ref`, as often as there is one.
pub(crate) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let mut schema = schema;
    for _ in 0..DEEPEST {
        match reference(schema).and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// `$ref` and the branches of `allOf`, `anyOf` and `oneOf`, flattened, with the schema itself first: everything that may say
/// something of the value.
pub(crate) fn alternatives<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s Value> {
    let mut all = Vec::new();
    gather(root, schema, 0, &mut all);
    all
}

fn gather<'s>(root: &'s Value, schema: &'s Value, depth: usize, all: &mut Vec<&'s Value>) {
    if depth > DEEPEST {
        return;
    }
    all.push(schema);
    if let Some(target) = reference(schema).and_then(|pointer| root.pointer(pointer)) {
        gather(root, target, depth + 1, all);
    }
    for branch in BRANCHES.iter().filter_map(|word| schema.get(word)?.as_array()).flatten() {
        gather(root, branch, depth + 1, all);
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix('#')
}

/// Deeper nesting is not a configuration; it also ends schemas that refer to themselves without going down.
const DEEPEST: usize = 64;
const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

struct Validator<'s> {
    root: &'s Value,
}

impl Validator<'_> {
    /// `closed`: a table that lists properties takes no others. Not so inside `allOf` and beside `properties`, where several
    /// schemas describe one table together.
    fn walk(&self, schema: &Value, value: &Value, pointer: &str, closed: bool, depth: usize, out: &mut Vec<Violation>) {
        let fault = |fault: Fault| Violation { pointer: pointer.to_owned(), fault };
        if depth > DEEPEST {
            return;
        }
        if schema == &Value::Bool(false) {
            out.push(fault(Fault::Form { forms: Vec::new(), ambiguous: false }));
            return;
        }
        let Some(schema) = schema.as_object() else {
            return;
        };
        if let Some(violation) = type_fault(schema, value) {
            out.push(fault(violation));
            return;
        }
        if let Some(violation) = choice_fault(schema, value) {
            out.push(fault(violation));
            return;
        }
        match value {
            Value::Number(_) => out.extend(number_fault(schema, value).map(fault)),
            Value::String(text) => out.extend(text_fault(schema, text).map(fault)),
            Value::Array(items) => self.items(schema, items, pointer, depth, out),
            Value::Object(table) => {
                self.table(schema, table, pointer, closed, depth, out);
                out.extend(refers::faults(schema, value, pointer));
                out.extend(holds::faults(schema, value, pointer));
            }
            Value::Null | Value::Bool(_) => {}
        }
        let closed = closed && !is_mixed(schema);
        if let Some(target) =
            schema.get("$ref").and_then(Value::as_str).and_then(|at| self.root.pointer(at.strip_prefix('#')?))
        {
            self.walk(target, value, pointer, closed, depth + 1, out);
        }
        for branch in array(schema, "allOf") {
            self.walk(branch, value, pointer, closed, depth + 1, out);
        }
        for (word, exactly_one) in [("anyOf", false), ("oneOf", true)] {
            if schema.contains_key(word) {
                self.forms(array(schema, word), value, pointer, closed, exactly_one, depth, out);
            }
        }
    }

    fn table(
        &self,
        schema: &Map<String, Value>,
        table: &Map<String, Value>,
        pointer: &str,
        closed: bool,
        depth: usize,
        out: &mut Vec<Violation>,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in table {
            let below = join(pointer, key);
            let patterned: Vec<&Value> = pattern_properties(schema, key).collect();
            if let Some(property) = properties.and_then(|properties| properties.get(key)) {
                self.walk(property, value, &below, true, depth + 1, out);
            } else if !patterned.is_empty() {
                for property in patterned {
                    self.walk(property, value, &below, true, depth + 1, out);
                }
            } else {
                let unknown = match schema.get("additionalProperties") {
                    Some(Value::Bool(allowed)) => !allowed,
                    Some(others) => {
                        let before = out.len();
                        self.walk(others, value, &below, true, depth + 1, out);
                        let slip = properties.is_some_and(|known| is_slip(key, known, table, &out[before..], &below));
                        if slip {
                            out.truncate(before);
                        }
                        slip
                    }
                    None if schema.get("unevaluatedProperties") == Some(&Value::Bool(true)) => false,
                    None if closed && is_mixed(schema) => {
                        !self.known_keys(schema).is_none_or(|keys| keys.contains(key))
                    }
                    None => closed && properties.is_some(),
                };
                if unknown {
                    let named = || properties.into_iter().flatten().map(|(key, _)| key.clone()).collect();
                    let known = self.known_keys(schema).unwrap_or_else(named).into_iter().collect();
                    out.push(Violation { pointer: below, fault: Fault::UnknownKey { key: key.clone(), known } });
                }
            }
        }
        for key in array(schema, "required").filter_map(Value::as_str).filter(|key| !table.contains_key(*key)) {
            let secret = properties.and_then(|properties| properties.get(key)).is_some_and(|property| {
                alternatives(self.root, property).iter().any(|schema| format_of(schema) == Some("secret"))
            });
            out.push(Violation {
                pointer: pointer.to_owned(),
                fault: Fault::MissingKey { key: key.to_owned(), secret },
            });
        }
        out.extend(spoken::faults(schema, table, pointer));
        let rule = count_rule(schema, table.len(), ["minProperties", "maxProperties"], "key");
        out.extend(rule.map(|rule| Violation { pointer: pointer.to_owned(), fault: Fault::Count { rule } }));
    }

    fn items(
        &self,
        schema: &Map<String, Value>,
        items: &[Value],
        pointer: &str,
        depth: usize,
        out: &mut Vec<Violation>,
    ) {
        let first: Vec<&Value> = array(schema, "prefixItems").collect();
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = first.get(index).copied().or_else(|| schema.get("items")) {
                self.walk(schema, item, &format!("{pointer}/{index}"), true, depth + 1, out);
            }
        }
        out.extend(unique::faults(schema, items, pointer));
        let mut rules: Vec<String> =
            count_rule(schema, items.len(), ["minItems", "maxItems"], "item").into_iter().collect();
        let repeated = items.iter().enumerate().any(|(index, item)| items[..index].contains(item));
        if repeated && schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            rules.push("name each item once".to_owned());
        }
        out.extend(
            rules.into_iter().map(|rule| Violation { pointer: pointer.to_owned(), fault: Fault::Count { rule } }),
        );
    }

    /// The keys that a table may have by all the schemas that describe it together; `None` where one of them takes any.
    fn known_keys(&self, schema: &Map<String, Value>) -> Option<BTreeSet<String>> {
        let schema = Value::Object(schema.clone());
        let mut keys = BTreeSet::new();
        for part in alternatives(self.root, &schema) {
            if part.get("patternProperties").is_some() {
                return None;
            }
            match part.get("additionalProperties") {
                None | Some(Value::Bool(false)) => {}
                Some(_) => return None,
            }
            let properties = part.get("properties").and_then(Value::as_object);
            keys.extend(properties.into_iter().flatten().map(|(key, _)| key.clone()));
        }
        Some(keys)
    }
}

/// Whether a key of a table that takes any is one of those that it names, mistyped: its value is of another type than others
/// have, and the key that was probably meant is not there.
fn is_slip(
    key: &str,
    known: &Map<String, Value>,
    table: &Map<String, Value>,
    found: &[Violation],
    pointer: &str,
) -> bool {
    let of_another_type =
        found.iter().any(|found| found.pointer == pointer && matches!(found.fault, Fault::Type { .. }));
    let missing = || known.keys().map(String::as_str).filter(|known| !table.contains_key(*known));
    of_another_type && nearest(key, missing()).is_some()
}

/// Several schemas describe the keys of one table.
fn is_mixed(schema: &Map<String, Value>) -> bool {
    let parts = usize::from(schema.contains_key("properties"))
        + usize::from(schema.contains_key("$ref"))
        + array(schema, "allOf").count()
        + usize::from(schema.contains_key("anyOf"))
        + usize::from(schema.contains_key("oneOf"));
    parts > 1
}

fn resolve_near<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    // A `$ref` with siblings is walked whole; only a bare one can be looked through.
    match schema.as_object() {
        Some(map) if map.contains_key("$ref") && !is_mixed(map) => resolve(root, schema),
        _ => schema,
    }
}

fn array<'s>(schema: &'s Map<String, Value>, word: &str) -> impl Iterator<Item = &'s Value> {
    schema.get(word).and_then(Value::as_array).into_iter().flatten()
}

fn pattern_properties<'s>(schema: &'s Map<String, Value>, key: &str) -> impl Iterator<Item = &'s Value> {
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    patterns.into_iter().flatten().filter(move |(pattern, _)| matches(pattern, key)).map(|(_, schema)| schema)
}

pub(crate) fn format_of(schema: &Value) -> Option<&str> {
    schema.get("format")?.as_str()
}

pub(crate) fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Appends a key to a JSON pointer.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::audit::{CHECKED, DESCRIBING};
    use super::*;
    use crate::codes;

    fn codes_of(schema: &Value, value: &Value) -> Vec<(String, &'static str)> {
        violations(schema, value).into_iter().map(|violation| (violation.pointer, violation.fault.code())).collect()
    }

    #[test]
    fn each_keyword_that_is_checked_stands_in_its_explanation() {
        let text = crate::explain(codes::E0906).expect("the code exists");
        for word in CHECKED.iter().chain(&DESCRIBING).chain(&BRANCHES) {
            assert!(text.contains(word), "`{word}` is not explained");
        }
    }

    #[test]
    fn a_table_that_lists_its_properties_takes_no_others() {
        let schema =
            json!({ "type": "object", "properties": { "a": { "type": "object", "properties": { "b": {} } } } });
        assert_eq!(
            codes_of(&schema, &json!({ "a": { "c": 1 }, "d": 1 })),
            [("/a/c".to_owned(), codes::E0204), ("/d".to_owned(), codes::E0204),]
        );
    }

    #[test]
    fn a_flattened_table_takes_the_keys_of_all_its_parts() {
        let schema = json!({
            "type": "object",
            "properties": { "name": { "type": "string" } },
            "allOf": [{ "$ref": "#/$defs/Size" }],
            "$defs": { "Size": { "type": "object", "properties": { "width": { "type": "integer" } }, "required": ["width"] } }
        });
        assert_eq!(codes_of(&schema, &json!({ "name": "x", "width": 2 })), []);
        assert_eq!(
            codes_of(&schema, &json!({ "name": "x", "widht": 2 })),
            [("/widht".to_owned(), codes::E0204), (String::new(), codes::E0205),]
        );
    }

    #[test]
    fn the_form_that_the_tag_names_is_the_one_that_is_checked() {
        let schema = json!({ "type": "object", "properties": { "sink": { "oneOf": [
            { "type": "object", "properties": { "kind": { "const": "file" }, "path": { "type": "string" } }, "required": ["kind", "path"] },
            { "type": "object", "properties": { "kind": { "const": "http" }, "port": { "type": "integer", "maximum": 65535 } }, "required": ["kind"] }
        ] } } });
        assert_eq!(
            codes_of(&schema, &json!({ "sink": { "kind": "http", "port": 70000 } })),
            [("/sink/port".to_owned(), codes::E0702)]
        );
        assert_eq!(
            codes_of(&schema, &json!({ "sink": { "kind": "htpt" } })),
            [("/sink/kind".to_owned(), codes::E0703)]
        );
        assert_eq!(codes_of(&schema, &json!({ "sink": {} })), [("/sink".to_owned(), codes::E0205)]);
    }

    #[test]
    fn an_optional_value_is_checked_as_the_value_that_it_may_have() {
        let schema = json!({ "type": "object", "properties": { "mode": { "anyOf": [{ "$ref": "#/$defs/Mode" }, { "type": "null" }] } },
            "$defs": { "Mode": { "type": "string", "enum": ["fast", "good"] } } });
        assert_eq!(codes_of(&schema, &json!({ "mode": "fast" })), []);
        assert_eq!(codes_of(&schema, &json!({ "mode": "fats" })), [("/mode".to_owned(), codes::E0703)]);
        assert_eq!(codes_of(&schema, &json!({ "mode": 3 })), [("/mode".to_owned(), codes::E0701)]);
    }

    #[test]
    fn a_table_that_takes_any_key_still_knows_a_slip_in_those_that_it_names() {
        let schema = json!({ "type": "object", "properties": { "sees": { "type": "string" } }, "required": ["sees"],
            "additionalProperties": { "type": "object" } });
        assert_eq!(codes_of(&schema, &json!({ "sees": "a", "ar": {} })), []);
        let slip = codes_of(&schema, &json!({ "see": "a" }));
        assert_eq!(slip, [("/see".to_owned(), codes::E0204), (String::new(), codes::E0205)]);
        let both = codes_of(&schema, &json!({ "sees": "a", "see": "a" }));
        assert_eq!(both, [("/see".to_owned(), codes::E0701)], "the key that it could be is there");
    }

    #[test]
    fn items_differ_in_the_keys_that_they_have() {
        let schema = json!({ "type": "object", "properties": { "say": { "type": "array", "x-unique": [["text"], ["kind", "in"]] } } });
        let say = |items: Value| codes_of(&schema, &json!({ "say": items }));
        assert_eq!(
            say(
                json!([{ "text": "a" }, { "text": "b" }, { "kind": "g", "in": "ar" }, { "kind": "g", "in": "en" }, { "kind": "g" }])
            ),
            []
        );
        let again = [("/say/1/text".to_owned(), codes::E0710), ("/say/3/kind".to_owned(), codes::E0710)];
        assert_eq!(
            say(
                json!([{ "text": "a  b" }, { "text": " a b" }, { "kind": "g", "in": "ar" }, { "kind": "g", "in": "ar" }])
            ),
            again
        );
    }

    /// Names in braces, of the options and of what an earlier step keeps; a brace is written twice.
    fn with_references() -> Value {
        json!({ "type": "object", "properties": { "options": {}, "step": { "items": {} } }, "additionalProperties": true, "x-refers": [
            { "pattern": r"\{\{|\}\}|\{option\.([^{}]*)\}", "in": ["/step/*/body", "/end"], "keys": ["/options"],
              "told": "there is no option `{}`", "remedy": "add `[options.{}]`" },
            { "pattern": r"\{kept\.([^{}]*)\}", "in": ["/step/*/body", "/end"], "keys": ["/step/*/keeps"], "before": true, "names": ["all"],
              "told": "no step before keeps `{}`", "remedy": "keep it" }
        ] })
    }

    fn told(schema: &Value, value: &Value) -> Vec<(String, String, String)> {
        let told = |violation: Violation| {
            let (message, hint) = (violation.fault.message("`X`"), violation.fault.hint().unwrap_or_default());
            (violation.pointer, message, hint)
        };
        violations(schema, value).into_iter().map(told).collect()
    }

    #[test]
    fn a_name_that_a_text_uses_is_there_and_for_an_item_of_a_list_before_it() {
        let fine = json!({
            "options": { "face": {} },
            "step": [{ "body": ["{option.face} {{option.none}}"], "keeps": { "id": "/id" } }, { "body": { "a": "{kept.id} {kept.all}" } }],
            "end": "{kept.id}{option.face}"
        });
        assert_eq!(told(&with_references(), &fine), []);
        let wrong = json!({
            "options": { "face": {} },
            "step": [{ "body": ["", { "a": "{option.fase} and {kept.id}" }], "keeps": { "id": "/id" } }],
            "end": "{option.other}"
        });
        let expected = [
            (
                "/step/0/body/1/a",
                "in `X` `{option.fase}` stands for nothing: there is no option `fase`",
                "did you mean `{option.face}`?",
            ),
            ("/end", "in `X` `{option.other}` stands for nothing: there is no option `other`", "add `[options.other]`"),
            ("/step/0/body/1/a", "in `X` `{kept.id}` stands for nothing: no step before keeps `id`", "keep it"),
        ];
        assert_eq!(
            told(&with_references(), &wrong),
            expected.map(|(pointer, message, hint)| (pointer.to_owned(), message.to_owned(), hint.to_owned()))
        );
        assert_eq!(codes_of(&with_references(), &wrong)[0].1, codes::E0718);
    }

    #[test]
    fn a_table_holds_what_belongs_to_what_it_says_and_nothing_that_does_not() {
        let schema = json!({ "type": "object", "additionalProperties": true, "x-holds": [
            { "then": { "at": ["/body"], "text": "(token)" }, "at": "/body", "told": "no `{}` has a token", "remedy": "add one" },
            { "if": { "at": ["/hears"], "is": ["other"] }, "then": { "at": ["/body/*"], "text": "x|(ear)" }, "told": "`{}`", "remedy": "r" },
            { "if": { "at": ["/list"] }, "then": { "at": ["/stop", "/end"] }, "at": "/list/tag", "told": "t", "remedy": "r" },
            { "not": { "at": ["/options/a", "/options/b"] }, "told": "`{}` is taken", "remedy": "r" }
        ] });
        let fine = json!({ "body": { "a": ["a token"], "b": "x ear" }, "hears": "other", "list": { "tag": "/n" }, "end": 1, "options": { "c": 1 } });
        assert_eq!(told(&schema, &fine), []);
        assert_eq!(
            told(&schema, &json!({ "body": "token", "hears": "none", "list": {}, "options": { "a": null } })),
            []
        );
        let wrong = json!({ "body": { "a": "" , "b": "x" }, "hears": "other", "list": { "name": 1 }, "stop": [], "options": { "a": 1, "b": 2 } });
        let expected = [
            ("/body", "no `body` has a token"),
            ("/hears", "`hears`"),
            ("/list", "t"),
            ("/options/a", "`a` is taken"),
            ("/options/b", "`b` is taken"),
        ];
        let found: Vec<_> = told(&schema, &wrong).into_iter().map(|(pointer, message, _)| (pointer, message)).collect();
        assert_eq!(found, expected.map(|(pointer, message)| (pointer.to_owned(), message.to_owned())));
        assert_eq!(codes_of(&schema, &wrong)[0].1, codes::E0719);
        assert_eq!(told(&schema, &json!({}))[0].0, "", "of what is not there at all it is told where it would be");
    }

    #[test]
    fn numbers_obey_their_bounds_and_their_rust_type() {
        let schema = json!({ "type": "object", "properties": {
            "share": { "type": "number", "minimum": 0, "exclusiveMaximum": 1 },
            "count": { "type": "integer", "format": "uint8", "minimum": 0 },
            "step": { "type": "number", "multipleOf": 0.1 } } });
        assert_eq!(codes_of(&schema, &json!({ "share": 0, "count": 255, "step": 0.3 })), []);
        assert_eq!(
            codes_of(&schema, &json!({ "share": 1.0, "count": 256, "step": 0.35 })),
            [
                ("/count".to_owned(), codes::E0702),
                ("/share".to_owned(), codes::E0702),
                ("/step".to_owned(), codes::E0702),
            ]
        );
        assert_eq!(codes_of(&schema, &json!({ "count": 10.0 })), [("/count".to_owned(), codes::E0701)]);
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({ "$ref": "#" });
        assert_eq!(codes_of(&schema, &json!({ "a": 1 })), []);
    }

    #[test]
    fn a_keyword_that_would_not_be_checked_is_refused() {
        assert_eq!(audit(&json!({ "type": "object", "properties": { "a": { "x-unit": "s", "minimum": 0 } } })), Ok(()));
        for wrong in [
            json!({ "not": { "required": ["a"] } }),
            json!({ "properties": { "a": { "if": {} } } }),
            json!({ "properties": { "a": { "pattern": "(" } } }),
            json!({ "properties": { "a": { "$ref": "#/$defs/None" } } }),
            json!({ "type": "string" }),
            json!(["type"]),
            json!({ "properties": { "a": { "type": "array", "x-file": {} } } }),
            json!({ "properties": { "a": { "x-file": { "format": "toml" } } } }),
            json!({ "properties": { "a": { "x-file": { "format": "xml", "schema": {} } } } }),
            json!({ "properties": { "a": { "x-file": { "format": "toml", "schema": { "not": {} } } } } }),
            json!({ "properties": { "a": { "x-file": { "inside": "b.toml" } } } }),
            json!({ "properties": { "a": { "x-chosen": { "by": ["b"] } } } }),
            json!({ "properties": { "a": { "x-chosen": { "by": ["b"], "tables": { "c": { "not": {} } } } } } }),
            json!({ "properties": { "a": { "x-unique": ["b"] } } }),
            json!({ "properties": { "a": { "x-spoken": { "key": ["b"] } } } }),
            json!({ "x-refers": { "pattern": "(a)" } }),
            json!({ "x-refers": [{ "pattern": "a", "in": ["/b"], "told": "c", "remedy": "d" }] }),
            json!({ "x-refers": [{ "pattern": "(a)", "in": ["b"], "told": "c", "remedy": "d" }] }),
            json!({ "x-holds": [{ "then": { "at": ["/b"] }, "not": { "at": ["/b"] }, "told": "c", "remedy": "d" }] }),
            json!({ "x-holds": [{ "if": { "at": ["/b"] }, "told": "c", "remedy": "d" }] }),
            json!({ "x-holds": [{ "then": { "at": ["/b"], "text": "(" }, "told": "c", "remedy": "d" }] }),
        ] {
            assert!(audit(&wrong).is_err(), "{wrong} was accepted");
        }
    }
}
