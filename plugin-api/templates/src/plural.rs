use intl_pluralrules::{PluralCategory, PluralRuleType, PluralRules};
use unic_langid::LanguageIdentifier;

/// The plural categories that numbers of things have in a language: those by which a variant can be chosen.
pub(crate) fn categories(tag: &str) -> Vec<&'static str> {
    let rules = |tag: &str| {
        let tag: LanguageIdentifier = tag.parse().ok()?;
        PluralRules::create(tag, PluralRuleType::CARDINAL).ok()
    };
    let Some(rules) = rules(tag).or_else(|| rules(crate::primary(tag))) else {
        return vec!["other"];
    };
    // The crate chooses and does not list. No language tells numbers apart beyond these.
    let mut found: Vec<&'static str> = Vec::new();
    for number in 0..=200_u32 {
        let category = rules.select(number).map_or("other", word);
        if !found.contains(&category) {
            found.push(category);
        }
    }
    let all = ["zero", "one", "two", "few", "many", "other"];
    all.into_iter().filter(|category| *category == "other" || found.contains(category)).collect()
}

fn word(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::ZERO => "zero",
        PluralCategory::ONE => "one",
        PluralCategory::TWO => "two",
        PluralCategory::FEW => "few",
        PluralCategory::MANY => "many",
        PluralCategory::OTHER => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::categories;

    #[test]
    fn arabic_has_six_english_two_and_chinese_one() {
        assert_eq!(categories("ar-SA"), ["zero", "one", "two", "few", "many", "other"]);
        assert_eq!(categories("en"), ["one", "other"]);
        assert_eq!(categories("pl-PL"), ["one", "few", "many", "other"]);
        assert_eq!(categories("zh"), ["other"]);
        assert_eq!(categories("tlh"), ["other"]);
    }
}
