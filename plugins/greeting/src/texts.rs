use std::collections::BTreeMap;

use majlis_plugin_api::{Error, Host, Result};
use serde::Deserialize;

use crate::Config;

const BUILT_IN: &str = include_str!("texts.toml");
/// Where the names stand in a text.
pub(crate) const NAMES: &str = "{names}";

/// The texts of one language.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Texts {
    pub(crate) guest: Forms,
    pub(crate) named: Forms,
    pub(crate) join: JoinForms,
}

/// One text for the eye and one for the voice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forms {
    pub(crate) display: String,
    pub(crate) speak: String,
}

/// How names are joined, for the eye and for the voice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinForms {
    pub(crate) display: Join,
    pub(crate) speak: Join,
}

/// What stands between names, and before the last one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Join {
    between: String,
    last: String,
}

impl Join {
    pub(crate) fn join(&self, names: &[String]) -> String {
        match names {
            [] => String::new(),
            [only] => only.clone(),
            [first @ .., last] => first.join(&self.between) + &self.last + last,
        }
    }
}

/// A language that is greeted in.
#[derive(Clone, Debug)]
pub(crate) struct Language {
    /// The tag as the operator wrote it.
    pub(crate) tag: String,
    pub(crate) texts: Texts,
}

impl Language {
    /// Whether names are shown in Arabic script.
    pub(crate) fn arabic_script(&self) -> bool {
        matches!(primary(&self.tag).to_ascii_lowercase().as_str(), "ar" | "fa" | "ur" | "ps" | "ckb")
    }
}

fn primary(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

/// The languages that the configuration asks for, each with its texts.
pub(crate) fn languages(config: &Config, host: &Host) -> Result<Vec<Language>> {
    let mut all = parse(BUILT_IN).map_err(|error| error.within("the built-in greeting texts"))?;
    if !config.texts.is_empty() {
        let path = host.path(&config.texts);
        let refused = |why: String| Error::config("texts", format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        all.extend(parse(&text).map_err(|error| refused(error.to_string()))?);
    }
    // A tag is the same in any case: `ar-sa`, `AR`.
    let of = |tag: &str| all.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag)).map(|(_, texts)| texts.clone());
    let find = |tag: &str| of(tag).or_else(|| of(primary(tag)));
    if config.languages.is_empty() {
        let tag = host.language();
        let beside = if primary(tag) == "en" { "ar" } else { "en" };
        let languages = [tag, beside].into_iter();
        let known: Vec<_> =
            languages.filter_map(|tag| Some(Language { tag: tag.to_owned(), texts: find(tag)? })).collect();
        if find(tag).is_none() {
            // `majlis check` says so as well where it can; a file of texts is only read here.
            tracing::warn!(
                language = tag,
                "there are no greeting texts in the pipeline's language; add them with `texts`"
            );
        }
        return Ok(known);
    }
    let found = config.languages.iter().enumerate().map(|(index, tag)| {
        let texts = find(tag).ok_or_else(|| {
            let known = all.keys().cloned().collect::<Vec<_>>().join(", ");
            let message = format!("there are no greeting texts in `{tag}`, only in {known}; add them with `texts`");
            Error::config(format!("languages[{index}]"), message)
        })?;
        Ok(Language { tag: tag.clone(), texts })
    });
    found.collect()
}

fn parse(text: &str) -> Result<BTreeMap<String, Texts>> {
    let all: BTreeMap<String, Texts> = toml::from_str(text)?;
    for (language, texts) in &all {
        for (kind, forms, wanted) in [("guest", &texts.guest, false), ("named", &texts.named, true)] {
            for (form, text) in [("display", &forms.display), ("speak", &forms.speak)] {
                if text.contains(NAMES) != wanted {
                    let what = if wanted { "has no" } else { "is for nobody in particular and must have no" };
                    return Err(Error::new(format!("{language}.{kind}.{form} {what} {NAMES}")));
                }
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_the_languages_of_the_built_in_texts() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../config.schema.json")).expect("the schema is JSON");
        let named = &schema["properties"]["languages"]["x-languages"];
        let has = parse(BUILT_IN).expect("the built-in texts are good").into_keys().collect::<Vec<_>>();
        assert_eq!(named, &serde_json::json!(has));
    }
}
