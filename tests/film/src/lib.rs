//! What a door's camera shows, made of the photographs of the test data: the same pixels each time, so that what a stage makes of
//! a frame can be told beforehand.
//!
//! The decision that shapes it: **a frame is described before it is painted**. A [`Picture`] says who stands where and in which
//! light; a [`Hall`] paints it, with the noise of a sensor. The same [`minute`] of three visitors is what the scene gate's test
//! decides frame by frame, and what the whole program is measured before.
//!
//! It must never know: what anybody makes of its frames.

use std::path::Path;

use image::RgbImage;
use image::imageops::{self, FilterType};

/// Width of a frame, px.
pub const WIDTH: u32 = 640;
/// Height of a frame, px.
pub const HEIGHT: u32 = 480;

/// Pictures a second of [`minute`].
pub const MINUTE_FPS: u64 = 2;

/// The hall in which nobody is.
const HALL: &str = "coffee.png";
/// At which height the lowest line of a portrait is, px.
const BOTTOM: u32 = 450;

/// Who comes: a photograph, what is taken of it (left, top, width, height), and how wide it is painted, px. So wide is each that a
/// recogniser finds the face near enough.
const PORTRAITS: [(&str, [u32; 4], u32); 3] =
    [("astronaut.png", [100, 20, 250, 375], 200), ("obama2.jpg", WHOLE, 300), ("biden.jpg", WHOLE, 300)];
/// As much of the photograph as head and shoulders need.
const WHOLE: [u32; 4] = [0, 0, u32::MAX, u32::MAX];
/// Higher than this no portrait is, px.
const HIGHEST: u32 = 400;

/// What stands in a frame, and in which light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// Who is there.
    pub visitor: Option<Visitor>,
    gain: f32,
    offset: f32,
}

/// Somebody before the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Which of the three.
    pub who: usize,
    /// Where the left side of the portrait is, px.
    pub x: i64,
}

impl Visitor {
    /// The first one, there.
    #[must_use]
    pub const fn at(x: i64) -> Self {
        Self { who: 0, x }
    }
}

impl Picture {
    /// Nobody is there.
    pub const EMPTY: Self = Self { visitor: None, gain: 1.0, offset: 0.0 };

    /// Somebody is there.
    #[must_use]
    pub const fn of(visitor: Visitor) -> Self {
        Self { visitor: Some(visitor), ..Self::EMPTY }
    }

    /// Each value times `gain`, plus `offset`.
    #[must_use]
    pub const fn lit(self, gain: f32, offset: f32) -> Self {
        Self { gain, offset, ..self }
    }
}

/// A minute of [`MINUTE_FPS`] frames a second, in which three visitors come, one every 20 s: 40 frames each. Each walks in, stands
/// and sways, and leaves after 14 s. While the first one stands the light is switched off and on again; the second one steps aside
/// and stays there; while the third one stands the sun sets.
#[must_use]
pub fn minute() -> Vec<Picture> {
    (0..3).flat_map(|who| (0..40).map(move |frame| visit(who, frame))).collect()
}

fn visit(who: usize, frame: i64) -> Picture {
    if frame >= 28 {
        return Picture::EMPTY;
    }
    let place = match (who, frame) {
        (_, 0..2) => 80 + 60 * frame,
        (1, 14..) => 270,
        _ => 200,
    };
    let sway = if frame < 3 { 0 } else { [0, 3, -3][usize::try_from(frame % 3).unwrap_or_default()] };
    let picture = Picture::of(Visitor { who, x: place + sway });
    match (who, frame) {
        (0, 12..20) => picture.lit(0.6, 0.0),
        (2, 4..) => picture.lit(1.0 - 0.015 * frame as f32, 0.0),
        _ => picture,
    }
}

/// The photographs of which frames are made.
pub struct Hall {
    empty: RgbImage,
    visitors: Vec<RgbImage>,
    noise: u64,
}

impl Hall {
    /// With the photographs of this folder.
    ///
    /// # Errors
    /// One of them cannot be read; with its path.
    pub fn open(images: &Path) -> Result<Self, String> {
        Self::before(images, HALL)
    }

    /// Before another background than the usual one.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub fn before(images: &Path, background: &str) -> Result<Self, String> {
        let photo = |name: &str| {
            let path = images.join(name);
            image::open(&path).map(|image| image.to_rgb8()).map_err(|error| format!("{}: {error}", path.display()))
        };
        let empty = imageops::resize(&photo(background)?, WIDTH, HEIGHT, FilterType::Triangle);
        let portrait = |(name, [x, y, width, height], painted): (&str, [u32; 4], u32)| {
            let whole = photo(name)?;
            let part = imageops::crop_imm(&whole, x, y, width, height).to_image();
            let part = imageops::resize(&part, painted, part.height() * painted / part.width(), FilterType::Triangle);
            Ok(imageops::crop_imm(&part, 0, 0, painted, HIGHEST).to_image())
        };
        let visitors = PORTRAITS.into_iter().map(portrait).collect::<Result<_, String>>()?;
        Ok(Self { empty, visitors, noise: 0x2545_f491_4f6c_dd1d })
    }

    /// The next frame: noise of 4 levels up and down, as a sensor has it, and another one each time.
    pub fn paint(&mut self, picture: Picture) -> RgbImage {
        let mut frame = self.empty.clone();
        if let Some(Visitor { who, x }) = picture.visitor {
            let portrait = &self.visitors[who];
            imageops::overlay(&mut frame, portrait, x, i64::from(BOTTOM - portrait.height()));
        }
        for value in frame.as_mut() {
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 7;
            self.noise ^= self.noise << 17;
            let noise = (self.noise >> 32) as f32 / (1_u64 << 32) as f32 * 8.0 - 4.0;
            *value = (f32::from(*value) * picture.gain + picture.offset + noise).clamp(0.0, 255.0) as u8;
        }
        frame
    }
}
