use std::path::Path;

use image::RgbImage;

/// A picture without gaps as rooms take it: all of brightness, then blue, then red, each of these two with half the sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) i420: Vec<u8>,
}

impl Picture {
    /// A photograph, at most this wide and high, with even sides.
    ///
    /// # Panics
    /// It cannot be read.
    #[must_use]
    pub fn open(path: &Path, most: (u32, u32)) -> Self {
        let image = image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let image =
            if image.width() > most.0 || image.height() > most.1 { image.thumbnail(most.0, most.1) } else { image };
        Self::of(&image.to_rgb8())
    }

    /// One colour.
    #[must_use]
    pub fn plain(side: u32, [red, green, blue]: [u8; 3]) -> Self {
        Self::of(&RgbImage::from_pixel(side, side, image::Rgb([red, green, blue])))
    }

    fn of(image: &RgbImage) -> Self {
        let (width, height) = (image.width() as usize & !1, image.height() as usize & !1);
        let mut i420 = vec![0; width * height * 3 / 2];
        let (bright, colours) = i420.split_at_mut(width * height);
        let (blue, red) = colours.split_at_mut(width * height / 4);
        for y in 0..height {
            for x in 0..width {
                let [r, g, b] = image.get_pixel(x as u32, y as u32).0.map(f32::from);
                // BT.601, the limited range, as rooms have it.
                bright[y * width + x] = (16.0 + 0.257 * r + 0.504 * g + 0.098 * b) as u8;
                if x % 2 == 0 && y % 2 == 0 {
                    let place = y / 2 * (width / 2) + x / 2;
                    blue[place] = (128.0 - 0.148 * r - 0.291 * g + 0.439 * b) as u8;
                    red[place] = (128.0 + 0.439 * r - 0.368 * g - 0.071 * b) as u8;
                }
            }
        }
        Self { width, height, i420 }
    }
}

/// The colour in the middle of a picture that came from a room.
#[must_use]
pub fn colour(frame: &majlis_livekit_ffi::VideoFrame) -> [u8; 3] {
    let at = |plane: majlis_livekit_ffi::Plane<'_>, x: usize, y: usize| f32::from(plane.data[y * plane.stride + x]);
    let (x, y) = (frame.width / 2, frame.height / 2);
    let (bright, blue, red) = (at(frame.y(), x, y), at(frame.u(), x / 2, y / 2), at(frame.v(), x / 2, y / 2));
    let (y, b, r) = (1.164 * (bright - 16.0), blue - 128.0, red - 128.0);
    [y + 1.596 * r, y - 0.813 * r - 0.392 * b, y + 2.017 * b].map(|value| value.clamp(0.0, 255.0) as u8)
}

/// The colour that marks a room: one of 27, which a camera and a codec do not make another.
#[must_use]
pub fn room_colour(name: &str) -> [u8; 3] {
    let sum = name.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    [sum, sum / 3, sum / 9].map(|digit| [40, 128, 216][digit as usize % 3])
}
