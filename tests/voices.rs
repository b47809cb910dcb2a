//! Voices one behind the other: what was recorded beforehand is heard as it was, and the next voice says the rest.

use std::collections::BTreeMap;
use std::path::Path;

use majlis_tests::{Folder, espeak_is_here, majlis, replaced, shipped};
use serde_json::Value;

/// Where the demonstration ends and voices begin.
const SAID: &str = r#"
[stage.said]
plugin = "jsonl"
inputs = { packets = "greeting.utterance" }
config = { path = "said.jsonl" }
"#;
const ESPEAK: &str = r#"
[stage.voice]
plugin = "voice-espeak"
inputs = { utterance = "greeting.utterance" }
load = "prewarm"
"#;
const HEARD: &str = r#"
[stage.heard]
plugin = "audio-file"
inputs = { audio = "voice.audio" }
config = { folder = "heard" }
"#;

/// The demonstration with these stages behind it.
fn with_voices(stages: &[&str]) -> String {
    let text = shipped("demo.toml");
    // Who is greeted must not depend on how busy the machine is that tests it.
    let text = replaced(&text, "greet_by = \"3s\"", "greet_by = \"10min\"");
    replaced(&text, "[report]", &format!("{}\n[report]", stages.concat()))
}

/// A WAV file: its rate and its samples.
fn sound(path: &Path) -> (u32, Vec<i16>) {
    let mut file = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let samples = file.samples().collect::<Result<_, _>>().expect("the file is whole");
    (file.spec().sample_rate, samples)
}

/// An utterance, and the sounds of its visit.
type Said = (Value, Vec<(u32, Vec<i16>)>);

/// What was said in each visit, and the sounds that were heard in it.
fn said_and_heard(folder: &Folder) -> BTreeMap<u64, Said> {
    let mut visits = BTreeMap::new();
    for line in folder.read("said.jsonl").lines() {
        let mut line: Value = serde_json::from_str(line).expect("the tap writes JSON");
        let visit = line["visit"].as_u64().expect("a visit");
        assert!(visits.insert(visit, (line["packet"].take(), Vec::new())).is_none(), "one utterance a visit");
    }
    for path in folder.files().into_iter().filter(|path| path.parent().is_some_and(|parent| parent.ends_with("heard")))
    {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let visit = name.strip_prefix("visit-").and_then(|rest| rest.get(..4)?.parse::<u64>().ok());
        let visit = visit.unwrap_or_else(|| panic!("`{name}` is no whole sound of a visit"));
        assert!(name.ends_with(".wav") && !name.ends_with(".cut.wav"), "{name}");
        visits.get_mut(&visit).expect("what is heard was said").1.push(sound(&path));
    }
    visits
}

#[test]
fn what_is_recorded_is_heard_as_recorded_and_the_rest_from_the_next_voice() {
    if !espeak_is_here("a voice that follows another") {
        return;
    }
    let folder = Folder::new();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let recording: Vec<i16> = (0..16_000).map(|at| at % 100).collect();
    let list =
        folder.write("recordings/say.toml", "[[say]]\nkind = \"guest\"\nlanguage = \"ar\"\nfile = \"guest.wav\"\n");
    let mut file = hound::WavWriter::create(list.with_file_name("guest.wav"), spec).expect("a file");
    recording.iter().for_each(|sample| file.write_sample(*sample).expect("a sample"));
    file.finalize().expect("a file");
    let recorded = "\n[stage.recorded]\nplugin = \"voice-file\"\ninputs = { utterance = \"greeting.utterance\" }\n\
                    config = { folder = \"recordings\" }\n";
    let espeak = replaced(ESPEAK, "greeting.utterance", "recorded.unsaid");
    let heard = replaced(HEARD, "\"voice.audio\"", "[\"recorded.audio\", \"voice.audio\"]");
    let file = folder.write("voices.toml", with_voices(&[SAID, recorded, &espeak, &heard]));
    let _ = majlis(["run", "--report", "json"]).arg(file).run().report();
    let (mut guests, mut named) = (0, 0);
    for (visit, (utterance, sounds)) in said_and_heard(&folder) {
        let [(rate, samples)] = sounds.as_slice() else { panic!("visit {visit} heard {} sounds", sounds.len()) };
        if utterance["kind"] == "guest" {
            guests += 1;
            assert_eq!((*rate, samples), (16_000, &recording));
        } else {
            named += 1;
            assert_eq!(*rate, 22_050);
        }
    }
    assert!(guests > 0 && named > 0, "{guests} guests and {named} greetings by name");
}
