//! A person who may be named, and how.

use majlis_plugin_api::Person;

use crate::clean;
use crate::texts::Language;
use crate::titles::{Form, Gender, Place, Titles};

/// Somebody who is addressed by name or by title.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guest {
    pub(crate) id: String,
    names: Names,
    /// As it is in the records. Empty: none.
    title: String,
    gender: Option<Gender>,
    /// A BCP 47 tag. Empty: the pipeline's.
    pub(crate) language: String,
    /// Who comes first: 1 before 2.
    precedence: Option<u64>,
    /// Countries in which a service may be sent the name.
    pub(crate) sent_to: Vec<String>,
}

/// The names that may be used: none of somebody who wants to be addressed by title alone.
#[derive(Clone, Debug, Default)]
struct Names {
    arabic: Option<String>,
    vocalised: Option<String>,
    latin: Option<String>,
}

impl Guest {
    /// None for somebody who did not agree to be announced, or has nothing to be called by: a guest like others.
    pub(crate) fn of(person: &Person) -> Option<Self> {
        let text = |key: &str| person.extra.get(key).and_then(|value| value.as_text()).unwrap_or_default();
        let by_name = person.may_be_announced();
        let by_title = text("announce_as") == "title";
        if !by_name && !by_title {
            return None;
        }
        let names = if by_name { Names::of(person) } else { Names::default() };
        let title = usable(text("title")).unwrap_or_default();
        if names.are_empty() && title.is_empty() {
            return None;
        }
        let sent_to = person.extra.get("name_sent_to").and_then(|value| value.as_array());
        let countries = sent_to.into_iter().flatten().filter_map(|country| country.as_text());
        Some(Self {
            id: person.id.clone(),
            names,
            title,
            gender: Gender::of_word(text("gender")),
            language: text("language").to_owned(),
            precedence: person.extra.get("precedence").and_then(|value| value.as_integer()?.try_into().ok()),
            sent_to: countries.map(str::to_ascii_uppercase).collect(),
        })
    }

    /// By precedence; who has none comes after, in the order in which they are seen.
    pub(crate) fn rank(&self) -> u64 {
        self.precedence.unwrap_or(u64::MAX)
    }

    /// For the eye. None: nothing of this person can be written in that language.
    pub(crate) fn display(&self, language: &Language, titles: &Titles, place: Place) -> Option<String> {
        let name = self.names.shown(language.arabic_script()).map(clean::isolated);
        let form = titles.form(&self.title, self.gender, &language.tag, place);
        let title = form.map(|form| form.display.clone()).or_else(|| {
            // A title that is in no table stands as it was typed, among letters of its own script.
            let fits = !self.title.is_empty() && clean::is_arabic(&self.title) == language.arabic_script();
            fits.then(|| clean::isolated(&self.title))
        });
        match (title, name) {
            (Some(title), Some(name)) if !stands_alone(form) => {
                Some(language.display("title-and-name", &with(&title, &name)))
            }
            (Some(title), _) => Some(title),
            (None, name) => name,
        }
    }

    /// For the voice. None: nothing of this person can be said in that language.
    pub(crate) fn speak(&self, language: &Language, titles: &Titles, place: Place) -> Option<String> {
        let name = self.names.spoken(language);
        match (titles.form(&self.title, self.gender, &language.tag, place), name) {
            (Some(form), Some(name)) if !form.alone => {
                Some(language.speak("title-and-name", &with(&form.speak, &name)))
            }
            (Some(form), _) => Some(form.pause().to_owned()),
            (None, name) => name,
        }
    }
}

fn stands_alone(form: Option<&Form>) -> bool {
    form.is_some_and(|form| form.alone)
}

fn with<'a>(title: &'a str, name: &'a str) -> fluent_bundle::FluentArgs<'a> {
    [("title", title), ("name", name)].into_iter().collect()
}

impl Names {
    fn of(person: &Person) -> Self {
        Self {
            arabic: usable(&person.name_ar),
            vocalised: usable(&person.name_speak),
            latin: usable(&person.name_latin),
        }
    }

    fn are_empty(&self) -> bool {
        self.arabic.is_none() && self.vocalised.is_none() && self.latin.is_none()
    }

    fn shown(&self, arabic_script: bool) -> Option<&str> {
        let order = match arabic_script {
            true => [&self.arabic, &self.latin, &self.vocalised],
            false => [&self.latin, &self.arabic, &self.vocalised],
        };
        order.into_iter().flatten().next().map(String::as_str)
    }

    /// As a voice of that language reads it rightly. An Arabic voice reads no name without its vowel marks, and no voice one in
    /// another script.
    fn spoken(&self, language: &Language) -> Option<String> {
        match language.arabic_script() {
            true => self.vocalised.as_deref().map(clean::pausal),
            false => self.latin.clone(),
        }
    }
}

fn usable(typed: &str) -> Option<String> {
    clean::name(typed).unwrap_or_else(|_| {
        // Whose name it is stands in no log.
        tracing::warn!(
            "a name or title is not used because it holds bidi control characters; enrol it again without them"
        );
        None
    })
}
