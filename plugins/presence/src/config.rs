use majlis_plugin_api::{Error, Result, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who counts as a visitor, and for how long.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// From how many pixels on, on the shorter side of its box, a face is near enough to be a visitor's.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 10_000))]
    pub min_face_px: u32,
    /// How long a face has to be that near before a visit opens, so that none opens for somebody who walks past.
    #[serde(default = "half_a_second")]
    pub arrive_after: Span,
    /// How long nobody of a visit has to be away before it ends.
    #[serde(default = "four_seconds")]
    pub leave_after: Span,
    /// Whether people who are there together are one visit, or each person is one.
    #[serde(default)]
    pub group: Group,
}

/// Whether people who are there together are one visit, or each person is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// People who are there together are one visit.
    #[default]
    OneVisit,
    /// Each person is a visit.
    PerPerson,
}

fn sixty() -> u32 {
    60
}

fn half_a_second() -> Span {
    Span::from_millis(500)
}

fn four_seconds() -> Span {
    Span::from_millis(4_000)
}

impl Config {
    /// What the schema demands, for a host that does not look at it, and what it cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=10_000).contains(&self.min_face_px) {
            let message = format!("{} pixels: it must be 1 to 10000", self.min_face_px);
            return Err(Error::config("min_face_px", message));
        }
        if self.leave_after.get().is_zero() {
            let message = "a visit that ends as soon as nobody is seen would end between two frames; write more than the \
                           time from one frame to the next, such as \"4s\"";
            return Err(Error::config("leave_after", message));
        }
        Ok(())
    }
}
