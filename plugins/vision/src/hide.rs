//! Faces in a picture, made unrecognisable before it leaves. It fails closed: what is not surely known to be hidden is not sent.

use image::{Rgb, RgbImage};
use majlis_plugin_api as api;

use crate::config;

/// A box grows by so much on each of its axes: a detector's box ends at the brow and the chin.
const GROWTH: f32 = 1.4;
/// A hidden face is so many squares wide and high. Four of them are too few to know anybody by.
const SQUARES: u32 = 4;
/// What a face becomes that is cropped out.
const GREY: Rgb<u8> = Rgb([128; 3]);

/// Why a picture may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsafe {
    /// Nobody looked at this frame: the boxes are guesses.
    Guessed,
    /// The faces are those of a frame of another size.
    OtherSize,
    /// A box is none.
    NoBox,
}

impl Unsafe {
    /// As the report counts it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Guessed => "faces were guessed",
            Self::OtherSize => "faces of another frame",
            Self::NoBox => "a face without place",
        }
    }
}

/// The boxes to hide, in pixels of the frame, if all of them are known.
///
/// # Errors
/// Why the picture may not be sent.
pub(crate) fn boxes(faces: &api::Faces, width: u32, height: u32) -> Result<Vec<[f32; 4]>, Unsafe> {
    if faces.extrapolated || faces.faces.iter().any(|face| face.predicted) {
        return Err(Unsafe::Guessed);
    }
    if (faces.width, faces.height) != (width, height) {
        return Err(Unsafe::OtherSize);
    }
    let boxes: Vec<[f32; 4]> =
        faces.faces.iter().map(|face| face.bbox).chain(faces.possible.iter().map(|face| face.bbox)).collect();
    let is_box =
        |[x1, y1, x2, y2]: &[f32; 4]| [x1, y1, x2, y2].into_iter().all(|v| v.is_finite()) && x1 <= x2 && y1 <= y2;
    if boxes.iter().all(is_box) { Ok(boxes) } else { Err(Unsafe::NoBox) }
}

/// Hides boxes, given in pixels of a frame of this size, in the picture that was made of it.
pub(crate) fn hide(picture: &mut RgbImage, boxes: &[[f32; 4]], (width, height): (u32, u32), how: config::Faces) {
    let scale = (picture.width() as f32 / width as f32, picture.height() as f32 / height as f32);
    for face in boxes {
        let Some(place) = grown(face, scale, picture.dimensions()) else { continue };
        match how {
            config::Faces::Pixelate => pixelate(picture, place),
            config::Faces::CropOut => fill(picture, place, GREY),
            config::Faces::Send => {}
        }
    }
}

/// The place of a box in the picture: `x1, y1, x2, y2`, the last ones outside. None for one that lies beside the picture.
fn grown(face: &[f32; 4], scale: (f32, f32), size: (u32, u32)) -> Option<[u32; 4]> {
    let axis = |from: f32, to: f32, scale: f32, most: u32| {
        let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0 * GROWTH);
        let begin = ((middle - half) * scale).floor().clamp(0.0, most as f32);
        let end = ((middle + half) * scale).ceil().clamp(0.0, most as f32);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to the picture")]
        (begin < end).then_some((begin as u32, end as u32))
    };
    let (x1, x2) = axis(face[0], face[2], scale.0, size.0)?;
    let (y1, y2) = axis(face[1], face[3], scale.1, size.1)?;
    Some([x1, y1, x2, y2])
}

fn pixelate(picture: &mut RgbImage, [x1, y1, x2, y2]: [u32; 4]) {
    let columns = cuts(x1, x2);
    let rows = cuts(y1, y2);
    for rows in rows.windows(2) {
        for columns in columns.windows(2) {
            let place = [columns[0], rows[0], columns[1], rows[1]];
            fill(picture, place, mean(picture, place));
        }
    }
}

/// Where the squares begin and end.
fn cuts(from: u32, to: u32) -> Vec<u32> {
    let squares = SQUARES.min(to - from);
    (0..=squares).map(|index| from + (to - from) * index / squares).collect()
}

fn mean(picture: &RgbImage, [x1, y1, x2, y2]: [u32; 4]) -> Rgb<u8> {
    let mut sum = [0_u64; 3];
    for y in y1..y2 {
        for x in x1..x2 {
            for (sum, value) in sum.iter_mut().zip(picture.get_pixel(x, y).0) {
                *sum += u64::from(value);
            }
        }
    }
    let count = u64::from(x2 - x1) * u64::from(y2 - y1);
    Rgb(sum.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX)))
}

fn fill(picture: &mut RgbImage, [x1, y1, x2, y2]: [u32; 4], colour: Rgb<u8>) {
    for y in y1..y2 {
        for x in x1..x2 {
            picture.put_pixel(x, y, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use majlis_plugin_api::{Face, PossibleFace};

    fn noise(width: u32, height: u32) -> RgbImage {
        let value = |x: u32, y: u32| u8::try_from((x * 7_919 + y * 104_729) % 251).expect("it is small");
        RgbImage::from_fn(width, height, |x, y| Rgb([value(x, y), value(y, x), value(x + y, y)]))
    }

    fn face(bbox: [f32; 4]) -> Face {
        Face::unknown(bbox, 0.9)
    }

    fn faces(of: Vec<Face>) -> api::Faces {
        api::Faces { width: 640, height: 480, faces: of, ..Default::default() }
    }

    fn colours(picture: &RgbImage, [x1, y1, x2, y2]: [u32; 4]) -> usize {
        let pixels = (y1..y2).flat_map(|y| (x1..x2).map(move |x| (x, y)));
        pixels.map(|(x, y)| picture.get_pixel(x, y).0).collect::<std::collections::BTreeSet<_>>().len()
    }

    #[test]
    fn a_face_becomes_a_few_squares_and_its_surroundings_too() {
        let mut picture = noise(320, 240);
        // 100 x 120 pixels of a frame of 640 x 480, so 50 x 60 of the picture, and 70 x 84 when grown.
        hide(&mut picture, &[[200.0, 100.0, 300.0, 220.0]], (640, 480), config::Faces::Pixelate);
        let grown = [90, 38, 160, 122];
        assert!(colours(&picture, grown) <= 16, "{} colours", colours(&picture, grown));
        let before = noise(320, 240);
        let outside = |x, y| !(90..160).contains(&x) || !(38..122).contains(&y);
        for (x, y, pixel) in picture.enumerate_pixels().filter(|(x, y, _)| outside(*x, *y)) {
            assert_eq!(pixel, before.get_pixel(x, y), "what is no face stays at {x}, {y}");
        }
    }

    #[test]
    fn a_face_that_is_cropped_out_leaves_nothing() {
        let mut picture = noise(320, 240);
        hide(&mut picture, &[[200.0, 100.0, 300.0, 220.0]], (640, 480), config::Faces::CropOut);
        assert_eq!(colours(&picture, [90, 38, 160, 122]), 1);
    }

    #[test]
    fn faces_at_the_border_of_the_picture_and_beside_it_are_no_trouble() {
        for bbox in [
            [-50.0, -50.0, 20.0, 30.0],
            [600.0, 400.0, 900.0, 900.0],
            [-90.0, 0.0, -50.0, 40.0],
            [10.0, 10.0, 10.5, 10.5],
        ] {
            let mut picture = noise(320, 240);
            hide(&mut picture, &[bbox], (640, 480), config::Faces::Pixelate);
            hide(&mut picture, &[bbox], (640, 480), config::Faces::CropOut);
        }
    }

    #[test]
    fn possible_faces_are_hidden_as_well() {
        let mut of = faces(vec![face([0.0, 0.0, 10.0, 10.0])]);
        of.possible = vec![PossibleFace { bbox: [50.0, 50.0, 60.0, 60.0], score: 0.2 }];
        assert_eq!(boxes(&of, 640, 480).expect("they are known").len(), 2);
    }

    #[test]
    fn what_is_not_surely_known_is_not_hidden_but_refused() {
        let known = || face([0.0, 0.0, 10.0, 10.0]);
        assert_eq!(boxes(&faces(vec![known()]), 641, 480), Err(Unsafe::OtherSize));
        assert_eq!(boxes(&api::Faces { extrapolated: true, ..faces(vec![]) }, 640, 480), Err(Unsafe::Guessed));
        let guessed = Face { predicted: true, ..known() };
        assert_eq!(boxes(&faces(vec![known(), guessed]), 640, 480), Err(Unsafe::Guessed));
        for bbox in [[f32::NAN, 0.0, 1.0, 1.0], [0.0, 0.0, f32::INFINITY, 1.0], [9.0, 0.0, 1.0, 1.0]] {
            assert_eq!(boxes(&faces(vec![face(bbox)]), 640, 480), Err(Unsafe::NoBox));
        }
        assert_eq!(boxes(&faces(vec![]), 640, 480), Ok(vec![]), "nobody is there");
    }
}
