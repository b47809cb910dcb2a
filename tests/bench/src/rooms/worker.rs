//! Who is sent to rooms: `majlis` with rooms.toml, or the peer.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Place;
use super::memory::{family, pss, ticks};
use crate::program::Run;

/// Warm processes and models are there so long after a start at the latest.
const WARM_WITHIN: Duration = Duration::from_secs(20);
/// Whoever rests uses at most so many ticks of 10 ms in so long.
const RESTS: (u64, Duration) = (2, Duration::from_millis(400));

/// A worker of LiveKit's dispatch: one program with all that it started. Dropped, all of it ends.
pub(super) struct Worker {
    /// Until it is ended by [`Worker::end`].
    run: Option<Run>,
    /// Under which name it is sent for.
    pub(super) agent: &'static str,
    is_peer: bool,
}

impl Worker {
    /// Ours, with its models open.
    pub(super) fn ours(place: &Place<'_>) -> Result<Self, String> {
        let mut run = Run::start(place.command("rooms").stdout(Stdio::piped()))?;
        run.line("rooms are served")?;
        let mut worker = Self { run: Some(run), agent: "majlis", is_peer: false };
        worker.rest()?;
        Ok(worker)
    }

    /// The peer, with its warm processes.
    pub(super) fn peer(place: &Place<'_>) -> Result<Self, String> {
        let missing =
            "there is no Python environment with livekit-agents; tests/bench/peer/README.md says what it needs";
        let agents = place.bench.agents.as_ref().ok_or(missing)?;
        // It logs to stdout, which is read here together with stderr; and what it says is in English.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 1>&2", "sh"]).arg(&agents.python).arg(&agents.driver).arg("start");
        command.env("MAJLIS_BENCH_AGENT", "peer").env_remove("PYTHONPATH").stdout(Stdio::null());
        command.env_remove("HTTP_PROXY").env_remove("HTTPS_PROXY");
        place.name_server(&mut command);
        let mut run = Run::start(&mut command)?;
        run.line("registered worker").map_err(|error| format!("livekit-agents: {error}"))?;
        let mut worker = Self { run: Some(run), agent: "peer", is_peer: true };
        worker.rest()?;
        Ok(worker)
    }

    fn family(&self) -> Vec<u32> {
        self.run.as_ref().map(|run| family(run.id())).unwrap_or_default()
    }

    /// MiB of all its processes.
    pub(super) fn memory(&self) -> Result<f64, String> {
        pss(&self.family())
    }

    /// Waits until it has nothing to do.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        let end = Instant::now() + WARM_WITHIN;
        let (most, within) = RESTS;
        loop {
            let (before, family) = (ticks(&self.family()), self.family());
            sleep(within);
            let after = self.family();
            if after == family && ticks(&after).saturating_sub(before) <= most {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("`{}` does not come to rest within {WARM_WITHIN:?}", self.agent));
            }
        }
    }

    /// Waits until the peer decodes pictures of a camera in this room. Of ours [`Worker::end`] tells it.
    pub(super) fn decodes(&mut self, room: &str) -> Result<(), String> {
        match &mut self.run {
            Some(run) if self.is_peer => run.line(&format!("decodes 640x480 in {room}")).map(drop),
            _ => Ok(()),
        }
    }

    /// Ends it. Of ours, answers of how many visitors a picture was looked at, by its report.
    pub(super) fn end(mut self) -> Result<Option<usize>, String> {
        let Some(run) = self.run.take_if(|_| !self.is_peer) else { return Ok(None) };
        let report: Value =
            serde_json::from_slice(&run.drain()?).map_err(|error| format!("the report is no JSON: {error}"))?;
        let visits = report["visits"].as_array().map_or(&[][..], Vec::as_slice);
        let is_look = |step: &Value| step["stage"] == "faces" && step["kind"] == "packet" && step["outcome"] == "ok";
        let is_seen = |visit: &&Value| visit["steps"].as_array().is_some_and(|steps| steps.iter().any(is_look));
        Ok(Some(visits.iter().filter(is_seen).count()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The children of a Python that is killed outlive it, and are known only as long as it lives.
        for id in self.family() {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }
}
