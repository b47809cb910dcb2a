//! Writes each packet as a line of JSON: what went through a pipeline, for scripts and for tests.
//!
//! The decision that shapes it: **a line is written when its packet comes, and nothing is kept**. So a show that is
//! killed leaves whole lines up to its last packet, and the stage's memory does not grow.
//!
//! It must never know: pixels and samples, of which it writes a header and a hash; secrets, which print as `***`.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::Write;

use majlis_plugin_api::{
    Any, Error, Flow, Host, Input, Output, Packet, Result, Stage, Value, VisitId, export_stage, manifest,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

manifest! {
    name: "jsonl",
    summary: "Writes each packet as a line of JSON",
    inputs: { #[many] packets: Any },
    schema: "../config.schema.json",
}

/// Where the lines go, and what they leave out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file, from the folder of the pipeline file.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Go on after the lines that the file has; otherwise it is emptied.
    #[serde(default)]
    pub append: bool,
    /// Write embeddings as well: they identify people.
    #[serde(default)]
    pub embeddings: bool,
}

/// The stage.
pub struct Lines {
    file: File,
    path: String,
    embeddings: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    time_ms: f64,
    visit: Option<u64>,
    from: &'a str,
    r#type: &'a str,
    sequence: u64,
    packet: Value,
}

impl Stage for Lines {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        let path = host.path(&config.path);
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(config.append).truncate(!config.append);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .map_err(|error| Error::config("path", format!("{} cannot be written: {error}", path.display())))?;
        Ok(Self { file, path: path.display().to_string(), embeddings: config.embeddings })
    }

    fn process(&mut self, input: Input<'_>, _: &mut Output<'_>) -> Result<Flow> {
        if let Input::Packet(packet) = input
            && let Some(any) = packet.get(input::packets)?
        {
            self.write(&packet, &any)?;
        }
        Ok(Flow::Continue)
    }

    fn close(self, _: &Host) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::from(error).within(&self.path))
    }
}

impl Lines {
    fn write(&mut self, packet: &Packet<'_>, any: &Any) -> Result<()> {
        let mut content = any.to_json()?;
        if !self.embeddings {
            leave_out(&mut content, "embedding");
        }
        let line = Line {
            time_ms: packet.time().as_nanos() as f64 / 1e6,
            visit: packet.visit().map(VisitId::number),
            from: packet.wire().map_or("", |wire| wire.peer.as_str()),
            r#type: &any.packet_type,
            sequence: packet.sequence(),
            packet: content,
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        // One write for each line, so that no half of one is left behind; there is nothing to flush.
        self.file.write_all(&text).map_err(|error| Error::from(error).within(&self.path))
    }
}

fn leave_out(value: &mut Value, key: &str) {
    match value {
        Value::Object(map) => {
            map.remove(key);
            map.values_mut().for_each(|value| leave_out(value, key));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| leave_out(item, key)),
        _ => {}
    }
}

export_stage!(Lines);
