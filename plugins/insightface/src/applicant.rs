//! What is said of a person who is to be enrolled, wherever it is said, and what must not be missing.

use majlis_plugin_api::{Error, Result};

use crate::consent::{Consent, Timestamp, end_of_day};
use crate::gallery::{Names, Person};

/// A person as an operator describes one, unchecked.
pub(crate) struct Applicant<'a> {
    pub(crate) id: &'a str,
    pub(crate) names: Names,
    /// When consent was given.
    pub(crate) given: Timestamp,
    pub(crate) consent: &'a str,
    pub(crate) until: Option<&'a str>,
    pub(crate) announce: bool,
    pub(crate) name_sent_to: &'a [String],
}

impl Applicant<'_> {
    /// The person. The path of an error is the key that is wrong, by the name that it has wherever people are described.
    pub(crate) fn person(self) -> Result<Person> {
        if self.id.trim().is_empty() {
            return Err(Error::config("id", "a person needs an id"));
        }
        if self.consent.trim().is_empty() {
            return Err(Error::config("consent", "nobody is enrolled without consent: say what the person agreed to"));
        }
        if [&self.names.arabic, &self.names.spoken, &self.names.latin].iter().all(|name| name.trim().is_empty()) {
            return Err(Error::config("name_ar", "a person needs a name: name_ar, name_speak or name_latin"));
        }
        let end = |day| {
            end_of_day(day)
                .ok_or_else(|| Error::config("until", format!("`{day}` is no day; write it like 2026-12-31")))
        };
        let until = self.until.map(end).transpose()?;
        if let Some(wrong) = self
            .name_sent_to
            .iter()
            .find(|country| country.len() != 2 || !country.bytes().all(|c| c.is_ascii_alphabetic()))
        {
            return Err(Error::config("name_sent_to", format!("`{wrong}` is no country of two letters, like SA")));
        }
        let consent = Consent {
            given: self.given,
            text: self.consent.into(),
            until,
            recognise: true,
            announce: self.announce,
            name_sent_to: self.name_sent_to.iter().map(|country| country.to_ascii_uppercase()).collect(),
        };
        Ok(Person { id: self.id.into(), names: self.names, consent })
    }
}
