//! What lies in the folder, under which name, and who is told of it.

use std::path::{Path, PathBuf};

use majlis_audio_file::{AudioFile, Config, input, manifest__, output};
use majlis_plugin_api::{Audio, AudioMut, Delivery, Host, Piece, SampleFormat};
use majlis_testkit::{FailureKind, Kit};
use serde_json::json;

fn kit(folder: &Path) -> Kit<AudioFile> {
    let builder = Kit::builder().manifest(manifest__::TEXT).base(folder);
    let builder = builder.wire(input::audio, "voice.audio").wire(input::audio, "other.audio");
    builder.open(json!({ "folder": "heard" })).expect("the stage opens")
}

/// Twenty milliseconds at 8 kHz, of samples of this value.
fn packet(host: &Host, utterance: u64, value: i16, last: bool) -> Audio {
    let audio = AudioMut::new(host, 8_000, 1, SampleFormat::S16, 160).expect("audio");
    let mut audio = audio.piece(Piece { utterance, position: 0, last });
    audio.samples_mut().as_chunks_mut::<2>().0.fill(value.to_le_bytes());
    audio.freeze().expect("audio")
}

fn end(host: &Host, utterance: u64) -> Audio {
    let audio = AudioMut::new(host, 8_000, 1, SampleFormat::S16, 0).expect("audio");
    audio.piece(Piece { utterance, position: 0, last: true }).freeze().expect("audio")
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("heard")).expect("the folder is made").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

fn samples(folder: &Path, name: &str) -> Vec<i16> {
    let path: PathBuf = folder.join("heard").join(name);
    let mut file = hound::WavReader::open(path).expect("a whole file");
    assert_eq!((file.spec().sample_rate, file.spec().channels), (8_000, 1));
    file.samples().map(|sample| sample.expect("a sample")).collect()
}

fn delivered(kit: &Kit<AudioFile>) -> Vec<(u64, Delivery)> {
    let told = kit.emitted(output::delivered);
    assert!(told.iter().all(|(visit, _)| visit.is_none()), "the visit may be over by then");
    told.into_iter().map(|(_, delivered)| (delivered.utterance, delivered.delivery)).collect()
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn an_utterance_is_a_file_that_has_its_name_when_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path());
    let visit = kit.open_visit().expect("no answer");
    let host = kit.host().clone();
    kit.send(input::audio, visit, packet(&host, 7, 1, false)).expect("written");
    assert_eq!(files(folder.path()), [".visit-0001-utterance-0007.wav.part"]);
    assert_eq!((kit.milestones(), delivered(&kit)), (vec![(Some(visit), "heard".into())], vec![]));
    kit.send(input::audio, visit, packet(&host, 7, 2, true)).expect("written");
    assert_eq!(files(folder.path()), ["visit-0001-utterance-0007.wav"]);
    let heard = samples(folder.path(), "visit-0001-utterance-0007.wav");
    assert_eq!(heard, [[1; 160], [2; 160]].concat());
    assert_eq!((delivered(&kit), kit.fact("milliseconds").as_deref()), (vec![(7, Delivery::Played)], Some("40")));
}

#[test]
fn two_voices_that_speak_at_once_have_a_file_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path());
    let visit = kit.open_visit().expect("no answer");
    let host = kit.host().clone();
    for (edge, utterance, last) in [(0, 1, false), (1, 2, false), (0, 1, true), (1, 2, true)] {
        kit.send_by(edge, input::audio, visit, packet(&host, utterance, edge as i16, last)).expect("written");
    }
    assert_eq!(samples(folder.path(), "visit-0001-utterance-0001.wav"), [0; 320]);
    assert_eq!(samples(folder.path(), "visit-0001-utterance-0002.wav"), [1; 320]);
}

#[test]
fn sounds_without_a_number_are_counted_and_nobody_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path());
    let visit = kit.open_visit().expect("no answer");
    let host = kit.host().clone();
    for _ in 0..2 {
        kit.send(input::audio, visit, packet(&host, 0, 1, true)).expect("written");
    }
    kit.send(input::audio, None, packet(&host, 0, 1, true)).expect("written");
    assert_eq!(
        files(folder.path()),
        ["visit-0000-sound-0001.wav", "visit-0001-sound-0001.wav", "visit-0001-sound-0002.wav"]
    );
    assert!(delivered(&kit).is_empty());
}

#[test]
fn what_is_broken_off_says_so_in_its_name_and_is_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path());
    let visit = kit.open_visit().expect("no answer");
    let host = kit.host().clone();
    kit.send(input::audio, visit, packet(&host, 1, 1, false)).expect("written");
    kit.flush(visit).expect("no answer");
    // The voice says that nothing more comes of it, and of one that had not begun.
    kit.send(input::audio, visit, end(&host, 1)).expect("no error");
    kit.send(input::audio, visit, end(&host, 2)).expect("no error");
    kit.send(input::audio, visit, packet(&host, 3, 3, true)).expect("written");
    assert_eq!(delivered(&kit), [(1, Delivery::Cut), (2, Delivery::Cut), (3, Delivery::Played)]);
    assert_eq!(files(folder.path()), ["visit-0001-utterance-0001.cut.wav", "visit-0001-utterance-0003.wav"]);
    assert_eq!(samples(folder.path(), "visit-0001-utterance-0001.cut.wav"), [1; 160]);
}

#[test]
fn a_visitor_who_leaves_and_the_end_of_a_run_break_off_what_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path());
    let (gone, stays) = (kit.open_visit().expect("no answer"), kit.open_visit().expect("no answer"));
    let host = kit.host().clone();
    kit.send(input::audio, gone, packet(&host, 1, 1, false)).expect("written");
    kit.send(input::audio, stays, packet(&host, 2, 1, false)).expect("written");
    kit.leave(gone).expect("no answer");
    kit.close().expect("closed");
    assert_eq!(delivered(&kit), [(1, Delivery::Cut), (2, Delivery::Cut)]);
    assert_eq!(files(folder.path()), ["visit-0001-utterance-0001.cut.wav", "visit-0002-utterance-0002.cut.wav"]);
}

#[test]
fn a_voice_that_changes_its_rate_in_mid_utterance_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path());
    let visit = kit.open_visit().expect("no answer");
    let host = kit.host().clone();
    kit.send(input::audio, visit, packet(&host, 1, 1, false)).expect("written");
    let mut other = AudioMut::new(&host, 16_000, 1, SampleFormat::S16, 4).expect("audio");
    other.samples_mut().fill(0);
    let other = other.piece(Piece { utterance: 1, position: 160, last: false }).freeze().expect("audio");
    let failure = kit.send(input::audio, visit, other).expect_err("it does not fit");
    assert!(failure.message.contains("8000 Hz") && failure.message.contains("16000 Hz"), "{failure}");
    kit.send(input::audio, visit, packet(&host, 1, 1, true)).expect("no error");
    assert_eq!(delivered(&kit), [(1, Delivery::Cut)]);
    assert_eq!(files(folder.path()), [".visit-0001-utterance-0001.wav.part"], "what comes later is no whole file");
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("a file");
    let builder = Kit::<AudioFile>::builder().base(folder.path());
    let refused = builder.open(json!({ "folder": "file/heard" })).err().expect("a file is no folder");
    assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, "folder"));
    assert!(refused.message.contains("file/heard"), "{refused}");
}
