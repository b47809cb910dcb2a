//! One visit, computed by hand: a fan-out, a join, an emission in mid-call, a wake, deferred work
//! with marks, and an opening that another visit began.
//!
//! ```text
//! vision    950 ──opening for another visit── 1100 ·1102 faces 1150│another visit 1180 ·1182 scene 1190
//! scene's question                                                     1185 connected 1200 first byte 1400 ──1450─ 1460
//! hall                            1141 greeting 1145 ······· timer ······· 1301 wake 1305        1453 greeting 1470
//! ```

use majlis_meter::account::{self, SegmentKind, Zero};
use majlis_meter::record::{
    BegunFor, Call, CallKind, Closed, Cut, CutKind, Producer, RunRecord, Span, StageInfo, Trigger, VisitRecord, Work,
    WorkOutcome,
};

const CAMERA: u16 = 0;
const FACES: u16 = 1;
const SCENE: u16 = 2;
const GREETING: u16 = 3;

fn run() -> RunRecord {
    let stage = |name: &str, thread| StageInfo { name: name.into(), thread, ..Default::default() };
    RunRecord {
        stages: vec![stage("camera", 0), stage("faces", 1), stage("scene", 1), stage("greeting", 2)],
        threads: vec!["camera".into(), "vision".into(), "hall".into()],
        ..RunRecord::default()
    }
}

fn visit() -> VisitRecord {
    let mut visit = VisitRecord::new(7, 1_000, CAMERA);
    let frame = Trigger { producer: Producer::Origin(CAMERA), time: 1_010, due: None };
    let cut = |start, end, kind| Cut { start, end, kind };
    let faces = visit.push(Span::Call(Call {
        stage: FACES,
        thread: 1,
        trigger: frame,
        waits: vec![cut(1_010, 1_100, CutKind::OwnOpening { stage: FACES, begun_for: BegunFor::OtherVisit })],
        start: 1_102,
        end: 1_150,
        ..Call::default()
    }));
    let scene = visit.push(Span::Call(Call {
        stage: SCENE,
        thread: 1,
        trigger: frame,
        waits: vec![
            cut(1_010, 1_100, CutKind::OtherOpening { stage: FACES }),
            cut(1_102, 1_150, CutKind::OtherCall { stage: FACES, same_visit: true }),
            cut(1_150, 1_180, CutKind::OtherCall { stage: FACES, same_visit: false }),
        ],
        start: 1_182,
        end: 1_190,
        ..Call::default()
    }));
    let question = visit.push(Span::Work(Work {
        stage: SCENE,
        label: "ask".into(),
        call: scene,
        begun: 1_185,
        marks: vec![("connected".into(), 1_200), ("first byte".into(), 1_400)],
        end: Some(1_460),
        outcome: WorkOutcome::Finished,
    }));
    let seen = visit.push(Span::Call(Call {
        stage: GREETING,
        thread: 2,
        trigger: Trigger { producer: Producer::Span(faces), time: 1_140, due: None },
        start: 1_141,
        end: 1_145,
        ..Call::default()
    }));
    let wake = visit.push(Span::Call(Call {
        stage: GREETING,
        thread: 2,
        kind: CallKind::Wake,
        trigger: Trigger { producer: Producer::Span(seen), time: 1_145, due: Some(1_300) },
        start: 1_301,
        end: 1_305,
        ..Call::default()
    }));
    let greets = visit.push(Span::Call(Call {
        stage: GREETING,
        thread: 2,
        trigger: Trigger { producer: Producer::Span(question), time: 1_450, due: None },
        start: 1_453,
        end: 1_470,
        ..Call::default()
    }));
    visit.milestone("patient", 1_303, Producer::Span(wake), GREETING);
    visit.milestone("greeted", 1_460, Producer::Span(greets), GREETING);
    visit.closed = Some((1_500, Closed::Ended));
    visit
}

/// (start, end, kind, stage, label, sooner), oldest first.
type Row = (u64, u64, SegmentKind, Option<u16>, &'static str, u64);

fn assert_way(until: &str, expected: &[Row]) {
    let account = account::of(&visit(), &run(), Some(until));
    assert!(account.reached);
    let found: Vec<_> = account
        .segments
        .iter()
        .map(|s| (s.start, s.end, s.kind, s.stage, s.label.as_str(), s.sooner.unwrap_or(u64::MAX)))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_way_leads_through_the_input_that_the_join_waited_for() {
    assert_way(
        "greeted",
        &[
            (1_000, 1_010, SegmentKind::Source, Some(CAMERA), "", 0),
            // Without it faces would have been done sooner, but then the other visit's call,
            // which stays where it was, would still have held the thread.
            (1_010, 1_100, SegmentKind::OtherOpening, Some(FACES), "", 0),
            (1_100, 1_102, SegmentKind::HandOver, Some(SCENE), "", 2),
            (1_102, 1_150, SegmentKind::Call, Some(FACES), "", 0),
            (1_150, 1_180, SegmentKind::OtherVisit, Some(FACES), "", 30),
            (1_180, 1_182, SegmentKind::HandOver, Some(SCENE), "", 2),
            (1_182, 1_185, SegmentKind::Call, Some(SCENE), "", 3),
            (1_185, 1_200, SegmentKind::Work, Some(SCENE), "ask: connected", 15),
            // 55 less than its length: in the recorded order the wake at 1,301 comes first.
            (1_200, 1_400, SegmentKind::Work, Some(SCENE), "ask: first byte", 145),
            (1_400, 1_450, SegmentKind::Work, Some(SCENE), "ask", 50),
            (1_450, 1_453, SegmentKind::HandOver, Some(GREETING), "", 3),
            (1_453, 1_460, SegmentKind::Call, Some(GREETING), "", 7),
        ],
    );
}

#[test]
fn a_wake_gives_its_timer_and_a_call_only_what_came_before_it_emitted() {
    assert_way(
        "patient",
        &[
            (1_000, 1_010, SegmentKind::Source, Some(CAMERA), "", 0),
            (1_010, 1_100, SegmentKind::Opening(BegunFor::OtherVisit), Some(FACES), "", 90),
            (1_100, 1_102, SegmentKind::HandOver, Some(FACES), "", 2),
            (1_102, 1_140, SegmentKind::Call, Some(FACES), "", 38),
            (1_140, 1_141, SegmentKind::HandOver, Some(GREETING), "", 1),
            (1_141, 1_145, SegmentKind::Call, Some(GREETING), "", 4),
            (1_145, 1_300, SegmentKind::Timer, Some(GREETING), "", 155),
            (1_300, 1_301, SegmentKind::HandOver, Some(GREETING), "", 1),
            (1_301, 1_303, SegmentKind::Call, Some(GREETING), "", 2),
        ],
    );
}

#[test]
fn an_opening_begun_for_another_visit_charges_only_the_wait_for_it() {
    let mut run = run();
    run.openings.push(majlis_meter::record::Opening {
        stage: FACES,
        thread: 1,
        start: 950,
        end: Some(1_100),
        cost: majlis_meter::record::Cost { live: 281_500_000, ..Default::default() },
        begun_for: Some(6),
        ..Default::default()
    });
    let account = account::of(&visit(), &run, Some("patient"));
    let line = account.lines.iter().find(|l| l.title == "faces (opening)").expect("it is a line");
    assert_eq!((line.took, line.on_way, line.live), (90, 90, None));
    assert_eq!(account.memory.openings, 0);

    run.openings[0].begun_for = Some(7);
    let mut visit = visit();
    if let Some(call) = visit.call_mut(0) {
        call.waits[0].kind = CutKind::OwnOpening { stage: FACES, begun_for: BegunFor::ThisVisit };
    }
    let account = account::of(&visit, &run, Some("patient"));
    let line = account.lines.iter().find(|l| l.title == "faces (opening)").expect("it is a line");
    assert_eq!((line.took, line.on_way, line.live), (150, 90, Some(281_500_000)));
    assert_eq!(account.memory.openings, 281_500_000);
    assert_eq!(account.memory.calls, 0, "an opening is never added to calls");
}

#[test]
fn two_calls_that_wait_for_one_opening_share_its_line() {
    let mut visit = VisitRecord::new(1, 0, CAMERA);
    let opening = CutKind::OwnOpening { stage: FACES, begun_for: BegunFor::ThisVisit };
    let frame = |time| Trigger { producer: Producer::Origin(CAMERA), time, due: None };
    visit.push(Span::Call(Call {
        stage: FACES,
        trigger: frame(10),
        waits: vec![Cut { start: 10, end: 110, kind: opening }],
        start: 110,
        end: 130,
        ..Call::default()
    }));
    let second = visit.push(Span::Call(Call {
        stage: FACES,
        trigger: frame(50),
        waits: vec![
            Cut { start: 50, end: 110, kind: opening },
            Cut { start: 110, end: 130, kind: CutKind::OtherCall { stage: FACES, same_visit: true } },
        ],
        start: 130,
        end: 150,
        ..Call::default()
    }));
    visit.milestone("seen", 150, Producer::Span(second), FACES);
    let account = account::of(&visit, &run(), Some("seen"));
    let openings: Vec<_> = account.lines.iter().filter(|l| l.title == "faces (opening)").collect();
    assert_eq!(openings.len(), 1);
    assert_eq!((openings[0].took, openings[0].on_way), (100, 60));
    // At length 0 the first call is done before the second frame comes.
    assert_eq!(openings[0].sooner, Some(80));
    let without = account.segments.iter().find_map(|s| match s.kind {
        SegmentKind::Opening(_) => s.without,
        _ => None,
    });
    assert_eq!(without, Some(Zero::Opening { stage: FACES, end: 110 }));
}

#[test]
fn what_ran_beside_the_way_lies_on_lanes() {
    let account = account::of(&visit(), &run(), Some("greeted"));
    assert!(account.overlaps());
    let lane = account.lanes.iter().find(|l| l.title == "greeting").expect("greeting has a lane");
    let parts: Vec<_> = lane.parts.iter().map(|p| (p.start, p.end, p.on_way)).collect();
    assert_eq!(parts, [(1_141, 1_145, false), (1_453, 1_460, true)]);
}
