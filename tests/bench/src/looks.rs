//! How many frames of a camera a vision model is not asked about: the whole program before a film of three visitors.

use std::path::Path;
use std::process::Stdio;

use image::RgbImage;
use image::imageops::{self, FilterType};
use majlis_test_server::{Act, Server};

use crate::figure::{Bound, Figure, Measured, rounds};
use crate::measure::Bench;

const SIZE: (u32, u32) = (640, 480);
/// A minute of two frames a second.
const FRAMES: usize = 120;
/// Each comes for twenty seconds, of which the first six frames and the last eight are of an empty hall.
/// With the width in px at which each is near enough to be a visitor.
const VISITORS: [(&str, u32); 3] = [("astronaut.png", 400), ("obama2.jpg", 300), ("biden.jpg", 300)];
const HALL: &str = "coffee.png";

pub(crate) fn figures(bench: &Bench) -> Vec<Figure> {
    let what = "of the frames of a minute with three visitors, those a vision model is not asked about";
    vec![Figure { name: "vision_calls_saved", what, bound: Some(Bound::AtLeast(0.93)), measured: saved(bench) }]
}

fn saved(bench: &Bench) -> Measured {
    let data = bench.need_testdata()?;
    let film = std::path::absolute(bench.work.join("film")).map_err(|error| error.to_string())?;
    make_film(&film, &data.join("images"))?;
    let server = Server::start();
    server.usually(Act::say(r#"{"people":1,"tags":["flowers"]}"#));
    let mut command = bench.command(&bench.pipeline("looks"));
    command.args(["--report", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("MAJLIS_BENCH_FILM", &film).env("MAJLIS_VISION_URL", server.base_url());
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err("the run failed".to_owned());
    }
    let asked = server.requests().len();
    if asked < VISITORS.len() {
        return Err(format!("only {asked} questions came; there were {} visitors", VISITORS.len()));
    }
    rounds(vec![Ok(1.0 - asked as f64 / FRAMES as f64)])
}

/// Frames with the noise of a sensor, in which each visitor sways a little.
fn make_film(folder: &Path, images: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let photo = |name: &str| {
        let path = images.join(name);
        image::open(&path).map(|image| image.to_rgb8()).map_err(|error| format!("{}: {error}", path.display()))
    };
    let hall = imageops::resize(&photo(HALL)?, SIZE.0, SIZE.1, FilterType::Triangle);
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for (place, (name, width)) in VISITORS.into_iter().enumerate() {
        let whole = photo(name)?;
        // Head and shoulders of it.
        let height = whole.height() * width / whole.width();
        let whole = imageops::resize(&whole, width, height, FilterType::Triangle);
        let portrait = imageops::crop_imm(&whole, 0, 0, width, height.min(400)).to_image();
        for at in 0..FRAMES / VISITORS.len() {
            let mut frame = hall.clone();
            if (6..FRAMES / VISITORS.len() - 8).contains(&at) {
                let x = 120 + 40 * place as i64 + [0, 3, -3][at % 3];
                imageops::overlay(&mut frame, &portrait, x, 80);
            }
            grain(&mut frame, &mut noise);
            let path = folder.join(format!("{:03}.png", place * FRAMES / VISITORS.len() + at));
            frame.save(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// Up to four levels up and down.
fn grain(frame: &mut RgbImage, noise: &mut u64) {
    for value in frame.as_mut() {
        *noise ^= *noise << 13;
        *noise ^= *noise >> 7;
        *noise ^= *noise << 17;
        *value = value.saturating_add((*noise >> 60) as u8 / 2).saturating_sub(4);
    }
}
