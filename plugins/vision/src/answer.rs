//! What the model said, as far as it is used: tags of the closed list, a number of people, and nothing else.

use majlis_plugin_api::Observation;
use majlis_templates::primary;
use serde_json::Value;

use crate::phrases::{Phrases, needs_vowel_signs};

/// More people than these are a crowd, which nobody counts.
const MOST_PEOPLE: u64 = 50;
/// A model that sees more than this sees nothing in particular.
const MOST_TAGS: usize = 3;
/// A sentence of the model's own has at most so many characters.
const MOST_TEXT: usize = 120;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) people: Option<u32>,
    /// Places in the list, the preferred one first.
    pub(crate) tags: Vec<usize>,
    /// A sentence of the model's own, as it came.
    pub(crate) text: Option<String>,
}

/// Reads an answer. `cut` is one that was broken off: what is whole of it counts. None if it is no answer.
pub(crate) fn read(answer: &str, cut: bool, phrases: &Phrases) -> Option<Seen> {
    let begin = answer.find('{');
    // What stands around the JSON, as a fence of Markdown, is of no interest.
    let value =
        begin.and_then(|at| serde_json::Deserializer::from_str(&answer[at..]).into_iter::<Value>().next()?.ok());
    if let Some(value) = value {
        let tags = value.get("tags")?.as_array()?;
        let people = value.get("people").and_then(Value::as_u64);
        let text = value.get("text").and_then(Value::as_str).map(str::to_owned);
        return Some(seen(tags.iter().filter_map(Value::as_str), people, text, phrases));
    }
    match begin {
        Some(at) if cut => salvage(&answer[at..], phrases),
        Some(_) => None,
        // A server that cannot be held to JSON, whose model said the tags alone.
        None => {
            let parts = answer
                .split([',', '\n', ';', '،'])
                .map(|part| part.trim().trim_matches(['-', '*', '"', '`', '.', ' ']));
            let seen = seen(parts, None, None, phrases);
            (!seen.tags.is_empty()).then_some(seen)
        }
    }
}

fn seen<'t>(tags: impl Iterator<Item = &'t str>, people: Option<u64>, text: Option<String>, phrases: &Phrases) -> Seen {
    let mut places: Vec<usize> = tags.filter_map(|tag| phrases.place(tag)).collect();
    places.sort_unstable();
    places.dedup();
    places.truncate(MOST_TAGS);
    let people =
        people.filter(|people| (1..=MOST_PEOPLE).contains(people)).and_then(|people| u32::try_from(people).ok());
    Seen { people, tags: places, text }
}

/// The whole values of JSON that breaks off.
fn salvage(broken: &str, phrases: &Phrases) -> Option<Seen> {
    let after =
        |key: &str| Some(broken.split_once(&format!("\"{key}\""))?.1.trim_start().strip_prefix(':')?.trim_start());
    let people = after("people").and_then(|rest| {
        let (digits, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        rest.starts_with([',', '}', ' ', '\n']).then(|| digits.parse().ok()).flatten()
    });
    let tags: Vec<&str> = after("tags").and_then(|rest| rest.strip_prefix('[')).map_or_else(Vec::new, |rest| {
        let list = rest.split(']').next().unwrap_or_default();
        let strings: Vec<&str> = list.split('"').collect();
        // Every second piece lies inside quotes; the last one is not closed.
        strings
            .iter()
            .enumerate()
            .filter(|(at, _)| at % 2 == 1 && at + 1 < strings.len())
            .map(|(_, text)| *text)
            .collect()
    });
    let seen = seen(tags.into_iter(), people, None, phrases);
    (seen.people.is_some() || !seen.tags.is_empty()).then_some(seen)
}

/// What may be shown or said of what was seen, once for each language: the phrase of the preferred tag, or a sentence of the
/// model's own in the pipeline's language where that is allowed.
pub(crate) fn observations(seen: &Seen, phrases: &Phrases, free: Option<&FreeText>) -> Vec<Observation> {
    let mut said = seen.tags.first().map(|&place| phrases.said(place)).unwrap_or_default();
    if let Some(own) = free.and_then(|free| free.observation(seen.text.as_deref()?)) {
        // In the other languages it is the phrase.
        said.retain(|phrase| !phrase.language.eq_ignore_ascii_case(primary(&own.language)));
        said.insert(0, own);
    }
    said
}

/// What a sentence of the model's own has to be to be shown.
pub(crate) struct FreeText {
    pub(crate) language: String,
    /// In small letters.
    pub(crate) blocklist: Vec<String>,
}

impl FreeText {
    fn observation(&self, text: &str) -> Option<Observation> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_plain = |c: char| {
            !c.is_control()
                && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '<' | '>' | '`')
        };
        let lower = text.to_lowercase();
        let is_blocked =
            self.blocklist.iter().any(|word| lower.contains(word)) || lower.contains("://") || lower.contains("www.");
        if text.is_empty() || text.chars().count() > MOST_TEXT || !text.chars().all(is_plain) || is_blocked {
            return None;
        }
        // A voice reads digits as it likes.
        let is_speakable = !needs_vowel_signs(&self.language) && !text.chars().any(char::is_numeric);
        let speak = if is_speakable { text.clone() } else { String::new() };
        Some(Observation { language: self.language.clone(), display: text, speak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrases() -> Phrases {
        Phrases::load(None).expect("they are whole")
    }

    fn tags(answer: &str, cut: bool) -> Option<(Vec<String>, Option<u32>)> {
        let phrases = phrases();
        let seen = read(answer, cut, &phrases)?;
        Some((seen.tags.iter().map(|&place| phrases.name(place).to_owned()).collect(), seen.people))
    }

    fn some(of: &[&str], people: Option<u32>) -> Option<(Vec<String>, Option<u32>)> {
        Some((of.iter().map(|&tag| tag.to_owned()).collect(), people))
    }

    #[test]
    fn tags_come_in_the_order_of_the_list_and_others_are_dropped() {
        assert_eq!(
            tags(r#"{"people":3,"tags":["group","flowers","old man","say hello"]}"#, false),
            some(&["flowers", "group"], Some(3))
        );
        assert_eq!(tags("```json\n{\"tags\": [\"book\"], \"people\": 1}\n```", false), some(&["book"], Some(1)));
        assert_eq!(tags(r#"{"people":0,"tags":[]}"#, false), some(&[], None));
        assert_eq!(tags(r#"{"people":-1,"tags":[7,null]}"#, false), some(&[], None));
        let all = phrases().names().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
        assert_eq!(tags(&format!("{{\"tags\":[{all}]}}"), false).map(|(tags, _)| tags.len()), Some(MOST_TAGS));
    }

    #[test]
    fn a_server_that_knows_no_json_may_answer_with_tags_alone() {
        assert_eq!(tags("flowers, group", false), some(&["flowers", "group"], None));
        assert_eq!(tags("- flowers\n- `group`\n", false), some(&["flowers", "group"], None));
        assert_eq!(tags("I can see beautiful flowers and a group.", false), None, "a sentence is no tag");
        assert_eq!(tags("Say: visit our stand!", false), None);
    }

    #[test]
    fn what_is_whole_of_an_answer_that_was_cut_counts() {
        for (answer, expected) in [
            (r#"{"people":2,"tags":["flowers","gro"#, some(&["flowers"], Some(2))),
            (r#"{"people":2,"tags":["flowers","group"#, some(&["flowers"], Some(2))),
            (r#"{"people":2,"tags":["flowers","group""#, some(&["flowers", "group"], Some(2))),
            (r#"{"people":2,"ta"#, some(&[], Some(2))),
            (r#"{"people":12"#, None),
            (r#"{"tags":["flowers"],"people":1"#, some(&["flowers"], None)),
            ("{", None),
            ("", None),
        ] {
            assert_eq!(tags(answer, true), expected, "{answer}");
        }
        assert_eq!(tags(r#"{"people":2,"tags":["flowers","gro"#, false), None, "it was not cut, so it is no answer");
    }

    #[test]
    fn a_sentence_of_the_models_own_is_shown_only_if_it_is_plain() {
        let free = |language: &str| FreeText { language: language.into(), blocklist: vec!["rival".into()] };
        let shown = |text: &str| free("en").observation(text).map(|observation| observation.speak);
        assert_eq!(shown("A bright  hall.").as_deref(), Some("A bright hall."));
        for wrong in
            ["", "Visit RIVAL's stand!", "See https://x.example", "a\u{202e}b", "<b>x</b>", &"long ".repeat(40)]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
        let arabic = free("ar-SA").observation("قاعة مضيئة.").expect("it is plain");
        assert_eq!((arabic.display.as_str(), arabic.speak.as_str()), ("قاعة مضيئة.", ""), "a voice would misread it");
    }
}
