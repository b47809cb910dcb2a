//! Reports as their readers see them, compared whole, and what must hold for any of them.

mod fixture;

use majlis_meter::account;
use majlis_meter::record::{RunRecord, VisitRecord};
use majlis_meter::report::{self, Look};
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
fn a_whole_run() {
    let text = report::run_text(&fixture::whole_run(), Look::default());
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn the_column_on_the_way_adds_up_as_it_is_printed() {
    for (visit, run) in [fixture::sequential(), fixture::overlapping()] {
        let account = account::of(&visit, &run, Some("greeted"));
        let text = report::visit_text(&account, &run, Look::default());
        let table: Vec<&str> = text.lines().skip_while(|l| !l.contains("ON WAY")).collect();
        let edge = table[0].find("ON WAY").expect("it is a heading") + "ON WAY".len();
        let column = |line: &str| -> String {
            line.chars()
                .take(edge)
                .collect::<String>()
                .trim_end()
                .rsplit("  ")
                .next()
                .expect("a split has a last part")
                .into()
        };
        let hundredths =
            |text: String| -> Option<i64> { text.strip_suffix(" s")?.trim().replace('.', "").parse().ok() };
        let rule = table.iter().position(|l| l.contains("──")).expect("sums follow a rule");
        let rows = table[1..rule].iter();
        let on_way = rows.filter(|l| l.chars().nth(edge - 1).is_some_and(|c| c == 's'));
        let sum: i64 = on_way.filter_map(|l| hundredths(column(l))).sum();
        assert_eq!(Some(sum), hundredths(column(table[rule + 1])), "{text}");
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
