//! What ran side by side, drawn: one row a lane, one column a moment.

use super::table::{Paint, clean, fill};
use super::visit::is_noise;
use super::{Look, units};
use crate::account::{Account, Lane};
use crate::record::Nanos;

/// Rows at most; the shortest lanes are left out.
const ROWS: usize = 16;

/// Columns for titles.
const TITLES: usize = 34;

/// The lanes of a visit; empty when nothing ran beside the way.
pub(super) fn text(account: &Account, look: Look) -> String {
    let length = account.length();
    // A lane that is all events of the host has no row in the table either.
    let told = |lane: &&Lane| {
        let mut lines = account.lines.iter().filter(|line| line.title == lane.title).peekable();
        lines.peek().is_none() || lines.any(|line| !is_noise(line, account))
    };
    let lanes: Vec<&Lane> = account.lanes.iter().filter(told).collect();
    let beside = lanes.iter().flat_map(|lane| &lane.parts).any(|part| !part.on_way);
    if !beside || length == 0 {
        return String::new();
    }
    let columns = look.width.saturating_sub(TITLES + 6).max(20);
    let busy = |lane: &Lane| lane.parts.iter().map(|p| p.end - p.start).sum::<Nanos>();
    let mut shown: Vec<usize> = (0..lanes.len()).collect();
    shown.sort_by_key(|&at| std::cmp::Reverse(busy(lanes[at])));
    let left_out = shown.len().saturating_sub(ROWS);
    shown.truncate(ROWS);
    shown.sort_unstable();

    let mut text = look.heading("SIDE BY SIDE    █ on the way   ░ beside it");
    for at in shown {
        let lane = lanes[at];
        let bar = bar(lane, account.from, length, columns);
        text.push_str("  ");
        text.push_str(&fill(&clean(&lane.title), TITLES));
        text.push_str("  ");
        text.push_str(bar.trim_end());
        text.push('\n');
    }
    let end = units::time(length);
    let scale = format!("0{}{end}", " ".repeat(columns.saturating_sub(1 + end.chars().count())));
    let scale = format!("  {}  {scale}", " ".repeat(TITLES));
    text.push_str(&look.paint(&scale, Paint::Faint));
    text.push('\n');
    if left_out > 0 {
        let more = format!("  and {} that took less", units::count(left_out as u64, "step"));
        text.push_str(&look.paint(&more, Paint::Faint));
        text.push('\n');
    }
    text
}

fn bar(lane: &Lane, from: Nanos, length: Nanos, columns: usize) -> String {
    let mut cells = vec![' '; columns];
    let column = |time: Nanos| {
        let at = u128::from(time.saturating_sub(from)) * columns as u128 / u128::from(length);
        (at as usize).min(columns - 1)
    };
    for part in &lane.parts {
        // A part shorter than a column is still seen, and one on the way is never hidden.
        let (first, last) = (column(part.start), column(part.end.saturating_sub(1)));
        for cell in &mut cells[first..=last.max(first)] {
            match part.on_way {
                true => *cell = '█',
                false if *cell == ' ' => *cell = '░',
                false => {}
            }
        }
    }
    cells.into_iter().collect()
}
