//! OpenCV's bilinear resizing of 8-bit pictures (`cv::resize`, `INTER_LINEAR`), reproduced to the bit.
//!
//! Coefficients have 11 bits. A row is first interpolated horizontally and kept with 4 bits less, so that it fits 16 bits;
//! two such rows are then mixed. Each step truncates where OpenCV truncates. There is no antialiasing: when a picture is
//! made much smaller, source pixels are skipped, and the networks were trained on exactly that.

use crate::image::Rgb8;

#[cfg(target_arch = "x86_64")]
mod sse2;

const ONE: f32 = 2048.0;

/// Where a column of the result takes its two source pixels, and their weights.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// Byte offsets in the source row.
    left: u32,
    right: u32,
    /// In units of 1/2048, each rounded for itself.
    weights: [i32; 2],
}

/// Scratch space for resizing, kept from frame to frame.
#[derive(Debug, Default)]
pub struct Resizer {
    columns: Vec<Column>,
    columns_for: (usize, usize),
    /// Horizontally interpolated rows, planar: R, G, B of `width` values each.
    rows: [Row; 2],
    line: Vec<u8>,
}

#[derive(Debug, Default)]
struct Row {
    source: Option<usize>,
    values: Vec<i16>,
}

impl Resizer {
    /// Scales `image` to `width` x `height` px (both at least 1) and hands each finished line to
    /// `line(y, channel, values)`: channel 0, 1, 2 for R, G, B, `width` values.
    ///
    /// Lines and not a picture, because the only use of the result is to become a network's input, plane by plane.
    pub fn resize(&mut self, image: &Rgb8<'_>, width: usize, height: usize, mut line: impl FnMut(usize, usize, &[u8])) {
        if self.columns_for != (image.width(), width) {
            self.columns = columns(image.width(), width);
            self.columns_for = (image.width(), width);
        }
        for row in &mut self.rows {
            row.source = None;
            row.values.resize(3 * width, 0);
        }
        self.line.resize(width, 0);

        let scale = scale(image.height(), height);
        for y in 0..height {
            let (top, fraction) = position(y, scale);
            // Unlike a column's, a row's fraction is kept at the border, where both rows are the same one.
            let last = image.height() as isize - 1;
            let sources = [top.clamp(0, last) as usize, (top + 1).clamp(0, last) as usize];
            self.prepare(image, sources);

            let [b0, b1] = weights(fraction);
            let [first, second] = &self.rows;
            let second = if sources[0] == sources[1] { first } else { second };
            for channel in 0..3 {
                let s0 = &first.values[channel * width..][..width];
                let s1 = &second.values[channel * width..][..width];
                mix(&mut self.line, s0, s1, [b0, b1]);
                line(y, channel, &self.line);
            }
        }
    }

    /// Makes `rows[0]` and `rows[1]` the interpolated source rows; going down a picture, one of them is mostly there already.
    fn prepare(&mut self, image: &Rgb8<'_>, sources: [usize; 2]) {
        if self.rows[0].source != Some(sources[0]) && self.rows[1].source == Some(sources[0]) {
            self.rows.swap(0, 1);
        }
        for (row, source) in self.rows.iter_mut().zip(sources) {
            if row.source != Some(source) {
                row.source = Some(source);
                interpolate(image.row(source), &self.columns, &mut row.values);
            }
        }
    }
}

fn interpolate(source: &[u8], columns: &[Column], values: &mut [i16]) {
    #[cfg(target_arch = "x86_64")]
    let done = sse2::interpolate(source, columns, values);
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    let (red, rest) = values.split_at_mut(columns.len());
    let (green, blue) = rest.split_at_mut(columns.len());
    let rest = red[done..].iter_mut().zip(&mut green[done..]).zip(&mut blue[done..]);
    for (column, ((red, green), blue)) in columns[done..].iter().zip(rest) {
        let [a0, a1] = column.weights;
        let left = &source[column.left as usize..][..3];
        let right = &source[column.right as usize..][..3];
        // At most 255 * 2049 >> 4 = 32,655: it fits.
        let mix = |channel: usize| ((i32::from(left[channel]) * a0 + i32::from(right[channel]) * a1) >> 4) as i16;
        *red = mix(0);
        *green = mix(1);
        *blue = mix(2);
    }
}

/// A line between two interpolated rows.
fn mix(line: &mut [u8], first: &[i16], second: &[i16], [b0, b1]: [i32; 2]) {
    #[cfg(target_arch = "x86_64")]
    let done = sse2::mix(line, first, second, [b0, b1]);
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for ((out, &s0), &s1) in line[done..].iter_mut().zip(&first[done..]).zip(&second[done..]) {
        let v0 = (b0 * i32::from(s0)) >> 16;
        let v1 = (b1 * i32::from(s1)) >> 16;
        *out = ((v0 + v1 + 2) >> 2) as u8;
    }
}

fn columns(source: usize, target: usize) -> Vec<Column> {
    let scale = scale(source, target);
    let last = source as isize - 1;
    (0..target)
        .map(|x| {
            let (left, fraction) = position(x, scale);
            let (left, fraction) = match left {
                left if left < 0 => (0, 0.0),
                left if left >= last => (last, 0.0),
                left => (left, fraction),
            };
            Column { left: 3 * left as u32, right: 3 * (left + 1).min(last) as u32, weights: weights(fraction) }
        })
        .collect()
}

/// Source pixels a target pixel. By way of the inverse, as OpenCV computes it: the last bit can differ otherwise.
fn scale(source: usize, target: usize) -> f64 {
    1.0 / (target as f64 / source as f64)
}

/// Half-pixel centres: the source pixel at or before target pixel `i`, and how far beyond it, in single precision.
fn position(i: usize, scale: f64) -> (isize, f32) {
    let position = ((i as f64 + 0.5) * scale - 0.5) as f32;
    let whole = position.floor();
    (whole as isize, position - whole)
}

fn weights(fraction: f32) -> [i32; 2] {
    [((1.0 - fraction) * ONE).round_ties_even() as i32, (fraction * ONE).round_ties_even() as i32]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(source: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
        let image = Rgb8::packed(source, from.0, from.1).unwrap();
        let mut out = vec![0; to.0 * to.1 * 3];
        Resizer::default().resize(&image, to.0, to.1, |y, channel, line| {
            for (x, value) in line.iter().enumerate() {
                out[(y * to.0 + x) * 3 + channel] = *value;
            }
        });
        out
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x2545_f491u32;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as u8
            })
            .collect()
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let source = noise(17 * 9 * 3);
        assert_eq!(resized(&source, (17, 9), (17, 9)), source);
    }

    #[test]
    fn half_the_size_is_the_rounded_mean_of_four_pixels() {
        let source = noise(8 * 6 * 3);
        let half = resized(&source, (8, 6), (4, 3));
        for y in 0..3 {
            for x in 0..4 {
                for c in 0..3 {
                    let p = |dx, dy| u32::from(source[((2 * y + dy) * 8 + 2 * x + dx) * 3 + c]);
                    let mean = (p(0, 0) + p(1, 0) + p(0, 1) + p(1, 1) + 2) / 4;
                    assert_eq!(u32::from(half[(y * 4 + x) * 3 + c]), mean);
                }
            }
        }
    }

    #[test]
    fn one_pixel_fills_any_size_without_changing_its_colour() {
        for value in [0, 1, 127, 254, 255] {
            assert!(resized(&[value; 3], (1, 1), (40, 3)).iter().all(|v| *v == value));
        }
    }

    #[test]
    fn scratch_of_an_earlier_frame_does_not_show_in_the_next() {
        let (first, second) = (noise(30 * 20 * 3), noise(20 * 30 * 3));
        let mut resizer = Resizer::default();
        resizer.resize(&Rgb8::packed(&first, 30, 20).unwrap(), 12, 8, |_, _, _| {});
        let mut out = Vec::new();
        resizer.resize(&Rgb8::packed(&second, 20, 30).unwrap(), 12, 8, |_, channel, line| {
            if channel == 0 {
                out.extend_from_slice(line);
            }
        });
        let fresh: Vec<u8> = resized(&second, (20, 30), (12, 8)).iter().step_by(3).copied().collect();
        assert_eq!(out, fresh);
    }
}
