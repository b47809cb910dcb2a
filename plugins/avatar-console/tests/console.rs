//! What the operator's terminal gets.

use majlis_avatar_console::{Config, Console, input, manifest__, output};
use majlis_plugin_api::{Delivered, Delivery, Utterance};
use majlis_testkit::Kit;
use serde_json::json;

fn shown(config: serde_json::Value, display: &str, speak: &str) -> String {
    let mut kit = Kit::<Console>::builder().manifest(manifest__::TEXT).open(config).expect("the stage opens");
    let visit = kit.open_visit().expect("no answer");
    let utterance =
        Utterance { display: display.into(), speak: speak.into(), language: "ar".into(), ..Utterance::default() };
    kit.send(input::utterance, visit, utterance).expect("shown");
    assert_eq!(kit.milestones(), [(Some(visit), "shown".into())]);
    let (whose, text) = kit.printed().remove(0);
    assert_eq!(whose, Some(visit));
    text
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn each_language_is_a_line_in_logical_order() {
    let text = shown(json!({}), "أهلاً \u{2068}Sara\u{2069}\nWelcome", "أَهْلًا");
    assert_eq!(text, "أهلاً \u{2068}Sara\u{2069}\nWelcome");
}

#[test]
fn the_text_for_the_voice_is_shown_when_asked_for() {
    assert_eq!(shown(json!({ "show": "speak" }), "أهلاً", "أَهْلًا"), "أَهْلًا");
    assert_eq!(shown(json!({ "show": "both" }), "أهلاً", "أَهْلًا"), "أهلاً\nأَهْلًا");
}

#[test]
fn a_text_cannot_steer_the_terminal() {
    assert_eq!(shown(json!({}), "one\u{1b}[2J\u{7}\r\n\u{9b}31mtwo", ""), "one[2J\n31mtwo");
}

#[test]
fn whoever_composed_a_text_is_told_that_it_was_shown() {
    let mut kit = Kit::<Console>::builder().manifest(manifest__::TEXT).open(json!({})).expect("the stage opens");
    let visit = kit.open_visit().expect("no answer");
    kit.send(input::utterance, visit, Utterance { number: 7, ..Utterance::plain("Welcome", "en") }).expect("shown");
    // 0: nobody wants to know.
    kit.send(input::utterance, visit, Utterance::plain("Welcome", "en")).expect("shown");
    let delivered = Delivered { utterance: 7, delivery: Delivery::Shown, extra: Default::default() };
    assert_eq!(kit.emitted(output::delivered), [(None, delivered)]);
}

#[test]
fn nobody_waits_until_it_is_known_that_a_text_was_shown() {
    let mut kit = Kit::<Console>::builder().manifest(manifest__::TEXT).open(json!({})).expect("the stage opens");
    kit.fill(output::delivered);
    let visit = kit.open_visit().expect("no answer");
    kit.send(input::utterance, visit, Utterance { number: 7, ..Utterance::plain("Welcome", "en") }).expect("shown");
    assert_eq!(kit.printed().len(), 1);
}
