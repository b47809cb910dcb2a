use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use majlis_plugin_api::{Error, Result, Secret, Span};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Where nothing else is said.
const STAND: &str = "stand-1";
/// The nearest region.
const AUTO: &str = "auto";
const URL_BESIDE_URLS: &str = "one says where the server is, the other says where several are";
const ROOM_BESIDE_DISPATCH: &str = "with `dispatch` the server says which rooms are served, and none has a fixed name";
const MORE_THAN_ONE_PAGE: &str =
    "while more than one page is in the room nothing is heard, and each reads its own text";
const A_ROOM_FOR_EACH: &str = "give each visitor a room: `dispatch = { agent_name = \"majlis\" }` instead of `room`; or write \
                               `shared = false` where one page comes at a time";
const PRESENCE_BESIDE_DISPATCH: &str =
    "with `dispatch` each visitor has a room and a camera of their own, so a participant's stay is the visit";

/// Where the rooms are, and who counts as a visitor in them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The LiveKit server, `wss://HOST` or `ws://HOST:PORT`. A project of LiveKit Cloud has several, one in each of its regions.
    #[serde(default)]
    #[schemars(extend("x-needs" = json!([
        { "without": "urls", "because": URL_BESIDE_URLS },
        { "for": [null], "key": "urls" },
    ])))]
    pub url: Option<String>,
    /// Several servers, by the names of their regions, of which the nearest is used: `{ dubai = "wss://…", mumbai = "wss://…" }`.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub urls: Option<BTreeMap<String, String>>,
    /// The one region whose server is used, or `"auto"`: the nearest.
    #[serde(default = "auto")]
    #[schemars(length(min = 1), extend("x-needs" = json!([
        { "among": "urls", "or": ["auto"] },
        { "among": "allowed_regions", "or": ["auto"] },
    ])))]
    pub region: String,
    /// Only servers in these regions are used. All are, where none is named.
    #[serde(default)]
    #[schemars(extend("x-needs" = json!([{ "among": "urls" }])))]
    pub allowed_regions: Vec<String>,
    /// The API key of that server, or of all of them.
    pub key: Secret,
    /// The secret of that key.
    pub secret: Secret,
    /// The name of the one room of a stand: `"stand-1"`, unless there is `dispatch`.
    #[serde(default)]
    #[schemars(length(min = 1), extend("x-needs" = json!([{ "without": "dispatch", "because": ROOM_BESIDE_DISPATCH }])))]
    pub room: Option<String>,
    /// Rooms that the server sends for, many at once, instead of one of a fixed name.
    #[serde(default)]
    pub dispatch: Option<Dispatch>,
    /// Where pages get the tokens with which visitors join.
    #[serde(default)]
    pub tokens: Option<Tokens>,
    /// What participants see as the name of the agent.
    #[serde(default = "majlis")]
    pub name: String,
    /// Whether a participant's stay is a visit, or the stage `presence` makes the visits of the people before the stand's camera:
    /// `"presence"`, unless there is `dispatch`.
    #[serde(default)]
    #[schemars(extend("x-needs" = json!([
        { "for": ["presence"], "without": "dispatch", "because": PRESENCE_BESIDE_DISPATCH },
        { "for": ["participant"], "unless": ["dispatch", "shared"], "advice": MORE_THAN_ONE_PAGE, "remedy": A_ROOM_FOR_EACH },
    ])))]
    pub visits: Option<Visits>,
    /// How many pictures of a camera are taken in a second: as many as the pipeline answers for.
    #[serde(default = "ten")]
    #[schemars(range(min = 0.1, max = 60.0))]
    pub fps: f64,
    /// Whether a stream that the server takes in (ingress) is a visitor as well.
    #[serde(default)]
    pub ingress: bool,
    /// Whether visitors may hear what is said to others. Otherwise nothing is heard while more than one page is in the room, and
    /// each reads its own text.
    #[serde(default)]
    pub shared: bool,
    /// A visitor who comes back under the same identity within this time keeps the visit.
    #[serde(default = "forty_five_seconds")]
    pub rejoin_grace: Span,
    /// LiveKit's own library; otherwise `LIVEKIT_FFI_PATH`, or where `make livekit` puts it.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub library: Option<PathBuf>,
    /// A PEM file with certificates to trust besides the system's when the server's API is asked, such as a company's own authority.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
}

/// Rooms that the server sends for: this stage is a worker of LiveKit's dispatch.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Dispatch {
    /// The name under which agents are sent for. Hosts that share it share the visitors.
    #[serde(default = "agent")]
    #[schemars(length(min = 1))]
    pub agent_name: String,
    /// So many rooms are served at once.
    #[serde(default = "eight")]
    #[schemars(range(min = 1, max = 1_000))]
    pub max_visits: u32,
}

/// Where pages get tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Tokens {
    /// Where it listens: `127.0.0.1:7001` and the like for this machine alone; any other address needs a `bearer`.
    pub listen: String,
    /// What whoever asks has to show, as `Authorization: Bearer …`.
    #[serde(default)]
    pub bearer: Option<Secret>,
    /// Pages from these origins, such as `https://stand.example`, may read the answer in a browser.
    #[serde(default)]
    pub origins: Vec<String>,
    /// So long a token is good for joining.
    #[serde(default = "two_minutes")]
    pub good_for: Span,
}

/// Who makes the visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Visits {
    /// A participant's stay is a visit.
    Participant,
    /// Frames are of no visit; the stage `presence` makes visits of whom they show.
    Presence,
}

fn auto() -> String {
    AUTO.into()
}

fn majlis() -> String {
    "Majlis".into()
}

fn agent() -> String {
    "majlis".into()
}

fn eight() -> u32 {
    8
}

fn ten() -> f64 {
    10.0
}

fn forty_five_seconds() -> Span {
    Span::from_millis(45_000)
}

fn two_minutes() -> Span {
    Span::from_millis(120_000)
}

impl Config {
    /// What the schema demands, for a host that does not look at it.
    pub(crate) fn check(&self) -> Result<()> {
        if self.room.as_ref().is_some_and(|room| room.trim().is_empty()) {
            return Err(Error::config("room", "a room has a name, such as \"stand-1\""));
        }
        if !(0.1..=60.0).contains(&self.fps) {
            return Err(Error::config("fps", format!("{} pictures a second: it must be 0.1 to 60", self.fps)));
        }
        self.check_regions()?;
        if let Some(dispatch) = &self.dispatch {
            if self.room.is_some() {
                return Err(Error::config("room", ROOM_BESIDE_DISPATCH));
            }
            if self.visits == Some(Visits::Presence) {
                return Err(Error::config("visits", PRESENCE_BESIDE_DISPATCH));
            }
            if dispatch.agent_name.trim().is_empty() {
                return Err(Error::config("dispatch.agent_name", "an agent has a name by which it is sent for"));
            }
            if !(1..=1_000).contains(&dispatch.max_visits) {
                return Err(Error::config("dispatch.max_visits", "it must be 1 to 1000"));
            }
        }
        self.tokens.as_ref().map_or(Ok(()), |tokens| tokens.place().map(|_| ()))
    }

    fn check_regions(&self) -> Result<()> {
        let known = |name: &String| self.urls.as_ref().is_none_or(|urls| urls.contains_key(name));
        let unknown = |name: &str| format!("there is no `{name}` in `urls`");
        if let Some((index, name)) = self.allowed_regions.iter().enumerate().find(|(_, name)| !known(name)) {
            return Err(Error::config(format!("allowed_regions[{index}]"), unknown(name)));
        }
        let Some(region) = self.named_region() else { return Ok(()) };
        if !known(&region) {
            return Err(Error::config("region", unknown(&region)));
        }
        if !self.allowed_regions.is_empty() && !self.allowed_regions.contains(&region) {
            return Err(Error::config("region", format!("`{region}` is not one of the `allowed_regions`")));
        }
        Ok(())
    }

    /// The region that is wanted, unless it is the nearest.
    pub(crate) fn named_region(&self) -> Option<String> {
        (self.region != AUTO).then(|| self.region.clone())
    }

    /// The name of the stand's room.
    pub(crate) fn stand(&self) -> &str {
        self.room.as_deref().unwrap_or(STAND)
    }

    /// Whether visits are of people before the stand's camera.
    pub(crate) fn of_people(&self) -> bool {
        self.dispatch.is_none() && self.visits.is_none_or(|visits| visits == Visits::Presence)
    }
}

impl Tokens {
    /// Where it listens. Beyond this machine only those are answered who can show something.
    pub(crate) fn place(&self) -> Result<SocketAddr> {
        let wrong = |why: String| Error::config("tokens.listen", why);
        let place: SocketAddr = self.listen.trim().parse().map_err(|_| {
            wrong(format!("`{}` is no address to listen on; write it like `127.0.0.1:7001`", self.listen))
        })?;
        if self.bearer.as_ref().is_some_and(|bearer| bearer.expose().trim().is_empty()) {
            return Err(Error::config("tokens.bearer", "it is empty, so that anybody could show it"));
        }
        if !place.ip().is_loopback() && self.bearer.is_none() {
            return Err(wrong(format!(
                "{place} is reached from other machines, so whoever asks has to show a `bearer`; write one, or listen on 127.0.0.1"
            )));
        }
        Ok(place)
    }
}
