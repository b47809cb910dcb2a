//! Who is who on the photographs of the test data: nobody is ever called by another's name, and everybody is known again.

#![allow(clippy::unwrap_used)]

mod testdata;

use majlis_insightface::KIND;
use majlis_recognition::gallery::{
    Consent, Face, Gallery, Outcome, Person, Picture, Recogniser, SHARPNESS, Template, Thresholds, decide,
};
use majlis_recognition::pack::Card;
use majlis_recognition::{Analyser, Options};
use testdata::Photo;

const NOW: u64 = 1_800_000_000;

/// Whoever is on a photograph that shows one person.
const PEOPLE: [(&str, &[&str]); 3] = [
    ("collins", &["astronaut.png", "d_astronaut_dark.png", "d_astronaut_gray.png", "d_astronaut_rot30.png"]),
    ("obama", &["obama.jpg", "obama2.jpg", "obama3.jpg", "d_obama2_blur.png"]),
    ("biden", &["biden.jpg"]),
];

/// A face of 11 px of the first of them.
const TINY: &str = "d_astronaut_tiny64.png";

struct Room {
    analyser: Analyser,
    thresholds: Thresholds,
}

impl Room {
    fn open() -> Option<Self> {
        let folder = testdata::folder()?;
        let runtime = testdata::runtime(None)?;
        let card = Card::shipped("testdata").unwrap();
        let analyser = Analyser::open(&runtime, &card, &KIND, &[folder.join("models")], Options::default()).unwrap();
        Some(Self { analyser, thresholds: Thresholds::of_model(card.match_threshold.unwrap()) })
    }

    fn faces(&mut self, photograph: &str) -> Vec<Face> {
        let photo = Photo::open(&testdata::folder().unwrap().join("images").join(photograph));
        self.analyser.analyse(&photo.view()).unwrap()
    }

    fn only(&mut self, photograph: &str) -> Face {
        let mut faces = self.faces(photograph);
        assert_eq!(faces.len(), 1, "{photograph}");
        faces.remove(0)
    }

    fn gallery<'a>(&self, people: impl IntoIterator<Item = (String, &'a Face)>) -> Gallery {
        let model = self.analyser.model();
        let mut gallery = Gallery::new(model.clone());
        for (id, face) in people {
            let consent = Consent { text: "expo-2".into(), recognise: true, ..Consent::default() };
            let template = Template::new(model, face.embedding.as_ref().unwrap()).unwrap();
            gallery.add(Person { id, consent, ..Person::default() }, &template).unwrap();
        }
        gallery
    }
}

#[test]
fn every_photograph_of_a_person_is_known_by_every_other() {
    let Some(mut room) = Room::open() else { return };
    for (who, photographs) in PEOPLE {
        let faces: Vec<Face> = photographs.iter().map(|photograph| room.only(photograph)).collect();
        for (enrolled, one) in photographs.iter().zip(&faces) {
            let gallery = room.gallery([(who.to_owned(), one)]);
            for (shown, other) in photographs.iter().zip(&faces) {
                let decision = decide(other, &[&gallery], &room.thresholds, NOW);
                assert_eq!(decision.outcome, Outcome::Known, "{shown} by {enrolled}: {decision:?}");
                assert!(decision.best.unwrap().similarity >= 0.64, "{shown} by {enrolled}");
            }
        }
    }
    let collins = room.only("astronaut.png");
    let gallery = room.gallery([("collins".to_owned(), &collins)]);
    let tiny = room.only(TINY);
    assert_eq!(decide(&tiny, &[&gallery], &room.thresholds, NOW).outcome, Outcome::TooSmall);
}

#[test]
fn nobody_of_a_group_is_taken_for_somebody_else() {
    let Some(mut room) = Room::open() else { return };
    let known: Vec<(String, Face)> = PEOPLE
        .iter()
        .flat_map(|(who, photographs)| photographs.iter().map(|photograph| ((*who).to_owned(), *photograph)))
        .map(|(who, photograph)| (who, room.only(photograph)))
        .collect();
    let group = room.faces("solvay_1927.png");
    assert_eq!(group.len(), 29);
    let mut closest = 0.0f32;
    for (left_out, face) in group.iter().enumerate() {
        let others = group.iter().enumerate().filter(|(number, _)| *number != left_out);
        let others = others.map(|(number, face)| (format!("solvay-{number}"), face));
        let gallery = room.gallery(known.iter().map(|(who, face)| (who.clone(), face)).chain(others));
        let decision = decide(face, &[&gallery], &room.thresholds, NOW);
        assert_ne!(decision.outcome, Outcome::Known, "face {left_out}: {decision:?}");
        closest = closest.max(decision.best.unwrap().similarity);
    }
    assert!(closest > 0.5, "some of them are like each other, or this photograph shows nothing: {closest}");
    // And the threshold of larger models would be wrong for this one.
    let careless = Thresholds { match_threshold: 0.4, unknown_threshold: 0.3, ..room.thresholds };
    let all = room.gallery(group.iter().enumerate().skip(1).map(|(number, face)| (format!("solvay-{number}"), face)));
    assert_eq!(decide(&group[0], &[&all], &careless, NOW).outcome, Outcome::Known);
}

#[test]
fn people_on_photographs_are_not_taken_for_each_other() {
    let Some(mut room) = Room::open() else { return };
    for (who, photographs) in PEOPLE {
        let others: Vec<(String, Face)> = PEOPLE
            .iter()
            .filter(|(other, _)| *other != who)
            .flat_map(|(other, photographs)| photographs.iter().map(|photograph| ((*other).to_owned(), *photograph)))
            .map(|(other, photograph)| (other, room.only(photograph)))
            .collect();
        let gallery = room.gallery(others.iter().map(|(who, face)| (who.clone(), face)));
        for photograph in photographs {
            let decision = decide(&room.only(photograph), &[&gallery], &room.thresholds, NOW);
            assert_eq!(decision.outcome, Outcome::Unknown, "{photograph}");
        }
    }
}

#[test]
fn a_face_out_of_focus_is_told_from_a_sharp_one() {
    let Some(mut room) = Room::open() else { return };
    let mut sharpness = |photograph: &str, radius: usize| {
        let photo = Photo::open(&testdata::folder().unwrap().join("images").join(photograph));
        let bytes = blurred(&photo, radius);
        let picture = Picture { rgb: &bytes, width: photo.width, height: photo.height };
        let face = Recogniser::detect(&mut room.analyser, &picture).unwrap().remove(0);
        Recogniser::align(&mut room.analyser, &picture, &face).unwrap().unwrap().sharpness()
    };
    for photograph in ["astronaut.png", "d_astronaut_dark.png", "obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg"] {
        assert!(sharpness(photograph, 0) > 4.0 * SHARPNESS, "{photograph}");
    }
    assert!(sharpness("d_obama2_blur.png", 0) < SHARPNESS / 2.0);
    assert!(sharpness("astronaut.png", 2) < SHARPNESS / 2.0);
    assert!(sharpness("biden.jpg", 6) < SHARPNESS / 2.0);
}

/// Twice the mean over a square of `2 r + 1` px: a camera out of focus.
fn blurred(photo: &Photo, r: usize) -> Vec<u8> {
    let mut bytes = photo.bytes.clone();
    let (w, h) = (photo.width, photo.height);
    for _ in 0..2 {
        for horizontal in [true, false] {
            let from = bytes.clone();
            let (long, across, step, jump) = if horizontal { (w, h, 3, 3 * w) } else { (h, w, 3 * w, 3) };
            for line in 0..across {
                for channel in 0..3 {
                    let at = |i: usize| line * jump + i * step + channel;
                    for i in 0..long {
                        let (a, b) = (i.saturating_sub(r), (i + r).min(long - 1));
                        let sum: usize = (a..=b).map(|j| usize::from(from[at(j)])).sum();
                        bytes[at(i)] = (sum / (b - a + 1)) as u8;
                    }
                }
            }
        }
    }
    bytes
}
