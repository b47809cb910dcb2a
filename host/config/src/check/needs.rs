//! What a value of a plugin's configuration needs besides itself: an input that is wired, another key, or a stage that waits for it;
//! and what it does not go together with.
//!
//! A manifest says whether an input has to be wired at all. Some have to be only where the configuration wants something of them,
//! and that is better said before the visitors come than by the stage when it opens.

use std::time::Duration;

use serde_json::Value;

use super::stage::Draft;
use super::wiring::Wiring;
use crate::codes::*;
use crate::diagnostic::{Diagnostic, Findings};
use crate::nearest::{either, hint_for, shown};
use crate::quantity::{parse_duration, show_duration};

/// Beside a key of a plugin's schema: a list of
/// - `{ "for": [VALUES], "input": NAME }` and `{ "for": [VALUES], "key": NAME }`: where the key has one of these values, written or
///   by default, the input has to be wired or the other key has to be there. `"or": [VALUES]` are those that a remedy may offer
///   instead: not every value that needs nothing is one that an operator should be led to.
/// - `{ "for": [VALUES], "key": NAME, "is": [VALUES], "because": WORDS }`: the other key has to have one of these values.
/// - `{ "for": [VALUES], "input": NAME, "without": KEY, "because": WORDS }`: the stage that is wired to the input must not have this key.
/// - `{ "without": KEY, "because": WORDS }`, with no input: where the key is written, the other one is not; with `"for": [VALUES]` only for
///   these.
/// - `{ "among": KEY, "or": [VALUES] }`: where the other key is written, the value is one of what it has, a table's names or a list's
///   items, or one of these.
/// - `{ "for": [VALUES], "advice": WORDS, "remedy": WORDS }`: a warning that says what follows, and what to do.
/// - `{ "within": "deadline" }`: the key is a length of time, at most the stage's `deadline`; `{ "least": "100ms" }`: at least so long.
///
/// The value of a list is each of its items. With `"unless": [KEYS]` nothing is needed where one of these is written.
const NEEDS: &str = "x-needs";

/// Looks at every stage.
pub(super) fn check(drafts: &[Draft<'_>], wiring: &Wiring, findings: &mut Findings<'_>) {
    for (stage, draft) in drafts.iter().enumerate() {
        let properties = draft.plugin.and_then(|plugin| plugin.manifest.config_schema.get("properties")?.as_object());
        for (key, property) in properties.into_iter().flatten() {
            let Some(value) = draft.config(key).or_else(|| property.get("default")) else { continue };
            for need in property.get(NEEDS).and_then(Value::as_array).into_iter().flatten() {
                let need = Need { draft, key, value, item: None, need };
                need.check_deadline(findings);
                need.check_least(findings);
                need.check_without(findings);
                need.of_each_value().for_each(|need| need.check_among(findings));
                if need.values("unless").iter().filter_map(|key| draft.config(key.as_str()?)).any(says_something) {
                    continue;
                }
                for need in need.of_each_value().filter(|need| need.values("for").contains(&need.value)) {
                    need.check_input(stage, drafts, wiring, findings);
                    need.check_key(findings);
                    need.check_other_value(findings);
                    need.check_producers(stage, drafts, wiring, findings);
                    need.check_advice(findings);
                }
            }
        }
    }
}

/// Whether something is written there that means anything.
pub(super) fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

struct Need<'n, 'd> {
    draft: &'n Draft<'d>,
    key: &'n str,
    value: &'n Value,
    /// Which of a list's items it is.
    item: Option<usize>,
    need: &'n Value,
}

impl<'n, 'd> Need<'n, 'd> {
    /// The same of each item of a list.
    fn of_each_value(&self) -> impl Iterator<Item = Need<'n, 'd>> + use<'n, 'd> {
        let (draft, key, need) = (self.draft, self.key, self.need);
        let items = self.value.as_array().map(Vec::as_slice);
        let one = items.is_none().then_some(Need { draft, key, value: self.value, item: None, need });
        let items = items.unwrap_or_default().iter().enumerate();
        let of_item = move |(index, value)| Need { draft, key, value, item: Some(index), need };
        one.into_iter().chain(items.map(of_item))
    }

    /// The input that is named, by its number.
    fn input(&self) -> Option<usize> {
        let inputs = &self.draft.plugin?.manifest.inputs;
        let name = self.text("input")?;
        inputs.iter().position(|port| port.name == name)
    }

    fn check_other_value(&self, findings: &mut Findings<'_>) {
        let Some(other) = self.text("key").filter(|_| self.need.get("is").is_some()) else { return };
        let schema = self.draft.plugin.map(|plugin| &plugin.manifest.config_schema);
        let default = schema.and_then(|schema| schema.get("properties")?.get(other)?.get("default"));
        let Some(value) = self.draft.config(other).or(default) else { return };
        let allowed = self.values("is");
        if allowed.contains(&value) {
            return;
        }
        let message = format!("stage {} cannot have {} with `{other} = {value}`", self.stage(), self.set());
        let allowed: Vec<String> = allowed.into_iter().map(Value::to_string).collect();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        let error = findings.error(E0717, self.span(), message);
        error.hint(format!("set `{other}` to {}, or leave this out", either(&allowed)));
        self.say_why(error);
        if self.draft.config(other).is_some() {
            error.related(self.draft.config_span(&format!("/{other}")), "the other one");
        }
    }

    fn check_producers(&self, stage: usize, drafts: &[Draft<'_>], wiring: &Wiring, findings: &mut Findings<'_>) {
        let (Some(key), Some(input)) = (self.text("without"), self.input()) else { return };
        let wires = wiring.wires.iter().filter(|wire| wire.to == stage && wire.input == input);
        for producer in wires.map(|wire| &drafts[wire.from]) {
            if !producer.config(key).is_some_and(says_something) {
                continue;
            }
            let whose = shown(producer.name);
            let message =
                format!("stage {} cannot have {} where stage {whose} has {}", self.stage(), self.set(), shown(key));
            let error = findings.error(E0717, self.span(), message);
            error.hint(format!("leave this out, or take `{key}` out of `[stage.{}.config]`", producer.name));
            self.say_why(error);
            error.related(producer.config_span(&format!("/{key}")), "the other one");
        }
    }

    fn say_why(&self, error: &mut Diagnostic) {
        if let Some(why) = self.text("because") {
            error.label(why);
        }
    }

    fn check_input(&self, stage: usize, drafts: &[Draft<'_>], wiring: &Wiring, findings: &mut Findings<'_>) {
        let (Some(input), None, Some(index)) = (self.text("input"), self.text("without"), self.input()) else { return };
        let inputs = self.draft.plugin.map(|plugin| plugin.manifest.inputs.as_slice()).unwrap_or_default();
        if wiring.is_wired(stage, index) || wiring.doubtful.contains(&(stage, index)) {
            return;
        }
        let ty = &inputs[index].ty;
        let message =
            format!("stage {} needs its input {}, of type {ty}, for {}", self.stage(), shown(input), self.set());
        let remedy = wiring.producers_of(drafts, ty, stage, input);
        findings.error(E0504, self.span(), message).hint(self.or_another_value(remedy));
    }

    fn check_key(&self, findings: &mut Findings<'_>) {
        let Some(other) = self.text("key").filter(|_| self.need.get("is").is_none()) else { return };
        let is_there = match self.draft.config(other) {
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(value) => !value.is_null(),
            None => false,
        };
        if is_there {
            return;
        }
        let message = match self.value {
            Value::Null => format!("stage {} has neither {} nor {}", self.stage(), shown(self.key), shown(other)),
            _ => format!("stage {} needs the key {} for {}", self.stage(), shown(other), self.set()),
        };
        let schema = self.draft.plugin.map(|plugin| &plugin.manifest.config_schema);
        let about = |key: &str| {
            let about = schema.and_then(|schema| schema.get("properties")?.get(key)?.get("description")?.as_str());
            about.map(|about| about.trim_end_matches('.').to_owned())
        };
        let into = format!("into `[stage.{}.config]`", self.draft.name);
        let remedy = match self.value {
            Value::Null => {
                let in_brackets = |key| about(key).map(|about| format!(" ({about})")).unwrap_or_default();
                let (this, that) = (in_brackets(self.key), in_brackets(other));
                format!("{into} write `{} = …`{this}, or `{other} = …`{that}", self.key)
            }
            _ => format!(
                "write `{other} = …` {into}{}",
                about(other).map(|about| format!(": {about}")).unwrap_or_default()
            ),
        };
        findings.error(E0205, self.span(), message).hint(self.or_another_value(remedy));
    }

    fn check_without(&self, findings: &mut Findings<'_>) {
        let (Some(other), None) = (self.text("without"), self.text("input")) else { return };
        let is_there = |key: &str| self.draft.config(key).is_some_and(|value| !value.is_null());
        let values = self.values("for");
        if !is_there(self.key) || !is_there(other) || !(values.is_empty() || values.contains(&self.value)) {
            return;
        }
        let (said, because) = (self.set(), self.text("because").unwrap_or("they contradict each other"));
        let said = if values.is_empty() { shown(self.key) } else { said };
        let message = format!("stage {} has {said} beside {}: {because}", self.stage(), shown(other));
        let error = findings.error(E0206, self.span(), message);
        error.hint(format!("leave out `{}` or `{other}`", self.key));
        error.related(self.draft.config_span(&format!("/{other}")), "the other one");
    }

    fn check_advice(&self, findings: &mut Findings<'_>) {
        let (Some(advice), Some(remedy)) = (self.text("advice"), self.text("remedy")) else { return };
        let message = format!("stage {} has {}: {advice}", self.stage(), self.set());
        findings.warning(W0607, self.span(), message).hint(remedy);
    }

    fn check_among(&self, findings: &mut Findings<'_>) {
        let Some(other) = self.text("among") else { return };
        let names: Vec<&str> = match self.draft.config(other) {
            Some(Value::Object(table)) => table.keys().map(String::as_str).collect(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        // A value of another type was told.
        let Some(name) = self.value.as_str().filter(|name| !name.is_empty()) else { return };
        if names.is_empty() || names.contains(&name) || self.values("or").contains(&self.value) {
            return;
        }
        let has = if self.item.is_some() { "has" } else { "is" };
        let message = format!("{} {has} {}, which is not in {}", shown(self.key), shown(name), shown(other));
        let error = findings.error(E0703, self.span(), message);
        error.hint(hint_for(name, "a name", "names there", &names));
        error.related(self.draft.config_span(&format!("/{other}")), "what there is");
    }

    fn check_least(&self, findings: &mut Findings<'_>) {
        let Some(least) = self.text("least").and_then(|least| parse_duration(least).ok()) else { return };
        let Some(length) = self.length().filter(|length| *length < least) else { return };
        let (least, length) = (show_duration(least), show_duration(length));
        let message = format!("{} must be at least {least}, found {length}", shown(self.key));
        findings.error(E0702, self.span(), message).hint(format!("write `{} = \"{least}\"` or more", self.key));
    }

    /// The value as a length of time. One that is none was told.
    fn length(&self) -> Option<Duration> {
        parse_duration(self.value.as_str()?).ok()
    }

    fn check_deadline(&self, findings: &mut Findings<'_>) {
        let (Some("deadline"), Some(deadline)) = (self.text("within"), self.draft.deadline) else { return };
        let Some(length) = self.length().filter(|length| *length > deadline) else { return };
        let (key, most) = (shown(self.key), show_duration(deadline));
        let is_written = self.draft.config(self.key).is_some();
        let by_default = if is_written { "" } else { ", by default," };
        let message = format!("{key}{by_default} is longer than the {most} of the stage's `deadline`");
        let other = self.draft.deadline_span.as_ref().unwrap_or(&self.draft.span);
        let span = if is_written { self.span() } else { other };
        let error = findings.error(E0702, span, message);
        error.hint(format!(
            "write a `deadline` of more than {}, or `{} = …` of less than {most}",
            show_duration(length),
            self.key
        ));
        if is_written {
            error.related(other, "the call is over by then");
        }
    }

    fn text(&self, word: &str) -> Option<&'n str> {
        self.need.get(word)?.as_str()
    }

    fn values(&self, word: &str) -> Vec<&'n Value> {
        self.need.get(word).and_then(Value::as_array).into_iter().flatten().collect()
    }

    fn stage(&self) -> String {
        shown(self.draft.name)
    }

    /// What the key says.
    fn set(&self) -> String {
        match self.item {
            None => format!("`{} = {}`", self.key, self.value),
            Some(_) => format!("`{}` among its `{}`", self.value, self.key),
        }
    }

    /// Where the value stands; the stage, where it is the default.
    fn span(&self) -> &std::ops::Range<usize> {
        let item = self.item.map(|item| format!("/{item}")).unwrap_or_default();
        self.draft.config_span(&format!("/{}{item}", self.key))
    }

    /// What to do, or the values that the plugin offers instead.
    fn or_another_value(&self, remedy: String) -> String {
        let others: Vec<String> = self.values("or").into_iter().map(Value::to_string).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        match others.is_empty() {
            true => remedy,
            false => format!("{remedy}; or set `{}` to {}", self.key, either(&others)),
        }
    }
}
