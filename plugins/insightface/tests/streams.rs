//! A face that is followed through a stream: named by several looks, never by a single one that is wrong.

#![allow(clippy::unwrap_used)]

mod testdata;

use std::path::PathBuf;
use std::time::Duration;

use image::RgbImage;
use image::imageops::{self, FilterType};
use majlis_insightface::{InsightFace, KIND, input, manifest__, output};
use majlis_plugin_api::{Doubt, Face, Faces, FrameMut, Identity, PixelFormat};
use majlis_recognition::backend::rten::{self, Rten};
use majlis_recognition::pack::Card;
use majlis_recognition::{Analyser, Options};
use majlis_testkit::Kit;
use serde_json::{Value, json};
use testdata::Photo;

/// Width and height of a frame, px.
const FRAME: (u32, u32) = (640, 480);

struct Camera {
    kit: Kit<InsightFace>,
    images: PathBuf,
    _store: tempfile::TempDir,
}

impl Camera {
    /// The people of these ids are enrolled by a photograph each.
    fn open(people: &[(&str, &str)], config: Value) -> Option<Self> {
        let folder = testdata::folder()?;
        let images = folder.join("images");
        let named = |(id, photo): &(&str, &str)| json!({ "id": id, "name_latin": id, "photos": [images.join(photo)], "consent": "expo-2" });
        let named: Vec<Value> = people.iter().map(named).collect();
        let mut whole =
            json!({ "models": "testdata", "folder": folder.join("models"), "backend": "rten", "people": named });
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let store = tempfile::tempdir().unwrap();
        let service = majlis_store::Service::new(majlis_store::Store::new(store.path().to_owned()));
        let kit = Kit::builder().manifest(manifest__::TEXT);
        let kit = kit.service("store", move |method, request| service.answer(method, request)).open(whole).unwrap();
        Some(Self { kit, images, _store: store })
    }

    /// The face of a photograph, alone and with some room about it.
    fn portrait(&self, photo: &str) -> RgbImage {
        let photo = Photo::open(&self.images.join(photo));
        let card = Card::shipped("testdata").unwrap();
        let folder = self.images.with_file_name("models");
        let backend = Rten::new(rten::Options::default());
        let mut finder = Analyser::open(&backend, &card, &KIND, &[folder], Options::default()).unwrap();
        let [x1, y1, x2, y2] = finder.detect(&photo.view()).unwrap()[0].bbox;
        let whole = RgbImage::from_raw(photo.width as u32, photo.height as u32, photo.bytes).unwrap();
        // A square, so that no face is squeezed.
        let side = (1.6 * (x2 - x1).max(y2 - y1)).min(whole.width().min(whole.height()) as f32);
        let place =
            |from: f32, to: f32, end: u32| (f32::midpoint(from, to) - side / 2.0).clamp(0.0, end as f32 - side) as u32;
        let (left, top) = (place(x1, x2, whole.width()), place(y1, y2, whole.height()));
        imageops::crop_imm(&whole, left, top, side as u32, side as u32).to_image()
    }

    /// What is said of a frame, a tenth of a second after the last, in which portraits stand at `(x, side)`.
    fn show(&mut self, portraits: &[(&RgbImage, u32, u32)]) -> Faces {
        let mut picture = RgbImage::from_pixel(FRAME.0, FRAME.1, image::Rgb([90, 100, 110]));
        for (portrait, x, side) in portraits {
            let scaled = imageops::resize(*portrait, *side, *side, FilterType::Triangle);
            imageops::overlay(&mut picture, &scaled, i64::from(*x), 60);
        }
        let mut frame = FrameMut::new(self.kit.host(), FRAME.0, FRAME.1, PixelFormat::Rgb8).unwrap();
        frame.pixels_mut().copy_from_slice(picture.as_raw());
        self.kit.advance(Duration::from_millis(100)).unwrap();
        self.kit.forget_emitted();
        self.kit.send(input::frame, None, frame.freeze().unwrap()).unwrap();
        self.kit.emitted(output::faces).remove(0).1
    }

    fn looks(&self) -> usize {
        self.kit.steps().iter().filter(|step| *step == "embed").count()
    }
}

fn name(face: &Face) -> Option<&str> {
    match &face.identity {
        Identity::Known(person) => Some(&person.id),
        _ => None,
    }
}

#[test]
fn somebody_is_named_when_three_looks_agree_and_is_not_looked_at_again() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg")], json!({})) else {
        return;
    };
    let obama = camera.portrait("obama.jpg");
    let first = camera.show(&[(&obama, 100, 300)]);
    assert_eq!((name(&first.faces[0]), first.faces[0].doubt()), (None, Some(Doubt::Few)));
    assert_eq!(name(&camera.show(&[(&obama, 104, 300)]).faces[0]), None);
    let third = camera.show(&[(&obama, 108, 300)]);
    assert_eq!(name(&third.faces[0]), Some("obama"));
    assert!(third.faces[0].similarity.unwrap() >= 0.62);
    assert_eq!(third.faces[0].track, first.faces[0].track);
    assert_eq!(camera.looks(), 3);
    for x in [112, 116, 120] {
        assert_eq!(name(&camera.show(&[(&obama, x, 300)]).faces[0]), Some("obama"));
    }
    assert_eq!(camera.looks(), 3, "a face that was named need not be named again");
    assert_eq!(name(&camera.show(&[(&obama, 90, 400)]).faces[0]), Some("obama"));
    assert_eq!(camera.looks(), 4, "it can be seen better now");
}

#[test]
fn a_stranger_is_unknown_when_three_looks_agree_and_undecided_before() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg")], json!({})) else {
        return;
    };
    let stranger = camera.portrait("biden.jpg");
    let said: Vec<Identity> =
        (0..4).map(|step| camera.show(&[(&stranger, 100 + 4 * step, 300)]).faces.remove(0).identity).collect();
    assert_eq!(said, [Identity::Undecided, Identity::Undecided, Identity::Unknown, Identity::Unknown]);
}

#[test]
fn whoever_enrols_while_standing_before_the_camera_is_known_from_then_on_and_forgotten_as_well() {
    let Some(mut camera) = Camera::open(&[], json!({ "gallery": "people" })) else {
        return;
    };
    let obama = camera.portrait("obama.jpg");
    let shown = |camera: &mut Camera, frames: usize| {
        (0..frames).map(|_| camera.show(&[(&obama, 100, 300)]).faces.remove(0)).last().unwrap()
    };
    let stranger = shown(&mut camera, 5);
    assert_eq!(stranger.identity, Identity::Unknown);
    let photo = camera.images.join("obama2.jpg");
    let enrol = json!({ "id": "obama", "photo": photo, "name_latin": "Obama", "consent": "expo-2" });
    camera.kit.control("enrol", &enrol).unwrap();
    let known = shown(&mut camera, 3);
    assert_eq!((name(&known), known.track), (Some("obama"), stranger.track), "the face was followed all the time");
    camera.kit.control("forget", &json!({ "id": "obama" })).unwrap();
    assert_eq!(shown(&mut camera, 1).identity, Identity::Undecided);
    assert_eq!(shown(&mut camera, 2).identity, Identity::Unknown);
}

#[test]
fn somebody_elses_enrolment_does_not_take_a_name_away() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg")], json!({ "gallery": "people" })) else {
        return;
    };
    let obama = camera.portrait("obama.jpg");
    for _ in 0..3 {
        camera.show(&[(&obama, 100, 300)]);
    }
    let enrol =
        json!({ "id": "biden", "photo": camera.images.join("biden.jpg"), "name_latin": "Biden", "consent": "expo-2" });
    camera.kit.control("enrol", &enrol).unwrap();
    assert_eq!(name(&camera.show(&[(&obama, 100, 300)]).faces[0]), Some("obama"));
    assert_eq!(camera.looks(), 3, "nor is the face looked at again");
}

#[test]
fn one_frame_in_five_that_matches_a_wrong_person_never_says_the_wrong_name() {
    let people = [("obama", "obama2.jpg"), ("biden", "biden.jpg")];
    // A stranger who is now and then like somebody, and somebody who is now and then like another.
    for (shown, photo, right) in [("stranger", "astronaut.png", None), ("obama", "obama.jpg", Some("obama"))] {
        let Some(mut camera) = Camera::open(&people, json!({ "min_votes": 3 })) else {
            return;
        };
        let (usual, wrong) = (camera.portrait(photo), camera.portrait("biden.jpg"));
        let mut said = Vec::new();
        for frame in 0..15 {
            let portrait = if frame % 5 == 1 { &wrong } else { &usual };
            let faces = camera.show(&[(portrait, 100 + frame, 300)]);
            assert_eq!(faces.faces.len(), 1, "{shown}, frame {frame}");
            said.push(name(&faces.faces[0]).map(str::to_owned));
        }
        assert!(!said.contains(&Some("biden".into())), "{shown}: {said:?}");
        assert_eq!(said.last().unwrap().as_deref(), right, "{shown}: {said:?}");
    }
}

#[test]
fn between_detections_boxes_are_extrapolated_and_say_so() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg")], json!({ "detect_every": 3, "min_votes": 1 }))
    else {
        return;
    };
    let obama = camera.portrait("obama.jpg");
    let mut boxes = Vec::new();
    for step in 0..10 {
        let faces = camera.show(&[(&obama, 100 + 10 * step, 300)]);
        let face = &faces.faces[0];
        assert_eq!(face.predicted, step % 3 != 0, "frame {step}");
        assert_eq!(
            faces.extrapolated, face.predicted,
            "whoever hides faces must know that nobody looked at frame {step}"
        );
        assert_eq!(name(face), Some("obama"), "who it is is known all the same");
        assert!(!face.predicted || face.embedding.is_empty());
        boxes.push(face.bbox[0]);
    }
    let detections = camera.kit.steps().iter().filter(|step| *step == "detect").count();
    assert_eq!(detections, 4);
    // Once its speed is known the face is expected where it goes: 10 px a frame.
    let off = (boxes[8] - boxes[6] - 20.0).abs();
    assert!(off < 6.0, "{boxes:?}");
}

#[test]
fn where_nobody_looked_it_is_said_even_if_nobody_is_there() {
    let Some(mut camera) = Camera::open(&[], json!({ "detect_every": 2, "gallery": "none" })) else {
        return;
    };
    let said: Vec<bool> = (0..4).map(|_| camera.show(&[]).extrapolated).collect();
    assert_eq!(said, [false, true, false, true]);
}

#[test]
fn two_faces_side_by_side_have_tracks_and_names_of_their_own() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg"), ("biden", "biden.jpg")], json!({})) else {
        return;
    };
    let (left, right) = (camera.portrait("obama.jpg"), camera.portrait("biden.jpg"));
    let mut last = Faces::default();
    for step in 0..4 {
        last = camera.show(&[(&left, 20 + 3 * step, 280), (&right, 330 - 3 * step, 280)]);
    }
    let mut who: Vec<(Option<&str>, bool)> = last.faces.iter().map(|face| (name(face), face.bbox[0] < 320.0)).collect();
    who.sort();
    assert_eq!(who, [(Some("biden"), false), (Some("obama"), true)]);
    assert_ne!(last.faces[0].track, last.faces[1].track);
}

#[test]
fn what_was_seen_of_a_visitor_ends_with_the_visit() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg")], json!({})) else {
        return;
    };
    let obama = camera.portrait("obama.jpg");
    let mut picture = RgbImage::from_pixel(FRAME.0, FRAME.1, image::Rgb([90, 100, 110]));
    imageops::overlay(&mut picture, &imageops::resize(&obama, 300, 300, FilterType::Triangle), 100, 60);
    let mut tracks = Vec::new();
    for _ in 0..2 {
        let visit = camera.kit.open_visit().unwrap();
        for _ in 0..3 {
            let mut frame = FrameMut::new(camera.kit.host(), FRAME.0, FRAME.1, PixelFormat::Rgb8).unwrap();
            frame.pixels_mut().copy_from_slice(picture.as_raw());
            camera.kit.forget_emitted();
            camera.kit.send(input::frame, visit, frame.freeze().unwrap()).unwrap();
        }
        let faces = camera.kit.emitted(output::faces).remove(0).1;
        assert_eq!(name(&faces.faces[0]), Some("obama"));
        tracks.push(faces.faces[0].track.unwrap());
        camera.kit.end_visit(visit).unwrap();
    }
    assert_ne!(tracks[0], tracks[1]);
    assert_eq!(camera.looks(), 6, "nothing is kept of a visit that is over");
}

#[test]
fn a_stage_behind_that_wants_embeddings_gets_one_for_each_face_of_each_frame() {
    let Some(mut camera) = Camera::open(&[("obama", "obama2.jpg")], json!({ "emit_embeddings": true })) else {
        return;
    };
    let obama = camera.portrait("obama.jpg");
    for x in [100, 104, 108, 112, 116] {
        assert_eq!(camera.show(&[(&obama, x, 300)]).faces[0].embedding.len(), 128);
    }
}
