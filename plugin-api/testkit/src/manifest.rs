//! Reads a manifest's text as the host does, so that a plugin's own tests see what would be refused.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

/// What a manifest says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The boundary's major.
    pub abi: u32,
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub summary: String,
    /// Its licence.
    pub licence: String,
    /// Milestones that its stages may set.
    #[serde(default)]
    pub milestones: Vec<String>,
    /// Native libraries that it opens.
    #[serde(default)]
    pub native: Vec<String>,
    /// Such as `finite`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The word by which operators call its verbs.
    #[serde(default)]
    pub alias: Option<String>,
    /// The JSON Schema of its configuration, as text.
    pub config_schema: String,
    /// Its inputs.
    #[serde(default, rename = "input")]
    pub inputs: Vec<Input>,
    /// Its outputs.
    #[serde(default, rename = "output")]
    pub outputs: Vec<Output>,
    /// Its verbs.
    #[serde(default, rename = "verb")]
    pub verbs: Vec<Verb>,
}

/// An input.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The type of its packets.
    #[serde(rename = "type")]
    pub packet_type: String,
    /// Whether it has to be wired.
    #[serde(default = "yes")]
    pub required: bool,
    /// Whether it takes several producers.
    #[serde(default)]
    pub many: bool,
}

/// An output.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The type of its packets, or `same-as:INPUT`.
    #[serde(rename = "type")]
    pub packet_type: String,
    /// Whether it does not wait for the stage's inputs.
    #[serde(default)]
    pub origin: bool,
    /// Whether it only tells those before it what became of what they sent.
    #[serde(default)]
    pub feedback: bool,
}

/// A verb.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verb {
    /// Its name.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// The JSON Schema of its arguments, as text.
    pub args_schema: String,
}

fn yes() -> bool {
    true
}

/// Reads a manifest's text (`manifest__::TEXT` of a plugin).
///
/// # Panics
/// With everything that a host would refuse: no TOML, an unknown key, a schema that is none, a name twice, `same-as` of
/// no input, inputs of a source that ends.
#[must_use]
pub fn check(text: &str) -> Manifest {
    let manifest: Manifest = toml::from_str(text).unwrap_or_else(|error| panic!("the manifest is refused: {error}"));
    assert_eq!(manifest.abi, 1, "the manifest's ABI");
    for (what, value) in [("name", &manifest.name), ("summary", &manifest.summary), ("licence", &manifest.licence)] {
        assert!(!value.is_empty(), "the manifest's {what} is empty");
    }
    check_schema("config_schema", &manifest.config_schema);
    for verb in &manifest.verbs {
        check_arguments(verb);
    }
    assert!(manifest.alias.is_none() || !manifest.verbs.is_empty(), "the manifest's alias has no verbs to call");
    let inputs: BTreeSet<&str> = manifest.inputs.iter().map(|input| input.name.as_str()).collect();
    let outputs: BTreeSet<&str> = manifest.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(inputs.len(), manifest.inputs.len(), "two inputs of the manifest have one name");
    assert_eq!(outputs.len(), manifest.outputs.len(), "two outputs of the manifest have one name");
    let finite = manifest.capabilities.iter().any(|word| word == "finite");
    assert!(!finite || inputs.is_empty(), "only a plugin without inputs is a source that ends");
    for output in &manifest.outputs {
        if let Some(input) = output.packet_type.strip_prefix("same-as:") {
            assert!(inputs.contains(input), "the output `{}` is the same as `{input}`, which is no input", output.name);
        }
    }
    manifest
}

/// What stands in `x-positional` is what words without a name are given to, so each is an argument.
fn check_arguments(verb: &Verb) {
    let what = format!("args_schema of `{}`", verb.name);
    let schema = check_schema(&what, &verb.args_schema);
    for name in schema["x-positional"].as_array().into_iter().flatten() {
        let known = name.as_str().is_some_and(|name| schema["properties"].get(name).is_some());
        assert!(known, "the manifest's {what}: x-positional names {name}, which is no argument");
    }
}

fn check_schema(what: &str, text: &str) -> Value {
    let schema: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("the manifest's {what} is no JSON: {error}"));
    assert_eq!(schema["type"], "object", "the manifest's {what} is not of an object");
    schema
}
