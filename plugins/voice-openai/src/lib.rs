//! Speaks through a service that takes OpenAI's speech requests, in the house or outside.
//!
//! The decision that shapes it: **the sound goes on as it comes, so a text is tried again only while nothing of it was heard**. A
//! second try would say the beginning twice. What breaks off in the middle is cut there, and the rest is not said.
//!
//! It must never know: whose name a text holds. The library of voices gives it the form without names unless everybody who is named
//! agreed that the service's country may have them.
#![forbid(unsafe_code)]

mod config;
mod patience;
mod service;

use majlis_plugin_api::{Audio, Event, Flow, Host, Input, Output, Result, Stage, Utterance, export_stage, manifest};
use majlis_voice::{Ports, Settings, Speaker};

pub use config::{Config, VoiceConfig};
use service::{Saved, Service};

manifest! {
    name: "voice-openai",
    summary: "Speaks through a service that takes OpenAI's speech requests",
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
pub struct Voice {
    speaker: Speaker<Service>,
    saved: Saved,
}

impl Stage for Voice {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let saved = Saved::default();
        let service = Service::open(&config, host, &saved)?;
        let settings = Settings { cache: config.cache, say_ahead: config.say_ahead, country: Some(config.country) };
        Ok(Self { speaker: Speaker::open(service, settings, PORTS, host)?, saved })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        if let Some(saved) = self.saved.lock().take() {
            out.fact("prewarm_saved_ms", saved.as_millis());
        }
        self.speaker.process(&input, out)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        self.speaker.event(event, out)
    }
}

export_stage!(Voice);
