//! The texts of each language, and messages made of them.

use std::rc::Rc;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use majlis_plugin_api::{Error, Host, Result};
use majlis_templates::{File, check, language_of, place, primary};

use crate::config::Config;
use crate::rules::{BUILT_IN, DISPLAY, SPEAK, rules};

/// A language that is greeted in.
pub(crate) struct Language {
    /// The tag as the operator or the record wrote it.
    pub(crate) tag: String,
    bundle: FluentBundle<FluentResource>,
}

impl Language {
    /// Whether names are shown in Arabic script.
    pub(crate) fn arabic_script(&self) -> bool {
        matches!(primary(&self.tag).to_ascii_lowercase().as_str(), "ar" | "fa" | "ur" | "ps" | "ckb")
    }

    pub(crate) fn primary(&self) -> &str {
        primary(&self.tag)
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }

    /// For the eye. Empty: the message says nothing.
    pub(crate) fn display(&self, id: &str, arguments: &FluentArgs<'_>) -> String {
        self.form(id, DISPLAY, arguments)
    }

    /// For the voice, as it was written.
    pub(crate) fn speak(&self, id: &str, arguments: &FluentArgs<'_>) -> String {
        self.form(id, SPEAK, arguments)
    }

    fn form(&self, id: &str, form: &str, arguments: &FluentArgs<'_>) -> String {
        let message = self.bundle.get_message(id);
        let Some(attribute) = message.and_then(|message| message.get_attribute(form)) else {
            return String::new();
        };
        // The rules leave nothing that could go wrong here.
        let text = self.bundle.format_pattern(attribute.value(), Some(arguments), &mut Vec::new());
        text.trim().to_owned()
    }
}

/// All texts, and the languages that are greeted in.
pub(crate) struct Texts {
    sources: Vec<(String, String)>,
    /// Those of the configuration, in their order.
    pub(crate) languages: Vec<Rc<Language>>,
    /// Those of people who enrolled with another one, as they come.
    others: Vec<Rc<Language>>,
}

impl Texts {
    pub(crate) fn open(config: &Config, host: &Host) -> Result<Self> {
        let mut texts = Self { sources: sources(config, host)?, languages: Vec::new(), others: Vec::new() };
        texts.languages = match config.languages.is_empty() {
            true => texts.of_the_pipeline(host.language()),
            false => texts.asked_for(&config.languages)?,
        };
        if texts.languages.is_empty() {
            return Err(Error::config("languages", "names no language to greet in"));
        }
        Ok(texts)
    }

    #[cfg(test)]
    pub(crate) fn built_in() -> Self {
        Self { sources: built_in(), languages: Vec::new(), others: Vec::new() }
    }

    /// The languages of a greeting, the person's first where there are texts in it.
    pub(crate) fn languages(&mut self, of_the_person: &str) -> Vec<Rc<Language>> {
        let mut languages = self.languages.clone();
        let same = |language: &Rc<Language>, tag: &str| language.tag.eq_ignore_ascii_case(tag);
        let near = |language: &Rc<Language>, tag: &str| language.primary().eq_ignore_ascii_case(primary(tag));
        let known = languages.iter().position(|language| same(language, of_the_person));
        let known = known.or_else(|| languages.iter().position(|language| near(language, of_the_person)));
        let first = match known {
            Some(known) => Some(languages.remove(known)),
            None if of_the_person.is_empty() => None,
            None => self.others.iter().find(|language| same(language, of_the_person)).cloned().or_else(|| {
                let language = Rc::new(self.language(of_the_person)?);
                self.others.push(Rc::clone(&language));
                Some(language)
            }),
        };
        first.into_iter().chain(languages).collect()
    }

    /// An occasion that one of the languages has no words for is not mentioned in it.
    pub(crate) fn warn_of_missing<'n>(&self, occasions: impl Iterator<Item = &'n str>) {
        for occasion in occasions {
            for language in self.languages.iter().filter(|language| !language.has(&format!("occasion-{occasion}"))) {
                let language = language.tag.as_str();
                tracing::warn!(occasion, language, "there is no message `occasion-NAME` for it; add one with `texts`");
            }
        }
    }

    fn of_the_pipeline(&self, tag: &str) -> Vec<Rc<Language>> {
        let beside = if primary(tag) == "en" { "ar" } else { "en" };
        let first = self.language(tag);
        if first.is_none() {
            // `majlis check` says so as well.
            tracing::warn!(
                language = tag,
                "there are no greeting texts in the pipeline's language; add them with `texts`"
            );
        }
        first.into_iter().chain(self.language(beside)).map(Rc::new).collect()
    }

    fn asked_for(&self, tags: &[String]) -> Result<Vec<Rc<Language>>> {
        let language = |(index, tag): (usize, &String)| {
            let language = self.language(tag).ok_or_else(|| {
                let mut known: Vec<&str> = self.sources.iter().map(|(tag, _)| tag.as_str()).collect();
                known.sort_unstable();
                known.dedup();
                let known = known.join(", ");
                let message = format!("there are no greeting texts in `{tag}`, only in {known}; add them with `texts`");
                Error::config(format!("languages[{index}]"), message)
            })?;
            Ok(Rc::new(language))
        };
        tags.iter().enumerate().map(language).collect()
    }

    /// The texts of a language, and below them those of the one that it is a kind of: `ar` below `ar-SA`.
    pub(crate) fn language(&self, tag: &str) -> Option<Language> {
        let of =
            |tag: &str| self.sources.iter().filter(|(known, _)| known.eq_ignore_ascii_case(tag)).collect::<Vec<_>>();
        let mut sources = of(primary(tag));
        if !tag.eq_ignore_ascii_case(primary(tag)) {
            sources.extend(of(tag));
        }
        if sources.is_empty() {
            return None;
        }
        let locale = tag.parse().or_else(|_| primary(tag).parse()).ok()?;
        let mut bundle = FluentBundle::new(vec![locale]);
        // Names are isolated where they are filled in, and nowhere else; a voice gets no marks at all.
        bundle.set_use_isolating(false);
        for (_, source) in sources {
            let resource = FluentResource::try_new(source.clone()).unwrap_or_else(|(readable, _)| readable);
            bundle.add_resource_overriding(resource);
        }
        Some(Language { tag: tag.to_owned(), bundle })
    }
}

fn built_in() -> Vec<(String, String)> {
    BUILT_IN.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect()
}

/// The built-in texts, then the operator's, each with its language.
fn sources(config: &Config, host: &Host) -> Result<Vec<(String, String)>> {
    let mut sources = built_in();
    let own = sources.len();
    for (index, file) in config.texts.iter().enumerate() {
        let refused = |why: String| Error::config(format!("texts[{index}]"), format!("{}: {why}", file.0));
        let tag = language_of(&file.0)
            .ok_or_else(|| refused("the name says no language; call it by its tag, such as `fr.ftl`".to_owned()))?;
        let text = std::fs::read_to_string(host.path(&file.0)).map_err(|error| refused(error.to_string()))?;
        sources.push((tag.to_owned(), text));
    }
    let files: Vec<File<'_>> = sources[own..].iter().map(|(language, text)| File { language, text }).collect();
    match check(&files, &rules()).first() {
        None => Ok(sources),
        Some(fault) => {
            let (line, column) = place(files[fault.file].text, fault.span.start);
            let file = &config.texts[fault.file].0;
            let message = format!("{file}:{line}:{column}: {}; {}", fault.message, fault.hint);
            Err(Error::config(format!("texts[{}]", fault.file), message))
        }
    }
}
