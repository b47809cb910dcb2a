//! What a schema may say at all.

use serde_json::Value;

use super::{holds, refers, spoken, types_of, unique};
use crate::check::{Rules, refuse_chosen};
use crate::nearest::shown;

/// Refuses a schema that says something which [`violations`] would not look at.
///
/// # Errors
/// What is wrong, with its place in the schema.
pub(crate) fn audit(schema: &Value) -> Result<(), String> {
    if !schema.is_object() {
        return Err("a schema is a JSON object".to_owned());
    }
    let root_types = types_of(schema);
    if !root_types.is_empty() && !root_types.contains(&"object") {
        return Err(format!("its root is of type {}, and it describes a table", root_types.join(", ")));
    }
    audit_part(schema, schema, "#")
}

/// Keywords that are checked, and those that only describe.
pub(super) const CHECKED: [&str; 25] = [
    "type",
    "enum",
    "const",
    "properties",
    "patternProperties",
    "required",
    "additionalProperties",
    "unevaluatedProperties",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "format",
    "$ref",
];
pub(super) const DESCRIBING: [&str; 12] = [
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
];

fn audit_part(root: &Value, schema: &Value, at: &str) -> Result<(), String> {
    let map = match schema {
        Value::Object(map) => map,
        Value::Bool(_) => return Ok(()),
        _ => return Err(format!("{at} is neither an object nor true or false")),
    };
    for (word, value) in map {
        let here = format!("{at}/{word}");
        match word.as_str() {
            "properties" | "patternProperties" | "$defs" | "definitions" => {
                let parts = value.as_object().ok_or(format!("{here} is not an object"))?;
                for (key, part) in parts {
                    if word == "patternProperties" {
                        audit_pattern(key, &here)?;
                    }
                    audit_part(root, part, &format!("{here}/{key}"))?;
                }
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                let parts = value.as_array().ok_or(format!("{here} is not a list"))?;
                for (index, part) in parts.iter().enumerate() {
                    audit_part(root, part, &format!("{here}/{index}"))?;
                }
            }
            "additionalProperties" | "unevaluatedProperties" | "items" => audit_part(root, value, &here)?,
            "pattern" => audit_pattern(value.as_str().unwrap_or_default(), &here)?,
            "$ref" => {
                let target = value.as_str().and_then(|target| root.pointer(target.strip_prefix('#')?));
                if target.is_none() {
                    return Err(format!("{here} leads nowhere inside the schema"));
                }
            }
            "x-file" => audit_file(schema, value, &here)?,
            "x-chosen" => refuse_chosen(value).map_err(|reason| format!("{here}: {reason}"))?,
            "x-unique" => unique::audit(value).map_err(|reason| format!("{here}: {reason}"))?,
            "x-refers" => refers::audit(value).map_err(|reason| format!("{here}: {reason}"))?,
            "x-holds" => holds::audit(value).map_err(|reason| format!("{here}: {reason}"))?,
            "x-spoken" => spoken::audit(value).map_err(|reason| format!("{here}: {reason}"))?,
            known if CHECKED.contains(&known) || DESCRIBING.contains(&known) || known.starts_with("x-") => {}
            unknown => {
                return Err(format!("the keyword {} at {at} would not be checked", shown(unknown)));
            }
        }
    }
    Ok(())
}

/// Rules for a file stand beside the text that names it, and have a schema of their own.
fn audit_file(beside: &Value, rules: &Value, at: &str) -> Result<(), String> {
    let types = types_of(beside);
    if !types.is_empty() && !types.contains(&"string") {
        return Err(format!("{at} stands beside what is no text; of a list it stands in `items`"));
    }
    let rules = Rules::of(rules).map_err(|reason| format!("{at}: {reason}"))?;
    rules.schema().map_or(Ok(()), |schema| audit(schema).map_err(|reason| format!("{at}/schema: {reason}")))
}

fn audit_pattern(pattern: &str, at: &str) -> Result<(), String> {
    match regex_lite::Regex::new(pattern) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the pattern at {at} cannot be read: {error}")),
    }
}
