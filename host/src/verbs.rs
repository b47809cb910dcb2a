//! Verbs that only look: check, graph, explain, schema.

use majlis_config::{Edge, Pipeline};
use serde_json::json;

use crate::cli::{CheckArgs, GraphArgs, GraphFormat, Places};
use crate::pipeline::File;
use crate::talk::Problem;
use crate::{Exit, catalogue, codes, pipeline};

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The file as JSON, with what `of_pipeline` makes of its pipeline, if it has one.
fn say_json(file: &File, of_pipeline: impl FnOnce(&Pipeline) -> serde_json::Value) -> Exit {
    let mut object = file.json();
    object["pipeline"] = file.checked.pipeline.as_ref().map_or(serde_json::Value::Null, of_pipeline);
    say!("{object}");
    if file.checked.pipeline.is_some() { Exit::Done } else { Exit::Pipeline }
}

pub(crate) fn check(places: &Places, args: &CheckArgs) -> Exit {
    let file = match pipeline::read(places, &args.pipeline) {
        Ok(file) => file,
        Err(unread) => return unread.tell(args.json, &args.pipeline),
    };
    if args.json {
        return say_json(&file, |pipeline| {
            json!({
                "name": pipeline.name, "stages": pipeline.stages.len(), "threads": pipeline.threads.len(),
                "edges": pipeline.edges.len(), "queue_bytes": majlis_config::worst_case_bytes(pipeline),
            })
        });
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
        Err(unread) => return unread.tell(args.json, &args.pipeline),
    };
    if args.json {
        return say_json(&file, drawn);
    }
    match file.pipeline() {
        Ok(pipeline) => {
            tell!("{}", if args.format == GraphFormat::Mermaid { mermaid(pipeline) } else { text(pipeline) });
            Exit::Done
        }
        Err(exit) => exit,
    }
}

/// The ends of an edge, as a pipeline file writes them.
fn ends(pipeline: &Pipeline, edge: &Edge) -> (String, String) {
    let (from, to) = (&pipeline.stages[edge.from], &pipeline.stages[edge.to]);
    (
        format!("{}.{}", from.name, from.manifest.outputs[edge.output].name),
        format!("{}.{}", to.name, to.manifest.inputs[edge.input].name),
    )
}

fn drawn(pipeline: &Pipeline) -> serde_json::Value {
    let stages = pipeline.stages.iter().map(|stage| {
        json!({ "name": stage.name, "title": stage.title, "plugin": stage.plugin, "load": stage.load,
                "thread": pipeline.threads[stage.thread] })
    });
    let edges = pipeline.edges.iter().map(|edge| {
        let (from, to) = ends(pipeline, edge);
        json!({ "from": from, "to": to, "type": edge.ty, "depth": edge.depth, "overflow": edge.overflow,
                "loop": edge.looping })
    });
    json!({ "name": pipeline.name, "stages": stages.collect::<serde_json::Value>(),
            "edges": edges.collect::<serde_json::Value>() })
}

fn text(pipeline: &Pipeline) -> String {
    let mut out = format!("{}\n", pipeline.name);
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let thread = &pipeline.threads[stage.thread];
        let load = json!(stage.load);
        out +=
            &format!("\n{}  ({}, {}, thread {thread})\n", stage.name, stage.plugin, load.as_str().unwrap_or_default());
        for edge in pipeline.edges.iter().filter(|edge| edge.to == index) {
            let policy = json!(edge.overflow);
            out += &format!(
                "  {} <- {}  {}, depth {}, {}{}\n",
                stage.manifest.inputs[edge.input].name,
                ends(pipeline, edge).0,
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

pub(crate) fn explain(code: Option<&str>, as_json: bool) -> Exit {
    let object = |(code, title, text): (&str, &str, &str)| json!({ "code": code, "title": title, "text": text });
    let Some(wanted) = code else {
        if as_json {
            say!("{}", codes::all().map(object).collect::<serde_json::Value>());
        } else {
            codes::all().for_each(|(code, title, _)| say!("{code}  {title}"));
        }
        return Exit::Done;
    };
    let Some((code, title, text)) = codes::all().find(|(code, ..)| code.eq_ignore_ascii_case(wanted)) else {
        let (message, hint) = (format!("there is no code `{wanted}`"), "`majlis explain` lists them".to_owned());
        Problem { code: codes::R0205, message, hint }.tell(as_json, None);
        return Exit::Usage;
    };
    if as_json {
        say!("{}", object((code, title, text)));
    } else if text.starts_with(title) {
        say!("{code}: {text}");
    } else {
        say!("{code}: {title}\n\n{text}");
    }
    Exit::Done
}

pub(crate) fn schema(places: &Places) -> Exit {
    let (_, catalogue) = catalogue::find(places, None);
    say!("{:#}", majlis_config::schema(&catalogue));
    Exit::Done
}
