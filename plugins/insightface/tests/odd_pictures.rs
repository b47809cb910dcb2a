//! Pictures of shapes and colours that no camera sends: an answer or an error in words, never a panic. On the pack of this
//! repository, so that it is tested everywhere.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageBuffer, Luma, Rgb, Rgba};
use majlis_insightface::{InsightFace, input, manifest__, output};
use majlis_plugin_api::{FrameMut, PixelFormat};
use majlis_testkit::Kit;
use serde_json::json;

fn kit() -> Kit<InsightFace> {
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo");
    let config = json!({ "models": "demo", "folder": pack, "backend": "rten", "gallery": "none" });
    Kit::builder().manifest(manifest__::TEXT).open(config).unwrap()
}

#[test]
fn a_photograph_of_any_depth_and_colour_is_read_as_people_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, picture: DynamicImage| -> PathBuf {
        let path = folder.path().join(name);
        picture.save(&path).unwrap();
        path
    };
    let photographs = [
        save("rgb16.png", ImageBuffer::from_pixel(40, 30, Rgb([40_000u16, 9_000, 65_535])).into()),
        save("grey16.png", ImageBuffer::from_pixel(40, 30, Luma([30_000u16])).into()),
        save("alpha.png", ImageBuffer::from_pixel(40, 30, Rgba([200u8, 100, 50, 0])).into()),
        save("one.png", ImageBuffer::from_pixel(1, 1, Rgb([1u8, 2, 3])).into()),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/cmyk.jpg"),
    ];
    let mut kit = kit();
    for photograph in photographs {
        let answer = kit.control("why", &json!({ "photo": photograph }));
        let told = answer.as_ref().map_or_else(|error| error.message.clone(), ToString::to_string);
        assert!(
            told.contains("no face was found") || told.contains("\"faces\":[]"),
            "{}: {told}",
            photograph.display()
        );
    }
}

#[test]
fn a_frame_of_any_shape_is_an_answer_or_an_error_in_words() {
    let mut kit = kit();
    for (width, height, answers) in [
        (1, 1, true),
        (1, 5_000, false),
        (5_000, 1, false),
        (20_000, 20, false),
        (20, 20_000, false),
        (1_000, 20, true),
    ] {
        let mut frame = FrameMut::new(kit.host(), width, height, PixelFormat::Rgb8).unwrap();
        frame.pixels_mut().fill(120);
        kit.forget_emitted();
        let sent = kit.send(input::frame, None, frame.still().freeze().unwrap());
        assert_eq!(sent.is_ok(), answers, "{width} x {height}: {sent:?}");
        match sent {
            Ok(_) => assert_eq!(kit.emitted(output::faces).remove(0).1.faces, []),
            Err(failure) => assert!(failure.message.contains("recognition.aspect-ratio"), "{failure}"),
        }
    }
}
