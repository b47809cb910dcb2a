//! What is heard of the real program.

mod room;

use majlis_plugin_api::Utterance;
use majlis_testkit::Ending;
use majlis_voice::Phonemes;
use majlis_voice_espeak::{Config, output};
use room::{builder, espeak_is_here, heard, numbered, opened, said};
use serde::Deserialize;
use serde_json::json;

const WELCOME: &str = "أَهْلًا وَسَهْلًا بِكُمْ فِي الْمَعْرِضِ";

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn a_greeting_is_heard_to_its_end() {
    if !espeak_is_here("what is heard") {
        return;
    }
    let mut kit = opened(json!({}));
    for (number, text, language) in [(1, WELCOME, "ar-SA"), (2, "Welcome to the exhibition", "en")] {
        assert_eq!(said(&mut kit, numbered(number, text, language)).1, Ending::Finished);
        let (samples, last) = heard(&kit, number);
        let (seconds, peak) = (samples.len() as f64 / 22_050.0, samples.iter().map(|s| s.unsigned_abs()).max());
        assert!(last && (1.0..6.0).contains(&seconds), "{seconds} s of {language}");
        assert!(peak.is_some_and(|peak| (3_000..i16::MAX.unsigned_abs()).contains(&peak)), "a peak of {peak:?}");
    }
    let first = kit.emitted(output::audio).remove(0).1;
    assert_eq!((first.rate(), first.channels(), first.samples().len()), (22_050, 1, 882), "20 ms");
}

#[test]
fn numbers_and_latin_names_inside_of_arabic_are_said() {
    if !espeak_is_here("numbers and Latin names") {
        return;
    }
    let mut kit = builder().wire_out(output::phonemes, "face.phonemes").open(json!({})).expect("it opens");
    said(&mut kit, numbered(1, "مَرْحَبًا يَا John Smith، 25 ضَيْفًا", "ar"));
    assert!(heard(&kit, 1).1);
    let value = kit.emitted(output::phonemes).remove(0).1.value;
    let phonemes: Phonemes = serde_json::from_value(value).expect("phonemes");
    let symbols: Vec<&str> = phonemes.phonemes.iter().map(|phoneme| phoneme.symbol.as_str()).collect();
    assert!(symbols.contains(&"dʒ") && symbols.contains(&"x"), "John, and the five of twenty-five: {symbols:?}");
}

#[test]
fn the_volume_the_speed_and_the_pitch_are_heard() {
    if !espeak_is_here("volume, speed and pitch") {
        return;
    }
    let mut sounds = Vec::new();
    for config in [
        json!({}),
        json!({ "volume": 20 }),
        json!({ "voices": { "ar": { "speed": 300 } } }),
        json!({ "voices": { "AR": { "pitch": 90 } } }),
    ] {
        let mut kit = opened(config);
        said(&mut kit, numbered(1, WELCOME, "ar"));
        sounds.push(heard(&kit, 1).0);
    }
    let peak = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    assert!(peak(&sounds[1]) * 2 < peak(&sounds[0]));
    assert!(sounds[2].len() * 3 < sounds[0].len() * 2);
    assert_ne!(sounds[3], sounds[0]);
}

#[test]
fn brackets_in_a_text_are_no_phonemes() {
    if !espeak_is_here("brackets") {
        return;
    }
    let mut kit = opened(json!({}));
    said(&mut kit, numbered(1, "one [[h@l'oU]] two", "en"));
    said(&mut kit, numbered(2, "one   h@l'oU   two", "en"));
    assert_eq!(heard(&kit, 1), heard(&kit, 2));
}

#[test]
fn a_feminine_ending_before_a_pause_is_said_without_its_t() {
    if !espeak_is_here("a feminine ending") {
        return;
    }
    let mut kit = opened(json!({}));
    for (number, text) in [(1, "يَا دُكْتُورَةْ."), (2, "يَا دُكْتُورَهْ."), (3, "يَا دُكْتُورَتْ.")]
    {
        said(&mut kit, numbered(number, text, "ar"));
    }
    assert_eq!(heard(&kit, 1), heard(&kit, 2));
    assert_ne!(heard(&kit, 1), heard(&kit, 3));
}

#[test]
fn a_language_without_a_voice_is_an_error_that_says_what_to_do() {
    if !espeak_is_here("a language without a voice") {
        return;
    }
    let mut kit = opened(json!({}));
    let visit = kit.open_visit().expect("no answer");
    let failure =
        kit.send(majlis_voice_espeak::input::utterance, visit, numbered(1, "Bonjour", "fr")).expect_err("nobody can");
    assert!(failure.message.contains("`fr`"), "{failure}");
    let mut kit = opened(json!({ "voices": { "fr": {} } }));
    assert_eq!(said(&mut kit, numbered(1, "Bonjour", "fr-CH")).1, Ending::Finished);
}

#[derive(Deserialize)]
struct Truth {
    language: String,
    speed: u32,
    text: String,
    /// By the events of the program's library, version 1.51, which the program itself does not print: `word-ends.py` measures them.
    word_ends_ms: Vec<f64>,
}

/// Its review table shows whatever its templates say.
const GREETING: &str = include_str!("../../greeting/README.md");

#[test]
fn all_that_the_greeting_says_is_among_the_texts_whose_words_were_measured() {
    let truths: Vec<Truth> = serde_json::from_str(include_str!("word-ends.json")).expect("a list");
    let (_, table) = GREETING.split_once("<!-- review -->").expect("there is a table");
    let (table, _) = table.split_once("<!-- /review -->").expect("it ends");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert_eq!(rows.len(), 40);
    for row in rows {
        let said = row.trim_end_matches('|').rsplit(" | ").next().expect("a last column").trim();
        let measured = truths.iter().any(|truth| truth.text == said);
        assert!(
            measured,
            "run plugins/voice-espeak/tests/word-ends.py --add plugins/greeting/README.md: `{said}` is new"
        );
    }
}

#[test]
fn the_ends_of_words_are_estimated_to_120_ms() {
    if !espeak_is_here("the times of phonemes") {
        return;
    }
    let truths: Vec<Truth> = serde_json::from_str(include_str!("word-ends.json")).expect("a list");
    let (mut worst, mut wrong) = (0.0_f64, Vec::new());
    for truth in truths {
        let language = truth.language.split('-').next().unwrap_or_default();
        let voices = json!({ language: { "voice": truth.language, "speed": truth.speed } });
        let builder = builder().wire_out(output::phonemes, "face.phonemes");
        let mut kit = builder.open(json!({ "voices": voices })).expect("it opens");
        said(&mut kit, Utterance { number: 3, ..Utterance::plain(&truth.text, language) });
        let value = kit.emitted(output::phonemes).remove(0).1.value;
        assert_eq!(value["utterance"], 3);
        let spoken: Phonemes = serde_json::from_value(value).expect("phonemes");
        assert!(spoken.estimated && spoken.alphabet == "ipa");
        let starts = spoken.phonemes.iter().map(|phoneme| phoneme.start_ms);
        assert!(starts.is_sorted(), "in the order in which they are heard");
        let ends = spoken.phonemes.chunk_by(|one, next| one.word == next.word).filter_map(|word| word.last());
        let ends: Vec<f64> = ends.map(|phoneme| phoneme.end_ms).collect();
        assert_eq!(ends.len(), truth.word_ends_ms.len(), "{}", truth.text);
        for (word, (estimated, measured)) in ends.iter().zip(&truth.word_ends_ms).enumerate() {
            let drift = (estimated - measured).abs();
            worst = worst.max(drift);
            if drift > 120.0 {
                wrong.push(format!("word {word} of `{}` ends {drift:.0} ms off", truth.text));
            }
        }
    }
    eprintln!("the worst end of a word is {worst:.0} ms off");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
