use std::ops::Range;

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, counted as they were given.
    pub file: usize,
    /// The place in its text, in bytes.
    pub span: Range<usize>,
    /// One sentence in an operator's words.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Line and column of a byte, both from 1; the column in characters.
#[must_use]
pub fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

/// Faults of one file.
pub(crate) struct Faults<'t> {
    pub(crate) file: usize,
    pub(crate) text: &'t str,
    pub(crate) list: Vec<Fault>,
}

impl Faults<'_> {
    /// A fault at a part of the text, which is a slice of it.
    pub(crate) fn at(&mut self, part: &str, message: impl Into<String>, hint: impl Into<String>) {
        // The tree borrows from the text: where a part begins is the distance of the two addresses.
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let end = (start + part.len()).min(self.text.len());
        self.span(start..end, message, hint);
    }

    pub(crate) fn span(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        let fault = Fault { file: self.file, span, message: message.into(), hint: hint.into() };
        // A variable that stands in each variant is told at each place, and at none twice.
        if !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }
}

/// Words in backticks with commas, for a hint.
pub(crate) fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a\nأهلا = b";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find('=').unwrap()), (2, 6));
        assert_eq!(place(text, text.len()), (2, 9));
    }
}
