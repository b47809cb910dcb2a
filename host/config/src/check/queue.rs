//! `queue = { … }`: the stage's, and those of single inputs.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use crate::codes::*;
use crate::diagnostic::Findings;
use crate::document::{Elsewhere, Section, entries};
use crate::keys::Table;
use crate::manifest::Manifest;
use crate::nearest::{hint_for, shown};
use crate::pipeline::Overflow;

/// What is written about the queues of a stage.
#[derive(Default)]
pub(super) struct Queues {
    all: Queue,
    /// Where `queue` stands.
    span: Option<Range<usize>>,
    /// With the place of each.
    by_input: BTreeMap<usize, (Queue, Range<usize>)>,
}

/// What is written about one queue; the rest is the default.
#[derive(Default, Clone)]
pub(super) struct Queue {
    depth: Option<usize>,
    bytes: Option<u64>,
    /// With the place where it is written.
    pub(super) overflow: Option<(Overflow, Range<usize>)>,
}

impl Queues {
    pub(super) fn read(stage: &Section<'_>, manifest: Option<&Manifest>, findings: &mut Findings<'_>) -> Queues {
        let Some((table, span)) = stage.table("queue", findings) else {
            return Queues::default();
        };
        if manifest.is_some_and(|manifest| manifest.source) {
            findings
                .error(E0206, &span, "`queue` has no effect: this stage has no inputs")
                .hint("a queue belongs to the stage that takes the packets");
            return Queues::default();
        }
        // A table inside is a queue of the input of that name; it is read below.
        let is_input = |name: &str| manifest.is_some_and(|manifest| manifest.input(name).is_some());
        let section =
            Section::new(Table::Queue, stage.stage(), table, span.clone(), findings, |entry| match entry.value {
                DeValue::Table(_) => Elsewhere::Known,
                _ if is_input(entry.key) => Elsewhere::Hint(format!(
                    "{} is an input; its queue is a table: `queue.{} = {{ depth = 4 }}`",
                    shown(entry.key),
                    entry.key
                )),
                _ => Elsewhere::No,
            });
        let mut queues = Queues { all: Queue::read(&section, findings), span: Some(span), by_input: BTreeMap::new() };
        let Some(manifest) = manifest else {
            return queues;
        };
        for entry in entries(table) {
            let DeValue::Table(content) = entry.value else {
                continue;
            };
            if crate::keys::get(Table::Queue, entry.key).is_some() {
                continue;
            }
            let Some(input) = manifest.input(entry.key) else {
                let names: Vec<&str> = manifest.inputs.iter().map(|port| port.name.as_str()).collect();
                findings
                    .error(
                        E0502,
                        &entry.key_span,
                        format!("plugin {} has no input {}", shown(&manifest.name), shown(entry.key)),
                    )
                    .hint(hint_for(entry.key, "an input", "inputs", &names));
                continue;
            };
            let span = entry.key_span.clone();
            let section = Section::new(Table::Queue, stage.stage(), content, span.clone(), findings, |_| Elsewhere::No);
            queues.by_input.insert(input, (Queue::read(&section, findings), span));
        }
        queues
    }

    /// A queue in front of an input that nothing feeds has no effect.
    pub(super) fn warn_of_open_inputs(
        &self,
        stage: &str,
        manifest: &Manifest,
        is_wired: &impl Fn(usize) -> bool,
        findings: &mut Findings<'_>,
    ) {
        let names: Vec<&str> = manifest.inputs.iter().map(|port| port.name.as_str()).collect();
        let wire = |input: &str| format!("wire it, `inputs = {{ {input} = \"STAGE.OUTPUT\" }}`, or remove its queue");
        for (input, (_, span)) in self.by_input.iter().filter(|(input, _)| !is_wired(**input)) {
            let input = names[*input];
            findings
                .error(
                    E0206,
                    span,
                    format!("this queue has no effect: input {} of stage {} is not wired", shown(input), shown(stage)),
                )
                .hint(wire(input));
        }
        if let Some(span) = &self.span
            && self.by_input.is_empty()
            && let Some(first) = names.first()
            && !(0..names.len()).any(is_wired)
        {
            findings
                .error(E0206, span, format!("`queue` has no effect: no input of stage {} is wired", shown(stage)))
                .hint(wire(first));
        }
    }

    /// What holds for an input: its own, otherwise the stage's, otherwise the default. The overflow stays open, because its
    /// default depends on what flows.
    /// `usual` is the depth where the file says none; None: as the table of keys has it.
    pub(super) fn of(&self, input: usize, usual: Option<usize>) -> (usize, u64, Option<(Overflow, Range<usize>)>) {
        let own = self.by_input.get(&input).map(|(queue, _)| queue.clone()).unwrap_or_default();
        let defaults = Section::absent(Table::Queue);
        let written = own.depth.or(self.all.depth.filter(|_| usual.is_none()));
        let depth = written.or(usual).unwrap_or_else(|| parse(defaults.default_of("depth")));
        let bytes = own.bytes.or(self.all.bytes).unwrap_or_else(|| {
            crate::parse_size(defaults.default_of("bytes")).expect("the default in the table of keys is a size")
        });
        (depth, bytes, own.overflow.or_else(|| self.all.overflow.clone()))
    }
}

fn parse(number: &str) -> usize {
    number.parse().expect("the default in the table of keys is a number")
}

impl Queue {
    fn read(section: &Section<'_>, findings: &mut Findings<'_>) -> Queue {
        let written = |name: &str| section.entry(name).is_some();
        Queue {
            depth: section
                .integer("depth", findings)
                .filter(|_| written("depth"))
                .and_then(|depth| usize::try_from(depth).ok()),
            bytes: section.size("bytes", findings).filter(|_| written("bytes")),
            overflow: section.choice("overflow", findings).map(|word| {
                let overflow = match word {
                    "latest" => Overflow::Latest,
                    "drop-oldest" => Overflow::DropOldest,
                    "drop-newest" => Overflow::DropNewest,
                    _ => Overflow::Block,
                };
                (overflow, section.span_of("overflow"))
            }),
        }
    }
}
