//! What a schema says may stand at a place, as far as the reading of a value depends on it.

use serde_json::Value;

use crate::validator::{alternatives, format_of, types_of};

/// What the schema says may stand at a place.
#[derive(Default)]
pub(super) struct Takes {
    pub(super) secret: bool,
    pub(super) path: bool,
    pub(super) text: bool,
    table: bool,
    list: bool,
    pub(super) whole: bool,
    pub(super) number: bool,
    pub(super) yes_or_no: bool,
}

impl Takes {
    /// By all the schemas of the place; `root` is where their references lead.
    pub(super) fn of(root: &Value, schemas: &[&Value]) -> Self {
        let mut takes = Self::default();
        for part in schemas.iter().flat_map(|schema| alternatives(root, schema)) {
            let types = types_of(part);
            takes.secret |= format_of(part) == Some("secret");
            takes.path |= format_of(part) == Some("path");
            takes.text |= types.contains(&"string") || takes.path;
            takes.table |= types.contains(&"object") || part.get("properties").is_some();
            takes.list |= types.contains(&"array");
            takes.whole |= types.contains(&"integer");
            takes.number |= types.contains(&"number");
            takes.yes_or_no |= types.contains(&"boolean");
        }
        takes
    }

    /// What a variable can hold, and no table, which the reference might be meant as.
    pub(super) fn one_value(&self) -> bool {
        (self.text || self.whole || self.number || self.yes_or_no) && !self.table
    }

    pub(super) fn only_list(&self) -> bool {
        self.list && !self.table
    }

    pub(super) fn words(&self) -> &'static str {
        match (self.number, self.whole, self.yes_or_no) {
            (true, _, false) => "a number",
            (false, true, false) => "a whole number",
            (false, false, _) => "`true` or `false`",
            _ => "a number, `true` or `false`",
        }
    }
}
