//! Which stages share a thread.

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
    for draft in drafts {
        let name = draft.thread.as_ref().map_or(draft.name, |(name, _)| *name);
        let index = threads.names.iter().position(|known| known == name).unwrap_or_else(|| {
            threads.names.push(name.to_owned());
            threads.names.len() - 1
        });
        threads.of_stage.push(index);
    }
    for (draft, (thread, span)) in drafts.iter().filter_map(|draft| Some((draft, draft.thread.as_ref()?))) {
        // Sharing by accident would be silent, and sharing on purpose costs one more line.
        let owner = drafts.iter().find(|owner| owner.name == *thread && owner.thread.is_none());
        if let Some(owner) = owner.filter(|owner| owner.name != draft.name) {
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
    for (index, name) in threads.names.iter().enumerate() {
        let members: Vec<&Draft<'_>> = drafts
            .iter()
            .zip(&threads.of_stage)
            .filter(|(_, thread)| **thread == index)
            .map(|(draft, _)| draft)
            .collect();
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
