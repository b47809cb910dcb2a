use majlis_plugin_api::{Error, Result, Span};
use schemars::JsonSchema;
use serde::Deserialize;

/// The table of one stage of a system that was measured.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What opening the stage takes.
    #[serde(default)]
    pub open: Open,
    /// What the stage takes for each visit.
    #[serde(default)]
    pub call: Call,
    /// Times are divided by this; memory is not.
    #[serde(default = "one")]
    #[schemars(range(min = 0.001, max = 100_000.0))]
    pub speed: f64,
    /// The milestone that is set at the end of the call.
    #[serde(default)]
    pub milestone: Milestone,
    /// Without a wired input: how many visitors come.
    #[serde(default = "one_visit")]
    #[schemars(range(min = 1))]
    pub visits: u32,
    /// Without a wired input: how long after a visitor the next one comes; divided by `speed` as well.
    #[serde(default = "a_second")]
    pub every: Span,
}

/// What opening takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Open {
    /// How long.
    pub time: Span,
    /// Megabytes (10^6 bytes) that are kept until the stage is closed.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub memory_mb: f64,
}

/// What a call takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(inline)]
pub struct Call {
    /// How long.
    pub time: Span,
    /// Megabytes (10^6 bytes) that each call adds and that are kept until the stage is closed.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub memory_mb: f64,
    /// Megabytes (10^6 bytes) that are given back at the end of the call.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub temporary_mb: f64,
}

/// A milestone that a stage of the measured system reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Milestone {
    /// None.
    #[default]
    None,
    /// It is ready.
    Ready,
    /// The visitor is recognised.
    Recognised,
    /// The visitor is greeted.
    Greeted,
}

impl Milestone {
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Ready => Some("ready"),
            Self::Recognised => Some("recognised"),
            Self::Greeted => Some("greeted"),
        }
    }
}

fn one() -> f64 {
    1.0
}

fn one_visit() -> u32 {
    1
}

fn a_second() -> Span {
    Span::from_millis(1_000)
}

impl Config {
    /// What the schema demands, for a host that does not look at it.
    pub(crate) fn check(&self) -> Result<()> {
        let megabytes = [
            ("open.memory_mb", self.open.memory_mb),
            ("call.memory_mb", self.call.memory_mb),
            ("call.temporary_mb", self.call.temporary_mb),
        ];
        for (path, megabytes) in megabytes {
            if !(0.0..=100_000.0).contains(&megabytes) {
                return Err(Error::config(path, format!("{megabytes} megabytes: it must be 0 to 100000")));
            }
        }
        if !(0.001..=100_000.0).contains(&self.speed) {
            return Err(Error::config("speed", format!("{} times as fast: it must be 0.001 to 100000", self.speed)));
        }
        if self.visits == 0 {
            return Err(Error::config("visits", "a source of no visitor"));
        }
        Ok(())
    }
}
