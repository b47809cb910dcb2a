/// A phoneme as the program writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Symbol {
    /// Without marks of stress.
    pub(crate) symbol: String,
    /// How long it is beside the others of its word.
    pub(crate) weight: f64,
}

/// Phonemes of a word.
pub(crate) type Word = Vec<Symbol>;

/// Clauses, as the program pauses between them: words of phonemes.
pub(crate) fn read(text: &str) -> Vec<Vec<Word>> {
    let clause =
        |line: &str| -> Vec<Word> { line.split_whitespace().map(word).filter(|word| !word.is_empty()).collect() };
    text.lines().map(without_voices).map(|line| clause(&line)).filter(|words| !words.is_empty()).collect()
}

fn word(text: &str) -> Word {
    text.split('_').filter_map(symbol).collect()
}

/// `ˈaː` is a long vowel with stress; a part may be of marks alone.
fn symbol(text: &str) -> Option<Symbol> {
    let stressed = text.contains('ˈ');
    let symbol: String = text.chars().filter(|c| !matches!(c, 'ˈ' | 'ˌ' | '.' | '-' | '|' | '\'')).collect();
    let first = symbol.chars().next()?;
    let weight = match (is_vowel(first), is_long(&symbol), stressed) {
        (true, true, true) => 200.0,
        (true, true, false) => 130.0,
        (true, false, true) => 100.0,
        (true, false, false) => 80.0,
        _ => consonant(first),
    };
    Some(Symbol { symbol, weight })
}

/// Means of milliseconds at 150 words a minute, over ten Arabic and five English greetings.
fn consonant(first: char) -> f64 {
    match first {
        'ʔ' => 20.0,
        'b' | 'd' | 'k' | 'l' | 'p' | 't' | 'ɡ' | 'q' | 'ð' | 'ɹ' => 55.0,
        'm' | 'n' | 'r' | 'w' | 'ŋ' | 'ʃ' => 100.0,
        'ʕ' | 'χ' | 'x' => 120.0,
        'ħ' => 170.0,
        _ => 80.0,
    }
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'ɑ' | 'ɐ' | 'ɒ' | 'æ' | 'ɛ' | 'ɜ' | 'ə' | 'ɪ' | 'ɔ' | 'ʊ' | 'ʌ')
}

fn is_long(symbol: &str) -> bool {
    symbol.contains('ː') || symbol.chars().filter(|c| is_vowel(*c)).count() > 1
}

/// `(en)dʒˈɒn(ar)`: where the program changes its voice, it says so.
fn without_voices(line: &str) -> String {
    let mut rest = line;
    let mut kept = String::with_capacity(line.len());
    while let Some((before, after)) = rest.split_once('(') {
        kept.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phonemes_are_read_without_stress_and_changes_of_voice() {
        let clauses = read("j_ˈaː (en)_dʒ_ˈɒ_n_(ar)\n\n dˤ_ˈa._i._f\n");
        let symbols: Vec<Vec<Vec<&str>>> = clauses
            .iter()
            .map(|words| words.iter().map(|word| word.iter().map(|s| s.symbol.as_str()).collect()).collect())
            .collect();
        assert_eq!(symbols, [vec![vec!["j", "aː"], vec!["dʒ", "ɒ", "n"]], vec![vec!["dˤ", "a", "i", "f"]]]);
        assert!(clauses[0][0][1].weight > clauses[1][0][1].weight, "a long vowel is longer");
    }
}
