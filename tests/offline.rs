//! The reception without a network, as shipped: drawn visitors are recognised, greeted on the terminal and aloud, and what is
//! heard is the right sound for each of them.

use std::collections::BTreeMap;

use majlis_tests::{Folder, espeak_is_here, majlis, replaced, shipped, without_network};
use serde_json::Value;

/// The scenes in their order: file, and by the pipeline file's ids who is named.
const SCENES: [&[&str]; 9] =
    [&["salem"], &["layla"], &[], &["noura"], &[], &["fahd", "noura"], &[], &["daniel"], &["fahd"]];
/// In which nobody stands.
const EMPTY: usize = 4;

/// `offline.toml` with absolute paths, the same words at any hour, and a tap of what is said.
fn prepared(folder: &Folder) -> std::path::PathBuf {
    let text = shipped("offline.toml");
    // Who is greeted must not depend on how busy the machine is that tests it.
    let settings = "greet_by = \"10min\"\nsalutation = \"salam\"\noccasions = \"none\"\n";
    let text = replaced(&text, "greet_by = \"3s\"", settings);
    let tap = "\n[stage.said]\nplugin = \"jsonl\"\ninputs = { packets = \"greeting.utterance\" }\nconfig = { path = \"said.jsonl\" }\n";
    folder.write("offline.toml", text + tap)
}

/// Where the people of the file have this name.
fn names(key: &str) -> BTreeMap<String, String> {
    let table: toml::Table = shipped("offline.toml").parse().expect("it is TOML");
    let people = table["stage"]["faces"]["config"]["people"].as_array().expect("people are enrolled in the file");
    let text = |person: &toml::Value, key: &str| person[key].as_str().expect("a text").to_owned();
    people.iter().map(|person| (text(person, "id"), text(person, key))).collect()
}

/// A sound, 16 bits and one channel.
struct Sound {
    rate: f64,
    samples: Vec<f64>,
}

impl Sound {
    fn read(path: &std::path::Path) -> Self {
        let mut file = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let spec = file.spec();
        assert_eq!((spec.channels, spec.bits_per_sample), (1, 16));
        let samples = file.samples::<i16>().map(|sample| f64::from(sample.expect("a sample")) / 32_768.0);
        Self { rate: f64::from(spec.sample_rate), samples: samples.collect() }
    }

    fn seconds(&self) -> f64 {
        self.samples.len() as f64 / self.rate
    }

    /// How strongly a stretch repeats itself with the period of a voice, from 70 to 400 a second: 0 to 1.
    fn pitch(&self, stretch: &[f64]) -> f64 {
        let energy: f64 = stretch.iter().map(|sample| sample * sample).sum();
        let lags = (self.rate / 400.0) as usize..(self.rate / 70.0) as usize;
        let alike = |lag: usize| stretch.iter().zip(&stretch[lag..]).map(|(a, b)| a * b).sum::<f64>() / energy;
        lags.map(alike).fold(0.0, f64::max)
    }

    /// Somebody speaks: neither silence nor noise nor a tone, not clipped, with pauses, and most of what is loud has a pitch.
    fn assert_is_a_voice(&self, whose: &str) {
        let loud = |stretch: &&[f64]| (stretch.iter().map(|s| s * s).sum::<f64>() / stretch.len() as f64).sqrt() > 0.02;
        let stretches: Vec<&[f64]> = self.samples.chunks_exact((self.rate * 0.04) as usize).collect();
        let spoken: Vec<&[f64]> = stretches.iter().copied().filter(loud).collect();
        let share = spoken.len() as f64 / stretches.len() as f64;
        assert!((0.3..0.99).contains(&share), "{whose}: {share:.2} of the time is loud");
        let clipped = self.samples.iter().filter(|sample| sample.abs() > 0.999).count();
        assert!(clipped * 1_000 < self.samples.len(), "{whose}: {clipped} samples are clipped");
        let pitched = spoken.iter().filter(|stretch| self.pitch(stretch) > 0.4).count() as f64 / spoken.len() as f64;
        assert!(pitched > 0.5, "{whose}: {pitched:.2} of what is loud has the pitch of a voice");
    }
}

#[test]
fn each_visitor_hears_the_right_greeting_in_a_voice_on_a_machine_without_a_network() {
    if !espeak_is_here("what visitors hear") {
        return;
    }
    let folder = Folder::new();
    let file = prepared(&folder);
    let report = without_network(["run", "--report", "json", "--visits", "all"])
        .env("MAJLIS_HEARD", folder.file("heard"))
        .arg(file)
        .run()
        .report();
    let mut scene_of: BTreeMap<u64, usize> = BTreeMap::new();
    for visit in report.visits() {
        visit.assert_tiles();
        let place: usize = visit.fact("file").and_then(|place| place.parse().ok()).expect("the camera says which file");
        scene_of.insert(visit.0["visit"].as_u64().expect("a number"), place - 1);
        assert_eq!(
            visit.0["reached"] == true,
            place - 1 != EMPTY,
            "something is heard where somebody stands: {:#}",
            visit.0
        );
    }
    assert_eq!(scene_of.len(), SCENES.len(), "each scene is a visit");

    let spoken_names = names("name_speak");
    let mut lengths = Vec::new();
    for line in folder.read("said.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("the tap writes JSON");
        let visit = line["visit"].as_u64().expect("a visit");
        let scene = scene_of[&visit];
        let (packet, who) = (&line["packet"], SCENES[scene]);
        let speak = packet["speak"].as_str().expect("words for the voice");
        assert!(speak.starts_with("اَلسَّلَامُ عَلَيْكُمْ"), "{speak}");
        for (id, name) in &spoken_names {
            assert_eq!(speak.contains(name), who.contains(&id.as_str()), "scene {scene}, {id}: {speak}");
        }
        let number = packet["number"].as_u64().expect("a number");
        let path = folder.file("heard").join(format!("visit-{visit:04}-utterance-{number:04}.wav"));
        let sound = Sound::read(&path);
        sound.assert_is_a_voice(&format!("scene {scene}"));
        lengths.push((speak.chars().filter(|c| c.is_alphabetic()).count() as f64, sound.seconds(), scene));
    }
    let said: Vec<usize> = lengths.iter().map(|(_, _, scene)| *scene).collect();
    let expected: Vec<usize> = (0..SCENES.len()).filter(|scene| *scene != EMPTY).collect();
    let mut sorted = said.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "each is greeted once");
    // Nobody's greeting is broken off: what has more letters takes longer, at the pace of somebody who speaks.
    for (letters, seconds, scene) in lengths {
        let each = seconds / letters * 1e3;
        assert!((30.0..150.0).contains(&each), "scene {scene}: {each:.0} ms for a letter");
    }
    let files = std::fs::read_dir(folder.file("heard")).expect("it is there").count();
    assert_eq!(files, expected.len(), "a file for each greeting and nothing half-written");
}

#[test]
fn without_the_program_everybody_is_greeted_in_writing_and_the_report_says_what_to_install() {
    let folder = Folder::new();
    let file = prepared(&folder);
    let text = std::fs::read_to_string(&file).expect("it was written");
    let text = replaced(
        &text,
        "[stage.loudspeaker]\n",
        "[stage.voice.config]\nprogram = \"./no-such-program\"\n\n[stage.loudspeaker]\n",
    );
    let ended = majlis(["run", "--report", "json", "--visits", "all", "--log", "json"])
        .env("MAJLIS_HEARD", folder.file("heard"))
        .arg(folder.write("mute.toml", text))
        .run();
    let log = ended.log();
    assert!(log.iter().any(|line| line.to_string().contains("apt-get install espeak-ng")), "{log:#?}");
    let said = folder.read("said.jsonl").lines().count();
    assert_eq!(said, SCENES.len() - 1, "everybody is greeted");
    let shown = ended.report().stage("console")["calls"].as_u64();
    assert_eq!(shown, Some(SCENES.len() as u64 - 1), "and sees it");
}
