use std::collections::BTreeMap;
use std::path::PathBuf;

use majlis_plugin_api::{Error, Host, Result, Secret, Span};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::profile::{Profile, SHIPPED};
use crate::vendor::Vendor;

/// Whose avatars speak, and how long anybody waits for them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The vendor: one that is shipped (anam, avatartalk, bey, did, lemonslice, runway, simli, tavus, trugen), or one of
    /// `vendor_files`.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Several, the best first: when one does not come the next is asked. Instead of `vendor`.
    #[serde(default)]
    pub vendors: Vec<String>,
    /// What each vendor is told, by its name. Those of vendors that are not used are not looked at.
    #[serde(default)]
    pub vendor_options: BTreeMap<String, VendorOptions>,
    /// Files that describe further vendors, or shipped ones otherwise.
    #[serde(default)]
    #[schemars(schema_with = "paths")]
    pub vendor_files: Vec<PathBuf>,
    /// By then somebody speaks: from the visitor's arrival, over all vendors. If no avatar is ready the agent itself does, and an
    /// avatar that comes later speaks from the next utterance on.
    #[serde(default = "four_seconds")]
    pub speak_by: Span,
    /// How long a vendor that failed again and again is left out at first; then twice as long each time, up to twenty times.
    #[serde(default = "half_a_minute")]
    pub rest: Span,
    /// What is there where no avatar is: the agent's own voice with the text, or the text alone.
    #[serde(default)]
    pub without_avatar: WithoutAvatar,
}

/// What is there where no avatar is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum WithoutAvatar {
    /// The agent's own voice, and the text.
    #[default]
    Voice,
    /// The text.
    Text,
}

/// What a vendor is told.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct VendorOptions {
    /// The account's key.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// Where its API is, if not where it usually is.
    #[serde(default)]
    pub base_url: Option<String>,
    /// A PEM file with certificates to trust besides the system's, such as a company's own authority.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
    /// The country (ISO 3166-1 alpha-2) in which it hears the speech, as its contract says. Without it nobody's name is sent there.
    #[serde(default)]
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"))]
    pub country: Option<String>,
    /// How long it may take to its first frame; then the next vendor is asked. As long as it usually takes, otherwise.
    #[serde(default)]
    pub start_within: Option<Span>,
    /// The vendor's own, as its file describes them.
    #[serde(flatten)]
    pub options: BTreeMap<String, Value>,
}

fn four_seconds() -> Span {
    Span::from_millis(4_000)
}

fn half_a_minute() -> Span {
    Span::from_millis(30_000)
}

fn paths(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "items": { "type": "string", "format": "path" } })
}

impl Config {
    /// The vendors in the order in which they are asked.
    pub(crate) fn ladder(&self, host: &Host) -> Result<Vec<Vendor>> {
        let (key, names) = match (&self.vendor, &self.vendors[..]) {
            (Some(_), [_, ..]) => {
                return Err(Error::config("vendors", "`vendor` is written too; leave one of them out"));
            }
            (None, []) => {
                let message =
                    "no vendor is named; write such as `vendor = \"tavus\"` or `vendors = [\"tavus\", \"bey\"]`";
                return Err(Error::config("vendor", message));
            }
            (Some(name), []) => ("vendor", std::slice::from_ref(name)),
            (None, names) => ("vendors", names),
        };
        let profiles = self.profiles(host)?;
        let mut ladder: Vec<Vendor> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let path = if key == "vendor" { key.to_owned() } else { format!("{key}[{index}]") };
            let Some(profile) = profiles.get(name) else {
                let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
                let message = format!(
                    "there is no vendor `{name}`; there are {}. Others are described by files in `vendor_files`",
                    known.join(", ")
                );
                return Err(Error::config(path, message));
            };
            if ladder.iter().any(|vendor| vendor.name() == name) {
                return Err(Error::config(path, format!("`{name}` is there twice")));
            }
            let written = self.vendor_options.get(name).cloned().unwrap_or_default();
            ladder.push(Vendor::open(profile.clone(), &written, host)?);
        }
        Ok(ladder)
    }

    fn profiles(&self, host: &Host) -> Result<BTreeMap<String, Profile>> {
        let mut profiles = BTreeMap::new();
        for (file, text) in SHIPPED {
            let profile = Profile::open(file, text, "")?;
            profiles.insert(profile.name.clone(), profile);
        }
        for (index, file) in self.vendor_files.iter().enumerate() {
            let (key, shown) = (format!("vendor_files[{index}]"), file.display().to_string());
            let text = std::fs::read_to_string(host.path(file))
                .map_err(|error| Error::config(&key, format!("{shown} cannot be read: {error}")))?;
            let profile = Profile::open(&shown, &text, &key)?;
            profiles.insert(profile.name.clone(), profile);
        }
        Ok(profiles)
    }
}
