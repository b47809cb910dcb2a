//! One `[stage.NAME]`.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use toml::de::DeTable;

use super::Context;
use super::config::{self, Configured};
use super::files::Named;
use super::queue::Queues;
use super::wiring::Wiring;
use crate::catalogue;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::document::{Elsewhere, Entry, NAME_HINT, Section};
use crate::keys::Table;
use crate::manifest::is_name;
use crate::nearest::{hint_for, nearest, shown};
use crate::pipeline::{Load, OnFailure, Place, Restart, Stage};

/// A stage as far as it could be read. What is wrong has a harmless value here and an entry in the findings.
pub(super) struct Draft<'d> {
    pub(super) name: &'d str,
    /// NAME in `[stage.NAME]`.
    pub(super) span: Range<usize>,
    /// `None` when the plugin is not known: then nothing can be said of its ports.
    pub(super) plugin: Option<&'d catalogue::Entry>,
    pub(super) inputs: Option<(&'d DeTable<'d>, Range<usize>)>,
    /// Something that is no table stands at `inputs`, which has been reported.
    pub(super) inputs_unreadable: bool,
    pub(super) queues: Queues,
    pub(super) load: Load,
    /// Where `load` is written.
    load_span: Option<Range<usize>>,
    /// The thread that is written, and where.
    pub(super) thread: Option<(&'d str, Range<usize>)>,
    title: String,
    opening_title: Option<String>,
    sha256: Option<[u8; 32]>,
    pub(super) deadline: Option<Duration>,
    /// Where `deadline` is written.
    pub(super) deadline_span: Option<Range<usize>>,
    on_failure: OnFailure,
    restart: Restart,
    configured: Configured,
}

impl<'d> Draft<'d> {
    pub(super) fn read(
        entry: &Entry<'d>,
        content: &'d DeTable<'d>,
        context: &Context<'d>,
        findings: &mut Findings<'_>,
    ) -> Draft<'d> {
        let (name, span) = (entry.key, entry.key_span.clone());
        if !is_name(name) {
            findings.error(E0403, &span, format!("{} is not a name for a stage", shown(name))).hint(NAME_HINT);
        }
        let named = content.get("plugin").and_then(|plugin| plugin.get_ref().as_str());
        let plugin = named.and_then(|name| context.catalogue.plugins.get(name));
        let section = Section::new(Table::Stage, Some(name), content, span.clone(), findings, |entry| {
            of_the_plugin(name, entry, plugin)
        });
        check_plugin_is_known(&section, plugin.is_some(), context, findings);
        section.not_yet("release_after", findings);
        section.choice("isolation", findings);
        Draft {
            name,
            title: section.text("title", findings).unwrap_or(name).to_owned(),
            opening_title: section.text("opening_title", findings).map(str::to_owned),
            sha256: read_pin(&section, plugin, findings),
            inputs_unreadable: section.entry("inputs").is_some_and(|entry| !entry.value.is_table()),
            inputs: section.table("inputs", findings),
            queues: Queues::read(&section, plugin.map(|plugin| &plugin.manifest), findings),
            load: match section.choice("load", findings) {
                Some("eager") => Load::Eager,
                Some("prewarm") => Load::Prewarm,
                _ => Load::Lazy,
            },
            load_span: section.entry("load").map(Entry::span),
            thread: section.name("thread", findings).map(|thread| (thread, section.span_of("thread"))),
            deadline: section.duration("deadline", findings),
            deadline_span: section.entry("deadline").map(Entry::span),
            on_failure: match section.choice("on_failure", findings) {
                Some("stop") => OnFailure::Stop,
                _ => OnFailure::Skip,
            },
            restart: read_restart(&section, findings),
            configured: config::read(&section, plugin.map(|plugin| &plugin.manifest), context, findings),
            plugin,
            span,
        }
    }

    /// What can only be said once it is known which inputs are wired.
    pub(super) fn settle(&mut self, stage: usize, wiring: &Wiring, findings: &mut Findings<'_>) {
        let Some(plugin) = self.plugin else {
            return;
        };
        let is_wired = |input: usize| wiring.is_wired(stage, input) || wiring.doubtful.contains(&(stage, input));
        self.queues.warn_of_open_inputs(self.name, &plugin.manifest, &is_wired, findings);
        let is_source = !(0..plugin.manifest.inputs.len()).any(is_wired);
        if self.load != Load::Lazy {
            return;
        }
        if is_source || plugin.manifest.starts_by_itself() {
            // Nothing else would ever open it.
            self.load = Load::Prewarm;
            if let Some(span) = &self.load_span {
                findings
                    .warning(W0602, span, "this stage acts before any packet reaches it, so it cannot be lazy")
                    .hint("it is opened as with `prewarm`; write that, or `eager`");
            }
        } else if plugin.manifest.acts_on_events() {
            let span = self.load_span.as_ref().unwrap_or(&self.span);
            findings
                .warning(
                    W0604,
                    span,
                    format!("stage {} has to hear of visitors before its first packet, and is lazy", shown(self.name)),
                )
                .hint("write `load = \"eager\"`; when nothing comes from before it, a lazy stage is never opened");
        }
    }

    /// A value of the configuration.
    pub(super) fn config(&self, key: &str) -> Option<&Value> {
        self.configured.value.get(key)
    }

    /// Files that the configuration names and the plugin will read.
    pub(super) fn files(&self) -> &[Named] {
        &self.configured.files
    }

    /// A text of the configuration as it may be shown, by its JSON pointer.
    pub(super) fn shown_text(&self, pointer: &str, text: &str) -> String {
        self.configured.shown(pointer, text)
    }

    /// Where a value of the configuration stands, by its JSON pointer; the stage, where it does not stand there.
    pub(super) fn config_span(&self, pointer: &str) -> &Range<usize> {
        self.configured.spans.get(pointer).unwrap_or(&self.span)
    }

    /// `None` when the plugin is not known, which has been reported.
    pub(super) fn finish(self, thread: usize, place: &impl Fn(&Range<usize>) -> Place) -> Option<Stage> {
        let plugin = self.plugin?;
        Some(Stage {
            name: self.name.to_owned(),
            title: self.title,
            opening_title: self.opening_title,
            plugin: plugin.manifest.name.clone(),
            manifest: Arc::new(plugin.manifest.clone()),
            path: PathBuf::clone(&plugin.path),
            checked_sha256: plugin.sha256,
            sha256: self.sha256,
            config: self.configured.value,
            secrets: self.configured.secrets,
            load: self.load,
            thread,
            deadline: self.deadline,
            on_failure: self.on_failure,
            restart: self.restart,
            place: place(&self.span),
            config_places: self.configured.spans.iter().map(|(pointer, span)| (pointer.clone(), place(span))).collect(),
        })
    }
}

/// A key that the host does not know may be one that the plugin does.
fn of_the_plugin(stage: &str, entry: &Entry<'_>, plugin: Option<&catalogue::Entry>) -> Elsewhere {
    let properties = plugin.and_then(|plugin| plugin.manifest.config_schema.get("properties")?.as_object());
    match properties.is_some_and(|properties| properties.contains_key(entry.key)) {
        true => Elsewhere::Hint(format!(
            "{} is a key of the plugin: write it under `[stage.{stage}.config]`",
            shown(entry.key)
        )),
        false => Elsewhere::No,
    }
}

fn check_plugin_is_known(section: &Section<'_>, known: bool, context: &Context<'_>, findings: &mut Findings<'_>) {
    if section.entry("plugin").is_none() {
        findings
            .error(E0202, &section.span, "a stage needs its `plugin`")
            .hint("`majlis plugins list` lists those that are installed");
        return;
    }
    let Some(name) = section.name("plugin", findings).filter(|_| !known) else {
        return;
    };
    let span = section.span_of("plugin");
    if let Some(refusal) = context.catalogue.refusal_of(name) {
        findings
            .error(E0302, &span, format!("plugin {} was refused: {}", shown(name), refusal.reason))
            .label(format!("{} ({})", refusal.path.display(), refusal.code))
            .hint(&refusal.remedy);
        return;
    }
    let names: Vec<&str> = context.catalogue.plugins.keys().map(String::as_str).collect();
    let hint = if names.is_empty() {
        "no plugin was found at all; `--plugins FOLDER` or `MAJLIS_PLUGIN_PATH` say where to look".to_owned()
    } else if nearest(name, names.iter().copied()).is_some() {
        hint_for(name, "a plugin", "plugins", &names)
    } else {
        hint_for(name, "a plugin", "plugins found", &names)
    };
    findings.error(E0301, &span, format!("no plugin is called {}", shown(name))).hint(hint);
}

fn read_pin(section: &Section<'_>, plugin: Option<&catalogue::Entry>, findings: &mut Findings<'_>) -> Option<[u8; 32]> {
    let text = section.text("sha256", findings)?;
    let span = section.span_of("sha256");
    let Some(pinned) = parse_sha256(text) else {
        findings
            .error(E0304, &span, format!("{} is not a SHA-256", shown(text)))
            .hint(format!("it has 64 hexadecimal digits, this has {} characters", text.chars().count()));
        return None;
    };
    if let Some(plugin) = plugin.filter(|plugin| plugin.sha256 != pinned) {
        findings
            .error(E0303, &span, format!("plugin {} is not the one that was pinned", shown(&plugin.manifest.name)))
            .hint(format!(
                "install the pinned one, or pin what {} has: {}",
                plugin.path.display(),
                show_sha256(&plugin.sha256)
            ));
    }
    Some(pinned)
}

fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

fn show_sha256(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_restart(stage: &Section<'_>, findings: &mut Findings<'_>) -> Restart {
    let restart = match stage.table("restart", findings) {
        Some((table, span)) => Section::new(Table::Restart, stage.stage(), table, span, findings, |_| Elsewhere::No),
        None => Section::absent(Table::Restart),
    };
    Restart {
        max: restart.integer("max", findings).and_then(|max| u32::try_from(max).ok()).unwrap_or_default(),
        within: restart.duration("within", findings).unwrap_or_default(),
        delay: restart.duration("delay", findings).unwrap_or_default(),
    }
}
