//! Files of templates, and what is said of them.

use majlis_templates::{File, Rules, check, place};

fn rules() -> Rules {
    let json = serde_json::json!({
        "languages": ["en"],
        "forms": ["display", "speak"],
        "spoken": ["speak"],
        "vocalised": ["ar"],
        "messages": {
            "hello": { "must": ["name"], "may": ["people", "time"] },
            "bye": {},
            "feast-*": { "may": ["people"] }
        },
        "variables": { "name": "name", "people": "count", "time": { "word": ["morning", "evening"] }, "place": "text" }
    });
    serde_json::from_value(json).expect("rules are written so")
}

/// Each fault as `line:column message`.
fn said(language: &str, text: &str) -> Vec<String> {
    let faults = check(&[File { language, text }], &rules());
    let told = faults.iter().map(|fault| {
        assert!(!fault.hint.is_empty(), "what is an operator to do? {fault:?}");
        let (line, column) = place(text, fault.span.start);
        format!("{line}:{column} {}", fault.message)
    });
    told.collect()
}

const GOOD: &str = "\
hello =
    .display = مرحبا { $name }
    .speak = { $people ->
        [two] مَرْحَبًا بِكُمَا، { $name }
       *[other] مَرْحَبًا بِكُمْ، { $name }
    }.
bye =
    .display = وداعا
    .speak = وَدَاعًا
";

#[test]
fn a_file_without_faults_has_none() {
    assert_eq!(said("ar", GOOD), Vec::<String>::new());
    assert_eq!(said("ar-SA", GOOD), Vec::<String>::new());
}

#[test]
fn only_a_language_that_is_not_built_in_needs_every_message() {
    let bye = "bye =\n    .display = Bye\n    .speak = Bye\n";
    assert_eq!(said("en-GB", bye), Vec::<String>::new());
    assert_eq!(said("fr", bye), ["1:1 the message `hello` is missing"]);
    assert_eq!(said("fr", ""), ["1:1 the messages `bye`, `hello` are missing"]);
    let hello = "hello =\n    .display = Salut { $name }\n    .speak = Salut { $name }\n";
    let both = [File { language: "fr", text: bye }, File { language: "FR", text: hello }];
    assert_eq!(check(&both, &rules()), [], "files of one language add up");
    let region = [File { language: "fr-CA", text: bye }, File { language: "fr", text: hello }];
    let told: Vec<_> = check(&region, &rules()).into_iter().map(|fault| (fault.file, fault.message)).collect();
    assert_eq!(told, [(1, "the message `bye` is missing".to_owned())], "and a region adds to its language");
}

#[test]
fn each_fault_is_told_at_its_place() {
    for (text, told) in [
        ("bye =\n    .display = Bye\n", "1:1 the message `bye` has no part `.speak`"),
        ("bye = Bye\n    .display = Bye\n    .speak = Bye", "1:1 the text of `bye` itself is never used"),
        ("bye =\n    .display = Bye\n    .speak = Bye\n    .sing = Bye", "4:6 `bye` has no part `.sing`"),
        ("good-bye =\n    .display = Bye\n    .speak = Bye", "1:1 nothing says the message `good-bye`"),
        (
            "hello =\n    .display = Hello { $nam }, { $name }\n    .speak = Hello { $name }",
            "2:25 `hello.display` has no variable `$nam`",
        ),
        (
            "hello =\n    .display = Hello { $place } { $name }\n    .speak = Hello { $name }",
            "2:25 `hello.display` has no variable `$place`",
        ),
        ("hello =\n    .display = Hello\n    .speak = Hello { $name }", "2:6 `hello.display` does not use `$name`"),
        (
            "feast-a =\n    .display = Joy\n    .speak = { $people ->\n        [two] Joy\n       *[other] Joys\n    }",
            "4:10 `two` is none of the plural forms of `en`",
        ),
        (
            "hello =\n    .display = { $name }\n    .speak = { $time ->\n        [noon] Hi\n       *[morning] Ho\n    } { $name }",
            "4:10 `noon` is none of the values of `$time`",
        ),
        (
            "feast-a =\n    .display = Joy\n    .speak = Joy to { $people }",
            "3:24 `feast-a.speak` says the digits of `$people`",
        ),
        (
            "bye =\n    .display = Bye 2\n    .speak = Bye ٢",
            "3:14 `bye.speak` has digits, which each voice reads in its own way",
        ),
        ("bye =\n    .display = Bye\n    .speak = { -who }", "3:17 there is no `-who` in this file"),
        ("-who = { -who }\nbye =\n    .display = Bye\n    .speak = { -who }", "1:11 `-who` refers to itself"),
        (
            "bye =\n    .display = { hello }\n    .speak = Bye",
            "2:18 `bye.display` refers to `hello`, and a message uses variables and terms alone",
        ),
        (
            "hello =\n    .display = { $time } { $name }\n    .speak = { $name }",
            "2:19 `$time` is a word for choosing, not for saying",
        ),
    ] {
        assert_eq!(said("en", text), [told], "{text}");
    }
    let twice = "bye =\n    .display = Bye\n    .speak = Bye\n";
    assert_eq!(said("en", &format!("{twice}{twice}")), ["4:1 the message `bye` stands twice"]);
}

#[test]
fn a_text_that_is_no_template_is_told_at_the_line_where_it_breaks_off() {
    let broken = "bye =\n    .display = Bye\n    .speak = { $people ->\n        [two] Bye\n    }\n";
    let said = said("en", broken);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("3:1 this cannot be read"), "{said:?}");
}

#[test]
fn an_arabic_name_is_spoken_before_a_pause_and_nowhere_else() {
    let hello = |speak: &str| format!("{}hello =\n    .display = {{ $name }}\n    .speak = {speak}\n", bye());
    for good in [
        "أَهْلًا، { $name }",
        "أَهْلًا، { $name } ، بِكُمْ",
        "أَهْلًا، { $name }{ \".\" }",
        "أَهْلًا، { $name }{ -end }",
        "أَهْلًا، { $name }{ $people ->\n        [two] ، بِكُمَا\n       *[other] ، بِكُمْ\n    }",
        "{ $people ->\n        [two] { $name }\n       *[other] { $name }\n    }.",
    ] {
        let text = format!("-end = .\n{}", hello(good));
        assert_eq!(said("ar", &text), Vec::<String>::new(), "{good}");
    }
    for wrong in [
        "أَهْلًا { $name } بِكُمْ",
        "أَهْلًا { $name }{ $name }",
        "أَهْلًا، { $name }{ $people ->\n        [two] بِكُمَا\n       *[other] ، بِكُمْ\n    }",
        "{ $people ->\n        [two] { $name }\n       *[other] { $name }\n    } بِكُمْ",
    ] {
        let said = said("ar", &hello(wrong));
        assert!(
            !said.is_empty() && said.iter().all(|told| told.contains("does not stand before a pause")),
            "{wrong}: {said:?}"
        );
    }
    assert_eq!(
        said("en", "hello =\n    .display = { $name }\n    .speak = Hello { $name } there\n"),
        Vec::<String>::new()
    );
}

fn bye() -> &'static str {
    "bye =\n    .display = وداعا\n    .speak = وَدَاعًا\n"
}

#[test]
fn an_arabic_word_without_marks_is_told() {
    let text = GOOD.replace("وَدَاعًا", "وداعا");
    assert_eq!(said("ar", &text), ["9:14 in `bye.speak` the word `وداعا` has no vowel marks, and a voice misreads it"]);
    assert_eq!(
        said("en", &text.replace("[two]", "[one]")),
        Vec::<String>::new(),
        "of a language without that rule nothing is said"
    );
}
