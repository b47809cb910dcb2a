//! No child is left behind, on whichever path; and what an operator reads when the program does not do what it should.

mod room;

use majlis_plugin_api::Utterance;
use majlis_testkit::{Ending, FailureKind};
use majlis_voice_espeak::{input, output};
use room::{
    PATIENCE, a_second, builder, children, config, espeak_is_here, for_ever, heard, numbered, opened, program, said,
};
use serde_json::json;

#[test]
fn a_missing_program_is_an_error_with_the_remedy() {
    let refused = builder().open(json!({ "program": "espeak-of-nobody" })).err().expect("it is not there");
    assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, "program"));
    assert!(refused.message.contains("`espeak-of-nobody`") && refused.message.contains("apt-get install espeak-ng"));
}

#[test]
fn a_voice_that_is_not_installed_is_named_when_the_stage_opens() {
    if !espeak_is_here("voices that are not installed") {
        return;
    }
    let refused = builder().open(json!({ "voices": { "fr": { "voice": "klingon-9" } } })).err().expect("there is none");
    assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, "voices.fr.voice"));
    assert!(refused.message.contains("klingon-9") && refused.message.contains("--voices"), "{refused}");
}

#[test]
fn what_the_schema_refuses_is_refused_without_it_too() {
    for (config, path) in [
        (json!({ "volume": 201 }), "volume"),
        (json!({ "voices": { "ar": { "speed": 5 } } }), "voices.ar.speed"),
        (json!({ "voices": { "ar": { "pitch": 100 } } }), "voices.ar.pitch"),
        (json!({ "voices": { "عربي": {} } }), "voices.عربي"),
    ] {
        let refused = builder().open(config).err().expect("it is refused");
        assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, path));
    }
}

#[test]
fn a_child_has_ended_when_its_utterance_was_heard() {
    if !espeak_is_here("the end of a child") {
        return;
    }
    // Its name is the program's, which other tests of this file do not run under.
    let folder = tempfile::tempdir().expect("a folder");
    let itself = program(folder.path(), "heard-child", "exec espeak-ng \"$@\"");
    let mut kit = opened(config(&itself));
    assert_eq!(said(&mut kit, numbered(1, "Welcome", "en")).1, Ending::Finished);
    assert!(heard(&kit, 1).1);
    assert_eq!((children("heard-child"), children("espeak-ng")), (0, 0));
}

#[test]
fn a_child_that_makes_no_sound_is_ended_by_a_flush() {
    let folder = tempfile::tempdir().expect("a folder");
    let mute = program(folder.path(), "mute-flush", &for_ever(folder.path()));
    let mut kit = opened(config(&mute));
    let visit = kit.open_visit().expect("no answer");
    kit.send(input::utterance, visit, numbered(1, "Welcome", "en")).expect("it begins");
    kit.wait(PATIENCE, |_| children("mute-flush") == 1).expect("it runs");
    kit.flush(visit).expect("no answer");
    kit.wait(PATIENCE, |kit| kit.works()[0].ended.is_some()).expect("it ends");
    assert_eq!(children("mute-flush"), 0);
    assert_eq!(heard(&kit, 1), (vec![], true));
}

#[test]
fn a_child_in_the_middle_of_its_sound_is_ended_when_the_visitor_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!("{}\n{}", a_second(folder.path()), for_ever(folder.path()));
    let endless = program(folder.path(), "endless-leave", &script);
    let mut kit = opened(config(&endless));
    let visit = kit.open_visit().expect("no answer");
    kit.send(input::utterance, visit, numbered(1, "Welcome", "en")).expect("it begins");
    kit.wait(PATIENCE, |kit| !kit.emitted(output::audio).is_empty()).expect("it is heard");
    assert_eq!(children("endless-leave"), 1);
    kit.leave(visit).expect("no answer");
    kit.wait(PATIENCE, |kit| kit.works()[0].ended.is_some()).expect("it ends");
    assert_eq!(children("endless-leave"), 0);
}

#[test]
fn a_child_is_ended_at_the_deadline_and_by_the_end_of_the_stage() {
    let folder = tempfile::tempdir().expect("a folder");
    let mute = program(folder.path(), "mute-late", &for_ever(folder.path()));
    let mut kit = opened(config(&mute));
    let visit = kit.open_visit().expect("no answer");
    kit.send(input::utterance, visit, numbered(1, "Welcome", "en")).expect("it begins");
    kit.wait(PATIENCE, |_| children("mute-late") == 1).expect("it runs");
    kit.cancel(0);
    kit.wait(PATIENCE, |kit| kit.works()[0].ended.is_some()).expect("it ends");
    assert_eq!(children("mute-late"), 0);
    let other = kit.open_visit().expect("no answer");
    kit.send(input::utterance, other, numbered(2, "Welcome", "en")).expect("it begins");
    kit.wait(PATIENCE, |_| children("mute-late") == 1).expect("it runs");
    kit.close().expect("it closes");
    kit.wait(PATIENCE, |_| children("mute-late") == 0).expect("it is ended");
}

#[test]
fn a_child_that_breaks_off_breaks_off_its_utterance() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!("{}\necho Sara >&2\nexit 3", a_second(folder.path()));
    let broken = program(folder.path(), "broken-child", &script);
    let mut kit = opened(config(&broken));
    let (_, ending) = said(&mut kit, numbered(1, "Welcome, Sara", "en"));
    let Ending::Failed(why) = ending else { panic!("{ending:?}") };
    assert!(why.contains("exit status: 3") && !why.contains("Sara"), "{why}");
    let (samples, last) = heard(&kit, 1);
    assert_eq!((samples.len(), last), (8_000, true), "what there is of it was heard");
    assert_eq!(children("broken-child"), 0);
}

#[test]
fn a_program_that_writes_no_sound_is_followed_by_the_next_voice() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = program(folder.path(), "silent-child", "cat > /dev/null; echo no sound");
    let builder = builder().wire_out(output::unsaid, "next.utterance");
    let mut kit = builder.open(config(&silent)).expect("it opens");
    let (visit, ending) = said(&mut kit, numbered(1, "Welcome, Sara", "en"));
    let Ending::Failed(why) = ending else { panic!("the report shows who did not say it: {ending:?}") };
    assert!(why.contains("wrote no sound") && !why.contains("Sara"), "{why}");
    assert_eq!(kit.emitted(output::unsaid), [(Some(visit), numbered(1, "Welcome, Sara", "en"))]);
    let log = kit.logs().pop().expect("it is told").message;
    assert!(log.contains("wrote no sound") && !log.contains("Sara"), "{log}");
    assert_eq!(children("silent-child"), 0);
}

#[test]
fn a_child_that_talks_much_beside_its_sound_does_not_stand_still() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!(
        "i=0; while [ $i -lt 3000 ]; do echo {} >&2; i=$((i+1)); done; {}",
        "x".repeat(80),
        a_second(folder.path())
    );
    let talking = program(folder.path(), "talking-child", &script);
    let mut kit = opened(config(&talking));
    assert_eq!(said(&mut kit, numbered(1, "Welcome", "en")).1, Ending::Finished);
    assert_eq!(heard(&kit, 1).0.len(), 8_000);
}

#[test]
fn neither_texts_nor_keys_are_seen_in_a_child() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let script = format!("{{ echo \"$@\"; env; }} > {}; cat > /dev/null; {}", seen.display(), a_second(folder.path()));
    let spy = program(folder.path(), "spy-child", &script);
    let mut kit = opened(config(&spy));
    let named = Utterance { number: 1, ..Utterance::plain("Welcome, Sara", "en") };
    assert_eq!(said(&mut kit, named).1, Ending::Finished);
    let seen = std::fs::read_to_string(seen).expect("it was run");
    assert!(seen.contains("-v en-gb") && !seen.contains("Sara"), "{seen}");
    // Cargo gives every test this one.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !seen.contains("CARGO_MANIFEST_DIR"), "{seen}");
}
