//! What was probably meant, and how a user's own text is quoted back.

/// The candidate closest to `word`, if it is close enough to be a slip of the hand: a third of the letters, at least one.
/// Letters swapped count as one slip. Case is ignored, so that `Latest` finds `latest`.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let slips = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (slips, candidate)
        })
        .filter(|(slips, candidate)| {
            let letters = word.chars().count().max(candidate.chars().count());
            *slips <= (letters / 3).max(1)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// "a `x` exists" style hint for a name that is not among `candidates`: the nearest one, otherwise all of them.
/// `what` is the plural noun, `one` the singular with its article.
pub(crate) fn hint_for(word: &str, one: &str, what: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("{one} {} exists", shown(near)),
        None if candidates.is_empty() => format!("there are no {what}"),
        None => format!("the {what} are {}", listed(candidates)),
    }
}

/// "`a`, `b` and `c`".
pub(crate) fn listed(words: &[&str]) -> String {
    enumerated(words, "and")
}

/// "`a`, `b` or `c`".
pub(crate) fn either(words: &[&str]) -> String {
    enumerated(words, "or")
}

/// Sixteen at most, then a count.
fn enumerated(words: &[&str], joint: &str) -> String {
    const MOST: usize = 16;
    let more = words.len().saturating_sub(MOST);
    let mut words: Vec<String> = words.iter().take(MOST).map(|word| shown(word)).collect();
    if more > 0 {
        return format!("{} and {more} more", words.join(", "));
    }
    match words.pop() {
        None => "none".to_owned(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} {joint} {last}", words.join(", ")),
    }
}

/// A user's text between back quotes, cut at 60 characters, with everything escaped that could change how a terminal shows
/// the line around it.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut quoted = String::from("`");
    for (count, letter) in text.chars().enumerate() {
        if count == MOST {
            quoted.push('…');
            break;
        }
        if letter.is_control() || is_bidi_control(letter) {
            quoted.extend(letter.escape_unicode());
        } else {
            quoted.push(letter);
        }
    }
    quoted.push('`');
    quoted
}

/// Characters that turn the direction of the text around them: embeddings, overrides, isolates and the three marks.
pub(crate) fn is_bidi_control(letter: char) -> bool {
    matches!(letter, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_different_word_is_not() {
        assert_eq!(nearest("camrea", ["camera", "faces"]), Some("camera"));
        assert_eq!(nearest("Latest", ["latest", "block"]), Some("latest"));
        assert_eq!(nearest("greeting", ["camera", "faces"]), None);
    }

    #[test]
    fn quoted_text_cannot_turn_the_line_around_it() {
        assert_eq!(shown("a\u{202e}b\n"), "`a\\u{202e}b\\u{a}`");
        assert_eq!(shown("قاعة"), "`قاعة`");
        assert_eq!(shown(&"x".repeat(80)).chars().count(), 63);
    }
}
