//! A camera before which nobody stands: a source that is open and has nothing to show, so that what waits behind it
//! can be measured while it waits.
//!
//! It never asks to be woken, because a source that looks again now and then would be what is measured.
#![forbid(unsafe_code)]

use majlis_plugin_api::{Event, Flow, Frame, Host, Input, Output, Result, Stage, export_stage, manifest};

manifest! {
    name: "bench-idle",
    summary: "A camera before which nobody stands",
    outputs: { frame: Frame },
    schema: "../config.schema.json",
}

/// There is nothing to configure.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The stage.
pub struct Idle;

impl Stage for Idle {
    type Config = Config;

    fn open(_: Config, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn process(&mut self, _: Input<'_>, _: &mut Output<'_>) -> Result<Flow> {
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, _: &mut Output<'_>) -> Result<Flow> {
        Ok(if let Event::Drain { .. } = event { Flow::Ended } else { Flow::Continue })
    }
}

export_stage!(Idle);
