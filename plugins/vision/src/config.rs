use std::path::PathBuf;
use std::time::Duration;

use majlis_plugin_api::{Error, Host, Result, Secret, Span};
use majlis_remote::Endpoint;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dialect::{Dialect, DialectName};

/// Answers of more bytes are errors: a scene has some hundred.
const MOST_BYTES: usize = 1 << 20;

/// Which server is asked, what about, and what of a picture it may see.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which kind of server it is; it also says where the server is and what model is asked, where that is usual.
    #[serde(default)]
    #[schemars(extend("x-needs" = json!([{ "for": ["ollama", "vllm"], "key": "model" }])))]
    pub dialect: DialectName,
    /// Where the server is: `https://HOST/v1`; that of the dialect otherwise.
    #[serde(default)]
    #[schemars(regex(pattern = "^https?://[^?#@]+$"))]
    pub base_url: Option<String>,
    /// The name of a model that can see pictures and is installed there; that of the dialect otherwise, where it has one.
    #[serde(default)]
    pub model: Option<String>,
    /// The key; a server in the house mostly needs none.
    #[serde(default)]
    pub api_key: Option<Secret>,
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
    /// How long the beginning of an answer may take, and how long an answer that has begun may pause.
    #[serde(default = "three_seconds")]
    pub first_byte_timeout: Span,
    /// How long the whole answer may take, tries included; then what is whole of it is used. It belongs below the stage's `deadline`.
    #[serde(default = "four_seconds")]
    #[schemars(extend("x-needs" = json!([{ "within": "deadline" }, { "least": "100ms" }])))]
    pub answer_within: Span,
    /// What the model is told, with `{tags}` where the list of tags goes; a short one in the pipeline's language otherwise.
    #[serde(default)]
    #[schemars(regex(pattern = r"\{tags\}"))]
    pub prompt: Option<String>,
    /// How long an answer may be, in tokens.
    #[serde(default = "hundred_and_twenty")]
    #[schemars(range(min = 16, max = 4_096))]
    pub max_tokens: u32,
    /// How closely the model looks, where the server knows such a thing. `low` suits pictures of up to 512 pixels.
    #[serde(default)]
    pub detail: Detail,
    /// How many pixels the longer side of the picture has that is sent.
    #[serde(default = "five_hundred_and_twelve")]
    #[schemars(range(min = 64, max = 2_048))]
    pub max_side: u32,
    /// Whether the server is held to a JSON schema, where it can be.
    #[serde(default = "yes")]
    pub json: bool,
    /// What becomes of faces before a picture leaves. `send` needs `consent_notice`; the others need the input `faces`, and a picture
    /// whose faces are not known is not sent.
    #[serde(default)]
    #[schemars(extend("x-needs" = json!([
        { "for": ["pixelate", "crop-out"], "input": "faces" },
        // Who has no notice for visitors is led to hide their faces. Nobody is led to send them.
        { "for": ["send"], "key": "consent_notice", "or": ["pixelate", "crop-out"] },
    ])))]
    pub faces: Faces,
    /// How visitors are told that their faces are sent to the server: the words of the notice, and where it stands.
    #[serde(default)]
    pub consent_notice: Option<String>,
    /// A file of tags and phrases to use instead of those that are shipped.
    #[serde(default)]
    #[schemars(extend("format" = "path", "x-file" = { "format": "toml", "schema": crate::phrases::schema() }))]
    pub tags: Option<PathBuf>,
    /// Whether a sentence of the model's own may be shown. In languages whose voices need vowel signs it is never spoken.
    #[serde(default)]
    pub free_text: bool,
    /// Words that no sentence of the model's own may have in it.
    #[serde(default)]
    pub blocklist: Vec<String>,
    /// How long an answer is used again for the same people in the same scene; `"0s"` for never.
    #[serde(default = "two_minutes")]
    pub cache_for: Span,
    /// How many answers are kept for that.
    #[serde(default = "sixty_four")]
    #[schemars(range(min = 1, max = 1_024))]
    pub cache_size: usize,
}

/// How closely the model looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// At 512 pixels, which is quick and cheap.
    #[default]
    Low,
    /// In tiles.
    High,
    /// As the server likes.
    Auto,
}

/// What becomes of faces before a picture leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Faces {
    /// They become a few coarse squares.
    #[default]
    Pixelate,
    /// They become grey.
    CropOut,
    /// They are sent as they are.
    Send,
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
fn four_seconds() -> Span {
    Span::from_millis(4_000)
}
fn hundred_and_twenty() -> u32 {
    120
}
fn five_hundred_and_twelve() -> u32 {
    512
}
fn two_minutes() -> Span {
    Span::from_millis(120_000)
}
fn sixty_four() -> usize {
    64
}

impl Config {
    /// What the schema demands, for a host that does not look at it, and what it cannot say.
    pub(crate) fn check(&self, faces_wired: bool) -> Result<()> {
        let notice = self.consent_notice.as_deref().unwrap_or_default().trim();
        match self.faces {
            Faces::Send if notice.is_empty() => Err(Error::config(
                "consent_notice",
                "with `faces = \"send\"` visitors' faces go to the server: write here how they are told, or hide them with \
                 `faces = \"pixelate\"`",
            )),
            Faces::Pixelate | Faces::CropOut if !faces_wired => Err(Error::config(
                "faces",
                "faces can be hidden only if it is known where they are: wire the input `faces` to a recogniser",
            )),
            _ if !(64..=2_048).contains(&self.max_side) => {
                Err(Error::config("max_side", "it must be 64 to 2048 pixels"))
            }
            _ if !(16..=4_096).contains(&self.max_tokens) => {
                Err(Error::config("max_tokens", "it must be 16 to 4096 tokens"))
            }
            _ if !(1..=1_024).contains(&self.cache_size) => {
                Err(Error::config("cache_size", "it must be 1 to 1024 answers"))
            }
            _ if self.answer_within.get() < Duration::from_millis(100) => Err(Error::config(
                "answer_within",
                "no server answers in less than a tenth of a second; write such as \"4s\"",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn endpoint(&self, dialect: &Dialect, host: &Host) -> Endpoint {
        Endpoint {
            base_url: self.base_url.clone().unwrap_or_else(|| dialect.base_url.clone()),
            api_key: self.api_key.clone(),
            auth: dialect.auth.clone(),
            ca_file: self.ca_file.as_ref().map(|file| host.path(file)),
            connect_timeout: self.connect_timeout.get(),
            first_byte_timeout: self.first_byte_timeout.get(),
            most_bytes: MOST_BYTES,
        }
    }

    pub(crate) fn model(&self, dialect: &Dialect) -> Result<String> {
        let model = self.model.clone().or_else(|| dialect.model.clone()).unwrap_or_default();
        if model.trim().is_empty() {
            let message = "this kind of server has many models and none that is usual: name one that is installed there and can \
                           see pictures";
            return Err(Error::config("model", message));
        }
        Ok(model)
    }
}
