//! `inputs = { … }`: references to outputs, and whether their types fit.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeValue;

use super::stage::Draft;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::document::{Entry, entries, type_words, wrong_type};
use crate::manifest::{Manifest, same_as};
use crate::nearest::{hint_for, listed, nearest, shown};

/// A reference that was found good: an edge without its queue.
pub(super) struct Wire {
    pub(super) from: usize,
    pub(super) output: usize,
    pub(super) to: usize,
    pub(super) input: usize,
    /// `"camera.frame"` in the consumer's `inputs`.
    pub(super) span: Range<usize>,
    /// Resolved; empty when it is not known, which has been reported.
    pub(super) ty: String,
}

/// All wires, in the order of the consumers.
pub(super) fn read(drafts: &[Draft<'_>], findings: &mut Findings<'_>) -> Vec<Wire> {
    let mut reader = Reader { drafts, findings, wires: Vec::new(), doubtful: BTreeSet::new() };
    for to in 0..drafts.len() {
        reader.read_stage(to);
    }
    reader.fit_types();
    reader.wires
}

struct Reader<'r, 'd, 'f> {
    drafts: &'r [Draft<'d>],
    findings: &'r mut Findings<'f>,
    wires: Vec<Wire>,
    /// Inputs of which something is already reported: what follows from that is not reported again.
    doubtful: BTreeSet<(usize, usize)>,
}

impl<'d> Reader<'_, 'd, '_> {
    fn read_stage(&mut self, to: usize) {
        let draft = &self.drafts[to];
        let manifest = draft.plugin.map(|plugin| &plugin.manifest);
        let listed_inputs = draft.inputs.as_ref().map(|(table, _)| entries(table)).unwrap_or_default();
        if let (Some(manifest), Some((_, span))) = (manifest.filter(|manifest| manifest.source), &draft.inputs)
            && !listed_inputs.is_empty()
        {
            self.findings
                .error(E0508, span, format!("plugin {} is a source: it has no inputs", shown(&manifest.name)))
                .hint("remove `inputs`, or wire the stage that takes these packets");
            return;
        }
        for entry in &listed_inputs {
            self.read_input(to, manifest, entry);
        }
        if draft.inputs_unreadable {
            let inputs = manifest.map_or(0, |manifest| manifest.inputs.len());
            self.doubtful.extend((0..inputs).map(|input| (to, input)));
        } else if let Some(manifest) = manifest {
            self.check_missing(to, manifest, &listed_inputs);
        }
    }

    fn read_input(&mut self, to: usize, manifest: Option<&Manifest>, entry: &Entry<'d>) {
        let input = manifest.and_then(|manifest| {
            let found = manifest.input(entry.key);
            if found.is_none() {
                let names: Vec<&str> = manifest.inputs.iter().map(|port| port.name.as_str()).collect();
                self.findings
                    .error(
                        E0502,
                        &entry.key_span,
                        format!("plugin {} has no input {}", shown(&manifest.name), shown(entry.key)),
                    )
                    .hint(hint_for(entry.key, "an input", "inputs", &names));
            }
            found
        });
        let references: Vec<(&str, Range<usize>)> = match entry.value {
            DeValue::String(text) => vec![(text, entry.span())],
            DeValue::Array(items) => {
                let mut references = Vec::new();
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::String(text) => references.push((text.as_ref(), item.span())),
                        other => {
                            let found = type_words(other);
                            self.findings.error(
                                E0701,
                                &item.span(),
                                format!("a producer must be a text, found {found}"),
                            );
                            self.doubtful.extend(input.map(|input| (to, input)));
                        }
                    }
                }
                references
            }
            _ => {
                wrong_type(entry, "`\"STAGE.OUTPUT\"`, or a list of them", self.findings);
                self.doubtful.extend(input.map(|input| (to, input)));
                return;
            }
        };
        let many = manifest.zip(input).is_none_or(|(manifest, input)| manifest.inputs[input].many);
        if let ([(_, first), (_, second), ..], false) = (&references[..], many) {
            self.findings
                .error(E0505, second, format!("input {} takes packets of one producer", shown(entry.key)))
                .related(first, "the first producer")
                .hint("name one; to join several, put a stage between that accepts several");
        }
        let mut seen: Vec<&(&str, Range<usize>)> = Vec::new();
        for reference in &references {
            if let Some((_, first)) = seen.iter().find(|(text, _)| *text == reference.0) {
                self.findings
                    .error(E0507, &reference.1, format!("{} feeds {} twice", shown(reference.0), shown(entry.key)))
                    .related(first, "the first time");
                continue;
            }
            seen.push(reference);
            let wanted = manifest.zip(input).map(|(manifest, input)| manifest.inputs[input].ty.as_str());
            let found = self.read_reference(reference.0, &reference.1, wanted);
            match (found, input) {
                (Some((from, Some(output))), Some(input)) => {
                    let span = reference.1.clone();
                    self.wires.push(Wire { from, output, to, input, span, ty: String::new() });
                }
                (_, Some(input)) => {
                    self.doubtful.insert((to, input));
                }
                (_, None) => {}
            }
        }
    }

    /// The stage and output that a reference means. An output of `None` belongs to a stage whose plugin is not known.
    fn read_reference(
        &mut self,
        text: &str,
        span: &Range<usize>,
        wanted: Option<&str>,
    ) -> Option<(usize, Option<usize>)> {
        let names: Vec<&str> = self.drafts.iter().map(|draft| draft.name).collect();
        let Some((stage, port)) = text.split_once('.') else {
            let hint = match names.iter().position(|name| *name == text) {
                Some(stage) => format!("write {}", self.outputs_in_full(stage, wanted)),
                None => "write `STAGE.OUTPUT`".to_owned(),
            };
            self.findings.error(E0501, span, format!("{} does not name an output", shown(text))).hint(hint);
            return None;
        };
        let Some(from) = names.iter().position(|name| *name == stage) else {
            let hint = hint_for(stage, "a stage", "stages", &names);
            self.findings.error(E0401, span, format!("no stage is called {}", shown(stage))).hint(hint);
            return None;
        };
        let Some(plugin) = self.drafts[from].plugin else {
            return Some((from, None));
        };
        if let Some(output) = plugin.manifest.output(port) {
            return Some((from, Some(output)));
        }
        let outputs: Vec<&str> = plugin.manifest.outputs.iter().map(|port| port.name.as_str()).collect();
        let hint = match nearest(port, outputs.iter().copied()) {
            _ if outputs.is_empty() => {
                format!("plugin {} has no outputs", shown(&plugin.manifest.name))
            }
            Some(near) => format!("an output {} exists", shown(&format!("{stage}.{near}"))),
            None => format!("its outputs are {}", listed(&outputs)),
        };
        self.findings
            .error(
                E0503,
                span,
                format!(
                    "stage {} (plugin {}) has no output {}",
                    shown(stage),
                    shown(&plugin.manifest.name),
                    shown(port)
                ),
            )
            .hint(hint);
        None
    }

    /// "`camera.frame`" for a reference that forgot the output: those of the type wanted, otherwise all.
    fn outputs_in_full(&self, stage: usize, wanted: Option<&str>) -> String {
        let draft = &self.drafts[stage];
        let Some(plugin) = draft.plugin else {
            return format!("`{}.OUTPUT`", draft.name);
        };
        let outputs = &plugin.manifest.outputs;
        let full = |ty: Option<&str>| -> Vec<String> {
            outputs
                .iter()
                .filter(|port| ty.is_none_or(|ty| ty == port.ty))
                .map(|port| format!("{}.{}", draft.name, port.name))
                .collect()
        };
        let mut names = full(wanted);
        if names.is_empty() {
            names = full(None);
        }
        listed(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn check_missing(&mut self, to: usize, manifest: &Manifest, written: &[Entry<'_>]) {
        let draft = &self.drafts[to];
        let is_wired = |input: usize| self.wires.iter().any(|wire| wire.to == to && wire.input == input);
        let is_written = |name: &str| written.iter().any(|entry| entry.key == name && !is_empty_list(entry));
        // A misspelt key was meant for one of the inputs that are missing, and is reported already.
        let misspelt = |name: &str| {
            written.iter().any(|entry| manifest.input(entry.key).is_none() && nearest(entry.key, [name]).is_some())
        };
        let missing: Vec<usize> =
            (0..manifest.inputs.len()).filter(|input| manifest.inputs[*input].required && !is_wired(*input)).collect();
        for input in missing {
            let port = &manifest.inputs[input];
            self.doubtful.insert((to, input));
            if is_written(&port.name) || misspelt(&port.name) {
                continue;
            }
            let hint = self.producers_of(&port.ty, to, &port.name);
            let span = draft.inputs.as_ref().map_or(&draft.span, |(_, span)| span);
            self.findings
                .error(
                    E0504,
                    span,
                    format!("stage {} needs its input {}, of type {}", shown(draft.name), shown(&port.name), port.ty),
                )
                .hint(hint);
        }
        let any_written = manifest.inputs.iter().any(|port| is_written(&port.name));
        // One with an output of its own is a source then: the runtime wakes it once.
        if !manifest.starts_by_itself()
            && !any_written
            && manifest.outputs.iter().all(|port| crate::manifest::same_as(&port.ty).is_some())
            && manifest.inputs.iter().all(|port| !port.required)
        {
            self.findings
                .warning(
                    W0603,
                    &draft.span,
                    format!("stage {} is never called: none of its inputs is wired", shown(draft.name)),
                )
                .hint(format!(
                    "its inputs are {}",
                    listed(&manifest.inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>())
                ));
        }
    }

    /// A hint with what could be wired to an input.
    fn producers_of(&self, ty: &str, except: usize, input: &str) -> String {
        let mut found = Vec::new();
        for (index, draft) in self.drafts.iter().enumerate().filter(|(index, _)| *index != except) {
            let outputs = draft.plugin.map(|plugin| plugin.manifest.outputs.as_slice()).unwrap_or_default();
            for port in outputs.iter().filter(|port| ty == "any" || port.ty == ty) {
                found.push(format!("{}.{}", self.drafts[index].name, port.name));
            }
        }
        match &found[..] {
            [] => format!("no stage gives {ty}"),
            [one] => format!("write `inputs = {{ {input} = \"{one}\" }}`"),
            several => format!("it is given by {}", listed(&several.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }

    fn fit_types(&mut self) {
        let types: Vec<Result<Option<String>, Unknown>> =
            self.wires.iter().map(|wire| self.type_of(wire.from, wire.output, &mut Vec::new())).collect();
        for (index, ty) in types.into_iter().enumerate() {
            let wire = &self.wires[index];
            let producer = &self.drafts[wire.from];
            let (Some(from), Some(to)) = (producer.plugin, self.drafts[wire.to].plugin) else {
                continue;
            };
            let (output, input) = (&from.manifest.outputs[wire.output], &to.manifest.inputs[wire.input]);
            let reference = format!("{}.{}", producer.name, output.name);
            match ty {
                Ok(None) => {}
                Ok(Some(ty)) if input.ty == "any" || input.ty == ty => self.wires[index].ty = ty,
                Ok(Some(ty)) => {
                    let hint = match (ty.rsplit_once('@'), input.ty.rsplit_once('@')) {
                        (Some((a, _)), Some((b, _))) if a == b => {
                            let (producer, consumer) = (shown(&from.manifest.name), shown(&to.manifest.name));
                            format!(
                                "the versions differ: plugins {producer} and {consumer} were built for different ones"
                            )
                        }
                        _ => self.producers_of(&input.ty, wire.to, &input.name),
                    };
                    let (span, other) = (self.wires[index].span.clone(), producer.span.clone());
                    self.findings
                        .error(
                            E0506,
                            &span,
                            format!(
                                "{} gives {ty}, and input {} takes {}",
                                shown(&reference),
                                shown(&input.name),
                                input.ty
                            ),
                        )
                        .label(format!("this is {ty}"))
                        .related(&other, "the producer")
                        .hint(hint);
                }
                Err(Unknown::Reported) => {}
                Err(Unknown::Because(reason)) => {
                    let span = self.wires[index].span.clone();
                    self.findings
                        .error(E0509, &span, format!("the type of {} is not known", shown(&reference)))
                        .hint(reason);
                }
            }
        }
    }

    /// The type of an output, through all `same-as`; `None` for one that has none but its own, which happens only in a loop of
    /// such outputs: it has no origin and is reported as that.
    fn type_of(
        &self,
        stage: usize,
        output: usize,
        on_the_way: &mut Vec<(usize, usize)>,
    ) -> Result<Option<String>, Unknown> {
        let Some(plugin) = self.drafts[stage].plugin else {
            return Err(Unknown::Reported);
        };
        let port = &plugin.manifest.outputs[output];
        let Some(name) = same_as(&port.ty) else {
            return Ok(Some(port.ty.clone()));
        };
        let Some(input) = plugin.manifest.input(name) else {
            return Err(Unknown::Reported);
        };
        if on_the_way.contains(&(stage, output)) {
            return Ok(None);
        }
        on_the_way.push((stage, output));
        let into = |wire: &&Wire| wire.to == stage && wire.input == input;
        let mut types = BTreeSet::new();
        for wire in self.wires.iter().filter(into) {
            types.extend(self.type_of(wire.from, wire.output, on_the_way)?);
        }
        on_the_way.pop();
        let whole = format!("{}.{name}", self.drafts[stage].name);
        let types: Vec<String> = types.into_iter().collect();
        match &types[..] {
            _ if self.doubtful.contains(&(stage, input)) => Err(Unknown::Reported),
            [one] => Ok(Some(one.clone())),
            [] if self.wires.iter().any(|wire| into(&wire)) => Ok(None),
            [] => Err(Unknown::Because(format!("it is that of input {}, which is not wired", shown(&whole)))),
            several => {
                Err(Unknown::Because(format!("input {} takes {} at once", shown(&whole), several.join(" and "))))
            }
        }
    }
}

enum Unknown {
    /// Its cause is in the findings already.
    Reported,
    Because(String),
}

fn is_empty_list(entry: &Entry<'_>) -> bool {
    entry.value.as_array().is_some_and(|list| list.is_empty())
}
