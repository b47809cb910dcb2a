//! The similarity transform that turns a face upright, and OpenCV 4's `warpAffine` (bilinear, border 0), to the bit.
//!
//! OpenCV 4 works in fixed point: positions are rounded to 1/1024 px, then to 1/32 px, and the four weights are products of
//! 32nds. An exact bilinear warp is "better" and costs 0.0004 of cosine; OpenCV 5 changed the arithmetic and differs by as
//! much from OpenCV 4.

use crate::face::KeyPoints;
use crate::image::Rgb8;

/// A map from the plane to the plane: `x' = m[0][0] x + m[0][1] y + m[0][2]`, `y'` likewise with `m[1]`; px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [[f64; 3]; 2]);

/// The similarity transform (rotation, one scale, shift; no reflection) that brings `from` closest to `to` by least squares.
///
/// In the plane it has four parameters and a closed form, which is what Umeyama's singular value decomposition comes to here.
/// None when the points of `from` coincide, or are not numbers.
#[must_use]
pub fn similarity(from: &KeyPoints, to: &[[f64; 2]; 5]) -> Option<Affine> {
    let from = from.map(|[x, y]| [f64::from(x), f64::from(y)]);
    let mean = |points: &[[f64; 2]; 5], axis: usize| points.iter().map(|p| p[axis]).sum::<f64>() / 5.0;
    let (mx, my, mu, mv) = (mean(&from, 0), mean(&from, 1), mean(to, 0), mean(to, 1));
    let (mut a, mut b, mut spread) = (0.0, 0.0, 0.0);
    for ([x, y], [u, v]) in from.iter().zip(to) {
        let (x, y, u, v) = (x - mx, y - my, u - mu, v - mv);
        a += x * u + y * v;
        b += x * v - y * u;
        spread += x * x + y * y;
    }
    let (a, b) = (a / spread, b / spread);
    let transform = Affine([[a, -b, mu - a * mx + b * my], [b, a, mv - b * mx - a * my]]);
    let invertible = a * a + b * b > f64::EPSILON && transform.0.as_flattened().iter().all(|v| v.is_finite());
    invertible.then_some(transform)
}

impl Affine {
    /// The way back, computed in OpenCV's order. A map that loses a dimension gives 0 everywhere.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let [[m0, m1, m2], [m3, m4, m5]] = self.0;
        let determinant = m0 * m4 - m1 * m3;
        let d = if determinant == 0.0 { 0.0 } else { 1.0 / determinant };
        let (i0, i1, i3, i4) = (m4 * d, -m1 * d, -m3 * d, m0 * d);
        Self([[i0, i1, -i0 * m2 - i1 * m5], [i3, i4, -i3 * m2 - i4 * m5]])
    }
}

/// Fills a square of `size` px with what `transform` brings there from `image`: `pixel(x, y, [r, g, b])` for each, row by row.
pub fn warp(image: &Rgb8<'_>, transform: &Affine, size: usize, mut pixel: impl FnMut(usize, usize, [u8; 3])) {
    let Affine([[m0, m1, m2], [m3, m4, m5]]) = transform.inverse();
    let fixed = |v: f64| i64::from((v * 1024.0).round_ties_even() as i32);
    // The same for each row. Rounding is a call into the mathematics library where the processor may be an old one.
    let steps: Vec<(i64, i64)> = (0..size).map(|x| (fixed(m0 * x as f64), fixed(m3 * x as f64))).collect();
    for y in 0..size {
        let (start_x, start_y) = (fixed(m1 * y as f64 + m2) + 16, fixed(m4 * y as f64 + m5) + 16);
        for (x, (step_x, step_y)) in steps.iter().enumerate() {
            pixel(x, y, sample(image, (start_x + step_x) >> 5, (start_y + step_y) >> 5));
        }
    }
}

/// The picture at (`x`, `y`), in 32nds of a pixel; black outside.
fn sample(image: &Rgb8<'_>, x: i64, y: i64) -> [u8; 3] {
    let (fx, fy) = ((x & 31) as u32, (y & 31) as u32);
    let (x, y) = (x >> 5, y >> 5);
    let weights = [(32 - fx) * (32 - fy), fx * (32 - fy), (32 - fx) * fy, fx * fy];
    if (0..image.width() as i64 - 1).contains(&x) && (0..image.height() as i64 - 1).contains(&y) {
        // All four are inside, as nearly always: two pairs of neighbours.
        let (x, y) = (3 * x as usize, y as usize);
        let (top, bottom) = (&image.row(y)[x..][..6], &image.row(y + 1)[x..][..6]);
        return std::array::from_fn(|channel| {
            let row = |row: &[u8], left: u32, right: u32| {
                left * u32::from(row[channel]) + right * u32::from(row[channel + 3])
            };
            ((512 + row(top, weights[0], weights[1]) + row(bottom, weights[2], weights[3])) >> 10) as u8
        });
    }
    let inside = |x: i64, y: i64| (0..image.width() as i64).contains(&x) && (0..image.height() as i64).contains(&y);
    let mut sum = [512u32; 3];
    for (weight, (dx, dy)) in weights.into_iter().zip([(0, 0), (1, 0), (0, 1), (1, 1)]) {
        if inside(x + dx, y + dy) {
            let source = &image.row((y + dy) as usize)[3 * (x + dx) as usize..][..3];
            for (sum, value) in sum.iter_mut().zip(source) {
                *sum += weight * u32::from(*value);
            }
        }
    }
    sum.map(|sum| (sum >> 10) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [[f64; 2]; 5] = [[10.0, 10.0], [30.0, 10.0], [20.0, 20.0], [10.0, 30.0], [30.0, 30.0]];

    fn apply(transform: &Affine, [x, y]: [f64; 2]) -> [f64; 2] {
        transform.0.map(|[a, b, c]| a * x + b * y + c)
    }

    #[test]
    fn a_turned_scaled_and_shifted_figure_is_brought_back_exactly() {
        let (sin, cos) = 0.7f64.sin_cos();
        let moved = SQUARE
            .map(|[x, y]| [(3.0 * (cos * x - sin * y) + 100.0) as f32, (3.0 * (sin * x + cos * y) - 40.0) as f32]);
        let transform = similarity(&moved, &SQUARE).unwrap();
        for (from, to) in moved.iter().zip(SQUARE) {
            let [x, y] = apply(&transform, [f64::from(from[0]), f64::from(from[1])]);
            assert!((x - to[0]).abs() < 1e-4 && (y - to[1]).abs() < 1e-4, "{x} {y}");
        }
    }

    #[test]
    fn a_mirrored_figure_is_never_unmirrored() {
        let mirrored = SQUARE.map(|[x, y]| [-x as f32, y as f32 * 2.0]);
        let Affine([[a, b, _], [c, d, _]]) = similarity(&mirrored, &SQUARE).unwrap();
        assert!(a * d - b * c > 0.0);
    }

    #[test]
    fn points_that_coincide_or_are_not_numbers_give_no_transform() {
        assert_eq!(similarity(&[[5.0, 5.0]; 5], &SQUARE), None);
        assert_eq!(similarity(&[[f32::NAN, 5.0]; 5], &SQUARE), None);
        let mut far = [[5.0, 5.0]; 5];
        far[0] = [f32::INFINITY, 0.0];
        assert_eq!(similarity(&far, &SQUARE), None);
    }

    #[test]
    fn the_inverse_leads_back() {
        let there = Affine([[0.8, -0.6, 12.0], [0.6, 0.8, -7.0]]);
        let [x, y] = apply(&there.inverse(), apply(&there, [31.0, 8.5]));
        assert!((x - 31.0).abs() < 1e-9 && (y - 8.5).abs() < 1e-9);
    }

    fn warped(image: &Rgb8<'_>, transform: [[f64; 3]; 2], size: usize) -> Vec<[u8; 3]> {
        let mut out = Vec::new();
        warp(image, &Affine(transform), size, |x, y, pixel| {
            assert_eq!(out.len(), y * size + x);
            out.push(pixel);
        });
        out
    }

    #[test]
    fn the_identity_copies_and_what_lies_outside_is_black() {
        let bytes: Vec<u8> = (1..=12).collect();
        let image = Rgb8::packed(&bytes, 2, 2).unwrap();
        let out = warped(&image, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 3);
        assert_eq!(out[0], [1, 2, 3]);
        assert_eq!(out[4], [10, 11, 12]);
        for outside in [2, 5, 6, 7, 8] {
            assert_eq!(out[outside], [0; 3]);
        }
    }

    #[test]
    fn half_a_pixel_is_the_mean_and_fades_to_black_at_the_border() {
        let image = Rgb8::packed(&[100, 100, 100, 200, 200, 200], 2, 1).unwrap();
        let out = warped(&image, [[1.0, 0.0, -0.5], [0.0, 1.0, 0.0]], 2);
        assert_eq!(out[0], [150; 3]);
        assert_eq!(out[1], [100; 3]);
    }

    #[test]
    fn a_transform_to_far_away_reads_nothing_and_does_not_overflow() {
        let image = Rgb8::packed(&[255; 3], 1, 1).unwrap();
        let out = warped(&image, [[1e-9, 0.0, 1e12], [0.0, 1e-9, -1e12]], 4);
        assert!(out.iter().all(|pixel| *pixel == [0; 3]));
    }
}
