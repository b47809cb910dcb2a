//! The summary of a run.

use super::Look;
use super::table::{Paint, Table, clean, wrap};
use super::units;
use crate::account::Mapped;
use crate::record::{LedgerView, Nanos, OpeningOutcome, Quantiles, RunRecord, StageTotals};

/// The latest visits that are listed.
const LISTED: usize = 10;
/// Threads that are named with their processor time.
const BUSIEST: usize = 5;

pub(super) fn text(run: &RunRecord, look: Look) -> String {
    let mut text = look.heading(&title(run));
    text.push_str(&visits(run, look));
    let parts = [
        stages(run, look),
        openings(run, look),
        recent(run, look),
        ledger("HEAP: bytes allocated now, by who allocated them", "allocator", &run.heap, look),
        ledger("RESIDENT: memory in use now, by what it holds", "system", &run.resident, look),
        in_flight(run, look),
        drops(run, look),
        remarks(run, look),
    ];
    for part in parts.iter().filter(|part| !part.is_empty()) {
        text.push('\n');
        text.push_str(part);
    }
    text
}

fn title(run: &RunRecord) -> String {
    let name = clean(&run.pipeline);
    match run.ended {
        Some(ended) => {
            format!("RUN {name}: {}", units::time(ended.saturating_sub(run.started)))
        }
        None => format!("RUN {name}: still running"),
    }
}

fn visits(run: &RunRecord, look: Look) -> String {
    let visits = &run.visits;
    let began =
        run.calendar.as_ref().map(|calendar| format!("Began {} ({}).", calendar.shown(run.started), calendar.zone()));
    let mut words: Vec<String> = began.into_iter().collect();
    words.push(format!(
        "{}: {} ended, {} left before their end.",
        units::count(visits.opened, "visit"),
        visits.ended,
        visits.gone
    ));
    if visits.refused > 0 {
        words.push(format!("{} refused because too many were open.", units::count(visits.refused, "visit")));
    }
    let mut text = wrap(&words.join(" "), "", look);
    if let Some(until) = &run.until {
        let until = clean(until);
        let Quantiles { count, p50, p95, max } = visits.to_milestone;
        let line = match count {
            0 => format!("“{until}” was never reached."),
            1 => format!("“{until}” was reached once, after {}.", units::time(max)),
            _ => format!(
                "“{until}” was reached by {count}: half within {} (p50), 19 of 20 within {} (p95), \
                 the slowest after {}.",
                units::time(p50),
                units::time(p95),
                units::time(max)
            ),
        };
        text.push_str(&wrap(&line, "", look));
    }
    if let Some(growth) = visits.growth
        && let Some(per_visit) = growth.per_visit()
    {
        let line = format!(
            "The heap changed by {} for each visit: {} → {} over {}.",
            units::change(per_visit),
            units::bytes(growth.from as i64),
            units::bytes(growth.to as i64),
            units::count(growth.visits, "visit")
        );
        text.push_str(&wrap(&line, "", look));
    }
    text
}

fn stages(run: &RunRecord, look: Look) -> String {
    let idle = |t: &StageTotals| t.calls + t.skipped + t.failed + t.panicked == 0;
    if run.totals.iter().all(idle) {
        return String::new();
    }
    let mut table = Table::new(&["CALLS", "P50", "P95", "LONGEST", "CPU", "HEAP", "PEAK", "STAGE"]);
    for (stage, totals) in run.totals.iter().enumerate() {
        if idle(totals) {
            let blanks = std::iter::repeat_n(String::new(), 6);
            let cells = std::iter::once("0".to_owned()).chain(blanks).chain([name(run, stage)]);
            table.row(cells.collect(), Paint::Faint);
            continue;
        }
        let wall = totals.wall;
        let memory = |figure: String| if run.unmetered { String::new() } else { figure };
        let cells = vec![
            totals.calls.to_string(),
            units::time(wall.p50),
            units::time(wall.p95),
            units::time(wall.max),
            totals.cpu.map_or_else(String::new, units::time),
            memory(units::change(totals.live())),
            memory(units::peak(totals.max_peak)),
            name(run, stage),
        ];
        let troubled = totals.failed + totals.panicked + totals.late + totals.skipped;
        table.row(cells, Paint::Plain);
        if troubled + totals.restarts > 0 {
            let parts = [
                (totals.failed, "failed"),
                (totals.panicked, "panicked"),
                (totals.skipped, "skipped"),
                (totals.late, "late"),
                (totals.restarts, "restarted"),
            ];
            let words: Vec<String> = parts.iter().filter(|p| p.0 > 0).map(|(n, what)| format!("{n} {what}")).collect();
            table.note(format!("✗ {}", words.join(", ")), Paint::Bad);
        }
        if !totals.amounts.is_empty() {
            let amounts: Vec<String> = totals.amounts.iter().map(|(name, sum)| format!("{name} {sum}")).collect();
            table.note(format!("in all: {}", amounts.join(", ")), Paint::Faint);
        }
        if !totals.reasons.is_empty() {
            let mut reasons = totals.reasons.clone();
            reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{reason} ×{count}")).collect();
            table.note(format!("by reason: {}", reasons.join(", ")), Paint::Faint);
        }
        if !totals.facts.is_empty() {
            let facts: Vec<String> = totals.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
            table.note(format!("outside of visits: {}", facts.join(" ")), Paint::Faint);
        }
        if totals.work.count > 0 {
            let Quantiles { count, p50, p95, max } = totals.work;
            let words = format!(
                "in the background ×{count}: p50 {}, p95 {}, longest {}",
                units::time(p50),
                units::time(p95),
                units::time(max)
            );
            table.note(words, Paint::Faint);
        }
    }
    look.heading("STAGES (openings apart)") + &table.render(look)
}

fn openings(run: &RunRecord, look: Look) -> String {
    if run.openings.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["START", "TOOK", "CPU", "HEAP", "PEAK", "BEGUN FOR", "OPENING"]);
    for opening in &run.openings {
        let memory = |figure: String| if run.unmetered { String::new() } else { figure };
        let title = match run.stages.get(usize::from(opening.stage)) {
            Some(stage) => stage.opening_shown(),
            None => format!("stage {} (opening)", opening.stage),
        };
        let took = opening.end.map(|end| units::time(end.saturating_sub(opening.start)));
        let failed = matches!(opening.outcome, OpeningOutcome::Failed(_));
        let cells = vec![
            units::time(opening.start.saturating_sub(run.started)),
            took.unwrap_or_else(|| "running".to_owned()),
            opening.cost.cpu.map_or_else(String::new, units::time),
            memory(units::change(opening.cost.live)),
            memory(units::peak(opening.cost.peak)),
            match opening.begun_for {
                None => "ahead".to_owned(),
                Some(0) => "no visit".to_owned(),
                Some(visit) => format!("visit {visit}"),
            },
            title,
        ];
        table.row(cells, if failed { Paint::Bad } else { Paint::Plain });
        if let OpeningOutcome::Failed(why) = &opening.outcome {
            table.note(format!("✗ failed: {why}"), Paint::Bad);
        }
        let mapped: Vec<Mapped> = opening.mapped.iter().map(|file| Mapped::of(file, run)).collect();
        for words in units::mapped(&mapped) {
            table.note(words, Paint::Faint);
        }
    }
    look.heading("OPENINGS") + &table.render(look)
}

fn recent(run: &RunRecord, look: Look) -> String {
    let recent = &run.visits.recent;
    if recent.is_empty() {
        return String::new();
    }
    let until = run.until.as_deref().map(|u| format!("TO “{}”", clean(u)));
    let mut table = Table::new(&["ARRIVED", "OPEN FOR", until.as_deref().unwrap_or(""), "HEAP", "PEAK", "VISIT"]);
    let skipped = recent.len().saturating_sub(LISTED);
    for visit in &recent[skipped..] {
        let memory = |figure: String| if run.unmetered { String::new() } else { figure };
        let reached = match (&until, visit.to_milestone) {
            (None, _) => String::new(),
            (Some(_), Some(time)) => units::time(time),
            (Some(_), None) => "never".to_owned(),
        };
        let how = match visit.how {
            crate::record::Closed::Ended => "",
            crate::record::Closed::Gone => ", the visitor left",
        };
        let cells = vec![
            units::time(visit.arrival.saturating_sub(run.started)),
            units::time(visit.closed.saturating_sub(visit.arrival)),
            reached,
            memory(units::change(visit.live)),
            memory(units::peak(visit.peak)),
            format!("{}{how}", visit.visit),
        ];
        table.row(cells, Paint::Plain);
    }
    look.heading("LATEST VISITS") + &table.render(look)
}

fn ledger(title: &str, who: &str, ledger: &LedgerView, look: Look) -> String {
    if ledger.rows.is_empty() {
        return String::new();
    }
    let values: Vec<i64> = ledger.rows.iter().map(|row| row.bytes).collect();
    let most = values.iter().map(|v| v.unsigned_abs()).max().unwrap_or(0);
    let scale = units::Scale::bytes(most);
    let mut table = Table::new(&["BYTES", "OF"]);
    let (figures, sum) = scale.column(&values, ledger.sum());
    for (row, figure) in ledger.rows.iter().zip(figures) {
        let mark = row.mark.as_ref().map(|mark| format!("  ({mark})")).unwrap_or_default();
        table.row(vec![scale.show(figure), format!("{}{mark}", row.name)], Paint::Plain);
    }
    table.rule();
    table.row(vec![scale.show(sum), "together".to_owned()], Paint::Strong);
    if let (Some(total), Some(unexplained)) = (ledger.total, ledger.unexplained()) {
        let words = format!("by the {who}'s own count (difference {})", units::change(unexplained));
        table.row(vec![scale.show(scale.figure(total as i64)), words], Paint::Faint);
    }
    look.heading(title) + &table.render(look)
}

fn in_flight(run: &RunRecord, look: Look) -> String {
    if run.in_flight.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["PACKETS", "BYTES", "MADE BY → HELD BY"]);
    for row in &run.in_flight {
        let who = format!("{} → {}", row.producer, row.holder);
        let bytes = units::bytes(row.bytes as i64);
        table.row(vec![row.count.to_string(), bytes, who], Paint::Plain);
    }
    look.heading("PACKETS IN FLIGHT (a row of the resident memory, not of the heap)") + &table.render(look)
}

fn drops(run: &RunRecord, look: Look) -> String {
    let drops: Vec<_> = run.totals.iter().flat_map(|t| &t.drops).filter(|d| d.packets > 0).collect();
    if drops.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["PACKETS", "DROPPED BECAUSE THE QUEUE WAS FULL"]);
    for drop in drops {
        let edge = match run.edges.get(usize::from(drop.edge)) {
            Some(edge) => format!("{} → {}", edge.from, edge.to),
            None => format!("edge {}", drop.edge),
        };
        table.row(vec![drop.packets.to_string(), edge], Paint::Plain);
    }
    look.heading("DROPPED PACKETS") + &table.render(look)
}

fn remarks(run: &RunRecord, look: Look) -> String {
    let mut text = String::new();
    if run.unmetered {
        let words = "Memory is not shown: this process does not use the allocator that counts it.";
        text.push_str(&wrap(words, "", look));
    }
    if !run.strangers.is_empty() {
        let names: Vec<String> = run.strangers.iter().map(|name| clean(name)).collect();
        let words = format!("Threads that belong to no stage: {}.", names.join(", "));
        text.push_str(&wrap(&words, "", look));
    }
    if let Some(cpu) = run.cpu {
        text.push_str(&wrap(&processor(run, cpu), "", look));
    }
    if let Some(overhead) = run.overhead {
        let words = format!("Measuring costs {} for each call.", units::time(overhead));
        text.push_str(&wrap(&words, "", look));
    }
    text
}

/// Processor time, and the threads that used most of it.
fn processor(run: &RunRecord, cpu: Nanos) -> String {
    let mut words = format!("Processor: {}", units::time(cpu));
    let length = run.ended.map_or(0, |ended| ended.saturating_sub(run.started));
    if let Some(percent) = (u128::from(cpu) * 100).checked_div(u128::from(length)) {
        let percent = if percent == 0 && cpu > 0 { "less than 1".to_owned() } else { percent.to_string() };
        words.push_str(&format!(", {percent} % of one core"));
    }
    let most: Vec<String> = run
        .threads_cpu
        .iter()
        .filter(|thread| thread.cpu > 0)
        .take(BUSIEST)
        // Kept on one line: a figure without its unit, or without its thread, says nothing.
        .map(|thread| format!("{} {}", clean(&thread.name), units::time(thread.cpu)).replace(' ', "\u{a0}"))
        .collect();
    if !most.is_empty() {
        words.push_str(&format!("; by thread: {}", most.join(", ")));
    }
    words.push('.');
    words
}

fn name(run: &RunRecord, stage: usize) -> String {
    run.stages.get(stage).map_or_else(|| format!("stage {stage}"), |s| s.shown().to_owned())
}
