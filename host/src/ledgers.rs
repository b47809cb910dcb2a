//! The two ledgers of memory, from the arenas of a run's threads and from the kernel.

use majlis_meter::Arenas;
use majlis_meter::ledger::{HeapInputs, Line, Owner, ResidentInputs, StageFlow};
use majlis_meter::record::RunRecord;
use majlis_meter::resident::{ThisProcess, strangers};

/// The name of the host's own arena.
pub(crate) const HOST: &str = "host";

/// Fills in what is held now; `copies` are the names of plugins' private copies and what an operator calls them. About a millisecond: `/proc/self/smaps` is read whole.
pub(crate) fn fill(run: &mut RunRecord, copies: &[(String, String)]) {
    let arenas = Arenas::process();
    let mut lines =
        vec![Line { arena: arenas.named(HOST), name: HOST.to_owned(), owner: Owner::Host, stages: Vec::new() }];
    for (index, thread) in run.threads.iter().enumerate() {
        let stages = run
            .stages
            .iter()
            .enumerate()
            .filter(|(_, stage)| usize::from(stage.thread) == index)
            .map(|(number, stage)| {
                let opened: i64 = run
                    .openings
                    .iter()
                    .filter(|opening| usize::from(opening.stage) == number)
                    .map(|opening| opening.cost.live)
                    .sum();
                let called = run.totals.get(number).map_or(0, majlis_meter::record::StageTotals::live);
                StageFlow { name: stage.shown().to_owned(), live: opened + called }
            })
            .collect();
        lines.push(Line { arena: arenas.named(thread), name: thread.clone(), owner: Owner::Stages, stages });
    }
    for (name, arena) in arenas.all() {
        if let Some(stage) = name.strip_suffix(" (background)") {
            // Beside its stage's own row, so by the same title.
            let shown = run.stages.iter().find(|known| known.name == stage).map_or(stage, |known| known.shown());
            lines.push(Line { arena, name: shown.to_owned(), owner: Owner::Background, stages: Vec::new() });
        }
    }
    if let Some(heap) = HeapInputs::measure(lines) {
        run.heap = (&heap.ledger()).into();
    }
    if let Ok(resident) = ResidentInputs::measure(&ThisProcess) {
        run.resident = (&resident.ledger()).into();
        for row in &mut run.resident.rows {
            if let Some((_, name)) = copies.iter().find(|(copy, _)| *copy == row.name) {
                row.name.clone_from(name);
            }
        }
    }
    run.strangers = strangers(&ThisProcess).unwrap_or_default();
}
