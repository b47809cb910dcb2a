//! Which recording is heard, and what is wrong with a folder.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use majlis_plugin_api::{Utterance, UtteranceKind};
use majlis_testkit::{FailureKind, Kit};
use majlis_voice_file::{Config, Voice, input, manifest__, output};
use serde_json::json;

const SPEC: WavSpec =
    WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: SampleFormat::Int };

fn record(folder: &Path, name: &str, spec: WavSpec, samples: &[i32]) {
    let mut file = WavWriter::create(folder.join(name), spec).expect("a file");
    samples.iter().for_each(|sample| match spec.sample_format {
        SampleFormat::Int => file.write_sample(*sample).expect("a sample"),
        SampleFormat::Float => file.write_sample(*sample as f32 / 100.0).expect("a sample"),
    });
    file.finalize().expect("a file");
}

fn list(folder: &Path, text: &str) {
    std::fs::write(folder.join("say.toml"), text).expect("a file");
}

fn kit(folder: &Path) -> Kit<Voice> {
    let builder = Kit::builder().manifest(manifest__::TEXT).base(folder).wire_out(output::unsaid, "next.utterance");
    builder.open(json!({ "folder": "." })).expect("the stage opens")
}

fn refused(folder: &Path) -> String {
    let refused = Kit::<Voice>::builder().base(folder).open(json!({ "folder": "." })).err().expect("it is refused");
    assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, "folder"));
    refused.message
}

/// What is heard of an utterance, with its rate and channels; nothing if it goes to the next voice.
fn heard(kit: &mut Kit<Voice>, utterance: Utterance) -> Option<(Vec<i16>, u32, u16)> {
    let visit = kit.open_visit().expect("no answer");
    kit.forget_emitted();
    kit.send(input::utterance, visit, utterance.clone()).expect("it is said, by this voice or another");
    kit.wait(std::time::Duration::from_secs(20), |kit| kit.works().iter().all(|work| work.ended.is_some()))
        .expect("no call fails");
    let packets = kit.emitted(output::audio);
    if packets.is_empty() {
        assert_eq!(kit.emitted(output::unsaid), [(Some(visit), utterance)]);
        return None;
    }
    assert!(packets.last().is_some_and(|(_, packet)| packet.piece().last));
    let (rate, channels) = (packets[0].1.rate(), packets[0].1.channels());
    let samples = packets.iter().flat_map(|(_, packet)| packet.samples().as_chunks::<2>().0.to_vec());
    Some((samples.map(i16::from_le_bytes).collect(), rate, channels))
}

fn of(kind: UtteranceKind, language: &str) -> Utterance {
    Utterance { kind, ..Utterance::plain("whatever", language) }
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn a_recording_is_found_by_its_text_and_then_by_what_it_is_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, name) in ["welcome.wav", "guest.wav", "guest-eg.wav"].into_iter().enumerate() {
        record(folder.path(), name, SPEC, &vec![number as i32; 1_000]);
    }
    list(
        folder.path(),
        "[[say]]\ntext = \"أَهْلًا  وَسَهْلًا\"\nfile = \"welcome.wav\"\n[[say]]\nkind = \"guest\"\nlanguage = \"ar\"\nfile = \"guest.wav\"\n\
         [[say]]\nkind = \"guest\"\nlanguage = \"ar-EG\"\nfile = \"guest-eg.wav\"\n",
    );
    let mut kit = kit(folder.path());
    let mut which = |utterance| heard(&mut kit, utterance).map(|(samples, ..)| (samples.len(), samples[0]));
    assert_eq!(which(Utterance::plain("أَهْلًا وَسَهْلًا\n", "ar")), Some((1_000, 0)));
    let shown = Utterance {
        speak: "something else".into(), ..Utterance::plain("\u{2067}أَهْلًا وَسَهْلًا\u{2069}", "fr")
    };
    assert_eq!(which(shown), Some((1_000, 0)), "the text for the eye is as good");
    assert_eq!(which(of(UtteranceKind::Guest, "ar-SA")), Some((1_000, 1)));
    assert_eq!(which(of(UtteranceKind::Guest, "ar-EG")), Some((1_000, 2)));
    assert_eq!(which(of(UtteranceKind::Guest, "en")), None);
    assert_eq!(which(of(UtteranceKind::Named, "ar")), None, "a name is for a voice that can say it");
}

#[test]
fn a_recording_of_a_template_goes_before_one_of_a_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, name) in ["again.wav", "eid.wav", "guest.wav"].into_iter().enumerate() {
        record(folder.path(), name, SPEC, &[number as i32]);
    }
    list(
        folder.path(),
        "[[say]]\ntemplate = \"again\"\nlanguage = \"ar\"\nfile = \"again.wav\"\n\
         [[say]]\ntemplate = \"salutation guest  occasion-eid-al-fitr\"\nlanguage = \"ar\"\nfile = \"eid.wav\"\n\
         [[say]]\nkind = \"guest\"\nlanguage = \"ar\"\nfile = \"guest.wav\"\n",
    );
    let mut kit = kit(folder.path());
    let mut which = |template: &str| {
        let utterance = Utterance { template: template.into(), ..of(UtteranceKind::Guest, "ar-SA") };
        heard(&mut kit, utterance).map(|(samples, ..)| samples[0])
    };
    assert_eq!(which("again"), Some(0));
    assert_eq!(which("salutation guest occasion-eid-al-fitr"), Some(1));
    assert_eq!(which("salutation guest"), Some(2));
    assert_eq!(which(""), Some(2));
}

#[test]
fn a_recording_is_heard_as_it_is_in_sixteen_bits() {
    let folder = tempfile::tempdir().expect("a folder");
    let forms = [
        ("8.wav", WavSpec { bits_per_sample: 8, ..SPEC }, [64, -128], [64 << 8, i16::MIN]),
        ("16.wav", WavSpec { channels: 2, sample_rate: 48_000, ..SPEC }, [1_234, -1_234], [1_234, -1_234]),
        ("24.wav", WavSpec { bits_per_sample: 24, ..SPEC }, [1_234 << 8, -(1_234 << 8)], [1_234, -1_234]),
        (
            "float.wav",
            WavSpec { bits_per_sample: 32, sample_format: SampleFormat::Float, ..SPEC },
            [50, 200],
            [16_384, 32_767],
        ),
    ];
    let mut index = String::new();
    for (name, spec, samples, _) in &forms {
        record(folder.path(), name, *spec, samples);
        index += &format!("[[say]]\ntext = \"{name}\"\nfile = \"{name}\"\n");
    }
    list(folder.path(), &index);
    let mut kit = kit(folder.path());
    for (name, spec, _, expected) in forms {
        let heard = heard(&mut kit, Utterance::plain(name, "en")).expect("it is listed");
        assert_eq!(heard, (expected.to_vec(), spec.sample_rate, spec.channels), "{name}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), "good.wav", SPEC, &[1]);
    record(folder.path(), "empty.wav", SPEC, &[]);
    record(folder.path(), "six.wav", WavSpec { channels: 6, ..SPEC }, &[1; 6]);
    record(folder.path(), "fast.wav", WavSpec { sample_rate: 192_000, ..SPEC }, &[1]);
    let say = |text: &str, file: &str| format!("[[say]]\n{text}\nfile = \"{file}\"\n");
    list(
        folder.path(),
        &[
            say("text = \"a\"", "missing.wav"),
            say("text = \"b\"", "empty.wav"),
            say("text = \"c\"", "six.wav"),
            say("text = \"d\"", "fast.wav"),
            say("kind = \"guest\"", "good.wav"),
            say("text = \"e\"", "good.wav"),
            say("text = \" e \"", "good.wav"),
        ]
        .concat(),
    );
    let message = refused(folder.path());
    for (line, words) in [
        (1, "`missing.wav` is no WAV file"),
        (4, "`empty.wav` has no sound"),
        (7, "`six.wav` has 6 channels"),
        (10, "`fast.wav` has 192000 samples"),
        (13, "write either `text`, or `language` with `template` or with `kind`"),
        (19, "`good.wav` is listed for the same already"),
    ] {
        assert!(message.contains(&format!("line {line}: {words}")), "line {line} is not told in {message}");
    }
    assert!(!message.contains("line 16"), "{message}");
}

#[test]
fn a_list_that_is_missing_or_no_list_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(refused(folder.path()).contains("say.toml"));
    list(folder.path(), "[[say]]\nfile = \"a.wav\"\nkid = \"guest\"\n");
    let message = refused(folder.path());
    assert!(message.contains("say.toml: line 3") && message.contains("kid"), "{message}");
}

#[test]
fn a_recording_that_was_taken_away_meanwhile_is_said_by_the_next_voice() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), "a.wav", SPEC, &[1]);
    list(folder.path(), "[[say]]\ntext = \"a\"\nfile = \"a.wav\"\n");
    let mut kit = kit(folder.path());
    std::fs::remove_file(folder.path().join("a.wav")).expect("it is there");
    assert_eq!(heard(&mut kit, Utterance::plain("a", "en")), None);
    assert!(kit.logs().iter().any(|log| log.message.contains("a.wav")));
}
