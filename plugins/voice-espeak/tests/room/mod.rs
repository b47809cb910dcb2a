//! The stage with the real program, or with one that misbehaves.

#![allow(dead_code)] // each test file uses a part

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use majlis_plugin_api::{Utterance, VisitId};
use majlis_testkit::{Builder, Ending, Kit};
use majlis_voice_espeak::{Voice, input, manifest__, output};
use serde_json::{Value, json};

/// Longer than any child needs, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the program is here; if not, the test says what it skips.
pub(crate) fn espeak_is_here(skipped: &str) -> bool {
    if Command::new("espeak-ng").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let missing = "espeak-ng is not there; `apt-get install espeak-ng` installs it";
    assert!(std::env::var_os("MAJLIS_REQUIRE").is_none_or(|what| what != "all"), "{skipped}: {missing}");
    eprintln!("\n*** SKIPPED: {skipped}\n*** {missing}\n");
    false
}

pub(crate) fn builder() -> Builder<Voice> {
    Kit::<Voice>::builder().manifest(manifest__::TEXT).language("ar")
}

pub(crate) fn opened(config: Value) -> Kit<Voice> {
    builder().open(config).expect("it opens")
}

pub(crate) fn numbered(number: u64, text: &str, language: &str) -> Utterance {
    Utterance { number, ..Utterance::plain(text, language) }
}

/// How the work of one utterance ended.
pub(crate) fn said(kit: &mut Kit<Voice>, utterance: Utterance) -> (VisitId, Ending) {
    let visit = kit.open_visit().expect("no answer");
    let work = kit.works().len();
    kit.send(input::utterance, visit, utterance).expect("it begins");
    kit.wait(PATIENCE, |kit| kit.works()[work].ended.is_some()).expect("no call fails");
    (visit, kit.works()[work].ended.clone().expect("it has ended"))
}

/// The sound of an utterance, and whether its last packet came.
pub(crate) fn heard(kit: &Kit<Voice>, number: u64) -> (Vec<i16>, bool) {
    let packets: Vec<_> = kit.emitted(output::audio).into_iter().map(|(_, packet)| packet).collect();
    let of = packets.iter().filter(|packet| packet.piece().utterance == number);
    let (mut samples, mut last) = (Vec::new(), false);
    for packet in of {
        assert_eq!(packet.piece().position as usize, samples.len(), "there is no gap");
        samples.extend(packet.samples().as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)));
        last = packet.piece().last;
    }
    (samples, last)
}

/// A program of this name and script; asked whether a voice is there, it says yes.
pub(crate) fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\ncase \"$*\" in *-q*) exit 0;; esac\n{script}\n")).expect("a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
    path
}

/// A script that waits for ever, without a process of its own to wait for.
pub(crate) fn for_ever(folder: &Path) -> String {
    let pipe = folder.join("nobody-writes");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    format!("read never < {}", pipe.display())
}

/// A script that writes a second of sound.
pub(crate) fn a_second(folder: &Path) -> String {
    let path = folder.join("second.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, spec).expect("a file");
    (0..8_000).for_each(|_| file.write_sample(1_000_i16).expect("a sample"));
    file.finalize().expect("a file");
    format!("cat {}", path.display())
}

/// Children of this process with this name, those included that nobody has waited for.
pub(crate) fn children(name: &str) -> usize {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
    let stats = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| {
            // `pid (name) state parent …`
            let Some((_, rest)) = stat.split_once('(') else { return false };
            let Some((its, rest)) = rest.rsplit_once(") ") else { return false };
            its == name && rest.split(' ').nth(1) == Some(own.as_str())
        })
        .count()
}

pub(crate) fn config(program: &Path) -> Value {
    json!({ "program": program })
}
