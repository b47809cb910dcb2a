//! `[stage.NAME.config]`: TOML to JSON with the place of each value, references to secrets and the environment, the plugin's schema.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Context;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::document::{Entry, Section, entries};
use crate::keys::{self, Table};
use crate::manifest::Manifest;
use crate::nearest::{listed, nearest, shown};
use crate::validator::{self, Fault, Violation, alternatives, format_of, join, types_of};

/// A stage's configuration as the plugin gets it.
#[derive(Default)]
pub(super) struct Configured {
    pub(super) value: Value,
    /// JSON pointers of secrets.
    pub(super) secrets: Vec<String>,
    /// By JSON pointer: what is underlined.
    pub(super) spans: BTreeMap<String, Range<usize>>,
    /// By JSON pointer: the variable that a value came from. It may hold a secret by mistake and is never shown.
    variables: BTreeMap<String, String>,
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
    let mut reader = Reader {
        schema: &manifest.config_schema,
        context,
        findings,
        made: Configured::default(),
        key_spans: BTreeMap::new(),
        reported: BTreeSet::new(),
    };
    let table = stage.table("config", reader.findings);
    let wrote_something_else = table.is_none() && stage.entry("config").is_some();
    let span = table.as_ref().map_or_else(|| stage.span.clone(), |(_, span)| span.clone());
    reader.made.spans.insert(String::new(), span);
    reader.made.value = match table {
        Some((table, _)) => reader.table(table, &[&manifest.config_schema], ""),
        None => Value::Object(Map::new()),
    };
    if !wrote_something_else {
        reader.validate(manifest);
    }
    reader.made
}

struct Reader<'r, 'f> {
    schema: &'r Value,
    context: &'r Context<'r>,
    findings: &'r mut Findings<'f>,
    made: Configured,
    /// By JSON pointer: the key itself, which is underlined when it is unknown.
    key_spans: BTreeMap<String, Range<usize>>,
    /// Pointers of which something is in the findings already.
    reported: BTreeSet<String>,
}

impl<'r> Reader<'r, '_> {
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
        let takes = self.takes(schemas);
        if takes.secret {
            return match value {
                DeValue::Table(table) => {
                    self.made.secrets.push(pointer.to_owned());
                    self.referred(table, span, &takes, pointer)
                }
                _ => {
                    self.plain_secret(span, pointer);
                    self.reported.insert(pointer.to_owned());
                    Value::Null
                }
            };
        }
        match value {
            DeValue::Table(table) if takes.one_value() && (table.contains_key("env") || table.contains_key("file")) => {
                self.referred(table, span, &takes, pointer)
            }
            DeValue::Table(table) if takes.only_list() && table.contains_key("env") => {
                self.findings
                    .error(
                        E0805,
                        span,
                        format!("{} is a list, and a variable holds one value", shown(&dotted(pointer))),
                    )
                    .hint("write the list here; each of its items may be `{ env = \"NAME\" }`");
                self.reported.insert(pointer.to_owned());
                Value::Null
            }
            DeValue::Table(table) => self.table(table, schemas, pointer),
            DeValue::Array(items) => {
                let list = items.iter().enumerate().map(|(index, item)| self.item(item, index, schemas, pointer));
                Value::Array(list.collect())
            }
            DeValue::String(text) => Value::String(self.based(text, &takes)),
            DeValue::Boolean(yes) => Value::Bool(*yes),
            DeValue::Datetime(date) => Value::String(date.to_string()),
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

    fn takes(&self, schemas: &[&'r Value]) -> Takes {
        let mut takes = Takes::default();
        for part in schemas.iter().flat_map(|schema| alternatives(self.schema, schema)) {
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

    /// A path is joined to the folder of the pipeline file; other texts stay.
    fn based(&self, text: &str, takes: &Takes) -> String {
        match takes.path {
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

    /// `{ env = … }` and `{ file = … }`. What cannot be resolved is reported and becomes null.
    fn referred(&mut self, table: &DeTable<'_>, span: &Range<usize>, takes: &Takes, pointer: &str) -> Value {
        let entries = entries(table);
        let value = self.resolve(&entries, span, takes, pointer).and_then(|text| {
            let variable = entries.iter().find(|entry| entry.key == "env").filter(|_| !takes.secret);
            let Some(variable) = variable.and_then(|entry| entry.value.as_str()) else {
                return Some(Value::String(text));
            };
            self.made.variables.insert(pointer.to_owned(), variable.to_owned());
            match takes.text {
                true => Some(Value::String(self.based(&text, takes))),
                false => self.number_of(text.trim(), variable, span, takes, pointer),
            }
        });
        value.unwrap_or_else(|| {
            self.reported.insert(pointer.to_owned());
            Value::Null
        })
    }

    /// The number, `true` or `false` that a variable's text stands for. The text itself is not shown: whoever took the wrong
    /// variable may have taken one that holds a secret.
    fn number_of(
        &mut self,
        text: &str,
        variable: &str,
        span: &Range<usize>,
        takes: &Takes,
        pointer: &str,
    ) -> Option<Value> {
        let whole = || text.parse::<i64>().ok().map(Value::from);
        let number = || text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number);
        let yes_or_no = || text.parse::<bool>().ok().map(Value::from);
        let found = (takes.whole || takes.number).then(whole).flatten();
        let found = found.or_else(|| takes.number.then(number).flatten());
        let found = found.or_else(|| takes.yes_or_no.then(yes_or_no).flatten());
        if found.is_none() {
            let (name, expected) = (shown(&dotted(pointer)), takes.words());
            let (source, hint) = match self.context.around.env(variable) {
                Some(_) => (
                    format!("the variable {}", shown(variable)),
                    format!("set {} to {expected}; what it holds now is not shown", shown(variable)),
                ),
                None => {
                    ("its `default`".to_owned(), format!("write {expected} as `default`, or set {}", shown(variable)))
                }
            };
            self.findings.error(E0701, span, format!("{name} must be {expected}, and {source} is not")).hint(hint);
        }
        found
    }

    fn resolve(&mut self, entries: &[Entry<'_>], span: &Range<usize>, takes: &Takes, pointer: &str) -> Option<String> {
        let name = shown(&dotted(pointer));
        let allowed: &[&str] = match (takes.secret, takes.text) {
            (true, _) => &["env", "file"],
            (false, true) => &["env", "append", "default"],
            (false, false) => &["env", "default"],
        };
        let mut good = true;
        for entry in entries {
            if !allowed.contains(&entry.key) {
                let hint = match entry.key {
                    "file" => "only a secret is read from a file".to_owned(),
                    _ => format!("the keys are {}", listed(allowed)),
                };
                let error = self.findings.error(
                    E0805,
                    &entry.key_span,
                    format!("{} cannot stand in this reference", shown(entry.key)),
                );
                error.hint(hint);
                good = false;
            } else if written(entry, takes).is_none() {
                self.findings
                    .error(E0805, &entry.span(), format!("{} in a reference is a text", shown(entry.key)))
                    .hint("put it in quotes");
                good = false;
            }
        }
        let value = |key: &str| entries.iter().find(|entry| entry.key == key).and_then(|entry| written(entry, takes));
        let (env, file, append, default) = (value("env"), value("file"), value("append"), value("default"));
        let place = |key: &str| entries.iter().find(|entry| entry.key == key).map_or(span.clone(), Entry::span);
        if !good {
            return None;
        }
        match (&env, &file) {
            (Some(variable), None) => self
                .read_variable(variable, &place("env"), default.as_deref(), takes, &name)
                .and_then(|value| self.appended(value, append.as_deref(), &place("append"))),
            (None, Some(file)) => self.read_file(file, &place("file"), &name),
            _ => {
                let key = last_key(pointer);
                self.findings.error(E0805, span, format!("{name} is not a reference")).hint(format!(
                    "write `{key} = {{ env = \"{}\" }}` or `{key} = {{ file = \"…\" }}`",
                    variable(&key)
                ));
                None
            }
        }
    }

    fn read_variable(
        &mut self,
        variable: &str,
        span: &Range<usize>,
        default: Option<&str>,
        takes: &Takes,
        name: &str,
    ) -> Option<String> {
        let is_variable = variable.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && variable.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_variable {
            // Not shown: it may be the secret itself.
            self.findings
                .error(E0805, span, format!("{name}: this is not the name of a variable"))
                .hide(span)
                .hint("a name has letters, digits and `_`; the value itself does not stand here");
            return None;
        }
        match self.context.around.env(variable) {
            Some(value) if value.is_empty() && takes.secret => {
                self.findings.error(E0804, span, format!("the variable {} is empty", shown(variable))).hint(format!(
                    "put the secret into it: `export {variable}=…`, or the service's `EnvironmentFile=`"
                ));
                None
            }
            Some(value) => Some(value),
            None if takes.secret => {
                self.findings
                    .error(
                        E0802,
                        span,
                        format!("the secret {name} is missing: there is no variable {}", shown(variable)),
                    )
                    .hint(format!("`export {variable}=…`, or the service's `EnvironmentFile=`"));
                None
            }
            None if default.is_some() => default.map(str::to_owned),
            None => {
                self.findings
                    .error(E0806, span, format!("there is no variable {} for {name}", shown(variable)))
                    .hint("set it, or write `default = \"…\"` beside `env`");
                None
            }
        }
    }

    fn read_file(&mut self, file: &str, span: &Range<usize>, name: &str) -> Option<String> {
        let path = self.context.base.join(file);
        match self.context.around.secret_file(&path) {
            Ok(text) => {
                // Editors end a file with a line break, which is no part of any key.
                let secret = text.trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    self.findings
                        .error(E0804, span, format!("the file of the secret {name} is empty"))
                        .hint(format!("write the secret into {}", path.display()));
                    return None;
                }
                Some(secret.to_owned())
            }
            Err(reason) => {
                self.findings
                    .error(E0803, span, format!("the file of the secret {name} cannot be read: {reason}"))
                    .hint(format!("put the secret into {}, and let this user read it", path.display()));
                None
            }
        }
    }

    fn appended(&mut self, value: String, append: Option<&str>, span: &Range<usize>) -> Option<String> {
        let Some(append) = append else {
            return Some(value);
        };
        if Path::new(append).is_absolute() {
            self.findings
                .error(E0805, span, "`append` is joined to the variable's path, so it must be relative")
                .hint(format!("write `append = \"{}\"`", append.trim_start_matches('/')));
            return None;
        }
        Some(Path::new(&value).join(append).to_string_lossy().into_owned())
    }

    fn validate(&mut self, manifest: &Manifest) {
        let root = format!("plugin {}", shown(&manifest.name));
        for violation in validator::violations(self.schema, &self.made.value) {
            if !self.follows_from_another(&violation) {
                self.report(violation, &root);
            }
        }
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

    fn report(&mut self, violation: Violation, root: &str) {
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
        let name = if named.is_empty() { root.to_owned() } else { shown(&dotted(named)) };
        let hint = match &fault {
            Fault::UnknownKey { key, known } => {
                // A key of an earlier version, by a word of ours that editors pass over.
                let renamed = self.schema.pointer(&join("/x-renamed", key)).filter(|_| named.is_empty());
                match renamed.and_then(Value::as_str) {
                    Some(now) => Some(format!("it is called `{now}` now")),
                    None => Some(hint_for_unknown(key, known, named.is_empty(), root)),
                }
            }
            Fault::MissingKey { key, secret: false } => self
                .schema
                .pointer(&join(&join("/properties", key), "description"))
                .and_then(Value::as_str)
                .filter(|_| named.is_empty())
                .map(|about| format!("add `{key} = …`: {about}")),
            _ => None,
        };
        let hint = hint.or_else(|| fault.hint());
        let error = self.findings.error(fault.code(), &span, fault.message(&name));
        error.hint = hint;
    }
}

/// A text of a reference. Where a number is taken, its default may be written as one.
fn written(entry: &Entry<'_>, takes: &Takes) -> Option<String> {
    match entry.value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        _ if takes.text || entry.key != "default" => None,
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|it| it.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// An unknown key of the plugin may be one that the host knows, one level up.
fn hint_for_unknown(key: &str, known: &[String], at_root: bool, root: &str) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(key, known.iter().copied()) {
        Some(near) => format!("a key {} exists", shown(near)),
        None if at_root && keys::get(Table::Stage, key).is_some() => {
            format!("`{key}` is a key of the stage itself, outside of `config`")
        }
        None if known.is_empty() && at_root => format!("{root} has no keys; remove this one"),
        None if known.is_empty() => "remove it; this table has no keys".to_owned(),
        None => format!("the keys are {}", listed(&known)),
    }
}

/// What the schema says may stand at a place.
#[derive(Default)]
struct Takes {
    secret: bool,
    path: bool,
    text: bool,
    table: bool,
    list: bool,
    whole: bool,
    number: bool,
    yes_or_no: bool,
}

impl Takes {
    /// What a variable can hold, and no table, which the reference might be meant as.
    fn one_value(&self) -> bool {
        (self.text || self.whole || self.number || self.yes_or_no) && !self.table
    }

    fn only_list(&self) -> bool {
        self.list && !self.table
    }

    fn words(&self) -> &'static str {
        match (self.number, self.whole, self.yes_or_no) {
            (true, _, false) => "a number",
            (false, true, false) => "a whole number",
            (false, false, _) => "`true` or `false`",
            _ => "a number, `true` or `false`",
        }
    }
}

/// `/models/0/name` as `models[0].name`.
fn dotted(pointer: &str) -> String {
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

fn last_key(pointer: &str) -> String {
    let named = pointer.split('/').rev().find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()));
    named.unwrap_or("key").replace("~1", "/").replace("~0", "~")
}

/// The variable that a key's secret would probably stand in.
fn variable(key: &str) -> String {
    key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect()
}
