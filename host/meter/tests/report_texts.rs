//! Reports as their readers see them, compared whole, and what must hold for any of them.

mod fixture;
mod simulator;

use majlis_meter::account::{self, LineKind};
use majlis_meter::record::{CallKind, Outcome, RunRecord, Span, VisitRecord};
use majlis_meter::report::{self, Look};
use simulator::{MILESTONE, World};
use unicode_width::UnicodeWidthStr;

fn visit_text(visit: &VisitRecord, run: &RunRecord) -> String {
    report::visit_text(&account::of(visit, run, run.until.as_deref()), run, Look::default())
}

fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.width() <= 100, "{} columns: {line}", line.width());
        assert_eq!(line.trim_end(), line, "blanks at the end");
    }
}

#[test]
fn one_step_after_the_other() {
    let (visit, run) = fixture::sequential();
    let text = visit_text(&visit, &run);
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn steps_side_by_side_with_another_visitor_in_the_room() {
    let (visit, run) = fixture::overlapping();
    let text = visit_text(&visit, &run);
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn a_visitor_who_left_before_the_milestone() {
    let (mut visit, run) = fixture::sequential();
    visit.milestones.clear();
    visit.closed = Some((fixture::ARRIVAL + 33_000 * fixture::MS, majlis_meter::record::Closed::Gone));
    let text = visit_text(&visit, &run);
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_begins_before_the_visitor_arrives_and_what_ran_before_is_said() {
    let (mut visit, run) = fixture::sequential();
    let opener = visit.spans.iter_mut().find_map(|span| match span {
        Span::Call(call) => Some(call),
        Span::Work(_) => None,
    });
    opener.expect("a call opened the visit").start = visit.arrival - 260 * fixture::MS;
    let text = visit_text(&visit, &run);
    assert_fits(&text);
    assert!(!text.contains(" -"), "a moment before the arrival:\n{text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words.join(" ").matches("0.26 s of it before the visitor arrived").count(), 1, "{text}");
    // Less than the last digit of the column is not worth a line.
    let (mut visit, run) = fixture::sequential();
    visit.arrival += 1_000;
    assert!(!visit_text(&visit, &run).contains("of it before"));
}

#[test]
fn processor_time_has_a_column_only_where_it_was_asked_for() {
    let (mut visit, mut run) = fixture::sequential();
    let shown = |visit: &VisitRecord, run: &RunRecord| visit_text(visit, run) + &report::run_text(run, Look::default());
    assert!(!shown(&visit, &run).contains("CPU"));
    for span in &mut visit.spans {
        if let Span::Call(call) = span {
            call.cost.cpu = Some(12_300_000);
        }
    }
    run.openings.iter_mut().for_each(|opening| opening.cost.cpu = Some(45_600_000));
    let text = shown(&visit, &run);
    assert_fits(&text);
    assert!(text.contains("  12.3 ms  ") && text.contains("  45.6 ms  "), "{text}");
    let json = report::json::value(&run, &[account::of(&visit, &run, run.until.as_deref())]);
    assert_eq!(json["run"]["openings"][0]["cpu_ns"], 45_600_000);
    let steps = json["visits"][0]["steps"].as_array().expect("a visit has steps");
    assert!(steps.iter().any(|step| step["cpu_ns"] == 12_300_000), "{json:#}");
}

#[test]
fn a_whole_run() {
    let text = report::run_text(&fixture::whole_run(), Look::default());
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

/// A visit's table of steps: its rows without their words, and the rows of sums below the rule.
#[derive(Debug)]
struct Printed<'a> {
    heads: &'a str,
    rows: Vec<&'a str>,
    sums: Vec<&'a str>,
}

impl<'a> Printed<'a> {
    fn of(text: &'a str) -> Self {
        let table: Vec<&str> = text.lines().skip_while(|line| !line.contains("ON WAY")).collect();
        let rule = table.iter().position(|line| line.contains("──")).expect("sums follow a rule");
        Self { heads: table[0], rows: table[1..rule].to_vec(), sums: table[rule + 1..].to_vec() }
    }

    /// What a line has under a heading, in ns or bytes, and what its last digit stands for.
    fn figure(&self, line: &str, head: &str) -> (f64, f64) {
        let Some(at) = self.heads.find(head) else { return (0.0, 0.0) };
        let until: String = line.chars().take(at + head.len()).collect();
        let figure = if until.chars().count() < at + head.len() { "" } else { until.rsplit("  ").next().unwrap_or("") };
        let Some((number, unit)) = figure.trim().split_once(' ') else { return (0.0, 0.0) };
        let unit = match unit {
            "ns" | "B" => 1.0,
            "µs" | "kB" => 1e3,
            "ms" | "MB" => 1e6,
            "s" => 1e9,
            other => panic!("`{other}` of `{figure}` is no unit: {line}"),
        };
        let decimals = number.split_once('.').map_or(0, |(_, part)| part.len());
        let value: f64 = number.trim_start_matches('+').parse().expect("a figure is a number");
        (value * unit, unit / 10_f64.powi(i32::try_from(decimals).expect("few")))
    }

    /// That the rows add up to the sum in this row of sums: to its last digit, where rows and sum have the resolution of the
    /// column, which is `step`; to a step, where one of them is finer.
    #[track_caller]
    fn assert_adds_up(&self, head: &str, sum: usize, step: f64) {
        let (printed, sums_step) = self.figure(self.sums[sum], head);
        let figures: Vec<(f64, f64)> = self.rows.iter().map(|row| self.figure(row, head)).collect();
        let together: f64 = figures.iter().map(|(value, _)| value).sum();
        let coarsest = figures.iter().map(|(_, step)| *step).fold(1.0, f64::max);
        let off = if coarsest < step || sums_step < step { step } else { step * 0.501 };
        assert!((together - printed).abs() <= off, "{head}: {together} instead of {printed}\n{self:#?}");
    }
}

#[test]
fn the_column_on_the_way_adds_up_as_it_is_printed() {
    for (visit, run) in [fixture::sequential(), fixture::overlapping()] {
        let text = visit_text(&visit, &run);
        Printed::of(&text).assert_adds_up("ON WAY", 0, 10e6);
    }
}

/// The same visit, slowed down to milliseconds, in which a third of the calls are events, and every call leaves some
/// bytes.
fn with_events(visit: &mut VisitRecord) {
    const SLOWER: u64 = 3_300;
    let slow = |time: &mut u64| *time *= SLOWER;
    slow(&mut visit.arrival);
    visit.closed.iter_mut().for_each(|(time, _)| slow(time));
    visit.milestones.iter_mut().for_each(|milestone| slow(&mut milestone.time));
    for (at, span) in visit.spans.iter_mut().enumerate() {
        match span {
            Span::Work(work) => {
                slow(&mut work.begun);
                work.end.iter_mut().for_each(slow);
                work.marks.iter_mut().for_each(|(_, time)| slow(time));
            }
            Span::Call(call) => {
                [&mut call.start, &mut call.end, &mut call.trigger.time].into_iter().for_each(slow);
                call.trigger.due.iter_mut().for_each(slow);
                call.waits.iter_mut().flat_map(|cut| [&mut cut.start, &mut cut.end]).for_each(slow);
                call.cost.live = i64::try_from(at).expect("few") * 30_011 - 100_000;
                if at % 3 == 1 && call.outcome == Outcome::Ok {
                    (call.kind, call.cost.live) = (CallKind::Event, call.cost.live / 1_000);
                }
            }
        }
    }
}

#[test]
fn small_events_have_no_rows_and_what_is_printed_still_adds_up() {
    let (mut unlisted, mut listed) = (0, 0);
    for seed in 1..=300 {
        for mut visit in World::new(seed).run(None).visits {
            with_events(&mut visit);
            let run = RunRecord { until: Some(MILESTONE.into()), ..RunRecord::default() };
            let account = account::of(&visit, &run, Some(MILESTONE));
            let text = visit_text(&visit, &run);
            let table = Printed::of(&text);
            // Milliseconds with two decimals, and kilobytes or megabytes with one.
            let most = account.lines.iter().filter_map(|line| line.live).map(i64::unsigned_abs).max().unwrap_or(0);
            table.assert_adds_up("ON WAY", 0, 10e3);
            table.assert_adds_up("HEAP", 1, if most < 1_000_000 { 100.0 } else { 100e3 });
            let events = account.lines.iter().filter(|line| line.kind == LineKind::Call(CallKind::Event));
            let (small, large): (Vec<_>, Vec<_>) =
                events.partition(|line| line.took * 100 <= account.length() && line.mishap.is_none());
            let rows = table.rows.iter().chain(&table.sums).take_while(|row| !row.contains("SIDE BY SIDE"));
            let own = rows.filter(|row| row.contains("(event)") && row.contains(['●', '○'])).count();
            let named = large.iter().filter(|line| line.title.ends_with("(event)")).count();
            assert_eq!(own, named, "seed {seed}:\n{text}");
            assert_eq!(text.contains("  not listed: "), !small.is_empty(), "seed {seed}:\n{text}");
            unlisted += small.len();
            listed += large.len();
        }
    }
    assert!(unlisted > 100 && listed > 100, "{unlisted} not listed, {listed} listed");
}

#[test]
fn an_opening_says_whether_a_visit_began_it_or_a_packet_of_none_or_nothing() {
    let (_, mut run) = fixture::sequential();
    for (begun_for, shown, visit, ahead) in
        [(Some(1), "visit 1", Some(1), false), (Some(0), "no visit", None, false), (None, "ahead", None, true)]
    {
        run.openings[0].begun_for = begun_for;
        let text = report::run_text(&run, Look::default());
        let line = text.lines().find(|line| line.ends_with("InsightFace Model Loading")).expect("its row");
        assert!(line.contains(&format!(" {shown}  ")), "{line}");
        let json = report::json::value(&run, &[]);
        let opening = &json["run"]["openings"][0];
        assert_eq!((opening["begun_for"].as_u64(), opening["ahead"].as_bool()), (visit, Some(ahead)));
    }
}

#[test]
fn colour_is_there_only_when_it_is_asked_for() {
    let (visit, run) = fixture::overlapping();
    let account = account::of(&visit, &run, Some("greeted"));
    let plain = report::visit_text(&account, &run, Look::default());
    let colored = report::visit_text(&account, &run, Look { color: true, width: 100 });
    assert!(!plain.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut parts = colored.split('\u{1b}');
    stripped.push_str(parts.next().expect("a split has a first part"));
    for part in parts {
        stripped.push_str(part.split_once('m').expect("a colour ends in m").1);
    }
    assert_eq!(stripped, plain);
}

#[test]
fn without_its_allocator_a_report_shows_no_memory_and_says_so() {
    let (visit, mut run) = fixture::overlapping();
    run.unmetered = true;
    run.openings[0].mapped.clear();
    let text = visit_text(&visit, &run);
    assert!(text.contains("Memory is not shown"));
    assert!(!text.contains(" MB") && !text.contains("KiB"), "{text}");
}
