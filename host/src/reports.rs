//! Reports of a run: what is kept of its visits, and where it is written.
//!
//! What is kept is bounded: the accounts that the report shows (`reports/kept.rs`), and for a trace the records of the last
//! 256 visits.
//!
//! A visit's line of the log is its account as of the milestone, or as of its close if it had not reached one by then: each
//! visit has one line, and whoever reads the log knows of a greeting when it was given, not when the visitor left. A trace
//! shows a visit as it was known last.

mod file;
mod kept;

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use majlis_config::Pipeline;
use majlis_meter::account::{self, Account};
use majlis_meter::record::{RunRecord, VisitRecord};
use majlis_meter::report::{self, Look};
use majlis_meter::{Calendar, Clock as _, Monotonic};
use parking_lot::Mutex;

use self::kept::Kept;
use crate::cli::{ReportFormat, RunArgs, Visits};
use crate::pipeline::stdout_color;
use crate::{ledgers, processor};

pub(crate) use file::one_file_twice;

/// Records that a trace keeps.
const TRACED: usize = 256;
/// Columns of a text report.
const WIDTH: usize = 100;

/// The thread that makes reports: an account of a long visit takes longer than a stage's thread may be held.
pub(crate) struct Reporter {
    wanted: bool,
    /// Something is written while the run goes on.
    follows: bool,
    /// Plugins' private copies and what an operator calls them.
    copies: Vec<(String, String)>,
    channel: Mutex<Option<Sender<Word>>>,
    thread: Mutex<Option<JoinHandle<Reports>>>,
}

enum Word {
    /// The run goes on from here.
    Ready,
    /// A visit reached its milestone.
    Reached(Box<(VisitRecord, RunRecord)>),
    /// A visit is over.
    Closed(Box<(VisitRecord, RunRecord)>),
    Ending(Box<RunRecord>),
}

impl Reporter {
    pub(crate) fn new(mut reports: Reports, copies: Vec<(String, String)>) -> std::io::Result<Self> {
        let follows = reports.log.is_some() || reports.trace.is_some();
        let wanted = reports.format != ReportFormat::None || follows;
        let (channel, words) = channel();
        let thread = std::thread::Builder::new().name("reports".into()).spawn(move || {
            let arenas = majlis_meter::Arenas::process();
            arenas.bind(arenas.named(ledgers::HOST));
            reports.listen(&words);
            reports
        })?;
        Ok(Self { wanted, follows, copies, channel: Mutex::new(Some(channel)), thread: Mutex::new(Some(thread)) })
    }

    fn say(&self, word: Word) {
        if let Some(channel) = &*self.channel.lock() {
            // The thread ends only after `finish` has taken the channel away.
            let _ = channel.send(word);
        }
    }

    /// The run is ready for its first packet.
    pub(crate) fn ready(&self) {
        if self.follows {
            self.say(Word::Ready);
        }
    }

    /// Whether visits are told when they reach their milestone.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// A visit reached its milestone.
    pub(crate) fn reached(&self, record: VisitRecord, run: &dyn Fn() -> RunRecord) {
        self.say(Word::Reached(Box::new((record, run()))));
    }

    /// A visit is over.
    pub(crate) fn closed(&self, record: VisitRecord, run: &dyn Fn() -> RunRecord) {
        if self.wanted {
            self.say(Word::Closed(Box::new((record, run()))));
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
    pipeline: String,
    until: Option<String>,
    clock: Monotonic,
    time_zone: String,
    kept: Kept,
    trace: Option<PathBuf>,
    traced: VecDeque<VisitRecord>,
    log: Option<(PathBuf, File)>,
    /// The run before its stages were closed, with its ledgers.
    run: Option<RunRecord>,
    /// The first thing that could not be written.
    failure: Option<String>,
}

impl Reports {
    /// For this pipeline, whose run has this clock.
    ///
    /// # Errors
    /// A file that is asked for cannot be written; better known before the run than after it.
    pub(crate) fn new(args: &RunArgs, pipeline: &Pipeline, clock: &Monotonic) -> Result<Self, String> {
        let cannot = |path: &Path, error: std::io::Error| format!("{} cannot be written: {error}", path.display());
        let open =
            |path: &Path| File::options().create(true).append(true).open(path).map_err(|error| cannot(path, error));
        let log = match &args.report_log {
            Some(path) => Some((path.clone(), open(path)?)),
            None => None,
        };
        let which = args.visits.unwrap_or(if args.report == ReportFormat::Json { Visits::All } else { Visits::Few });
        let mut reports = Self {
            format: args.report,
            pipeline: pipeline.name.clone(),
            until: pipeline.until.clone(),
            clock: clock.clone(),
            time_zone: pipeline.time_zone.clone(),
            kept: Kept::new(which),
            trace: args.trace.clone(),
            traced: VecDeque::new(),
            log,
            run: None,
            failure: None,
        };
        if let Some(path) = &args.trace {
            // Whether it can be written is asked without touching what is there: the run may not even start. A file that
            // was just made is a trace from the beginning.
            let found = open(path)?.metadata().map_err(|error| cannot(path, error))?;
            if found.is_file() && found.len() == 0 {
                reports.write_trace(&reports.nothing_yet());
            }
        }
        Ok(reports)
    }

    /// The run before anything has happened.
    fn nothing_yet(&self) -> RunRecord {
        RunRecord { pipeline: self.pipeline.clone(), ..RunRecord::default() }
    }

    /// Taken for each line of the log anew: a show may go on for weeks, and the system's time be set meanwhile.
    fn calendar(&self) -> Option<Calendar> {
        Calendar::new(self.clock.now(), self.clock.unix_ms(), &self.time_zone)
    }

    fn listen(&mut self, words: &Receiver<Word>) {
        while let Ok(word) = words.recv() {
            let mut trace_of = self.hear(word);
            // A trace is written whole, so once for all that has happened meanwhile.
            while let Ok(word) = words.try_recv() {
                trace_of = self.hear(word).or(trace_of);
            }
            if let Some(run) = trace_of {
                self.write_trace(&run);
            }
        }
    }

    /// Takes something in, and gives the run of which there is a new trace to write.
    fn hear(&mut self, word: Word) -> Option<RunRecord> {
        match word {
            Word::Ready => Some(self.nothing_yet()),
            Word::Reached(visit) => {
                let (record, run) = *visit;
                let account = account::of(&record, &run, self.until.as_deref());
                self.write_line(&account, &run);
                self.draw(record);
                Some(run)
            }
            Word::Closed(visit) => {
                let (record, run) = *visit;
                let account = account::of(&record, &run, self.until.as_deref());
                // Of one that reached its milestone the line was written then.
                if !account.reached {
                    self.write_line(&account, &run);
                }
                self.kept.take(account);
                self.draw(record);
                Some(run)
            }
            Word::Ending(run) => {
                self.run = Some(*run);
                None
            }
        }
    }

    fn failed(&mut self, path: &Path, error: &std::io::Error) {
        if self.failure.is_none() {
            self.failure = Some(format!("{} cannot be written: {error}", path.display()));
        }
    }

    fn write_line(&mut self, account: &Account, run: &RunRecord) {
        let Some((path, mut file)) = self.log.take() else { return };
        let run = RunRecord { calendar: self.calendar(), ..run.clone() };
        let value = report::json::value(&run, std::slice::from_ref(account));
        match writeln!(file, "{}", value["visits"][0]) {
            Ok(()) => self.log = Some((path, file)),
            // A full disk must not end the show; the log stops here and the end says so.
            Err(error) => self.failed(&path, &error),
        }
    }

    /// Puts a visit into the trace, in place of what was known of it before.
    fn draw(&mut self, record: VisitRecord) {
        if self.trace.is_none() {
            return;
        }
        match self.traced.iter_mut().find(|known| known.visit == record.visit) {
            Some(known) if known.closed.is_none() => *known = record,
            // What is known of its end came first, from another thread.
            Some(_) => {}
            None => {
                if self.traced.len() == TRACED {
                    self.traced.pop_front();
                }
                self.traced.push_back(record);
            }
        }
    }

    fn write_trace(&mut self, run: &RunRecord) {
        let Some(path) = self.trace.clone() else { return };
        let visits: Vec<&VisitRecord> = self.traced.iter().collect();
        let text = report::trace::of(run, &visits).to_string();
        let written = file::write_whole(&path, text.as_bytes());
        if let Err(error) = written {
            self.failed(&path, &error);
        }
    }

    /// Writes the run's reports.
    ///
    /// # Errors
    /// The first file that could not be written during the run.
    fn finish(&mut self, ended: &RunRecord) -> Result<(), String> {
        let mut run = RunRecord { calendar: self.calendar(), ..ended.clone() };
        if let Some(before) = self.run.take() {
            run.heap = before.heap;
            run.resident = before.resident;
            run.in_flight = before.in_flight;
            run.strangers = before.strangers;
            run.cpu = before.cpu;
            run.threads_cpu = before.threads_cpu;
        }
        self.write_trace(&run);
        let accounts = std::mem::replace(&mut self.kept, Kept::new(Visits::None)).accounts();
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
