//! The program `majlis`, measured from outside.

use std::collections::VecDeque;
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
    program: String,
    begun: Instant,
    lines: Receiver<(Instant, String)>,
    /// What was read while something else was waited for: milestones, and lines.
    moments: VecDeque<Moment>,
    read: Vec<String>,
    zero: Option<Instant>,
}

/// A milestone as `--milestones` prints it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) name: String,
    pub(crate) visit: u64,
    /// Since the process was made.
    pub(crate) after: Duration,
    /// When it was read here.
    pub(crate) at: Instant,
    /// When it was, on the run's clock.
    pub(crate) nanos: u64,
}

impl Run {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let (begun, program) = (Instant::now(), Path::new(command.get_program()).display().to_string());
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
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
        Ok(Self { child, program, begun, lines, moments: VecDeque::new(), read: Vec::new(), zero: None })
    }

    /// Reads a line, which is a milestone or is kept.
    fn read(&mut self) -> Result<(), String> {
        let Ok((at, line)) = self.lines.recv_timeout(PATIENCE) else {
            return Err(format!("{} ended or stood still; it said: {}", self.program, self.read.join(" / ")));
        };
        match moment_of(&line) {
            Some((name, visit, nanos)) => {
                let zero = at.checked_sub(Duration::from_nanos(nanos));
                self.zero = self.zero.into_iter().chain(zero).min();
                self.moments.push_back(Moment { name, visit, after: at - self.begun, at, nanos });
            }
            None => self.read.push(line),
        }
        Ok(())
    }

    /// The next milestone.
    pub(crate) fn moment(&mut self) -> Result<Moment, String> {
        loop {
            if let Some(moment) = self.moments.pop_front() {
                return Ok(moment);
            }
            self.read()?;
        }
    }

    /// The zero of the run's clock on ours, by the milestone that was read the soonest. It may be later by as long as that took,
    /// a part of a millisecond.
    pub(crate) fn zero(&self) -> Result<Instant, String> {
        self.zero.ok_or_else(|| format!("{} told no milestone", self.program))
    }

    /// Waits for a line in which this stands.
    pub(crate) fn line(&mut self, text: &str) -> Result<String, String> {
        let mut from = 0;
        loop {
            if let Some(line) = self.read[from..].iter().find(|line| line.contains(text)) {
                return Ok(line.clone());
            }
            from = self.read.len();
            self.read()?;
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the one milestone.
    pub(crate) fn until(&mut self, name: &str) -> Result<Duration, String> {
        self.reached(name).map(|moment| moment.after)
    }

    /// As [`Run::until`], with all that is known of it.
    pub(crate) fn reached(&mut self, name: &str) -> Result<Moment, String> {
        loop {
            let moment = self.moment()?;
            if moment.name == name {
                return Ok(moment);
            }
        }
    }

    fn proc(&self, what: &str) -> String {
        format!("/proc/{}/{what}", self.child.id())
    }

    /// Resident bytes.
    pub(crate) fn resident(&self) -> Result<f64, String> {
        self.memory("VmRSS")
    }

    /// Resident bytes that no file holds: what the process would not give back under pressure.
    pub(crate) fn anonymous(&self) -> Result<f64, String> {
        self.memory("RssAnon")
    }

    fn memory(&self, row: &str) -> Result<f64, String> {
        let path = self.proc("status");
        let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.map(|kib| kib * 1_024.0).ok_or_else(|| format!("{path} has no {row}"))
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
    pub(crate) fn drain(self) -> Result<Vec<u8>, String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no such process")?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        self.end()
    }

    /// Waits until its sources have ended, and gives what it prints.
    pub(crate) fn end(mut self) -> Result<Vec<u8>, String> {
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

/// A line of `--milestones`: name, visit, and when it was on the run's clock.
fn moment_of(line: &str) -> Option<(String, u64, u64)> {
    let said: Value = serde_json::from_str(line).ok()?;
    Some((said["milestone"].as_str()?.to_owned(), said["visit"].as_u64()?, said["ns"].as_u64()?))
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

/// A stage's call with the packet of one visit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// The visit's number.
    pub(crate) visit: u64,
    pub(crate) nanos: f64,
    /// The steps that the stage named, each with its nanoseconds.
    pub(crate) parts: Vec<(String, f64)>,
    pub(crate) facts: Vec<(String, String)>,
}

impl Step {
    /// A fact that is a number.
    pub(crate) fn number(&self, fact: &str) -> Option<f64> {
        self.facts.iter().find(|(name, _)| name == fact)?.1.parse().ok()
    }
}

/// What a stage did with each visit's packet, from a report in JSON: one call a visit, and none that failed.
pub(crate) fn calls_of_stage(report: &[u8], stage: &str) -> Result<Vec<Step>, String> {
    let report: Value = serde_json::from_slice(report).map_err(|error| format!("the report is no JSON: {error}"))?;
    let visits = report["visits"].as_array().ok_or("the report has no visits")?;
    let mut calls = Vec::with_capacity(visits.len());
    for visit in visits {
        let steps = visit["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        for step in steps.iter().filter(|step| step["stage"] == stage && step["kind"] == "packet") {
            if step["outcome"] != "ok" || step["count"] != 1 {
                return Err(format!(
                    "{stage} ended {} in visit {}: {}",
                    step["outcome"], visit["visit"], step["reason"]
                ));
            }
            calls.push(step_of(visit, step).ok_or("a step of the report lacks a number")?);
        }
    }
    Ok(calls)
}

fn step_of(visit: &Value, step: &Value) -> Option<Step> {
    let list = |name: &str| step[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let marks: Option<Vec<(String, f64)>> =
        list("marks").iter().map(|mark| Some((mark["name"].as_str()?.to_owned(), mark["at_ns"].as_f64()?))).collect();
    let marks = marks?;
    let ends = marks.iter().skip(1).map(|(_, at)| *at).chain([step["end_ns"].as_f64()?]);
    let parts = marks.iter().zip(ends).map(|((name, at), end)| (name.clone(), end - at)).collect();
    let facts: Option<Vec<(String, String)>> = list("facts")
        .iter()
        .map(|fact| Some((fact["name"].as_str()?.to_owned(), fact["value"].as_str()?.to_owned())))
        .collect();
    Some(Step { visit: visit["visit"].as_u64()?, nanos: step["took_ns"].as_f64()?, parts, facts: facts? })
}

/// How long a stage took to open, in nanoseconds, from a report in JSON.
pub(crate) fn opening_of_stage(report: &[u8], stage: &str) -> Result<f64, String> {
    let report: Value = serde_json::from_slice(report).map_err(|error| format!("the report is no JSON: {error}"))?;
    let openings = report["run"]["openings"].as_array().ok_or("the report has no openings")?;
    let found = openings.iter().find(|row| row["stage"] == stage).ok_or_else(|| format!("{stage} was not opened"))?;
    if let Some(reason) = found["failed"].as_str() {
        return Err(format!("{stage} could not be opened: {reason}"));
    }
    match (found["start_ns"].as_f64(), found["end_ns"].as_f64()) {
        (Some(start), Some(end)) => Ok(end - start),
        _ => Err(format!("{stage} was not opened to the end")),
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

    fn visit(outcome: &str) -> Vec<u8> {
        let step = serde_json::json!({
            "stage": "faces", "kind": "packet", "outcome": outcome, "reason": null, "count": 1, "took_ns": 40, "end_ns": 45,
            "marks": [{ "name": "detect", "at_ns": 6 }, { "name": "embed", "at_ns": 30 }],
            "facts": [{ "name": "confidence", "value": "0.75" }],
        });
        let camera = serde_json::json!({ "stage": "camera", "kind": "wake", "outcome": "ok" });
        serde_json::json!({ "visits": [{ "visit": 3, "steps": [camera, step] }] }).to_string().into_bytes()
    }

    #[test]
    fn a_call_tells_how_long_each_of_its_steps_was() {
        let calls = calls_of_stage(&visit("ok"), "faces").unwrap();
        let parts = vec![("detect".to_owned(), 24.0), ("embed".to_owned(), 15.0)];
        let facts = vec![("confidence".to_owned(), "0.75".to_owned())];
        assert_eq!(calls, [Step { visit: 3, nanos: 40.0, parts, facts }]);
        assert_eq!((calls[0].number("confidence"), calls[0].number("faces")), (Some(0.75), None));
    }

    #[test]
    fn a_call_that_failed_is_no_measurement() {
        assert!(calls_of_stage(&visit("failed"), "faces").unwrap_err().contains("visit 3"));
    }

    #[test]
    fn an_opening_that_failed_or_never_was_has_no_length() {
        let report = |opening: Value| serde_json::json!({ "run": { "openings": [opening] } }).to_string().into_bytes();
        let good = serde_json::json!({ "stage": "faces", "start_ns": 5, "end_ns": 9, "failed": null });
        assert_eq!(opening_of_stage(&report(good.clone()), "faces"), Ok(4.0));
        assert!(opening_of_stage(&report(good), "camera").is_err());
        let failed = serde_json::json!({ "stage": "faces", "start_ns": 5, "end_ns": 9, "failed": "no such pack" });
        assert!(opening_of_stage(&report(failed), "faces").unwrap_err().contains("no such pack"));
    }
}
