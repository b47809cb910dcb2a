/// Why a voice would say a text otherwise than it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misread<'t> {
    /// It has digits.
    Digits,
    /// This word has no vowel mark.
    Unvocalised(&'t str),
}

impl Misread<'_> {
    /// One sentence about the text, which is called `place`.
    #[must_use]
    pub fn message(&self, place: &str) -> String {
        match self {
            Self::Digits => format!("{place} has digits, which each voice reads in its own way"),
            Self::Unvocalised(word) => {
                format!("in {place} the word `{word}` has no vowel marks, and a voice misreads it")
            }
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Digits => "write the number in words",
            Self::Unvocalised(_) => "write the marks on every letter",
        }
    }
}

/// All that a voice would misread in a text that it is given. `vocalised`: the text is in a language that needs its vowel marks.
pub fn misread(text: &str, vocalised: bool) -> impl Iterator<Item = Misread<'_>> {
    let digits = text.contains(char::is_numeric).then_some(Misread::Digits);
    let word = if vocalised { unvocalised(text).map(Misread::Unvocalised) } else { None };
    digits.into_iter().chain(word)
}

/// The first word of a text in Arabic letters that has no vowel mark at all. One letter may stand alone: it is a particle.
fn unvocalised(text: &str) -> Option<&str> {
    text.split(|letter: char| !(is_letter(letter) || is_mark(letter)))
        .find(|word| word.chars().filter(|&letter| is_letter(letter)).count() > 1 && !word.chars().any(is_mark))
}

fn is_letter(letter: char) -> bool {
    matches!(letter, '\u{0621}'..='\u{064a}' | '\u{0671}'..='\u{06d3}')
}

fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{064b}'..='\u{0652}' | '\u{0670}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_without_marks_is_found() {
        assert_eq!(unvocalised("أَهْلًا وسهلا بِكُمْ"), Some("وسهلا"));
        assert_eq!(unvocalised("أَهْلًا، وَ سَهْلًا."), None);
        assert_eq!(unvocalised("welcome"), None);
    }

    #[test]
    fn what_a_voice_misreads_depends_on_its_language() {
        let of = |text, vocalised| misread(text, vocalised).collect::<Vec<_>>();
        assert_eq!(of("في ٢٠٢٧", true), [Misread::Digits, Misread::Unvocalised("في")]);
        assert_eq!(of("خوش آمدید", false), []);
        assert_eq!(of("Hall 5", false), [Misread::Digits]);
    }
}
