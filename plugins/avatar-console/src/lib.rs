//! Shows utterances in the terminal: the avatar of a house without a screen.
//!
//! The decision that shapes it: **text goes out in logical order, a plain line for each language**. Whoever shows the
//! terminal reorders right-to-left text; done here as well it would be turned around twice.
//!
//! It must never know: who speaks, and the terminal itself, to which only the host writes.
#![forbid(unsafe_code)]

use majlis_plugin_api::{
    Delivered, Delivery, Flow, Host, Input, Origin, Output, Result, Stage, Utterance, export_stage, manifest,
};
use schemars::JsonSchema;
use serde::Deserialize;

manifest! {
    name: "avatar-console",
    summary: "Shows utterances in the terminal",
    inputs: { utterance: Utterance },
    outputs: { #[feedback] delivered: Delivered },
    milestones: ["shown"],
    schema: "../config.schema.json",
}

/// Which text is shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which text is shown.
    #[serde(default)]
    pub show: Show,
}

/// A text of an utterance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Show {
    /// The text for the eye.
    #[default]
    Display,
    /// The text for the voice.
    Speak,
    /// Both.
    Both,
}

/// The stage.
pub struct Console {
    show: Show,
    origin: Origin,
}

impl Stage for Console {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        Ok(Self { show: config.show, origin: host.origin() })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let Input::Packet(packet) = input else {
            return Ok(Flow::Continue);
        };
        let Some(utterance) = packet.get(input::utterance)? else {
            return Ok(Flow::Continue);
        };
        let texts: &[&str] = match self.show {
            Show::Display => &[&utterance.display],
            Show::Speak => &[&utterance.speak],
            Show::Both => &[&utterance.display, &utterance.speak],
        };
        let text = texts.iter().flat_map(|text| text.lines()).map(plain).filter(|line| !line.is_empty());
        out.host().print(packet.visit(), &text.collect::<Vec<_>>().join("\n"));
        out.milestone("shown");
        if utterance.number != 0 {
            let delivered =
                Delivered { utterance: utterance.number, delivery: Delivery::Shown, extra: Default::default() };
            // A full queue or the end of the run: nobody waits for this.
            let _ = self.origin.emit(output::delivered, None, out.now(), delivered);
        }
        Ok(Flow::Continue)
    }
}

/// A line that cannot steer a terminal: a text may come from a model or from a form.
fn plain(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

export_stage!(Console);
