//! When each phoneme is heard. The program does not say it for Arabic, so it is estimated.
//!
//! A clause lies between two pauses of the sound. In it, words are as long as they are when the same text is said with pauses
//! between its words; and in a word, phonemes are as long as their kind is on average. Spread over the clause by their kinds
//! alone, the ends of words of twenty greetings were up to 206 ms off; so those of 56, all that the greeting says among them, are up to 104.

use std::ops::Range;

use majlis_voice::{Phoneme, Phonemes};

use crate::loudness::Loudness;
use crate::symbols::Word;

/// A silence that is longer than this, where there are pauses between words, is one of them and not a stop's.
const WORD_PAUSE_MS: f64 = 150.0;

/// Before a pause a word is said a little slower than before another word: so much of its length is left there. Over 495 words of 56
/// greetings the ends of words are then as often late as early.
const BEFORE_ANOTHER: f64 = 0.95;

/// How long a stop is silent, about.
const CLOSURE_MS: f64 = 50.0;
const STOPS: [char; 8] = ['b', 'd', 'k', 'p', 'q', 't', 'ɡ', 'ʔ'];

/// The phonemes of these clauses in this sound; `apart` is the same with pauses between its words.
pub(crate) fn phonemes(clauses: &[Vec<Word>], whole: &Loudness, apart: Option<&Loudness>) -> Phonemes {
    let count = clauses.iter().map(Vec::len).sum::<usize>();
    let parts = apart.map(|apart| apart.parts_between(WORD_PAUSE_MS));
    let lengths: Vec<f64> = match parts {
        Some(parts) if parts.len() == count => {
            let in_place =
                clauses.iter().flat_map(|words| words.iter().enumerate().map(|(at, word)| (at, word, words.len())));
            let length = |(part, (at, word, count)): (&Range<f64>, (usize, &Word, usize))| {
                let apart = part.end - part.start + closure((at, word));
                if at + 1 < count { apart * BEFORE_ANOTHER } else { apart }
            };
            parts.iter().zip(in_place).map(length).collect()
        }
        // Another number of words is heard than was written: then nobody knows which is which.
        _ => clauses.iter().flatten().map(weight).collect(),
    };
    let mut phonemes = Vec::new();
    match whole.parts(clauses.len()) {
        Some(parts) => {
            let mut first = 0;
            for (words, part) in clauses.iter().zip(parts) {
                let words: Vec<&Word> = words.iter().collect();
                spread(&words, &lengths[first..first + words.len()], part, first, &mut phonemes);
                first += words.len();
            }
        }
        None => {
            let words: Vec<&Word> = clauses.iter().flatten().collect();
            let part = whole.parts(1).and_then(|parts| parts.into_iter().next()).unwrap_or(0.0..0.0);
            spread(&words, &lengths, part, 0, &mut phonemes);
        }
    }
    Phonemes { alphabet: "ipa".into(), estimated: true, phonemes }
}

/// Spreads words of these lengths over a part of the sound; the first of them has this number.
fn spread(words: &[&Word], lengths: &[f64], part: Range<f64>, first: usize, into: &mut Vec<Phoneme>) {
    let scale = (part.end - part.start) / lengths.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let mut start = part.start;
    for (number, (word, length)) in words.iter().zip(lengths).enumerate() {
        let scale = length * scale / weight(word).max(f64::MIN_POSITIVE);
        for symbol in *word {
            let end = start + symbol.weight * scale;
            let word = u32::try_from(first + number).unwrap_or(u32::MAX);
            into.push(Phoneme { symbol: symbol.symbol.clone(), start_ms: start, end_ms: end, word });
            start = end;
        }
    }
}

/// The silence of a stop at the beginning of a word, which is lost in the pause before it.
fn closure((place, word): (usize, &Word)) -> f64 {
    let stopped = word.first().is_some_and(|symbol| symbol.symbol.starts_with(STOPS));
    if place > 0 && stopped { CLOSURE_MS } else { 0.0 }
}

fn weight(word: &Word) -> f64 {
    word.iter().map(|symbol| symbol.weight).sum()
}
