use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};
use majlis_plugin_api::{Frame, FrameMut, Host, PixelFormat};

/// Longest side of a picture, in pixels: what a frame can hold.
const LONGEST_SIDE: u32 = 32_768;
/// Most pixels of a picture. A crafted file of a few kilobytes may claim far more.
const MOST_PIXELS: u64 = 100_000_000;

/// Why a picture is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("the file is no picture that can be decoded: {0}")]
    Decode(#[from] ImageError),
    #[error("a picture of {width}x{height} pixels is larger than {LONGEST_SIDE} pixels a side or 100 million in all")]
    Large { width: u32, height: u32 },
    #[error("{0}")]
    Frame(majlis_plugin_api::Error),
}

/// Decodes a file as people see it, upright; `still` is what the frame says of itself. A colour picture that stands upright is
/// decoded into the host's buffer and never copied.
pub(crate) fn read(path: &Path, host: &Host, still: bool) -> Result<Frame, Broken> {
    // The content decides what it is, not the name.
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Broken::Large { width, height });
    }
    // A picture whose EXIF block is damaged is shown as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    if decoder.color_type() == ColorType::Rgb8 && orientation == Orientation::NoTransforms {
        let bytes = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
        return frame((width, height), still, host, |pixels| Ok(decoder.read_image(&mut pixels[..bytes])?));
    }
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let picture = picture.into_rgb8();
    frame((picture.width(), picture.height()), still, host, |pixels| {
        pixels[..picture.as_raw().len()].copy_from_slice(picture.as_raw());
        Ok(())
    })
}

fn frame(
    (width, height): (u32, u32),
    still: bool,
    host: &Host,
    write: impl FnOnce(&mut [u8]) -> Result<(), Broken>,
) -> Result<Frame, Broken> {
    let mut frame = FrameMut::new(host, width, height, PixelFormat::Rgb8).map_err(Broken::Frame)?;
    write(frame.pixels_mut())?;
    if still { frame.still() } else { frame }.freeze().map_err(Broken::Frame)
}
