use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use fluent_syntax::ast::{Entry, Message, Resource};
use fluent_syntax::parser::{self, ParserError};

use crate::fault::{Fault, Faults, listed};
use crate::form::Form;
use crate::pause::Terms;
use crate::{File, Rules, plural};

/// Everything that is wrong with the files, in their order and that of their text. Files of one language add up; none means that
/// nothing is wrong.
#[must_use]
pub fn check(files: &[File<'_>], rules: &Rules) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut languages: BTreeMap<String, Language> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        let mut here = Faults { file: number, text: file.text, list: Vec::new() };
        let language = languages.entry(file.language.to_ascii_lowercase()).or_insert_with(|| Language::new(number));
        read(file, rules, language, &mut here);
        here.list.sort_by_key(|fault| fault.span.start);
        faults.extend(here.list);
    }
    for (tag, Language { first, known, .. }) in languages.iter().filter(|(_, language)| !language.broken) {
        let (language, first) = (files[*first].language, *first);
        // What is missing in `fr-CA` is taken from `fr`.
        let below = languages.get(crate::primary(tag)).map(|language| &language.known);
        let has = |id: &str| known.contains(id) || below.is_some_and(|below| below.contains(id));
        let missing: Vec<&str> = rules.required().filter(|id| !has(id)).collect();
        if !missing.is_empty() && !rules.has(language) {
            let message = match missing[..] {
                [one] => format!("the message `{one}` is missing"),
                _ => format!("the messages {} are missing", listed(missing.iter().copied())),
            };
            let hint =
                format!("nothing else brings texts in `{language}`: write each of them, with {}", attributes(rules));
            faults.push(Fault { file: first, span: 0..0, message, hint });
        }
    }
    faults.sort_by_key(|fault| (fault.file, fault.span.start));
    faults
}

/// What the files of one language bring.
struct Language {
    /// The first of them.
    first: usize,
    /// Ids of their messages.
    known: BTreeSet<String>,
    /// Something in them cannot be read, and may be what seems to be missing.
    broken: bool,
}

impl Language {
    fn new(first: usize) -> Self {
        Self { first, known: BTreeSet::new(), broken: false }
    }
}

fn read(file: &File<'_>, rules: &Rules, language: &mut Language, faults: &mut Faults<'_>) {
    let resource = match parser::parse(file.text) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            language.broken = true;
            for error in errors {
                let kind = error.kind.to_string().replace('"', "`");
                let hint = "a message is `id =`, and below it, indented, its parts `.name = text`";
                faults.span(place(&error), format!("this cannot be read as a template: {kind}"), hint);
            }
            resource
        }
    };
    let terms: Terms<'_, '_> = terms(&resource);
    let categories = plural::categories(file.language);
    let mut here = BTreeSet::new();
    for entry in &resource.body {
        match entry {
            Entry::Message(message) => {
                let id = message.id.name;
                if !here.insert(id) {
                    faults.at(id, format!("the message `{id}` stands twice"), "leave one of them out");
                }
                language.known.insert(id.to_owned());
                let whole = !language.broken;
                check_message(message, file, rules, &terms, &categories, whole, faults);
            }
            Entry::Term(term) if !here.insert(term.id.name) => {
                faults.at(term.id.name, format!("`-{}` stands twice", term.id.name), "leave one of them out");
            }
            _ => {}
        }
    }
}

/// Where the reader stopped; its end may lie beyond the text.
fn place(error: &ParserError) -> Range<usize> {
    error.pos.start..error.pos.start
}

fn terms<'a, 't>(resource: &'a Resource<&'t str>) -> Terms<'a, 't> {
    let term = |entry: &'a Entry<&'t str>| match entry {
        Entry::Term(term) => Some((term.id.name, &term.value)),
        _ => None,
    };
    resource.body.iter().filter_map(term).collect()
}

fn check_message(
    message: &Message<&str>,
    file: &File<'_>,
    rules: &Rules,
    terms: &Terms<'_, '_>,
    categories: &[&'static str],
    whole: bool,
    faults: &mut Faults<'_>,
) {
    let id = message.id.name;
    let Some(rule) = rules.message(id) else {
        faults.at(
            id,
            format!("nothing says the message `{id}`"),
            format!("the messages are {}", listed(rules.messages.keys().map(String::as_str))),
        );
        return;
    };
    if message.value.is_some() {
        faults.at(id, format!("the text of `{id}` itself is never used"), format!("write it as {}", attributes(rules)));
    }
    let mut seen = BTreeSet::new();
    for attribute in &message.attributes {
        let name = attribute.id.name;
        if !rules.forms.iter().any(|form| form == name) {
            faults.at(name, format!("`{id}` has no part `.{name}`"), format!("its parts are {}", attributes(rules)));
        } else if !seen.insert(name) {
            faults.at(name, format!("the part `.{name}` of `{id}` stands twice"), "leave one of them out");
        } else {
            let spoken = rules.spoken.iter().any(|form| form == name);
            let form = Form {
                place: format!("`{id}.{name}`"),
                rule,
                variables: &rules.variables,
                terms,
                categories,
                language: file.language,
                spoken,
                vocalised: spoken && rules.is_vocalised(file.language),
            };
            form.check(&attribute.value, name, faults);
        }
    }
    for form in rules.forms.iter().filter(|form| whole && !seen.contains(form.as_str())) {
        faults.at(
            id,
            format!("the message `{id}` has no part `.{form}`"),
            format!("write it below `{id} =`, indented"),
        );
    }
}

fn attributes(rules: &Rules) -> String {
    let names: Vec<String> = rules.forms.iter().map(|form| format!("`.{form}`")).collect();
    names.join(" and ")
}
