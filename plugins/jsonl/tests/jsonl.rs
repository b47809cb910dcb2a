//! What stands in the file, and what never does.

use std::path::Path;

use majlis_jsonl::{Config, Lines, input, manifest__};
use majlis_plugin_api::{Face, Faces, Frame, FrameMut, Invite, Listener, PixelFormat, Secret};
use majlis_testkit::{FailureKind, Kit};
use serde_json::{Value, json};

fn kit(folder: &Path, config: Value) -> Kit<Lines> {
    Kit::builder()
        .manifest(manifest__::TEXT)
        .base(folder)
        .wire_as::<Frame, _>(input::packets, "camera.frame")
        .wire_as::<Faces, _>(input::packets, "rec.faces")
        .wire_as::<Invite, _>(input::packets, "room.invite")
        .open(config)
        .expect("the stage opens")
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn one_face() -> Faces {
    let face = Face { embedding: vec![0.25; 4], ..Face::unknown([1.0, 2.0, 3.0, 4.0], 0.5) };
    Faces { width: 640, height: 480, faces: vec![face], ..Faces::default() }
}

fn grey(kit: &Kit<Lines>) -> Frame {
    let mut frame = FrameMut::new(kit.host(), 4, 2, PixelFormat::Gray8).expect("a frame");
    frame.pixels_mut().fill(200);
    frame.freeze().expect("a frame")
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn each_packet_is_a_line_as_soon_as_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path(), json!({ "path": "seen.jsonl" }));
    let visit = kit.open_visit().expect("no answer");
    let frame = grey(&kit);
    kit.send_by(0, input::packets, None, frame).expect("a line");
    kit.send_by(1, input::packets, visit, one_face()).expect("a line");
    let lines = lines(&folder.path().join("seen.jsonl"));
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["from"], &lines[0]["type"], &lines[0]["visit"], &lines[0]["sequence"], &lines[0]["time_ms"]),
        (&json!("camera.frame"), &json!("majlis/frame@1"), &Value::Null, &json!(0), &json!(1000.0))
    );
    assert_eq!(lines[0]["packet"]["width"], 4);
    assert!(lines[0]["packet"]["pixels_fnv1a"].is_string(), "a hash, never pixels");
    assert_eq!(lines[1]["visit"], visit.number());
    assert_eq!(lines[1]["packet"]["faces"][0]["identity"], "unknown");
    assert_eq!(lines[1]["packet"]["faces"][0].get("embedding"), None);
    kit.close().expect("closed");
}

#[test]
fn embeddings_are_written_only_when_asked_for_and_secrets_never() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kit = kit(folder.path(), json!({ "path": "all.jsonl", "embeddings": true }));
    kit.send_by(1, input::packets, None, one_face()).expect("a line");
    let invite = Invite {
        attempt: 1,
        url: "wss://rooms.example".into(),
        region: String::new(),
        room: "hall".into(),
        identity: "avatar-1".into(),
        agent_identity: "agent".into(),
        token: Secret::new("s3cr3t"),
        listener: Some(Listener { identity: "ear-1".into(), token: Secret::new("s3cr3t too") }),
        extra: Default::default(),
    };
    kit.send_by(2, input::packets, None, invite).expect("a line");
    let path = folder.path().join("all.jsonl");
    assert_eq!(lines(&path)[0]["packet"]["faces"][0]["embedding"], json!([0.25, 0.25, 0.25, 0.25]));
    assert_eq!(lines(&path)[1]["packet"]["token"], "***");
    assert_eq!(lines(&path)[1]["packet"]["listener"]["token"], "***");
    assert!(!std::fs::read_to_string(&path).expect("a file").contains("s3cr3t"));
}

#[test]
fn a_file_is_emptied_unless_lines_are_appended() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seen.jsonl");
    for (config, count) in [
        (json!({ "path": "seen.jsonl" }), 1),
        (json!({ "path": "seen.jsonl" }), 1),
        (json!({ "path": "seen.jsonl", "append": true }), 2),
    ] {
        kit(folder.path(), config).send_by(1, input::packets, None, one_face()).expect("a line");
        assert_eq!(lines(&path).len(), count);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = Kit::<Lines>::builder().base(folder.path()).open(json!({ "path": "no/where.jsonl" }));
    let refused = refused.err().expect("it is refused");
    assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, "path"));
    assert!(refused.message.contains("no/where.jsonl"), "{refused}");
}
