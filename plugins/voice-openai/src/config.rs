use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use majlis_plugin_api::{Error, Host, Result, Secret, Span};
use majlis_remote::{Auth, Endpoint};
use majlis_voice::{Ahead, CacheConfig};
use schemars::JsonSchema;
use serde::Deserialize;

/// Answers of more bytes are errors: five minutes of sound, in base64.
const MOST_BYTES: usize = 20 << 20;

/// Which service speaks, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the service is.
    #[serde(default = "openai")]
    #[schemars(regex(pattern = "^https?://[^?#@]+$"))]
    pub base_url: String,
    /// The model.
    #[serde(default = "mini_tts")]
    #[schemars(length(min = 1))]
    pub model: String,
    /// The key; a service in the house mostly needs none.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// The country of the service, as ISO 3166-1 alpha-2. Names are said only of people who agreed that it may have them.
    #[serde(default = "united_states")]
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"))]
    pub country: String,
    /// The voice, for languages that `voices` does not name.
    #[serde(default = "alloy")]
    #[schemars(length(min = 1))]
    pub voice: String,
    /// Voices by language, a BCP 47 tag; `ar` is for `ar-SA` too.
    #[serde(default)]
    pub voices: BTreeMap<String, VoiceConfig>,
    /// How fast, 1 as the voice likes.
    #[serde(default = "one")]
    #[schemars(range(min = 0.25, max = 4.0))]
    pub speed: f64,
    /// Whether the sound is asked for in server-sent events instead of in one stream. What comes is read either way.
    #[serde(default)]
    pub events: bool,
    /// A PEM file with certificates to trust besides the system's, such as a company's own authority.
    #[serde(default)]
    #[schemars(extend("format" = "path", "x-file" = {}))]
    pub ca_file: Option<PathBuf>,
    /// Whether a connection is opened before the first visitor.
    #[serde(default = "yes")]
    pub prewarm: bool,
    /// How long a connection may take.
    #[serde(default = "two_seconds")]
    pub connect_timeout: Span,
    /// How long the beginning of the sound may take, tries included, and how long it may pause.
    #[serde(default = "three_seconds")]
    pub first_byte_timeout: Span,
    /// How long all of a text's sound may take to come, tries included.
    #[serde(default = "twenty_seconds")]
    pub answer_within: Span,
    /// Which sounds are kept, so that they are not made again.
    #[serde(default)]
    pub cache: CacheConfig,
    /// What is said to every visitor, and is therefore made while the stage opens.
    #[serde(default)]
    pub say_ahead: Vec<Ahead>,
}

/// How a language is spoken.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct VoiceConfig {
    /// The service's voice.
    #[schemars(length(min = 1))]
    pub voice: String,
    /// How it is to speak, for models that can be told.
    #[serde(default)]
    pub instructions: Option<String>,
}

fn openai() -> String {
    "https://api.openai.com/v1".into()
}
fn mini_tts() -> String {
    "gpt-4o-mini-tts".into()
}
fn united_states() -> String {
    "US".into()
}
fn alloy() -> String {
    "alloy".into()
}
fn one() -> f64 {
    1.0
}
fn yes() -> bool {
    true
}
fn two_seconds() -> Span {
    Span::from_millis(2_000)
}
fn three_seconds() -> Span {
    Span::from_millis(3_000)
}
fn twenty_seconds() -> Span {
    Span::from_millis(20_000)
}

impl Config {
    /// What the schema demands, for a host that does not look at it.
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.25..=4.0).contains(&self.speed) {
            return Err(Error::config("speed", format!("{}: it must be 0.25 to 4", self.speed)));
        }
        if self.country.len() != 2 || !self.country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            let message = format!("`{}` is no country; write two letters such as \"US\" or \"SA\"", self.country);
            return Err(Error::config("country", message));
        }
        if self.answer_within.get() < Duration::from_millis(100) {
            return Err(Error::config(
                "answer_within",
                "no service speaks in less than a tenth of a second; write such as \"20s\"",
            ));
        }
        Ok(())
    }

    pub(crate) fn endpoint(&self, host: &Host) -> Endpoint {
        Endpoint {
            base_url: self.base_url.clone(),
            api_key: self.api_key.clone(),
            auth: Auth::Bearer,
            ca_file: self.ca_file.as_ref().map(|file| host.path(file)),
            connect_timeout: self.connect_timeout.get(),
            first_byte_timeout: self.first_byte_timeout.get(),
            most_bytes: MOST_BYTES,
        }
    }
}
