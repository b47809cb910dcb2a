//! YuNet on real photographs: it finds whom SCRFD finds, and the recogniser behind it makes the same of them.

#![allow(clippy::unwrap_used)]

use majlis_recognition::backend::rten::{self, Rten};
use majlis_recognition::detector::Settings;
use majlis_recognition::pack::Card;
use majlis_recognition::{Analyser, Config, Options, Rgb8};
use majlis_testkit::{manifest, schema, testdata};
use majlis_yunet::{KIND, manifest__};
use serde_json::Value;

fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let side = |i: usize| (a[i + 2].min(b[i + 2]) - a[i].max(b[i])).max(0.0);
    let area = |b: [f32; 4]| (b[2] - b[0]) * (b[3] - b[1]);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both)
}

#[test]
fn the_schema_is_that_of_every_recogniser_and_the_manifest_is_one() {
    schema::check::<Config>("../recognition/config.schema.json");
    let manifest = manifest::check(manifest__::TEXT);
    assert_eq!((manifest.name.as_str(), &manifest.native[..]), ("yunet", &["onnxruntime".to_owned()][..]));
    assert_eq!((manifest.verbs.len(), manifest.alias.as_deref()), (10, Some("faces")));
}

/// Whoever is on a photograph that shows one person.
const PEOPLE: [(&str, &[&str]); 3] = [
    ("collins", &["astronaut.png", "d_astronaut_dark.png", "d_astronaut_gray.png", "d_astronaut_rot30.png"]),
    ("obama", &["obama.jpg", "obama2.jpg", "obama3.jpg", "d_obama2_blur.png"]),
    ("biden", &["biden.jpg"]),
];

#[test]
fn two_people_stay_below_the_cards_threshold_and_nearly_all_pairs_of_one_are_above() {
    let Some(folder) = testdata::path("models/yunet_n_640.onnx").and_then(|_| testdata::path("")) else {
        return;
    };
    let backend = Rten::new(rten::Options::default());
    let card = Card::shipped("yunet_mobilefacenet").unwrap();
    let threshold = card.match_threshold.unwrap();
    let mut analyser = Analyser::open(&backend, &card, &KIND, &[folder.join("models")], Options::default()).unwrap();
    let mut faces: Vec<(String, Vec<f32>)> = Vec::new();
    let mut look = |who: &str, photo: &str| {
        let picture = image::open(folder.join("images").join(photo)).unwrap().to_rgb8();
        let view = Rgb8::packed(picture.as_raw(), picture.width() as usize, picture.height() as usize).unwrap();
        for (number, face) in analyser.analyse(&view).unwrap().into_iter().enumerate() {
            if face.detection.smaller_side() >= 60.0 && face.detection.score >= KIND.threshold {
                let who = if who.is_empty() { format!("{photo} {number}") } else { who.to_owned() };
                faces.push((who, face.embedding.unwrap().unit));
            }
        }
    };
    PEOPLE.iter().for_each(|(who, photos)| photos.iter().for_each(|photo| look(who, photo)));
    look("", "solvay_1927.png");
    assert!(faces.len() >= 9 + 25, "{}", faces.len());
    let (mut same, mut below, mut most_other) = (0, 0, -1.0f32);
    for (index, (who, unit)) in faces.iter().enumerate() {
        for (other, with) in &faces[..index] {
            let cosine: f32 = unit.iter().zip(with).map(|(a, b)| a * b).sum();
            match who == other {
                true => (same, below) = (same + 1, below + u32::from(cosine < threshold)),
                false => most_other = most_other.max(cosine),
            }
        }
    }
    // One pair of one person's photographs is missed, a blurred one with another: 0.579.
    println!("two people at most {most_other:.3}; of {same} pairs of one person {below} are below {threshold}");
    assert!(most_other < threshold && below <= 1 && same == 12, "{most_other}, {below} of {same}");
}

#[test]
fn the_faces_of_a_photograph_are_the_same_whether_possible_ones_are_looked_for_or_not() {
    let Some(folder) = testdata::path("models/yunet_n_640.onnx").and_then(|_| testdata::path("")) else {
        return;
    };
    let backend = Rten::new(rten::Options::default());
    let card = Card::shipped("testdata").unwrap();
    let [mut sure, mut wide] = [KIND.threshold, 0.2].map(|possible_from| {
        let detector = Settings { threshold: KIND.threshold, possible_from, ..Settings::default() };
        let options = Options { detector, ..Options::default() };
        Analyser::open(&backend, &card, &KIND, &[folder.join("models")], options).unwrap()
    });
    let mut possible = 0;
    for photo in std::fs::read_dir(folder.join("images")).unwrap() {
        let path = photo.unwrap().path();
        let picture = image::open(&path).unwrap().to_rgb8();
        let view = Rgb8::packed(picture.as_raw(), picture.width() as usize, picture.height() as usize).unwrap();
        let (Ok(expected), Ok(found)) = (sure.search(&view), wide.search(&view)) else { continue };
        assert_eq!(found.faces, expected.faces, "{path:?}");
        assert_eq!(expected.possible, []);
        assert!(found.possible.iter().all(|face| (0.2..KIND.threshold).contains(&face.score)), "{path:?}");
        possible += found.possible.len();
    }
    assert!(possible > 0);
}

#[test]
fn faces_that_are_large_enough_to_be_named_are_found_and_recognised() {
    let Some(folder) = testdata::path("models/yunet_n_640.onnx").and_then(|_| testdata::path("")) else {
        return;
    };
    let golden = std::fs::read_to_string(folder.join("golden/insightface_0.7.3.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let backend = Rten::new(rten::Options::default());
    let card = Card::shipped("testdata").unwrap();
    let mut analyser = Analyser::open(&backend, &card, &KIND, &[folder.join("models")], Options::default()).unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    for (photo, expected) in golden["images"].as_object().unwrap() {
        let picture = image::open(folder.join("images").join(photo)).unwrap().to_rgb8();
        let view = Rgb8::packed(picture.as_raw(), picture.width() as usize, picture.height() as usize).unwrap();
        let faces = analyser.analyse(&view).unwrap();
        println!("{photo}: {} faces by SCRFD, {} by YuNet", expected["faces"].as_array().unwrap().len(), faces.len());
        for face in expected["faces"].as_array().unwrap() {
            let bbox: [f32; 4] = serde_json::from_value(face["bbox"].clone()).unwrap();
            let embedding: Vec<f32> = serde_json::from_value(face["normed_embedding"].clone()).unwrap();
            if (bbox[2] - bbox[0]).min(bbox[3] - bbox[1]) < 60.0 {
                continue;
            }
            compared += 1;
            let nearest =
                faces.iter().max_by(|a, b| overlap(a.detection.bbox, bbox).total_cmp(&overlap(b.detection.bbox, bbox)));
            let Some(found) = nearest.filter(|found| overlap(found.detection.bbox, bbox) >= 0.5) else {
                wrong.push(format!("{photo}: the face at {bbox:?} is not found"));
                continue;
            };
            let unit = &found.embedding.as_ref().unwrap().unit;
            let cosine: f32 = unit.iter().zip(&embedding).map(|(a, b)| a * b).sum();
            println!(
                "{photo}: overlap {:.2}, score {:.2}, cosine {cosine:.3}",
                overlap(found.detection.bbox, bbox),
                found.detection.score
            );
            // Other key points make a little other upright face. On good photographs that hardly matters; on faces of
            // 30 px of 1927 it does.
            if cosine < 0.85 && photo != "solvay_1927.png" {
                wrong.push(format!("{photo}: cosine {cosine:.3} with the same face found by SCRFD"));
            }
        }
    }
    assert!(compared >= 10, "only {compared} faces");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
