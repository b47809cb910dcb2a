use image::RgbImage;
use majlis_plugin_api::Result;

use crate::picture::scaled_to;

const WIDTH: u32 = 32;
const HEIGHT: u32 = 24;

/// Scenes whose signatures differ by less are the same, in mean difference of grey values: sensor noise makes 0.2, a person who
/// moves a little 3, one who is gone 17.
const SAME: f32 = 4.0;

/// What a scene looks like from afar: grey, 32 by 24, without the light that all of it has. It is made of a picture whose faces are
/// hidden.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signature {
    greys: Vec<i16>,
}

impl Signature {
    pub(crate) fn of(picture: &RgbImage) -> Result<Self> {
        let small = scaled_to(picture, WIDTH, HEIGHT)?;
        // The weights of BT.601, in 256ths.
        let grey = |[red, green, blue]: [u8; 3]| {
            let sum = 77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue);
            i16::try_from(sum >> 8).unwrap_or(i16::MAX)
        };
        let mut greys: Vec<i16> = small.pixels().map(|pixel| grey(pixel.0)).collect();
        let sum: i32 = greys.iter().map(|&grey| i32::from(grey)).sum();
        let mean = i16::try_from(sum / i32::try_from(greys.len().max(1)).unwrap_or(1)).unwrap_or_default();
        greys.iter_mut().for_each(|grey| *grey -= mean);
        Ok(Self { greys })
    }

    /// Whether it is the same scene.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let sum: u32 = self.greys.iter().zip(&other.greys).map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
        (sum as f32) < SAME * (WIDTH * HEIGHT) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn scene(light: u8, person_at: Option<u32>, noise: bool) -> RgbImage {
        RgbImage::from_fn(320, 240, |x, y| {
            let is_person = person_at.is_some_and(|at| (at..at + 80).contains(&x) && y > 60);
            let grain = if noise { u8::try_from((x * 31 + y * 17) % 9).unwrap_or_default() } else { 4 };
            let value = if is_person { 30 } else { 100 + u8::try_from(x / 8).unwrap_or_default() };
            Rgb([value + light + grain; 3])
        })
    }

    fn signature(picture: &RgbImage) -> Signature {
        Signature::of(picture).expect("it has pixels")
    }

    #[test]
    fn noise_light_and_a_small_move_are_the_same_scene_and_a_person_who_left_is_not() {
        let before = signature(&scene(0, Some(100), false));
        assert!(before.is_like(&signature(&scene(0, Some(100), true))), "noise");
        assert!(before.is_like(&signature(&scene(40, Some(100), false))), "light");
        assert!(before.is_like(&signature(&scene(0, Some(104), false))), "a small move");
        assert!(!before.is_like(&signature(&scene(0, None, false))), "a person who left");
        assert!(!before.is_like(&signature(&scene(0, Some(200), false))), "a person elsewhere");
    }
}
