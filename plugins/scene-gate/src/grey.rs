//! A frame as a small grey picture: each of its cells is the mean of the pixels that it covers.
//!
//! A mean over areas and not a few samples: the sensor's noise is averaged away before anything is compared.

use majlis_plugin_api::{Error, Frame, PixelFormat, Result};

/// Cells in a row.
pub(crate) const WIDTH: usize = 160;
/// Rows of cells.
pub(crate) const HEIGHT: usize = 120;

/// Of taller cells so many rows are read, evenly spread: more of them tell nothing more, and a frame of 4K costs what one of
/// 1,280 x 960 does. Their sums fit into 16 bits.
const ROWS: usize = 8;

/// Luma's weights of the bytes of a pixel, in 256ths.
fn weights(format: PixelFormat) -> Result<&'static [u32]> {
    match format {
        PixelFormat::Rgb8 => Ok(&[77, 150, 29]),
        PixelFormat::Bgr8 => Ok(&[29, 150, 77]),
        PixelFormat::Rgba8 => Ok(&[77, 150, 29, 0]),
        PixelFormat::Gray8 | PixelFormat::I420 => Ok(&[256]),
        other => Err(Error::new(format!("a {} frame came; its pixels cannot be compared", other.name()))),
    }
}

/// Makes small grey pictures of frames. What it needs for that is kept between frames.
#[derive(Debug, Default)]
pub(crate) struct Shrink {
    /// Sums over the rows of a row of cells, for each byte of a row of the frame.
    sums: Vec<u16>,
}

impl Shrink {
    /// Writes the grey picture of a frame: `WIDTH x HEIGHT` values, row after row. The frame is stretched to that shape.
    pub(crate) fn shrink(&mut self, frame: &Frame, grey: &mut [u8]) -> Result<()> {
        let weights = weights(frame.format())?;
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let bytes = width * weights.len();
        self.sums.resize(bytes, 0);
        for (at, cells) in grey.chunks_exact_mut(WIDTH).enumerate() {
            let (top, bottom) = covered(at, HEIGHT, height);
            let rows = (bottom - top).min(ROWS);
            for row in 0..rows {
                let y = top + row * (bottom - top) / rows;
                let pixels = &frame.pixels()[y * frame.stride()..][..bytes];
                let add = |(sum, byte): (&mut u16, &u8)| *sum = u16::from(*byte) + if row == 0 { 0 } else { *sum };
                self.sums.iter_mut().zip(pixels).for_each(add);
            }
            for (x, cell) in cells.iter_mut().enumerate() {
                let (left, right) = covered(x, WIDTH, width);
                let pixels = self.sums[left * weights.len()..right * weights.len()].chunks_exact(weights.len());
                let luma = |pixel: &[u16]| {
                    pixel.iter().zip(weights).map(|(sum, weight)| u32::from(*sum) * weight).sum::<u32>()
                };
                let sum: u32 = pixels.map(luma).sum();
                // At most 255, because the weights add up to 256.
                *cell = (sum / (256 * (rows * (right - left)) as u32)) as u8;
            }
        }
        Ok(())
    }
}

/// From where to where, in pixels, cell `at` of `cells` covers a side of `pixels`: at least one pixel.
fn covered(at: usize, cells: usize, pixels: usize) -> (usize, usize) {
    let from = at * pixels / cells;
    (from, ((at + 1) * pixels / cells).max(from + 1))
}
