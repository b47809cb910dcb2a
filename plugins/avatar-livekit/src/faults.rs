//! What is wrong with a vendor's file, all at once and each at its place.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::profile::{Hears, Profile};
use crate::template::{Part, parts};

/// Keys of `vendor_options.NAME` that are no vendor's own.
pub(crate) const OF_EVERY_VENDOR: [&str; 7] =
    ["api_key", "base_url", "ca_file", "country", "start_within", "max_minutes_per_day", "max_calls_per_hour"];

/// Each way in which a file of the right form may be wrong. `majlis check` knows them by the schema (`rules.rs`), and a test holds one
/// against the other.
pub const KINDS: [&str; 23] = [
    "address",
    "answer-of-no-step-before",
    "answer-pointer",
    "brace-without-an-end",
    "brace-without-a-beginning",
    "country",
    "error-that-fits-all",
    "list-without-stop",
    "list-without-tag",
    "listener-without-token",
    "name",
    "no-time-to-start",
    "nothing-asked",
    "option-of-every-vendor",
    "option-required-with-default",
    "option-unknown",
    "rate",
    "region-without-regions",
    "request",
    "session-before-there-is-one",
    "stop-without-session",
    "token",
    "value-unknown",
];

/// One fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which one of [`KINDS`]; empty: it has not the right form.
    pub kind: &'static str,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl Fault {
    fn at(text: &str, offset: usize, kind: &'static str, what: String) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line = before.rfind('\n').map_or(before, |end| &before[end + 1..]);
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1, kind, what }
    }

    pub(crate) fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map_or(0, |span| span.start);
        Self::at(text, offset, "", error.message().replace('\n', " "))
    }
}

/// Where something stands in the file.
#[derive(Clone, Copy)]
enum Step<'p> {
    Key(&'p str),
    Item(usize),
}
use Step::{Item, Key};

struct Finder<'t> {
    text: &'t str,
    table: Option<Spanned<DeTable<'t>>>,
    found: Vec<(usize, &'static str, String)>,
}

impl Finder<'_> {
    fn fault(&mut self, kind: &'static str, path: &[Step<'_>], what: impl Into<String>) {
        debug_assert!(KINDS.contains(&kind), "{kind}");
        let offset = self.table.as_ref().map_or(0, |table| offset(table, path));
        self.found.push((offset, kind, what.into()));
    }
}

/// The place of a value, or of the innermost around it that is in the file.
fn offset(table: &Spanned<DeTable<'_>>, path: &[Step<'_>]) -> usize {
    let mut at = table.span().start;
    let Some((Key(first), rest)) = path.split_first() else { return at };
    let Some((key, value)) = table.get_ref().get_key_value(*first) else { return at };
    let mut value = value;
    at = if rest.is_empty() { value.span().start } else { key.span().start };
    for step in rest {
        let next = match (step, value.get_ref()) {
            (Key(key), DeValue::Table(table)) => table.get(*key),
            (Item(index), DeValue::Array(items)) => items.get(*index),
            _ => None,
        };
        let Some(next) = next else { return at };
        value = next;
        at = value.span().start;
    }
    at
}

/// All that is wrong with a profile that has the right form.
pub(crate) fn faults(profile: &Profile, text: &str) -> Vec<Fault> {
    let mut finder = Finder { text, table: DeTable::parse(text).ok(), found: Vec::new() };
    simple(profile, &mut finder);
    let mut answers = BTreeSet::new();
    for (index, step) in profile.start.iter().enumerate() {
        let here = [Key("start"), Item(index)];
        request(&step.request, &[here[0], here[1], Key("request")], profile, &answers, false, &mut finder);
        for (name, value) in &step.headers {
            let at = [here[0], here[1], Key("headers"), Key(name)];
            holes(value, &at, profile, &answers, false, &mut finder);
        }
        if let Some(body) = &step.body {
            inside(body, &mut vec![here[0], here[1], Key("body")], profile, &answers, false, &mut finder);
        }
        for (name, pointer) in &step.answer {
            if !pointer.starts_with('/') {
                let what = format!("`{pointer}` is no place in an answer; write it like `/data/id`");
                finder.fault("answer-pointer", &[here[0], here[1], Key("answer"), Key(name)], what);
            }
            answers.insert(name.as_str());
        }
    }
    if let Some(stop) = &profile.stop {
        if !answers.contains("session") {
            finder.fault(
                "stop-without-session",
                &[Key("stop")],
                "no answer of `start` gives a session's id; add `answer = { session = \"/…\" }`",
            );
        }
        request(&stop.request, &[Key("stop"), Key("request")], profile, &answers, true, &mut finder);
        for (name, value) in &stop.headers {
            holes(value, &[Key("stop"), Key("headers"), Key(name)], profile, &answers, true, &mut finder);
        }
        if let Some(body) = &stop.body {
            inside(body, &mut vec![Key("stop"), Key("body")], profile, &answers, true, &mut finder);
        }
    }
    if let Some(list) = &profile.list {
        request(&list.request, &[Key("list"), Key("request")], profile, &BTreeSet::new(), false, &mut finder);
        for (name, value) in &list.headers {
            holes(value, &[Key("list"), Key("headers"), Key(name)], profile, &BTreeSet::new(), false, &mut finder);
        }
        if profile.stop.is_none() {
            finder.fault(
                "list-without-stop",
                &[Key("list")],
                "there is no `stop`, so a session that is found could not be ended; add it, or leave this out",
            );
        }
        if !uses(profile, "tag") {
            finder.fault(
                "list-without-tag",
                &[Key("list"), Key("tag")],
                "no body of `start` holds `{tag}`, so nothing of ours could be found",
            );
        }
    }
    finder.found.sort();
    finder.found.into_iter().map(|(offset, kind, what)| Fault::at(finder.text, offset, kind, what)).collect()
}

fn simple(profile: &Profile, finder: &mut Finder<'_>) {
    let is_word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !is_word(&profile.name) {
        let what = format!("`{}` is no name; it is of small letters, digits and `-`", profile.name);
        finder.fault("name", &[Key("name")], what);
    }
    if let Some(country) = &profile.country
        && (country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        finder.fault(
            "country",
            &[Key("country")],
            format!("`{country}` is no country; write two letters such as \"US\""),
        );
    }
    if !profile.base_url.starts_with("https://") && !profile.base_url.starts_with("http://") {
        finder.fault(
            "address",
            &[Key("base_url")],
            format!("`{}` is no address; write `https://HOST`", profile.base_url),
        );
    }
    if !(8_000..=48_000).contains(&profile.sample_rate) {
        let what = format!("{} samples a second is no rate of speech; most take 16000 or 24000", profile.sample_rate);
        finder.fault("rate", &[Key("sample_rate")], what);
    }
    if profile.usual_start.get().is_zero() {
        finder.fault("no-time-to-start", &[Key("usual_start")], "no avatar is there at once; write such as \"8s\"");
    }
    if profile.start.is_empty() {
        finder.fault("nothing-asked", &[Key("start")], "nothing is asked; add a `[[start]]` with a `request`");
    }
    if !uses(profile, "token") {
        finder.fault(
            "token",
            &[Key("start")],
            "no body of `start` holds `{token}`, without which no avatar enters a room",
        );
    }
    if profile.hears == Hears::Listener && !uses(profile, "listener_token") {
        finder.fault(
            "listener-without-token",
            &[Key("hears")],
            "no body of `start` holds `{listener_token}`, so no listener would come",
        );
    }
    for (index, rule) in profile.errors.iter().enumerate() {
        if rule.status.is_none() && rule.says.is_none() {
            finder.fault(
                "error-that-fits-all",
                &[Key("errors"), Item(index)],
                "it fits every error; add a `status`, or words in `says`",
            );
        }
    }
    for (name, option) in &profile.options {
        if OF_EVERY_VENDOR.contains(&name.as_str()) {
            finder.fault(
                "option-of-every-vendor",
                &[Key("options"), Key(name)],
                format!("`{name}` is a key of every vendor; choose another word"),
            );
        }
        if option.required && option.default.is_some() {
            let what = format!("`{name}` is required and has a default; leave one of them out");
            finder.fault("option-required-with-default", &[Key("options"), Key(name)], what);
        }
    }
}

fn request(
    text: &str,
    at: &[Step<'_>],
    profile: &Profile,
    answers: &BTreeSet<&str>,
    about_session: bool,
    finder: &mut Finder<'_>,
) {
    let method = text.split(' ').next().unwrap_or_default();
    let path = text.split_once(' ').map_or("", |(_, path)| path);
    if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) || !path.starts_with('/') || path.contains(' ') {
        finder.fault("request", at, format!("`{text}` is no request; write it like `POST /v1/sessions`"));
        return;
    }
    holes(path, at, profile, answers, about_session, finder);
}

fn inside<'p>(
    value: &'p Value,
    at: &mut Vec<Step<'p>>,
    profile: &Profile,
    answers: &BTreeSet<&str>,
    about_session: bool,
    finder: &mut Finder<'_>,
) {
    match value {
        Value::String(text) => holes(text, at, profile, answers, about_session, finder),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(Item(index));
                inside(item, at, profile, answers, about_session, finder);
                at.pop();
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                at.push(Key(key));
                inside(item, at, profile, answers, about_session, finder);
                at.pop();
            }
        }
        _ => {}
    }
}

fn holes(
    text: &str,
    at: &[Step<'_>],
    profile: &Profile,
    answers: &BTreeSet<&str>,
    about_session: bool,
    finder: &mut Finder<'_>,
) {
    let parts = match parts(text) {
        Ok(parts) => parts,
        Err(wrong) => return finder.fault(wrong.kind, at, wrong.what),
    };
    for part in parts {
        let Part::Hole(name) = part else { continue };
        if let Some(option) = name.strip_prefix("option.") {
            if !profile.options.contains_key(option) {
                finder.fault(
                    "option-unknown",
                    at,
                    format!("there is no option `{option}`; add `[options.{option}]` with what it is `about`"),
                );
            }
        } else if let Some(answer) = name.strip_prefix("answer.") {
            if !answers.contains(answer) {
                let what = format!("no answer before this gives `{answer}`; add it to the `answer` of an earlier step");
                finder.fault("answer-of-no-step-before", at, what);
            }
        } else if name == "session" && !about_session {
            finder.fault(
                "session-before-there-is-one",
                at,
                "there is no session yet; in a later step write `{answer.session}`",
            );
        } else if name == "region" && profile.regions.is_empty() {
            finder.fault("region-without-regions", at, "there are no regions; add `[regions.NAME]`");
        }
    }
}

/// Whether a body of the start has this hole.
fn uses(profile: &Profile, hole: &str) -> bool {
    fn holds(value: &Value, hole: &str) -> bool {
        match value {
            Value::String(text) => parts(text).is_ok_and(|parts| parts.contains(&Part::Hole(hole))),
            Value::Array(items) => items.iter().any(|item| holds(item, hole)),
            Value::Object(entries) => entries.values().any(|value| holds(value, hole)),
            _ => false,
        }
    }
    profile.start.iter().filter_map(|step| step.body.as_ref()).any(|body| holds(body, hole))
}
