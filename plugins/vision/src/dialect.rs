use std::collections::BTreeMap;

use majlis_plugin_api::{Error, Result};
use majlis_remote::Auth;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of server that takes OpenAI's chat completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
pub enum DialectName {
    /// OpenAI, and vendors that are like it in everything.
    #[default]
    #[serde(rename = "openai")]
    OpenAi,
    /// Ollama, from its version with structured answers (0.5).
    #[serde(rename = "ollama")]
    Ollama,
    /// The server of llama.cpp, with a projector.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
    /// vLLM.
    #[serde(rename = "vllm")]
    Vllm,
}

/// How a server differs from the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialect {
    pub(crate) base_url: String,
    pub(crate) model: Option<String>,
    pub(crate) auth: Auth,
    pub(crate) token_field: String,
    #[serde(default)]
    pub(crate) detail: bool,
    #[serde(default)]
    pub(crate) store: bool,
    #[serde(default)]
    pub(crate) json_schema: bool,
    #[serde(default)]
    pub(crate) usage: bool,
    pub(crate) ready: String,
}

impl Dialect {
    /// The dialect of a name.
    ///
    /// # Errors
    /// The file of this plugin lacks it, which its test would have found.
    pub(crate) fn of(name: DialectName) -> Result<Self> {
        let mut all: BTreeMap<DialectName, Self> = toml::from_str(include_str!("dialects.toml"))?;
        all.remove(&name).ok_or_else(|| Error::config("dialect", "there is no such dialect"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_in_the_file() {
        use DialectName::{LlamaCpp, Ollama, OpenAi, Vllm};
        for name in [OpenAi, Ollama, LlamaCpp, Vllm] {
            let dialect = Dialect::of(name).expect("it is there");
            assert!(["max_tokens", "max_completion_tokens"].contains(&dialect.token_field.as_str()), "{name:?}");
        }
    }
}
