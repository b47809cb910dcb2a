use schemars::JsonSchema;
use serde::Deserialize;

/// Where the files go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder, from that of the pipeline file; it is made if it is not there.
    #[schemars(length(min = 1))]
    pub folder: String,
}
