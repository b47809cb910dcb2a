//! Files of messages: whether they keep the rules that a plugin's schema gives for them.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use majlis_templates::{File, Rules, language_of};
use serde_json::Value;

use super::Context;
use super::stage::Draft;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::shown;

/// Beside a key of a plugin's schema that takes files: the rules of the messages in them.
pub(super) const MESSAGES: &str = "x-messages";

/// A text that is missing is noticed when the visitor for whom it was meant stands there: better now.
pub(super) fn check(drafts: &[Draft<'_>], context: &Context<'_>, findings: &mut Findings<'_>) {
    for draft in drafts {
        let properties = draft.plugin.and_then(|plugin| plugin.manifest.config_schema.get("properties")?.as_object());
        for (key, property) in properties.into_iter().flatten() {
            // A plugin of a later version may have other rules, which it checks itself when it opens.
            let rules = property.get(MESSAGES).and_then(|rules| serde_json::from_value::<Rules>(rules.clone()).ok());
            if let Some(rules) = rules {
                check_files(draft, key, &rules, context, findings);
            }
        }
    }
}

/// A file that could be read.
struct Found<'v> {
    path: &'v str,
    language: &'v str,
    text: Arc<str>,
    /// Where the pipeline file names it.
    named: Range<usize>,
}

fn check_files(draft: &Draft<'_>, key: &str, rules: &Rules, context: &Context<'_>, findings: &mut Findings<'_>) {
    let paths = draft.config(key).and_then(Value::as_array).into_iter().flatten().enumerate();
    // What is no text is reported.
    let paths = paths.filter_map(|(index, path)| Some((format!("/{key}/{index}"), path.as_str()?)));
    let mut found: Vec<Found<'_>> = Vec::new();
    for (pointer, path) in paths {
        let (named, written) = (draft.config_span(&pointer).clone(), draft.shown_text(&pointer, path));
        let Some(language) = language_of(path) else {
            findings
                .error(E0714, &named, format!("the name of the file {written} says no language"))
                .hint("call it by the language of its texts, such as `fr.ftl` or `ar-SA.ftl`");
            continue;
        };
        match context.around.text_file(Path::new(path)) {
            Ok(text) => found.push(Found { path, language, text: text.into(), named }),
            Err(reason) => {
                findings
                    .error(E0714, &named, format!("the file {written} cannot be read: {reason}"))
                    .hint(format!("relative paths start at {}", shown(&context.base.display().to_string())));
            }
        }
    }
    let files: Vec<File<'_>> = found.iter().map(|file| File { language: file.language, text: &file.text }).collect();
    for fault in majlis_templates::check(&files, rules) {
        let Found { path, text, named, .. } = &found[fault.file];
        findings.error(E0715, &fault.span, fault.message).within((*path).to_owned(), text, named).hint(fault.hint);
    }
}
