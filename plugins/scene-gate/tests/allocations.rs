//! A camera runs all day: after the first frame of a visit nothing is allocated for a frame.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{face, frame, hall};
use majlis_meter::Jemalloc;
use majlis_meter::thread::counters;
use majlis_plugin_api::{Frame, Time};
use majlis_scene_gate::Config;
use majlis_scene_gate::gate::{Gate, Reason, Rules};
use majlis_test_film::{Picture, Visitor};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

#[test]
fn after_the_first_frame_of_a_visit_nothing_is_allocated() {
    let Some(mut hall) = hall("coffee.png") else { return };
    let host = majlis_testkit::host();
    let pictures = [Picture::EMPTY, Picture::of(Visitor::at(100)), Picture::of(Visitor::at(300))];
    let frames: Vec<Frame> = pictures.iter().map(|picture| frame(&mut hall, &host, *picture)).collect();
    // Nobody is there at first; then one comes after the other.
    let people: Vec<_> = (1..=10).map(face).collect();
    let rules = Rules::new(&Config::default());
    let mut gate = Gate::default();
    let mut time = Time::default();
    let mut looked = 0;
    let mut decide = |frame: &Frame, count: usize| {
        time = time + Duration::from_millis(100);
        looked += usize::from(gate.decide(&rules, time, frame, Some(&people[..count])).unwrap().lets_through());
    };
    decide(&frames[0], 0);
    let before = counters();
    for number in 0..300 {
        decide(&frames[number / 20 % 3], number / 30);
    }
    assert_eq!(counters(), before);
    assert!(looked >= 10, "{looked}: it decides");
}

#[test]
fn a_frame_of_every_format_shows_the_same() {
    use majlis_plugin_api::{FrameMut, PixelFormat};
    let host = majlis_testkit::host();
    // A stripe of red on green.
    let colour = |x: usize| if (100..150).contains(&x) { [200, 30, 10] } else { [20, 90, 60] };
    let grey = |[r, g, b]: [u32; 3]| ((77 * r + 150 * g + 29 * b) / 256) as u8;
    let frame = |format: PixelFormat, width: u32| {
        let mut frame = FrameMut::new(&host, width, 240, format).unwrap();
        for (at, pixel) in (0..width as usize * 240).zip(pixels(frame.pixels_mut(), format)) {
            let [r, g, b] = colour(at % width as usize * 320 / width as usize);
            match format {
                PixelFormat::Rgb8 => pixel.copy_from_slice(&[r as u8, g as u8, b as u8]),
                PixelFormat::Bgr8 => pixel.copy_from_slice(&[b as u8, g as u8, r as u8]),
                PixelFormat::Rgba8 => pixel.copy_from_slice(&[r as u8, g as u8, b as u8, 7]),
                _ => pixel[0] = grey([r, g, b]),
            }
        }
        frame.still().freeze().unwrap()
    };
    let formats = [PixelFormat::Rgb8, PixelFormat::Bgr8, PixelFormat::Rgba8, PixelFormat::Gray8, PixelFormat::I420];
    let rules = Rules::new(&Config::default());
    let mut gate = Gate::default();
    let second = |number: usize| Time::from_nanos(number as u64 * 2_000_000_000);
    for (number, (format, width)) in
        formats.iter().flat_map(|format| [(format, 320), (format, 1000), (format, 100)]).enumerate()
    {
        let reason = gate.decide(&rules, second(number), &frame(*format, width), None).unwrap();
        assert_eq!(reason, if number == 0 { Reason::NewVisit } else { Reason::Unchanged }, "{format:?} {width}");
    }
}

/// The pixels of the first plane.
fn pixels(bytes: &mut [u8], format: majlis_plugin_api::PixelFormat) -> std::slice::ChunksExactMut<'_, u8> {
    use majlis_plugin_api::PixelFormat;
    bytes.chunks_exact_mut(match format {
        PixelFormat::Rgb8 | PixelFormat::Bgr8 => 3,
        PixelFormat::Rgba8 => 4,
        _ => 1,
    })
}
