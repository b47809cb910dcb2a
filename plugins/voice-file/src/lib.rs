//! Says what was recorded beforehand: a person's voice for the greetings that everybody hears.
//!
//! The decision that shapes it: **what is not recorded is said by the next voice**. A house records the ten greetings that it
//! says every day and not those with names, so this voice is the first of a chain: it answers for what it has, and what it has
//! not leaves by `unsaid`.
//!
//! It must never know: who is greeted. A recording is found by a text or by what an utterance is for, never by a person: one
//! that names somebody would lie on the disk where no `forget` reaches it.
#![forbid(unsafe_code)]

mod config;
mod index;
mod recording;

use majlis_plugin_api::{Audio, Event, Flow, Host, Input, Output, Result, Stage, Utterance, export_stage, manifest};
use majlis_voice::{Ports, Settings, Speaker};

pub use config::Config;
use index::Recordings;

manifest! {
    name: "voice-file",
    summary: "Says what was recorded beforehand",
    inputs: { #[many] utterance: Utterance, #[optional] #[many] ahead: Utterance },
    outputs: { audio: Audio, unsaid: Utterance },
    schema: "../config.schema.json",
}

const PORTS: Ports = Ports {
    utterance: input::utterance,
    ahead: input::ahead,
    audio: output::audio,
    unsaid: output::unsaid,
    phonemes: None,
};

/// The stage.
pub struct Voice(Speaker<Recordings>);

impl Stage for Voice {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let recordings = Recordings::open(&host.path(&config.folder))?;
        // They are at hand as they are: there is nothing to keep and nothing to make.
        Speaker::open(recordings, Settings::default(), PORTS, host).map(Self)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        self.0.process(&input, out)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        self.0.event(event, out)
    }
}

export_stage!(Voice);
