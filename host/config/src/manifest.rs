//! What a plugin says of itself: the TOML text of its library's section `.stage.manifest`.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use toml::de::DeTable;

use crate::codes;
use crate::diagnostic::Lines;
use crate::validator;

/// The boundary's major version that this host speaks.
const ABI: u32 = 1;
/// A source with this capability ends: edges behind it block by default, so that nothing of it is lost.
const FINITE: &str = "finite";
/// A stage with this capability has to do something for a visitor of whom no packet ever came, so it must not be lazy.
const ACTS_ON_EVENTS: &str = "acts-on-events";

/// Words of the host's own command line. A plugin's alias that is one of them would never be reached; the host has a test
/// that its verbs stand here.
pub const RESERVED: [&str; 10] =
    ["run", "check", "graph", "explain", "schema", "plugins", "stage", "models", "tap", "help"];

/// A plugin's ports, verbs and configuration schema; read from the bytes of its file, without running it.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Major version of the boundary.
    pub abi: u32,
    /// What `plugin = "…"` says.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// One line for lists.
    pub summary: String,
    /// SPDX expression.
    pub licence: String,
    /// Milestones that its stages may set; `[report] until` names one of some stage.
    pub milestones: Vec<String>,
    /// Native libraries that the host opens for it.
    pub native: Vec<Native>,
    /// What else the host should know of it, such as `finite`.
    pub capabilities: Vec<String>,
    /// It has no inputs.
    pub source: bool,
    /// A source that ends (capability `finite`).
    pub finite: bool,
    /// In the order of the port indices at the boundary.
    pub inputs: Vec<InputPort>,
    /// In the order of the port indices at the boundary.
    pub outputs: Vec<OutputPort>,
    /// The word by which `majlis WORD VERB …` calls its verbs; plugins that take each other's place share one.
    pub alias: Option<String>,
    /// What `majlis stage NAME VERB …` may call.
    pub verbs: Vec<Verb>,
    /// JSON Schema of `[stage.NAME.config]`. A property of `"format": "secret"` is never written in the file; one of
    /// `"format": "path"` is joined to the folder of the pipeline file.
    pub config_schema: Value,
}

/// A native library of which one process holds one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    /// As the plugin asks for it.
    pub name: String,
    /// The version that it needs, where it needs one; it is compared with that of other plugins and with nothing else.
    pub version: Option<String>,
}

impl fmt::Display for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

/// A port that takes packets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputPort {
    /// The key in `inputs = { … }`.
    pub name: String,
    /// `majlis/faces@1`, or `any`.
    #[serde(rename = "type")]
    pub ty: String,
    /// A pipeline that leaves it open is refused.
    #[serde(default = "yes")]
    pub required: bool,
    /// It accepts an array of producers.
    #[serde(default)]
    pub many: bool,
}

/// A port that gives packets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputPort {
    /// The part after the dot in `stage.output`.
    pub name: String,
    /// `majlis/faces@1`, or `same-as:INPUT`: what flows into that input flows out here.
    #[serde(rename = "type")]
    pub ty: String,
    /// It does not wait for the stage's inputs, so a loop may pass through it.
    #[serde(default)]
    pub origin: bool,
    /// An origin that only tells those before it what became of what they sent. It begins nothing: its stage may be lazy, and no
    /// stream and no run waits for its end.
    #[serde(default)]
    pub feedback: bool,
}

/// A command of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Verb {
    /// As typed.
    pub name: String,
    /// One line for `--help`.
    pub summary: String,
    /// JSON Schema of its arguments.
    pub args_schema: Value,
}

impl Verb {
    /// The arguments that words without a name are given to, in this order (`x-positional` of the schema). The last takes
    /// all that is left, if it is a list.
    pub fn positional(&self) -> Vec<&str> {
        words(&self.args_schema, POSITIONAL)
    }

    /// The keys of its answers in the order in which people read them (`x-answer`).
    pub fn answer_order(&self) -> Vec<&str> {
        words(&self.args_schema, ANSWER)
    }
}

const POSITIONAL: &str = "x-positional";
const ANSWER: &str = "x-answer";

fn words<'s>(schema: &'s Value, key: &str) -> Vec<&'s str> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn yes() -> bool {
    true
}

/// Why a manifest's text was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is not TOML.
    #[error("the manifest is not TOML: line {line}, column {column}: {message}")]
    Syntax {
        /// 1-based.
        line: u32,
        /// 1-based, in characters.
        column: u32,
        /// The parser's words.
        message: String,
    },
    /// It was made for another major version of the boundary.
    #[error("the manifest is of ABI {found}, this host speaks ABI 1")]
    Abi {
        /// The manifest's.
        found: i64,
    },
    /// A key is missing, unknown or of the wrong type.
    #[error("the manifest's line {line}: {message}")]
    Key {
        /// 1-based.
        line: u32,
        /// The parser's words.
        message: String,
    },
    /// A name is empty, has letters that a name cannot have, or stands twice.
    #[error("the manifest's {what}: {reason}")]
    Name {
        /// "input `frame`".
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A port's type is neither `NAMESPACE/NAME@VERSION` nor one of the special ones.
    #[error("the manifest's {port} is of type `{ty}`: {reason}")]
    PortType {
        /// "output `frame`".
        port: String,
        /// As written.
        ty: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A schema is not JSON, or uses what the host would not check.
    #[error("the manifest's {whose}: {reason}")]
    Schema {
        /// "config_schema", or "args_schema of the verb `enrol`".
        whose: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ManifestError {
    /// Stable; `majlis explain` knows it.
    pub fn code(&self) -> &'static str {
        match self {
            ManifestError::Syntax { .. } => codes::E0901,
            ManifestError::Abi { .. } => codes::E0902,
            ManifestError::Key { .. } => codes::E0903,
            ManifestError::Name { .. } => codes::E0904,
            ManifestError::PortType { .. } => codes::E0905,
            ManifestError::Schema { .. } => codes::E0906,
        }
    }

    /// What the plugin's author, or whoever installed it, can do.
    pub fn remedy(&self) -> &'static str {
        match self {
            ManifestError::Abi { .. } => "install the plugin's build for this host",
            ManifestError::Key { .. } => {
                "build the plugin against this host's plugin-api; a newer one may have written keys that this host does not know"
            }
            ManifestError::Schema { .. } => {
                "derive the schema with schemars, or keep to the keywords that `majlis explain E0906` lists"
            }
            _ => "let the macro `manifest!` of plugin-api write the manifest",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    abi: u32,
    name: String,
    version: String,
    summary: String,
    licence: String,
    #[serde(default)]
    milestones: Vec<String>,
    #[serde(default)]
    native: Vec<RawNative>,
    #[serde(default)]
    capabilities: Vec<String>,
    alias: Option<String>,
    config_schema: Option<String>,
    #[serde(default)]
    input: Vec<InputPort>,
    #[serde(default)]
    output: Vec<OutputPort>,
    #[serde(default)]
    verb: Vec<RawVerb>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a native library is a name, or `{ name = \"…\", version = \"…\" }`")]
enum RawNative {
    Name(String),
    Versioned(Versioned),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned {
    name: String,
    version: String,
}

impl From<RawNative> for Native {
    fn from(raw: RawNative) -> Self {
        match raw {
            RawNative::Name(name) => Self { name, version: None },
            RawNative::Versioned(Versioned { name, version }) => Self { name, version: Some(version) },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVerb {
    name: String,
    summary: String,
    args_schema: Option<String>,
}

impl Manifest {
    /// Reads and checks the text of a section `.stage.manifest`.
    ///
    /// # Errors
    /// The first problem: unlike a pipeline file, a manifest is written by a macro, and whoever reads the error is not who can
    /// repair it.
    pub fn parse(text: &str) -> Result<Manifest, ManifestError> {
        check_syntax_and_abi(text)?;
        let raw: Raw = toml::from_str(text)
            .map_err(|error| ManifestError::Key { line: place(text, &error).0, message: error.message().to_owned() })?;
        check_names(&raw)?;
        check_types(&raw)?;
        let source = raw.input.is_empty();
        let finite = raw.capabilities.iter().any(|capability| capability == FINITE);
        if finite && !source {
            return Err(ManifestError::Name {
                what: "capability `finite`".to_owned(),
                reason: "only a plugin without inputs is a source that ends".to_owned(),
            });
        }
        let verbs = raw
            .verb
            .into_iter()
            .map(|verb| {
                let whose = format!("args_schema of the verb `{}`", verb.name);
                let args_schema = read_schema(verb.args_schema.as_deref(), whose.clone())?;
                check_words(&args_schema).map_err(|reason| ManifestError::Schema { whose, reason })?;
                Ok(Verb { name: verb.name, summary: verb.summary, args_schema })
            })
            .collect::<Result<_, ManifestError>>()?;
        Ok(Manifest {
            abi: raw.abi,
            config_schema: read_schema(raw.config_schema.as_deref(), "config_schema".to_owned())?,
            name: raw.name,
            version: raw.version,
            summary: raw.summary,
            licence: raw.licence,
            milestones: raw.milestones,
            native: raw.native.into_iter().map(Native::from).collect(),
            capabilities: raw.capabilities,
            source,
            finite,
            inputs: raw.input,
            outputs: raw.output,
            alias: raw.alias,
            verbs,
        })
    }

    /// The index of an input.
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|port| port.name == name)
    }

    /// The index of an output.
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|port| port.name == name)
    }

    /// Whether it acts before any packet reaches it: a source, or a stage with an output that waits for no input. Such a stage
    /// cannot be lazy, for its first packet might be the answer to one of its own.
    pub fn starts_by_itself(&self) -> bool {
        self.source || self.outputs.iter().any(|port| port.origin && !port.feedback)
    }

    /// Whether it has to act on events before its first packet (capability `acts-on-events`), which a lazy stage does not hear.
    pub fn acts_on_events(&self) -> bool {
        self.capabilities.iter().any(|capability| capability == ACTS_ON_EVENTS)
    }
}

/// `same-as:INPUT`: the input's name.
pub(crate) fn same_as(ty: &str) -> Option<&str> {
    ty.strip_prefix("same-as:")
}

fn place(text: &str, error: &toml::de::Error) -> (u32, u32) {
    Lines::new(text).place(error.span().map_or(0, |span| span.start))
}

/// Syntax first, then the ABI, then the keys: a plugin of another major may well have other keys, and the major is the reason.
fn check_syntax_and_abi(text: &str) -> Result<(), ManifestError> {
    let table = DeTable::parse(text).map_err(|error| {
        let (line, column) = place(text, &error);
        ManifestError::Syntax { line, column, message: error.message().to_owned() }
    })?;
    let abi = table.get_ref().get("abi").and_then(|abi| abi.get_ref().as_integer());
    let abi = abi.and_then(|abi| i64::from_str_radix(abi.as_str(), abi.radix()).ok());
    match abi {
        Some(found) if found != i64::from(ABI) => Err(ManifestError::Abi { found }),
        _ => Ok(()),
    }
}

fn check_names(raw: &Raw) -> Result<(), ManifestError> {
    let named = |what: &str, name: &str| -> Result<(), ManifestError> {
        if is_name(name) {
            return Ok(());
        }
        Err(ManifestError::Name {
            what: format!("{what} `{name}`"),
            reason: "a name starts with a letter and has letters, digits, `-` and `_`".to_owned(),
        })
    };
    let unique = |what: &str, names: Vec<&str>| -> Result<(), ManifestError> {
        let mut seen = BTreeSet::new();
        for name in names {
            named(what, name)?;
            if !seen.insert(name) {
                return Err(ManifestError::Name {
                    what: format!("{what} `{name}`"),
                    reason: "it stands there twice".to_owned(),
                });
            }
        }
        Ok(())
    };
    named("name", &raw.name)?;
    unique("input", raw.input.iter().map(|port| port.name.as_str()).collect())?;
    unique("output", raw.output.iter().map(|port| port.name.as_str()).collect())?;
    unique("verb", raw.verb.iter().map(|verb| verb.name.as_str()).collect())?;
    if let Some(alias) = &raw.alias {
        named("alias", alias)?;
        let wrong =
            |reason: &str| Err(ManifestError::Name { what: format!("alias `{alias}`"), reason: reason.to_owned() });
        if raw.verb.is_empty() {
            return wrong("there are no verbs that it could call");
        }
        if RESERVED.contains(&alias.as_str()) {
            return wrong("it is a word of the host's own command line, so it would never be reached");
        }
    }
    match raw.milestones.iter().find(|milestone| milestone.trim().is_empty()) {
        Some(_) => {
            Err(ManifestError::Name { what: "milestones".to_owned(), reason: "one of them is empty".to_owned() })
        }
        None => Ok(()),
    }
}

fn check_types(raw: &Raw) -> Result<(), ManifestError> {
    let wrong = |port: String, ty: &str, reason: &str| {
        Err(ManifestError::PortType { port, ty: ty.to_owned(), reason: reason.to_owned() })
    };
    for port in &raw.input {
        if port.ty != "any" && !is_type(&port.ty) {
            return wrong(
                format!("input `{}`", port.name),
                &port.ty,
                "an input's type is written `majlis/frame@1`, or is `any`",
            );
        }
    }
    for port in &raw.output {
        let what = format!("output `{}`", port.name);
        if port.origin && same_as(&port.ty).is_some() {
            let reason = "an origin does not wait for an input, so it cannot take its type";
            return wrong(what, &port.ty, reason);
        }
        if port.feedback && !port.origin {
            return wrong(what, &port.ty, "feedback is an origin; write `origin = true` as well");
        }
        match same_as(&port.ty) {
            Some(input) if raw.input.iter().any(|port| port.name == input) => {}
            Some(_) => return wrong(what, &port.ty, "there is no such input"),
            None if is_type(&port.ty) => {}
            None => {
                return wrong(what, &port.ty, "an output's type is written `majlis/frame@1`, or is `same-as:INPUT`");
            }
        }
    }
    Ok(())
}

fn read_schema(text: Option<&str>, whose: String) -> Result<Value, ManifestError> {
    let Some(text) = text else {
        return Ok(serde_json::json!({ "type": "object", "additionalProperties": false }));
    };
    let wrong = |reason: String| ManifestError::Schema { whose: whose.clone(), reason };
    let schema: Value = serde_json::from_str(text).map_err(|error| wrong(format!("not JSON: {error}")))?;
    validator::audit(&schema).map_err(wrong)?;
    Ok(schema)
}

/// What `x-positional` and `x-answer` may say: the first names arguments of this very schema.
fn check_words(schema: &Value) -> Result<(), String> {
    for key in [POSITIONAL, ANSWER] {
        let Some(list) = schema.get(key) else { continue };
        let texts = list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        if !texts {
            return Err(format!("{key} is not a list of names"));
        }
    }
    let known = |name: &&str| schema.get("properties").is_some_and(|properties| properties.get(*name).is_some());
    match words(schema, POSITIONAL).into_iter().find(|name| !known(name)) {
        Some(name) => Err(format!("{POSITIONAL} names `{name}`, which is no argument")),
        None => Ok(()),
    }
}

/// Names of plugins, ports, verbs, stages and threads. ASCII, because they stand in metric labels, file names and `a.b`
/// references; what visitors and reports see is a title, in any script.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
}

fn is_type(ty: &str) -> bool {
    let Some((path, version)) = ty.rsplit_once('@') else {
        return false;
    };
    let Some((space, name)) = path.split_once('/') else {
        return false;
    };
    is_name(space) && is_name(name) && version.parse::<u32>().is_ok_and(|version| version > 0)
}
