//! How a person wants to be announced.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// How a person wants to be announced, which is also what the person agreed to: `none` is no consent to be announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Announce {
    /// By name. `true` is the same.
    Name,
    /// By title, without the name.
    Title,
    /// Not at all: greeted as a guest. `false` is the same.
    #[default]
    None,
}

impl Announce {
    /// The word that it is stored and configured as.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Title => "title",
            Self::None => "none",
        }
    }

    /// Back from [`Announce::word`].
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Name, Self::Title, Self::None].into_iter().find(|known| known.word() == word)
    }
}

impl Serialize for Announce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Announce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Announce;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`name`, `title`, `none`, true or false")
            }
            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Announce, E> {
                Ok(if yes { Announce::Name } else { Announce::None })
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Announce, E> {
                Announce::of_word(word).ok_or_else(|| E::invalid_value(de::Unexpected::Str(word), &self))
            }
        }
        deserializer.deserialize_any(Word)
    }
}

impl JsonSchema for Announce {
    fn schema_name() -> Cow<'static, str> {
        "Announce".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [true, false, "name", "title", "none"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_truth_values_are_taken_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Announce>(text);
        for (text, announce) in [
            ("true", Announce::Name),
            ("\"name\"", Announce::Name),
            ("\"title\"", Announce::Title),
            ("false", Announce::None),
            ("\"none\"", Announce::None),
        ] {
            assert_eq!(read(text).unwrap(), announce);
        }
        assert!(read("\"loud\"").unwrap_err().to_string().contains("`title`"));
        assert!(read("1").is_err());
    }
}
