//! `majlis run` and `majlis stage`.

use std::sync::Arc;

use majlis_config::{Manifest, Pipeline};
use majlis_meter::Monotonic;
use majlis_meter::record::{Opening, OpeningOutcome, RunRecord};
use majlis_runtime::{OpenError, Runtime, Services, Setup, StartError, VerbError, control_alone};

use crate::cli::{Places, ReportFormat, RunArgs, StageArgs};
use crate::observer::{Shared, Watching};
use crate::opener::{FromLibraries, copies};
use crate::pipeline::{File, stderr_color};
use crate::reports::{Reporter, Reports};
use crate::services::HostServices;
use crate::{Exit, pipeline, signals};

/// What a plugin itself says of its configuration, drawn at its place of the file.
fn show_refusal(file: &str, text: &str, pipeline: &Pipeline, stage: usize, error: &OpenError) {
    if error.path.is_empty() {
        tracing::error!(
            stage = pipeline.stages[stage].name,
            "the stage could not be opened: {} [{}]",
            error.reason,
            error.code
        );
        return;
    }
    if let Some(diagnostic) = pipeline.refused_by_plugin(stage, &error.path, &error.reason) {
        let source = majlis_config::Source { file: file.as_ref(), text };
        eprint!("{}", majlis_config::render(&[diagnostic], &source, stderr_color()));
    }
}

fn setup(
    file: File,
    pipeline: Pipeline,
    observer: Shared,
    clock: Monotonic,
    metering: bool,
) -> (Setup, Arc<HostServices>) {
    let loader = Arc::new(file.loader);
    let opener = FromLibraries::new(Arc::clone(&loader), &file.catalogue, &pipeline);
    let stages = pipeline.stages.iter().map(|stage| stage.name.clone()).collect();
    let manifests: Vec<Manifest> = pipeline.stages.iter().map(|stage| (*stage.manifest).clone()).collect();
    let services = Arc::new(HostServices::new(loader, stages));
    let setup = Setup {
        pipeline: Arc::new(pipeline),
        manifests,
        opener: Arc::new(opener),
        services: Arc::clone(&services) as Arc<dyn Services>,
        observer,
        clock: Arc::new(clock),
        metering,
    };
    (setup, services)
}

fn watching(file: &File, pipeline: &Pipeline, args: &RunArgs, clock: &Monotonic) -> Result<Shared, String> {
    let (path, text, known) = (file.path.display().to_string(), file.text.clone(), pipeline.clone());
    Ok(Arc::new(Watching {
        reports: Reporter::new(Reports::new(args, pipeline.until.clone())?, copies(&file.catalogue))
            .map_err(|error| format!("a thread for reports could not be started: {error}"))?,
        print_to_stderr: args.report != ReportFormat::None,
        milestones: args.milestones,
        clock: clock.clone(),
        refused: Box::new(move |stage, error| show_refusal(&path, &text, &known, stage, error)),
    }))
}

/// Codes of the loader: it is the plugin, not what the stage was asked for.
fn not_opened(error: &OpenError) -> Exit {
    if error.code.starts_with('L') { Exit::Plugin } else { Exit::Failed }
}

pub(crate) fn run(places: &Places, args: &RunArgs, clock: Monotonic) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(exit) => return exit,
    };
    let pipeline = match file.pipeline() {
        Ok(pipeline) => pipeline.clone(),
        Err(exit) => return exit,
    };
    let observer = match watching(&file, &pipeline, args, &clock) {
        Ok(observer) => observer,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::Failed;
        }
    };
    let drain_within = pipeline.drain_within;
    let (setup, services) = setup(file, pipeline, Arc::clone(&observer), clock, !args.unmetered);
    let running = match Runtime::start(setup) {
        Ok(running) => running,
        Err(error) => {
            return match error {
                // The observer has shown why, at its place of the file.
                StartError::Stage { stage, error, .. } => {
                    eprintln!(
                        "error: stage `{stage}` has to be open before the start and could not be opened; nothing was started"
                    );
                    not_opened(&error)
                }
                other => {
                    eprintln!("error: {other}");
                    Exit::Failed
                }
            };
        }
    };
    services.of(running.controls());
    if let Err(error) = signals::listen(running.controls(), drain_within) {
        tracing::warn!("signals are not handled, so an interrupt ends without a report: {error}");
    }
    let ended = running.wait();
    let mut exit = Exit::Done;
    if let Err(message) = observer.reports.finish(&ended.record) {
        eprintln!("error: {message}");
        exit = Exit::Failed;
    }
    if let Some(stage) = never_open(&ended.record) {
        eprintln!("error: no visitor was received: stage `{stage}` was never open; the log says why");
        exit = Exit::Failed;
    }
    if let Some((stage, why)) = ended.failure {
        eprintln!("error: stage `{stage}` failed and its `on_failure` is \"stop\": {why}");
        exit = Exit::Failed;
    }
    exit
}

/// A stage that failed to open each time, in a run that received nobody.
fn never_open(run: &RunRecord) -> Option<&str> {
    let failed = |opening: &Opening| matches!(opening.outcome, OpeningOutcome::Failed(_));
    let of = |stage: usize| run.openings.iter().filter(move |opening| usize::from(opening.stage) == stage);
    let never = (0..run.stages.len()).find(|stage| of(*stage).next().is_some() && of(*stage).all(failed));
    let handled: u64 = run.totals.iter().map(|totals| totals.calls).sum();
    never
        .filter(|_| run.visits.opened == 0 && handled <= run.stages.len() as u64)
        .map(|stage| run.stages[stage].name.as_str())
}

pub(crate) fn stage(places: &Places, args: &StageArgs, clock: Monotonic) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(exit) => return exit,
    };
    let pipeline = match file.pipeline() {
        Ok(pipeline) => pipeline.clone(),
        Err(exit) => return exit,
    };
    let Some(stage) = pipeline.stage(&args.stage) else {
        let names: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        eprintln!("error: {} has no stage `{}`; it has {}", file.path.display(), args.stage, names.join(", "));
        return Exit::Usage;
    };
    let manifest = Arc::clone(&pipeline.stages[stage].manifest);
    let known = || {
        manifest.verbs.iter().map(|verb| format!("  {:16} {}", verb.name, verb.summary)).collect::<Vec<_>>().join("\n")
    };
    let Some(verb) = &args.verb else {
        if manifest.verbs.is_empty() {
            eprintln!("plugin `{}` of stage `{}` has no verbs", manifest.name, args.stage);
        } else {
            say!("{}", known());
        }
        return Exit::Done;
    };
    let Some(declared) = manifest.verbs.iter().find(|known| known.name == *verb) else {
        let list = if manifest.verbs.is_empty() { "it has none".to_owned() } else { format!("it has\n{}", known()) };
        eprintln!("error: plugin `{}` of stage `{}` has no verb `{verb}`; {list}", manifest.name, args.stage);
        return Exit::Usage;
    };
    let arguments = match arguments(&args.arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::Usage;
        }
    };
    let faults = majlis_config::violations(&declared.args_schema, &arguments);
    if !faults.is_empty() {
        for violation in faults {
            let whose =
                if violation.pointer.is_empty() { "its arguments" } else { violation.pointer.trim_start_matches('/') };
            eprintln!("error: verb `{verb}`: {}", violation.fault.message(whose));
        }
        return Exit::Usage;
    }
    let run_args = RunArgs {
        pipeline: args.pipeline.clone(),
        report: ReportFormat::None,
        visits: None,
        trace: None,
        report_log: None,
        unmetered: true,
        milestones: false,
    };
    let observer = match watching(&file, &pipeline, &run_args, &clock) {
        Ok(observer) => observer,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::Failed;
        }
    };
    let (setup, _) = setup(file, pipeline, Arc::clone(&observer), clock, false);
    match control_alone(setup, stage, verb, &arguments.to_string()) {
        Ok(answer) => {
            say!("{answer}");
            Exit::Done
        }
        Err(VerbError::Open { error, .. }) => {
            (observer.refused)(stage, &error);
            not_opened(&error)
        }
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Failed
        }
    }
}

/// `name=value` pairs as a JSON object; a value that is JSON is taken as such.
fn arguments(pairs: &[String]) -> Result<serde_json::Value, String> {
    let mut object = serde_json::Map::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(format!("`{pair}` is no argument: write name=value"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| serde_json::Value::String(value.to_owned()));
        if object.insert(name.to_owned(), value).is_some() {
            return Err(format!("the argument `{name}` stands there twice"));
        }
    }
    Ok(serde_json::Value::Object(object))
}
