//! What a value of a plugin's configuration needs besides itself: an input that is wired, or another key.
//!
//! A manifest says whether an input has to be wired at all. Some have to be only where the configuration wants something of them,
//! and that is better said before the visitors come than by the stage when it opens.

use serde_json::Value;

use super::stage::Draft;
use super::wiring::Wiring;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::{either, shown};

/// Beside a key of a plugin's schema: a list of `{ "for": [VALUES], "input": NAME }` and `{ "for": [VALUES], "key": NAME }`.
/// Where the key has one of these values, written or by default, the input has to be wired or the other key has to be there.
const NEEDS: &str = "x-needs";

/// Looks at every stage.
pub(super) fn check(drafts: &[Draft<'_>], wiring: &Wiring, findings: &mut Findings<'_>) {
    for (stage, draft) in drafts.iter().enumerate() {
        let properties = draft.plugin.and_then(|plugin| plugin.manifest.config_schema.get("properties")?.as_object());
        for (key, property) in properties.into_iter().flatten() {
            let Some(value) = draft.config(key).or_else(|| property.get("default")) else { continue };
            for need in property.get(NEEDS).and_then(Value::as_array).into_iter().flatten() {
                if values(need).contains(&value) {
                    Need { draft, key, value, need, property }.check(stage, wiring, findings);
                }
            }
        }
    }
}

fn values(need: &Value) -> Vec<&Value> {
    need.get("for").and_then(Value::as_array).into_iter().flatten().collect()
}

struct Need<'n, 'd> {
    draft: &'n Draft<'d>,
    key: &'n str,
    value: &'n Value,
    need: &'n Value,
    property: &'n Value,
}

impl Need<'_, '_> {
    fn check(&self, stage: usize, wiring: &Wiring, findings: &mut Findings<'_>) {
        let draft = self.draft;
        let set = format!("`{} = {}`", self.key, self.value);
        let stage_name = shown(draft.name);
        if let Some(input) = self.need.get("input").and_then(Value::as_str) {
            let inputs = draft.plugin.map(|plugin| plugin.manifest.inputs.as_slice()).unwrap_or_default();
            let Some(index) = inputs.iter().position(|port| port.name == input) else { return };
            if wiring.is_wired(stage, index) || wiring.doubtful.contains(&(stage, index)) {
                return;
            }
            let message =
                format!("stage {stage_name} needs its input {}, of type {}, for {set}", shown(input), inputs[index].ty);
            let wire = format!("wire it: `inputs = {{ {input} = \"STAGE.OUTPUT\" }}`");
            findings.error(E0504, self.span(), message).hint(self.or_another_value(&wire));
        }
        if let Some(other) = self.need.get("key").and_then(Value::as_str) {
            let is_there = match draft.config(other) {
                Some(Value::String(text)) => !text.trim().is_empty(),
                Some(value) => !value.is_null(),
                None => false,
            };
            if is_there {
                return;
            }
            let message = format!("stage {stage_name} needs the key {} for {set}", shown(other));
            let write = format!("write it into `[stage.{}.config]`", draft.name);
            findings.error(E0205, self.span(), message).hint(self.or_another_value(&write));
        }
    }

    /// Where the value stands; the stage, where it is the default.
    fn span(&self) -> &std::ops::Range<usize> {
        self.draft.config_span(&format!("/{}", self.key))
    }

    /// The values that the key may have, where they are listed: in its schema, or in the part that it refers to.
    fn words(&self) -> Vec<&Value> {
        let root = self.draft.plugin.map(|plugin| &plugin.manifest.config_schema);
        let target = self.property.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        let schema = target.and_then(|target| root?.pointer(target)).unwrap_or(self.property);
        let list = |word: &str| schema.get(word).and_then(Value::as_array).into_iter().flatten();
        list("enum").chain(list("oneOf").filter_map(|form| form.get("const"))).collect()
    }

    /// What to do, or which values do without.
    fn or_another_value(&self, remedy: &str) -> String {
        let needing = values(self.need);
        let others: Vec<String> =
            self.words().into_iter().filter(|word| !needing.contains(word)).map(Value::to_string).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        if others.is_empty() {
            remedy.to_owned()
        } else {
            format!("{remedy}; or set `{}` to {}", self.key, either(&others))
        }
    }
}
