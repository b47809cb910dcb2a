//! The table of the README by which a native speaker reviews the texts, and what a program can check of them.

use std::rc::Rc;

use majlis_plugin_api::{Person, Utterance, UtteranceKind, Value};
use serde_json::json;

use crate::calendar::Moment;
use crate::compose::{Audience, greeting};
use crate::guest::Guest;
use crate::texts::{Language, Texts};
use crate::titles::Titles;

const BEGIN: &str = "<!-- review -->\n";
const END: &str = "<!-- /review -->";

fn language(tag: &str) -> Rc<Language> {
    Rc::new(Texts::built_in().language(tag).unwrap())
}

fn guest(name: [&str; 3], more: Value) -> Guest {
    let [arabic, spoken, latin] = name;
    let mut record =
        json!({ "id": latin, "name_ar": arabic, "name_speak": spoken, "name_latin": latin, "announce": true });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let person: Person = serde_json::from_value(record).unwrap();
    Guest::of(&person).unwrap()
}

const SALEM: [&str; 3] = ["سالم المنصوري", "سَالِم الْمَنْصُورِي", "Salem Al Mansouri"];
const NOURA: [&str; 3] = ["نورة الهاشمي", "نُورَة الْهَاشِمِي", "Noura Al Hashimi"];
const FAHD: [&str; 3] = ["فهد الساعدي", "فَهْد السَّاعِدِي", "Fahd Al Saedi"];
const LAYLA: [&str; 3] = ["ليلى حداد", "لَيْلَى حَدَّاد", "Layla Haddad"];

fn salem(title: &str) -> Guest {
    guest(SALEM, json!({ "title": title, "gender": "male" }))
}

fn noura(title: &str) -> Guest {
    guest(NOURA, json!({ "title": title, "gender": "female" }))
}

/// Somebody who wants to be addressed by title alone.
fn only(name: [&str; 3], title: &str, gender: &str) -> Guest {
    guest(name, json!({ "title": title, "gender": gender, "announce": false, "announce_as": "title" }))
}

fn guests(people: usize) -> Audience {
    Audience { people, ..Audience::default() }
}

fn named(guests: Vec<Guest>) -> Audience {
    Audience { people: guests.len(), guests, again: false }
}

fn again(guests: Vec<Guest>) -> Audience {
    Audience { again: true, ..named(guests) }
}

fn at(time: &'static str) -> Moment {
    Moment { time: Some(time), ..Moment::default() }
}

fn on(occasion: &str, country: &str) -> Moment {
    Moment { time: Some("morning"), occasion: Some(occasion.into()), country: country.into() }
}

fn cases() -> Vec<(&'static str, &'static str, Audience, Moment)> {
    let morning = || at("morning");
    vec![
        ("a guest in the morning", "ar", guests(1), morning()),
        ("a guest in the afternoon", "ar", guests(1), at("afternoon")),
        ("a guest in the evening", "ar", guests(1), at("evening")),
        ("a guest at any hour (`salam`)", "ar", guests(1), at("any")),
        ("two guests", "ar", guests(2), morning()),
        ("three guests", "ar", guests(3), morning()),
        ("a name alone", "ar", named(vec![guest(FAHD, json!({}))]), morning()),
        ("doctor, a man", "ar", named(vec![salem("الدكتور")]), morning()),
        ("doctor, a woman", "ar", named(vec![noura("الدكتورة")]), at("evening")),
        ("doctor, typed as د., a woman", "ar", named(vec![noura("د.")]), at("any")),
        ("doctor, typed as Dr, gender not said", "ar", named(vec![guest(LAYLA, json!({ "title": "Dr" }))]), morning()),
        ("engineer, a man", "ar", named(vec![salem("المهندس")]), morning()),
        ("engineer, a woman", "ar", named(vec![noura("المهندسة")]), morning()),
        ("ustadh", "ar", named(vec![salem("الأستاذ")]), morning()),
        ("ustadha", "ar", named(vec![noura("الأستاذة")]), morning()),
        ("professor", "ar", named(vec![salem("أ.د.")]), morning()),
        ("sheikh", "ar", named(vec![salem("الشيخ")]), at("any")),
        ("ambassador", "ar", named(vec![salem("سعادة السفير")]), at("any")),
        ("minister, a woman", "ar", named(vec![noura("معالي الوزيرة")]), at("any")),
        (
            "prince",
            "ar",
            named(vec![guest(["خالد", "خَالِد", "Khalid"], json!({ "title": "سمو الأمير", "gender": "male" }))]),
            at("any"),
        ),
        (
            "royal highness",
            "ar",
            named(vec![guest(["نورة", "نُورَة", "Noura"], json!({ "title": "صاحبة السمو الملكي", "gender": "female" }))]),
            at("any"),
        ),
        ("by title alone: doctor", "ar", named(vec![only(NOURA, "الدكتورة", "female")]), morning()),
        ("by title alone: minister", "ar", named(vec![only(SALEM, "معالي الوزير", "male")]), at("any")),
        ("a title that is in no table", "ar", named(vec![salem("أمين المتحف")]), morning()),
        (
            "no `name_speak`: the name is shown, not said",
            "ar",
            named(vec![guest(["جون سميث", "", "John Smith"], json!({}))]),
            morning(),
        ),
        ("a name in Latin letters alone", "ar", named(vec![guest(["", "", "Li Wei"], json!({}))]), morning()),
        ("two by name", "ar", named(vec![guest(FAHD, json!({})), guest(LAYLA, json!({}))]), morning()),
        ("two, the second with a title", "ar", named(vec![guest(FAHD, json!({})), noura("الدكتورة")]), morning()),
        ("two with titles", "ar", named(vec![salem("الدكتور"), noura("المهندسة")]), morning()),
        (
            "three: two names and the guests",
            "ar",
            named(vec![salem("معالي الوزير"), noura("الدكتورة"), guest(FAHD, json!({}))]),
            at("any"),
        ),
        ("again, by name", "ar", again(vec![noura("الدكتورة")]), morning()),
        ("again, two", "ar", again(vec![guest(FAHD, json!({})), guest(LAYLA, json!({}))]), morning()),
        ("Ramadan, a guest", "ar", guests(1), on("ramadan", "SA")),
        ("Eid al-Fitr, two guests", "ar", guests(2), on("fitr", "SA")),
        ("Eid al-Adha, by name", "ar", named(vec![noura("الدكتورة")]), on("adha", "SA")),
        ("national day, Saudi Arabia", "ar", guests(1), on("national-day", "SA")),
        ("national day, Oman", "ar", guests(1), on("national-day", "OM")),
        ("founding day", "ar", guests(1), on("founding-day", "SA")),
        ("English: doctor", "en", named(vec![noura("الدكتورة")]), morning()),
        (
            "English: three on a national day",
            "en",
            named(vec![salem("معالي الوزير"), noura("الدكتورة"), guest(FAHD, json!({}))]),
            on("national-day", "AE"),
        ),
    ]
}

fn composed(tag: &str, audience: &Audience, moment: &Moment) -> Utterance {
    greeting(&[language(tag)], &Titles::built_in().unwrap(), audience, moment)
}

fn table() -> String {
    let mut table = String::from("| | case | shown | said |\n|---|---|---|---|\n");
    for (number, (case, tag, audience, moment)) in cases().into_iter().enumerate() {
        let utterance = composed(tag, &audience, &moment);
        let shown = utterance.display.replace(['\u{2068}', '\u{2069}'], "");
        table.push_str(&format!("| {} | {case} | {shown} | {} |\n", number + 1, utterance.speak));
    }
    table
}

#[test]
fn the_review_table_of_the_readme_is_what_the_templates_say() {
    assert_eq!(cases().len(), 40);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (head, rest) = readme.split_once(BEGIN).expect("the README has a place for the table");
    let (_, tail) = rest.split_once(END).expect("and says where it ends");
    let made = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var_os("MAJLIS_BLESS").is_some() {
        std::fs::write(path, made).unwrap();
        return;
    }
    assert_eq!(readme, made, "write it anew with MAJLIS_BLESS=1");
}

#[test]
fn what_is_said_in_arabic_has_its_mark_on_every_letter_and_the_form_of_a_pause_before_each_pause() {
    for (case, tag, audience, moment) in cases() {
        let utterance = composed(tag, &audience, &moment);
        if tag != "ar" {
            continue;
        }
        // Names are the record's; what stands around them is ours.
        let ours = if utterance.speak_nameless.is_empty() { &utterance.speak } else { &utterance.speak_nameless };
        held(case, ours);
    }
    let salem = || guest(["", "سَالِمْ", "Salem"], json!({}));
    for audience in [named(vec![salem()]), named(vec![salem(); 2]), named(vec![salem(); 3]), again(vec![salem(); 2])] {
        held("names", &composed("ar", &audience, &at("any")).speak);
    }
    for country in ["SA", "AE", "BH", "EG", "JO", "KW", "OM", "QA", "XX"] {
        held(country, &composed("ar", &guests(1), &on("national-day", country)).speak);
    }
    for occasion in ["ramadan", "fitr", "adha", "founding-day"] {
        for people in [1, 2, 3] {
            held(occasion, &composed("ar", &guests(people), &on(occasion, "SA")).speak);
        }
    }
    for (before_a_name, before_a_pause) in Titles::built_in().unwrap().spoken("ar") {
        // Before a name only the marks are asked for.
        assert_eq!(bare(&before_a_name), None, "{before_a_name}");
        held("a title", &format!("{before_a_pause}."));
    }
}

fn held(case: &str, said: &str) {
    assert_eq!(bare(said), None, "{case}: {said}");
    for (at, _) in said.match_indices(['.', '،']) {
        let last = said[..at].chars().next_back().unwrap();
        let short = matches!(last, '\u{064c}'..='\u{0650}');
        assert!(!short, "{case}: before a pause the ending falls: {}", &said[..at]);
    }
    assert!(!said.contains(char::is_numeric), "{case}: {said}");
}

/// The first word with a letter that has neither a mark nor a reason to have none.
fn bare(text: &str) -> Option<String> {
    let mark = |letter: char| matches!(letter, '\u{064b}'..='\u{0652}');
    let words = text.split(|letter: char| !(mark(letter) || matches!(letter, '\u{0621}'..='\u{064a}')));
    words.filter(|word| !word.is_empty()).find(|word| is_bare(word, mark)).map(str::to_owned)
}

fn is_bare(word: &str, mark: impl Fn(char) -> bool) -> bool {
    // Each letter with its marks.
    let mut letters: Vec<(char, String)> = Vec::new();
    for letter in word.chars() {
        match letters.last_mut().filter(|_| mark(letter)) {
            Some((_, marks)) => marks.push(letter),
            None => letters.push((letter, String::new())),
        }
    }
    letters.iter().enumerate().any(|(at, (letter, marks))| {
        let before = |mark: char| at > 0 && letters[at - 1].1.contains(mark);
        let has_reason = match letter {
            // A long vowel, a chair of tanwin, or the article, which follows at most a particle.
            'ا' => before('\u{064e}') || before('\u{064b}') || letters.get(at + 1).is_some_and(|next| next.0 == 'ل'),
            'ى' => before('\u{064e}') || before('\u{064b}'),
            'و' => before('\u{064f}'),
            'ي' => before('\u{0650}'),
            // The article's, before a letter that takes it in.
            'ل' => {
                at > 0
                    && letters[at - 1].0 == 'ا'
                    && letters.get(at + 1).is_some_and(|next| next.1.contains('\u{0651}'))
            }
            'آ' => true,
            _ => false,
        };
        marks.is_empty() && !has_reason
    })
}

#[test]
fn the_check_of_marks_finds_what_is_missing() {
    for whole in ["أَهْلًا", "وَالضُّيُوفُ", "اللَّهِ", "أَضْحًى", "مَعَالِيَ", "نُورَةْ", "بِكُمَا"]
    {
        assert_eq!(bare(whole), None);
    }
    for missing in ["أَهلًا", "وَالضُيُوفُ", "وَالضُّيُوف", "مَعَالِي الوَزِيرْ", "نُورَة"]
    {
        assert!(bare(missing).is_some(), "{missing}");
    }
}

#[test]
fn a_voice_that_may_not_name_has_a_form_without_a_name_and_countries_that_all_agreed_to() {
    let agreed = |id: &str, countries: Value| guest(["", "سَالِم", id], json!({ "name_sent_to": countries }));
    let both = named(vec![agreed("a", json!(["SA", "us"])), agreed("b", json!(["US", "AE"]))]);
    let utterance = composed("en", &both, &at("any"));
    assert_eq!(utterance.speak, "Welcome, a and b. We are glad that you are here.");
    assert_eq!(utterance.speak_in("US"), utterance.speak);
    assert_eq!(utterance.speak_in("SA"), "Welcome. We are glad that you are here.");
    assert_eq!(
        (&utterance.subjects[..], utterance.kind),
        (&["a".to_owned(), "b".to_owned()][..], UtteranceKind::Named)
    );
    let nobody = composed("en", &guests(3), &at("any"));
    assert_eq!((nobody.speak_nameless.as_str(), nobody.names_sent_to.len(), nobody.subjects.len()), ("", 0, 0));
    // A title says who somebody is, almost as a name does.
    let title = composed("ar", &named(vec![only(SALEM, "معالي الوزير", "male")]), &at("any"));
    assert!(title.speak.contains("الْوَزِيرْ") && !title.speak_nameless.contains("الْوَزِيرْ"), "{title:?}");
    assert_eq!(title.subjects, ["Salem Al Mansouri"]);
}

#[test]
fn the_language_of_the_record_comes_first_where_there_are_texts_in_it() {
    let mut texts = Texts::built_in();
    texts.languages = vec![language("ar-SA"), language("en")];
    let tags = |languages: Vec<Rc<Language>>| languages.iter().map(|language| language.tag.clone()).collect::<Vec<_>>();
    assert_eq!(tags(texts.languages("")), ["ar-SA", "en"]);
    assert_eq!(tags(texts.languages("en-GB")), ["en", "ar-SA"]);
    assert_eq!(tags(texts.languages("fr")), ["ar-SA", "en"]);
    texts.languages = vec![language("ar-SA")];
    assert_eq!(tags(texts.languages("en")), ["en", "ar-SA"]);
}
