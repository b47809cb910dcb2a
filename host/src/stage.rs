//! `majlis stage`: one stage of a pipeline, opened alone, does a verb of its plugin.

use std::sync::Arc;

use majlis_config::{Manifest, Pipeline};
use majlis_meter::Monotonic;
use majlis_runtime::{OpenError, VerbError, control_alone};
use serde_json::{Value, json};

use crate::cli::{Places, ReportFormat, RunArgs, StageArgs};
use crate::pipeline::File;
use crate::talk::{self, Problem};
use crate::{Exit, codes, pipeline, run};

pub(crate) fn stage(places: &Places, args: &StageArgs, clock: Monotonic) -> Exit {
    let wrong = |problem: Problem| {
        problem.tell(args.json, Some(&args.pipeline));
        Exit::Usage
    };
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
        return wrong(Problem {
            code: codes::R0203,
            message: format!("{} has no stage `{}`", file.path.display(), args.stage),
            hint: format!("it has {}", names.join(", ")),
        });
    };
    let manifest = Arc::clone(&pipeline.stages[stage].manifest);
    let Some(verb) = &args.verb else {
        list(&file, &args.stage, &manifest, args.json);
        return Exit::Done;
    };
    let Some(declared) = manifest.verbs.iter().find(|known| known.name == *verb) else {
        let names: Vec<&str> = manifest.verbs.iter().map(|verb| verb.name.as_str()).collect();
        return wrong(Problem {
            code: codes::R0204,
            message: format!("plugin `{}` of stage `{}` has no verb `{verb}`", manifest.name, args.stage),
            hint: if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) },
        });
    };
    let arguments = match arguments(&args.arguments) {
        Ok(arguments) => arguments,
        Err(message) => {
            let hint = format!("`majlis stage {} {}` lists the verbs", args.pipeline.display(), args.stage);
            return wrong(Problem { code: codes::R0204, message, hint });
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
        let hint = format!("`majlis plugins inspect {} --json` shows what it takes", manifest.name);
        return wrong(Problem { code: codes::R0204, message: messages.join("; "), hint });
    }
    let run_args = RunArgs {
        pipeline: args.pipeline.clone(),
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
    let (setup, _) = run::setup(file, pipeline.clone(), Arc::clone(&observer), clock, (false, false));
    match control_alone(setup, stage, verb, &arguments.to_string()) {
        Ok(answer) => {
            say!("{answer}");
            Exit::Done
        }
        Err(VerbError::Open { error, .. }) => {
            if args.json {
                say!("{}", json!({ "file": path, "diagnostics": [not_opened(&pipeline, stage, &error)] }));
            } else {
                (observer.refused)(stage, &error, None);
            }
            run::not_opened(&error)
        }
        Err(error) => {
            talk::error(&error.to_string());
            Exit::Failed
        }
    }
}

fn list(file: &File, stage: &str, manifest: &Manifest, as_json: bool) {
    if as_json {
        let mut object = file.json();
        object["stage"] = json!(stage);
        object["plugin"] = json!(manifest.name);
        object["verbs"] = manifest
            .verbs
            .iter()
            .map(|verb| json!({ "name": verb.name, "summary": verb.summary, "arguments": verb.args_schema }))
            .collect();
        return say!("{object}");
    }
    if manifest.verbs.is_empty() {
        return talk::notice(&format!("plugin `{}` of stage `{stage}` has no verbs", manifest.name));
    }
    for verb in &manifest.verbs {
        say!("  {:16} {}", verb.name, verb.summary);
    }
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
