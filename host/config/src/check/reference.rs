//! `{ env = … }` and `{ file = … }` in a plugin's table: what they stand for.

use std::ops::Range;
use std::path::Path;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::config::{Reader, dotted, last_key, variable};
use super::takes::Takes;
use crate::codes::*;
use crate::document::{Entry, entries};
use crate::nearest::{listed, shown};

impl Reader<'_, '_> {
    /// `{ env = … }` and `{ file = … }`. What cannot be resolved is reported and becomes null.
    pub(super) fn referred(&mut self, table: &DeTable<'_>, span: &Range<usize>, takes: &Takes, pointer: &str) -> Value {
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
