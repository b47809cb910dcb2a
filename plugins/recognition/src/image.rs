//! A borrowed picture: the one form in which pixels enter this crate.

use std::fmt;

use crate::error::{Error, Result};

/// A borrowed RGB picture, 8 bits a channel, 3 bytes a pixel in the order R, G, B, rows from top to bottom.
///
/// It has at least one pixel, and every row lies inside the buffer: [`Rgb8::new`] has seen to it.
#[derive(Clone, Copy)]
pub struct Rgb8<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> Rgb8<'a> {
    /// Looks at `bytes` as a picture of `width` x `height` px whose rows begin `stride` bytes apart.
    ///
    /// # Errors
    /// [`Error::Frame`] when the picture has no pixel or the buffer is too short for it.
    pub fn new(bytes: &'a [u8], width: usize, height: usize, stride: usize) -> Result<Self> {
        if width == 0 || height == 0 {
            return Err(Error::Frame(format!("it has {width} x {height} px")));
        }
        let row = width.checked_mul(3);
        let needed = row.and_then(|row| stride.checked_mul(height - 1)?.checked_add(row));
        match (row, needed) {
            (Some(row), Some(needed)) if row <= stride && needed <= bytes.len() => {
                Ok(Self { bytes, width, height, stride })
            }
            _ => Err(Error::Frame(format!(
                "{width} x {height} px of RGB with {stride} bytes a row do not fit into {} bytes",
                bytes.len()
            ))),
        }
    }

    /// The same for rows that follow each other without a gap.
    ///
    /// # Errors
    /// As [`Rgb8::new`].
    pub fn packed(bytes: &'a [u8], width: usize, height: usize) -> Result<Self> {
        Self::new(bytes, width, height, width.saturating_mul(3))
    }

    /// Width, px; at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height, px; at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The `3 * width` bytes of row `y`, which must be less than the height.
    #[must_use]
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.bytes[y * self.stride..][..self.width * 3]
    }
}

// Not derived: a picture of a visitor must not get into a log by way of `{:?}`.
impl fmt::Debug for Rgb8<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rgb8({} x {} px)", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_row_needs_no_padding() {
        let bytes = [7u8; 8 + 6];
        let image = Rgb8::new(&bytes, 2, 2, 8).unwrap();
        assert_eq!(image.row(1).len(), 6);
        assert!(Rgb8::new(&bytes[..13], 2, 2, 8).is_err());
    }

    #[test]
    fn a_picture_without_pixels_or_with_an_impossible_size_is_refused() {
        for (width, height, stride) in
            [(0, 4, 12), (4, 0, 12), (4, 1, 11), (usize::MAX, 1, 3), (1, usize::MAX, usize::MAX)]
        {
            assert_eq!(Rgb8::new(&[0; 48], width, height, stride).unwrap_err().code(), "recognition.frame");
        }
    }

    #[test]
    fn pixels_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Rgb8::packed(&[200; 3], 1, 1).unwrap()), "Rgb8(1 x 1 px)");
    }
}
