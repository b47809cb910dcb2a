//! Writes what is heard as WAV files, one for each utterance: the loudspeaker of a house without one, and the ear of tests.
//!
//! The decision that shapes it: **a file has its name when it is whole**. Until then it is a part with a name of its own, so
//! whoever watches the folder never reads half a greeting, and one that was broken off says so in its name. Nothing is
//! resampled: a file has the rate of the voice that spoke, and a second voice with another rate has other files.
//!
//! It must never know: what is said and to whom. Names of files are numbers.
#![forbid(unsafe_code)]

mod config;
mod recording;

use std::collections::BTreeMap;
use std::path::PathBuf;

use majlis_plugin_api::{
    Audio, Delivered, Delivery, Error, Event, Flow, Host, Input, Origin, Output, Packet, Result, Stage, Time, VisitId,
    export_stage, manifest,
};

pub use config::Config;
use recording::Recording;

manifest! {
    name: "audio-file",
    summary: "Writes what is heard as WAV files",
    inputs: { #[many] audio: Audio },
    outputs: { #[feedback] delivered: Delivered },
    milestones: ["heard"],
    schema: "../config.schema.json",
}

/// The stage.
pub struct AudioFile {
    folder: PathBuf,
    origin: Origin,
    visits: BTreeMap<Option<VisitId>, Heard>,
}

/// What of one visit is heard.
#[derive(Default)]
struct Heard {
    /// By the edge that it comes by and its utterance: two voices may speak at once.
    sounds: BTreeMap<(usize, u64), Sound>,
    /// Sounds without a number, by which their files are told apart.
    unnumbered: u32,
}

enum Sound {
    Open(Recording),
    /// It was broken off; its last packet is still on its way.
    Cut,
}

impl Stage for AudioFile {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let folder = host.path(&config.folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Error::config("folder", format!("{} cannot be made: {error}", folder.display())))?;
        recording::try_folder(&folder)
            .map_err(|error| Error::config("folder", format!("{} cannot be written to: {error}", folder.display())))?;
        Ok(Self { folder, origin: host.origin(), visits: BTreeMap::new() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        if let Input::Packet(packet) = input
            && let Some(audio) = packet.get(input::audio)?
        {
            self.hear(&packet, &audio, out)?;
        }
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::Flush(visit) => {
                if let Some(heard) = self.visits.get_mut(&Some(visit)) {
                    cut(heard, &self.origin, out.now())?;
                }
            }
            Event::VisitClosed(visit, _) => {
                if let Some(mut heard) = self.visits.remove(&Some(visit)) {
                    cut(&mut heard, &self.origin, out.now())?;
                }
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn close(mut self, host: &Host) -> Result<()> {
        self.visits.values_mut().try_for_each(|heard| cut(heard, &self.origin, host.now()))
    }
}

impl AudioFile {
    fn hear(&mut self, packet: &Packet<'_>, audio: &Audio, out: &mut Output<'_>) -> Result<()> {
        let piece = audio.piece();
        let heard = self.visits.entry(packet.visit()).or_default();
        let key = (packet.edge(), piece.utterance);
        if !audio.samples().is_empty() && !matches!(heard.sounds.get(&key), Some(Sound::Cut)) {
            let recording = match heard.sounds.remove(&key) {
                Some(Sound::Open(recording)) => Ok(recording),
                _ => {
                    out.milestone("heard");
                    let name = heard.name(packet.visit(), piece.utterance);
                    Recording::begin(&self.folder, &name, audio)
                }
            };
            match recording.and_then(|recording| recording.write(audio)) {
                Ok(recording) => heard.sounds.insert(key, Sound::Open(recording)),
                Err(error) => {
                    // Without it, its next packet would begin a file that looks whole.
                    heard.sounds.insert(key, Sound::Cut);
                    tell(&self.origin, piece.utterance, Delivery::Cut, out.now());
                    return Err(error);
                }
            };
        }
        if !piece.last {
            return Ok(());
        }
        let delivery = match heard.sounds.remove(&key) {
            Some(Sound::Open(recording)) => {
                let file = recording.end(true)?;
                out.fact("milliseconds", file.milliseconds);
                Delivery::Played
            }
            // Whoever broke it off has told so.
            Some(Sound::Cut) => return Ok(()),
            // No sound could be made of it.
            None => Delivery::Cut,
        };
        tell(&self.origin, piece.utterance, delivery, out.now());
        Ok(())
    }
}

impl Heard {
    /// Numbers only: what is said and to whom stands in no name.
    fn name(&mut self, visit: Option<VisitId>, utterance: u64) -> String {
        let visit = visit.map_or(0, VisitId::number);
        if utterance > 0 {
            return format!("visit-{visit:04}-utterance-{utterance:04}");
        }
        self.unnumbered += 1;
        format!("visit-{visit:04}-sound-{:04}", self.unnumbered)
    }
}

/// Breaks off what is heard of a visit. What there is of it is kept.
fn cut(heard: &mut Heard, origin: &Origin, now: Time) -> Result<()> {
    let mut result = Ok(());
    for ((_, utterance), sound) in &mut heard.sounds {
        if let Sound::Open(recording) = std::mem::replace(sound, Sound::Cut) {
            tell(origin, *utterance, Delivery::Cut, now);
            result = result.and(recording.end(false).map(drop));
        }
    }
    result
}

fn tell(origin: &Origin, utterance: u64, delivery: Delivery, now: Time) {
    if utterance != 0 {
        let delivered = Delivered { utterance, delivery, extra: Default::default() };
        // A full queue or the end of the run: nobody waits for this.
        let _ = origin.emit(output::delivered, None, now, delivered);
    }
}

export_stage!(AudioFile);
