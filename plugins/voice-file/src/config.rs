use schemars::JsonSchema;
use serde::Deserialize;

/// Where the recordings are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder with the recordings and their list `say.toml`, from the folder of the pipeline file.
    #[schemars(length(min = 1), extend("x-file" = {
        "in": crate::index::INDEX, "format": "toml", "schema": crate::index::schema()
    }))]
    pub folder: String,
}
