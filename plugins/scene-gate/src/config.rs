use std::time::Duration;

use majlis_plugin_api::{Error, Result, Span};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which frames are worth a look.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From which difference to the frame that was let through last on the scene is another one. The difference is 0 for the
    /// same picture and about 1 for two that have nothing in common (1 - SSIM).
    #[schemars(range(min = 0.01, max = 1.0))]
    pub changed: f64,
    /// Below this difference it is the same again; and a picture that differs less from the frame before is at rest. Noise and
    /// light have to stay below it.
    #[schemars(range(min = 0.005, max = 1.0))]
    pub same: f64,
    /// A changed scene is let through when it is at rest, or after this time at the latest.
    pub settle_within: Span,
    /// So long at most a visit goes without a new look while frames come.
    pub max_age: Span,
    /// The time between two frames that are let through is at least this; the first frame of a visit never waits for it.
    pub min_gap: Span,
    /// Somebody whose face is not found for so long is not there any more. Who comes counts at once.
    pub gone_after: Span,
    /// How long a frame waits for what the recogniser says of it, where `faces` is wired. After that the picture alone decides,
    /// until the recogniser answers again.
    pub faces_within: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            changed: 0.12,
            same: 0.06,
            settle_within: Span::from_millis(1_000),
            max_age: Span::from_millis(30_000),
            min_gap: Span::from_millis(3_000),
            gone_after: Span::from_millis(1_000),
            faces_within: Span::from_millis(1_000),
        }
    }
}

impl Config {
    /// What the schema demands, for a host that does not look at it, and what it cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        for (key, value, least) in [("changed", self.changed, 0.01), ("same", self.same, 0.005)] {
            if !(least..=1.0).contains(&value) {
                return Err(Error::config(key, format!("{value}: it must be {least} to 1")));
            }
        }
        if self.same >= self.changed {
            let what = format!(
                "{} is not below changed, which is {}: between the two a scene stays what it was; half of it is usual",
                self.same, self.changed
            );
            return Err(Error::config("same", what));
        }
        let (gap, age) = (self.min_gap.get(), self.max_age.get());
        if age < gap {
            let what = "it is below min_gap, which holds back every frame that is younger";
            return Err(Error::config("max_age", what));
        }
        if self.faces_within.get() == Duration::ZERO {
            let what = "no frame could wait for its faces; take the input `faces` out if the picture alone decides";
            return Err(Error::config("faces_within", what));
        }
        Ok(())
    }
}
