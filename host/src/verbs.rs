//! Verbs that only look: check, graph, explain, schema, plugins.

use majlis_config::{Entry, Pipeline, Refusal, Severity};
use serde_json::json;

use crate::cli::{CheckArgs, GraphArgs, GraphFormat, Places, PluginsVerb};
use crate::{Exit, catalogue, pipeline};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

pub(crate) fn check(places: &Places, args: &CheckArgs) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(exit) => return exit,
    };
    let failed = file.checked.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if args.json {
        say!("{}", json!(file.checked.diagnostics));
        return if failed { Exit::Pipeline } else { Exit::Done };
    }
    match file.pipeline() {
        Ok(pipeline) => {
            let megabytes = majlis_config::worst_case_bytes(pipeline) as f64 / 1e6;
            say!(
                "{}: {} on {}, {}; queues hold at most {megabytes:.1} MB",
                file.path.display(),
                count(pipeline.stages.len(), "stage"),
                count(pipeline.threads.len(), "thread"),
                count(pipeline.edges.len(), "edge")
            );
            Exit::Done
        }
        Err(exit) => exit,
    }
}

pub(crate) fn graph(places: &Places, args: &GraphArgs) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(exit) => return exit,
    };
    match file.pipeline() {
        Ok(pipeline) => {
            tell!("{}", if args.format == GraphFormat::Mermaid { mermaid(pipeline) } else { text(pipeline) });
            Exit::Done
        }
        Err(exit) => exit,
    }
}

fn text(pipeline: &Pipeline) -> String {
    let mut out = format!("{}\n", pipeline.name);
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let thread = &pipeline.threads[stage.thread];
        let load = json!(stage.load);
        out +=
            &format!("\n{}  ({}, {}, thread {thread})\n", stage.name, stage.plugin, load.as_str().unwrap_or_default());
        for edge in pipeline.edges.iter().filter(|edge| edge.to == index) {
            let from = &pipeline.stages[edge.from];
            let policy = json!(edge.overflow);
            out += &format!(
                "  {} <- {}.{}  {}, depth {}, {}{}\n",
                stage.manifest.inputs[edge.input].name,
                from.name,
                from.manifest.outputs[edge.output].name,
                edge.ty,
                edge.depth,
                policy.as_str().unwrap_or_default(),
                if edge.looping { ", part of a loop" } else { "" }
            );
        }
    }
    out
}

fn mermaid(pipeline: &Pipeline) -> String {
    let mut out = String::from("flowchart LR\n");
    for (index, stage) in pipeline.stages.iter().enumerate() {
        // Mermaid reads quotes and markup inside a label.
        let title = stage.title.replace('&', "#amp;").replace('"', "#quot;").replace('<', "#lt;");
        out += &format!("  s{index}[\"{title}<br/><small>{}</small>\"]\n", stage.plugin);
    }
    for edge in &pipeline.edges {
        out += &format!("  s{} -->|{}| s{}\n", edge.from, edge.ty, edge.to);
    }
    out
}

pub(crate) fn explain(code: Option<&str>) -> Exit {
    let Some(code) = code else {
        for code in majlis_config::codes::ALL {
            say!("{}  {}", code.code, code.title);
        }
        for (code, text) in majlis_loader::codes::ALL.iter().chain(majlis_store::CODES) {
            say!("{code}  {}", first_words(text));
        }
        for code in ["R0101", "R0102", "R0103", "R0104"] {
            say!("{}", stage_code(code).and_then(|text| text.lines().next()).unwrap_or(code).replacen(':', " ", 1));
        }
        return Exit::Done;
    };
    let upper = code.to_ascii_uppercase();
    // Those of a file and of a stage begin with their code themselves.
    let coded = |text: &str| format!("{upper}: {text}");
    let told = majlis_config::explain(&upper)
        .or_else(|| stage_code(&upper))
        .map(str::to_owned)
        .or_else(|| majlis_loader::explain(&upper).or_else(|| majlis_store::explain(&upper)).map(coded));
    match told {
        Some(text) => {
            say!("{text}");
            Exit::Done
        }
        None => {
            eprintln!("error: there is no code `{code}`; `majlis explain` lists them");
            Exit::Usage
        }
    }
}

/// A text's first sentence, or what stands before its colon.
fn first_words(text: &str) -> &str {
    [". ", ": "]
        .iter()
        .filter_map(|end| text.find(end))
        .min()
        .map_or_else(|| text.trim_end_matches('.'), |end| &text[..end])
}

/// Codes of a stage that was not opened.
fn stage_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "R0101" => {
            "R0101: the stage panicked\n\nA panic is a fault of the plugin. Its instance is dropped and made anew by the stage's `restart` policy; the packet that it was given has no answer. Report it to the plugin's author with the text and the place that the log shows."
        }
        "R0102" => {
            "R0102: the stage refused its configuration\n\nThe plugin read its own table of the pipeline file and did not accept it. The message names the key; the file and the line are shown where the key stands in the file."
        }
        "R0103" => {
            "R0103: the stage could not make itself ready\n\nThe plugin said why. The stage is tried again by its `restart` policy; until then its packets wait, and after that they have no answer and what is downstream is told so."
        }
        "R0104" => {
            "R0104: the source failed too often\n\nA source whose turn fails is given another one after the delay of its `restart` policy. It failed more often than that allows, so it gives nothing more; its last words are in the log."
        }
        _ => return None,
    })
}

pub(crate) fn schema(places: &Places) -> Exit {
    let (_, catalogue) = catalogue::find(places, None);
    say!("{:#}", majlis_config::schema(&catalogue));
    Exit::Done
}

fn refusal_json(refusal: &Refusal) -> serde_json::Value {
    json!({ "name": refusal.name, "path": refusal.path, "code": refusal.code, "reason": refusal.reason, "remedy": refusal.remedy })
}

fn print_refusal(refusal: &Refusal) {
    say!("{}\n  {} [{}]\n  remedy: {}", refusal.path.display(), refusal.reason, refusal.code, refusal.remedy);
}

pub(crate) fn plugins(places: &Places, verb: &PluginsVerb) -> Exit {
    let (loader, catalogue) = catalogue::find(places, None);
    match verb {
        PluginsVerb::List { json: true } => {
            let plugins: Vec<_> = catalogue
                .plugins
                .values()
                .map(|entry| {
                    let manifest = &entry.manifest;
                    json!({ "name": manifest.name, "version": manifest.version, "summary": manifest.summary,
                            "path": entry.path, "sha256": hex(&entry.sha256) })
                })
                .collect();
            let refused: Vec<_> = catalogue.refused.iter().map(refusal_json).collect();
            say!("{}", json!({ "plugins": plugins, "refused": refused }));
            Exit::Done
        }
        PluginsVerb::List { json: false } => {
            if catalogue.plugins.is_empty() {
                say!("no plugins were found; name a folder with --plugins or MAJLIS_PLUGIN_PATH");
            }
            for entry in catalogue.plugins.values() {
                say!("{:16} {:8} {}", entry.manifest.name, entry.manifest.version, entry.manifest.summary);
            }
            if !catalogue.refused.is_empty() {
                say!("\nrefused:");
            }
            for refusal in &catalogue.refused {
                print_refusal(refusal);
            }
            Exit::Done
        }
        PluginsVerb::Inspect { name, json } => match catalogue.plugins.get(name) {
            Some(entry) => {
                inspect(entry, *json);
                Exit::Done
            }
            None => unknown(name, &catalogue),
        },
        PluginsVerb::Why { name, json } => {
            let mut reasons = loader.why(name);
            if reasons.is_empty()
                && let Some(entry) = catalogue.plugins.get(name)
            {
                // The bytes are in order; whether it opens is only known by opening it.
                if let Err(refused) = loader.open(entry, None).and_then(|opened| opened.create().map(drop)) {
                    reasons.push(refused.to_refusal(Some(name)));
                }
            } else if reasons.is_empty() {
                return unknown(name, &catalogue);
            }
            if *json {
                say!("{}", json!(reasons.iter().map(refusal_json).collect::<Vec<_>>()));
            } else if reasons.is_empty() {
                say!("plugin `{name}` is not refused: it was opened and made an instance");
            } else {
                reasons.iter().for_each(print_refusal);
            }
            if reasons.is_empty() { Exit::Done } else { Exit::Plugin }
        }
    }
}

fn unknown(name: &str, catalogue: &majlis_config::Catalogue) -> Exit {
    match catalogue.refusal_of(name) {
        Some(refusal) => print_refusal(refusal),
        None => {
            let names: Vec<&str> = catalogue.plugins.keys().map(String::as_str).collect();
            let known =
                if names.is_empty() { "none was found".to_owned() } else { format!("there are {}", names.join(", ")) };
            eprintln!("error: there is no plugin `{name}`; {known}");
        }
    }
    Exit::Plugin
}

fn inspect(entry: &Entry, as_json: bool) {
    let manifest = &entry.manifest;
    if as_json {
        say!(
            "{}",
            json!({
                "name": manifest.name, "version": manifest.version, "summary": manifest.summary, "licence": manifest.licence,
                "path": entry.path, "sha256": hex(&entry.sha256), "milestones": manifest.milestones, "native": manifest.native,
                "capabilities": manifest.capabilities,
                "inputs": manifest.inputs.iter().map(|port| json!({ "name": port.name, "type": port.ty, "required": port.required, "many": port.many })).collect::<Vec<_>>(),
                "outputs": manifest.outputs.iter().map(|port| json!({ "name": port.name, "type": port.ty, "origin": port.origin })).collect::<Vec<_>>(),
                "verbs": manifest.verbs.iter().map(|verb| json!({ "name": verb.name, "summary": verb.summary, "arguments": verb.args_schema })).collect::<Vec<_>>(),
                "config": manifest.config_schema,
            })
        );
        return;
    }
    say!("{} {}  ({})\n{}\n", manifest.name, manifest.version, manifest.licence, manifest.summary);
    say!("file      {}\nsha256    {}", entry.path.display(), hex(&entry.sha256));
    for port in &manifest.inputs {
        let how = match (port.required, port.many) {
            (true, true) => ", several",
            (true, false) => "",
            (false, true) => ", optional, several",
            (false, false) => ", optional",
        };
        say!("input     {}: {}{how}", port.name, port.ty);
    }
    for port in &manifest.outputs {
        say!("output    {}: {}{}", port.name, port.ty, if port.origin { ", origin" } else { "" });
    }
    for (label, list) in
        [("milestone", &manifest.milestones), ("native", &manifest.native), ("can", &manifest.capabilities)]
    {
        for item in list {
            say!("{label:9} {item}");
        }
    }
    for verb in &manifest.verbs {
        say!("verb      {}: {}", verb.name, verb.summary);
    }
    say!("\nconfiguration (JSON Schema):\n{:#}", manifest.config_schema);
}
