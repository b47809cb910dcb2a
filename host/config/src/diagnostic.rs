//! One finding, and the list that a check gathers.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::check::Source;

/// Whether a finding keeps the pipeline from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The pipeline does not start.
    Error,
    /// It starts, and something will not be as the file suggests.
    Warning,
}

/// One problem of a pipeline file, or of a file that it names, with the place that it is about.
///
/// Written as JSON it is an object with these fields; `label` and `hint` may be `null`, `span` is `{ "start", "end" }`. Fields are
/// added and never renamed:
///
/// ```json
/// { "file": "expo.toml", "code": "E0401", "severity": "error", "message": "no stage is called `camrea`", "line": 7, "column": 20,
///   "span": { "start": 91, "end": 105 }, "label": null, "hint": "a stage `camera` exists",
///   "related": [{ "message": "the producer", "file": "expo.toml", "line": 1, "column": 8, "span": { "start": 7, "end": 13 } }] }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file: the pipeline file as it was named to the check, or the other one, and then the first of `related` says where
    /// the pipeline file names it.
    pub file: String,
    /// Stable: `majlis explain CODE` says more, and scripts may match it.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// One sentence in the operator's words.
    pub message: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters: a tab and an Arabic letter are one each.
    pub column: u32,
    /// The text underlined, as a range of bytes of the file.
    pub span: Range<usize>,
    /// What stands under the underlined text.
    pub label: Option<String>,
    /// What was probably meant, or what to do.
    pub hint: Option<String>,
    /// Other places that belong to the problem.
    pub related: Vec<Related>,
    /// Ranges of bytes that hold a secret and are shown as `*`.
    #[serde(skip)]
    pub hidden: Vec<Range<usize>>,
    /// The text of `file`, where that is not the pipeline file.
    #[serde(skip)]
    pub text: Option<Arc<str>>,
}

/// Another place that belongs to a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// What this place has to do with it.
    pub message: String,
    /// The pipeline file, or that of the problem.
    pub file: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// A range of bytes of the file.
    pub span: Range<usize>,
}

impl fmt::Display for Diagnostic {
    /// One line for logs: `12:8: E0401: no stage is called `camrea``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.code, self.message)
    }
}

impl Diagnostic {
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn related(&mut self, span: &Range<usize>, message: impl Into<String>) -> &mut Self {
        self.related.push(Related {
            message: message.into(),
            file: String::new(),
            line: 0,
            column: 0,
            span: span.clone(),
        });
        self
    }

    /// The problem is in another file, which the pipeline file names at `named`.
    pub(crate) fn within(&mut self, file: String, text: &Arc<str>, named: &Range<usize>) -> &mut Self {
        if self.text.is_some() {
            // It is in a file that another one names, and only the outermost name is told.
            self.related.retain(|related| !related.file.is_empty());
        } else {
            for related in &mut self.related {
                related.file.clone_from(&file);
            }
            self.file = file;
            self.text = Some(Arc::clone(text));
        }
        self.related(named, "named here");
        // First, for what is read from it.
        self.related.rotate_right(1);
        self
    }

    /// Where it belongs in the order of the pipeline file.
    fn order(&self) -> (usize, bool, usize) {
        match self.related.first().filter(|_| self.text.is_some()) {
            Some(named) => (named.span.start, true, self.span.start),
            None => (self.span.start, false, 0),
        }
    }

    pub(crate) fn hide(&mut self, span: &Range<usize>) -> &mut Self {
        self.hidden.push(span.clone());
        self
    }

    pub(crate) fn new(code: &'static str, severity: Severity, span: Range<usize>, message: String) -> Self {
        Diagnostic {
            file: String::new(),
            code,
            severity,
            message,
            line: 0,
            column: 0,
            span,
            label: None,
            hint: None,
            related: Vec::new(),
            hidden: Vec::new(),
            text: None,
        }
    }
}

/// The findings of one check, in the order in which they are made; lines and columns are filled in at the end.
pub(crate) struct Findings<'s> {
    file: String,
    text: &'s str,
    /// What a header looks like in such a file.
    header: &'static str,
    list: Vec<Diagnostic>,
}

impl<'s> Findings<'s> {
    pub(crate) fn new(source: &Source<'s>) -> Self {
        let file = source.file.display().to_string();
        Findings { file, text: source.text, header: "[stage.NAME]", list: Vec::new() }
    }

    /// Of a file that a pipeline file names.
    pub(crate) fn of_named(source: &Source<'s>) -> Self {
        Findings { header: "[NAME]", ..Self::new(source) }
    }

    /// What a header looks like in such a file.
    pub(crate) fn header(&self) -> &'static str {
        self.header
    }

    /// Takes over what was found in a file that this one names at `named`.
    pub(crate) fn adopt(&mut self, found: Findings<'_>, named: &Range<usize>) {
        // It is drawn from the text that is kept with it.
        let text: Arc<str> = masked(found.text, &found.list).into();
        for mut diagnostic in found.list {
            diagnostic.hidden.clear();
            diagnostic.within(found.file.clone(), &text, named);
            // Two stages may name one file, and one repair is enough.
            let is_told = |told: &Diagnostic| {
                (&told.file, &told.span, &told.message) == (&diagnostic.file, &diagnostic.span, &diagnostic.message)
            };
            if !self.list.iter().any(is_told) {
                self.list.push(diagnostic);
            }
        }
    }

    /// Takes findings back.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.list.retain(keep);
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(code, Severity::Error, span, message.into())
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(code, Severity::Warning, span, message.into())
    }

    fn push(
        &mut self,
        code: &'static str,
        severity: Severity,
        span: &Range<usize>,
        message: String,
    ) -> &mut Diagnostic {
        self.list.push(Diagnostic::new(code, severity, span.clone(), message));
        self.list.last_mut().expect("a diagnostic was pushed on the line above")
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// In the order of the file, so that an operator walks through it once.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let lines = Lines::new(self.text);
        let mut list = self.list;
        for diagnostic in &mut list {
            let other = diagnostic.text.as_deref().map(Lines::new);
            let of_it = other.as_ref().unwrap_or(&lines);
            (diagnostic.line, diagnostic.column) = of_it.place(diagnostic.span.start);
            if other.is_none() {
                diagnostic.file.clone_from(&self.file);
            }
            for related in &mut diagnostic.related {
                // Only a place in another file has one already.
                let its = if related.file.is_empty() { &lines } else { of_it };
                (related.line, related.column) = its.place(related.span.start);
                if related.file.is_empty() {
                    related.file.clone_from(&self.file);
                }
            }
        }
        list.sort_by(|a, b| (a.order(), a.code, &a.message).cmp(&(b.order(), b.code, &b.message)));
        list
    }
}

/// The same bytes with each character of a secret replaced by as many `*` as it has bytes, so that spans stay true.
pub(crate) fn masked(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut text = text.to_owned();
    for span in diagnostics.iter().flat_map(|diagnostic| &diagnostic.hidden) {
        let span = inside(span, &text);
        let stars: String =
            text[span.clone()].chars().map(|letter| if letter == '\n' { '\n' } else { '*' }).collect::<String>();
        let padding = span.len() - stars.len();
        text.replace_range(span, &(stars + &"*".repeat(padding)));
    }
    text
}

/// A span that can be drawn: inside the text and at character boundaries; an empty one stays empty and gets one caret.
pub(crate) fn inside(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end);
    start..end.max(start)
}

/// Bytes to lines and columns.
pub(crate) struct Lines<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(text: &'s str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// Line and column, both 1-based; the column in characters, because that is what an editor's "go to" counts.
    pub(crate) fn place(&self, byte: usize) -> (u32, u32) {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line - 1];
        let column = self.text[start..byte].chars().count() + 1;
        (to_u32(line), to_u32(column))
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_not_bytes() {
        let text = "a\nالاسم = 1\n\tb = 2";
        let lines = Lines::new(text);
        let at = |needle: &str| lines.place(text.find(needle).expect("the needle stands in the text"));
        assert_eq!(at("a"), (1, 1));
        assert_eq!(at("="), (2, 7));
        assert_eq!(at("b"), (3, 2));
        assert_eq!(lines.place(text.len()), (3, 7));
    }
}
