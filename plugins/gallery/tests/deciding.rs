//! What goes out of a desk for the faces of a frame.

#![allow(clippy::unwrap_used)]

mod room;

use std::sync::Arc;

use majlis_gallery::{Detection, Embedding, Face, Settings};
use majlis_plugin_api::{Doubt, Identity};
use room::{Room, of, settings};
use serde_json::json;

fn face(left: f32, side: f32, unit: &[(usize, f32)]) -> Face {
    let mut raw = vec![0.0; 65];
    for (axis, value) in unit {
        raw[*axis] = *value;
    }
    Face {
        detection: Detection { bbox: [left, 200.0, left + side, 200.0 + side], score: 0.9, key_points: None },
        embedding: Embedding::from_raw(&raw),
    }
}

/// A room in which persons 1 and 2 are enrolled, along the axes 1 and 33, and 2 and 33.
fn room(settings: Settings) -> Room {
    let mut room = Room::with(Arc::new(tempfile::tempdir().unwrap()), 1, settings);
    for who in [1, 2] {
        let photo = room.photo("a.png", &[of(who, who)]);
        room.enrol(&format!("p{who}"), &[&photo], json!({ "announce": "name" })).unwrap();
    }
    room
}

#[test]
fn all_faces_go_out_those_in_the_middle_and_large_ones_first() {
    let room = room(settings());
    let (known, stranger) = ([(1, 0.8), (33, 0.6)], [(9, 1.0)]);
    let found = vec![face(0.0, 90.0, &stranger), face(300.0, 20.0, &known), face(280.0, 80.0, &known)];
    let (faces, tally) = room.desk.decide(found, 640, 480);
    let lefts: Vec<f32> = faces.iter().map(|face| face.bbox[0]).collect();
    assert_eq!(lefts, [280.0, 300.0, 0.0]);
    assert!(matches!(&faces[0].identity, Identity::Known(person) if person.id == "p1" && person.may_be_announced()));
    assert_eq!([&faces[1].identity, &faces[2].identity], [&Identity::TooSmall, &Identity::Unknown]);
    assert_eq!(tally.faces, 3);
    assert!((tally.confidence.unwrap() - 1.0).abs() < 1e-5 && (faces[0].similarity.unwrap() - 1.0).abs() < 1e-5);
    assert!(faces.iter().all(|face| face.embedding.is_empty()), "no embedding leaves the stage");
}

#[test]
fn a_doubt_is_told_and_nobody_is_named() {
    let room = room(settings());
    let decided = |unit: &[(usize, f32)], score: f32| {
        let mut face = face(280.0, 80.0, unit);
        face.detection.score = score;
        room.desk.decide(vec![face], 640, 480).0.remove(0)
    };
    let between = decided(&[(1, 1.0), (2, 1.0), (33, 0.75), (34, 0.75)], 0.9);
    assert_eq!((&between.identity, between.doubt()), (&Identity::Undecided, Some(Doubt::Ambiguous)));
    assert!(between.similarity.unwrap() > 0.6);
    let near = decided(&[(1, 0.8), (33, 0.6), (40, 1.5)], 0.9);
    assert_eq!((&near.identity, near.doubt()), (&Identity::Undecided, Some(Doubt::Likeness)));
    let poor = decided(&[(1, 0.8), (33, 0.6)], 0.5);
    assert_eq!((&poor.identity, poor.doubt(), poor.similarity), (&Identity::Undecided, Some(Doubt::Poor), None));
}

#[test]
fn embeddings_go_out_where_they_are_asked_for() {
    let room = room(Settings { emit_embeddings: true, ..settings() });
    let (faces, _) = room.desk.decide(vec![face(280.0, 80.0, &[(9, 1.0)])], 640, 480);
    assert_eq!(faces[0].embedding.len(), 65);
}
