//! The program, run in a home of its own and within a time.

use std::cell::Cell;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::data::Folder;
use crate::places;
use crate::report::Report;

/// How long a run may take: many times what any of them needs.
const LIMIT: Duration = Duration::from_secs(120);

/// How a token of a LiveKit server begins, whoever it is for: `{"alg":` or `{"typ":`. No program tells one.
pub const TOKENS: [&str; 2] = ["eyJhbGciOi", "eyJ0eXAiOi"];

/// A run that is being prepared.
pub struct Majlis {
    command: Command,
    home: Folder,
    limit: Duration,
}

thread_local! {
    static FIRST: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test of times: never beside another one, with the program before all others of the machine where the system
/// allows that, and three times at most. Who takes its cores away can only make a run longer, so what one undisturbed
/// run shows is what counts. (With five programs on two cores a recognition of 44.5 ms showed 52, and 44.7 so.)
pub fn undisturbed(test: impl Fn()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    FIRST.set(true);
    for _ in 0..2 {
        if catch_unwind(AssertUnwindSafe(&test)).is_ok() {
            return FIRST.set(false);
        }
        eprintln!("*** once more: perhaps the machine was busy");
    }
    test();
}

/// The program, or `chrt` that becomes it.
fn command() -> Command {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    let before_all = |what: &OsStr| {
        let mut command = Command::new("chrt");
        command.args(["--rr", "1"]).arg(what);
        command
    };
    let allowed = || before_all("true".as_ref()).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if FIRST.get() && *ALLOWED.get_or_init(allowed) {
        before_all(places::binary().as_os_str())
    } else {
        Command::new(places::binary())
    }
}

/// The program with the built plugins.
#[must_use]
pub fn majlis<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Majlis {
    let program = Majlis::without_plugins(arguments).env("MAJLIS_PLUGIN_PATH", places::plugins());
    // The measured reception takes half a minute as it was. Faster than this, a machine may not write the 281.5 MB of its model in the
    // time that opening it is to take.
    program.env("MAJLIS_SPEED", "10")
}

/// The same, on a machine without a network: in a network of its own in which nothing is, not even loopback. Where the system does not
/// allow that it is told, and the program runs as always.
#[must_use]
pub fn without_network<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Majlis {
    let unshared = |more: &[&str], what: &OsStr| {
        let mut command = Command::new("unshare");
        command.args(more).args(["--net", "--"]).arg(what);
        command
    };
    let allowed = |more: &&&[&str]| {
        // Nothing but loopback, which is down: two lines of heading and its own.
        let seen = unshared(more, "cat".as_ref()).arg("/proc/self/net/dev").stderr(Stdio::null()).output();
        seen.is_ok_and(|seen| seen.status.success() && String::from_utf8_lossy(&seen.stdout).lines().count() == 3)
    };
    let ways: [&[&str]; 2] = [&[], &["--map-root-user"]];
    let Some(way) = ways.iter().find(allowed) else {
        eprintln!("\n*** SKIPPED: that there is no network; this system lets nobody leave it (`unshare --net`)\n");
        return majlis(arguments);
    };
    let command = unshared(way, places::binary().as_os_str());
    Majlis::started_by(command, arguments).env("MAJLIS_PLUGIN_PATH", places::plugins())
}

/// The report of a run of this pipeline file, which goes well.
///
/// # Panics
/// It does not.
#[must_use]
pub fn reported(file: impl AsRef<OsStr>) -> Report {
    majlis(["run", "--report", "json"]).arg(file).run().report()
}

impl Majlis {
    /// The program, and no plugin.
    #[must_use]
    pub fn without_plugins<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::started_by(command(), arguments)
    }

    fn started_by<S: AsRef<OsStr>>(mut command: Command, arguments: impl IntoIterator<Item = S>) -> Self {
        let home = Folder::new();
        command.args(arguments).env_clear().current_dir(places::root());
        for (name, value) in std::env::vars_os() {
            if ["PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR"].iter().any(|kept| name == *kept) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", home.path())
            .env("XDG_DATA_HOME", home.file("data"))
            .env("XDG_CACHE_HOME", home.file("cache"));
        if let Some(runtime) = places::onnxruntime() {
            command.env("ORT_DYLIB_PATH", runtime);
        }
        Self { command, home, limit: LIMIT }
    }

    /// Another argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The home of another run.
    #[must_use]
    pub fn at_home(mut self, home: &Path) -> Self {
        self.command
            .env("HOME", home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_CACHE_HOME", home.join("cache"));
        self
    }

    /// How long the run may take, where it waits for others who take their time.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Running {
        let Self { mut command, home, limit } = self;
        let shown = format!("{command:?}")
            .split_once("majlis\"")
            .map_or_else(String::new, |(_, arguments)| format!("majlis{arguments}"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{shown} cannot be started: {error}"));
        let (teller, told) = channel();
        let streams: [(bool, Box<dyn Read + Send>); 2] = [
            (true, Box::new(child.stdout.take().expect("stdout is a pipe"))),
            (false, Box::new(child.stderr.take().expect("stderr is a pipe"))),
        ];
        for (stdout, stream) in streams {
            let teller = teller.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).split(b'\n') {
                    let Ok(line) = line else { break };
                    let line = String::from_utf8(line)
                        .unwrap_or_else(|wrong| format!("(not UTF-8: {:?})", wrong.into_bytes()));
                    // The test is over before its run: nobody listens.
                    let _ = teller.send(Some((stdout, line)));
                }
                let _ = teller.send(None);
            });
        }
        Running {
            child,
            shown,
            home,
            told,
            streams: 2,
            stdout: String::new(),
            stderr: String::new(),
            until: Instant::now() + limit,
            limit,
        }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Ended {
        self.start().wait()
    }
}

/// A run under way; it is ended with the test.
pub struct Running {
    child: Child,
    shown: String,
    home: Folder,
    told: Receiver<Option<(bool, String)>>,
    streams: usize,
    stdout: String,
    stderr: String,
    until: Instant,
    limit: Duration,
}

impl Running {
    /// The next line; none when both streams are closed.
    fn line(&mut self) -> Option<(bool, String)> {
        while self.streams > 0 {
            match self.told.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
                Ok(Some((stdout, line))) => {
                    self.keep(stdout, &line);
                    return Some((stdout, line));
                }
                Ok(None) => self.streams -= 1,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!(
                        "{} is not over after {:?}\n--- stdout\n{}\n--- stderr\n{}",
                        self.shown, self.limit, self.stdout, self.stderr
                    );
                }
            }
        }
        None
    }

    /// Waits until a line holds this text.
    ///
    /// # Panics
    /// The run ends before, or takes too long.
    pub fn until_line(&mut self, text: &str) -> String {
        while let Some((_, line)) = self.line() {
            if line.contains(text) {
                return line;
            }
        }
        panic!("{} ended before it said `{text}`\n--- stdout\n{}\n--- stderr\n{}", self.shown, self.stdout, self.stderr)
    }

    /// Everything on stderr until now.
    pub fn stderr_so_far(&mut self) -> &str {
        while let Ok(told) = self.told.try_recv() {
            match told {
                Some((stdout, line)) => self.keep(stdout, &line),
                None => self.streams -= 1,
            }
        }
        &self.stderr
    }

    fn keep(&mut self, stdout: bool, line: &str) {
        let stream = if stdout { &mut self.stdout } else { &mut self.stderr };
        stream.push_str(line);
        stream.push('\n');
    }

    /// Sends a signal by its name, such as `TERM`.
    ///
    /// # Panics
    /// It cannot be sent: the program is gone.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "{}: SIG{name} could not be sent", self.shown);
    }

    /// Waits for its end.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        while self.line().is_some() {}
        let status = self.child.wait().expect("a child can be waited for");
        Ended {
            code: status.code(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
            shown: std::mem::take(&mut self.shown),
            home: std::mem::take(&mut self.home),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already over, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run that is over.
pub struct Ended {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Everything on stdout.
    pub stdout: String,
    /// Everything on stderr.
    pub stderr: String,
    /// The home that it ran in.
    pub home: Folder,
    shown: String,
}

impl Ended {
    /// Itself, if it ended with this code.
    ///
    /// # Panics
    /// With all that it said, if not.
    #[must_use]
    pub fn with(self, code: i32) -> Self {
        assert!(self.code == Some(code), "exit code {:?} instead of {code}\n{self:?}", self.code);
        self
    }

    /// What stdout carries, as one JSON value.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON: {error}\n{self:?}"))
    }

    /// The report that stdout carries, of a run that went well.
    ///
    /// # Panics
    /// It did not go well, or this is no report.
    #[must_use]
    pub fn report(self) -> Report {
        self.report_with(0)
    }

    /// The same of a run that ended with this code.
    ///
    /// # Panics
    /// It ended with another one, or this is no report.
    #[must_use]
    pub fn report_with(self, code: i32) -> Report {
        let ended = self.with(code);
        Report::new(ended.json())
    }

    /// The log: of stderr, those lines that are JSON objects.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        self.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Value::is_object).collect()
    }
}

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.shown, self.code, self.stdout, self.stderr)
    }
}
