//! Texts with holes, and JSON made of them.

use std::collections::BTreeMap;

use majlis_plugin_api::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// All but what a path or a query may hold as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The holes of which no profile has to say where they come from.
pub(crate) const KNOWN: [&str; 11] = [
    "livekit_url",
    "token",
    "room",
    "identity",
    "agent_identity",
    "listener_token",
    "listener_identity",
    "tag",
    "sample_rate",
    "region",
    "session",
];

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    Hole(&'t str),
}

/// What is wrong with a text.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) kind: &'static str,
    pub(crate) what: String,
}

/// The pieces of a text, or what is wrong with it.
pub(crate) fn parts(text: &str) -> Result<Vec<Part<'_>>, Wrong> {
    let wrong = |kind, what: String| Err(Wrong { kind, what });
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        if from.starts_with("{{") || from.starts_with("}}") {
            parts.push(Part::Text(&from[..1]));
            rest = &from[2..];
        } else if let Some(hole) = from.strip_prefix('{') {
            let Some((name, after)) = hole.split_once('}') else {
                return wrong(
                    "brace-without-an-end",
                    format!("`{from}` has no end; write `}}` behind the name, or `{{{{` for a brace"),
                );
            };
            if !KNOWN.contains(&name) && !name.starts_with("option.") && !name.starts_with("answer.") {
                let near = KNOWN.iter().find(|known| known.contains(name) || name.contains(**known));
                let meant = near.map(|near| format!("; `{{{near}}}` is meant perhaps")).unwrap_or_default();
                let known = KNOWN.map(|known| format!("`{{{known}}}`")).join(", ");
                let what = format!(
                    "`{{{name}}}` stands for nothing{meant}. There are {known}, `{{option.NAME}}` and `{{answer.NAME}}`"
                );
                return wrong("value-unknown", what);
            }
            parts.push(Part::Hole(name));
            rest = after;
        } else {
            return wrong("brace-without-a-beginning", "a `}` has no `{` before it; write `}}` for a brace".into());
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// What holes are filled with.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    values: BTreeMap<String, Value>,
    secrets: Vec<Secret>,
}

impl Scope {
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.values.insert(name.into(), value.into());
    }

    /// A value that no error may repeat.
    pub(crate) fn set_secret(&mut self, name: impl Into<String>, secret: &Secret) {
        self.set(name, secret.expose());
        self.secrets.push(secret.clone());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// JSON with its holes filled. What stands for nothing is left out.
    pub(crate) fn fill(&self, value: &Value) -> Option<Value> {
        match value {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => Some(items.iter().filter_map(|item| self.fill(item)).collect()),
            Value::Object(entries) => {
                let filled = entries.iter().filter_map(|(key, value)| Some((key.clone(), self.fill(value)?)));
                Some(Value::Object(filled.collect()))
            }
            other => Some(other.clone()),
        }
    }

    fn fill_text(&self, text: &str) -> Option<Value> {
        let parts = parts(text).ok()?;
        if let [Part::Hole(name)] = parts[..] {
            return self.get(name).cloned();
        }
        self.join(&parts, str::to_owned).map(Value::String)
    }

    /// A text with its holes filled, as a header has it.
    pub(crate) fn fill_header(&self, text: &str) -> Option<String> {
        self.join(&parts(text).ok()?, str::to_owned)
    }

    /// The same for a path: what fills a hole stays one piece of it.
    pub(crate) fn fill_path(&self, text: &str) -> Option<String> {
        self.join(&parts(text).ok()?, |value| utf8_percent_encode(value, ENCODED).to_string())
    }

    fn join(&self, parts: &[Part<'_>], encode: impl Fn(&str) -> String) -> Option<String> {
        let mut joined = String::new();
        for part in parts {
            match part {
                Part::Text(text) => joined.push_str(text),
                Part::Hole(name) => match self.get(name)? {
                    Value::String(text) => joined.push_str(&encode(text)),
                    other => joined.push_str(&encode(&other.to_string())),
                },
            }
        }
        Some(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Scope {
        let mut scope = Scope::default();
        scope.set("room", "stand 1/a?b");
        scope.set("sample_rate", 24_000);
        scope.set("option.empty", Value::Null);
        scope
    }

    #[test]
    fn a_text_that_is_one_hole_takes_the_value_as_it_is() {
        let body = json!({ "rate": "{sample_rate}", "list": ["{room}", "{option.empty}"], "name": "in {room} {{x}}" });
        let filled = scope().fill(&body).expect("a map");
        assert_eq!(filled, json!({ "rate": 24_000, "list": ["stand 1/a?b"], "name": "in stand 1/a?b {x}" }));
    }

    #[test]
    fn what_stands_for_nothing_is_left_out() {
        let body = json!({ "a": "{option.empty}", "b": "x {option.none}", "c": true });
        assert_eq!(scope().fill(&body), Some(json!({ "c": true })));
    }

    #[test]
    fn a_value_stays_one_piece_of_a_path() {
        assert_eq!(scope().fill_path("/v1/{room}/end?a=b").as_deref(), Some("/v1/stand%201%2Fa%3Fb/end?a=b"));
    }

    #[test]
    fn a_hole_that_stands_for_nothing_is_named_with_what_was_meant() {
        let said = parts("x {livekit_token}").expect_err("it is refused").what;
        assert!(said.contains("`{livekit_token}`") && said.contains("`{token}` is meant perhaps"), "{said}");
        for wrong in ["{token", "token}", "{}", "{ token }"] {
            assert!(parts(wrong).is_err(), "{wrong} was taken");
        }
    }
}
