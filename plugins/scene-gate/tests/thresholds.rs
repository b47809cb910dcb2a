//! What the thresholds are made of: how much pictures differ that show the same, and pictures that do not.

mod common;

use common::{frame, hall};
use majlis_plugin_api::Time;
use majlis_scene_gate::Config;
use majlis_scene_gate::gate::{Gate, Rules};
use majlis_test_film::{Picture, Visitor};

/// What shows the same scene as a visitor at 220 px, and what does not.
const SAME: [(&str, Picture); 7] = [
    ("noise of 4 levels", VISITOR),
    ("lamps at 60 %", VISITOR.lit(0.6, 0.0)),
    ("lamps at 30 %", VISITOR.lit(0.3, 0.0)),
    ("lamps at 130 %, white clipped", VISITOR.lit(1.3, 0.0)),
    ("daylight, +25 levels", VISITOR.lit(1.0, 25.0)),
    ("noise in the dark, lamps at 10 %", VISITOR.lit(0.1, 0.0)),
    ("visitor sways by 2 px", Picture::of(Visitor::at(222))),
];
const ANOTHER: [(&str, Picture); 4] = [
    ("visitor 12 px aside", Picture::of(Visitor::at(232))),
    ("visitor 50 px aside", Picture::of(Visitor::at(270))),
    ("visitor at another place", Picture::of(Visitor::at(20))),
    ("visitor gone", Picture::EMPTY),
];
const VISITOR: Picture = Picture::of(Visitor::at(220));

#[test]
fn what_shows_the_same_and_what_does_not_lie_on_two_sides_of_the_thresholds() {
    let Config { changed, same, .. } = Config::default();
    let host = majlis_testkit::host();
    let rules = Rules::new(&Config::default());
    let cases: Vec<(&str, Picture)> = SAME.into_iter().chain(ANOTHER).collect();
    let mut found: Vec<(f32, f32)> = vec![(f32::MAX, 0.0); cases.len()];
    for background in ["coffee.png", "rocket.jpg", "solvay_1927.png"] {
        let Some(mut hall) = hall(background) else { return };
        for ((what, picture), (least, most)) in cases.iter().zip(&mut found) {
            // In the dark it is compared with the dark.
            let before = if what.contains("in the dark") { *picture } else { VISITOR };
            let mut gate = Gate::default();
            for picture in [before, *picture] {
                let frame = frame(&mut hall, &host, picture);
                // At one moment: the first is the one that is let through.
                gate.decide(&rules, Time::default(), &frame, None).expect("a frame that can be compared");
            }
            (*least, *most) = (least.min(gate.difference()), most.max(gate.difference()));
        }
    }
    for ((what, _), (least, most)) in cases.iter().zip(&found) {
        println!("| {what} | {least:.3} to {most:.3} |");
    }
    let (alike, unlike) = found.split_at(SAME.len());
    assert!(alike.iter().all(|(_, most)| f64::from(*most) < 0.6 * same), "{alike:?}");
    assert!(unlike.iter().all(|(least, _)| f64::from(*least) > 1.1 * changed), "{unlike:?}");
}
