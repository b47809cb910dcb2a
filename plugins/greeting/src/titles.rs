//! Titles as data: how somebody of a title is addressed, by gender and language.

use std::collections::BTreeMap;

use majlis_plugin_api::{Error, Host, Result};
use majlis_templates::{misread, primary, told};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

use crate::rules::{SPEAK, rules};

const BUILT_IN: &str = include_str!("titles.toml");
const PAUSE: &str = "pause";

/// The schema of a file of titles, by which `majlis check` reads it.
pub(crate) fn schema() -> Schema {
    schema_for!(BTreeMap<String, Title>)
}

/// How a title is said in one language.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    /// For the eye.
    pub(crate) display: String,
    /// For the voice, before a name.
    pub(crate) speak: String,
    /// For the voice, before a pause.
    #[serde(default)]
    pause: String,
    /// It stands for the name, also where that may be said.
    #[serde(default)]
    pub(crate) alone: bool,
    /// How it is called after another one, where that differs: Arabic calls the first by يا and the second by its article.
    #[serde(default)]
    and: Option<Box<Form>>,
}

impl Form {
    /// As the second of two.
    fn after_another(&self) -> &Self {
        self.and.as_deref().unwrap_or(self)
    }

    pub(crate) fn pause(&self) -> &str {
        if self.pause.is_empty() { &self.speak } else { &self.pause }
    }
}

/// A title of one gender.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("x-spoken" = { "keys": [SPEAK, PAUSE], "vocalised": rules().vocalised }))]
struct Gendered {
    /// Words of the records that say this title of this gender.
    #[serde(default)]
    typed: Vec<String>,
    /// By language.
    #[serde(flatten)]
    forms: BTreeMap<String, Form>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Title {
    /// Words of the records that say this title of either gender.
    #[serde(default)]
    typed: Vec<String>,
    #[serde(default)]
    masculine: Gendered,
    #[serde(default)]
    feminine: Gendered,
}

/// Of whom one speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gender {
    Masculine,
    Feminine,
}

impl Gender {
    /// As a record says it.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        match word {
            "male" => Some(Self::Masculine),
            "female" => Some(Self::Feminine),
            _ => None,
        }
    }
}

/// Where somebody stands in a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    /// After another one.
    Second,
}

/// All titles.
pub(crate) struct Titles(BTreeMap<String, Title>);

impl Titles {
    pub(crate) fn open(file: Option<&str>, host: &Host) -> Result<Self> {
        let mut titles = Self::built_in()?;
        if let Some(file) = file {
            let refused = |why: String| Error::config("titles", format!("{file}: {why}"));
            let text = std::fs::read_to_string(host.path(file)).map_err(|error| refused(error.to_string()))?;
            let brought = parse(&text).map_err(refused)?;
            check(&brought).map_err(refused)?;
            titles.0.extend(brought);
        }
        Ok(titles)
    }

    pub(crate) fn built_in() -> Result<Self> {
        parse(BUILT_IN).map(Self).map_err(|error| Error::new(error).within("the built-in titles"))
    }

    /// How somebody with this title is addressed in a language. None: by a title that is not among these, or one whose form
    /// depends on a gender that nobody said.
    pub(crate) fn form(&self, typed: &str, gender: Option<Gender>, language: &str, place: Place) -> Option<&Form> {
        let typed = spaced(typed);
        let says = |words: &[String]| words.iter().any(|word| same(word, &typed));
        let (title, said) = self.0.values().find_map(|title| {
            if says(&title.masculine.typed) {
                Some((title, Some(Gender::Masculine)))
            } else if says(&title.feminine.typed) {
                Some((title, Some(Gender::Feminine)))
            } else {
                says(&title.typed).then_some((title, None))
            }
        })?;
        let [masculine, feminine] = [&title.masculine, &title.feminine].map(|gendered| gendered.form(language));
        let form = match gender.or(said) {
            Some(Gender::Masculine) => masculine,
            Some(Gender::Feminine) => feminine,
            None => masculine.filter(|form| Some(*form) == feminine),
        }?;
        Some(if place == Place::First { form } else { form.after_another() })
    }
}

#[cfg(test)]
impl Titles {
    /// What is said before a name and before a pause, of each title.
    pub(crate) fn spoken(&self, language: &str) -> Vec<(String, String)> {
        let all = self.0.values().flat_map(|title| [&title.masculine, &title.feminine]);
        all.filter_map(|gendered| gendered.form(language))
            .flat_map(|form| [form, form.after_another()])
            .map(|form| (form.speak.clone(), form.pause().to_owned()))
            .collect()
    }
}

impl Gendered {
    fn form(&self, language: &str) -> Option<&Form> {
        let of = |tag: &str| Some(self.forms.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag))?.1);
        of(language).or_else(|| of(primary(language)))
    }
}

fn parse(text: &str) -> std::result::Result<BTreeMap<String, Title>, String> {
    toml::from_str(text).map_err(|error| wrong(text, &error))
}

/// What is wrong with a file, in one line.
pub(crate) fn wrong(text: &str, error: &toml::de::Error) -> String {
    told(text, error.span().map(|span| span.start), error.message())
}

/// What a voice says of a title keeps the rules of the texts.
fn check(titles: &BTreeMap<String, Title>) -> std::result::Result<(), String> {
    let rules = rules();
    for (name, title) in titles {
        for (language, form) in title.masculine.forms.iter().chain(&title.feminine.forms) {
            let vocalised = rules.vocalised.iter().any(|tag| tag.eq_ignore_ascii_case(primary(language)));
            let second = form.after_another();
            for said in [form.speak.as_str(), form.pause(), second.speak.as_str(), second.pause()] {
                if let Some(misread) = misread(said, vocalised).next() {
                    let message = misread.message(&format!("`{said}` of the title `{name}`"));
                    return Err(format!("{message}; {}", misread.remedy()));
                }
            }
        }
    }
    Ok(())
}

/// With single spaces, as titles are compared.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn same(known: &str, typed: &str) -> bool {
    known == typed || (known.is_ascii() && known.eq_ignore_ascii_case(typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(typed: &str, gender: Option<Gender>, language: &str) -> Option<String> {
        Some(Titles::built_in().unwrap().form(typed, gender, language, Place::First)?.display.clone())
    }

    #[test]
    fn a_title_is_found_by_what_is_typed_and_its_gender_by_the_record_or_the_word() {
        assert_eq!(display("الدكتورة", None, "ar-SA").as_deref(), Some("يا دكتورة"));
        assert_eq!(display("د.", Some(Gender::Feminine), "ar").as_deref(), Some("يا دكتورة"));
        assert_eq!(display("dr.", Some(Gender::Masculine), "ar").as_deref(), Some("يا دكتور"));
        assert_eq!(display("معالي  الوزير", None, "ar").as_deref(), Some("معالي الوزير"));
    }

    #[test]
    fn no_gender_is_guessed() {
        assert_eq!(display("Dr", None, "ar"), None);
        assert_eq!(display("Dr", None, "en").as_deref(), Some("Dr"), "where both are called the same");
        assert_eq!(display("Chief Curator", Some(Gender::Feminine), "en"), None);
    }

    #[test]
    fn each_title_has_each_form_in_both_languages() {
        for (name, title) in Titles::built_in().unwrap().0 {
            for gendered in [&title.masculine, &title.feminine] {
                for language in ["ar", "en"] {
                    let form = gendered.form(language).unwrap_or_else(|| panic!("{name} has no form in {language}"));
                    assert!(!form.display.is_empty() && !form.speak.is_empty(), "{name}");
                }
                assert!(!gendered.typed.is_empty(), "{name}");
            }
        }
    }
}
