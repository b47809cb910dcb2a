use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a plugin asks of its templates. As JSON it stands in the schema of the plugin's configuration as `x-messages`, beside a key
/// that takes a list of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Languages of which the plugin has every message: a file in one of them brings only what it replaces. A file in another
    /// language brings them all.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The attributes of each message, all of which it has.
    pub forms: Vec<String>,
    /// Those of them that a voice says: without digits, and with its variables where they can be said.
    #[serde(default)]
    pub spoken: Vec<String>,
    /// Languages that a voice misreads without vowel marks, and in which the end of a name changes within a sentence: what is
    /// spoken has its marks, and a name stands before a pause.
    #[serde(default)]
    pub vocalised: Vec<String>,
    /// The messages by their ids. An id may end in `*`: any number of messages that begin so, also none.
    pub messages: BTreeMap<String, Message>,
    /// The variables that messages may use.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
}

/// The variables of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Those that each of its forms uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must: Vec<String>,
    /// Those that it may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may: Vec<String>,
}

/// What a variable holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variable {
    /// A text that stands anywhere.
    Text,
    /// A name, stored as it is said before a pause.
    Name,
    /// A number of things: forms are chosen by it, and a voice says none of its digits.
    Count,
    /// One of these words, or any where there are none: forms are chosen by it.
    Word(Vec<String>),
}

impl Rules {
    /// The rule of a message.
    pub(crate) fn message(&self, id: &str) -> Option<&Message> {
        let begins = |known: &str| known.strip_suffix('*').is_some_and(|start| id.starts_with(start));
        self.messages.get(id).or_else(|| Some(self.messages.iter().find(|(known, _)| begins(known))?.1))
    }

    /// Ids of messages that have to be there.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.messages.keys().map(String::as_str).filter(|id| !id.ends_with('*'))
    }

    /// Whether the plugin itself has all messages in a language, or in the one that it falls back to.
    #[must_use]
    pub fn has(&self, tag: &str) -> bool {
        names(&self.languages, tag)
    }

    pub(crate) fn is_vocalised(&self, tag: &str) -> bool {
        names(&self.vocalised, tag)
    }
}

/// `ar` names `ar-SA` as well.
fn names(languages: &[String], tag: &str) -> bool {
    let primary = crate::primary(tag);
    languages.iter().any(|known| known.eq_ignore_ascii_case(tag) || known.eq_ignore_ascii_case(primary))
}

impl Message {
    pub(crate) fn allows(&self, variable: &str) -> bool {
        self.must.iter().chain(&self.may).any(|known| known == variable)
    }
}
