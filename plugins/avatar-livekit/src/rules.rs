//! What `majlis check` knows of vendors: made from the profiles that are shipped, and said in the schema of the configuration.

use serde_json::{Map, Value, json};

use crate::faults::OF_EVERY_VENDOR;
use crate::profile::{Idle, Profile, SHIPPED};

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
