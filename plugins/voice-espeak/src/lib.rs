//! Speaks without a network: each utterance is said by a child process of its own, the program `espeak-ng`.
//!
//! The decision that shapes it: **one child for each utterance, and its end is the end of the sound**. A child that lives on
//! and is fed line by line answers in 0.2 to 7 ms, but between two lines of its sound stands no mark, so that the end of an
//! utterance would have to be guessed; and while it says a long text, nobody else is served. A child for each takes
//! 10 ms and 8 MB for a whole greeting, ends what nobody wants to hear any more by being ended, and cannot mix up two visits.
//! It is never linked: its licence is the GPL.
//!
//! It must never know: whose name a text holds. Texts go through pipes, never through arguments, which everybody on the
//! machine can read; and what the program prints goes into no log once it has a text.
#![forbid(unsafe_code)]

mod child;
mod config;
mod estimate;
mod loudness;
mod program;
mod symbols;

use majlis_plugin_api::{
    Audio, Data, Event, Flow, Host, Input, Output, Result, Stage, Utterance, export_stage, manifest,
};
use majlis_voice::{Ports, Settings, Speaker};

pub use config::{Config, VoiceConfig};
use program::Espeak;

manifest! {
    name: "voice-espeak",
    summary: "Speaks without a network, through the program espeak-ng",
    inputs: { #[many] utterance: Utterance, #[optional] #[many] ahead: Utterance },
    outputs: { audio: Audio, unsaid: Utterance, phonemes: Data },
    schema: "../config.schema.json",
}

const PORTS: Ports = Ports {
    utterance: input::utterance,
    ahead: input::ahead,
    audio: output::audio,
    unsaid: output::unsaid,
    phonemes: Some(output::phonemes),
};

/// The stage.
pub struct Voice(Speaker<Espeak>);

impl Stage for Voice {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let espeak = Espeak::open(&config, host)?;
        let settings = Settings { cache: config.cache, say_ahead: config.say_ahead, country: None };
        Speaker::open(espeak, settings, PORTS, host).map(Self)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        self.0.process(&input, out)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        self.0.event(event, out)
    }
}

export_stage!(Voice);
