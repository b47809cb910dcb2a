use majlis_plugin_api::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which pictures are shown, and how fast.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A folder, a file or a pattern such as `visitors/*.jpg`, from the folder of the pipeline file.
    #[serde(default)]
    pub path: String,
    /// Several of them, after `path`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Pictures a second.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub fps: f64,
    /// Begin again after the last picture, without end.
    #[serde(default)]
    pub r#loop: bool,
    /// Each picture is a visitor of its own; otherwise the pictures are of no visit, as those of a camera are.
    #[serde(default)]
    pub as_visits: bool,
    /// The pictures are frames of one stream, so a recogniser follows faces from one to the next; otherwise each is a
    /// photograph, at which it looks once.
    #[serde(default)]
    pub live: bool,
}

fn ten() -> f64 {
    10.0
}

impl Config {
    /// What the schema demands, for a host that does not look at it.
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.001..=1000.0).contains(&self.fps) {
            return Err(Error::config("fps", format!("{} pictures a second: it must be 0.001 to 1000", self.fps)));
        }
        if self.path.is_empty() && self.paths.is_empty() {
            return Err(Error::config("path", "names no folder, file or pattern of pictures"));
        }
        if self.live && self.as_visits {
            return Err(Error::config(
                "live",
                "the frames of one stream are not a visitor each: take `as_visits` or `live` out",
            ));
        }
        Ok(())
    }
}
