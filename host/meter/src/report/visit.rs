//! The account of one visit, for somebody who reads it at midnight.

use super::table::{Paint, Table, clean, wrap};
use super::units::{self, Figure, Scale};
use super::{Look, picture};
use crate::account::{Account, Line, LineKind, Mishap, SegmentKind};
use crate::record::{BegunFor, CallKind, Closed, RunRecord, Why};

/// Rows of the lists at the end.
const LISTED: usize = 5;

/// Whether a line is one of events of the host that nobody needs to read: they went well, said nothing of their own,
/// and took no more than a hundredth of the visit.
pub(super) fn is_noise(line: &Line, account: &Account) -> bool {
    line.kind == LineKind::Call(CallKind::Event)
        && line.mishap.is_none()
        && line.facts.is_empty()
        && line.steps.is_empty()
        && !line.running
        && line.took.saturating_mul(100) <= account.length()
}

pub(super) fn text(account: &Account, run: &RunRecord, look: Look) -> String {
    let scale = Scale::time(account.length());
    let mut text = look.heading(&title(account));
    text.push_str(&outcome(account, run, look));
    text.push('\n');
    text.push_str(&steps(account, run, scale, look));
    text.push_str(&legend(account, run, look));
    text.push_str(&left_out(account, look));
    for part in [picture::text(account, look), lists(account, look), losses(account, run, look)] {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(&part);
        }
    }
    text
}

/// The moment at which the account ends, in words.
fn end(account: &Account) -> String {
    match (&account.until, account.reached, account.closed) {
        (Some(until), true, _) => format!("“{}”", clean(until)),
        (_, _, Some(_)) => "its close".to_owned(),
        _ => "now".to_owned(),
    }
}

fn title(account: &Account) -> String {
    let length = units::time(account.length());
    match (&account.until, account.reached, account.closed) {
        (Some(until), true, _) => {
            format!("VISIT {}: {length} from arrival to “{}”", account.visit, clean(until))
        }
        (_, _, Some(_)) => format!("VISIT {}: {length} from arrival to its close", account.visit),
        _ => format!("VISIT {}: {length} so far", account.visit),
    }
}

fn outcome(account: &Account, run: &RunRecord, look: Look) -> String {
    let arrived = run.calendar.as_ref().map(|calendar| format!("Arrived {}.", calendar.shown(account.from)));
    let mut words: Vec<String> = arrived.into_iter().collect();
    if let (Some(until), false) = (&account.until, account.reached) {
        words.push(format!("“{}” was not reached.", clean(until)));
    }
    words.push(match account.closed {
        Some((_, Closed::Ended)) => "The visit ended.".to_owned(),
        Some((_, Closed::Gone)) => "The visitor left.".to_owned(),
        None => "The visit is still open.".to_owned(),
    });
    let mishaps: u64 = account.lines.iter().filter(|l| l.mishap.is_some()).map(|line| line.count).sum();
    if mishaps > 0 {
        words.push(format!("{} did not go well: see ✗ below.", units::count(mishaps, "step")));
    }
    wrap(&words.join(" "), "", look)
}

/// All steps in time order, and their sums.
fn steps(account: &Account, run: &RunRecord, scale: Scale, look: Look) -> String {
    let (before, after): (Vec<&Line>, Vec<&Line>) = account.lines.iter().partition(|line| !line.after);
    let (noise, noise_after) = (noise(&before, account), noise(&after, account));
    let listed = |lines: Vec<&Line>, noise: &Option<Line>| -> Vec<Line> {
        let told = lines.into_iter().filter(|line| !is_noise(line, account)).cloned();
        told.chain(noise.clone()).collect()
    };
    let (mut before, mut after) = (listed(before, &noise), listed(after, &noise_after));
    // What stands for many moments comes last.
    before.sort_by_key(|line| (line.kind == LineKind::Wait(SegmentKind::HandOver), line.start));
    let mut table = Table::new(&["", "START", "TOOK", "CPU", "ON WAY", "SOONER", "HEAP", "PEAK", "STEP"]);
    let heap = Heap::of(account);
    let total = before.iter().map(|line| line.on_way as i64).sum();
    // A row that would add less than a step to its columns is left out; what it has is in their sums.
    before.retain(|line| Some(line) != noise.as_ref() || !heap.is_small(line) || scale.steps(line.on_way as i64) > 0);
    let on_way: Vec<i64> = before.iter().map(|line| line.on_way as i64).collect();
    let (on_way, total) = scale.column(&on_way, total);
    let heaps = heap.column(&before, account.memory.calls);
    for ((line, way), heap) in before.iter().zip(on_way).zip(heaps) {
        put(&mut table, line, account, scale, Some(way), heap);
    }
    table.rule();
    let blank = String::new;
    let mut sum = |way: String, heap: String, words: String| {
        let cells = vec![blank(), blank(), blank(), blank(), way, blank(), heap, blank(), words];
        table.row(cells, Paint::Strong);
    };
    sum(scale.show(total), blank(), format!("from arrival to {}", end(account)));
    if !run.unmetered {
        sum(blank(), heap.change(account.memory.calls), "kept by this visit's calls".to_owned());
        if before.iter().any(|line| matches!(line.kind, LineKind::Opening(_))) {
            let words = "kept by openings, not added: it is the stages'";
            sum(blank(), heap.change(account.memory.openings), words.to_owned());
        }
        if let Some(others) = account.memory.others {
            let known = others.calls > 0;
            let figure = if known { heap.change(others.live) } else { String::new() };
            let calls = if known { units::count(others.calls, "call") } else { String::new() };
            let words = match (others.visits, known) {
                (0, false) => "other visits at the same time, not counted here".to_owned(),
                (0, true) => format!("other visits at the same time ({calls}), not added"),
                (n, known) => {
                    let visits = units::count(n.into(), "other visit");
                    let calls = if known { format!(" ({calls})") } else { String::new() };
                    format!("{visits} at the same time{calls}, not added")
                }
            };
            sum(blank(), figure, words);
        }
    }
    after.retain(|line| Some(line) != noise_after.as_ref() || !heap.is_small(line));
    let heaps = heap.column(&after, account.memory.after);
    let mut after: Vec<(Line, String)> = after.drain(..).zip(heaps).collect();
    if !after.is_empty() {
        after.sort_by_key(|(line, _)| line.start);
        let words = format!("after {}:", end(account));
        let blanks = std::iter::repeat_n(String::new(), 8);
        table.row(blanks.clone().chain([String::new()]).collect(), Paint::Plain);
        table.row(blanks.chain([words]).collect(), Paint::Faint);
        for (line, heap) in after {
            put(&mut table, &line, account, scale, None, heap);
        }
    }
    table.render(look)
}

/// The events that nobody needs to read, as one line: what they add to a column is not lost.
fn noise(lines: &[&Line], account: &Account) -> Option<Line> {
    let mut events = lines.iter().filter(|line| is_noise(line, account));
    let mut sum = (*events.next()?).clone();
    (sum.stage, sum.title) = (None, "Visit events".to_owned());
    for line in events {
        sum.end = sum.end.max(line.end);
        sum.took += line.took;
        sum.count += line.count;
        sum.on_way += line.on_way;
        sum.live = sum.live.zip(line.live).map(|(one, other)| one + other).or(sum.live).or(line.live);
        sum.peak = sum.peak.max(line.peak);
        sum.sooner = sum.sooner.max(line.sooner);
    }
    Some(sum)
}

/// What the table does not list, so that nobody looks for it.
fn left_out(account: &Account, look: Look) -> String {
    let events: Vec<&Line> = account.lines.iter().filter(|line| is_noise(line, account)).collect();
    let count: u64 = events.iter().map(|line| line.count).sum();
    if count == 0 {
        return String::new();
    }
    let took: u64 = events.iter().map(|line| line.took).sum();
    let words = format!("  not listed: {} of the host, {} in all", units::count(count, "event"), units::time(took));
    format!("{}\n", look.paint(&words, Paint::Faint))
}

/// The heap column: one unit for all of it, calls and openings each adding up to their sum.
struct Heap(Scale);

impl Heap {
    fn of(account: &Account) -> Self {
        let most = account.lines.iter().filter_map(|l| l.live).map(i64::unsigned_abs).max();
        Self(Scale::bytes(most.unwrap_or(0)))
    }

    fn change(&self, bytes: i64) -> String {
        self.0.show_change(self.0.figure(bytes))
    }

    fn is_small(&self, line: &Line) -> bool {
        self.0.steps(line.live.unwrap_or(0)) == 0
    }

    /// By line; those of calls add up to `calls`.
    fn column(&self, lines: &[Line], calls: i64) -> Vec<String> {
        let mut shown = vec![String::new(); lines.len()];
        let opening = |at: usize| matches!(lines[at].kind, LineKind::Opening(_));
        for of_openings in [false, true] {
            let rows: Vec<(usize, i64)> = (0..lines.len())
                .filter(|&at| opening(at) == of_openings)
                .filter_map(|at| lines[at].live.map(|live| (at, live)))
                .collect();
            let values: Vec<i64> = rows.iter().map(|(_, live)| *live).collect();
            let total = if of_openings { values.iter().sum() } else { calls };
            for ((at, _), figure) in rows.into_iter().zip(self.0.column(&values, total).0) {
                shown[at] = self.0.show_change(figure);
            }
        }
        shown
    }
}

fn put(table: &mut Table, line: &Line, account: &Account, scale: Scale, on_way: Option<Figure>, heap: String) {
    let wait = matches!(line.kind, LineKind::Wait(_));
    let mark = match line.kind {
        _ if line.mishap.is_some() => "✗",
        LineKind::Wait(_) => "·",
        _ if line.on_way > 0 => "●",
        _ => "○",
    };
    let start = match line.kind {
        LineKind::Folded | LineKind::Wait(SegmentKind::HandOver) => String::new(),
        _ => scale.moment(line.start.saturating_sub(account.from) as i64),
    };
    let sooner = match (line.sooner, on_way) {
        (Some(sooner), Some(_)) => format!("≈{}", scale.show(scale.figure(sooner as i64))),
        _ => String::new(),
    };
    let cells = vec![
        mark.to_owned(),
        start,
        if wait { String::new() } else { units::time(line.took) },
        line.cpu.map_or_else(String::new, units::time),
        on_way.filter(|_| line.on_way > 0).map_or_else(String::new, |way| scale.show(way)),
        sooner,
        heap,
        line.peak.map_or_else(String::new, units::peak),
        words(line),
    ];
    let paint = match line.kind {
        _ if line.mishap.is_some() => Paint::Bad,
        _ if wait || line.on_way == 0 => Paint::Faint,
        _ => Paint::Plain,
    };
    table.row(cells, paint);
    // Who comes is known when the call that opens the visit has looked, so a part of it lies before the account.
    let before = account.from.saturating_sub(line.start);
    if scale.steps(before as i64) > 0 {
        table.note(format!("{} of it before the visitor arrived", units::time(before)), Paint::Faint);
    }
    for (note, paint) in notes(line) {
        table.note(note, paint);
    }
}

fn words(line: &Line) -> String {
    let mut words = line.title.clone();
    if line.count > 1 {
        words.push_str(&format!(" ×{}", line.count));
    }
    if line.running {
        words.push_str(", still running");
    }
    words
}

fn notes(line: &Line) -> Vec<(String, Paint)> {
    let mut notes = Vec::new();
    if let Some(mishap) = &line.mishap {
        notes.push((mishap_words(mishap), Paint::Bad));
    }
    match line.kind {
        LineKind::Opening(BegunFor::OtherVisit) => {
            notes.push(("begun for another visitor; only the wait is here".into(), Paint::Faint));
        }
        LineKind::Opening(BegunFor::NoVisit) => {
            notes.push(("begun by a packet of no visit; only the wait is here".into(), Paint::Faint));
        }
        LineKind::Opening(BegunFor::Prewarm) => {
            notes.push(("begun ahead; only the wait is here".into(), Paint::Faint));
        }
        _ => {}
    }
    match &line.mapped[..] {
        [] => {}
        [file] => {
            notes.extend(units::mapped(std::slice::from_ref(file)).into_iter().map(|words| (words, Paint::Faint)))
        }
        // By name they stand among the run's openings, where there is room.
        several => {
            let sum: u64 = several.iter().map(|file| file.bytes).sum();
            notes.push((format!("mapped {} files, {}", several.len(), units::bytes(sum as i64)), Paint::Faint));
        }
    }
    if !line.facts.is_empty() {
        let facts: Vec<String> = line.facts.iter().map(|(k, v)| format!("{k}={v}")).collect();
        notes.push((facts.join(" "), Paint::Faint));
    }
    if !line.steps.is_empty() {
        let steps: Vec<String> = line
            .steps
            .iter()
            .map(|(name, at)| format!("{name} from {}", units::time(at.saturating_sub(line.start))))
            .collect();
        notes.push((steps.join(", "), Paint::Faint));
    }
    notes
}

fn mishap_words(mishap: &Mishap) -> String {
    match mishap {
        Mishap::Failed(why) => format!("failed: {why}"),
        Mishap::Panicked(why) => format!("panicked: {why}"),
        Mishap::Skipped(why) => format!("skipped: {why}"),
        Mishap::Late => "late: past its deadline, but used".to_owned(),
        Mishap::Dropped => "given up unfinished".to_owned(),
        Mishap::Cancelled(why) => {
            let why = match why {
                Why::Gone => "the visitor left",
                Why::Flush => "what it was for was taken back",
                Why::Deadline => "its deadline came",
                Why::Stage => "its stage failed or was released",
                Why::Drain => "the run ended",
            };
            format!("cancelled: {why}")
        }
    }
}

fn legend(account: &Account, run: &RunRecord, look: Look) -> String {
    let end = end(account);
    let mut lines = vec![format!("● on the way to {end}   ○ beside it   · waiting")];
    if account.reached {
        lines.push(format!("SOONER: by about (≈) how much sooner {end} would have come, had the line taken no time"));
    }
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(&look.paint(&format!("  {line}"), Paint::Faint));
        text.push('\n');
    }
    if run.unmetered {
        let words = "Memory is not shown: this process does not use the allocator that counts it.";
        text.push_str(&wrap(words, "  ", look));
    }
    text
}

fn lists<'a>(account: &'a Account, look: Look) -> String {
    let mut text = String::new();
    let told =
        |lines: Vec<&'a Line>| -> Vec<&'a Line> { lines.into_iter().filter(|line| !is_noise(line, account)).collect() };
    let slowest = told(account.slowest());
    if slowest.len() > 1 {
        text.push_str(&look.heading("SLOWEST"));
        let mut table = Table::new(&["TOOK", "STEP"]);
        for line in slowest.iter().take(LISTED) {
            table.row(vec![units::time(line.took), words(line)], Paint::Plain);
        }
        text.push_str(&table.render(look));
    }
    let heaviest = told(account.heaviest());
    if heaviest.len() > 1 {
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(&look.heading("MOST MEMORY"));
        let mut table = Table::new(&["PEAK", "KEPT", "STEP"]);
        for line in heaviest.iter().take(LISTED) {
            let kept = line.live.map_or_else(String::new, units::change);
            let peak = line.peak.map_or_else(String::new, units::peak);
            table.row(vec![peak, kept, words(line)], Paint::Plain);
        }
        text.push_str(&table.render(look));
    }
    text
}

/// Packets that were lost.
fn losses(account: &Account, run: &RunRecord, look: Look) -> String {
    let mut table = Table::new(&["PACKETS", "LOST"]);
    for (edge, packets) in &account.drops {
        let edge = match run.edges.get(usize::from(*edge)) {
            Some(edge) => format!("{} → {}: its queue was full", edge.from, edge.to),
            None => format!("edge {edge}: its queue was full"),
        };
        table.row(vec![packets.to_string(), edge], Paint::Plain);
    }
    if account.late > 0 {
        let words = "came after the visit had closed".to_owned();
        table.row(vec![account.late.to_string(), words], Paint::Plain);
    }
    if account.drops.is_empty() && account.late == 0 {
        return String::new();
    }
    look.heading("LOST PACKETS") + &table.render(look)
}
