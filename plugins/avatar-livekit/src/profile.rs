//! A vendor as data: what is asked, what the answers hold, and how it behaves.

use std::collections::BTreeMap;

use majlis_plugin_api::{Error, Result, Span};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::faults::{Fault, faults};
use crate::rules;

/// Texts with holes: `{token}`, `{option.NAME}`, `{answer.NAME}`; a brace of the text itself is written twice. What may stand in a
/// hole is said by [`rules::references`].
pub(crate) const TEMPLATE: &str = r"^([^{}]|\{\{|\}\}|\{[^{}]+\})*$";
/// Method and path, which has holes too and no space.
const REQUEST: &str = r"^(GET|POST|PUT|PATCH|DELETE) /([^ {}]|\{\{|\}\}|\{[^ {}]+\})*$";
const LISTING: &str = r"^GET /([^ {}]|\{\{|\}\}|\{[^ {}]+\})*$";

const TEMPLATES: &str =
    "A text in which `{token}`, `{option.NAME}`, `{answer.NAME}` and such stand for values; a brace is written twice.";

/// A vendor of avatars that join a LiveKit room. The file of a vendor holds one of these.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-refers" = rules::references(), "x-holds" = rules::holds()))]
pub struct Profile {
    /// The word by which a pipeline names the vendor.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    pub name: String,
    /// How the vendor is called in sentences.
    #[schemars(length(min = 1))]
    pub title: String,
    /// The country (ISO 3166-1 alpha-2) in which it hears the speech. Without it nobody's name is sent, unless an operator says
    /// where it is.
    #[serde(default)]
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"))]
    pub country: Option<String>,
    /// Where its API is; the paths of requests are appended.
    #[schemars(regex(pattern = "^https?://"))]
    pub base_url: String,
    /// Samples a second of the speech that it takes.
    #[schemars(extend("enum" = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]))]
    pub sample_rate: u32,
    /// How long it usually takes from the request to its first frame; it is given so long.
    pub usual_start: Span,
    /// How long it may take to answer the requests of a start, all together; of another request, to begin to answer.
    #[serde(default = "twenty_seconds")]
    pub answer_within: Span,
    /// After this time it ends a session by itself.
    #[serde(default)]
    pub longest: Option<Span>,
    /// What the avatar does while nothing is said: one that leaves cannot wait for a visitor.
    pub idle: Idle,
    /// Who hears the speech in the room.
    #[serde(default)]
    pub hears: Hears,
    /// How the key is shown.
    pub key: Key,
    /// What an operator may write in `vendor_options.NAME`, by key.
    #[serde(default)]
    pub options: BTreeMap<String, OptionRule>,
    /// The requests that start a session, in order.
    #[schemars(length(min = 1))]
    pub start: Vec<Step>,
    /// The request that ends one, if there is such a thing.
    #[serde(default)]
    pub stop: Option<Call>,
    /// The request that lists those that run, if they can be told apart by a field of ours.
    #[serde(default)]
    pub list: Option<List>,
    /// What makes a start that costs nothing and is joined by nobody, to see whether the vendor takes sessions again.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// What its errors mean. The first that fits counts; otherwise the status says it.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// Where it is near which LiveKit servers, by the vendor's own name of the region.
    #[serde(default)]
    pub regions: BTreeMap<String, Region>,
}

/// What an avatar does while nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Idle {
    /// It stays and is silent.
    Silence,
    /// It does not stay: it leaves after a while.
    None,
}

/// Who hears the speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Hears {
    /// The avatar itself.
    #[default]
    Avatar,
    /// A second participant, with `{listener_token}`.
    Listener,
}

/// How the key is shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Key {
    /// The header that holds it.
    #[schemars(regex(pattern = "^[A-Za-z0-9-]+$"))]
    pub header: String,
    /// What stands before it, with the space behind: `"Bearer "`.
    #[serde(default)]
    pub prefix: String,
}

/// What an operator may write.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-holds" = rules::holds_of_an_option()))]
pub struct OptionRule {
    /// What it is, for whoever left it out.
    #[schemars(length(min = 1))]
    pub about: String,
    /// Whether there is no session without it.
    #[serde(default)]
    pub required: bool,
    /// What it is where nothing is written; without it, what it stands for is left out of the request.
    #[serde(default)]
    pub default: Option<Value>,
}

/// One request of a start.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Step {
    /// Method and path: `POST /v1/sessions`.
    #[schemars(regex(pattern = REQUEST))]
    pub request: String,
    /// Headers besides the key's.
    #[serde(default)]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, String>,
    /// Whether the key is shown.
    #[serde(default = "yes")]
    pub key: bool,
    /// The body as JSON. A text that is one hole takes the value as it is, such as a number; one whose value is nothing is left out.
    #[serde(default)]
    #[schemars(schema_with = "body")]
    pub body: Option<Value>,
    /// What is kept of the answer, by name: JSON pointers. `session` is the id by which the session is ended.
    #[serde(default)]
    #[schemars(schema_with = "answer")]
    pub answer: BTreeMap<String, String>,
    /// Whether a session may run once this was asked: false for what only prepares one.
    #[serde(default = "yes")]
    pub begins: bool,
}

/// A request about a session.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Call {
    /// Method and path, with `{session}`.
    #[schemars(regex(pattern = REQUEST))]
    pub request: String,
    /// Headers besides the key's.
    #[serde(default)]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, String>,
    /// The body as JSON.
    #[serde(default)]
    #[schemars(schema_with = "body")]
    pub body: Option<Value>,
}

/// The request that lists sessions, and where in its answer they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct List {
    /// Method and path.
    #[schemars(regex(pattern = LISTING))]
    pub request: String,
    /// Headers besides the key's.
    #[serde(default)]
    #[schemars(schema_with = "headers")]
    pub headers: BTreeMap<String, String>,
    /// JSON pointer to the list; empty where the answer is one.
    #[serde(default)]
    #[schemars(regex(pattern = "^(/.*)?$"))]
    pub items: String,
    /// JSON pointer, in an item, to the session's id.
    #[schemars(regex(pattern = "^/"))]
    pub session: String,
    /// JSON pointer, in an item, to the field that held `{tag}`.
    #[schemars(regex(pattern = "^/"))]
    pub tag: String,
}

/// A start that costs nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Probe {
    /// What is added to the body of the last step.
    pub body: BTreeMap<String, Value>,
}

/// What an error means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-holds" = rules::holds_of_an_error()))]
pub struct ErrorRule {
    /// The status; any where there is none.
    #[serde(default)]
    #[schemars(range(min = 300, max = 599))]
    pub status: Option<u16>,
    /// Words that the answer holds, in whichever letters.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub says: Option<String>,
    /// What that means.
    pub means: Meaning,
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Meaning {
    /// As many sessions run as the account may have.
    NoSlot,
    /// The account has nothing left to pay with.
    NoCredit,
    /// Somebody has to act before any start can go well.
    Permanent,
    /// It may go better when it is asked again.
    Passing,
    /// This one start has failed.
    Failed,
}

/// Where a vendor is near which servers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Region {
    /// Beginnings of the names of LiveKit's regions that it is near.
    #[schemars(length(min = 1))]
    pub near: Vec<String>,
    /// Where its API is there, if that is another place.
    #[serde(default)]
    pub base_url: Option<String>,
}

fn yes() -> bool {
    true
}

fn twenty_seconds() -> Span {
    Span::from_millis(20_000)
}

fn headers(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let text = serde_json::json!({ "type": "string", "pattern": TEMPLATE, "description": TEMPLATES });
    schemars::json_schema!({ "type": "object", "additionalProperties": text })
}

fn answer(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let pointer = serde_json::json!({
        "type": "string",
        "pattern": "^/",
        "description": "A place in the answer, as a JSON pointer: `/data/id`.",
    });
    schemars::json_schema!({ "type": "object", "additionalProperties": pointer })
}

/// Any JSON whose texts are templates.
fn body(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    generator.subschema_for::<Template>()
}

/// Any JSON whose texts are templates: for the schema alone.
struct Template;

impl JsonSchema for Template {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "JSON, in whose texts `{token}`, `{option.NAME}` and such stand for values.",
            "anyOf": [
                { "type": "string", "pattern": TEMPLATE, "description": TEMPLATES },
                { "type": ["number", "boolean", "null"] },
                { "type": "array", "items": { "$ref": "#/$defs/Template" } },
                { "type": "object", "additionalProperties": { "$ref": "#/$defs/Template" } },
            ],
        })
    }
}

impl Profile {
    /// A profile from the text of its file, and all faults of it.
    ///
    /// # Errors
    /// Each fault, in the order of the file.
    pub fn parse(text: &str) -> std::result::Result<Self, Vec<Fault>> {
        let profile: Self = toml::from_str(text).map_err(|error| vec![Fault::of_toml(text, &error)])?;
        let found = faults(&profile, text);
        if found.is_empty() { Ok(profile) } else { Err(found) }
    }

    /// The same for a stage's opening, with the file's name before each fault.
    pub(crate) fn open(file: &str, text: &str, key: &str) -> Result<Self> {
        Self::parse(text).map_err(|faults| {
            let lines: Vec<String> = faults.iter().map(|fault| format!("{file}:{fault}")).collect();
            Error::config(key, lines.join("\n"))
        })
    }
}

/// The vendors that are shipped: the file's name and its text.
pub const SHIPPED: [(&str, &str); 9] = [
    ("tavus.toml", include_str!("../vendors/tavus.toml")),
    ("bey.toml", include_str!("../vendors/bey.toml")),
    ("simli.toml", include_str!("../vendors/simli.toml")),
    ("anam.toml", include_str!("../vendors/anam.toml")),
    ("did.toml", include_str!("../vendors/did.toml")),
    ("lemonslice.toml", include_str!("../vendors/lemonslice.toml")),
    ("runway.toml", include_str!("../vendors/runway.toml")),
    ("avatartalk.toml", include_str!("../vendors/avatartalk.toml")),
    ("trugen.toml", include_str!("../vendors/trugen.toml")),
];
