//! Columns that line up, whatever script a title is written in.
//!
//! The last column holds the words and comes last so that text from right to left, which terminals
//! may turn around, turns nothing else around with it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Look;

/// How a piece of text is drawn where colour is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Strong,
    Faint,
    Bad,
}

impl Look {
    pub(super) fn paint(self, text: &str, paint: Paint) -> String {
        let code = match paint {
            _ if !self.color || text.is_empty() => return text.to_owned(),
            Paint::Plain => return text.to_owned(),
            Paint::Strong => "1",
            Paint::Faint => "2",
            Paint::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    pub(super) fn heading(self, text: &str) -> String {
        format!("{}\n", self.paint(text, Paint::Strong))
    }
}

enum Row {
    Cells(Vec<String>, Paint),
    Note(String, Paint),
    Rule,
}

/// Rows of cells. All columns but the last are aligned to the right.
pub(super) struct Table {
    columns: usize,
    rows: Vec<Row>,
}

/// What a figure is not parted from.
const UNITS: [&str; 10] = ["ns", "µs", "ms", "s", "min", "B", "kB", "KiB", "MB", "GB"];

/// What stands before each row.
const MARGIN: &str = "  ";

/// Lines that one text may take: the message of an error can be a page, and ends with what to do about it.
const LINES: usize = 8;

impl Table {
    pub(super) fn new(heads: &[&str]) -> Self {
        let mut table = Self { columns: heads.len(), rows: Vec::new() };
        table.row(heads.iter().map(|h| (*h).to_owned()).collect(), Paint::Faint);
        table
    }

    pub(super) fn row(&mut self, cells: Vec<String>, paint: Paint) {
        debug_assert_eq!(cells.len(), self.columns);
        self.rows.push(Row::Cells(cells, paint));
    }

    /// A line under the last column.
    pub(super) fn note(&mut self, text: String, paint: Paint) {
        self.rows.push(Row::Note(text, paint));
    }

    pub(super) fn rule(&mut self) {
        self.rows.push(Row::Rule);
    }

    pub(super) fn render(&self, look: Look) -> String {
        // A column in which nothing stands but its head takes no room.
        let mut widths = vec![0; self.columns - 1];
        let (head, below) = self.rows.split_at(1);
        for row in below.iter().chain(head) {
            if let Row::Cells(cells, _) = row {
                let is_head = std::ptr::eq(row, &head[0]);
                for (width, cell) in widths.iter_mut().zip(cells).filter(|(width, _)| !is_head || **width > 0) {
                    *width = (*width).max(cell.width());
                }
            }
        }
        let indent: usize = MARGIN.len() + widths.iter().filter(|w| **w > 0).map(|w| w + 2).sum::<usize>();
        let room = look.width.saturating_sub(indent).max(12);
        let mut text = String::new();
        let mut put = |line: &str, paint: Paint| {
            text.push_str(&look.paint(line.trim_end(), paint));
            text.push('\n');
        };
        for row in &self.rows {
            match row {
                Row::Rule => {
                    let rule = "─".repeat(indent + 24 - MARGIN.len());
                    put(&format!("{MARGIN}{rule}"), Paint::Faint);
                }
                Row::Note(note, paint) => {
                    for line in fold(&clean(note), room - 2) {
                        put(&format!("{}{line}", " ".repeat(indent + 2)), *paint);
                    }
                }
                Row::Cells(cells, paint) => {
                    let mut line = MARGIN.to_owned();
                    for (width, cell) in widths.iter().zip(cells).filter(|(w, _)| **w > 0) {
                        line.push_str(&" ".repeat(width - cell.width()));
                        line.push_str(cell);
                        line.push_str("  ");
                    }
                    for words in fold(&clean(&cells[self.columns - 1]), room) {
                        put(&format!("{line}{words}"), *paint);
                        line = " ".repeat(indent);
                    }
                }
            }
        }
        text
    }
}

/// A text that came from elsewhere without what could steer a terminal: control characters, and
/// the marks that turn the direction of what follows.
pub(super) fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut clean = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !turns(*c)) {
        clean.push(if c.is_control() { ' ' } else { c });
    }
    clean
}

/// A text in at most `room` columns, with `…` where something was left out.
pub(super) fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= room {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// A text filled up to `room` columns, or cut to them.
pub(super) fn fill(text: &str, room: usize) -> String {
    let text = cut(text, room);
    let blank = room.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(blank))
}

/// A sentence in lines of at most the look's width, each ended.
pub(super) fn wrap(text: &str, indent: &str, look: Look) -> String {
    let lines = fold(text, look.width.saturating_sub(indent.width()));
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

/// The words of a text; a figure and its unit are one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', '.', ';', ')']);
        match words.last_mut() {
            Some(figure) if UNITS.contains(&bare) && figure.ends_with(|c: char| c.is_ascii_digit()) => {
                figure.push(' ');
                figure.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// A word in pieces of at most `room` columns: what is left out of a path cannot be looked for.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in word.chars() {
        let last = pieces.len() - 1;
        if pieces[last].width() + c.width().unwrap_or(0) <= room {
            pieces[last].push(c);
        } else {
            pieces.push(c.to_string());
        }
    }
    pieces
}

/// A text in lines of at most `room` columns, broken between words where that is possible; at least one line, and at most
/// [`LINES`].
fn fold(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(text).iter().flat_map(|word| pieces(word, room)) {
        let word = &word;
        let last = lines.len() - 1;
        let used = lines[last].width();
        if used == 0 {
            lines[last] = cut(word, room);
        } else if used + 1 + word.width() <= room {
            lines[last].push(' ');
            lines[last].push_str(word);
        } else if lines.len() == LINES {
            lines[last] = cut(&format!("{} {word}", lines[last]), room);
            break;
        } else {
            lines.push(cut(word, room));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_look_and_nothing_steers_the_terminal() {
        let mut table = Table::new(&["A", "STEP"]);
        let long = "التعرف على الوجوه ".repeat(80);
        table.row(vec!["1".into(), long], Paint::Plain);
        table.row(vec!["22".into(), "\u{1b}[31mred\u{202e}\n".into()], Paint::Plain);
        table.note("界".repeat(400), Paint::Bad);
        let text = table.render(Look { color: false, width: 80 });
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert_eq!(text.matches('…').count(), 2, "what does not fit is cut, and seen to be: {text}");
    }

    #[test]
    fn a_path_that_does_not_fit_is_broken_and_what_to_do_is_still_read() {
        let reason = "not found; looked at /home/.cache/library.so.1.27.0 (make it); run `make it`";
        let lines = fold(reason, 16);
        assert_eq!(
            lines,
            ["not found;", "looked at", "/home/.cache/lib", "rary.so.1.27.0", "(make it); run", "`make it`"]
        );
        assert!(fold(&"way/".repeat(100), 16).last().is_some_and(|last| last.ends_with('…')), "a page is cut");
    }

    #[test]
    fn a_figure_is_not_parted_from_its_unit() {
        assert_eq!(fold("embed from 49.8 ms, match from 0.19 s", 17), ["embed from", "49.8 ms, match", "from 0.19 s"]);
        assert_eq!(fold("they share s and ms", 12), ["they share s", "and ms"], "these are no figures");
    }

    #[test]
    fn a_column_under_whose_head_nothing_stands_is_left_out() {
        let mut table = Table::new(&["TOOK", "CPU", "STEP"]);
        table.row(vec!["1 s".into(), String::new(), "x".into()], Paint::Plain);
        assert_eq!(table.render(Look::default()), "  TOOK  STEP\n   1 s  x\n");
        table.row(vec!["2 s".into(), "3 ms".into(), "y".into()], Paint::Plain);
        assert_eq!(table.render(Look::default()).lines().next(), Some("  TOOK   CPU  STEP"));
    }

    #[test]
    fn colour_only_when_it_is_asked_for() {
        let mut table = Table::new(&["A", "STEP"]);
        table.row(vec!["1".into(), "x".into()], Paint::Bad);
        assert!(!table.render(Look::default()).contains('\u{1b}'));
        assert!(table.render(Look { color: true, width: 100 }).contains("\u{1b}[31m"));
    }
}
