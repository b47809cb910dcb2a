use majlis_plugin_api::{Person, Utterance, UtteranceKind};

use crate::clean;
use crate::texts::{Join, Language, NAMES};

/// More names than this in one greeting are a roll call.
const MOST_NAMES: usize = 3;

/// The greeting of these people, or of a guest where there are none with a name.
pub(crate) fn greeting(languages: &[Language], people: &[Person]) -> Option<Utterance> {
    let people: Vec<Names> = people.iter().filter_map(Names::of).take(MOST_NAMES).collect();
    let (voice, kind) =
        (languages.first()?, if people.is_empty() { UtteranceKind::Guest } else { UtteranceKind::Named });
    let lines: Vec<String> = languages.iter().map(|language| display(language, &people)).collect();
    Some(Utterance {
        display: lines.join("\n"),
        speak: speak(voice, &people),
        language: voice.tag.clone(),
        kind,
        ..Utterance::default()
    })
}

fn display(language: &Language, people: &[Names]) -> String {
    if people.is_empty() {
        return language.texts.guest.display.clone();
    }
    let names = people.iter().map(|names| clean::isolated(names.shown(language.arabic_script())));
    fill(&language.texts.named.display, &language.texts.join.display, names)
}

fn speak(language: &Language, people: &[Names]) -> String {
    if people.is_empty() {
        return clean::speakable(&language.texts.guest.speak);
    }
    let names = people.iter().map(|names| names.spoken(language.arabic_script()).to_owned());
    clean::speakable(&fill(&language.texts.named.speak, &language.texts.join.speak, names))
}

fn fill(text: &str, join: &Join, names: impl Iterator<Item = String>) -> String {
    text.replace(NAMES, &join.join(&names.collect::<Vec<_>>()))
}

/// The names of one person that may be used.
struct Names {
    arabic: Option<String>,
    vocalised: Option<String>,
    latin: Option<String>,
}

impl Names {
    /// None for a person without any.
    fn of(person: &Person) -> Option<Self> {
        let usable = |typed: &str| {
            clean::name(typed).unwrap_or_else(|_| {
                // Whose name it is stands in no log.
                tracing::warn!(
                    "a name is not used because it holds bidi control characters; enrol it again without them"
                );
                None
            })
        };
        let names = Self {
            arabic: usable(&person.name_ar),
            vocalised: usable(&person.name_speak),
            latin: usable(&person.name_latin),
        };
        (names.arabic.is_some() || names.latin.is_some() || names.vocalised.is_some()).then_some(names)
    }

    fn shown(&self, arabic_script: bool) -> &str {
        let order = if arabic_script {
            [&self.arabic, &self.latin, &self.vocalised]
        } else {
            [&self.latin, &self.arabic, &self.vocalised]
        };
        first(order)
    }

    fn spoken(&self, arabic_script: bool) -> &str {
        let order = if arabic_script {
            [&self.vocalised, &self.arabic, &self.latin]
        } else {
            [&self.latin, &self.vocalised, &self.arabic]
        };
        first(order)
    }
}

fn first(order: [&Option<String>; 3]) -> &str {
    order.into_iter().flatten().next().map_or("", String::as_str)
}
