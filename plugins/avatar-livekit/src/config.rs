use std::collections::BTreeMap;
use std::path::PathBuf;

use majlis_plugin_api::{Error, Host, Result, Secret, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::hours::Daily;
use crate::profile::{Idle, Profile, SHIPPED};
use crate::rules;
use crate::vendor::Vendor;

/// Whose avatars speak, and how long anybody waits for them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The vendor: one that is shipped (anam, avatartalk, bey, did, lemonslice, runway, simli, tavus, trugen), or one of
    /// `vendor_files`.
    #[serde(default)]
    #[schemars(extend("x-needs" = rules::needs_of_vendors()))]
    pub vendor: Option<String>,
    /// Several, the best first: when one does not come the next is asked. Instead of `vendor`.
    #[serde(default)]
    #[schemars(extend("x-needs" = rules::needs_of_vendors()))]
    pub vendors: Vec<String>,
    /// What each vendor is told, by its name. Those of vendors that are not used are not looked at.
    #[serde(default)]
    #[schemars(extend("x-chosen" = rules::chosen()))]
    pub vendor_options: BTreeMap<String, VendorOptions>,
    /// Files that describe further vendors, or shipped ones otherwise.
    #[serde(default)]
    #[schemars(schema_with = "vendor_files")]
    pub vendor_files: Vec<PathBuf>,
    /// A folder of such files: all of it that end in `.toml`.
    #[serde(default)]
    #[schemars(schema_with = "vendors_folder")]
    pub vendors_folder: Option<PathBuf>,
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
    /// How many avatars wait in the room for whoever comes next: none or one. It costs what its vendor takes for a session, all
    /// the time.
    #[serde(default)]
    #[schemars(range(max = 1), extend("x-needs" = rules::needs_of_prewarm()))]
    pub prewarm: u32,
    /// When an avatar may wait, by the pipeline's time zone: stretches of the day. Always, where none is written.
    #[serde(default)]
    pub open: Vec<Daily>,
    /// When no avatar waits or is asked for and nothing is heard, by the pipeline's time zone: stretches of the day. Texts are
    /// shown.
    #[serde(default)]
    pub quiet: Vec<Daily>,
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
    /// After so many minutes of a day, by the pipeline's time zone, it is asked for nothing more, and the next vendor is.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_minutes_per_day: Option<u32>,
    /// After so many requests for a session within an hour it is asked for nothing more, and the next vendor is.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_calls_per_hour: Option<u32>,
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

/// Paths of vendors' files, and what stands in them.
fn vendor_files(_: &mut SchemaGenerator) -> Schema {
    let file = json!({ "format": "toml", "schema": schema_for!(Profile) });
    json_schema!({ "type": "array", "items": { "type": "string", "format": "path", "x-file": file } })
}

fn vendors_folder(_: &mut SchemaGenerator) -> Schema {
    let files = json!({ "format": "toml", "schema": schema_for!(Profile), "in": "*.toml" });
    json_schema!({ "type": ["string", "null"], "format": "path", "x-file": files })
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
        if self.prewarm > 1 {
            return Err(Error::config("prewarm", format!("{} avatars cannot wait: write 0 or 1", self.prewarm)));
        }
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
            if self.prewarm > 0 && profile.idle == Idle::None {
                let message = format!(
                    "no avatar of {} can wait for a visitor: it leaves when nothing is said for a while; leave `{name}` out, or \
                     write `prewarm = 0`",
                    profile.title
                );
                return Err(Error::config("prewarm", message));
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
        for (key, file) in self.files(host)? {
            let shown = file.display().to_string();
            let text = std::fs::read_to_string(host.path(&file))
                .map_err(|error| Error::config(&key, format!("{shown} cannot be read: {error}")))?;
            let profile = Profile::open(&shown, &text, &key)?;
            profiles.insert(profile.name.clone(), profile);
        }
        Ok(profiles)
    }

    /// Files that describe vendors, those of the folder first, and the key that names each.
    fn files(&self, host: &Host) -> Result<Vec<(String, PathBuf)>> {
        let mut files = Vec::new();
        if let Some(folder) = &self.vendors_folder {
            let key = "vendors_folder";
            let unread = |error| Error::config(key, format!("{} cannot be read: {error}", folder.display()));
            let entries = std::fs::read_dir(host.path(folder)).map_err(unread)?;
            let mut found =
                entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().map_err(unread)?;
            found.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
            found.sort();
            if found.is_empty() {
                return Err(Error::config(key, format!("no file of {} ends in `.toml`", folder.display())));
            }
            files.extend(found.into_iter().map(|file| (key.to_owned(), file)));
        }
        let named = self.vendor_files.iter().enumerate();
        files.extend(named.map(|(index, file)| (format!("vendor_files[{index}]"), file.clone())));
        Ok(files)
    }
}
