//! From a frame of any pixel format to a small picture in memory.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use majlis_plugin_api::{Error, Frame, PixelFormat, Result};

/// The frame, made so small that no side has more than `most` pixels. It is never made larger.
///
/// # Errors
/// Never for a frame that has pixels.
pub(crate) fn shrunk(frame: &Frame, most: u32) -> Result<RgbImage> {
    let (width, height) = (frame.width(), frame.height());
    let longer = width.max(height);
    if longer <= most {
        return rgb(frame);
    }
    let scaled = |side: u32| {
        let side = (u64::from(side) * u64::from(most) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(side).unwrap_or(most).max(1)
    };
    let to = (scaled(width), scaled(height));
    if frame.format() == PixelFormat::Rgb8 && frame.stride() == width as usize * 3 {
        // Read where it lies: a picture of a camera is larger than all that is made of it here.
        return scaled_from(frame.pixels(), (width, height), to);
    }
    scaled_to(&rgb(frame)?, to.0, to.1)
}

/// The picture with these sides. Each pixel is a mean of those that it stands for.
///
/// # Errors
/// Never for a picture that has pixels.
pub(crate) fn scaled_to(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage> {
    scaled_from(picture.as_raw(), picture.dimensions(), (width, height))
}

fn scaled_from(pixels: &[u8], size: (u32, u32), (width, height): (u32, u32)) -> Result<RgbImage> {
    let mut scaled = RgbImage::new(width, height);
    // By the type of its pixels: by their value, the library would be compiled for each type that it knows, in minutes.
    let from = TypedImageRef::<U8x3>::from_buffer(size.0, size.1, pixels)?;
    let mut to = TypedImage::<U8x3>::from_buffer(width, height, &mut scaled)?;
    let how = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize_typed(&from, &mut to, &how)?;
    Ok(scaled)
}

fn rgb(frame: &Frame) -> Result<RgbImage> {
    let mut rgb = Vec::new();
    frame.to_rgb8(&mut rgb);
    RgbImage::from_raw(frame.width(), frame.height(), rgb).ok_or_else(|| Error::new("a frame without pixels"))
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
