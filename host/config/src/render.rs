//! Diagnostics as text for a terminal: the excerpt, the underline, the hint.
//!
//! annotate-snippets does the drawing, and not a few lines of our own, because the width of an Arabic, a wide or a tab
//! character is where hand-made underlines go wrong.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::check::Source;
use crate::diagnostic::{Diagnostic, Severity, inside, masked};

/// All of `diagnostics` as one text that ends with a count. Empty when there are none.
///
/// Secrets that stand in the file in plain text are shown as `*`: the text often goes to the log of a build.
pub fn render(diagnostics: &[Diagnostic], source: &Source<'_>, color: bool) -> String {
    let text = masked(source.text, diagnostics);
    let file = source.file.display().to_string();
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(120);
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&match &diagnostic.text {
            Some(other) => renderer.render(&[group_of_two(diagnostic, other, &text)]),
            None => renderer.render(&[group(diagnostic, &text, &file)]),
        });
        out.push_str("\n\n");
    }
    out.push_str(&summary(diagnostics));
    out
}

/// The lines from the first place to the last. The rest is left out: the renderer looks at all that it is given, for each
/// diagnostic again.
fn lines_of(diagnostic: &Diagnostic, text: &str) -> Range<usize> {
    let spans = || diagnostic.related.iter().map(|related| &related.span).chain([&diagnostic.span]);
    let first = spans().map(|span| inside(span, text).start).min().unwrap_or(0);
    let last = spans().map(|span| inside(span, text).end).max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    start..text[last..].find('\n').map_or(text.len(), |at| last + at + 1)
}

fn group<'a>(diagnostic: &'a Diagnostic, text: &'a str, file: &'a str) -> annotate_snippets::Group<'a> {
    let lines = lines_of(diagnostic, text);
    let first_line = diagnostic.related.iter().map(|related| related.line).chain([diagnostic.line]).min();
    let here = |span: &Range<usize>| {
        let span = inside(span, text);
        span.start - lines.start..span.end - lines.start
    };
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let primary = AnnotationKind::Primary.span(here(&diagnostic.span)).label(diagnostic.label.as_deref());
    let related = diagnostic
        .related
        .iter()
        .map(|related| AnnotationKind::Context.span(here(&related.span)).label(related.message.as_str()));
    let snippet = Snippet::source(&text[lines.clone()])
        .line_start(first_line.map_or(1, |line| line as usize))
        .path(file)
        .annotation(primary)
        .annotations(related);
    let group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(snippet);
    match &diagnostic.hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    }
}

/// A problem in another file: its places there, then where the pipeline file names that one.
fn group_of_two<'a>(diagnostic: &'a Diagnostic, other: &'a str, text: &'a str) -> annotate_snippets::Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let there = excerpt(
        other,
        diagnostic.file.as_str(),
        diagnostic.line,
        &diagnostic.span,
        AnnotationKind::Primary,
        diagnostic.label.as_deref(),
    );
    let group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(there);
    let group = diagnostic.related.iter().fold(group, |group, related| {
        let its = if related.file == diagnostic.file { other } else { text };
        group.element(excerpt(
            its,
            related.file.as_str(),
            related.line,
            &related.span,
            AnnotationKind::Context,
            Some(related.message.as_str()),
        ))
    });
    match &diagnostic.hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    }
}

/// The lines of one place.
fn excerpt<'a>(
    text: &'a str,
    file: &'a str,
    line: u32,
    span: &Range<usize>,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let span = inside(span, text);
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
    Snippet::source(&text[start..end])
        .line_start(line as usize)
        .path(file)
        .annotation(kind.span(span.start - start..span.end - start).label(label))
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let words = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        many => Some(format!("{many} {word}s")),
    };
    let parts: Vec<String> = [words(count(Severity::Error), "error"), words(count(Severity::Warning), "warning")]
        .into_iter()
        .flatten()
        .collect();
    match diagnostics.first() {
        None => String::new(),
        Some(first) => format!("{}; `majlis explain {}` says more about a code\n", parts.join(", "), first.code),
    }
}
