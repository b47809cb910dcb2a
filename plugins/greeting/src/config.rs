use majlis_plugin_api::Span;
use schemars::JsonSchema;
use serde::Deserialize;

/// In which languages, and until when it waits for a name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How long a visitor waits for a name before being greeted as a guest.
    #[serde(default = "two_seconds")]
    pub deadline: Span,
    /// Languages as BCP 47 tags: a line of the display for each, and the voice speaks the first. Without them the
    /// pipeline's, and English beside it (Arabic beside English).
    // What `majlis check` compares with the pipeline's language; a test holds it against the texts.
    #[schemars(extend("x-languages" = ["ar", "en"], "x-languages-unless" = "texts"))]
    #[serde(default)]
    pub languages: Vec<String>,
    /// A file of greeting texts, which replace the built-in ones language by language.
    #[serde(default)]
    pub texts: String,
}

fn two_seconds() -> Span {
    Span::from_millis(2_000)
}
