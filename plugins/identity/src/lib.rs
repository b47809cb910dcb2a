//! Passes packets on, whatever they are: the smallest plugin, and the one that the cost of a call is measured with.
//!
//! It sends the packet's own buffer on, so it must never know what is in it.
#![forbid(unsafe_code)]

use majlis_plugin_api::{Any, Flow, Host, Input, Output, Result, Stage, export_stage, manifest};

manifest! {
    name: "identity",
    summary: "Passes packets on, whatever they are",
    inputs: { packet: Any },
    outputs: { #[same_as(packet)] passed: Any },
    schema: "../config.schema.json",
}

/// There is nothing to configure.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// The stage.
pub struct Identity;

impl Stage for Identity {
    type Config = Config;

    fn open(_: Config, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        if let Input::Packet(packet) = input {
            out.forward(output::passed, &packet)?;
        }
        Ok(Flow::Continue)
    }
}

export_stage!(Identity);
