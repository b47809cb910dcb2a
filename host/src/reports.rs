//! Reports of a run: what is kept of its visits, and where it is written.
//!
//! What is kept is bounded: accounts of the first, the slowest and the last visit (or of the last 64 where all are
//! asked for), and for a trace the records of the last 256.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use majlis_meter::account::{self, Account};
use majlis_meter::record::{RunRecord, VisitRecord};
use majlis_meter::report::{self, Look};
use parking_lot::Mutex;

use crate::cli::{ReportFormat, RunArgs, Visits};
use crate::pipeline::stdout_color;
use crate::{ledgers, processor};

/// Accounts that are kept where all are asked for.
const ACCOUNTS: usize = 64;
/// Records that a trace keeps.
const TRACED: usize = 256;
/// Columns of a text report.
const WIDTH: usize = 100;

/// The thread that makes reports: an account of a long visit takes longer than a stage's thread may be held.
pub(crate) struct Reporter {
    wanted: bool,
    /// Plugins' private copies and what an operator calls them.
    copies: Vec<(String, String)>,
    channel: Mutex<Option<Sender<Word>>>,
    thread: Mutex<Option<JoinHandle<Reports>>>,
}

enum Word {
    Visit(Box<(VisitRecord, RunRecord)>),
    Ending(Box<RunRecord>),
}

impl Reporter {
    pub(crate) fn new(mut reports: Reports, copies: Vec<(String, String)>) -> std::io::Result<Self> {
        let wanted = reports.format != ReportFormat::None || reports.log.is_some() || reports.trace.is_some();
        let (channel, words) = channel();
        let thread = std::thread::Builder::new().name("reports".into()).spawn(move || {
            let arenas = majlis_meter::Arenas::process();
            arenas.bind(arenas.named(ledgers::HOST));
            for word in words {
                match word {
                    Word::Visit(visit) => {
                        let (record, run) = *visit;
                        reports.visit(record, &run);
                    }
                    Word::Ending(run) => reports.run = Some(*run),
                }
            }
            reports
        })?;
        Ok(Self { wanted, copies, channel: Mutex::new(Some(channel)), thread: Mutex::new(Some(thread)) })
    }

    fn say(&self, word: Word) {
        if let Some(channel) = &*self.channel.lock() {
            // The thread ends only after `finish` has taken the channel away.
            let _ = channel.send(word);
        }
    }

    /// A visit is over.
    pub(crate) fn visit(&self, record: VisitRecord, run: &dyn Fn() -> RunRecord) {
        if self.wanted {
            self.say(Word::Visit(Box::new((record, run()))));
        }
    }

    /// The stages are about to close: what they hold is still theirs.
    pub(crate) fn ending(&self, mut run: RunRecord) {
        if self.wanted {
            ledgers::fill(&mut run, &self.copies);
            processor::fill(&mut run);
            self.say(Word::Ending(Box::new(run)));
        }
    }

    /// Writes the run's reports.
    ///
    /// # Errors
    /// The first file that could not be written.
    pub(crate) fn finish(&self, ended: &RunRecord) -> Result<(), String> {
        drop(self.channel.lock().take());
        let thread = self.thread.lock().take();
        match thread.map(JoinHandle::join) {
            Some(Ok(mut reports)) => reports.finish(ended),
            Some(Err(_)) => Err("the reports' thread panicked; this is a fault of majlis".to_owned()),
            None => Ok(()),
        }
    }
}

pub(crate) struct Reports {
    format: ReportFormat,
    which: Visits,
    until: Option<String>,
    accounts: VecDeque<Account>,
    trace: Option<PathBuf>,
    traced: VecDeque<VisitRecord>,
    log: Option<(PathBuf, File)>,
    /// The run before its stages were closed, with its ledgers.
    run: Option<RunRecord>,
    /// The first thing that could not be written.
    failure: Option<String>,
}

impl Reports {
    /// # Errors
    /// A file that is asked for cannot be written; better known before the run than after it.
    pub(crate) fn new(args: &RunArgs, until: Option<String>) -> Result<Self, String> {
        let cannot = |path: &Path, error: std::io::Error| format!("{} cannot be written: {error}", path.display());
        let log = match &args.report_log {
            Some(path) => {
                let file = File::options().create(true).append(true).open(path).map_err(|error| cannot(path, error))?;
                Some((path.clone(), file))
            }
            None => None,
        };
        if let Some(path) = &args.trace {
            // Whether it can be written is asked without touching what is there.
            File::options().create(true).append(true).open(path).map_err(|error| cannot(path, error))?;
        }
        Ok(Self {
            format: args.report,
            which: args.visits.unwrap_or(if args.report == ReportFormat::Json { Visits::All } else { Visits::Few }),
            until,
            accounts: VecDeque::new(),
            trace: args.trace.clone(),
            traced: VecDeque::new(),
            log,
            run: None,
            failure: None,
        })
    }

    fn failed(&mut self, path: &Path, error: &std::io::Error) {
        if self.failure.is_none() {
            self.failure = Some(format!("{} cannot be written: {error}", path.display()));
        }
    }

    /// A visit is over.
    fn visit(&mut self, record: VisitRecord, run: &RunRecord) {
        let account = account::of(&record, run, self.until.as_deref());
        if let Some((path, mut file)) = self.log.take() {
            let value = report::json::value(run, std::slice::from_ref(&account));
            match writeln!(file, "{}", value["visits"][0]) {
                Ok(()) => self.log = Some((path, file)),
                // A full disk must not end the show; the log stops here and the end says so.
                Err(error) => self.failed(&path, &error),
            }
        }
        if self.trace.is_some() {
            if self.traced.len() == TRACED {
                self.traced.pop_front();
            }
            self.traced.push_back(record);
            self.write_trace(run);
        }
        self.keep(account);
    }

    fn keep(&mut self, account: Account) {
        match self.which {
            Visits::None => {}
            Visits::All => {
                if self.accounts.len() == ACCOUNTS {
                    self.accounts.pop_front();
                }
                self.accounts.push_back(account);
            }
            Visits::Few => {
                // First, slowest, last: what stands between them is dropped, unless it is slower than the slowest.
                if self.accounts.len() == 3 {
                    let slower = usize::from(self.accounts[2].length() <= self.accounts[1].length());
                    self.accounts.remove(1 + slower);
                }
                self.accounts.push_back(account);
            }
        }
    }

    fn write_trace(&mut self, run: &RunRecord) {
        let Some(path) = self.trace.clone() else { return };
        let visits: Vec<&VisitRecord> = self.traced.iter().collect();
        let text = report::trace::of(run, &visits).to_string();
        let written = write_whole(&path, text.as_bytes());
        if let Err(error) = written {
            self.failed(&path, &error);
        }
    }

    /// Writes the run's reports.
    ///
    /// # Errors
    /// The first file that could not be written during the run.
    fn finish(&mut self, ended: &RunRecord) -> Result<(), String> {
        let mut run = ended.clone();
        if let Some(before) = self.run.take() {
            run.heap = before.heap;
            run.resident = before.resident;
            run.in_flight = before.in_flight;
            run.strangers = before.strangers;
            run.cpu = before.cpu;
            run.threads_cpu = before.threads_cpu;
        }
        self.write_trace(&run);
        let accounts: Vec<Account> = self.accounts.drain(..).collect();
        match self.format {
            ReportFormat::None => {}
            ReportFormat::Json => {
                let text = report::json::value(&run, &accounts).to_string();
                let _ = writeln!(std::io::stdout().lock(), "{text}");
            }
            ReportFormat::Text => {
                let look = Look { color: stdout_color(), width: WIDTH };
                let mut out = std::io::stdout().lock();
                for account in &accounts {
                    let _ = writeln!(out, "{}", report::visit_text(account, &run, look));
                }
                let _ = writeln!(out, "{}", report::run_text(&run, look));
            }
        }
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// Replaces a file so that whoever opens it sees all of the old text or all of the new one. What is no plain file, such
/// as a link or a pipe, is written in place.
fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if !std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return std::fs::write(path, text);
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
