//! A greeting from who is there and when.

use std::rc::Rc;

use fluent_bundle::FluentArgs;
use majlis_plugin_api::{Observation, Scene, Utterance, UtteranceKind};

use crate::calendar::Moment;
use crate::clean;
use crate::guest::Guest;
use crate::texts::Language;
use crate::titles::{Place, Titles};

/// More names than this in one greeting are a roll call.
const MOST_NAMES: usize = 2;

/// So many people are greeted in different words: one, two, and more.
const ALIKE: [usize; 3] = [1, 2, 3];
/// Stands for a name in what is said ahead, and in no text.
const SOMEBODY: &str = "QQQQ";
/// What a voice makes a pause at.
const PAUSES: [char; 9] = ['،', '؛', '؟', ',', ';', '.', '!', '?', ':'];

/// Who is greeted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    /// Those who may be named, the first in rank before others.
    pub(crate) guests: Vec<Guest>,
    /// How many people are greeted if nobody is named.
    pub(crate) people: usize,
    /// All of the guests were greeted not long ago.
    pub(crate) again: bool,
}

/// The greeting of these people in these languages, the first of which the voice speaks.
pub(crate) fn greeting(languages: &[Rc<Language>], titles: &Titles, audience: &Audience, moment: &Moment) -> Utterance {
    let Some(voice) = languages.first() else {
        return Utterance::default();
    };
    let lines: Vec<String> = languages.iter().map(|language| display(language, titles, audience, moment)).collect();
    let named: Vec<&Guest> = named_in(languages, titles, audience);
    let nameless = whole(voice, audience, moment, Form::Speak, None);
    let names = spoken_names(voice, titles, audience);
    let speak = names.as_ref().map(|names| whole(voice, audience, moment, Form::Speak, Some(names)));
    let [nameless, speak] = [nameless.clone(), speak.unwrap_or(nameless)].map(|text| clean::speakable(&text));
    Utterance {
        display: lines.join("\n"),
        opening: names.as_ref().map(|names| opening(&speak, &clean::speakable(names)).to_owned()).unwrap_or_default(),
        speak_nameless: if speak == nameless { String::new() } else { nameless },
        template: messages(audience, moment, names.is_some()).join(" "),
        speak,
        language: voice.tag.clone(),
        kind: if named.is_empty() { UtteranceKind::Guest } else { UtteranceKind::Named },
        names_sent_to: agreed(&named),
        subjects: named.iter().map(|guest| guest.id.clone()).collect(),
        ..Utterance::default()
    }
}

/// What is said to many of those who may come, and names nobody, in the language that most are greeted in: the greetings of guests,
/// and how those by name begin; `again_too`: also those of people who were greeted not long ago.
pub(crate) fn ahead(languages: &[Rc<Language>], moments: &[Moment], again_too: bool) -> Vec<Utterance> {
    let Some(voice) = languages.first() else {
        return Vec::new();
    };
    let (mut whole_ones, mut openings) = (Vec::new(), Vec::new());
    let kinds: &[bool] = if again_too { &[false, true] } else { &[false] };
    for (moment, &again) in moments.iter().flat_map(|moment| kinds.iter().map(move |again| (moment, again))) {
        for people in ALIKE {
            let audience = Audience { people, again, ..Audience::default() };
            let named = clean::speakable(&whole(voice, &audience, moment, Form::Speak, Some(SOMEBODY)));
            whole_ones.push(clean::speakable(&whole(voice, &audience, moment, Form::Speak, None)));
            openings.push(opening(&named, SOMEBODY).to_owned());
        }
    }
    let utterance = |text: String, is_opening: bool| Utterance {
        opening: if is_opening { text.clone() } else { String::new() },
        speak: text,
        language: voice.tag.clone(),
        kind: UtteranceKind::Guest,
        ..Utterance::default()
    };
    unique(whole_ones)
        .map(|text| utterance(text, false))
        .chain(unique(openings).map(|text| utterance(text, true)))
        .collect()
}

fn unique(texts: Vec<String>) -> impl Iterator<Item = String> {
    let mut known = std::collections::BTreeSet::new();
    texts.into_iter().filter(move |text| !text.is_empty() && known.insert(text.clone()))
}

/// How a text begins, up to the pause before the names in it. Empty: there is no pause.
fn opening<'a>(text: &'a str, names: &str) -> &'a str {
    let before = text.split_once(names).map_or("", |(before, _)| before.trim_end());
    if before.ends_with(PAUSES) { before } else { "" }
}

/// Something that was seen, in the languages of a greeting. None: there are no words for it in any of them.
pub(crate) fn remark(languages: &[Rc<Language>], scene: &Scene) -> Option<Utterance> {
    let of = |language: &Language| -> Option<&Observation> {
        let observed = |tag: &str| scene.observations.iter().find(|seen| seen.language.eq_ignore_ascii_case(tag));
        observed(&language.tag).or_else(|| observed(language.primary()))
    };
    let voice = languages.first()?;
    let lines: Vec<&str> = languages
        .iter()
        .filter_map(|language| of(language))
        .map(|seen| seen.display.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let speak = of(voice).map(|seen| clean::speakable(&seen.speak)).unwrap_or_default();
    (!lines.is_empty() || !speak.is_empty()).then(|| Utterance {
        display: lines.join("\n"),
        speak,
        language: voice.tag.clone(),
        kind: UtteranceKind::Remark,
        ..Utterance::default()
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Display,
    Speak,
}

/// Those whose name or title stands in the greeting, in any of its languages.
fn named_in<'a>(languages: &[Rc<Language>], titles: &Titles, audience: &'a Audience) -> Vec<&'a Guest> {
    let mut named: Vec<&Guest> = Vec::new();
    for language in languages {
        for (guest, _) in shown(language, titles, audience) {
            if !named.iter().any(|known| known.id == guest.id) {
                named.push(guest);
            }
        }
    }
    named
}

/// The guests who are named in a language, and how.
fn shown<'a>(language: &Language, titles: &Titles, audience: &'a Audience) -> Vec<(&'a Guest, String)> {
    let mut shown = Vec::new();
    for guest in &audience.guests {
        let name = guest.display(language, titles, place(shown.len()));
        shown.extend(name.map(|name| (guest, name)));
        if shown.len() == MOST_NAMES {
            break;
        }
    }
    shown
}

fn place(number: usize) -> Place {
    if number == 0 { Place::First } else { Place::Second }
}

fn display(language: &Language, titles: &Titles, audience: &Audience, moment: &Moment) -> String {
    let names: Vec<String> = shown(language, titles, audience).into_iter().map(|(_, name)| name).collect();
    let names = joined(language, names, audience.guests.len(), Form::Display);
    whole(language, audience, moment, Form::Display, names.as_deref())
}

/// The names as a voice says them. None where one of those that are shown cannot be said: nobody is left out aloud.
fn spoken_names(language: &Language, titles: &Titles, audience: &Audience) -> Option<String> {
    let shown = shown(language, titles, audience).into_iter().enumerate();
    let names: Option<Vec<String>> =
        shown.map(|(number, (guest, _))| guest.speak(language, titles, place(number))).collect();
    joined(language, names?, audience.guests.len(), Form::Speak)
}

/// Names in one phrase, of so many guests.
fn joined(language: &Language, names: Vec<String>, of: usize, form: Form) -> Option<String> {
    let more = of > names.len();
    let mut names = names.into_iter();
    let (first, second) = (names.next()?, names.next());
    let id = match (&second, more) {
        (None, false) => return Some(first),
        (None, true) => "one-and-guests",
        (Some(_), false) => "pair",
        (Some(_), true) => "pair-and-guests",
    };
    let arguments: FluentArgs<'_> = [("first", first), ("second", second.unwrap_or_default())].into_iter().collect();
    Some(said(language, form, id, &arguments))
}

/// The sentences of a greeting, with names or without.
fn whole(language: &Language, audience: &Audience, moment: &Moment, form: Form, names: Option<&str>) -> String {
    let people = if audience.guests.is_empty() { audience.people } else { audience.guests.len() };
    let mut arguments = FluentArgs::new();
    arguments.set("people", people.max(1));
    arguments.set("time", moment.time.unwrap_or_default());
    arguments.set("names", names.unwrap_or_default());
    arguments.set("country", moment.country.as_str());
    let messages = messages(audience, moment, names.is_some());
    let mut parts: Vec<String> = messages.iter().map(|id| said(language, form, id, &arguments)).collect();
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// The messages of a greeting, in order, with names or without.
fn messages(audience: &Audience, moment: &Moment, named: bool) -> Vec<String> {
    let id = match (named, audience.again) {
        (true, false) => "named",
        (false, false) => "guest",
        (true, true) => return vec!["again-named".into()],
        (false, true) => return vec!["again".into()],
    };
    let salutation = moment.time.map(|_| "salutation".to_owned());
    let occasion = moment.occasion.as_ref().map(|occasion| format!("occasion-{occasion}"));
    salutation.into_iter().chain([id.to_owned()]).chain(occasion).collect()
}

fn said(language: &Language, form: Form, id: &str, arguments: &FluentArgs<'_>) -> String {
    match form {
        Form::Display => language.display(id, arguments),
        Form::Speak => language.speak(id, arguments),
    }
}

/// Countries to which everybody who is named agreed.
fn agreed(named: &[&Guest]) -> Vec<String> {
    let Some((first, others)) = named.split_first() else {
        return Vec::new();
    };
    let all = |country: &&String| others.iter().all(|guest| guest.sent_to.contains(country));
    first.sent_to.iter().filter(all).cloned().collect()
}
