//! A hall of photographs, and a gate behind its camera.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part

use std::time::Duration;

use majlis_plugin_api::{Face, Faces, Frame, FrameMut, Host, Identity, Person, PixelFormat, Time, VisitId};
use majlis_scene_gate::{SceneGate, input, manifest__, output};
use majlis_test_film::{HEIGHT, Hall, Picture, WIDTH};
use majlis_testkit::{Kit, testdata};
use serde_json::Value;

/// The photographs of which frames are made; None, said loudly, without test data.
pub(crate) fn hall(background: &str) -> Option<Hall> {
    let images = testdata::path("images/coffee.png").and_then(|_| testdata::path("images"))?;
    Some(Hall::before(&images, background).unwrap())
}

/// The next frame, as a camera hands it over.
pub(crate) fn frame(hall: &mut Hall, host: &Host, picture: Picture) -> Frame {
    let mut frame = FrameMut::new(host, WIDTH, HEIGHT, PixelFormat::Rgb8).unwrap();
    frame.pixels_mut().copy_from_slice(hall.paint(picture).as_raw());
    frame.freeze().unwrap()
}

/// A gate that a visit's frames come to, ten a second.
pub(crate) struct Door {
    pub(crate) kit: Kit<SceneGate>,
    hall: Hall,
    visit: VisitId,
    every: Duration,
    faces: bool,
    /// The reason of each frame.
    said: Vec<String>,
}

impl Door {
    pub(crate) fn open(config: Value, faces: bool) -> Option<Self> {
        let hall = hall("coffee.png")?;
        let builder = Kit::builder().manifest(manifest__::TEXT).starting_at(Time::default());
        let mut whole = serde_json::json!({ "min_gap": "1s" });
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let builder = if faces { builder.wire(input::faces, "faces.faces") } else { builder };
        let mut kit = builder.open(whole).unwrap();
        let visit = kit.open_visit().unwrap();
        Some(Self { kit, hall, visit, every: Duration::from_millis(100), faces, said: Vec::new() })
    }

    /// A frame each so many milliseconds from here on.
    pub(crate) fn every(&mut self, milliseconds: u64) {
        self.every = Duration::from_millis(milliseconds);
    }

    /// Whoever is there leaves, and somebody else comes.
    pub(crate) fn next_visit(&mut self) {
        self.kit.end_visit(self.visit).unwrap();
        self.visit = self.kit.open_visit().unwrap();
    }

    pub(crate) fn frames(&mut self, count: i64, picture: impl Fn(i64) -> Picture) {
        for number in 0..count {
            self.show(picture(number), None);
        }
    }

    /// Frames of the same scene, on which the recogniser sees these.
    pub(crate) fn seen(&mut self, count: usize, faces: &[Face]) {
        for _ in 0..count {
            self.show(Picture::EMPTY, Some(faces));
        }
    }

    fn show(&mut self, picture: Picture, faces: Option<&[Face]>) {
        let frame = frame(&mut self.hall, self.kit.host(), picture);
        let before = self.kit.facts().len();
        let taken = self.kit.now();
        self.kit.send(input::frame, self.visit, frame).unwrap();
        if self.faces {
            // The recogniser takes 40 ms.
            self.kit.advance(Duration::from_millis(40)).unwrap();
            // Whoever stands there is one and the same, if nothing else is said.
            let there: Vec<Face> = picture.visitor.iter().map(|visitor| face(1 + visitor.who as u64)).collect();
            let faces = faces.unwrap_or(&there).to_vec();
            let faces = Faces { width: WIDTH, height: HEIGHT, faces, ..Faces::default() };
            self.kit.send_seen_at(taken, input::faces, self.visit, faces).unwrap();
            self.kit.advance(self.every - Duration::from_millis(40)).unwrap();
        } else {
            self.kit.advance(self.every).unwrap();
        }
        let facts = self.kit.facts();
        let [(_, name, reason)] = &facts[before..] else {
            panic!("one decision for each frame: {:?}", &facts[before..])
        };
        assert_eq!(name, "reason");
        self.said.push(reason.clone());
    }

    /// How often each reason was given, in the order in which they were given first.
    pub(crate) fn reasons(&self) -> Vec<(&str, usize)> {
        let mut reasons: Vec<(&str, usize)> = Vec::new();
        for said in &self.said {
            match reasons.iter_mut().find(|(reason, _)| reason == said) {
                Some((_, count)) => *count += 1,
                None => reasons.push((said, 1)),
            }
        }
        reasons
    }

    /// The frames that were let through, by number, and why. They are those that came out.
    pub(crate) fn passed(&self) -> Vec<(usize, &str)> {
        let passed = ["new visit", "people changed", "scene changed", "too old"];
        let all = self.said.iter().enumerate().map(|(number, reason)| (number, reason.as_str()));
        let passed: Vec<(usize, &str)> = all.filter(|(_, reason)| passed.contains(reason)).collect();
        let stamps: Vec<u64> = self.kit.stamps(output::frame).iter().map(|time| time.as_nanos() / 1_000_000).collect();
        let every = self.every.as_millis() as u64;
        assert_eq!(stamps, passed.iter().map(|(number, _)| *number as u64 * every).collect::<Vec<_>>());
        passed
    }
}

/// A face that the recogniser follows under this number.
pub(crate) fn face(track: u64) -> Face {
    Face { identity: Identity::Undecided, track: Some(track), ..Face::unknown([280.0, 180.0, 360.0, 280.0], 0.9) }
}

/// One that it has recognised.
pub(crate) fn known(track: u64, id: &str) -> Face {
    Face { identity: Identity::Known(Person { id: id.into(), ..Person::default() }), ..face(track) }
}
