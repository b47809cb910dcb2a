//! Broken pipelines and what is said of them. Each file of `broken/` does one bad thing and begins with the codes that it must get.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod support;

use std::collections::BTreeSet;

use std::path::Path;

use majlis_config::{Source, check, codes, explain, render, text_of};
use support::{checked, files, source};

/// The codes in a fixture's first line, sorted.
fn promised(text: &str) -> Vec<String> {
    let line = text.lines().next().unwrap();
    let (codes, _) =
        line.strip_prefix("# ").and_then(|line| line.split_once(':')).expect("a fixture begins with its codes");
    let mut codes: Vec<String> = codes.split(' ').map(str::to_owned).collect();
    codes.sort();
    codes
}

#[test]
fn each_broken_pipeline_gets_its_codes_and_its_text() {
    let mut wrong = Vec::new();
    for (name, text) in files("broken") {
        let checked = checked(&text);
        let mut codes: Vec<&str> = checked.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        codes.sort_unstable();
        if codes != promised(&text) {
            wrong.push(format!("{name}: {codes:?}, promised {:?}", promised(&text)));
        }
        let has_errors = codes.iter().any(|code| code.starts_with('E'));
        for diagnostic in &checked.diagnostics {
            assert!(diagnostic.hint.is_some(), "{name}: what is an operator to do? {diagnostic}");
        }
        assert_eq!(checked.pipeline.is_none(), has_errors, "{name}: a pipeline is made exactly when there is no error");
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, render(&checked.diagnostics, &source(&text), false)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_code_has_a_broken_pipeline_or_a_test_of_its_own() {
    let mut shown: BTreeSet<String> = files("broken").iter().flat_map(|(_, text)| promised(text)).collect();
    // Manifests have tests/manifests.rs; E0713 is said by a plugin at `open`, see tests/pipelines.rs; E0103 is said of bytes, below.
    shown.extend(["E0103", "E0713", "E0901", "E0902", "E0903", "E0904", "E0905", "E0906"].map(str::to_owned));
    let all: BTreeSet<String> = codes::ALL.iter().map(|code| code.code.to_owned()).collect();
    assert_eq!(shown, all);
}

#[test]
fn a_code_is_explained_in_any_case_and_an_unknown_one_is_not() {
    assert_eq!(explain("e0401"), explain("E0401"));
    assert!(explain("E0401").unwrap().contains("[stage.NAME] inputs"));
    assert_eq!(explain("E9999"), None);
}

#[test]
fn a_secret_in_the_file_is_in_no_text_that_is_made_of_it() {
    for (name, text) in files("broken").into_iter().filter(|(_, text)| text.contains("sk-very-secret")) {
        let diagnostics = checked(&text).diagnostics;
        assert!(!render(&diagnostics, &source(&text), true).contains("very-secret"), "{name}");
        assert!(!format!("{diagnostics:?}").contains("very-secret"), "{name}");
    }
}

#[test]
fn what_a_variable_holds_is_in_no_text() {
    let fixtures = files("broken").into_iter().filter(|(name, _)| name.starts_with("variable-"));
    for (name, text) in fixtures {
        let diagnostics = checked(&text).diagnostics;
        let drawn = render(&diagnostics, &source(&text), false);
        for held in ["sk-from-the-environment", "/data/expo", "1000"] {
            assert!(!drawn.contains(held), "{name} shows {held}");
            assert!(!format!("{diagnostics:?}").contains(held), "{name} holds {held}");
        }
    }
}

#[test]
fn a_column_is_counted_in_characters() {
    let text = "[stage.camera]\nplugin = \"camera\"\n\ttitle = \"ترحيب\"\n\trestart = {\t\"عدد\" = 1 }\n";
    let diagnostic = &checked(text).diagnostics[0];
    assert_eq!((diagnostic.code, diagnostic.line, diagnostic.column), ("E0201", 4, 14));
    assert_eq!(&text[diagnostic.span.clone()], "\"عدد\"");
    assert!(render(&checked(text).diagnostics, &source(text), false).contains("expo/pipeline.toml:4:14"));
}

#[test]
fn a_file_with_windows_line_ends_has_the_same_places() {
    let text = "[stage.camera]\nplugin = \"camera\"\nfsp = 1\n";
    let windows = text.replace('\n', "\r\n");
    let places = |text: &str| -> Vec<(u32, u32)> {
        checked(text).diagnostics.iter().map(|found| (found.line, found.column)).collect()
    };
    assert_eq!(places(text), [(3, 1)]);
    assert_eq!(places(text), places(&windows));
}

#[test]
fn a_file_that_breaks_off_anywhere_is_read_and_drawn_without_a_panic() {
    let (catalogue, around) = (support::catalogue(), support::surroundings());
    let draw = |text: &str| {
        let checked = check(&source(text), &catalogue, &around);
        let drawn = render(&checked.diagnostics, &source(text), false);
        assert_eq!(drawn.is_empty(), checked.diagnostics.is_empty());
        assert!(checked.diagnostics.iter().all(|diagnostic| diagnostic.hint.is_some()), "{drawn}");
    };
    let arabic = "[stage.camera]\nplugin = \"camera\"\ntitle = \"كاميرا\u{202e}\"\r\nqueue = { overflow = \"bl";
    for whole in [support::good("riyadh").as_str(), arabic] {
        whole.char_indices().for_each(|(end, _)| draw(&whole[..end]));
    }
    draw(&format!("[stage.x.config]\na = {}", "[".repeat(10_000)));
    draw(&"[stage.x]\ninputs = { in = \"\n".repeat(10_000));
}

#[test]
fn a_break_in_any_one_line_hides_nothing_of_the_others_and_makes_nothing_up() {
    let good = support::good("riyadh");
    for (number, line) in good.lines().enumerate().filter(|(_, line)| line.contains(" = ")) {
        let broken = good.replacen(line, &line.replacen(" = ", " ", 1), 1) + "\n[stage.last]\nplugin = \"camrea\"\n";
        let codes: Vec<&str> = checked(&broken).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, ["E0101", "E0301"], "line {}: {line}", number + 1);
    }
    for header in good.lines().filter(|line| line.starts_with('[')) {
        let broken = good.replacen(header, header.trim_end_matches(']'), 1);
        let codes: Vec<&str> = checked(&broken).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, ["E0101"], "{header}");
    }
}

#[test]
fn of_a_file_that_is_no_toml_at_all_not_every_line_is_reported() {
    let diagnostics = checked(&"- a: b\n".repeat(1_000)).diagnostics;
    assert_eq!(diagnostics.len(), 25);
    assert_eq!(diagnostics[24].message, "lines that cannot be read either: 976");
}

#[test]
fn a_file_that_is_not_utf_8_gets_its_code_its_place_and_a_remedy() {
    let file = Path::new("expo/pipeline.toml");
    let bytes = b"[pipeline]\nname = \"caf\xe9\"\n".to_vec();
    let not_text = text_of(file, bytes).unwrap_err();
    let found = &not_text.diagnostic;
    assert_eq!((found.file.as_str(), found.line, found.column), ("expo/pipeline.toml", 2, 12));
    let drawn = render(std::slice::from_ref(found), &Source { file, text: &not_text.text }, false);
    insta::assert_snapshot!("not_utf_8", drawn);
    let utf_16 = text_of(file, b"\xff\xfe[\0".to_vec()).unwrap_err();
    assert_eq!((utf_16.diagnostic.line, utf_16.diagnostic.column), (1, 1));
    assert_eq!(utf_16.diagnostic.message, "the file is UTF-16 and not UTF-8");
    assert_eq!(text_of(file, "name = \"café\"".into()).unwrap(), "name = \"café\"");
}

#[test]
fn a_fault_in_another_file_has_that_ones_place_and_says_where_it_is_named() {
    let text = support::files("broken").into_iter().find(|(name, _)| name == "messages").unwrap().1;
    let found = checked(&text).diagnostics;
    let fault = found.iter().find(|found| found.message.contains("`$nom`")).unwrap();
    assert_eq!((fault.file.as_str(), fault.line, fault.column), ("expo/words/fr.ftl", 2, 25));
    let [named] = &fault.related[..] else { panic!("{fault:?}") };
    assert_eq!((named.file.as_str(), named.line, named.message.as_str()), ("expo/pipeline.toml", 15, "named here"));
    assert_eq!(serde_json::to_value(fault).unwrap()["text"], serde_json::Value::Null, "its text is no part of it");
}

#[test]
fn a_key_in_a_file_of_the_plugin_that_should_be_secret_is_not_drawn() {
    let text = support::files("broken").into_iter().find(|(name, _)| name == "file-not-toml").unwrap().1;
    let broken = text.replace("not.toml", "key.toml");
    let mut around = support::surroundings();
    around.files.insert("expo/phrases/key.toml".into(), "[[tag]]\napi_key = 'sk-very-secret\nsees = 'a'\n".into());
    let found = check(&source(&broken), &support::catalogue(), &around).diagnostics;
    let drawn = render(&found, &source(&broken), false);
    assert!(drawn.contains("api_key =***") && !drawn.contains("very-secret"), "{drawn}");
    assert!(!format!("{found:?}").contains("very-secret"));
}

#[test]
fn a_place_in_a_file_of_the_plugin_is_told_with_the_others_of_that_file() {
    let text = support::files("broken").into_iter().find(|(name, _)| name == "file-with-faults").unwrap().1;
    let found = checked(&text).diagnostics;
    let second = found.iter().find(|found| found.message.contains("second time")).unwrap();
    assert_eq!((second.file.as_str(), second.line, second.column), ("expo/phrases/tags.toml", 16, 7));
    let places: Vec<_> =
        second.related.iter().map(|related| (related.file.as_str(), related.line, related.message.as_str())).collect();
    let expected = [("expo/pipeline.toml", 14, "named here"), ("expo/phrases/tags.toml", 10, "the first is here")];
    assert_eq!(places, expected);
}

#[test]
fn as_json_a_diagnostic_has_its_file_and_all_its_places() {
    let text =
        "[stage.camera]\nplugin = \"camera\"\n[stage.a]\nplugin = \"greeting\"\ninputs.faces = \"camera.frame\"\n";
    insta::assert_snapshot!("as_json", serde_json::to_string_pretty(&checked(text).diagnostics).unwrap());
}
