//! Files that a configuration names and that the plugin reads when it opens: whether they are there and what the plugin will take.
//!
//! A plugin says beside the key what such a file is. So a mistake in it is told with all the others, at its line, and not one by
//! one by stages that do not open.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::{Context, Source, config};
use crate::check::stage::Draft;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::shown;
use crate::syntax;

/// Beside a text of a plugin's schema that names a file or a folder of files: [`Rules`].
pub(crate) const FILE: &str = "x-file";

/// What is said of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// How it is written; without it only whether it is there is of interest.
    format: Option<Format>,
    /// The JSON Schema of what stands in it.
    schema: Option<Value>,
    /// The text names a folder, and this is the file in it. `*` at its beginning: every file whose name ends so.
    #[serde(rename = "in")]
    within: Option<String>,
    /// Texts that name no file.
    #[serde(default)]
    unless: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Toml,
}

impl Rules {
    /// Reads what stands beside a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of(rules: &Value) -> Result<Self, String> {
        let rules = Self::deserialize(rules).map_err(|error| error.to_string())?;
        match (&rules.format, &rules.schema) {
            (Some(_), None) => Err("a `format` needs a `schema`".to_owned()),
            (None, Some(_)) => Err("a `schema` needs a `format`, which is \"toml\"".to_owned()),
            _ => Ok(rules),
        }
    }

    /// The schema of the file.
    pub(crate) fn schema(&self) -> Option<&Value> {
        self.schema.as_ref()
    }
}

/// A file or a folder that a text names.
pub(super) struct Named {
    path: PathBuf,
    rules: Rules,
    /// The text, as it may be shown.
    written: String,
    /// Where it stands.
    span: Range<usize>,
}

impl Named {
    /// `None` where the text names no file.
    pub(super) fn new(rules: &Value, text: &str, path: PathBuf, written: String, span: &Range<usize>) -> Option<Self> {
        // The manifest's audit has read them once. An empty text is told by the schema that does not take it.
        let rules =
            Rules::of(rules).ok().filter(|rules| !text.is_empty() && rules.unless.iter().all(|no| no != text))?;
        Some(Self { path, rules, written, span: span.clone() })
    }
}

pub(super) fn check(drafts: &[Draft<'_>], context: &Context<'_>, findings: &mut Findings<'_>) {
    for named in drafts.iter().flat_map(Draft::files) {
        look(named, context, findings);
    }
}

fn look(named: &Named, context: &Context<'_>, findings: &mut Findings<'_>) {
    let Named { path, rules, written, .. } = named;
    let in_it = |name: &str| format!("the file {} of the folder {written}", shown(name));
    match rules.within.as_deref() {
        None => look_at(named, path, &format!("the file {written}"), context, findings),
        Some(pattern) => match pattern.strip_prefix('*') {
            None => look_at(named, &path.join(pattern), &in_it(pattern), context, findings),
            Some(ending) => match context.around.files_in(path) {
                Err(reason) => unread(named, &format!("the folder {written}"), &reason, context, findings),
                Ok(mut names) => {
                    names.retain(|name| name.ends_with(ending));
                    names.sort();
                    if names.is_empty() {
                        let reason = format!("no file of it is called {}", shown(pattern));
                        unread(named, &format!("the folder {written}"), &reason, context, findings);
                    }
                    for name in names {
                        look_at(named, &path.join(&name), &in_it(&name), context, findings);
                    }
                }
            },
        },
    }
}

fn look_at(named: &Named, path: &Path, what: &str, context: &Context<'_>, findings: &mut Findings<'_>) {
    let Some(schema) = named.rules.schema() else {
        if let Err(reason) = context.around.is_file(path) {
            unread(named, what, &reason, context, findings);
        }
        return;
    };
    match context.around.text_file(path) {
        Ok(text) => read(named, path, &text, schema, context, findings),
        Err(reason) => unread(named, what, &reason, context, findings),
    }
}

fn unread(named: &Named, what: &str, reason: &str, context: &Context<'_>, findings: &mut Findings<'_>) {
    findings
        .error(E0716, &named.span, format!("{what} cannot be read: {reason}"))
        .hint(format!("relative paths start at {}", shown(&context.base.display().to_string())));
}

/// A file as it stands there, with all its mistakes.
fn read(named: &Named, path: &Path, text: &str, schema: &Value, context: &Context<'_>, findings: &mut Findings<'_>) {
    let source = Source { file: path, text };
    let mut found = Findings::of_named(&source);
    let (readable, mut damage) = syntax::readable(text, &mut found);
    let table = syntax::parse(&readable, &mut damage, &mut found);
    let base = source.base();
    let context = Context { base, ..*context };
    for further in config::read_file(table.get_ref(), schema, &context, &mut found) {
        look(&further, &context, &mut found);
    }
    if damage.is_some() {
        // What is missing may stand where the file could not be read.
        found.retain(|finding| ![E0205, E0710, E0711, E0718, E0719].contains(&finding.code));
    }
    findings.adopt(found, &named.span);
}
