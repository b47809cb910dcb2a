use std::collections::BTreeMap;

use majlis_plugin_api::{Error, Result};
use majlis_voice::{Ahead, CacheConfig};
use schemars::JsonSchema;
use serde::Deserialize;

/// Who speaks which language, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program: a name that is found as a shell would, or a path from the folder of the pipeline file.
    #[serde(default = "espeak_ng")]
    #[schemars(length(min = 1))]
    pub program: String,
    /// Voices by language, a BCP 47 tag; `ar` is for `ar-SA` too. Besides these, `ar` and `en` are there.
    #[serde(default)]
    pub voices: BTreeMap<String, VoiceConfig>,
    /// How loud, from 0 to 200; louder than 100 may be clipped.
    #[serde(default = "hundred")]
    #[schemars(range(max = 200))]
    pub volume: u32,
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
    /// The program's voice, as `espeak-ng --voices` lists it; that of the language's tag where it is left out.
    #[serde(default)]
    pub voice: Option<String>,
    /// Words a minute, about.
    #[serde(default = "hundred_and_fifty")]
    #[schemars(range(min = 80, max = 450))]
    pub speed: u32,
    /// How high, from 0 to 99.
    #[serde(default = "fifty")]
    #[schemars(range(max = 99))]
    pub pitch: u32,
}

fn espeak_ng() -> String {
    "espeak-ng".into()
}

fn fifty() -> u32 {
    50
}

fn hundred() -> u32 {
    100
}

fn hundred_and_fifty() -> u32 {
    150
}

impl Config {
    /// What the schema demands, for a host that does not look at it, and what it cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        within("volume", self.volume, 0, 200)?;
        for (language, voice) in &self.voices {
            let tag = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if language.is_empty() || !language.chars().all(tag) {
                let message = format!("`{language}` is no language; write a tag such as \"ar\" or \"en-GB\"");
                return Err(Error::config(format!("voices.{language}"), message));
            }
            within(&format!("voices.{language}.speed"), voice.speed, 80, 450)?;
            within(&format!("voices.{language}.pitch"), voice.pitch, 0, 99)?;
        }
        Ok(())
    }

    /// All voices: those that are there, and above them those that are configured.
    pub(crate) fn voices(&self) -> BTreeMap<String, VoiceConfig> {
        let there = |voice: &str| VoiceConfig { voice: Some(voice.into()), speed: 150, pitch: 50 };
        let mut voices = BTreeMap::from([("ar".to_owned(), there("ar")), ("en".to_owned(), there("en-gb"))]);
        // A tag that is written otherwise is the same tag.
        voices.retain(|known, _| !self.voices.keys().any(|language| language.eq_ignore_ascii_case(known)));
        voices.extend(self.voices.clone());
        voices
    }
}

fn within(path: &str, value: u32, least: u32, most: u32) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::config(path, format!("{value}: it must be {least} to {most}")))
}
