//! Which stages share a thread.

use std::collections::HashMap;

use super::effort;
use super::stage::Draft;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::shown;
use crate::pipeline::Load;

/// The threads of a pipeline.
pub(super) struct Threads {
    pub(super) names: Vec<String>,
    /// For each stage, an index into `names`.
    pub(super) of_stage: Vec<usize>,
}

/// Gives each stage the thread that it names, or one that bears its own name.
pub(super) fn assign(drafts: &[Draft<'_>], findings: &mut Findings<'_>) -> Threads {
    let mut threads = Threads { names: Vec::new(), of_stage: Vec::new() };
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for draft in drafts {
        effort::step();
        let name = draft.thread.as_ref().map_or(draft.name, |(name, _)| *name);
        let index = *numbers.entry(name).or_insert_with(|| {
            threads.names.push(name.to_owned());
            threads.names.len() - 1
        });
        threads.of_stage.push(index);
    }
    let owners: HashMap<&str, &Draft<'_>> =
        drafts.iter().filter(|draft| draft.thread.is_none()).map(|draft| (draft.name, draft)).collect();
    for (draft, (thread, span)) in drafts.iter().filter_map(|draft| Some((draft, draft.thread.as_ref()?))) {
        // Sharing by accident would be silent, and sharing on purpose costs one more line.
        if let Some(owner) = owners.get(thread).filter(|owner| owner.name != draft.name) {
            findings
                .error(E0605, span, format!("{} is the own thread of stage {}", shown(thread), shown(owner.name)))
                .related(&owner.span, "it has no `thread`")
                .hint(format!("to share it, write `thread = \"{thread}\"` in `[stage.{}]` as well", owner.name));
        }
    }
    threads
}

/// A shared thread is held while one of its stages opens; with a lazy one that is in the middle of the work of the others.
pub(super) fn warn_of_lazy_company(drafts: &[Draft<'_>], threads: &Threads, findings: &mut Findings<'_>) {
    let mut members: Vec<Vec<&Draft<'_>>> = vec![Vec::new(); threads.names.len()];
    for (draft, thread) in drafts.iter().zip(&threads.of_stage) {
        effort::step();
        members[*thread].push(draft);
    }
    for (name, members) in threads.names.iter().zip(members) {
        let Some(lazy) = members.iter().find(|draft| draft.load == Load::Lazy).filter(|_| members.len() > 1) else {
            continue;
        };
        let span = lazy.thread.as_ref().map_or(&lazy.span, |(_, span)| span);
        let warning = findings.warning(
            W0601,
            span,
            format!("opening {} halts the other stages of thread {}", shown(lazy.name), shown(name)),
        );
        warning.label("opened by its first packet").hint("write `load = \"prewarm\"`, or give it a thread of its own");
        for other in members.iter().filter(|other| other.name != lazy.name) {
            warning.related(&other.span, "waits meanwhile");
        }
    }
}
