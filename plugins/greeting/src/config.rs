use majlis_plugin_api::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which languages and words, until when it waits for a name, and who is not greeted twice.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-renamed" = { "deadline": "greet_by" }))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How long a visitor waits for a name before being greeted as a guest.
    #[serde(default = "greet_by")]
    pub greet_by: Span,
    /// How long after the greeting something that was seen may still be remarked.
    #[serde(default = "remark_within")]
    pub remark_within: Span,
    /// Languages as BCP 47 tags: a line of the display for each, and the voice speaks the first. Without them the
    /// pipeline's, and English beside it (Arabic beside English). A person who is greeted by name and enrolled with a language comes
    /// first in that one.
    // What `majlis check` compares with the pipeline's language; a test holds it against the texts.
    #[schemars(extend("x-languages" = ["ar", "en"], "x-languages-unless" = "texts"))]
    #[serde(default)]
    pub languages: Vec<String>,
    /// Files of texts, each named by its language (`fr.ftl`): they add languages, and replace messages of the built-in ones.
    // The rules by which `majlis check` reads them.
    #[schemars(extend("x-messages" = crate::rules::rules()))]
    #[serde(default)]
    pub texts: Vec<TextFile>,
    /// A file of titles, which replace the built-in ones by their names.
    #[schemars(length(min = 1), extend("format" = "path", "x-file" = { "format": "toml", "schema": crate::titles::schema() }))]
    #[serde(default)]
    pub titles: Option<String>,
    /// How a greeting begins.
    #[serde(default)]
    pub salutation: Salutation,
    /// A file of occasions, which replace the built-in ones by country and name; `none` for none at all.
    // No `path`, which would be joined to a folder: the word is none.
    #[schemars(length(min = 1), extend("x-file" = {
        "format": "toml", "schema": crate::calendar::schema(), "unless": [crate::calendar::NONE]
    }))]
    #[serde(default)]
    pub occasions: Option<String>,
    /// The country whose days are kept, two letters (ISO 3166-1). Empty: that of the pipeline's language, `SA` of `ar-SA`.
    #[schemars(extend("pattern" = "^([A-Za-z]{2})?$", "examples" = ["SA"]))]
    #[serde(default)]
    pub country: String,
    /// How somebody is greeted who was greeted by name within `again_after`.
    #[serde(default)]
    pub again: Again,
    /// For how long a greeting by name holds, also over a restart; `0s` greets everybody anew at each visit.
    #[serde(default = "again_after")]
    pub again_after: Span,
}

/// The path of a file of texts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, extend("format" = "path", "examples" = ["texts/fr.ftl"]))]
#[serde(transparent)]
pub struct TextFile(pub String);

/// How a greeting begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "kebab-case")]
pub enum Salutation {
    /// By the time of day, in the pipeline's time zone.
    #[default]
    TimeOfDay,
    /// As at any hour: السلام عليكم ورحمة الله وبركاته.
    Salam,
    /// With the welcome itself.
    None,
}

/// How somebody is greeted again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// In a few words.
    #[default]
    Short,
    /// Not at all.
    Silent,
}

fn greet_by() -> Span {
    Span::from_millis(1_500)
}

fn remark_within() -> Span {
    Span::from_millis(4_000)
}

fn again_after() -> Span {
    Span::from_millis(4 * 60 * 60 * 1_000)
}
