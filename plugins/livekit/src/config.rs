use std::path::PathBuf;

use majlis_plugin_api::{Error, Result, Secret, Span};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where the room is, and who counts as a visitor in it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The LiveKit server, `wss://HOST` or `ws://HOST:PORT`.
    pub url: String,
    /// The API key of that server.
    pub key: Secret,
    /// The secret of that key.
    pub secret: Secret,
    /// The room's name.
    #[serde(default = "stand")]
    #[schemars(length(min = 1))]
    pub room: String,
    /// What participants see as the name of the agent.
    #[serde(default = "majlis")]
    pub name: String,
    /// Whether a participant's stay is a visit, or the stage `presence` makes the visits of the people before the stand's camera.
    #[serde(default)]
    pub visits: Visits,
    /// How many pictures of a camera are taken in a second: as many as the pipeline answers for.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.1, max = 60.0))]
    pub fps: f64,
    /// Whether a stream that the server takes in (ingress) is a visitor as well.
    #[serde(default)]
    pub ingress: bool,
    /// Whether visitors may hear what is said to others. Otherwise nothing is heard while more than one page is in the room, and
    /// each reads its own text.
    #[serde(default)]
    pub shared: bool,
    /// A visitor who comes back under the same identity within this time keeps the visit.
    #[serde(default = "forty_five_seconds")]
    pub rejoin_grace: Span,
    /// LiveKit's own library; otherwise `LIVEKIT_FFI_PATH`, or where `make livekit` puts it.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub library: Option<PathBuf>,
    /// A PEM file with certificates to trust besides the system's when the server's API is asked, such as a company's own authority.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
}

/// Who makes the visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Visits {
    /// A participant's stay is a visit.
    Participant,
    /// Frames are of no visit; the stage `presence` makes visits of whom they show.
    #[default]
    Presence,
}

fn stand() -> String {
    "stand-1".into()
}

fn majlis() -> String {
    "Majlis".into()
}

fn ten() -> f64 {
    10.0
}

fn forty_five_seconds() -> Span {
    Span::from_millis(45_000)
}

impl Config {
    /// What the schema demands, for a host that does not look at it.
    pub(crate) fn check(&self) -> Result<()> {
        if self.room.trim().is_empty() {
            return Err(Error::config("room", "a room has a name, such as \"stand-1\""));
        }
        if !(0.1..=60.0).contains(&self.fps) {
            return Err(Error::config("fps", format!("{} pictures a second: it must be 0.1 to 60", self.fps)));
        }
        Ok(())
    }
}
