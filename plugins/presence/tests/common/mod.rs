//! A camera before which people come and go.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::time::Duration;

use majlis_plugin_api::{Face, Faces, Identity, Person, Time, Value};
use majlis_presence::{Presence, input, manifest__, output};
use majlis_testkit::{Builder, Kit};

/// When the kit's clock starts.
const START: u64 = 1_000;

/// So many milliseconds after the first frame.
pub fn at(millis: u64) -> Time {
    Time::from_nanos((START + millis) * 1_000_000)
}

/// A box of this size, its left side there.
pub fn box_at(x: u32, size: u32) -> [f32; 4] {
    let (x, size) = (x as f32, size as f32);
    [x, 200.0, x + size, 200.0 + size]
}

pub fn face(bbox: [f32; 4], identity: Identity, track: Option<u64>) -> Face {
    Face { identity, track, ..Face::unknown(bbox, 0.9) }
}

/// Somebody who is not enrolled, 100 pixels large, with this number.
pub fn unknown(track: u64, x: u32) -> Face {
    face(box_at(x, 100), Identity::Unknown, Some(track))
}

pub fn undecided(track: u64, x: u32) -> Face {
    face(box_at(x, 100), Identity::Undecided, Some(track))
}

pub fn known(track: u64, x: u32, id: &str) -> Face {
    let person = Person { id: id.to_owned(), ..Person::default() };
    face(box_at(x, 100), Identity::Known(person), Some(track))
}

/// As a recogniser tells it that does not follow faces.
pub fn back(mut face: Face) -> Face {
    face.track = None;
    face
}

/// Who it is, in a word.
pub fn name(face: &Face) -> String {
    match &face.identity {
        Identity::Known(person) => person.id.clone(),
        Identity::Unknown => "guest".to_owned(),
        Identity::Undecided => "undecided".to_owned(),
        Identity::TooSmall => "far".to_owned(),
    }
}

pub struct Show {
    pub kit: Kit<Presence>,
    /// From one frame to the next.
    pub interval: Duration,
    /// From a frame to what is said of it.
    pub delay: Duration,
    next: Time,
    frame: u64,
}

impl Show {
    pub fn new(config: Value) -> Self {
        Self::of(Kit::<Presence>::builder().manifest(manifest__::TEXT), config)
    }

    pub fn of(builder: Builder<Presence>, config: Value) -> Self {
        let kit = builder.wire(input::faces, "faces.faces").open(config).expect("the stage opens");
        Self { kit, interval: Duration::from_millis(100), delay: Duration::ZERO, next: at(0), frame: 0 }
    }

    /// So many frames with these faces; then the clock stands at the last of them.
    pub fn frames(&mut self, count: u32, faces: &[Face]) {
        for _ in 0..count {
            let due = self.next + self.delay;
            self.kit.advance(due.since(self.kit.now())).expect("wakes are served");
            let faces =
                Faces { width: 1_280, height: 720, frame: self.frame, faces: faces.to_vec(), ..Faces::default() };
            self.kit.send_seen_at(self.next, input::faces, None, faces).expect("it takes what is seen");
            self.next = self.next + self.interval;
            self.frame += 1;
        }
    }

    /// No frame comes for so many milliseconds.
    pub fn advance(&mut self, millis: u64) {
        self.kit.advance(Duration::from_millis(millis)).expect("wakes are served");
        self.next = self.next.max(self.kit.now());
    }

    /// The visits, and of each the faces with which it was opened: `1 since 0, at 500: noura`.
    pub fn visits(&self) -> Vec<String> {
        let millis = |time: Time| time.as_nanos() / 1_000_000 - START;
        let (sent, stamps) = (self.kit.emitted(output::faces), self.kit.stamps(output::faces));
        let mut told = Vec::new();
        for visit in self.kit.opened() {
            let arrived = millis(self.kit.arrival(visit));
            let first = sent.iter().zip(&stamps).find(|((of, _), _)| *of == Some(visit));
            let ((_, faces), stamp) = first.expect("a visit is opened with its faces");
            let names: Vec<String> = faces.faces.iter().map(name).collect();
            told.push(format!("{} since {arrived}, at {}: {}", visit.number(), millis(*stamp), names.join(" ")));
        }
        told
    }

    /// Who was told of in each visit, of whom something was known, in order of the visits.
    pub fn guests(&self) -> Vec<String> {
        let sent = self.kit.emitted(output::faces);
        let of = |visit| {
            let faces = sent.iter().filter(move |(of, _)| *of == Some(visit)).flat_map(|(_, faces)| &faces.faces);
            let mut names: Vec<String> = faces.map(name).collect();
            names.sort();
            names.dedup();
            names.retain(|name| name != "undecided");
            names.join(" ")
        };
        self.kit.opened().into_iter().map(of).collect()
    }
}
