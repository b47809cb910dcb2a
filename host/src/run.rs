//! `majlis run`.

use std::sync::Arc;

use majlis_config::{Manifest, Pipeline, Source};
use majlis_meter::Monotonic;
use majlis_meter::record::{Opening, OpeningOutcome, RunRecord};
use majlis_runtime::{CutOff, OpenError, Runtime, Services, Setup, StartError, Then};
use parking_lot::Mutex;

use crate::cli::{Places, ReportFormat, RunArgs};
use crate::observer::{Shared, Watching};
use crate::opener::{FromLibraries, copies};
use crate::pipeline::{File, stderr_color};
use crate::reports::{Reporter, Reports, one_file_twice};
use crate::services::HostServices;
use crate::signals::Listening;
use crate::{Exit, pipeline, signals, talk};

/// Why a stage is not open and what comes of it, once: what a plugin itself says of its configuration drawn at its place of
/// the file, all else as a line.
fn show_refusal(
    source: &Source<'_>,
    pipeline: &Pipeline,
    stage: usize,
    error: &OpenError,
    then: Option<Then>,
    again: bool,
) {
    let name = pipeline.stages[stage].name.as_str();
    let place =
        (!error.path.is_empty()).then(|| pipeline.refused_by_plugin(stage, &error.path, &error.reason)).flatten();
    let words = then.map_or_else(String::new, |then| format!("; {then}"));
    if let Some(diagnostic) = place {
        talk::diagnostics(&[diagnostic], source, stderr_color());
        if !words.is_empty() {
            talk::notice(&format!("stage `{name}` is not open{words}"));
        }
        return;
    }
    let OpenError { code, reason, .. } = error;
    let reason = if again { "for the same reason as before" } else { reason };
    let words = format!("stage `{name}` could not be opened: {reason} [{code}]{words}");
    // The answer to a command is no line of the log, which may be off.
    if matches!(then, None | Some(Then::NotStarted)) {
        talk::error(&words);
    } else {
        tracing::error!(stage = name, code, "{words}");
    }
}

/// What a run is, of all stages or of one that is asked alone.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) metering: bool,
    pub(crate) processor: bool,
    pub(crate) alone: bool,
}

pub(crate) fn setup(
    file: File,
    pipeline: Pipeline,
    observer: Shared,
    clock: Monotonic,
    extent: Extent,
) -> (Setup, Arc<HostServices>) {
    let Extent { metering, processor, alone } = extent;
    let loader = Arc::new(file.loader);
    let opener = FromLibraries::new(Arc::clone(&loader), &file.catalogue, &pipeline);
    let stages = pipeline.stages.iter().map(|stage| stage.name.clone()).collect();
    let manifests: Vec<Manifest> = pipeline.stages.iter().map(|stage| (*stage.manifest).clone()).collect();
    let services = Arc::new(HostServices::new(loader, stages, alone));
    let setup = Setup {
        pipeline: Arc::new(pipeline),
        manifests,
        opener: Arc::new(opener),
        services: Arc::clone(&services) as Arc<dyn Services>,
        observer,
        clock: Arc::new(clock),
        metering,
        processor,
    };
    (setup, services)
}

pub(crate) fn watching(file: &File, pipeline: &Pipeline, args: &RunArgs, clock: &Monotonic) -> Result<Shared, String> {
    let (path, text, known) = (file.path.display().to_string(), file.text.clone(), pipeline.clone());
    let said = Mutex::new(vec![None; pipeline.stages.len()]);
    Ok(Arc::new(Watching {
        reports: Reporter::new(Reports::new(args, pipeline, clock)?, copies(&file.catalogue))
            .map_err(|error| format!("a thread for reports could not be started: {error}"))?,
        print_to_stderr: args.report != ReportFormat::None,
        milestones: args.milestones,
        clock: clock.clone(),
        refused: Box::new(move |stage, error, then| {
            // Each try has its line; a reason of three lines is read once.
            let before = said.lock()[stage].replace(error.reason.clone());
            let again = before.as_ref() == Some(&error.reason);
            let source = Source { file: path.as_ref(), text: &text };
            show_refusal(&source, &known, stage, error, then, again);
        }),
    }))
}

/// Codes of the loader: it is the plugin, not what the stage was asked for.
pub(crate) fn not_opened(error: &OpenError) -> Exit {
    if error.code.starts_with('L') { Exit::Plugin } else { Exit::Failed }
}

pub(crate) fn run(places: &Places, args: &RunArgs, clock: Monotonic) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(unread) => return unread.tell(false, &args.pipeline),
    };
    let pipeline = match file.to_start() {
        Ok(pipeline) => pipeline.clone(),
        Err(exit) => return exit,
    };
    let written = [
        ("the pipeline file", Some(args.pipeline.as_path())),
        ("`--trace`", args.trace.as_deref()),
        ("`--report-log`", args.report_log.as_deref()),
    ];
    if let Some(message) = one_file_twice(&written) {
        talk::error(&message);
        return Exit::Usage;
    }
    let observer = match watching(&file, &pipeline, args, &clock) {
        Ok(observer) => observer,
        Err(message) => {
            talk::error(&message);
            return Exit::Failed;
        }
    };
    let listening = match signals::listen() {
        Ok(listening) => Some(listening),
        Err(error) => {
            tracing::warn!("signals are not handled, so an interrupt ends without a report: {error}");
            None
        }
    };
    let drain_within = pipeline.drain_within;
    let extent = Extent { metering: !args.unmetered, processor: args.cpu, alone: false };
    let (setup, services) = setup(file, pipeline, Arc::clone(&observer), clock, extent);
    let running = match Runtime::start(setup) {
        Ok(running) => running,
        Err(error) => {
            return match error {
                // The observer has shown why, and that nothing is started.
                StartError::Stage { error, .. } => not_opened(&error),
                other => {
                    talk::error(&other.to_string());
                    Exit::Failed
                }
            };
        }
    };
    services.of(running.controls());
    if let Some(listening) = &listening {
        listening.serve(running.controls(), drain_within);
    }
    let ended = running.wait();
    let mut exit = Exit::Done;
    if let Err(message) = observer.reports.finish(&ended.record) {
        talk::error(&message);
        exit = Exit::Failed;
    }
    if let Some(stage) = never_open(&ended.record) {
        talk::error(&format!("no visitor was received: stage `{stage}` was never open; the log says why"));
        exit = Exit::Failed;
    }
    let gone = |visits: usize| match visits {
        0 => "no visit was open".to_owned(),
        1 => "1 visit was open and is gone".to_owned(),
        _ => format!("{visits} visits were open and are gone"),
    };
    match ended.cut_off {
        Some(CutOff::Drain { visits }) => {
            let within = majlis_config::show_duration(drain_within);
            let left = gone(visits);
            talk::error(&format!("`drain_within` ({within}) was over before everything was finished: {left}"));
            if exit == Exit::Done {
                exit = Exit::Unfinished;
            }
        }
        Some(CutOff::Kill { visits }) => {
            talk::notice(&format!("ended at once by the second signal: {}", gone(visits)));
            exit = listening.as_ref().map_or(exit, Listening::exit);
        }
        None => {}
    }
    if let Some((stage, why)) = ended.failure {
        talk::error(&format!("stage `{stage}` failed and its `on_failure` is \"stop\": {why}"));
        exit = Exit::Failed;
    }
    exit
}

/// A stage that failed to open each time, in a run that received nobody.
fn never_open(run: &RunRecord) -> Option<&str> {
    let failed = |opening: &Opening| matches!(opening.outcome, OpeningOutcome::Failed(_));
    let of = |stage: usize| run.openings.iter().filter(move |opening| usize::from(opening.stage) == stage);
    let never = (0..run.stages.len()).find(|stage| of(*stage).next().is_some() && of(*stage).all(failed));
    let handled: u64 = run.totals.iter().map(|totals| totals.calls + totals.events).sum();
    never
        .filter(|_| run.visits.opened == 0 && handled <= run.stages.len() as u64)
        .map(|stage| run.stages[stage].name.as_str())
}
