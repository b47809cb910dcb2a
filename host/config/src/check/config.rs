//! `[stage.NAME.config]` and the files that it names: TOML to JSON with the place of each value, and what the plugin's schema says of it.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::{FILE, Named};
use super::takes::Takes;
use super::{Context, chosen};
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::document::{Section, entries};
use crate::keys::{self, Table};
use crate::manifest::Manifest;
use crate::nearest::{listed, nearest, shown};
use crate::validator::{self, Fault, Violation, alternatives, join};

/// A stage's configuration as the plugin gets it.
#[derive(Default)]
pub(super) struct Configured {
    pub(super) value: Value,
    /// JSON pointers of secrets.
    pub(super) secrets: Vec<String>,
    /// By JSON pointer: what is underlined.
    pub(super) spans: BTreeMap<String, Range<usize>>,
    /// Files that the plugin will read.
    pub(super) files: Vec<Named>,
    /// By JSON pointer: the variable that a value came from. It may hold a secret by mistake and is never shown.
    pub(super) variables: BTreeMap<String, String>,
}

impl Configured {
    /// A text as it may be shown.
    pub(super) fn shown(&self, pointer: &str, text: &str) -> String {
        match self.variables.get(pointer) {
            Some(variable) => format!("what the variable {} holds, which is not shown", shown(variable)),
            None => shown(text),
        }
    }
}

pub(super) fn read(
    stage: &Section<'_>,
    manifest: Option<&Manifest>,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) -> Configured {
    // Without a plugin there is no schema, and nothing can be said of its keys.
    let Some(manifest) = manifest else {
        return Configured::default();
    };
    let mut reader = Reader::new(&manifest.config_schema, Document::Configuration, context, findings);
    let table = stage.table("config", reader.findings);
    let wrote_something_else = table.is_none() && stage.entry("config").is_some();
    let span = table.as_ref().map_or_else(|| stage.span.clone(), |(_, span)| span.clone());
    reader.made.spans.insert(String::new(), span);
    reader.made.value = match table {
        Some((table, _)) => reader.table(table, &[&manifest.config_schema], ""),
        None => Value::Object(Map::new()),
    };
    if !wrote_something_else {
        reader.validate(&format!("plugin {}", shown(&manifest.name)));
    }
    reader.made
}

/// Reads a file of the plugin's by a schema that stands in the schema of its configuration. `findings` are those of the file.
pub(super) fn read_file(
    table: &DeTable<'_>,
    schema: &Value,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Named> {
    let mut reader = Reader::new(schema, Document::File, context, findings);
    reader.made.spans.insert(String::new(), 0..0);
    reader.made.value = reader.table(table, &[schema], "");
    reader.validate("the file");
    reader.made.files
}

/// What is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// The plugin gets it from the host: with values from elsewhere in place of references to them, and with whole paths.
    Configuration,
    /// The plugin reads it itself: what stands there is all there is.
    File,
}

pub(super) struct Reader<'r, 'f> {
    schema: &'r Value,
    document: Document,
    pub(super) context: &'r Context<'r>,
    pub(super) findings: &'r mut Findings<'f>,
    pub(super) made: Configured,
    /// By JSON pointer: the key itself, which is underlined when it is unknown.
    key_spans: BTreeMap<String, Range<usize>>,
    /// Pointers of which something is in the findings already.
    pub(super) reported: BTreeSet<String>,
}

impl<'r, 'f> Reader<'r, 'f> {
    fn new(schema: &'r Value, document: Document, context: &'r Context<'r>, findings: &'r mut Findings<'f>) -> Self {
        let made = Configured::default();
        Self { schema, document, context, findings, made, key_spans: BTreeMap::new(), reported: BTreeSet::new() }
    }

    fn table(&mut self, table: &DeTable<'_>, schemas: &[&'r Value], pointer: &str) -> Value {
        let mut map = Map::new();
        for entry in entries(table) {
            let below = join(pointer, entry.key);
            let schemas = self.schemas_of_key(schemas, entry.key);
            self.key_spans.insert(below.clone(), entry.key_span.clone());
            self.made.spans.insert(below.clone(), entry.span());
            let value = self.value(entry.value, &entry.span(), &schemas, &below);
            map.insert(entry.key.to_owned(), value);
        }
        Value::Object(map)
    }

    fn value(&mut self, value: &DeValue<'_>, span: &Range<usize>, schemas: &[&'r Value], pointer: &str) -> Value {
        let takes = Takes::of(self.schema, schemas);
        if self.document == Document::Configuration
            && let Some(made) = self.stands_elsewhere(value, span, &takes, pointer)
        {
            if let Some(text) = made.as_str() {
                let path = if takes.path { PathBuf::from(text) } else { self.context.base.join(text) };
                self.names_file(text, path, span, schemas, pointer);
            }
            return made;
        }
        match value {
            DeValue::Table(table) => self.table(table, schemas, pointer),
            DeValue::Array(items) => {
                let list = items.iter().enumerate().map(|(index, item)| self.item(item, index, schemas, pointer));
                Value::Array(list.collect())
            }
            DeValue::String(text) => {
                self.names_file(text, self.context.base.join(&**text), span, schemas, pointer);
                Value::String(self.based(text, &takes))
            }
            DeValue::Boolean(yes) => Value::Bool(*yes),
            DeValue::Datetime(date) => {
                if self.document == Document::File {
                    self.findings
                        .error(E0701, span, format!("{} must be a text, found a date", shown(&dotted(pointer))))
                        .hint("put it in quotes");
                    self.reported.insert(pointer.to_owned());
                }
                Value::String(date.to_string())
            }
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                number.map(Value::from).unwrap_or_else(|_| self.not_a_number(span, pointer))
            }
            DeValue::Float(number) => {
                let number = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                number.map(Value::Number).unwrap_or_else(|| self.not_a_number(span, pointer))
            }
        }
    }

    fn item(&mut self, item: &Spanned<DeValue<'_>>, index: usize, schemas: &[&'r Value], pointer: &str) -> Value {
        let below = format!("{pointer}/{index}");
        let mut of_item = Vec::new();
        for part in schemas.iter().flat_map(|schema| alternatives(self.schema, schema)) {
            let first = part.get("prefixItems").and_then(|items| items.get(index));
            of_item.extend(first.or_else(|| part.get("items")));
        }
        self.made.spans.insert(below.clone(), item.span());
        self.value(item.get_ref(), &item.span(), &of_item, &below)
    }

    fn schemas_of_key(&self, schemas: &[&'r Value], key: &str) -> Vec<&'r Value> {
        let mut found = Vec::new();
        for part in schemas.iter().flat_map(|schema| alternatives(self.schema, schema)) {
            let own = part.get("properties").and_then(|properties| properties.get(key));
            found.extend(own.or_else(|| part.get("additionalProperties").filter(|others| others.is_object())));
        }
        found
    }

    /// Secrets and references: what is written in the file stands for a value that does not stand in it.
    fn stands_elsewhere(
        &mut self,
        value: &DeValue<'_>,
        span: &Range<usize>,
        takes: &Takes,
        pointer: &str,
    ) -> Option<Value> {
        let table = match value {
            DeValue::Table(table) => table,
            _ if takes.secret => {
                self.plain_secret(span, pointer);
                self.reported.insert(pointer.to_owned());
                return Some(Value::Null);
            }
            _ => return None,
        };
        if takes.secret {
            self.made.secrets.push(pointer.to_owned());
            return Some(self.referred(table, span, takes, pointer));
        }
        if takes.one_value() && (table.contains_key("env") || table.contains_key("file")) {
            return Some(self.referred(table, span, takes, pointer));
        }
        if takes.only_list() && table.contains_key("env") {
            let name = shown(&dotted(pointer));
            self.findings
                .error(E0805, span, format!("{name} is a list, and a variable holds one value"))
                .hint("write the list here; each of its items may be `{ env = \"NAME\" }`");
            self.reported.insert(pointer.to_owned());
            return Some(Value::Null);
        }
        None
    }

    /// Notes the file that a text names, if the schema has rules for it.
    fn names_file(&mut self, text: &str, path: PathBuf, span: &Range<usize>, schemas: &[&'r Value], pointer: &str) {
        let mut parts = schemas.iter().flat_map(|schema| alternatives(self.schema, schema));
        if let Some(rules) = parts.find_map(|part| part.get(FILE)) {
            let written = self.made.shown(pointer, text);
            self.made.files.extend(Named::new(rules, text, path, written, span));
        }
    }

    /// A path is joined to the folder of the pipeline file; other texts stay.
    pub(super) fn based(&self, text: &str, takes: &Takes) -> String {
        match takes.path && self.document == Document::Configuration {
            true => self.context.base.join(text).to_string_lossy().into_owned(),
            false => text.to_owned(),
        }
    }

    fn plain_secret(&mut self, span: &Range<usize>, pointer: &str) {
        let key = last_key(pointer);
        self.findings
            .error(E0801, span, format!("{} is a secret and cannot stand in the file", shown(&dotted(pointer))))
            .hide(span)
            .hint(format!("write `{key} = {{ env = \"{}\" }}` or `{key} = {{ file = \"…\" }}`", variable(&key)));
    }

    fn not_a_number(&mut self, span: &Range<usize>, pointer: &str) -> Value {
        self.findings
            .error(E0712, span, format!("{} is a number that a plugin cannot be given", shown(&dotted(pointer))))
            .hint(format!("write a number other than `nan` and `inf`, a whole one of at most {}", i64::MAX));
        self.reported.insert(pointer.to_owned());
        Value::Null
    }

    fn validate(&mut self, root: &str) {
        self.validate_at("", self.schema, root);
        for chosen in chosen::of(self.schema, &self.made.value) {
            let place = self.span_of(&chosen.by);
            // One that is not there is missed where it is chosen.
            self.made.spans.entry(chosen.pointer.clone()).or_insert(place);
            self.validate_at(&chosen.pointer, &chosen.schema, root);
            if let Some(table) = self.made.value.pointer(&chosen.pointer).and_then(Value::as_object) {
                let spans = &self.made.spans;
                chosen::warn(&chosen, table, |pointer| span_of(spans, pointer), self.findings);
            }
        }
    }

    /// Validates what stands at a pointer, or a table of nothing where nothing does.
    fn validate_at(&mut self, at: &str, schema: &Value, root: &str) {
        let nothing = Value::Object(Map::new());
        let value = self.made.value.pointer(at).unwrap_or(&nothing);
        for Violation { pointer, fault } in validator::violations(schema, value) {
            let violation = Violation { pointer: format!("{at}{pointer}"), fault };
            if !self.follows_from_another(&violation) {
                self.report(violation, (at, schema), root);
            }
        }
    }

    fn span_of(&self, pointer: &str) -> Range<usize> {
        span_of(&self.made.spans, pointer)
    }

    /// A value that was reported stands as null in the configuration, and must not be reported again for that.
    fn follows_from_another(&self, violation: &Violation) -> bool {
        let within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_unknown_key = matches!(violation.fault, Fault::UnknownKey { .. });
        let is_form = matches!(violation.fault, Fault::Form { .. } | Fault::Type { .. });
        self.reported.iter().any(|reported| {
            (within(&violation.pointer, reported) && !is_unknown_key)
                || (is_form && within(reported, &violation.pointer))
        })
    }

    /// `by`: a schema, and the pointer of what it describes.
    fn report(&mut self, violation: Violation, by: (&str, &Value), root: &str) {
        let Violation { pointer, fault } = violation;
        let is_secret = self.made.secrets.contains(&pointer);
        let fault = match self.made.variables.contains_key(&pointer) {
            _ if is_secret => fault.without_value("a secret that is not shown"),
            true => fault.without_value(&self.made.shown(&pointer, "")),
            false => fault,
        };
        let (span, named) = match &fault {
            Fault::UnknownKey { .. } => {
                let table = pointer.rsplit_once('/').map_or("", |(table, _)| table);
                (self.key_spans.get(&pointer), table)
            }
            _ => (self.made.spans.get(&pointer), pointer.as_str()),
        };
        let span = span.cloned().unwrap_or_else(|| self.made.spans[""].clone());
        let (at, schema) = by;
        let name = if named.is_empty() { root.to_owned() } else { shown(&dotted(named)) };
        let hint = match &fault {
            Fault::UnknownKey { key, known } => {
                // A key of an earlier version, by a word of ours that editors pass over.
                let renamed = schema.pointer(&join("/x-renamed", key)).filter(|_| named == at);
                match renamed.and_then(Value::as_str) {
                    Some(now) => Some(format!("it is called `{now}` now")),
                    None => {
                        let of_the_stage = named.is_empty() && self.document == Document::Configuration;
                        Some(hint_for_unknown(key, known, of_the_stage, root))
                    }
                }
            }
            Fault::MissingKey { key, secret: false } => schema
                .pointer(&join(&join("/properties", key), "description"))
                .and_then(Value::as_str)
                .filter(|_| named == at)
                .map(|about| format!("add `{key} = …`: {about}")),
            _ => None,
        };
        let hint = hint.or_else(|| fault.hint());
        let first = match &fault {
            Fault::Repeated { first } => self.made.spans.get(first).cloned(),
            _ => None,
        };
        let error = self.findings.error(fault.code(), &span, fault.message(&name));
        error.hint = hint;
        if let Some(first) = first {
            error.related(&first, "the first is here");
        }
    }
}

/// Where a value stands; the whole, where it does not.
fn span_of(spans: &BTreeMap<String, Range<usize>>, pointer: &str) -> Range<usize> {
    spans.get(pointer).unwrap_or(&spans[""]).clone()
}

/// An unknown key of the plugin may be one that the host knows, one level up.
fn hint_for_unknown(key: &str, known: &[String], of_the_stage: bool, root: &str) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("a key {} exists", shown(near)),
        None if of_the_stage && keys::get(Table::Stage, key).is_some() => {
            format!("`{key}` is a key of the stage itself, outside of `config`")
        }
        None if known.is_empty() && of_the_stage => format!("{root} has no keys; remove this one"),
        None if known.is_empty() => "remove it; this table has no keys".to_owned(),
        None => format!("the keys are {}", listed(&known)),
    }
}

/// `/models/0/name` as `models[0].name`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut words = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            words.push_str(&format!("[{part}]"));
        } else {
            if !words.is_empty() {
                words.push('.');
            }
            words.push_str(&part);
        }
    }
    words
}

pub(super) fn last_key(pointer: &str) -> String {
    let named = pointer.split('/').rev().find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()));
    named.unwrap_or("key").replace("~1", "/").replace("~0", "~")
}

/// The variable that a key's secret would probably stand in.
pub(super) fn variable(key: &str) -> String {
    key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect()
}
