use std::collections::BTreeMap;
use std::path::Path;

use majlis_plugin_api::{Error, Observation, Result};
use majlis_templates::{misread, primary, told};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

/// What a plugin brings.
const SHIPPED: &str = include_str!("phrases.toml");

/// Languages whose voices misread what has no vowel signs.
const NEED_SIGNS: [&str; 8] = ["ar", "fa", "ur", "he", "ps", "ckb", "sd", "ug"];
/// Of these it is held that every word has some: the others write them on single words.
const VOCALISED: [&str; 1] = ["ar"];

/// The schema of a file of phrases, by which `majlis check` reads it.
pub(crate) fn schema() -> Schema {
    schema_for!(Phrases)
}

/// The closed list of tags, each with what is said of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phrases {
    /// What the model may say, in the order of preference.
    #[schemars(length(min = 1), extend("x-unique" = [["tag"]]))]
    #[serde(rename = "tag")]
    tags: Vec<Tag>,
}

/// A tag. Languages stand beside its name, by their BCP 47 tags.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-spoken" = { "keys": ["speak"], "vocalised": VOCALISED, "needed": NEED_SIGNS }))]
pub(crate) struct Tag {
    /// As the model says it: small Latin letters, digits and `-`.
    #[schemars(regex(pattern = "^[a-z0-9-]+$"))]
    tag: String,
    /// When the model is to say it.
    #[schemars(length(min = 1))]
    sees: String,
    #[serde(flatten)]
    said: BTreeMap<String, Said>,
}

/// A phrase in one language.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    /// For the eye.
    #[schemars(length(min = 1))]
    display: String,
    /// For the voice; the same where a language needs no vowel signs.
    #[serde(default)]
    speak: String,
}

impl Phrases {
    /// Those that are shipped, or those of an operator's file.
    ///
    /// # Errors
    /// The file cannot be read or has no phrases.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Self::parse(SHIPPED) };
        let wrong = |error: Error| Error::config("tags", format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.into()))?;
        Self::parse(&text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self> {
        let phrases: Self = toml::from_str(text)
            .map_err(|error| Error::new(told(text, error.span().map(|span| span.start), error.message())))?;
        for (at, tag) in phrases.tags.iter().enumerate() {
            let name = &tag.tag;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(Error::new(format!("`{name}` is no tag: write small Latin letters, digits and `-`")));
            }
            if phrases.tags[..at].iter().any(|before| before.tag == *name) {
                return Err(Error::new(format!("the tag `{name}` is there twice")));
            }
            for (language, said) in &tag.said {
                if said.display.trim().is_empty() {
                    return Err(Error::new(format!("the tag `{name}` has no `display` in `{language}`")));
                }
                if said.speak.is_empty() && needs_vowel_signs(language) {
                    let message =
                        format!("the tag `{name}` has no `speak` in `{language}`, whose voices need vowel signs");
                    return Err(Error::new(message));
                }
                let vocalised = is_among(language, &VOCALISED);
                if let Some(misread) = misread(&said.speak, vocalised).next() {
                    let message = misread.message(&format!("`speak` of the tag `{name}` in `{language}`"));
                    return Err(Error::new(format!("{message}; {}", misread.remedy())));
                }
            }
        }
        if phrases.tags.is_empty() {
            return Err(Error::new("there is no [[tag]] in it"));
        }
        Ok(phrases)
    }

    /// The names of all tags, in the order of preference.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| tag.tag.as_str())
    }

    /// The list as the model gets it.
    pub(crate) fn for_the_model(&self) -> String {
        self.tags.iter().map(|tag| format!("- {}: {}\n", tag.tag, tag.sees)).collect()
    }

    /// The place of a tag, if it is on the list.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.tags.iter().position(|tag| tag.tag == name)
    }

    /// The tag at a place.
    pub(crate) fn name(&self, place: usize) -> &str {
        &self.tags[place].tag
    }

    /// What is said of the tag at a place.
    pub(crate) fn said(&self, place: usize) -> Vec<Observation> {
        let said = self.tags[place].said.iter();
        said.map(|(language, said)| Observation {
            language: language.clone(),
            display: said.display.clone(),
            speak: if said.speak.is_empty() { said.display.clone() } else { said.speak.clone() },
        })
        .collect()
    }
}

/// Whether a language's voices misread what has no vowel signs.
pub(crate) fn needs_vowel_signs(language: &str) -> bool {
    is_among(language, &NEED_SIGNS)
}

fn is_among(language: &str, tags: &[&str]) -> bool {
    tags.iter().any(|tag| tag.eq_ignore_ascii_case(primary(language)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Phrases {
        Phrases::load(None).expect("they are whole")
    }

    #[test]
    fn every_tag_has_a_phrase_in_both_languages() {
        let phrases = shipped();
        for place in 0..phrases.names().count() {
            let languages: Vec<String> = phrases.said(place).into_iter().map(|said| said.language).collect();
            assert_eq!(languages, ["ar", "en"], "{}", phrases.name(place));
        }
    }

    /// The signs that a letter may carry.
    fn is_sign(c: char) -> bool {
        ('\u{064b}'..='\u{0652}').contains(&c) || c == '\u{0670}'
    }

    /// The first letter without a sign that needs one.
    fn bare(text: &str) -> Option<String> {
        for word in text.split(|c: char| !(is_sign(c) || ('\u{0621}'..='\u{064a}').contains(&c))) {
            let letters: Vec<char> = word.chars().collect();
            for (at, &letter) in letters.iter().enumerate() {
                if is_sign(letter) || letters.get(at + 1).is_some_and(|&after| is_sign(after)) {
                    continue;
                }
                // The signs of the letter before: a doubled one carries two, in either order.
                let after = |sign: char| letters[..at].iter().rev().take_while(|&&c| is_sign(c)).any(|&c| c == sign);
                let is_fine = match letter {
                    // Long a, the hamza of wasl, a with madda, and the alif behind a plural's long u.
                    'ا' | 'ى' | 'آ' => true,
                    'و' => after('\u{064f}'),
                    'ي' => after('\u{0650}'),
                    // The article's l before a letter that takes its place.
                    'ل' => letters.iter().skip(at + 2).take_while(|&&c| is_sign(c)).any(|&c| c == '\u{0651}'),
                    _ => false,
                };
                if !is_fine {
                    return Some(format!("`{letter}` in {word}"));
                }
            }
        }
        None
    }

    #[test]
    fn every_arabic_letter_for_the_voice_carries_its_sign() {
        let phrases = shipped();
        for place in 0..phrases.names().count() {
            for said in phrases.said(place).iter().filter(|said| said.language == "ar") {
                assert_eq!(bare(&said.speak), None, "{}: {}", phrases.name(place), said.speak);
                assert!(!said.speak.chars().any(|c| c.is_numeric()), "{}", said.speak);
            }
        }
        assert!(bare("شكرا عَلَى").is_some(), "the test knows a bare letter");
    }

    #[test]
    fn the_signs_are_all_that_tells_the_voices_text_from_the_eyes() {
        let skeleton = |text: &str| -> String {
            let kept =
                text.chars().filter(|&c| !is_sign(c)).map(|c| if matches!(c, 'أ' | 'إ' | 'آ') { 'ا' } else { c });
            kept.collect()
        };
        let phrases = shipped();
        for place in 0..phrases.names().count() {
            for said in phrases.said(place).iter().filter(|said| said.language == "ar") {
                assert_eq!(skeleton(&said.speak), skeleton(&said.display), "{}", phrases.name(place));
            }
        }
    }

    #[test]
    fn a_file_that_a_voice_could_not_read_is_refused() {
        for (text, told) in [
            ("", "tag"),
            ("tag = []", "no [[tag]]"),
            ("[[tag]]\ntag = 'Flowers'\nsees = 'x'", "`Flowers`"),
            ("[[tag]]\ntag = 'a'\nsees = 'x'\n[[tag]]\ntag = 'a'\nsees = 'x'", "twice"),
            ("[[tag]]\ntag = 'a'\nsees = 'x'\nar = { display = 'زهور' }", "vowel signs"),
            ("[[tag]]\ntag = 'a'\nsees = 'x'\nar = { display = 'زهور', speak = 'زهور' }", "no vowel marks"),
            ("[[tag]]\ntag = 'a'\nsees = 'x'\nen = { display = 'Hall 5', speak = 'Hall 5' }", "has digits"),
            ("[[tag]]\ntag = 'a'\nsees = 'x'\nen = { display = ' ' }", "`display`"),
            ("[[tag]]\ntag = 'a'\nsees = 5", "line 3, column 8: invalid type"),
        ] {
            let refused = Phrases::parse(text).expect_err(text);
            assert!(refused.to_string().contains(told), "{text:?}: {refused}");
        }
    }
}
