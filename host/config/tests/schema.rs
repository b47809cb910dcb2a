//! The JSON Schema of the whole file agrees with the check.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod support;

use majlis_config::{Catalogue, keys, schema, violations};
use serde_json::Value;
use support::{catalogue, checked, files};

fn as_json(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[test]
fn what_the_check_accepts_the_schema_accepts() {
    let schema = schema(&catalogue());
    for (name, text) in files("good") {
        assert_eq!(violations(&schema, &as_json(&text)), [], "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_key_the_schema_refuses_too() {
    let schema = schema(&catalogue());
    let by_keys = [
        "E0201", "E0202", "E0204", "E0205", "E0301", "E0502", "E0504", "E0701", "E0702", "E0703", "E0801", "E1001",
        "E1002", "E1003",
    ];
    let mut tried = 0;
    for (name, text) in files("broken") {
        let found = checked(&text).diagnostics;
        // A duration and a size have bounds that a pattern cannot say; a producer may be missing in a list that is there; which
        // languages there are, and what a value needs, depends on other keys; a variable is only known to the check.
        let beyond = ["range-of-a-duration", "range-of-a-size", "input-empty-list"].contains(&name.as_str())
            || ["language-of-a-stage-without-texts", "language-that-no-file-brings"].contains(&name.as_str())
            || name.starts_with("variable-")
            || name.contains("-needed-by-a-");
        let [only] = &found[..] else { continue };
        if beyond || !by_keys.contains(&only.code) {
            continue;
        }
        assert_ne!(violations(&schema, &as_json(&text)), [], "{name}");
        tried += 1;
    }
    assert!(tried > 30, "only {tried} broken pipelines were tried");
}

#[test]
fn each_key_is_in_the_schema_with_its_meaning() {
    for catalogue in [catalogue(), Catalogue::default()] {
        let text = schema(&catalogue).to_string();
        for key in keys::KEYS.iter().filter(|key| !matches!(key.form, keys::Form::NotYet(_))) {
            assert!(text.contains(&format!("\"{}\"", key.name)), "{}", key.path());
        }
        assert!(!text.contains("release_after"), "what is refused is not completed");
    }
}

#[test]
fn a_reference_inside_a_plugins_schema_leads_to_its_new_place() {
    let schema = schema(&catalogue());
    let target = "/$defs/plugin-insightface/properties/detector/$ref";
    assert_eq!(schema.pointer(target).unwrap(), "#/$defs/plugin-insightface/$defs/Detector");
}

#[test]
fn the_table_of_keys_for_the_documentation() {
    insta::assert_snapshot!(keys::markdown_table());
}
