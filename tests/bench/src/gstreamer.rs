//! GStreamer's `identity` five times, where its tools are installed.

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::stages::FRAME;

const TOOL: &str = "gst-launch-1.0";

/// Buffers of one run: enough that the start of the tool is a small part of it.
const BUFFERS: u32 = 300_000;

/// Why it cannot be measured here, if so.
pub(crate) fn missing() -> Option<String> {
    let works = run(1, 1).is_ok();
    (!works).then(|| {
        format!("{TOOL} with fakesrc and identity is not here; Debian has it in gstreamer1.0-tools and gstreamer1.0-plugins-base")
    })
}

fn run(buffers: u32, stages: usize) -> Result<f64, String> {
    let mut command = Command::new(TOOL);
    command.arg("-q").arg("fakesrc").arg(format!("num-buffers={buffers}"));
    command.args(["sizetype=fixed", &format!("sizemax={FRAME}"), "filltype=nothing"]);
    for _ in 0..stages {
        command.args(["!", "identity", "silent=true"]);
    }
    command.args(["!", "fakesink", "sync=false"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    match command.status() {
        Ok(status) if status.success() => Ok(begun.elapsed().as_secs_f64()),
        Ok(status) => Err(format!("{TOOL} ended with {status}")),
        Err(error) => Err(format!("{TOOL}: {error}")),
    }
}

/// Microseconds that five of them cost a buffer: a run with them less one without.
pub(crate) fn five() -> Result<f64, String> {
    let with = run(BUFFERS, 5)?;
    let without = run(BUFFERS, 0)?;
    Ok((with - without) * 1e6 / f64::from(BUFFERS))
}
