//! What is left out of texts for the eye and for the voice.

/// First strong isolate: the name's own direction, without touching the text around it.
const ISOLATE: char = '\u{2068}';
const POP_ISOLATE: char = '\u{2069}';
const TATWEEL: char = '\u{0640}';

/// A name as it may be shown, or nothing if it is empty. It is refused when it could turn the text around it.
///
/// # Errors
/// It holds embeddings, overrides or isolates (U+202A to U+202E, U+2066 to U+2069).
pub(crate) fn name(typed: &str) -> Result<Option<String>, Refused> {
    if typed.contains(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(Refused);
    }
    let name: String = typed.chars().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// A name that holds bidi control characters.
pub(crate) struct Refused;

/// A name inside a text for the eye.
pub(crate) fn isolated(name: &str) -> String {
    format!("{ISOLATE}{name}{POP_ISOLATE}")
}

/// A name as it is said before a pause: the short vowel of its end falls.
pub(crate) fn pausal(name: &str) -> String {
    name.trim_end_matches(['\u{064c}', '\u{064d}', '\u{064e}', '\u{064f}', '\u{0650}']).to_owned()
}

/// Whether a text is in Arabic letters, by its first letter.
pub(crate) fn is_arabic(text: &str) -> bool {
    let first = text.chars().find(|letter| letter.is_alphabetic());
    first.is_some_and(|letter| matches!(letter, '\u{0600}'..='\u{06ff}' | '\u{0750}'..='\u{077f}'))
}

/// A text as a voice should get it: it would read emoji and Markdown aloud.
pub(crate) fn speakable(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| if matches!(c, '_' | '\n' | '\t') { ' ' } else { c })
        .filter(|&c| !(c.is_control() || c == TATWEEL || is_bidi_control(c) || is_markdown(c) || is_emoji(c)))
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_markdown(c: char) -> bool {
    matches!(c, '*' | '`' | '#' | '~' | '>' | '<' | '[' | ']' | '|')
}

fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{200d}' | '\u{20e3}' | '\u{fe0e}' | '\u{fe0f}'      // joiner, keycap, variation selectors
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'    // arrows, technical
        | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'    // symbols, dingbats
        | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_gets_neither_emoji_nor_marks_nor_controls() {
        for (text, spoken) in [
            ("**أهـــلاً** \u{2068}سارة\u{2069} 👋🏽!", "أهلاً سارة !"),
            ("# Welcome_to `us` 👨‍👩‍👧 1\u{fe0f}\u{20e3}", "Welcome to us 1"),
            ("line\none\u{200f}\u{1b}[2J", "line one2J"),
            ("أَهْلًا وَسَهْلًا", "أَهْلًا وَسَهْلًا"),
        ] {
            assert_eq!(speakable(text), spoken);
        }
    }

    #[test]
    fn a_name_that_was_stored_with_its_ending_is_said_as_before_a_pause() {
        for (typed, said) in [("مُحَمَّدٌ", "مُحَمَّد"), ("سَارَةُ", "سَارَة"), ("عَلِيٌّ", "عَلِيٌّ"), ("لَيْلَى", "لَيْلَى")]
        {
            assert_eq!(pausal(typed), said);
        }
    }

    #[test]
    fn a_name_that_turns_text_around_is_refused() {
        for wrong in ["\u{202e}evil", "a\u{2066}b", "c\u{2069}"] {
            assert!(name(wrong).is_err(), "{wrong:?} was taken");
        }
        assert_eq!(name(" Sara\u{7} ").ok().flatten().as_deref(), Some("Sara"));
        assert_eq!(name(" \n").ok(), Some(None));
    }
}
