//! Frames of other pixel formats as RGB.
//!
//! A frame of RGB is looked at where it lies; the others are converted into scratch that is kept from frame to frame.

use majlis_plugin_api::{Frame, PixelFormat};

use crate::error::Result;
use crate::image::Rgb8;

/// The frame as RGB: its own pixels, or those that were converted into `scratch`.
///
/// # Errors
/// [`Error::Frame`](crate::Error::Frame) for a frame without pixels.
pub fn rgb<'a>(frame: &'a Frame, scratch: &'a mut Vec<u8>) -> Result<Rgb8<'a>> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    if frame.format() == PixelFormat::Rgb8 {
        return Rgb8::new(frame.pixels(), width, height, frame.stride());
    }
    frame.to_rgb8(scratch);
    Rgb8::packed(scratch, width, height)
}
