//! `majlis stage`: one stage of a pipeline, opened alone, does a verb of its plugin.

use std::path::Path;
use std::sync::Arc;

use majlis_config::{Manifest, Pipeline, Verb};
use majlis_meter::Monotonic;
use majlis_runtime::{OpenError, VerbError, control_alone};
use serde_json::{Value, json};

use crate::cli::{Places, ReportFormat, RunArgs, StageArgs};
use crate::pipeline::File;
use crate::talk::{self, Problem};
use crate::{Exit, answer, codes, pipeline, run, words};

/// What is asked of a stage, and how it is told.
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a Path,
    /// None: the verbs are listed.
    pub(crate) verb: Option<&'a str>,
    pub(crate) words: &'a [String],
    /// Whether what is wrong goes to stdout as JSON.
    pub(crate) json: bool,
    /// Whether the answer is told in words.
    pub(crate) for_people: bool,
    /// The command that lists the verbs.
    pub(crate) lists: &'a str,
    /// The command that tells what a verb takes.
    pub(crate) takes: &'a str,
}

pub(crate) fn stage(places: &Places, args: &StageArgs, clock: Monotonic) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(unread) => return unread.tell(args.json, &args.pipeline),
    };
    if args.json && file.checked.pipeline.is_none() {
        say!("{}", file.json());
        return Exit::Pipeline;
    }
    let pipeline = match file.to_start() {
        Ok(pipeline) => pipeline.clone(),
        Err(exit) => return exit,
    };
    let Some(stage) = pipeline.stage(&args.stage) else {
        let names: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        let problem = Problem {
            code: codes::R0203,
            message: format!("{} has no stage `{}`", file.path.display(), args.stage),
            hint: format!("it has {}", names.join(", ")),
        };
        problem.tell(args.json, Some(&args.pipeline));
        return Exit::Usage;
    };
    let asked = Asked {
        path: &args.pipeline,
        verb: args.verb.as_deref(),
        words: &args.arguments,
        json: args.json,
        for_people: false,
        lists: &format!("majlis stage {} {}", args.pipeline.display(), args.stage),
        takes: &format!("majlis plugins inspect {} --json", pipeline.stages[stage].manifest.name),
    };
    ask(file, pipeline, stage, &asked, clock)
}

/// Opens a stage of a checked pipeline alone and lets it do a verb, or lists its verbs.
pub(crate) fn ask(file: File, pipeline: Pipeline, stage: usize, asked: &Asked<'_>, clock: Monotonic) -> Exit {
    let wrong = |problem: Problem| {
        problem.tell(asked.json, Some(asked.path));
        Exit::Usage
    };
    let name = &pipeline.stages[stage].name;
    let manifest = Arc::clone(&pipeline.stages[stage].manifest);
    let Some(verb) = asked.verb else {
        list(&file, name, &manifest, asked.json);
        return Exit::Done;
    };
    let Some(declared) = manifest.verbs.iter().find(|known| known.name == verb) else {
        let names: Vec<&str> = manifest.verbs.iter().map(|verb| verb.name.as_str()).collect();
        return wrong(no_verb(&format!("plugin `{}` of stage `{name}`", manifest.name), verb, &names));
    };
    let arguments = match words::arguments(asked.words, declared) {
        Ok(arguments) => arguments,
        Err(message) => {
            return wrong(Problem { code: codes::R0204, message, hint: format!("`{}` lists the verbs", asked.lists) });
        }
    };
    let faults = majlis_config::violations(&declared.args_schema, &arguments);
    if !faults.is_empty() {
        let message = |violation: &majlis_config::Violation| {
            let whose =
                if violation.pointer.is_empty() { "its arguments" } else { violation.pointer.trim_start_matches('/') };
            format!("verb `{verb}`: {}", violation.fault.message(whose))
        };
        let messages: Vec<String> = faults.iter().map(message).collect();
        let hint = format!("`{}` shows what it takes", asked.takes);
        return wrong(Problem { code: codes::R0204, message: messages.join("; "), hint });
    }
    let run_args = RunArgs {
        pipeline: asked.path.to_owned(),
        report: ReportFormat::None,
        visits: None,
        trace: None,
        report_log: None,
        cpu: false,
        unmetered: true,
        milestones: false,
    };
    let observer = match run::watching(&file, &pipeline, &run_args, &clock) {
        Ok(observer) => observer,
        Err(message) => {
            talk::error(&message);
            return Exit::Failed;
        }
    };
    let path = file.path.clone();
    let extent = run::Extent { metering: false, processor: false, alone: true };
    let (setup, _) = run::setup(file, pipeline.clone(), Arc::clone(&observer), clock, extent);
    match control_alone(setup, stage, verb, &arguments.to_string()) {
        Ok(answer) => {
            match serde_json::from_str(&answer) {
                Ok(value) if asked.for_people => tell!("{}", answer::told(&value, &declared.answer_order())),
                _ => say!("{answer}"),
            }
            Exit::Done
        }
        Err(VerbError::Open { error, .. }) => {
            if asked.json {
                say!("{}", json!({ "file": path, "diagnostics": [not_opened(&pipeline, stage, &error)] }));
            } else {
                (observer.refused)(stage, &error, None);
            }
            run::not_opened(&error)
        }
        Err(error) => {
            if asked.json {
                let hint = format!("`majlis explain {}` says more", codes::R0206);
                Problem { code: codes::R0206, message: error.to_string(), hint }.tell(true, Some(asked.path));
            } else {
                talk::error(&error.to_string());
            }
            Exit::Failed
        }
    }
}

/// There is no such verb: the one that was probably meant, or all.
pub(crate) fn no_verb(whose: &str, verb: &str, names: &[&str]) -> Problem {
    let hint = match majlis_config::nearest(verb, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? It has {}", names.join(", ")),
        None if names.is_empty() => "it has none".to_owned(),
        None => format!("it has {}", names.join(", ")),
    };
    Problem { code: codes::R0204, message: format!("{whose} has no verb `{verb}`"), hint }
}

fn list(file: &File, stage: &str, manifest: &Manifest, as_json: bool) {
    if as_json {
        let mut object = file.json();
        object["stage"] = json!(stage);
        object["plugin"] = json!(manifest.name);
        object["verbs"] = manifest.verbs.iter().map(verb_json).collect();
        return say!("{object}");
    }
    if manifest.verbs.is_empty() {
        return talk::notice(&format!("plugin `{}` of stage `{stage}` has no verbs", manifest.name));
    }
    tell!("{}", listed(manifest.verbs.iter()));
}

/// A verb as JSON shows it.
pub(crate) fn verb_json(verb: &Verb) -> Value {
    json!({ "name": verb.name, "summary": verb.summary, "arguments": verb.args_schema })
}

/// Verbs as people see them: each with the words that it takes, and what it does.
pub(crate) fn listed<'v>(verbs: impl Iterator<Item = &'v Verb>) -> String {
    let lines: Vec<(String, &str)> = verbs.map(|verb| (words::usage(verb), verb.summary.as_str())).collect();
    let wide = lines.iter().map(|(usage, _)| usage.chars().count()).max().unwrap_or(0);
    lines.iter().map(|(usage, summary)| format!("  {usage:wide$}  {summary}\n")).collect()
}

/// Why a stage is not open, as a diagnostic: at its place of the file where the plugin named one.
fn not_opened(pipeline: &Pipeline, stage: usize, error: &OpenError) -> Value {
    let place = (!error.path.is_empty()).then(|| pipeline.refused_by_plugin(stage, &error.path, &error.reason));
    match place.flatten() {
        Some(diagnostic) => json!(diagnostic),
        None => json!(Problem {
            code: error.code,
            message: error.reason.clone(),
            hint: format!("`majlis explain {}` says more", error.code),
        }),
    }
}
