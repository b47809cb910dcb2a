//! The source of photographs, on a clock that the test turns.

use std::path::Path;
use std::time::Duration;

use image::{ExtendedColorType, GrayImage, ImageEncoder, Rgb, RgbImage, codecs::jpeg::JpegEncoder};
use majlis_images::{Config, Images, manifest__, output};
use majlis_plugin_api::{Closed, Frame};
use majlis_testkit::{FailureKind, Kit, testdata};
use serde_json::json;

/// A picture whose upper left pixel is red and whose others are blue.
fn marked(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| if (x, y) == (0, 0) { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) })
}

fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (index, name) in names.iter().enumerate() {
        marked(8 + u32::try_from(index).expect("few"), 4).save(folder.path().join(name)).expect("a picture");
    }
    folder
}

fn kit(folder: &Path, config: serde_json::Value) -> Kit<Images> {
    Kit::builder().manifest(manifest__::TEXT).base(folder).open(config).expect("the stage opens")
}

fn widths(kit: &Kit<Images>) -> Vec<u32> {
    kit.emitted(output::frame).iter().map(|(_, frame)| frame.width()).collect()
}

fn pixel(frame: &Frame, x: usize, y: usize) -> [u8; 3] {
    let at = y * frame.stride() + x * 3;
    [frame.pixels()[at], frame.pixels()[at + 1], frame.pixels()[at + 2]]
}

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn pictures_come_in_natural_order_at_their_rate_and_then_the_source_ends() {
    let folder = folder(&["p10.png", "p2.png", "p1.png"]);
    std::fs::write(folder.path().join("notes.txt"), "no picture").expect("a file");
    let mut kit = kit(folder.path(), json!({ "path": ".", "fps": 4 }));
    let begun = kit.now();
    kit.start().expect("a picture");
    assert_eq!(widths(&kit), [10], "the first at once");
    kit.advance(Duration::from_millis(249)).expect("nothing is due");
    assert_eq!(widths(&kit).len(), 1);
    kit.advance(Duration::from_secs(5)).expect("the others");
    assert_eq!(widths(&kit), [10, 9, 8]);
    let after: Vec<Duration> = kit.stamps(output::frame).iter().map(|time| time.since(begun)).collect();
    assert_eq!(after, [0, 250, 500].map(Duration::from_millis));
    assert!(kit.ended());
    assert!(kit.emitted(output::frame).iter().all(|(visit, _)| visit.is_none()));
    assert_eq!((kit.fact("file").as_deref(), kit.fact("files").as_deref()), (Some("3"), Some("3")));
}

#[test]
fn each_picture_may_be_a_visitor_and_none_is_lost_when_the_house_is_full() {
    let folder = folder(&["a.png", "b.png"]);
    let mut kit = Kit::<Images>::builder()
        .base(folder.path())
        .max_visits(1)
        .open(json!({ "path": "*.png", "as_visits": true }))
        .expect("the stage opens");
    let guest = kit.open_visit().expect("the stage does not mind");
    kit.start().expect("it waits");
    kit.advance(Duration::from_secs(3)).expect("it waits");
    assert_eq!((widths(&kit), kit.ended()), (vec![], false));
    kit.leave(guest).expect("the stage does not mind");
    kit.advance(Duration::from_secs(1)).expect("both are shown");
    let emitted = kit.emitted(output::frame);
    assert_eq!(widths(&kit), [8, 9]);
    let visits: Vec<_> = emitted.iter().filter_map(|(visit, _)| *visit).collect();
    assert_eq!(visits, kit.opened());
    assert!(visits.iter().all(|&visit| kit.closed(visit) == Some(Closed::Ended)));
    assert!(kit.ended());
}

#[test]
fn a_broken_file_is_told_and_the_next_one_goes_on() {
    let folder = folder(&["a.png", "c.png"]);
    std::fs::write(folder.path().join("b.png"), b"\x89PNG\r\n\x1a\nand then nothing").expect("a file");
    let mut kit = kit(folder.path(), json!({ "path": "." }));
    kit.start().expect("the first");
    kit.advance(Duration::from_secs(1)).expect("the others");
    assert_eq!(widths(&kit), [8, 9]);
    assert_eq!(kit.fact("broken").as_deref(), Some("1"));
    let errors: Vec<_> = kit.logs().into_iter().filter(|log| log.level == 1).collect();
    assert_eq!(errors.len(), 1);
    let said = &errors[0].message;
    assert!(said.contains("picture 2 of 3"), "{said}");
    // A photograph is often named after whom it shows: its name is only for who asks, and for who looks for a fault.
    let above_debug = kit.logs().into_iter().filter(|log| log.level < 4);
    assert!(above_debug.into_iter().all(|log| !log.message.contains("b.png")), "{:?}", kit.logs());
    assert!(kit.logs().iter().any(|log| log.level == 4 && log.message.contains("b.png")), "{:?}", kit.logs());

    let listed = kit.control("pictures", &json!({})).expect("the verb is there");
    let listed = listed.as_array().expect("a list");
    let files: Vec<_> = listed.iter().map(|picture| (&picture["file"], picture["broken"].is_null())).collect();
    assert_eq!(files, [(&json!("a.png"), true), (&json!("b.png"), false), (&json!("c.png"), true)]);
    assert_eq!(listed[1]["picture"], 2);
    assert!(said.contains(&format!("key {}", listed[1]["key"].as_str().expect("a text"))), "{said} and {listed:?}");
    assert!(kit.control("photos", &json!({})).is_err());
}

#[test]
fn a_loop_begins_again_but_not_when_no_picture_can_be_decoded() {
    let folder = folder(&["a.png"]);
    let mut kit = kit(folder.path(), json!({ "path": "a.png", "loop": true }));
    kit.start().expect("the first");
    kit.advance(Duration::from_secs(1)).expect("the others");
    assert_eq!(kit.emitted(output::frame).len(), 11);
    assert!(!kit.ended());

    std::fs::write(folder.path().join("a.png"), "no picture any more").expect("a file");
    kit.advance(Duration::from_secs(1)).expect("it is told");
    assert!(kit.ended());
}

#[test]
fn a_drain_ends_it_and_a_picture_that_waits_is_let_go() {
    let folder = folder(&["a.png", "b.png"]);
    let mut kit = kit(folder.path(), json!({ "path": ".", "as_visits": true }));
    kit.start().expect("the first");
    kit.drain(Duration::from_secs(5)).expect("it ends");
    kit.advance(Duration::from_secs(1)).expect("nothing more");
    assert!(kit.ended());
    assert_eq!(widths(&kit), [8]);
}

#[test]
fn a_picture_is_shown_upright_in_three_colours() {
    let folder = tempfile::tempdir().expect("a folder");
    // Orientation 6: the camera was turned, so the picture has to be turned a quarter clockwise.
    let exif =
        [b"II\x2a\x00\x08\x00\x00\x00".as_slice(), &[1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]]
            .concat();
    let mut turned =
        JpegEncoder::new_with_quality(std::fs::File::create(folder.path().join("1.jpg")).expect("a file"), 100);
    turned.set_exif_metadata(exif).expect("JPEG holds EXIF");
    let block = RgbImage::from_fn(32, 16, |x, y| if x < 16 && y < 8 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    turned.encode(&block, 32, 16, ExtendedColorType::Rgb8).expect("a picture");
    GrayImage::from_pixel(3, 2, image::Luma([77])).save(folder.path().join("2.png")).expect("a picture");

    let mut kit = kit(folder.path(), json!({ "paths": ["1.jpg", "2.png"] }));
    kit.start().expect("the first");
    kit.advance(Duration::from_secs(1)).expect("the second");
    let frames = kit.emitted(output::frame);
    let turned = &frames[0].1;
    assert_eq!((turned.width(), turned.height()), (16, 32));
    let corner = pixel(turned, 15, 0);
    assert!(corner[0] > 200 && corner[2] < 60, "the red corner is now upper right: {corner:?}");
    assert_eq!(pixel(&frames[1].1, 2, 1), [77; 3]);
}

#[test]
fn every_byte_of_a_frame_is_a_pixel_of_the_picture() {
    let folder = folder(&["a.png"]);
    let mut kit = kit(folder.path(), json!({ "path": "a.png" }));
    kit.start().expect("a picture");
    let frame = &kit.emitted(output::frame)[0].1;
    assert_eq!(pixel(frame, 0, 0), [255, 0, 0]);
    assert!((0..4).flat_map(|y| (0..8).map(move |x| (x, y))).skip(1).all(|(x, y)| pixel(frame, x, y) == [0, 0, 255]));
}

#[test]
fn a_configuration_that_shows_nothing_is_refused_with_its_key() {
    let empty = tempfile::tempdir().expect("a folder");
    for (config, path) in [
        (json!({}), "path"),
        (json!({ "path": "nowhere" }), "path"),
        (json!({ "path": "." }), "path"),
        (json!({ "paths": ["*.png"] }), "paths[0]"),
        (json!({ "path": ".", "fps": 0 }), "fps"),
        (json!({ "path": ".", "fsp": 1 }), "fsp"),
    ] {
        let refused = Kit::<Images>::builder().base(empty.path()).open(config.clone()).err().expect("it is refused");
        assert_eq!((refused.kind, refused.path.as_str()), (FailureKind::Config, path), "{config}: {refused}");
    }
}

#[test]
fn real_photographs_are_decoded() {
    let Some(images) = testdata::path("images") else {
        return;
    };
    let mut kit = kit(&images, json!({ "path": "." , "fps": 100 }));
    kit.start().expect("the first");
    kit.advance(Duration::from_secs(1)).expect("the others");
    assert_eq!(kit.fact("broken"), None);
    assert_eq!(kit.emitted(output::frame).len(), std::fs::read_dir(&images).expect("a folder").count());
}
