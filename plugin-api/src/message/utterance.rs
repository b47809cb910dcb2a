use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What is said to a visitor: one text for the eye and one for the voice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// By this number whoever shows or plays it tells what became of it ([`Delivered`](crate::Delivered)); unique in the run
    /// of the stage that composed it. 0: nobody wants to know.
    #[serde(default)]
    pub number: u64,
    /// For the eye.
    pub display: String,
    /// For the voice: fully vocalised Arabic, without emoji, tatweel, Markdown or bidi controls.
    pub speak: String,
    /// For a voice that may not say who is there: the same without anybody's name. Empty: `speak` names nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub speak_nameless: String,
    /// How `speak` begins, up to a pause and before any name: what others hear too, so that a voice may have it at hand. Empty:
    /// `speak` names nobody, or begins with a name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub opening: String,
    /// A BCP 47 tag.
    pub language: String,
    /// What it is for.
    pub kind: UtteranceKind,
    /// The templates that `speak` was made of, in order, with a space between two: `salutation guest`. Empty: it was made of none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// Ids of the people who are named, as the gallery and the store's subjects have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Countries (ISO 3166-1 alpha-2) in which a service may be sent the names: everybody who is named agreed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names_sent_to: Vec<String>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What an utterance is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UtteranceKind {
    /// A greeting by name.
    Named,
    /// A greeting for a guest.
    Guest,
    /// Something that was seen, said after the greeting.
    Remark,
    /// Anything else.
    #[default]
    Other,
}

impl Utterance {
    /// The same text for eye and voice.
    #[must_use]
    pub fn plain(text: &str, language: &str) -> Self {
        Self { display: text.to_owned(), speak: text.to_owned(), language: language.to_owned(), ..Self::default() }
    }

    /// The text for a voice that sends it to a service in this country (ISO 3166-1 alpha-2): without names where not everybody
    /// agreed.
    #[must_use]
    pub fn speak_in(&self, country: &str) -> &str {
        let agreed = self.names_sent_to.iter().any(|allowed| allowed.eq_ignore_ascii_case(country));
        if self.speak_nameless.is_empty() || agreed { &self.speak } else { &self.speak_nameless }
    }
}

cbor_message!(Utterance, "majlis/utterance@1");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_only_to_countries_that_everybody_agreed_to() {
        let mut named =
            Utterance { speak: "welcome, Sara".into(), speak_nameless: "welcome".into(), ..Utterance::default() };
        assert_eq!(named.speak_in("US"), "welcome");
        named.names_sent_to = vec!["SA".into()];
        assert_eq!((named.speak_in("US"), named.speak_in("sa")), ("welcome", "welcome, Sara"));
        assert_eq!(Utterance::plain("welcome", "en").speak_in("US"), "welcome");
    }
}
