//! A picture of a camera as a frame of the pipeline: its planes are copied once, upright.

use majlis_livekit_ffi::{Plane, VideoFrame, VideoRotation};
use majlis_plugin_api::{Error, Frame, FrameMut, Host, PixelFormat, Result};

/// Copies a picture into a buffer of the host. What was turned by its camera stands upright there.
pub(crate) fn frame(host: &Host, picture: &VideoFrame) -> Result<Frame> {
    let (width, height) = (picture.width, picture.height);
    let planes = [picture.y(), picture.u(), picture.v()];
    upright(host, width, height, planes, picture.rotation)
}

fn upright(host: &Host, width: usize, height: usize, planes: [Plane<'_>; 3], turn: VideoRotation) -> Result<Frame> {
    let on_its_side = matches!(turn, VideoRotation::Rotation90 | VideoRotation::Rotation270);
    let (wide, high) = if on_its_side { (height, width) } else { (width, height) };
    let side = |side: usize| u32::try_from(side).map_err(|_| Error::new(format!("a picture with a side of {side} px")));
    let mut frame = FrameMut::new(host, side(wide)?, side(high)?, PixelFormat::I420)?;
    let pixels = frame.pixels_mut();
    let (luma, chroma) = pixels.split_at_mut(wide * high);
    let (u, v) = chroma.split_at_mut(wide.div_ceil(2) * high.div_ceil(2));
    let half = (width.div_ceil(2), height.div_ceil(2));
    for ((plane, to), size) in planes.into_iter().zip([luma, u, v]).zip([(width, height), half, half]) {
        copy(plane, size, turn, to);
    }
    frame.freeze()
}

/// Copies a plane of this width and height, turned clockwise.
fn copy(plane: Plane<'_>, (width, height): (usize, usize), turn: VideoRotation, to: &mut [u8]) {
    let row = |y: usize| &plane.data[y * plane.stride..][..width];
    let at = |x: usize, y: usize| plane.data[y * plane.stride + x];
    match turn {
        VideoRotation::Rotation0 => {
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                to.copy_from_slice(row(y));
            }
        }
        VideoRotation::Rotation180 => {
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                to.copy_from_slice(row(height - 1 - y));
                to.reverse();
            }
        }
        VideoRotation::Rotation90 => {
            for (y, to) in to.chunks_exact_mut(height).enumerate() {
                to.iter_mut().enumerate().for_each(|(x, to)| *to = at(y, height - 1 - x));
            }
        }
        VideoRotation::Rotation270 => {
            for (y, to) in to.chunks_exact_mut(height).enumerate() {
                to.iter_mut().enumerate().for_each(|(x, to)| *to = at(width - 1 - y, x));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 x 2 px, with rows of 4 bytes of which the last is none of the picture's.
    const LUMA: [u8; 8] = [1, 2, 3, 99, 4, 5, 6, 99];

    fn turned(turn: VideoRotation) -> (u32, u32, Vec<u8>) {
        let planes = [
            Plane { data: &LUMA, stride: 4 },
            Plane { data: &[10, 11, 99], stride: 3 },
            Plane { data: &[20, 21], stride: 2 },
        ];
        let frame = upright(&majlis_testkit::host(), 3, 2, planes, turn).expect("a frame");
        assert_eq!(frame.format(), PixelFormat::I420);
        (frame.width(), frame.height(), frame.pixels().to_vec())
    }

    #[test]
    fn a_picture_stands_upright_without_gaps() {
        use VideoRotation::{Rotation0, Rotation90, Rotation180, Rotation270};
        assert_eq!(turned(Rotation0), (3, 2, vec![1, 2, 3, 4, 5, 6, 10, 11, 20, 21]));
        assert_eq!(turned(Rotation180), (3, 2, vec![6, 5, 4, 3, 2, 1, 11, 10, 21, 20]));
        assert_eq!(turned(Rotation90), (2, 3, vec![4, 1, 5, 2, 6, 3, 10, 11, 20, 21]));
        assert_eq!(turned(Rotation270), (2, 3, vec![3, 6, 2, 5, 1, 4, 11, 10, 21, 20]));
    }
}
