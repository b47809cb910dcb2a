//! `inputs = { … }`: references to outputs, and whether their types fit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use toml::de::DeValue;

use super::effort;
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

/// What the inputs of all stages say.
pub(super) struct Wiring {
    /// In the order of the consumers.
    pub(super) wires: Vec<Wire>,
    /// Inputs, by stage and number, of which something is reported: whether they are wired is not known.
    pub(super) doubtful: BTreeSet<(usize, usize)>,
    /// By stage: the wires that end there.
    into: Vec<Vec<usize>>,
    givers: Givers,
}

impl Wiring {
    /// A hint with what could be wired to an input.
    pub(super) fn producers_of(&self, drafts: &[Draft<'_>], ty: &str, except: usize, input: &str) -> String {
        self.givers.producers_of(drafts, ty, except, input)
    }

    /// Whether an output feeds an input.
    pub(super) fn is_wired(&self, stage: usize, input: usize) -> bool {
        self.into[stage].iter().any(|wire| self.wires[*wire].input == input)
    }
}

/// By type: the outputs that give it.
#[derive(Default)]
struct Givers(BTreeMap<String, Vec<(usize, usize)>>);

impl Givers {
    /// A hint with what could be wired to an input.
    fn producers_of(&self, drafts: &[Draft<'_>], ty: &str, except: usize, input: &str) -> String {
        let given = self.0.iter().filter(|(given, _)| ty == "any" || *given == ty).flat_map(|(_, givers)| givers);
        let mut others = given.filter(|(stage, _)| *stage != except).map(|(stage, output)| {
            effort::step();
            full_name(drafts, *stage, *output)
        });
        // One more than are named would be a list without an end.
        let found: Vec<String> = others.by_ref().take(16).collect();
        match (&found[..], others.next()) {
            ([], _) => format!("no stage gives {ty}; add one that does"),
            ([one], _) => format!("write `inputs = {{ {input} = \"{one}\" }}`"),
            ([first, ..], Some(_)) => format!("it is given by many stages, by {} for one", shown(first)),
            (several, None) => {
                format!("it is given by {}", listed(&several.iter().map(String::as_str).collect::<Vec<_>>()))
            }
        }
    }
}

/// `camera.frame`.
fn full_name(drafts: &[Draft<'_>], stage: usize, output: usize) -> String {
    let port = drafts[stage].plugin.map_or("OUTPUT", |plugin| plugin.manifest.outputs[output].name.as_str());
    format!("{}.{port}", drafts[stage].name)
}

/// Reads the inputs of all stages.
pub(super) fn read(drafts: &[Draft<'_>], findings: &mut Findings<'_>) -> Wiring {
    let mut reader = Reader::new(drafts, findings);
    for to in 0..drafts.len() {
        reader.read_stage(to);
    }
    reader.fit_types();
    Wiring { wires: reader.wires, doubtful: reader.doubtful, into: reader.into, givers: reader.givers }
}

struct Reader<'r, 'd, 'f> {
    drafts: &'r [Draft<'d>],
    findings: &'r mut Findings<'f>,
    wires: Vec<Wire>,
    /// Inputs of which something is already reported: what follows from that is not reported again.
    doubtful: BTreeSet<(usize, usize)>,
    /// By stage: the wires that end there.
    into: Vec<Vec<usize>>,
    names: Vec<&'d str>,
    by_name: HashMap<&'d str, usize>,
    /// By type: the outputs that give it.
    givers: Givers,
    unknown_stages: usize,
}

/// So many unknown stages get the search for the name that was meant. It looks at every stage, and a generated file may have
/// thousands of wrong references, which are all wrong in the same way.
const SEARCHES: usize = 64;

impl<'r, 'd, 'f> Reader<'r, 'd, 'f> {
    fn new(drafts: &'r [Draft<'d>], findings: &'r mut Findings<'f>) -> Self {
        let mut givers = Givers::default();
        for (stage, draft) in drafts.iter().enumerate() {
            let outputs = draft.plugin.map(|plugin| plugin.manifest.outputs.as_slice()).unwrap_or_default();
            for (output, port) in outputs.iter().enumerate() {
                givers.0.entry(port.ty.clone()).or_default().push((stage, output));
            }
        }
        Reader {
            drafts,
            findings,
            wires: Vec::new(),
            doubtful: BTreeSet::new(),
            into: vec![Vec::new(); drafts.len()],
            names: drafts.iter().map(|draft| draft.name).collect(),
            by_name: drafts.iter().enumerate().map(|(stage, draft)| (draft.name, stage)).collect(),
            givers,
            unknown_stages: 0,
        }
    }

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
        effort::step();
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
                            self.findings
                                .error(E0701, &item.span(), format!("a producer must be a text, found {found}"))
                                .hint("write the stage and its output: `\"STAGE.OUTPUT\"`");
                            self.doubtful.extend(input.map(|input| (to, input)));
                        }
                    }
                }
                references
            }
            _ => {
                wrong_type(entry, "`\"STAGE.OUTPUT\"`, or a list of them", self.findings)
                    .hint("name the stage that gives the packets and its output, such as `\"camera.frame\"`");
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
        let mut seen: HashMap<&str, &Range<usize>> = HashMap::new();
        for reference in &references {
            effort::step();
            if let Some(first) = seen.get(reference.0) {
                self.findings
                    .error(E0507, &reference.1, format!("{} feeds {} twice", shown(reference.0), shown(entry.key)))
                    .related(first, "the first time")
                    .hint("keep one of them; each packet would arrive twice");
                continue;
            }
            seen.insert(reference.0, &reference.1);
            let wanted = manifest.zip(input).map(|(manifest, input)| manifest.inputs[input].ty.as_str());
            let found = self.read_reference(reference.0, &reference.1, wanted);
            match (found, input) {
                (Some((from, Some(output))), Some(input)) => {
                    let span = reference.1.clone();
                    self.into[to].push(self.wires.len());
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
        let Some((stage, port)) = text.split_once('.') else {
            let hint = match self.by_name.get(text) {
                Some(stage) => format!("write {}", self.outputs_in_full(*stage, wanted)),
                None => "write `STAGE.OUTPUT`".to_owned(),
            };
            self.findings.error(E0501, span, format!("{} does not name an output", shown(text))).hint(hint);
            return None;
        };
        let Some(from) = self.by_name.get(stage).copied() else {
            self.unknown_stages += 1;
            let hint = match self.unknown_stages <= SEARCHES {
                true => hint_for(stage, "a stage", "stages", &self.names),
                false => format!("the stages are {}", listed(&self.names)),
            };
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
        let is_wired = |input: usize| self.into[to].iter().any(|wire| self.wires[*wire].input == input);
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
            let hint = self.givers.producers_of(self.drafts, &port.ty, to, &port.name);
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
                    "wire one of its inputs, which are {}",
                    listed(&manifest.inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>())
                ));
        }
    }

    fn fit_types(&mut self) {
        let types = self.types_of_wires();
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
                Ok(Some(ty)) if input.ty == "any" || input.ty == ty => self.wires[index].ty = ty.to_owned(),
                Ok(Some(ty)) => {
                    let hint = match (ty.rsplit_once('@'), input.ty.rsplit_once('@')) {
                        (Some((a, _)), Some((b, _))) if a == b => {
                            let (producer, consumer) = (shown(&from.manifest.name), shown(&to.manifest.name));
                            format!(
                                "the versions differ: install builds of plugins {producer} and {consumer} for the same one"
                            )
                        }
                        _ => self.givers.producers_of(self.drafts, &input.ty, wire.to, &input.name),
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
                        .hint(&*reason);
                }
            }
        }
    }

    /// By wire: the type of what flows through it, through all `same-as`.
    ///
    /// An output waits on a stack of its own while those before it are looked at: a chain of thousands of stages would overflow
    /// that of the thread. Each is looked at once.
    fn types_of_wires(&self) -> Vec<PortType<'d>> {
        let mut known: HashMap<(usize, usize), Option<PortType<'d>>> = HashMap::new();
        for wire in &self.wires {
            let mut open = vec![(wire.from, wire.output)];
            while let Some(port) = open.last().copied() {
                effort::step();
                let before = match known.get(&port) {
                    Some(Some(_)) => {
                        open.pop();
                        continue;
                    }
                    // Everything before it has been looked at, or waits for it in a loop.
                    Some(None) => Vec::new(),
                    None => self.before(port).filter(|before| !known.contains_key(before)).collect(),
                };
                if before.is_empty() {
                    let ty = self.type_of(port, &known);
                    known.insert(port, Some(ty));
                    open.pop();
                } else {
                    known.insert(port, None);
                    open.extend(before);
                }
            }
        }
        let of = |wire: &Wire| known.get(&(wire.from, wire.output)).cloned().flatten().unwrap_or(Ok(None));
        self.wires.iter().map(of).collect()
    }

    /// The outputs whose packets an output passes on.
    fn before(&self, (stage, output): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
        let passed_on = self.drafts[stage].plugin.and_then(|plugin| {
            let name = same_as(&plugin.manifest.outputs[output].ty)?;
            plugin.manifest.input(name)
        });
        let wires = self.into[stage].iter().map(|wire| &self.wires[*wire]);
        wires.filter(move |wire| Some(wire.input) == passed_on).map(|wire| {
            effort::step();
            (wire.from, wire.output)
        })
    }

    /// The type of an output when those before it are known; `None` for one that has none but its own, which happens only in a
    /// loop of such outputs: it has no origin and is reported as that.
    fn type_of(&self, port: (usize, usize), known: &HashMap<(usize, usize), Option<PortType<'d>>>) -> PortType<'d> {
        let (stage, output) = port;
        let Some(plugin) = self.drafts[stage].plugin else {
            return Err(Unknown::Reported);
        };
        let ty = plugin.manifest.outputs[output].ty.as_str();
        let Some(name) = same_as(ty) else {
            return Ok(Some(ty));
        };
        let Some(input) = plugin.manifest.input(name) else {
            return Err(Unknown::Reported);
        };
        let mut types = BTreeSet::new();
        let mut is_wired = false;
        for before in self.before(port) {
            is_wired = true;
            types.extend(known.get(&before).cloned().flatten().unwrap_or(Ok(None))?);
        }
        let whole = shown(&format!("{}.{name}", self.drafts[stage].name));
        let types: Vec<&str> = types.into_iter().collect();
        match &types[..] {
            _ if self.doubtful.contains(&(stage, input)) => Err(Unknown::Reported),
            [one] => Ok(Some(*one)),
            [] if is_wired => Ok(None),
            [] => Err(Unknown::because(format!("it is that of input {whole}, which is not wired; wire it"))),
            several => Err(Unknown::because(format!(
                "input {whole} takes {} at once; wire it to outputs of one type",
                several.join(" and ")
            ))),
        }
    }
}

type PortType<'d> = Result<Option<&'d str>, Unknown>;

#[derive(Clone)]
enum Unknown {
    /// Its cause is in the findings already.
    Reported,
    /// Shared: all that is behind it says the same.
    Because(Rc<str>),
}

impl Unknown {
    fn because(reason: String) -> Self {
        Unknown::Because(reason.into())
    }
}

fn is_empty_list(entry: &Entry<'_>) -> bool {
    entry.value.as_array().is_some_and(|list| list.is_empty())
}
