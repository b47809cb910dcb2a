//! Reads TOML so that one mistake does not hide the others.
//!
//! The parser's own recovery gives up the rest of the file after some mistakes and guesses on after others. A broken file is
//! therefore cut into its statements (a header, or a key with its value), each is read alone, those that cannot be read are
//! reported and blanked, and what is left is checked as usual. Blanks keep every place true. What is missing only because it
//! was blanked must not be reported as missing: [`Damage`] knows that.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use crate::codes::*;
use crate::diagnostic::{Diagnostic, Findings};
use crate::nearest::shown;

/// A file of another kind has a mistake in each line, and nobody reads them all.
const MOST_ERRORS: usize = 24;
/// So many broken statements may be given to the parser at once.
const MOST_NESTED: usize = 256;

/// The text with spaces in place of what cannot be read, which is reported.
pub(crate) fn readable<'s>(text: &'s str, findings: &mut Findings<'_>) -> (Cow<'s, str>, Damage) {
    let statements = statements(text);
    let header = findings.header();
    let errors: Vec<Option<SyntaxError>> =
        statements.iter().map(|statement| syntax_error(&text[statement.range.clone()], header)).collect();
    let broken = errors.iter().flatten().count();
    // The parser has the last word where its stack bears it: it calls itself for each bracket that is not closed.
    let is_read_whole = || DeTable::parse_recoverable(text).1.iter().all(is_duplicate);
    if broken == 0 || (broken <= MOST_NESTED && is_read_whole()) {
        return (Cow::Borrowed(text), Damage { statements, ..Damage::default() });
    }
    let mut damage = Damage::default();
    let mut lost: Vec<Range<usize>> = Vec::new();
    let mut reported = 0;
    let mut in_lost_table = false;
    for (statement, error) in statements.iter().zip(errors) {
        if statement.is_header {
            in_lost_table = error.is_some();
            damage.lost_a_header |= in_lost_table;
        }
        if error.is_some() || in_lost_table {
            lost.push(statement.range.clone());
            damage.tables.insert(statement.table.clone());
        }
        if let Some(SyntaxError { at, words }) = error {
            reported += 1;
            if reported <= MOST_ERRORS {
                let span = statement.range.start + at.start..statement.range.start + at.end;
                let error = findings.error(E0101, &span, words.message);
                error.hint(words.hint);
                if let Some(secret) = likely_secret(text, &statement.range) {
                    error.hide(&secret);
                }
            }
        }
    }
    if reported > MOST_ERRORS {
        let more = reported - MOST_ERRORS;
        findings
            .error(E0101, &(text.len()..text.len()), format!("lines that cannot be read either: {more}"))
            .hint(format!("is this the right file? One has tables such as `{header}`, with lines `KEY = VALUE`"));
    }
    let mut bytes = text.to_owned();
    for range in lost {
        let blank: String = text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        bytes.replace_range(range, &blank);
    }
    damage.statements = statements;
    (Cow::Owned(bytes), damage)
}

/// Reads what [`readable`] left. A key that stands twice counts the first time.
pub(crate) fn parse<'s>(text: &'s str, damage: &mut Damage, findings: &mut Findings<'_>) -> Spanned<DeTable<'s>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    // Inside a table that stands twice, each key that both have is a duplicate again: the header says it all.
    let mut repeated_table = 0..0;
    for error in &errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        damage.at(span.start);
        if !is_duplicate(error) {
            let words = words_of(error.message(), false, findings.header());
            findings.error(E0101, &span, words.message).hint(words.hint);
            continue;
        }
        if repeated_table.contains(&span.start) {
            continue;
        }
        let key = text.get(span.clone()).unwrap_or_default();
        let line = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        if text[line..].trim_start().starts_with('[') {
            let end = text[span.start..].find("\n[").map_or(text.len(), |at| span.start + at);
            repeated_table = span.end..end;
        }
        let error = findings.error(E0102, &span, format!("{} stands here for the second time", shown(key)));
        error.hint("keep one of them");
        let statement = damage.statement_at(span.start);
        if let Some(secret) = statement.and_then(|statement| likely_secret(text, &statement.range)) {
            error.hide(&secret);
        }
    }
    table
}

/// What stands after a key that sounds like that of a secret. No schema is asked about what is not read, and the line is drawn.
fn likely_secret(text: &str, statement: &Range<usize>) -> Option<Range<usize>> {
    let words = text[statement.clone()].to_ascii_lowercase();
    let sounds = ["key", "token", "secret", "password", "credential"];
    let at = sounds.iter().filter_map(|sound| words.find(sound)).min()?;
    let value = at + words[at..].find('=').or_else(|| words[at..].find(['"', '\'', ' ']))? + 1;
    Some(statement.start + value..statement.end)
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().contains("duplicate key")
}

/// Where the file could not be read.
#[derive(Default)]
pub(crate) struct Damage {
    statements: Vec<Statement>,
    /// Tables of which something is lost.
    tables: BTreeSet<TableName>,
    lost_a_header: bool,
}

impl Damage {
    /// Whether anything could not be read.
    pub(crate) fn is_some(&self) -> bool {
        !self.tables.is_empty()
    }

    /// Notes a place that was read, but not as it was meant.
    fn at(&mut self, byte: usize) {
        if let Some(table) = self.table_at(byte).cloned() {
            self.tables.insert(table);
        }
    }

    /// Whether a finding says that something is missing which may stand where the file could not be read.
    pub(crate) fn explains(&self, text: &str, finding: &Diagnostic) -> bool {
        if self.tables.is_empty() {
            return false;
        }
        let in_a_damaged_table =
            |span: &Range<usize>| self.table_at(span.start).is_some_and(|table| self.tables.contains(table));
        match finding.code {
            E0401 => {
                let reference = text.get(finding.span.clone()).unwrap_or_default().trim_matches(['"', '\'']);
                let stage = reference.split('.').next().unwrap_or_default();
                self.tables.contains(&("stage".to_owned(), stage.to_owned()))
            }
            E0402 | E0509 => true,
            E0604 => self.lost_a_header,
            E0202 | E0205 | E0206 | E0504 | E0602 | E0603 | E0605 | E0710 | E0711 | W0601 | W0602 | W0603 | W0604
            | W0605 => {
                in_a_damaged_table(&finding.span)
                    || finding.related.iter().any(|related| in_a_damaged_table(&related.span))
            }
            _ => false,
        }
    }

    fn table_at(&self, byte: usize) -> Option<&TableName> {
        self.statement_at(byte).map(|statement| &statement.table)
    }

    fn statement_at(&self, byte: usize) -> Option<&Statement> {
        let after = self.statements.partition_point(|statement| statement.range.start <= byte);
        self.statements[..after].last()
    }
}

/// The first two names: `("stage", "camera")` for `[stage.camera]`, `[stage.camera.config]` and `stage.camera.plugin = …` alike.
type TableName = (String, String);

/// A header or a key with its value.
struct Statement {
    range: Range<usize>,
    is_header: bool,
    table: TableName,
}

fn statements(text: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut header: Vec<String> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = statement_end(text, start);
        let words = text[start..end].trim_start();
        if !words.is_empty() && !words.starts_with('#') {
            let is_header = words.starts_with('[');
            let mut names = match is_header {
                true => Vec::new(),
                false => header.clone(),
            };
            names.extend(names_of(words, is_header));
            if is_header {
                header.clone_from(&names);
            }
            let mut names = names.into_iter();
            let table = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
            found.push(Statement { range: start..end, is_header, table });
        }
        start = end;
    }
    found
}

/// `stage` and `camera` of `[stage."camera"]` or of `stage.camera.plugin = …`, also where the end is missing.
fn names_of(words: &str, is_header: bool) -> impl Iterator<Item = String> {
    let line = words.lines().next().unwrap_or_default();
    let names = match is_header {
        true => line.trim_start_matches('[').split([']', '#']).next(),
        false => line.split('=').next(),
    };
    names.unwrap_or_default().split('.').map(|name| name.trim().trim_matches(['"', '\'']).to_owned())
}

/// Where a statement ends, its line break included. Lists, tables and long texts go over several lines; one that is not closed
/// ends before the next line that looks like another statement.
fn statement_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |end| at + end);
    if text[start..].trim_start_matches([' ', '\t']).starts_with('[') {
        return (line_end(start) + 1).min(text.len());
    }
    let mut open: Vec<u8> = Vec::new();
    let mut last = b'\n';
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {
                let next = &text[at + 1..];
                let is_over = match open.last() {
                    None => true,
                    Some(b'[') => is_header(next) || is_assignment(next),
                    Some(_) => is_header(next) || (is_assignment(next) && !matches!(last, b',' | b'{')),
                };
                if is_over {
                    return at + 1;
                }
            }
            b'#' => {
                at = line_end(at);
                continue;
            }
            quote @ (b'"' | b'\'') => {
                let Some(end) = text_end(text, at, quote) else {
                    return next_header(text, at);
                };
                at = end;
                last = quote;
                continue;
            }
            bracket @ (b'[' | b'{') => {
                open.push(bracket);
                last = bracket;
            }
            b']' | b'}' => {
                open.pop();
                last = bytes[at];
            }
            b' ' | b'\t' | b'\r' => {}
            other => last = other,
        }
        at += 1;
    }
    text.len()
}

/// The end of a text in quotes; that of its line where a short one is not closed, `None` where a long one is not.
fn text_end(text: &str, start: usize, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_long = bytes[start..].starts_with(&[quote; 3]);
    let mut at = start + if is_long { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !is_long => return Some(at),
            byte if byte == quote && !is_long => return Some(at + 1),
            // A long text may end with one or two quotes of its own before the three.
            byte if byte == quote && bytes[at..].starts_with(&[quote; 3]) => {
                let own = bytes[at + 3..].iter().take(2).take_while(|byte| **byte == quote).count();
                return Some(at + 3 + own);
            }
            _ => {}
        }
        at += 1;
    }
    (!is_long).then_some(bytes.len())
}

fn next_header(text: &str, from: usize) -> usize {
    let mut breaks = text[from..].match_indices('\n').map(|(at, _)| from + at + 1);
    breaks.find(|line| is_header(&text[*line..])).unwrap_or(text.len())
}

/// Whether a line is a header and not an item of a list: `[true],` and `["a"]` are items.
fn is_header(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default().trim();
    let Some((names, after)) = line.trim_start_matches('[').split_once(']') else {
        return false;
    };
    let after = after.trim_start_matches(']').trim_start();
    line.starts_with('[')
        && names.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && !["true", "false", "inf", "nan"].contains(&names)
        && (after.is_empty() || after.starts_with('#'))
}

/// Whether a line begins with a bare key and `=`.
fn is_assignment(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default().trim_start();
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let after = line.trim_start_matches(is_bare);
    after.len() < line.len() && after.trim_start().starts_with('=')
}

struct Words {
    message: String,
    hint: String,
}

/// The first mistake of a statement.
struct SyntaxError {
    /// In the statement.
    at: Range<usize>,
    words: Words,
}

/// Reads a statement alone.
fn syntax_error(statement: &str, header: &str) -> Option<SyntaxError> {
    let text = statement.trim_end();
    let (_, errors) = DeTable::parse_recoverable(text);
    let place = |error: &toml::de::Error| error.span().unwrap_or(text.len()..text.len());
    // At one place the text that is not closed comes first: it has swallowed what the others miss.
    let first = errors
        .iter()
        .filter(|error| !is_duplicate(error))
        .min_by_key(|error| (place(error).start, !error.message().contains("string")))?;
    let span = place(first);
    // What is not closed is shown where it begins; it ends anywhere.
    let span = match first.message().contains("multi-line") {
        true => ["\"\"\"", "'''"].iter().filter_map(|quotes| text.find(quotes)).min().map_or(span, |at| at..at + 3),
        false => span,
    };
    let is_nothing = span.is_empty() && text[..span.start].trim_end().ends_with('=');
    Some(SyntaxError { at: span, words: words_of(first.message(), is_nothing, header) })
}

/// What the parser says, in an operator's words, and what to do.
fn words_of(message: &str, is_nothing: bool, header: &str) -> Words {
    let a_line = format!("a line is `KEY = VALUE`, or a header such as `{header}`");
    let words = |message: &str, hint: &str| Words { message: message.to_owned(), hint: hint.to_owned() };
    let has = |part: &str| message.contains(part);
    if is_nothing {
        words("there is no value after `=`", "write one, or remove the line")
    } else if has("multi-line") {
        words("the text is not closed", "end it with the three quotes that it begins with")
    } else if has("string values must be quoted") {
        words("this is not a value", "a text stands in quotes: `\"…\"`")
    } else if has("invalid basic string") {
        words("the text is not closed", "end it with `\"`, on the same line")
    } else if has("invalid literal string") {
        words("the text is not closed", "end it with `'`, on the same line")
    } else if has("escape") {
        words("`\\` does not stand before a letter that it goes with", "write `\\\\` for the character itself")
    } else if has("key with no value") {
        words("a key without a value", &a_line)
    } else if has("unquoted keys cannot be empty") || has("missing key") {
        words("a name is missing", &a_line)
    } else if has("unquoted key") {
        words("this cannot stand in a key", "a key has letters, digits, `-` and `_`; a line is `KEY = VALUE`")
    } else if has("unclosed array") {
        words("the list is not closed", "end it with `]`")
    } else if has("unclosed inline table") {
        words("the table is not closed", "end it with `}`")
    } else if has("unclosed table") {
        words("the header is not closed", "end it with `]`; a name in it has no spaces")
    } else if has("missing comma") || has("extra assignment") {
        words("something is missing between two values", "put a comma between them, or close what stands before")
    } else if has("leading zero") {
        words("a number does not begin with a zero", "leave the zero out; if it is a text, put it in quotes")
    } else if has("date") || has("time") {
        words("this is not a date or a time", "if it is a text, put it in quotes")
    } else {
        words(message, &a_line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        statements(text).iter().map(|statement| text[statement.range.clone()].trim()).collect()
    }

    #[test]
    fn a_statement_goes_over_the_lines_of_its_brackets_and_long_texts() {
        let text = "[a]\nx = [\n  1, # ]\n  \"]\",\n]\ny = '''\n[b]\n'''\nz = {\n  p = 1,\n  q = 2\n}\n[b]\n";
        let cuts = cut(text);
        assert_eq!(cuts.len(), 5);
        assert!(cuts[2].starts_with("y = '''") && cuts[3].ends_with('}'));
    }

    #[test]
    fn what_the_parser_reads_whole_is_not_cut_wrongly() {
        let text = "\u{feff}# = [\na.b = { # {\n  \"c = d\" = [\n    [true],\n    [\"x\"], # ]\n    { e = 1, f = '''\n[g]\nh = 1''' },\n  ],\n}\n\
                    [ i . \"j.k\" ] # x\nl = \"\"\"\\\"\" m = \"\"\"\"\n[[n]]\r\no = [\r\n  1,\r\n]\r\n'p=' = 2\n";
        let parsed = DeTable::parse(text);
        assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
        for statement in statements(text) {
            let words = &text[statement.range];
            assert!(syntax_error(words, "[NAME]").is_none(), "{words}");
        }
    }

    #[test]
    fn what_is_not_closed_ends_before_the_next_statement() {
        assert_eq!(cut("x = [1,\ny = 2\n"), ["x = [1,", "y = 2"]);
        assert_eq!(cut("x = { p = 1\n[b]\ny = 2\n"), ["x = { p = 1", "[b]", "y = 2"]);
        assert_eq!(cut("x = \"\"\"a\nb = 1\n[b]\ny = 2\n"), ["x = \"\"\"a\nb = 1", "[b]", "y = 2"]);
        assert_eq!(cut("[a\nx = 1\n"), ["[a", "x = 1"]);
        assert_eq!(cut("x = \"a\ny = 2\n"), ["x = \"a", "y = 2"]);
    }
}
