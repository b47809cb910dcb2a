//! The program `majlis`, measured from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longer than any moment here takes to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run of `majlis`, ended when it is dropped.
pub(crate) struct Run {
    child: Child,
    begun: Instant,
    lines: Receiver<(Instant, String)>,
    /// What was read while a milestone was waited for.
    read: Vec<String>,
}

/// A milestone as `--milestones` prints it.
pub(crate) struct Moment {
    pub(crate) name: String,
    pub(crate) visit: u64,
    /// Since the process was made.
    pub(crate) after: Duration,
}

impl Run {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let (to, lines) = unbounded();
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    if to.send((Instant::now(), line)).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, begun, lines, read: Vec::new() })
    }

    /// The next milestone.
    pub(crate) fn moment(&mut self) -> Result<Moment, String> {
        loop {
            let Ok((at, line)) = self.lines.recv_timeout(PATIENCE) else {
                return Err(format!("majlis ended or stood still; it said: {}", self.read.join(" / ")));
            };
            let said: Option<Value> = serde_json::from_str(&line).ok();
            let milestone =
                said.and_then(|said| Some((said["milestone"].as_str()?.to_owned(), said["visit"].as_u64()?)));
            if let Some((name, visit)) = milestone {
                return Ok(Moment { name, visit, after: at - self.begun });
            }
            self.read.push(line);
        }
    }

    /// Waits for the one milestone.
    pub(crate) fn until(&mut self, name: &str) -> Result<Duration, String> {
        loop {
            let moment = self.moment()?;
            if moment.name == name {
                return Ok(moment.after);
            }
        }
    }

    fn proc(&self, what: &str) -> String {
        format!("/proc/{}/{what}", self.child.id())
    }

    /// Resident bytes.
    pub(crate) fn resident(&self) -> Result<f64, String> {
        let path = self.proc("status");
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.map(|kib| kib * 1_024.0).ok_or_else(|| format!("{path} has no VmRSS"))
    }

    /// Processor time of all its threads so far, in nanoseconds. Threads must not end meanwhile: theirs would be lost.
    pub(crate) fn processor_time(&self) -> Result<u64, String> {
        let path = self.proc("task");
        let tasks = fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?;
        let time = |task: std::io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        let times: Option<Vec<u64>> = tasks.map(time).collect();
        times.map(|times| times.iter().sum()).ok_or_else(|| "this kernel has no schedstat".to_owned())
    }

    /// Asks it to drain, and gives what it prints until it ends.
    pub(crate) fn drain(mut self) -> Result<Vec<u8>, String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no such process")?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            std::io::copy(&mut stdout, &mut out).map_err(|error| error.to_string())?;
        }
        self.child.wait().map_err(|error| error.to_string())?;
        Ok(out)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The median wall time of a stage's calls, in nanoseconds, from a report in JSON.
pub(crate) fn median_of_stage(report: &[u8], stage: &str) -> Result<f64, String> {
    let report: Value = serde_json::from_slice(report).map_err(|error| format!("the report is no JSON: {error}"))?;
    let stages = report["run"]["stages"].as_array().ok_or("the report has no stages")?;
    let found = stages.iter().find(|row| row["name"] == stage).ok_or_else(|| format!("the report has no {stage}"))?;
    let failed = found["failed"].as_u64().unwrap_or(0) + found["skipped"].as_u64().unwrap_or(0);
    match (found["wall"]["count"].as_u64(), found["wall"]["p50_ns"].as_f64()) {
        (Some(count), Some(nanos)) if count > 0 && failed == 0 => Ok(nanos),
        _ => Err(format!("{stage} failed in {failed} calls, or was never called")),
    }
}

/// Puts `majlis run PIPELINE` together.
pub(crate) fn command(majlis: &Path, plugins: &Path, work: &Path, pipeline: &Path) -> Command {
    let mut command = Command::new(majlis);
    command.arg("--plugins").arg(plugins).arg("run").arg(pipeline);
    // What people keep in their store is no part of a measurement.
    command.env("XDG_DATA_HOME", work.join("data")).env_remove("MAJLIS_PLUGIN_PATH");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_that_was_never_called_or_failed_has_no_median() {
        let report = |count: u64, failed: u64| {
            let wall = serde_json::json!({ "count": count, "p50_ns": 7 });
            let stages = serde_json::json!([{ "name": "faces", "failed": failed, "skipped": 0, "wall": wall }]);
            serde_json::json!({ "run": { "stages": stages } }).to_string().into_bytes()
        };
        assert_eq!(median_of_stage(&report(3, 0), "faces"), Ok(7.0));
        assert!(median_of_stage(&report(0, 0), "faces").is_err());
        assert!(median_of_stage(&report(3, 1), "faces").is_err());
        assert!(median_of_stage(&report(3, 0), "camera").is_err());
    }
}
