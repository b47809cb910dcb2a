//! Says what is wrong with files of message templates (Fluent), before a visitor hears it.
//!
//! The decision that shapes it: **the rules are data and the texts are arguments**. A plugin writes its [`Rules`] into the schema
//! of its configuration, the host checks an operator's files by them without a line of the plugin's code, and the plugin checks the
//! same files by the same rules when it opens: what `majlis check` accepts is accepted later, and the other way round.
//!
//! It must never know: what a message is about, where a file lies, and who is told.
#![forbid(unsafe_code)]

mod fault;
mod form;
mod message;
mod pause;
mod plural;
mod rules;
mod vocalised;

pub use fault::{Fault, place};
pub use message::check;
pub use rules::{Message, Rules, Variable};
pub use vocalised::{Misread, misread};

/// A file of templates.
#[derive(Clone, Copy, Debug)]
pub struct File<'t> {
    /// The language of its messages, a BCP 47 tag.
    pub language: &'t str,
    /// The text.
    pub text: &'t str,
}

/// The language that the name of a file says: `texts/ar-SA.ftl` is in `ar-SA`. None when the name is no tag or the file is of
/// another kind.
#[must_use]
pub fn language_of(path: &str) -> Option<&str> {
    let name = path.rsplit(['/', '\\']).next()?;
    let tag = name.strip_suffix(".ftl")?;
    let primary = tag.split('-').next()?;
    // A first part of four to eight letters is a tag by grammar: `greetings` would be one.
    let plausible = (2..=3).contains(&primary.len()) && tag.parse::<unic_langid::LanguageIdentifier>().is_ok();
    plausible.then_some(tag)
}

/// What is wrong with a text, in one line: `at` is the byte at which it is, where that is known.
#[must_use]
pub fn told(text: &str, at: Option<usize>, message: &str) -> String {
    let (line, column) = place(text, at.unwrap_or_default());
    format!("line {line}, column {column}: {message}")
}

/// The first part of a tag: `ar` of `ar-SA`.
#[must_use]
pub fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_the_language_of_its_name() {
        assert_eq!(language_of("texts/ar-SA.ftl"), Some("ar-SA"));
        assert_eq!(language_of("fr.ftl"), Some("fr"));
        for none in ["", "fr", "fr.toml", "greetings.ftl", ".ftl", "texts/", "my texts.ftl", "fr_.ftl"] {
            assert_eq!(language_of(none), None, "{none}");
        }
    }
}
