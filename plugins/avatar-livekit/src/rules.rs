//! What `majlis check` knows of vendors: made from the profiles that are shipped, and said in the schema of the configuration.

use serde_json::{Map, Value, json};

use crate::faults::OF_EVERY_VENDOR;
use crate::profile::{Idle, Profile, SHIPPED};
use crate::template::KNOWN;

/// Keys that bring vendors of an operator's own, and shipped ones otherwise: then the files say what holds.
const FILES: [&str; 2] = ["vendor_files", "vendors_folder"];

/// What each vendor is told (`x-chosen`).
pub(crate) fn chosen() -> Value {
    let tables: Map<String, Value> = shipped().map(|profile| (profile.name.clone(), table(&profile))).collect();
    json!({ "by": ["vendor", "vendors"], "unless": FILES, "tables": tables })
}

/// Vendors whose avatars cannot wait (`x-needs`).
pub(crate) fn needs_of_vendors() -> Value {
    let idle = shipped().filter(|profile| profile.idle == Idle::None);
    let names: Vec<String> = idle.map(|profile| profile.name).collect();
    let why = "its avatar leaves when nothing is said for a while";
    json!([{ "for": names, "key": "prewarm", "is": [0], "unless": FILES, "because": why }])
}

/// Where no avatar can wait (`x-needs`).
pub(crate) fn needs_of_prewarm() -> Value {
    let why = "with `dispatch` each visit has a room of its own, and nobody knows in which one to wait";
    json!([{ "for": [1], "input": "invite", "without": "dispatch", "because": why }])
}

/// A hole of a text, whose name is the group; a brace that is written twice is none.
macro_rules! hole {
    ($name:literal) => {
        concat!(r"\{\{|\}\}|\{", $name, r"\}")
    };
}

/// Where a start has texts with holes.
const OF_START: [&str; 3] = ["/start/*/request", "/start/*/headers", "/start/*/body"];
const OF_STOP: [&str; 3] = ["/stop/request", "/stop/headers", "/stop/body"];
const OF_LIST: [&str; 2] = ["/list/request", "/list/headers"];

fn everywhere() -> Vec<&'static str> {
    [&OF_START[..], &OF_STOP, &OF_LIST].concat()
}

/// What the holes of a vendor's file may stand for (`x-refers`). The same as [`faults`](crate::faults) says, for whoever runs no code
/// of a plugin.
pub(crate) fn references() -> Value {
    let about_session = [&OF_START[..], &OF_LIST].concat();
    let before = [&OF_START[..], &OF_STOP].concat();
    json!([
        {
            // Those with a dot have names of the file.
            "pattern": concat!(r"\{\{|\}\}|\{(?:option|answer)\.[^{}]*\}|", r"\{([^{}]*)\}"),
            "in": everywhere(),
            "names": KNOWN,
            "told": "there is no such value",
            "remedy": "write one of those that the vendor's file may have, such as `{token}`, `{option.NAME}` or `{answer.NAME}`",
        },
        {
            "pattern": hole!(r"option\.([^{}]*)"),
            "in": everywhere(),
            "keys": ["/options"],
            "told": "there is no option `{}`",
            "remedy": "add `[options.{}]` with what it is `about`",
        },
        {
            "pattern": hole!(r"answer\.([^{}]*)"),
            "in": before,
            "keys": ["/start/*/answer"],
            "before": true,
            "told": "no answer before this gives `{}`",
            "remedy": "add it to the `answer` of an earlier step",
        },
        {
            "pattern": hole!(r"answer\.([^{}]*)"),
            "in": OF_LIST,
            "told": "of a list nothing is asked before",
            "remedy": "write it without an answer",
        },
        {
            "pattern": hole!("(session)"),
            "in": about_session,
            "told": "there is no session yet",
            "remedy": "in a later step write `{answer.session}`",
        },
    ])
}

/// What a vendor's file has to hold (`x-holds`).
pub(crate) fn holds() -> Value {
    let of_every: Vec<String> = OF_EVERY_VENDOR.iter().map(|key| format!("/options/{key}")).collect();
    json!([
        {
            "then": { "at": ["/start/*/body"], "text": hole!("(token)") },
            "at": "/start",
            "told": "no body of `start` holds `{token}`, without which no avatar enters a room",
            "remedy": "write it where the vendor takes the room's token",
        },
        {
            "if": { "at": ["/hears"], "is": ["listener"] },
            "then": { "at": ["/start/*/body"], "text": hole!("(listener_token)") },
            "told": "no body of `start` holds `{listener_token}`, so no listener would come",
            "remedy": "write it where the vendor takes the listener's token, or leave `hears` out",
        },
        {
            "if": { "at": ["/stop"] },
            "then": { "at": ["/start/*/answer/session"] },
            "told": "no answer of `start` gives a session's id, by which it could be ended",
            "remedy": "add `answer = { session = \"/…\" }` to the step that begins it",
        },
        {
            "if": { "at": ["/list"] },
            "then": { "at": ["/stop"] },
            "told": "there is no `stop`, so a session that is found could not be ended",
            "remedy": "add `[stop]`, or leave this out",
        },
        {
            "if": { "at": ["/list"] },
            "then": { "at": ["/start/*/body"], "text": hole!("(tag)") },
            "at": "/list/tag",
            "told": "no body of `start` holds `{tag}`, so nothing of ours could be found",
            "remedy": "write `{tag}` into a field that the list gives back, or leave `[list]` out",
        },
        {
            "if": { "at": everywhere(), "text": hole!("(region)") },
            "then": { "at": ["/regions/*"] },
            "told": "there are no regions, and a text holds `{region}`",
            "remedy": "add `[regions.NAME]`",
        },
        {
            "not": { "at": of_every },
            "told": "`{}` is a key of every vendor",
            "remedy": "choose another word for the option",
        },
        {
            "not": { "at": ["/usual_start"], "text": r"^\s*((?:0+(?:\.0+)?\s*(?:ms|s|min|m|h|d)\s*)+)$" },
            "told": "no avatar is there at once",
            "remedy": "write how long it usually takes, such as \"8s\"",
        },
    ])
}

/// What an option of a vendor's file has to hold.
pub(crate) fn holds_of_an_option() -> Value {
    json!([{
        "if": { "at": ["/required"], "is": [true] },
        "not": { "at": ["/default"] },
        "at": "",
        "told": "an option that is required has a default",
        "remedy": "leave one of them out",
    }])
}

/// What an error of a vendor's file has to hold.
pub(crate) fn holds_of_an_error() -> Value {
    json!([{
        "then": { "at": ["/status", "/says"] },
        "told": "it fits every error",
        "remedy": "add a `status`, or words in `says`",
    }])
}

fn shipped() -> impl Iterator<Item = Profile> {
    // A test holds that each of them is right.
    SHIPPED.iter().filter_map(|(_, text)| Profile::parse(text).ok())
}

/// The table of one vendor, as a JSON Schema. What holds for every vendor's keys is said once, of all tables.
fn table(profile: &Profile) -> Value {
    let mut properties: Map<String, Value> =
        OF_EVERY_VENDOR.map(|key| (key.to_owned(), json!({}))).into_iter().collect();
    properties.insert("api_key".into(), json!({ "format": "secret" }));
    properties.insert("start_within".into(), json!({ "x-usual": profile.usual_start.to_string() }));
    properties.extend(profile.options.iter().map(|(name, rule)| (name.clone(), json!({ "description": rule.about }))));
    let needed = profile.options.iter().filter(|(_, rule)| rule.required).map(|(name, _)| name.as_str());
    let required: Vec<&str> = std::iter::once("api_key").chain(needed).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
