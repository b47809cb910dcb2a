//! From a frame of any pixel format to a small picture in memory.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use majlis_plugin_api::{Error, Frame, PixelFormat, Result};

/// The frame, made so small that no side has more than `most` pixels. It is never made larger.
///
/// # Errors
/// The pixel format is one of a later version.
pub(crate) fn shrunk(frame: &Frame, most: u32) -> Result<RgbImage> {
    let whole = rgb(frame)?;
    let (width, height) = whole.dimensions();
    let longer = width.max(height);
    if longer <= most {
        return Ok(whole);
    }
    let scaled = |side: u32| {
        let side = (u64::from(side) * u64::from(most) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(side).unwrap_or(most).max(1)
    };
    scaled_to(&whole, scaled(width), scaled(height))
}

/// The picture with these sides. Each pixel is a mean of those that it stands for.
///
/// # Errors
/// Never for a picture that has pixels.
pub(crate) fn scaled_to(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage> {
    let from = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3)?;
    let mut to = Image::new(width, height, PixelType::U8x3);
    let how = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&from, &mut to, &how)?;
    RgbImage::from_raw(width, height, to.into_vec()).ok_or_else(|| Error::new("a picture without pixels"))
}

fn rgb(frame: &Frame) -> Result<RgbImage> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let (pixels, stride) = (frame.pixels(), frame.stride());
    let mut rgb = vec![0; width * height * 3];
    let lines = rgb.chunks_exact_mut(width * 3).zip(pixels.chunks(stride.max(1)));
    match frame.format() {
        PixelFormat::Rgb8 => lines.for_each(|(to, from)| to.copy_from_slice(&from[..width * 3])),
        PixelFormat::Bgr8 => each::<3>(lines, |[blue, green, red]| [red, green, blue]),
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
            return Err(Error::new(format!("a frame of the pixel format `{}`, which is not known here", other.name())));
        }
    }
    RgbImage::from_raw(frame.width(), frame.height(), rgb).ok_or_else(|| Error::new("a frame without pixels"))
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
    #[allow(clippy::cast_sign_loss, reason = "it is clamped")]
    [y + 409 * v, y - 100 * u - 208 * v, y + 516 * u].map(|value| (value >> 8).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use majlis_plugin_api::FrameMut;

    fn frame(width: u32, height: u32, format: PixelFormat, fill: impl FnOnce(&mut [u8])) -> Frame {
        let host = majlis_testkit::host();
        let mut frame = FrameMut::new(&host, width, height, format).expect("a frame");
        fill(frame.pixels_mut());
        frame.freeze().expect("a frame")
    }

    #[test]
    fn a_picture_keeps_its_shape_and_is_never_made_larger() {
        let wide = frame(1_280, 720, PixelFormat::Gray8, |pixels| pixels.fill(90));
        assert_eq!(shrunk(&wide, 512).expect("a picture").dimensions(), (512, 288));
        let line = frame(3_000, 2, PixelFormat::Gray8, |pixels| pixels.fill(90));
        assert_eq!(shrunk(&line, 512).expect("a picture").dimensions(), (512, 1));
        let small = frame(64, 48, PixelFormat::Gray8, |pixels| pixels.fill(90));
        assert_eq!(shrunk(&small, 512).expect("a picture").dimensions(), (64, 48));
    }

    #[test]
    fn every_pixel_format_shows_the_same_colour() {
        let orange = [250, 130, 20];
        let of = |format, pixel: &[u8]| {
            let frame =
                frame(4, 4, format, |pixels| pixels.chunks_mut(pixel.len()).for_each(|to| to.copy_from_slice(pixel)));
            shrunk(&frame, 512).expect("a picture").get_pixel(2, 2).0
        };
        assert_eq!(of(PixelFormat::Rgb8, &orange), orange);
        assert_eq!(of(PixelFormat::Bgr8, &[20, 130, 250]), orange);
        assert_eq!(of(PixelFormat::Rgba8, &[250, 130, 20, 7]), orange);
        assert_eq!(of(PixelFormat::Gray8, &[77]), [77; 3]);
        let grey = frame(4, 4, PixelFormat::I420, |pixels| {
            let (luma, chroma) = pixels.split_at_mut(16);
            luma.fill(126);
            chroma.fill(128);
        });
        assert!(shrunk(&grey, 512).expect("a picture").get_pixel(1, 1).0.iter().all(|value| value.abs_diff(128) <= 1));
    }
}
