//! The file as tables of entries in the order in which they were written, and the reading of the host's own keys.

use std::ops::Range;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::codes::*;
use crate::diagnostic::{Diagnostic, Findings};
use crate::keys::{self, Form, Key, Table};
use crate::manifest::is_name;
use crate::nearest::{either, is_bidi_control, listed, nearest, shown};
use crate::quantity::{parse_duration, parse_size, show_duration, show_size};

/// A key with its value.
#[derive(Clone)]
pub(crate) struct Entry<'d> {
    pub(crate) key: &'d str,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: &'d DeValue<'d>,
    value_span: Range<usize>,
}

impl Entry<'_> {
    /// What is underlined: the value; for a table its key, because a table that has a header of its own has no text of its own.
    pub(crate) fn span(&self) -> Range<usize> {
        if self.value.is_table() { self.key_span.clone() } else { self.value_span.clone() }
    }
}

/// The entries of a table in the order of the file.
pub(crate) fn entries<'d>(table: &'d DeTable<'d>) -> Vec<Entry<'d>> {
    let mut entries: Vec<Entry<'d>> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref(),
            key_span: key.span(),
            value: value.get_ref(),
            value_span: value.span(),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

/// Words for a TOML value's type.
pub(crate) fn type_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A table of the host's own, whose keys are those of [`keys`].
pub(crate) struct Section<'d> {
    table: Table,
    /// The stage that it belongs to.
    stage: Option<&'d str>,
    /// What is underlined when something is missing in it.
    pub(crate) span: Range<usize>,
    entries: Vec<Entry<'d>>,
}

impl<'d> Section<'d> {
    /// Keeps the known keys and reports the others. `known_elsewhere` may explain a key that belongs to another place.
    pub(crate) fn new(
        table: Table,
        stage: Option<&'d str>,
        content: &'d DeTable<'d>,
        span: Range<usize>,
        findings: &mut Findings<'_>,
        known_elsewhere: impl Fn(&Entry<'d>) -> Elsewhere,
    ) -> Self {
        let mut known = Vec::new();
        for entry in entries(content) {
            if keys::get(table, entry.key).is_some() {
                known.push(entry);
                continue;
            }
            match known_elsewhere(&entry) {
                Elsewhere::Known => {}
                Elsewhere::Hint(hint) => {
                    unknown_key(table, stage, &entry, findings).hint(hint);
                }
                Elsewhere::No => {
                    let hint = hint_for_key(table, stage, entry.key);
                    unknown_key(table, stage, &entry, findings).hint(hint);
                }
            }
        }
        Section { table, stage, span, entries: known }
    }

    /// A table that is not in the file: each key has its default.
    pub(crate) fn absent(table: Table) -> Self {
        Section { table, stage: None, span: 0..0, entries: Vec::new() }
    }

    /// The stage that it belongs to.
    pub(crate) fn stage(&self) -> Option<&'d str> {
        self.stage
    }

    /// The default of a key, as written in the table of keys.
    pub(crate) fn default_of(&self, name: &str) -> &'static str {
        self.key(name).default
    }

    /// An entry as it is.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry<'d>> {
        debug_assert!(keys::get(self.table, name).is_some(), "{name} is not in the table of keys");
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// What is underlined for a key: its value, or the table when it is not there.
    pub(crate) fn span_of(&self, name: &str) -> Range<usize> {
        self.entry(name).map_or_else(|| self.span.clone(), Entry::span)
    }

    fn key(&self, name: &str) -> &'static Key {
        keys::get(self.table, name).expect("each key that is read stands in the table of keys")
    }

    /// A text without control characters. Empty ones are an error.
    pub(crate) fn text(&self, name: &str, findings: &mut Findings<'_>) -> Option<&'d str> {
        let entry = self.entry(name)?;
        let text = string(entry, findings)?;
        if text.trim().is_empty() {
            let default = self.key(name).default;
            findings
                .error(E0709, &entry.span(), format!("{} cannot be empty", shown(name)))
                .hint(format!("write a text, or leave the key out; the default is {default}"));
            return None;
        }
        match text.chars().find(|letter| letter.is_control() || is_bidi_control(*letter)) {
            None => Some(text),
            Some(letter) => {
                let what = if is_bidi_control(letter) {
                    "turns the direction of the text around it"
                } else {
                    "is a control character"
                };
                findings
                    .error(
                        E0708,
                        &entry.span(),
                        format!("{} has U+{:04X}, which {what}", shown(name), u32::from(letter)),
                    )
                    .hint("write the text anew; such characters come with text that was copied");
                None
            }
        }
    }

    /// A name in ASCII.
    pub(crate) fn name(&self, name: &str, findings: &mut Findings<'_>) -> Option<&'d str> {
        let entry = self.entry(name)?;
        let text = string(entry, findings)?;
        if is_name(text) {
            return Some(text);
        }
        findings.error(E0403, &entry.span(), format!("{} is not a name", shown(text))).hint(NAME_HINT);
        None
    }

    /// A duration inside the bounds of the table of keys, or the key's default. `None` for an error and for no default.
    pub(crate) fn duration(&self, name: &str, findings: &mut Findings<'_>) -> Option<Duration> {
        let key = self.key(name);
        let Some(entry) = self.entry(name) else {
            return parse_duration(key.default).ok();
        };
        let &Form::Duration(least, most) = &key.form else {
            return None;
        };
        let text = match entry.value {
            DeValue::String(text) => text,
            DeValue::Integer(number) => {
                findings
                    .error(E0704, &entry.span(), format!("{} needs a unit", shown(name)))
                    .hint(format!("`\"{number}s\"` are seconds, `\"{number}ms\"` milliseconds"));
                return None;
            }
            _ => {
                wrong_type(entry, "a duration such as `\"2s\"`", findings);
                return None;
            }
        };
        match parse_duration(text) {
            Err(reason) => {
                findings
                    .error(E0704, &entry.span(), format!("{} is not a duration", shown(text)))
                    .hint(format!("a duration {reason}"));
                None
            }
            Ok(duration) if duration < least || duration > most => {
                let bounds = format!("it may be {} to {}", show_duration(least), show_duration(most));
                findings.error(E0702, &entry.span(), format!("{} cannot be {}", shown(name), shown(text))).hint(bounds);
                None
            }
            Ok(duration) => Some(duration),
        }
    }

    /// A whole number inside the bounds of the table of keys, or the key's default.
    pub(crate) fn integer(&self, name: &str, findings: &mut Findings<'_>) -> Option<i64> {
        let key = self.key(name);
        let Some(entry) = self.entry(name) else {
            return key.default.parse().ok();
        };
        let &Form::Integer(least, most) = &key.form else {
            return None;
        };
        let DeValue::Integer(number) = entry.value else {
            wrong_type(entry, "a whole number", findings);
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                findings
                    .error(E0702, &entry.span(), format!("{} cannot be {number}", shown(name)))
                    .hint(format!("it may be {least} to {most}"));
                None
            }
        }
    }

    /// A size in bytes, or the key's default.
    pub(crate) fn size(&self, name: &str, findings: &mut Findings<'_>) -> Option<u64> {
        let key = self.key(name);
        let Some(entry) = self.entry(name) else {
            return parse_size(key.default).ok();
        };
        let &Form::Size(least, most) = &key.form else {
            return None;
        };
        let bytes = match entry.value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).unwrap_or(0),
            DeValue::String(text) => match parse_size(text) {
                Ok(bytes) => bytes,
                Err(reason) => {
                    findings
                        .error(E0705, &entry.span(), format!("{} is not a size", shown(text)))
                        .hint(format!("a size {reason}"));
                    return None;
                }
            },
            _ => {
                wrong_type(entry, "a size such as `\"64 MiB\"`", findings);
                return None;
            }
        };
        if (least..=most).contains(&bytes) {
            return Some(bytes);
        }
        findings.error(E0702, &entry.span(), format!("{} is out of range", shown(name))).hint(format!(
            "it may be {} to {}",
            show_size(least),
            show_size(most)
        ));
        None
    }

    /// One of the words of the table of keys. `None` when it is absent, wrong or not done yet.
    pub(crate) fn choice(&self, name: &str, findings: &mut Findings<'_>) -> Option<&'static str> {
        let entry = self.entry(name)?;
        let Form::Choice(words) = self.key(name).form else {
            return None;
        };
        let text = string(entry, findings)?;
        match words.iter().find(|(word, _)| *word == text) {
            Some((word, None)) => Some(word),
            Some((word, Some(code))) => {
                findings
                    .error(code, &entry.span(), format!("`{name} = \"{word}\"` is not in this version"))
                    .hint(others(words));
                None
            }
            None => {
                let done: Vec<&str> =
                    words.iter().filter(|(_, not_yet)| not_yet.is_none()).map(|(word, _)| *word).collect();
                let hint = match nearest(text, words.iter().map(|(word, _)| *word)) {
                    Some(near) => format!("did you mean `{near}`? It may be {}", either(&done)),
                    None => format!("it may be {}", either(&done)),
                };
                findings.error(E0703, &entry.span(), format!("{} cannot be {}", shown(name), shown(text))).hint(hint);
                None
            }
        }
    }

    /// Reports a key that this version does not do.
    pub(crate) fn not_yet(&self, name: &str, findings: &mut Findings<'_>) {
        if let (Some(entry), Form::NotYet(code)) = (self.entry(name), &self.key(name).form) {
            findings
                .error(code, &entry.key_span, format!("{} is not in this version", shown(name)))
                .hint("leave the key out");
        }
    }

    /// The table under a key, if it is one.
    pub(crate) fn table(&self, name: &str, findings: &mut Findings<'_>) -> Option<(&'d DeTable<'d>, Range<usize>)> {
        let entry = self.entry(name)?;
        match entry.value {
            DeValue::Table(table) => Some((table, entry.key_span.clone())),
            _ => {
                let is_wiring = matches!(self.key(name).form, Form::Inputs);
                let error = wrong_type(entry, "a table", findings);
                if is_wiring {
                    error.hint("write `inputs = { INPUT = \"STAGE.OUTPUT\" }`");
                }
                None
            }
        }
    }
}

/// What a key that a table does not know may be.
pub(crate) enum Elsewhere {
    /// It is a key of another kind here, read by somebody else.
    Known,
    /// It belongs to another place; the hint says which.
    Hint(String),
    /// Nobody knows it.
    No,
}

pub(crate) const NAME_HINT: &str =
    "a name starts with a letter A to Z and has letters, digits, `-` and `_`; a title may be in any script";

fn unknown_key<'f>(
    table: Table,
    stage: Option<&str>,
    entry: &Entry<'_>,
    findings: &'f mut Findings<'_>,
) -> &'f mut Diagnostic {
    let header = table.header_of(stage);
    findings.error(E0201, &entry.key_span, format!("{} is not a key of {header}", shown(entry.key)))
}

/// The nearest key here, otherwise the table where there is such a key, otherwise all keys.
fn hint_for_key(table: Table, stage: Option<&str>, key: &str) -> String {
    let here: Vec<&str> = keys::of(table).map(|key| key.name).collect();
    if let Some(near) = nearest(key, here.iter().copied()) {
        return format!("a key `{near}` exists");
    }
    match keys::KEYS.iter().find(|known| known.name == key) {
        Some(elsewhere) => format!("`{key}` is a key of {}", elsewhere.table.header_of(stage)),
        None => format!("the keys are {}", listed(&here)),
    }
}

fn others(words: &[(&str, Option<&str>)]) -> String {
    let done: Vec<&str> = words.iter().filter(|(_, not_yet)| not_yet.is_none()).map(|(word, _)| *word).collect();
    format!("use {}", either(&done))
}

/// The text of an entry; anything else is reported.
pub(crate) fn string<'d>(entry: &Entry<'d>, findings: &mut Findings<'_>) -> Option<&'d str> {
    match entry.value {
        DeValue::String(text) => Some(text),
        _ => {
            wrong_type(entry, "a text", findings);
            None
        }
    }
}

/// Reports a value of the wrong type, with what to write instead.
pub(crate) fn wrong_type<'f>(entry: &Entry<'_>, expected: &str, findings: &'f mut Findings<'_>) -> &'f mut Diagnostic {
    let found = type_words(entry.value);
    let is_reference = entry.value.as_table().is_some_and(|table| table.contains_key("env"));
    let key = entry.key;
    let hint = match (expected, entry.value) {
        _ if is_reference => {
            "only what stands in a plugin's own table may come from the environment; write the value here".to_owned()
        }
        ("a whole number", DeValue::String(text)) if text.trim().parse::<i64>().is_ok() => {
            format!("write `{key} = {}`, without quotes", text.trim())
        }
        ("a text", DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)) => {
            "put it in quotes".to_owned()
        }
        ("a table", _) => format!("write `{key} = {{ KEY = VALUE }}`, or a table of its own below a header"),
        _ => format!("write {expected}"),
    };
    findings.error(E0701, &entry.span(), format!("{} must be {expected}, found {found}", shown(key))).hint(hint)
}
