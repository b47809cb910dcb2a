//! What is said of a person who is to be enrolled, wherever it is said, and what must not be missing.

use majlis_plugin_api::{Error, Result};
use majlis_templates::{Misread, misread};

use crate::announce::Announce;
use crate::consent::{Consent, Timestamp, end_of_day};
use crate::person::{Names, Person};

/// A table that describes a person: the keys that are the same wherever people are described, and its own before them.
/// A table that denies unknown keys cannot be flattened into another one, so the keys are written out by this.
macro_rules! described {
    ($(#[$about:meta])* $vis:vis struct $name:ident { announce = $announce:expr; $($own:tt)* }) => {
        #[derive(Clone, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$about])*
        $vis struct $name {
            $($own)*
            /// The name in Arabic script.
            #[serde(default)]
            name_ar: String,
            /// The vocalised name, as it is to be spoken.
            #[serde(default)]
            name_speak: String,
            /// The name in Latin script.
            #[serde(default)]
            name_latin: String,
            /// A title that goes before the name or stands for it.
            #[serde(default)]
            title: String,
            /// `female` or `male`, for grammar.
            #[serde(default)]
            #[schemars(extend("enum" = ["", "female", "male"]))]
            gender: String,
            /// The language that the person wants to be greeted in, like `ar-SA`. Without it: the pipeline's.
            #[serde(default)]
            language: String,
            /// How the person agreed to be announced aloud: by `name` (or true), by `title`, or not at all: `none` (or false).
            #[serde(default = $announce)]
            announce: $crate::announce::Announce,
            /// Countries (ISO 3166-1, two letters) in which a service may be sent the name.
            #[serde(default)]
            name_sent_to: Vec<String>,
            /// The last day on which the consent holds, like `2026-12-31` (UTC). Without it: until it is taken back.
            #[serde(default)]
            until: Option<String>,
            /// Who gave the consent, in words. Without it: the person.
            #[serde(default)]
            given_by: String,
            /// The person is a minor: then `guardian` says who agreed.
            #[serde(default)]
            minor: bool,
            /// The guardian who agreed for a minor.
            #[serde(default)]
            guardian: String,
            /// Who is greeted first where several stand together: 1 before 2. Without it: after all others.
            #[serde(default)]
            precedence: Option<u32>,
            /// For the people at the desk; it goes nowhere else.
            #[serde(default)]
            notes: String,
        }

        impl $name {
            /// What it says of the person, unchecked.
            fn described<'a>(
                &'a self,
                id: &'a str,
                consent: &'a str,
                given: $crate::consent::Timestamp,
            ) -> $crate::applicant::Applicant<'a> {
                $crate::applicant::Applicant {
                    id,
                    consent,
                    given,
                    names: $crate::person::Names {
                        arabic: self.name_ar.clone(),
                        spoken: self.name_speak.clone(),
                        latin: self.name_latin.clone(),
                    },
                    title: &self.title,
                    gender: &self.gender,
                    language: &self.language,
                    announce: self.announce,
                    name_sent_to: &self.name_sent_to,
                    until: self.until.as_deref(),
                    given_by: &self.given_by,
                    minor: self.minor,
                    guardian: &self.guardian,
                    precedence: self.precedence,
                    notes: &self.notes,
                }
            }
        }

        // Not derived: a name must not get into a log by way of `{:?}`.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use described;

/// A person as an operator describes one, unchecked.
#[derive(Clone)]
pub(crate) struct Applicant<'a> {
    pub(crate) id: &'a str,
    pub(crate) names: Names,
    pub(crate) title: &'a str,
    pub(crate) gender: &'a str,
    pub(crate) language: &'a str,
    pub(crate) announce: Announce,
    pub(crate) name_sent_to: &'a [String],
    /// The text that was agreed to.
    pub(crate) consent: &'a str,
    /// When consent was given.
    pub(crate) given: Timestamp,
    pub(crate) until: Option<&'a str>,
    pub(crate) given_by: &'a str,
    pub(crate) minor: bool,
    pub(crate) guardian: &'a str,
    pub(crate) precedence: Option<u32>,
    pub(crate) notes: &'a str,
}

impl Applicant<'_> {
    /// The person who agreed. The path of an error is the key that is wrong, by the name that it has wherever people are
    /// described.
    pub(crate) fn person(&self) -> Result<Person> {
        if self.consent.trim().is_empty() {
            return Err(Error::config("consent", "nobody is enrolled without consent: say what the person agreed to"));
        }
        if self.minor && self.guardian.trim().is_empty() {
            return Err(Error::config("guardian", "for a minor a guardian agrees: say who"));
        }
        let mut person = self.inactive()?;
        person.consent.recognise = true;
        person.consent.announce = self.announce != Announce::None;
        Ok(person)
    }

    /// The person as one who did not agree to anything: kept, and never recognised.
    pub(crate) fn inactive(&self) -> Result<Person> {
        let wrong = |key: &str, what: String| Err(Error::config(key, what));
        if self.id.trim().is_empty() {
            return wrong("id", "a person needs an id".into());
        }
        if self.names.are_empty() {
            return wrong("name_ar", "a person needs a name: name_ar, name_speak or name_latin".into());
        }
        if let Some(misread) = misread(&self.names.spoken, true).next() {
            // The word is a part of the name, which stands in no log.
            let what = match misread {
                Misread::Digits => "it has digits, which each voice reads in its own way",
                Misread::Unvocalised(_) => "a word of it has no vowel marks, and a voice misreads it",
            };
            let remedy = misread.remedy();
            return wrong(
                "name_speak",
                format!("{what}: {remedy}, or leave it out, and the name is shown and not said"),
            );
        }
        if self.announce == Announce::Title && self.title.trim().is_empty() {
            return wrong("title", "who is announced by title needs one".into());
        }
        if !["", "female", "male"].contains(&self.gender) {
            return wrong("gender", format!("`{}` is not `female` or `male`", self.gender));
        }
        let until = match self.until {
            Some(day) => match end_of_day(day) {
                Some(end) => Some(end),
                None => return wrong("until", format!("`{day}` is no day; write it like 2026-12-31")),
            },
            None => None,
        };
        let country = |text: &&String| text.len() != 2 || !text.bytes().all(|c| c.is_ascii_alphabetic());
        if let Some(no_country) = self.name_sent_to.iter().find(country) {
            return wrong("name_sent_to", format!("`{no_country}` is no country of two letters, like SA"));
        }
        let consent = Consent {
            given: self.given,
            text: self.consent.into(),
            given_by: self.given_by.into(),
            guardian: self.guardian.into(),
            until,
            recognise: false,
            announce: false,
            name_sent_to: self.name_sent_to.iter().map(|country| country.to_ascii_uppercase()).collect(),
        };
        Ok(Person {
            id: self.id.into(),
            names: self.names.clone(),
            title: self.title.into(),
            gender: self.gender.into(),
            language: self.language.into(),
            announce: self.announce,
            precedence: self.precedence,
            notes: self.notes.into(),
            consent,
        })
    }
}
