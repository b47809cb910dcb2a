//! What happens when a model, a frame or the runtime is not what it should be: an error in words, never a panic.

#![allow(clippy::unwrap_used)]

mod testdata;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use majlis_insightface::{KIND, scrfd};
use majlis_recognition::backend::onnxruntime::{self, OnnxRuntime, Silent, Spawn};
use majlis_recognition::backend::{Backend, Model};
use majlis_recognition::detector::{Detector, Settings};
use majlis_recognition::pack::{self, Card};
use majlis_recognition::{Analyser, Error, Options, Rgb8, runtime_path};

/// A card for any file as a detector.
fn detector(folder: &Path, name: &str) -> pack::ModelFile {
    let path = folder.join(name);
    let text = format!(
        "name='x'\ntitle='x'\nlicence='x'\ncommercial=false\norigin='x'\n[[file]]\nname='{name}'\nrole='detector'\nsize={}\nsha256='{}'",
        fs::metadata(&path).unwrap().len(),
        pack::sha256(&path).unwrap()
    );
    Card::parse(&text, "x.toml").unwrap().detector("scrfd", &[folder.into()]).unwrap()
}

fn load(name: &str) -> Option<Box<dyn Model>> {
    let folder = testdata::folder()?.join("models");
    Some(testdata::runtime(None)?.load(&detector(&folder, name)).unwrap())
}

#[test]
fn a_detector_of_another_kind_is_told_by_its_outputs() {
    let Some(model) = load("yunet_n_640.onnx") else {
        return;
    };
    let error = Detector::new(model, scrfd::form, Settings::default()).err().unwrap();
    assert_eq!(error.code(), "recognition.model-shape");
    let text = error.to_string();
    assert!(
        text.contains("yunet_n_640.onnx") && text.contains("6 or 9 outputs") && text.contains("found 12 outputs"),
        "{text}"
    );
}

#[test]
fn a_recogniser_in_the_place_of_a_detector_is_told() {
    let Some(model) = load("mobilefacenet_128.onnx") else {
        return;
    };
    assert_eq!(Detector::new(model, scrfd::form, Settings::default()).err().unwrap().code(), "recognition.model-shape");
}

#[test]
fn a_detector_works_at_another_size_than_it_was_exported_for() {
    let (Some(folder), Some(model)) = (testdata::folder(), load("det_500m.onnx")) else {
        return;
    };
    let photo = testdata::Photo::open(&folder.join("images/astronaut.png"));
    let mut scrfd =
        Detector::new(model, scrfd::form, Settings { size: Some((320, 256)), ..Settings::default() }).unwrap();
    let faces = scrfd.detect(&photo.view()).unwrap();
    assert_eq!(faces.len(), 1);
    // The same face as at 640 x 640, at a coarser grid.
    assert!((faces[0].bbox[0] - 175.6).abs() < 10.0 && faces[0].smaller_side() > 60.0, "{:?}", faces[0].bbox);
}

#[test]
fn a_frame_that_is_too_narrow_is_an_error_and_the_next_one_is_served() {
    let (Some(folder), Some(model)) = (testdata::folder(), load("det_500m.onnx")) else {
        return;
    };
    let mut scrfd = Detector::new(model, scrfd::form, Settings::default()).unwrap();
    let line = vec![90; 3 * 5000];
    for view in [Rgb8::packed(&line, 5000, 1).unwrap(), Rgb8::packed(&line, 1, 5000).unwrap()] {
        assert_eq!(scrfd.detect(&view).unwrap_err().code(), "recognition.aspect-ratio");
    }
    let photo = testdata::Photo::open(&folder.join("images/astronaut.png"));
    assert_eq!(scrfd.detect(&photo.view()).unwrap().len(), 1);
}

#[test]
fn what_an_earlier_frame_left_in_the_input_does_not_show() {
    let (Some(folder), Some(model)) = (testdata::folder(), load("det_500m.onnx")) else {
        return;
    };
    let mut scrfd = Detector::new(model, scrfd::form, Settings::default()).unwrap();
    let wide = testdata::Photo::open(&folder.join("images/solvay_1927.png"));
    let tall = testdata::Photo::open(&folder.join("images/biden.jpg"));
    let first = scrfd.detect(&tall.view()).unwrap();
    assert!(scrfd.detect(&wide.view()).unwrap().len() > 20);
    assert_eq!(scrfd.detect(&tall.view()).unwrap(), first);
}

#[test]
fn the_faces_of_a_photograph_are_the_same_whether_possible_ones_are_looked_for_or_not() {
    let Some(folder) = testdata::folder() else { return };
    let from = |possible_from| Settings { possible_from, ..Settings::default() };
    let (Some(sure), Some(wide)) = (load("det_500m.onnx"), load("det_500m.onnx")) else { return };
    let mut sure = Detector::new(sure, scrfd::form, from(0.5)).unwrap();
    let mut wide = Detector::new(wide, scrfd::form, from(0.2)).unwrap();
    let mut possible = 0;
    for photo in fs::read_dir(folder.join("images")).unwrap() {
        let path = photo.unwrap().path();
        let photo = testdata::Photo::open(&path);
        let (Ok(expected), Ok(found)) = (sure.search(&photo.view()), wide.search(&photo.view())) else { continue };
        assert_eq!(found.faces, expected.faces, "{path:?}");
        assert_eq!(expected.possible, []);
        assert!(found.possible.iter().all(|face| (0.2..0.5).contains(&face.score)), "{path:?}");
        possible += found.possible.len();
    }
    assert!(possible > 0);
}

#[test]
fn a_file_that_is_no_graph_is_refused_with_the_runtimes_words() {
    let Some(runtime) = testdata::runtime(None) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.onnx"), "<html>not found</html>").unwrap();
    let error = runtime.load(&detector(folder.path(), "page.onnx")).err().unwrap();
    assert_eq!(error.code(), "recognition.model-refused");
}

#[test]
fn an_altered_model_is_not_run_even_with_a_cache() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let copies = tempfile::tempdir().unwrap();
    let Some(runtime) = testdata::runtime(Some(copies.path().join("cache"))) else {
        return;
    };
    let mut bytes = fs::read(folder.join("models/det_500m.onnx")).unwrap();
    fs::write(copies.path().join("det_500m.onnx"), &bytes).unwrap();
    let file = detector(copies.path(), "det_500m.onnx");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(copies.path().join("det_500m.onnx"), &bytes).unwrap();
    assert_eq!(runtime.load(&file).err().unwrap().code(), "recognition.model-altered");
}

#[test]
fn a_cache_that_cannot_be_written_does_not_stop_recognition() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    let Some(runtime) = testdata::runtime(Some(place.path().join("file/cache"))) else {
        return;
    };
    let model = runtime.load(&detector(&folder.join("models"), "det_500m.onnx")).unwrap();
    assert_eq!(model.outputs().len(), 9);
}

#[test]
fn a_second_library_in_one_process_is_an_error_that_names_both() {
    let Some(_running) = testdata::runtime(None) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("libonnxruntime.so.1.28.0");
    fs::write(&other, "").unwrap();
    let error = OnnxRuntime::open(&other, onnxruntime::Options::default()).err().unwrap();
    assert!(
        matches!(&error, Error::RuntimeConflict { wanted, .. } if wanted.ends_with("libonnxruntime.so.1.28.0")),
        "{error}"
    );
}

#[test]
fn a_missing_pack_says_where_it_comes_from_and_under_which_licence() {
    let Some(runtime) = testdata::runtime(None) else {
        return;
    };
    let card = Card::shipped("buffalo_l").unwrap();
    let error = Analyser::open(&runtime, &card, &KIND, &[PathBuf::from("/nowhere")], Options::default()).err().unwrap();
    assert_eq!(error.code(), "recognition.model-missing");
    assert!(error.remedy().unwrap().contains("non-commercial"));
}

#[test]
fn threads_of_the_runtime_are_made_by_whoever_offers_to() {
    let Some(folder) = testdata::folder() else {
        return;
    };
    let Some(_) = testdata::runtime(None) else {
        return;
    };
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let spawn: Spawn = Arc::new(move |work| {
        count.fetch_add(1, Ordering::SeqCst);
        std::thread::Builder::new().name("insightface".into()).spawn(work).map(drop).map_err(|error| error.to_string())
    });
    let path = runtime_path::find(None, |name| std::env::var_os(name)).unwrap();
    let runtime =
        OnnxRuntime::open(&path, onnxruntime::Options { threads: 2, cache: None, spawn: Some(spawn) }).unwrap();
    let mut scrfd = Detector::new(
        runtime.load(&detector(&folder.join("models"), "det_500m.onnx")).unwrap(),
        scrfd::form,
        Settings::default(),
    )
    .unwrap();
    let photo = testdata::Photo::open(&folder.join("images/astronaut.png"));
    assert_eq!(scrfd.detect(&photo.view()).unwrap().len(), 1);
    assert_eq!(made.load(Ordering::SeqCst), 1);
    drop(scrfd);
}

#[test]
fn a_library_that_is_not_known_to_be_silent_is_refused_unopened() {
    if std::env::var_os("ORT_DISABLE_TELEMETRY").is_some() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libonnxruntime.so.1.29.0");
    fs::write(&library, "").unwrap();
    let error = Silent::check(&library).unwrap_err();
    assert_eq!(error.code(), "recognition.runtime-telemetry");
    assert!(error.remedy().unwrap().contains("ORT_DISABLE_TELEMETRY=1"));
}
