//! Frames of other pixel formats as RGB.
//!
//! A frame of RGB is looked at where it lies; the others are converted into scratch that is kept from frame to frame.

use majlis_plugin_api::{Frame, PixelFormat};

use crate::error::{Error, Result};
use crate::image::Rgb8;

/// The frame as RGB: its own pixels, or those that were converted into `scratch`.
///
/// # Errors
/// [`Error::Frame`] for a format that this version does not know.
pub fn rgb<'a>(frame: &'a Frame, scratch: &'a mut Vec<u8>) -> Result<Rgb8<'a>> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    if frame.format() == PixelFormat::Rgb8 {
        return Rgb8::new(frame.pixels(), width, height, frame.stride());
    }
    scratch.resize(width * height * 3, 0);
    convert(frame.format(), frame.pixels(), (width, height), frame.stride(), scratch)?;
    Rgb8::packed(scratch, width, height)
}

fn convert(
    format: PixelFormat,
    pixels: &[u8],
    (width, height): (usize, usize),
    stride: usize,
    rgb: &mut [u8],
) -> Result<()> {
    let lines = rgb.chunks_exact_mut(width * 3).zip(pixels.chunks(stride.max(1)));
    match format {
        PixelFormat::Rgb8 => lines.for_each(|(to, from)| to.copy_from_slice(&from[..width * 3])),
        PixelFormat::Bgr8 => each::<3>(lines, |[blue, green, red]| [red, green, blue]),
        // The alpha channel is left out and not applied: cameras and rooms send opaque pictures.
        PixelFormat::Rgba8 => each::<4>(lines, |[red, green, blue, _]| [red, green, blue]),
        PixelFormat::Gray8 => each::<1>(lines, |[gray]| [gray; 3]),
        PixelFormat::I420 => {
            let (half, chroma_rows) = (stride.div_ceil(2), height.div_ceil(2));
            let (luma, chroma) = pixels.split_at(stride * height);
            let (u, v) = chroma.split_at(half * chroma_rows);
            for (y, to) in rgb.chunks_exact_mut(width * 3).enumerate() {
                let (luma, u, v) = (&luma[y * stride..], &u[y / 2 * half..], &v[y / 2 * half..]);
                for (x, to) in to.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    *to = bt601(luma[x], u[x / 2], v[x / 2]);
                }
            }
        }
        other => {
            return Err(Error::Frame(format!("its pixel format `{}` is not known to this plugin", other.name())));
        }
    }
    Ok(())
}

fn each<'a, const N: usize>(lines: impl Iterator<Item = (&'a mut [u8], &'a [u8])>, pixel: impl Fn([u8; N]) -> [u8; 3]) {
    for (to, from) in lines {
        for (to, from) in to.as_chunks_mut::<3>().0.iter_mut().zip(from.as_chunks::<N>().0) {
            *to = pixel(*from);
        }
    }
}

/// Video range (16 to 235), which is what cameras and rooms send.
fn bt601(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (y, u, v) = (298 * (i32::from(y) - 16) + 128, i32::from(u) - 128, i32::from(v) - 128);
    [y + 409 * v, y - 100 * u - 208 * v, y + 516 * u].map(|value| (value >> 8).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(format: PixelFormat, pixels: &[u8], size: (usize, usize), stride: usize) -> Vec<u8> {
        let mut rgb = vec![9; size.0 * size.1 * 3];
        convert(format, pixels, size, stride, &mut rgb).unwrap();
        rgb
    }

    #[test]
    fn colours_end_up_in_their_places_and_padding_is_left_out() {
        let bgr = [1, 2, 3, 4, 5, 6, 99, 7, 8, 9, 10, 11, 12, 99];
        assert_eq!(converted(PixelFormat::Bgr8, &bgr, (2, 2), 7), [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
        assert_eq!(converted(PixelFormat::Rgba8, &[1, 2, 3, 4, 5, 6, 7, 8], (1, 2), 4), [1, 2, 3, 5, 6, 7]);
        assert_eq!(
            converted(PixelFormat::Gray8, &[1, 2, 99, 3, 4, 99], (2, 2), 3),
            [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
        );
    }

    #[test]
    fn black_white_and_red_of_video_range_become_those_of_full_range() {
        assert_eq!(bt601(16, 128, 128), [0; 3]);
        assert_eq!(bt601(235, 128, 128), [255; 3]);
        assert_eq!(bt601(81, 90, 240), [255, 0, 0]);
    }

    #[test]
    fn planes_of_an_odd_size_are_found() {
        // 3 x 3 px with 4 bytes a row: chroma planes of 2 rows of 2 bytes.
        let mut pixels = vec![235; 12];
        pixels.extend([128; 4]);
        pixels.extend([128, 128, 128, 240]);
        let rgb = converted(PixelFormat::I420, &pixels, (3, 3), 4);
        assert_eq!(rgb[..24], [255; 24]);
        assert_ne!(rgb[24..], [255; 3]);
    }
}
