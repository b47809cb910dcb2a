//! The JSON Schema of the whole pipeline file, with the tables of the installed plugins, so that editors complete and check it.

use serde_json::{Map, Value, json};

use crate::catalogue::Catalogue;
use crate::keys::{self, Form, Key, Table};
use crate::manifest::Manifest;
use crate::validator::{format_of, types_of};

/// The schema (draft 2020-12) of a pipeline file for these plugins. It says what the table of keys and the manifests say; what
/// needs the whole graph (references, types, loops) only [`crate::check`] knows.
pub fn schema(catalogue: &Catalogue) -> Value {
    let mut defs = Map::new();
    defs.insert("reference".to_owned(), reference());
    defs.insert("secret".to_owned(), secret());
    let mut stages = Vec::new();
    for (name, entry) in &catalogue.plugins {
        let config = format!("plugin-{name}");
        defs.insert(config.clone(), adapted(&entry.manifest.config_schema, &config));
        stages.push(stage(&entry.manifest, &config));
    }
    let stage = match stages.is_empty() {
        // With nothing installed, everything but the plugin's own part can still be completed.
        true => table(Table::Stage, &|key| match key.form {
            Form::Inputs => Some(json!({ "type": "object" })),
            Form::Config => Some(json!({ "type": "object" })),
            Form::Table(Table::Queue) => Some(queue(&[])),
            _ => None,
        }),
        false => json!({ "oneOf": stages }),
    };
    let mut whole = table(Table::File, &|key| match key.form {
        Form::Tables(_) => Some(json!({ "type": "object", "minProperties": 1, "additionalProperties": stage })),
        _ => None,
    });
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["title"] = json!("Majlis pipeline");
    whole["$defs"] = Value::Object(defs);
    whole
}

/// A table of the host's: the keys of [`keys`], with `special` for what depends on the catalogue.
fn table(table: Table, special: &dyn Fn(&Key) -> Option<Value>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys::of(table) {
        let plain = || match key.form {
            Form::Table(inner) => Some(self::table(inner, &|_| None)),
            _ => key.form.schema(),
        };
        let Some(mut value) = special(key).or_else(plain) else {
            continue;
        };
        value["description"] = json!(format!("{} Default: {}.", sentence(key.meaning), key.default));
        properties.insert(key.name.to_owned(), value);
        if key.default == "required" {
            required.push(key.name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

/// `[stage.NAME]` of one plugin: a form of its own, because editors complete the forms of a `oneOf` and few follow `if`.
fn stage(manifest: &Manifest, config: &str) -> Value {
    let inputs: Vec<&str> = manifest.inputs.iter().map(|port| port.name.as_str()).collect();
    let mut stage = table(Table::Stage, &|key| match (key.name, &key.form) {
        ("plugin", _) => Some(json!({ "const": manifest.name })),
        (_, Form::Inputs) => Some(wiring(manifest)),
        (_, Form::Config) => Some(json!({ "$ref": format!("#/$defs/{config}") })),
        (_, Form::Table(Table::Queue)) => Some(queue(&inputs)),
        _ => None,
    });
    stage["title"] = json!(manifest.name);
    stage["description"] = json!(manifest.summary);
    let needs_config =
        manifest.config_schema.get("required").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty());
    if let Some(required) = stage["required"].as_array_mut() {
        if manifest.inputs.iter().any(|port| port.required) {
            required.push(json!("inputs"));
        }
        if needs_config {
            required.push(json!("config"));
        }
    }
    stage
}

fn wiring(manifest: &Manifest) -> Value {
    let output = json!({ "type": "string", "pattern": r"^[^.]+\.[^.]+$" });
    let mut properties = Map::new();
    for port in &manifest.inputs {
        let mut value = match port.many {
            true => json!({ "anyOf": [output, { "type": "array", "items": output }] }),
            false => output.clone(),
        };
        value["description"] = json!(format!("STAGE.OUTPUT of type {}", port.ty));
        properties.insert(port.name.clone(), value);
    }
    let required: Vec<&str> =
        manifest.inputs.iter().filter(|port| port.required).map(|port| port.name.as_str()).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The queue of all inputs, with one for each input inside.
fn queue(inputs: &[&str]) -> Value {
    let mut queue = table(Table::Queue, &|_| None);
    for input in inputs {
        if queue["properties"].get(*input).is_none() {
            queue["properties"][*input] = table(Table::Queue, &|_| None);
        }
    }
    queue
}

fn reference() -> Value {
    json!({
        "type": "object",
        "description": "a value from the environment",
        "properties": { "env": { "type": "string" }, "append": { "type": "string" }, "default": { "type": ["string", "number", "boolean"] } },
        "required": ["env"],
        "additionalProperties": false
    })
}

fn secret() -> Value {
    json!({
        "description": "where the secret is found; it never stands in the file",
        "oneOf": [
            { "type": "object", "properties": { "env": { "type": "string" } }, "required": ["env"], "additionalProperties": false },
            { "type": "object", "properties": { "file": { "type": "string" } }, "required": ["file"], "additionalProperties": false }
        ]
    })
}

/// A plugin's schema as a part of the whole: its references lead to its new place, and where it takes a text, a number or `true`
/// and `false` the file may also have a reference.
fn adapted(schema: &Value, at: &str) -> Value {
    let map = match schema {
        Value::Object(map) => map,
        other => return other.clone(),
    };
    if format_of(schema) == Some("secret") {
        let mut secret = json!({ "$ref": "#/$defs/secret" });
        if let Some(description) = schema.get("description") {
            secret["description"] = description.clone();
        }
        return secret;
    }
    let mut made = Map::new();
    for (word, value) in map {
        let value = match (word.as_str(), value) {
            ("$schema" | "$id", _) => continue,
            // An editor sees this file alone, and what other files look like is the larger part.
            ("x-file" | "x-chosen", _) => continue,
            ("$ref", Value::String(target)) => {
                json!(format!("#/$defs/{at}{}", target.strip_prefix('#').unwrap_or_default()))
            }
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(parts)) => {
                parts.iter().map(|(key, part)| (key.clone(), adapted(part, at))).collect()
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(parts)) => {
                parts.iter().map(|part| adapted(part, at)).collect()
            }
            ("items" | "additionalProperties" | "unevaluatedProperties", part) => adapted(part, at),
            (_, value) => value.clone(),
        };
        made.insert(word.clone(), value);
    }
    let closed = made.contains_key("properties")
        && !["$ref", "allOf", "anyOf", "oneOf"].iter().any(|word| made.contains_key(*word));
    if closed && !made.contains_key("additionalProperties") && !made.contains_key("unevaluatedProperties") {
        made.insert("additionalProperties".to_owned(), json!(false));
    }
    let types = types_of(schema);
    let is_word = made.contains_key("const");
    let is_one_value = ["string", "integer", "number", "boolean"].iter().any(|ty| types.contains(ty));
    if is_one_value && !types.contains(&"object") && !is_word {
        let description = made.remove("description");
        let mut either = json!({ "anyOf": [Value::Object(made), { "$ref": "#/$defs/reference" }] });
        if let Some(description) = description {
            either["description"] = description;
        }
        return either;
    }
    Value::Object(made)
}
