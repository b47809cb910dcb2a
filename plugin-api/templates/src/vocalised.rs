/// The first word of a text in Arabic letters that has no vowel mark at all. One letter may stand alone: it is a particle.
#[must_use]
pub fn unvocalised(text: &str) -> Option<&str> {
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
    use super::unvocalised;

    #[test]
    fn the_word_without_marks_is_found() {
        assert_eq!(unvocalised("أَهْلًا وسهلا بِكُمْ"), Some("وسهلا"));
        assert_eq!(unvocalised("أَهْلًا، وَ سَهْلًا."), None);
        assert_eq!(unvocalised("welcome"), None);
    }
}
