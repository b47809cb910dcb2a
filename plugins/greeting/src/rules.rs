//! What the texts must bring: the same rules stand in the schema, by which `majlis check` reads an operator's files, and hold when the
//! stage opens.

use std::collections::BTreeMap;

use majlis_templates::{Message, Rules, Variable};

/// Languages whose texts are built in.
pub(crate) const BUILT_IN: [(&str, &str); 2] = [("ar", include_str!("ar.ftl")), ("en", include_str!("en.ftl"))];

pub(crate) const DISPLAY: &str = "display";
pub(crate) const SPEAK: &str = "speak";

pub(crate) fn rules() -> Rules {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let message =
        |id: &str, must: &[&str], may: &[&str]| (id.to_owned(), Message { must: words(must), may: words(may) });
    let variable = |name: &str, variable| (name.to_owned(), variable);
    Rules {
        languages: BUILT_IN.iter().map(|(tag, _)| (*tag).to_owned()).collect(),
        forms: words(&[DISPLAY, SPEAK]),
        spoken: words(&[SPEAK]),
        vocalised: words(&["ar"]),
        messages: BTreeMap::from([
            message("salutation", &[], &["time", "people"]),
            message("guest", &[], &["people"]),
            message("named", &["names"], &["people"]),
            message("again", &[], &["people"]),
            message("again-named", &["names"], &["people"]),
            message("title-and-name", &["title", "name"], &[]),
            message("pair", &["first", "second"], &[]),
            message("one-and-guests", &["first"], &[]),
            message("pair-and-guests", &["first", "second"], &[]),
            message("occasion-*", &[], &["country", "people"]),
        ]),
        variables: BTreeMap::from([
            variable("names", Variable::Name),
            variable("name", Variable::Name),
            variable("first", Variable::Name),
            variable("second", Variable::Name),
            variable("title", Variable::Text),
            variable("people", Variable::Count),
            variable("time", Variable::Word(words(&["morning", "afternoon", "evening", "any"]))),
            variable("country", Variable::Word(Vec::new())),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use majlis_templates::{File, check, place};

    use super::*;

    #[test]
    fn the_built_in_texts_keep_the_rules_as_a_new_language_would_have_to() {
        let files = BUILT_IN.map(|(language, text)| File { language, text });
        let strict = Rules { languages: Vec::new(), ..rules() };
        let faults = check(&files, &strict);
        let told: Vec<_> =
            faults.iter().map(|fault| (place(files[fault.file].text, fault.span.start), &fault.message)).collect();
        assert!(told.is_empty(), "{told:?}");
    }
}
