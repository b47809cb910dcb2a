//! Languages: whether a text names one, and whether the plugins have texts in those that the file asks for.

use oxilangtag::LanguageTag;
use serde_json::Value;

use super::Language;
use super::stage::Draft;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::{listed, shown};

/// Beside a key of a plugin's schema: the languages that the plugin has texts in. The key holds one language or a list of them;
/// without it the plugin uses the pipeline's.
pub(super) const LANGUAGES: &str = "x-languages";
/// Beside it: a key that brings texts in other languages. Files of messages say theirs by their names; what else stands there only
/// the plugin can read.
pub(super) const UNLESS: &str = "x-languages-unless";

/// A BCP 47 tag in its canonical letters.
pub(super) fn parse(text: &str) -> Option<String> {
    let tag = LanguageTag::parse_and_normalize(text).ok()?;
    // A first part of four to eight letters is reserved for languages that were never registered: "arabic" is a tag by grammar.
    (2..=3).contains(&tag.primary_language().len()).then(|| tag.into_inner())
}

/// A plugin that lacks a language falls back to another without a word: better said before the visitors come.
pub(super) fn check(pipeline: &Language, drafts: &[Draft<'_>], findings: &mut Findings<'_>) {
    for draft in drafts {
        let properties = draft.plugin.and_then(|plugin| plugin.manifest.config_schema.get("properties")?.as_object());
        for (key, property) in properties.into_iter().flatten() {
            if let Some(has) = property.get(LANGUAGES).and_then(Value::as_array) {
                let unless = property.get(UNLESS).and_then(Value::as_str);
                let brought = unless.and_then(|key| draft.config(key)?.as_array()).into_iter().flatten();
                let brought = brought.filter_map(|file| majlis_templates::language_of(file.as_str()?));
                let mut has: Vec<&str> = has.iter().filter_map(Value::as_str).collect();
                for tag in brought {
                    // A file may also replace texts that are there.
                    if !has.contains(&tag) {
                        has.push(tag);
                    }
                }
                Texts { draft, key, has, unless }.check(pipeline, findings);
            }
        }
    }
}

/// What a stage says in which languages.
struct Texts<'t, 'd> {
    draft: &'t Draft<'d>,
    key: &'t str,
    has: Vec<&'t str>,
    unless: Option<&'t str>,
}

impl Texts<'_, '_> {
    fn check(&self, pipeline: &Language, findings: &mut Findings<'_>) {
        let brings_more =
            self.unless.and_then(|key| self.draft.config(key)?.as_str()).is_some_and(|value| !value.is_empty());
        let named = match self.draft.config(self.key) {
            Some(Value::String(one)) if !one.is_empty() => vec![(one.as_str(), format!("/{}", self.key))],
            Some(Value::Array(several)) => {
                let place = |index: usize| format!("/{}/{index}", self.key);
                let texts = several.iter().enumerate();
                texts.filter_map(|(index, text)| Some((text.as_str()?, place(index)))).collect()
            }
            // What is wrong with it is reported.
            Some(Value::Null) => return,
            _ => Vec::new(),
        };
        for (text, pointer) in &named {
            let (span, written) = (self.draft.config_span(pointer), self.draft.shown_text(pointer, text));
            match parse(text) {
                None => {
                    findings
                        .error(E0706, span, format!("{written} is not a language"))
                        .hint("a language is a BCP 47 tag, such as `ar-SA` or `en`");
                }
                Some(tag) if !brings_more && !self.has(&tag) => {
                    findings
                        .error(E0703, span, format!("stage {} has no texts in {written}", shown(self.draft.name)))
                        .hint(self.remedy("name one of these"));
                }
                Some(_) => {}
            }
        }
        if named.is_empty() && !brings_more && !self.has(&pipeline.tag) {
            let span = pipeline.span.as_ref().unwrap_or(&self.draft.span);
            let message = format!("stage {} has no texts in {}", shown(self.draft.name), shown(&pipeline.tag));
            let warning = findings.warning(W0605, span, message);
            warning.hint(self.remedy(&format!("name those that it is to use in its `{}`", self.key)));
            if pipeline.span.is_some() {
                warning.related(&self.draft.span, "uses another one instead");
            }
        }
    }

    /// Texts in `ar` are good for `ar-SA`.
    fn has(&self, tag: &str) -> bool {
        let primary = tag.split('-').next().unwrap_or(tag);
        self.has.iter().any(|has| has.eq_ignore_ascii_case(tag) || has.eq_ignore_ascii_case(primary))
    }

    fn remedy(&self, or: &str) -> String {
        let has = format!("it has {}; {or}", listed(&self.has));
        match self.unless {
            Some(key) => format!("{has}, or bring more with `{key}` in `[stage.{}.config]`", self.draft.name),
            None => has,
        }
    }
}
