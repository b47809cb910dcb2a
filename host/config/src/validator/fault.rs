//! What can be wrong with a value, in words.

use crate::codes;
use crate::nearest::{either, hint_for, nearest, shown};

/// A value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer of the value; for [`Fault::UnknownKey`] of the key's value, for [`Fault::MissingKey`] of the table.
    pub pointer: String,
    /// In what way.
    pub fault: Fault,
}

/// In what way a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Of another type.
    Type {
        /// "a whole number".
        expected: String,
        /// "the text `5`".
        found: String,
    },
    /// A number beyond a bound.
    Range {
        /// "at most 1".
        bound: String,
        /// The number.
        found: String,
        /// "it may be 0 to 1".
        fits: String,
    },
    /// Not one of the words allowed.
    Choice {
        /// The words.
        allowed: Vec<String>,
        /// The word.
        found: String,
    },
    /// A key that the table does not take.
    UnknownKey {
        /// The key.
        key: String,
        /// Those that it takes.
        known: Vec<String>,
    },
    /// A key that the table needs.
    MissingKey {
        /// The key.
        key: String,
        /// Its value is a secret.
        secret: bool,
    },
    /// A text of the wrong length or pattern.
    Text {
        /// "at least 3 characters long".
        rule: String,
        /// The text.
        found: String,
        /// What to write instead: the schema's own words, where it has some.
        fits: String,
    },
    /// A list or table with too few, too many or repeated members.
    Count {
        /// "have at least 1 item".
        rule: String,
    },
    /// An item of a list that says the same as one before it, in what must differ.
    Repeated {
        /// JSON pointer of the same in the first of them.
        first: String,
    },
    /// A text that a voice would misread.
    Spoken {
        /// The sentence, with `{}` for the name of the text.
        told: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A table of a language without the text for the voice, which would misread the one for the eye.
    Unspoken {
        /// The key that is missing.
        key: String,
        /// The language.
        language: String,
    },
    /// A text that names something which is not there.
    Reference {
        /// What stands for nothing, and why.
        told: String,
        /// What was probably meant, or what to do.
        hint: String,
    },
    /// A table without something that belongs to what it says, or with something that does not.
    Holds {
        /// The sentence.
        told: String,
        /// What to do.
        remedy: String,
    },
    /// Fits none, or more than one, of several forms.
    Form {
        /// What the forms are.
        forms: Vec<String>,
        /// Fits more than one.
        ambiguous: bool,
    },
}

impl Fault {
    /// Stable; `majlis explain` knows it.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Type { .. } => codes::E0701,
            Fault::Range { .. } => codes::E0702,
            Fault::Choice { .. } => codes::E0703,
            Fault::UnknownKey { .. } => codes::E0204,
            Fault::MissingKey { .. } | Fault::Unspoken { .. } => codes::E0205,
            Fault::Text { .. } | Fault::Spoken { .. } => codes::E0709,
            Fault::Count { .. } | Fault::Repeated { .. } => codes::E0710,
            Fault::Form { .. } => codes::E0711,
            Fault::Reference { .. } => codes::E0718,
            Fault::Holds { .. } => codes::E0719,
        }
    }

    /// A sentence; `name` is the value's, already quoted.
    pub fn message(&self, name: &str) -> String {
        match self {
            Fault::Type { expected, found } => format!("{name} must be {expected}, found {found}"),
            Fault::Range { bound, found, .. } => format!("{name} must be {bound}, found {found}"),
            Fault::Choice { found, .. } => format!("{name} cannot be {found}"),
            Fault::UnknownKey { key, .. } => format!("{} is not a key of {name}", shown(key)),
            Fault::MissingKey { key, .. } => format!("{name} needs the key {}", shown(key)),
            Fault::Text { rule, found, .. } => format!("{name} must {rule}, found {found}"),
            Fault::Count { rule } => format!("{name} must {rule}"),
            Fault::Repeated { .. } => format!("{name} stands here for the second time"),
            Fault::Spoken { told, .. } => told.replacen("{}", name, 1),
            Fault::Unspoken { key, language } => {
                format!("{name} needs the key {}: a voice misreads {} without vowel marks", shown(key), shown(language))
            }
            Fault::Reference { told, .. } => format!("in {name} {told}"),
            Fault::Holds { told, .. } => told.clone(),
            Fault::Form { ambiguous: false, .. } => format!("{name} has none of the forms that it may have"),
            Fault::Form { ambiguous: true, .. } => format!("{name} fits more than one of the forms that it may have"),
        }
    }

    /// What was probably meant, or what to write.
    pub fn hint(&self) -> Option<String> {
        let words = |words: &[String]| -> String { either(&words.iter().map(String::as_str).collect::<Vec<_>>()) };
        match self {
            Fault::Type { expected, found } if found.starts_with("the text") && expected.contains("number") => {
                Some("write the number without quotes".to_owned())
            }
            Fault::Type { expected, found } if found.starts_with("the text") && expected.contains("true") => {
                Some("write `true` or `false` without quotes".to_owned())
            }
            Fault::Type { expected, found } if expected == "a text" && !found.starts_with("a ") => {
                Some("put it in quotes".to_owned())
            }
            Fault::Type { expected, .. } if expected == "a whole number" => {
                Some("write a number without a decimal point".to_owned())
            }
            Fault::Type { expected, .. } if expected == "a text" => Some("write one text, in quotes".to_owned()),
            Fault::Type { expected, .. } => Some(format!("write {expected}")),
            Fault::Range { fits, .. } | Fault::Text { fits, .. } => Some(fits.clone()),
            Fault::Count { rule } => Some(match rule {
                rule if rule.starts_with("have at least") => "add what is missing".to_owned(),
                rule if rule.starts_with("have at most") => "remove what is too much".to_owned(),
                _ => "remove what is repeated".to_owned(),
            }),
            Fault::Repeated { .. } => Some("keep one of them".to_owned()),
            Fault::Spoken { remedy, .. } => Some((*remedy).to_owned()),
            Fault::Unspoken { key, .. } => Some(format!("add `{key} = …`, with the marks on every letter")),
            Fault::Choice { allowed, found } => {
                let bare = found.trim_matches('`');
                match nearest(bare, allowed.iter().map(String::as_str)) {
                    Some(near) => Some(format!("did you mean {}? It may be {}", shown(near), words(allowed))),
                    None => Some(format!("it may be {}", words(allowed))),
                }
            }
            Fault::UnknownKey { key, known } => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                Some(hint_for(key, "a key", "keys", &known))
            }
            Fault::MissingKey { key, secret: true } => {
                Some(format!("write `{key} = {{ env = \"{}\" }}`", key.to_uppercase().replace('-', "_")))
            }
            Fault::MissingKey { key, secret: false } => Some(format!("add `{key} = …`")),
            Fault::Reference { hint, .. } => Some(hint.clone()),
            Fault::Holds { remedy, .. } => Some(remedy.clone()),
            Fault::Form { forms, .. } if forms.is_empty() => {
                Some("the plugin takes no value here; remove it".to_owned())
            }
            Fault::Form { forms, .. } => Some(format!("the forms are {}", words(forms))),
        }
    }

    /// The same with other words for what was found, for a value that must not be shown.
    pub(crate) fn without_value(mut self, words: &str) -> Self {
        if let Fault::Type { found, .. }
        | Fault::Range { found, .. }
        | Fault::Choice { found, .. }
        | Fault::Text { found, .. } = &mut self
        {
            words.clone_into(found);
        }
        if let Fault::Spoken { told, .. } = &mut self {
            "a voice would misread {}".clone_into(told);
        }
        if let Fault::Reference { told, hint } = &mut self {
            "something stands for nothing".clone_into(told);
            "the plugin's README says what may stand in it".clone_into(hint);
        }
        self
    }
}
