use super::{Frame, PixelFormat};

impl Frame {
    /// The pixels as RGB, 8 bits each, row after row without a gap: `3 * width * height` bytes. `rgb` is made as long as that; what
    /// it held is of no account, so a stage keeps it from frame to frame.
    pub fn to_rgb8(&self, rgb: &mut Vec<u8>) {
        let (width, height) = (self.width() as usize, self.height() as usize);
        rgb.resize(width * height * 3, 0);
        convert(self.format(), self.pixels(), (width, height), self.stride(), rgb);
    }
}

fn convert(format: PixelFormat, pixels: &[u8], (width, height): (usize, usize), stride: usize, rgb: &mut [u8]) {
    if width == 0 {
        return;
    }
    let lines = rgb.chunks_exact_mut(width * 3).zip(pixels.chunks(stride.max(1)));
    match format {
        PixelFormat::Rgb8 => lines.for_each(|(to, from)| to.copy_from_slice(&from[..width * 3])),
        PixelFormat::Bgr8 => each(3, lines, |pixel| [pixel[2], pixel[1], pixel[0]]),
        // The alpha channel is left out and not applied: cameras and rooms send opaque pictures.
        PixelFormat::Rgba8 => each(4, lines, |pixel| [pixel[0], pixel[1], pixel[2]]),
        PixelFormat::Gray8 => each(1, lines, |pixel| [pixel[0]; 3]),
        PixelFormat::I420 => {
            let (half, chroma_rows) = (stride.div_ceil(2), height.div_ceil(2));
            let (luma, chroma) = pixels.split_at(stride * height);
            let (u, v) = chroma.split_at(half * chroma_rows);
            for (y, to) in rgb.chunks_exact_mut(width * 3).enumerate() {
                let (luma, u, v) = (&luma[y * stride..], &u[y / 2 * half..], &v[y / 2 * half..]);
                for (x, to) in to.chunks_exact_mut(3).enumerate() {
                    to.copy_from_slice(&bt601(luma[x], u[x / 2], v[x / 2]));
                }
            }
        }
    }
}

/// Pixels of `bytes` bytes each.
fn each<'a>(bytes: usize, lines: impl Iterator<Item = (&'a mut [u8], &'a [u8])>, pixel: impl Fn(&[u8]) -> [u8; 3]) {
    for (to, from) in lines {
        for (to, from) in to.chunks_exact_mut(3).zip(from.chunks_exact(bytes)) {
            to.copy_from_slice(&pixel(from));
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
        convert(format, pixels, size, stride, &mut rgb);
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
