//! The same faces, the same pixels and the same embeddings as Python InsightFace 0.7.3, for every test photograph.

#![allow(clippy::unwrap_used)]

mod testdata;

use std::fs;
use std::path::{Path, PathBuf};

use majlis_insightface::KIND;
use majlis_recognition::backend::Backend;
use majlis_recognition::backend::rten::{self, Rten};
use majlis_recognition::detector::{Canvas, Settings};
use majlis_recognition::pack::Card;
use majlis_recognition::resize::Resizer;
use majlis_recognition::warp::{Affine, similarity, warp};
use majlis_recognition::{Analyser, Face, Options};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use testdata::Photo;

#[derive(Deserialize)]
struct GoldenFace {
    bbox: [f32; 4],
    det_score: f32,
    kps: [[f32; 2]; 5],
    embedding_norm: f32,
    normed_embedding: Vec<f32>,
}

/// How far a result may be off. A JPEG is decoded by another library here, so its pixels differ a little from the start.
struct Tolerance {
    pixels: f32,
    score: f32,
    cosine: f32,
}

impl Tolerance {
    fn of(photo: &str, canvas: Canvas) -> Self {
        match (photo.ends_with(".jpg"), canvas) {
            (true, _) => Self { pixels: 0.5, score: 2e-3, cosine: 0.999 },
            (false, Canvas::Square) => Self { pixels: 0.05, score: 1e-3, cosine: 0.9999 },
            (false, Canvas::Fit) => Self { pixels: 0.25, score: 2e-3, cosine: 0.9999 },
        }
    }
}

fn golden(folder: &Path, file: &str) -> Vec<(String, Value)> {
    let text = fs::read_to_string(folder.join("golden").join(file)).unwrap();
    let Value::Object(mut golden) = serde_json::from_str(&text).unwrap() else { panic!("{file}") };
    let Some(Value::Object(images)) = golden.remove("images") else { panic!("{file}") };
    assert!(images.len() >= 17, "{file} has {} images", images.len());
    images.into_iter().collect()
}

fn analyser(folder: &Path, cache: Option<PathBuf>) -> Option<Analyser> {
    Some(analyser_on(&testdata::runtime(cache)?, folder, Canvas::Square))
}

fn analyser_on(backend: &dyn Backend, folder: &Path, canvas: Canvas) -> Analyser {
    let card = Card::shipped("testdata").unwrap();
    let options = Options { detector: Settings { canvas, ..Settings::default() }, ..Options::default() };
    Analyser::open(backend, &card, &KIND, &[folder.join("models")], options).unwrap()
}

fn greatest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Compares one photograph's faces with the golden ones, and adds a line for each that is off.
fn compare(photo: &str, faces: &[Face], golden: &Value, canvas: Canvas, off: &mut Vec<String>) {
    let golden: Vec<GoldenFace> = serde_json::from_value(golden["faces"].clone()).unwrap();
    if faces.len() != golden.len() {
        off.push(format!("{photo}: {} faces, not {}", faces.len(), golden.len()));
        return;
    }
    let tolerance = Tolerance::of(photo, canvas);
    for (index, expected) in golden.iter().enumerate() {
        // By place and not by rank: scores of a decoder's different pixels may change places.
        let near = |face: &&Face| greatest(&face.detection.bbox, &expected.bbox);
        let face = faces.iter().min_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
        let embedding = face.embedding.as_ref().unwrap();
        assert_eq!(embedding.unit.len(), expected.normed_embedding.len());
        let bbox = near(&face);
        let key_points = greatest(face.detection.key_points.unwrap().as_flattened(), expected.kps.as_flattened());
        let score = (face.detection.score - expected.det_score).abs();
        let cosine: f32 = embedding.unit.iter().zip(&expected.normed_embedding).map(|(a, b)| a * b).sum();
        let norm = (embedding.norm / expected.embedding_norm - 1.0).abs();
        let line = format!(
            "{photo} {index}: box {bbox:.4} px, key points {key_points:.4} px, score {score:.5}, cosine {cosine:.6}, norm {norm:.4}"
        );
        println!("{line}");
        let fits = bbox <= tolerance.pixels
            && key_points <= tolerance.pixels
            && score <= tolerance.score
            && cosine >= tolerance.cosine
            && norm <= 0.02;
        if !fits {
            off.push(line);
        }
    }
}

fn all_photographs_match(mut analyser: Analyser, folder: &Path, canvas: Canvas) {
    let mut off = Vec::new();
    for (photo, expected) in golden(folder, "insightface_0.7.3.json") {
        let picture = Photo::open(&folder.join("images").join(&photo));
        let faces = analyser.analyse(&picture.view()).unwrap();
        compare(&photo, &faces, &expected, canvas, &mut off);
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}

#[test]
fn faces_and_embeddings_are_those_of_insightface() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let Some(analyser) = analyser(&folder, None) else {
        return;
    };
    all_photographs_match(analyser, &folder, Canvas::Square);
}

#[test]
fn what_is_left_of_a_square_changes_a_face_by_less_than_a_quarter_of_a_pixel() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let fit = Canvas::default();
    assert_eq!(fit, Canvas::Fit);
    if let Some(runtime) = testdata::runtime(None) {
        all_photographs_match(analyser_on(&runtime, &folder, fit), &folder, fit);
    }
    let rten = Rten::new(rten::Options { threads: 2, adopt: None });
    all_photographs_match(analyser_on(&rten, &folder, fit), &folder, fit);
}

#[test]
fn without_anything_native_the_faces_are_the_same() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    for threads in [1, 2] {
        let backend = Rten::new(rten::Options { threads, adopt: None });
        all_photographs_match(analyser_on(&backend, &folder, Canvas::Square), &folder, Canvas::Square);
    }
}

#[test]
fn models_from_the_cache_give_the_same_faces_as_the_originals() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let cache = tempfile::tempdir().unwrap();
    let place = cache.path().join("optimised");
    let Some(first) = analyser(&folder, Some(place.clone())) else {
        return;
    };
    drop(first);
    let files = |suffix: &str| {
        let names = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(suffix)).count()
    };
    assert_eq!((files(".ort"), files(".toml"), files("")), (2, 2, 4));
    all_photographs_match(analyser(&folder, Some(place)).unwrap(), &folder, Canvas::Square);
}

fn hash(bgr: &[u8]) -> String {
    Sha256::digest(bgr).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The order of colours in which OpenCV keeps a picture, and in which the golden hashes were taken.
fn bgr(rgb: &[u8]) -> Vec<u8> {
    rgb.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*b, *g, *r]).collect()
}

#[test]
fn resized_pixels_are_those_of_opencv_to_the_bit() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let mut resizer = Resizer::default();
    for (photo, layers) in golden(&folder, "layers.json").into_iter().filter(|(photo, _)| photo.ends_with(".png")) {
        let picture = Photo::open(&folder.join("images").join(&photo));
        assert_eq!(hash(&bgr(&picture.bytes)), layers["bgr_sha256"], "{photo} was decoded otherwise");
        let [width, height]: [usize; 2] = serde_json::from_value(layers["resized_wh"].clone()).unwrap();
        let mut resized = vec![0; width * height * 3];
        resizer.resize(&picture.view(), width, height, |y, channel, line| {
            for (x, value) in line.iter().enumerate() {
                resized[(y * width + x) * 3 + 2 - channel] = *value;
            }
        });
        assert_eq!(hash(&resized), layers["resized_bgr_sha256"], "{photo}");
    }
}

#[test]
fn aligned_pixels_are_those_of_opencv_to_the_bit() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let mut aligned_faces = 0;
    for (photo, layers) in golden(&folder, "layers.json").into_iter().filter(|(photo, _)| photo.ends_with(".png")) {
        let picture = Photo::open(&folder.join("images").join(&photo));
        for face in layers["faces"].as_array().unwrap() {
            let transform = Affine(serde_json::from_value(face["M"].clone()).unwrap());
            let mut aligned = Vec::new();
            warp(&picture.view(), &transform, 112, |_, _, [r, g, b]| aligned.extend([b, g, r]));
            assert_eq!(hash(&aligned), face["aligned_bgr_sha256"], "{photo}");
            aligned_faces += 1;
        }
    }
    assert!(aligned_faces >= 20, "only {aligned_faces} faces");
}

#[test]
fn the_similarity_transform_is_that_of_umeyama() {
    const TEMPLATE: [[f64; 2]; 5] =
        [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]];
    let Some(folder) = testdata::folder() else {
        return;
    };
    for ((photo, layers), (same, faces)) in
        golden(&folder, "layers.json").into_iter().zip(golden(&folder, "insightface_0.7.3.json"))
    {
        assert_eq!(photo, same);
        let faces: Vec<GoldenFace> = serde_json::from_value(faces["faces"].clone()).unwrap();
        for (face, layer) in faces.iter().zip(layers["faces"].as_array().unwrap()) {
            let golden: [[f64; 3]; 2] = serde_json::from_value(layer["M"].clone()).unwrap();
            let transform = similarity(&face.kps, &TEMPLATE).unwrap();
            for (a, b) in transform.0.as_flattened().iter().zip(golden.as_flattened()) {
                // The original works in single precision.
                assert!((a - b).abs() <= 1e-3, "{photo}: {:?} is not {golden:?}", transform.0);
            }
        }
    }
}
