//! What we are held against in Python, where `peer/environment.sh` has made an environment for it: InsightFace, driven from here,
//! and livekit-agents, which LiveKit's server sends to rooms.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// What its environment lets us start, and what was made beside it.
pub(crate) struct Environment {
    /// Its interpreter.
    pub(crate) python: PathBuf,
    /// Graphs of the size of buffalo_l.
    pub(crate) graphs: PathBuf,
    /// The driver, `peer.py`.
    pub(crate) driver: PathBuf,
}

/// livekit-agents, beside our own stage of rooms, where its environment was made.
pub(crate) struct Agents {
    /// Its interpreter.
    pub(crate) python: PathBuf,
    /// The worker, `agent.py`.
    pub(crate) driver: PathBuf,
}

/// A process of it, which waits for commands. Ended when it is dropped.
pub(crate) struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// How long one decoded picture took, and what was seen on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Its place in the list of photographs.
    pub(crate) photo: usize,
    pub(crate) nanos: f64,
    pub(crate) faces: u64,
    /// To the closest person who is enrolled.
    pub(crate) similarity: Option<f64>,
}

impl Environment {
    /// The runtime's library in it, which is the very file that our own card pins: both sides run the same bytes.
    pub(crate) fn library(&self) -> Result<PathBuf, String> {
        let root = self.python.parent().and_then(Path::parent).ok_or("the interpreter has no folder")?;
        let missing = || format!("there is no libonnxruntime.so below {}", root.display());
        let pythons = root.join("lib").read_dir().map_err(|error| format!("{}: {error}", root.display()))?;
        let folders = pythons.flatten().map(|entry| entry.path().join("site-packages/onnxruntime/capi"));
        let library = |folder: PathBuf| {
            let named = |path: &PathBuf| path.to_string_lossy().contains("/libonnxruntime.so");
            folder.read_dir().ok()?.flatten().map(|entry| entry.path()).find(named)
        };
        folders.filter_map(library).next().ok_or_else(missing)
    }
}

impl Peer {
    /// Starts it. It has imported nothing yet.
    pub(crate) fn start(environment: &Environment) -> Result<Self, String> {
        let shown = environment.python.display();
        let mut command = Command::new(&environment.python);
        // Of itself it warns of what scikit-image is going to take away.
        command.args(["-W", "ignore"]).arg(&environment.driver).env_remove("PYTHONPATH");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{shown}: {error}"))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self { child, to, from: BufReader::new(from) }),
            _ => Err(format!("{shown} has no stdin and stdout")),
        }
    }

    /// One command, and its answer.
    fn ask(&mut self, command: &Value) -> Result<Value, String> {
        let broken = |error: std::io::Error| format!("InsightFace broke off at {}: {error}", command["do"]);
        writeln!(self.to, "{command}").and_then(|()| self.to.flush()).map_err(broken)?;
        let mut line = String::new();
        self.from.read_line(&mut line).map_err(broken)?;
        let answer: Value =
            serde_json::from_str(&line).map_err(|_| format!("InsightFace ended at {}", command["do"]))?;
        match answer["error"].as_str() {
            Some(error) => Err(format!("InsightFace, {}: {error}", command["do"])),
            None => Ok(answer),
        }
    }

    /// Makes it construct the models of a pack below `root`/models, and gives what `peer.py` says of that.
    pub(crate) fn open(&mut self, root: &Path, pack: &str, threads: usize) -> Result<Value, String> {
        self.ask(&json!({ "do": "open", "root": root, "pack": pack, "threads": threads }))
    }

    /// Enrols people, each with one photograph.
    pub(crate) fn enrol(&mut self, people: &[(&str, PathBuf)]) -> Result<(), String> {
        let people: Vec<Value> = people.iter().map(|(id, photo)| json!({ "id": id, "photo": photo })).collect();
        self.ask(&json!({ "do": "enrol", "people": people })).map(drop)
    }

    /// Shows it photographs, all of them `passes` times, so many a second.
    pub(crate) fn recognise(&mut self, photos: &[PathBuf], passes: usize, rate: f64) -> Result<Vec<Call>, String> {
        let answer =
            self.ask(&json!({ "do": "recognise", "photos": photos, "passes": passes, "period_s": 1.0 / rate }))?;
        let calls = answer["calls"].as_array().map(Vec::as_slice).unwrap_or_default();
        calls.iter().map(|call| call_of(call).ok_or_else(|| format!("InsightFace gave no call: {call}"))).collect()
    }

    /// Its resident bytes.
    pub(crate) fn resident(&mut self) -> Result<f64, String> {
        let answer = self.ask(&json!({ "do": "memory" }))?;
        answer["resident_bytes"].as_f64().ok_or_else(|| "InsightFace does not know its memory".to_owned())
    }
}

fn call_of(call: &Value) -> Option<Call> {
    Some(Call {
        photo: usize::try_from(call["photo"].as_u64()?).ok()?,
        nanos: call["took_ns"].as_f64()?,
        faces: call["faces"].as_u64()?,
        similarity: call["similarity"].as_f64(),
    })
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
