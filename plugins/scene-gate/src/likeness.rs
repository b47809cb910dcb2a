//! How like two pictures are: 1 - SSIM on blocks of 8 x 8, with their contrast made equal before.
//!
//! SSIM compares what stands where (covariance) and not how bright it is, so it tells a person who left from a lamp that was
//! switched on, where a mean difference of pixels fires on the light first. `tests/thresholds.rs` measures both.

use crate::grey::{HEIGHT, WIDTH};

/// A block's side, in cells.
const SIDE: usize = 8;
const ACROSS: usize = WIDTH / SIDE;
const BLOCKS: usize = ACROSS * (HEIGHT / SIDE);
const CELLS: f32 = (SIDE * SIDE) as f32;

/// SSIM's constants, for values of 0 to 255. They keep flat blocks from being compared by their noise. The second is that of
/// K2 = 0.06 and not 0.03: what noise and dim light make of a flat wall is a third then, and a person who left is as much.
const C1: f32 = 6.5025;
const C2: f32 = 234.09;

/// The contrast (standard deviation) and the mean that each picture is given before it is compared.
const CONTRAST: f32 = 50.0;
const MEAN: f32 = 128.0;

/// A picture of less contrast is not raised to all of [`CONTRAST`]: of a dark room that would be the noise.
const LEAST_CONTRAST: f32 = 16.0;

/// A small grey picture with the sums by which it is compared.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    grey: Vec<u8>,
    blocks: Vec<Block>,
    /// What makes its contrast and mean those that all have: `(value - mean) * gain`.
    mean: f32,
    gain: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    sum: u32,
    squares: u32,
}

impl Default for Picture {
    fn default() -> Self {
        Self { grey: vec![0; WIDTH * HEIGHT], blocks: vec![Block::default(); BLOCKS], mean: 0.0, gain: 0.0 }
    }
}

impl Picture {
    /// Takes what `write` writes as its grey values.
    pub(crate) fn make<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<(), E> {
        write(&mut self.grey)?;
        for (cells, blocks) in self.grey.chunks_exact(WIDTH * SIDE).zip(self.blocks.chunks_exact_mut(ACROSS)) {
            blocks.fill(Block::default());
            for row in cells.chunks_exact(WIDTH) {
                for (cells, block) in row.chunks_exact(SIDE).zip(blocks.iter_mut()) {
                    block.sum += cells.iter().map(|cell| u32::from(*cell)).sum::<u32>();
                    block.squares += product(cells, cells);
                }
            }
        }
        let total =
            |part: fn(&Block) -> u32| self.blocks.iter().map(|block| u64::from(part(block))).sum::<u64>() as f64;
        let cells = (WIDTH * HEIGHT) as f64;
        let mean = total(|block| block.sum) / cells;
        let contrast = (total(|block| block.squares) / cells - mean * mean).max(0.0).sqrt();
        self.mean = mean as f32;
        self.gain = CONTRAST / (contrast as f32).max(LEAST_CONTRAST);
        Ok(())
    }

    /// Becomes the other one.
    pub(crate) fn become_like(&mut self, other: &Self) {
        self.grey.copy_from_slice(&other.grey);
        self.blocks.copy_from_slice(&other.blocks);
        (self.mean, self.gain) = (other.mean, other.gain);
    }

    /// 0 for the same picture, about 1 for two that have nothing in common.
    pub(crate) fn difference(&self, other: &Self) -> f32 {
        let rows = self.grey.chunks_exact(WIDTH * SIDE).zip(other.grey.chunks_exact(WIDTH * SIDE));
        let blocks = self.blocks.chunks_exact(ACROSS).zip(other.blocks.chunks_exact(ACROSS));
        let mut likeness = 0.0;
        for ((mine, theirs), (blocks, others)) in rows.zip(blocks) {
            let mut products = [0_u32; ACROSS];
            for (mine, theirs) in mine.chunks_exact(WIDTH).zip(theirs.chunks_exact(WIDTH)) {
                let cells = mine.chunks_exact(SIDE).zip(theirs.chunks_exact(SIDE));
                cells.zip(&mut products).for_each(|((mine, theirs), sum)| *sum += product(mine, theirs));
            }
            for ((mine, theirs), products) in blocks.iter().zip(others).zip(products) {
                likeness += self.ssim(mine, other, theirs, products);
            }
        }
        1.0 - likeness / BLOCKS as f32
    }

    /// The likeness of two blocks, -1 to 1. Contrast and mean are made equal here, in the sums instead of in the cells.
    fn ssim(&self, mine: &Block, other: &Self, theirs: &Block, products: u32) -> f32 {
        let (a, b) = (mine.sum as f32 / CELLS, theirs.sum as f32 / CELLS);
        let varies = |squares: u32, mean: f32, gain: f32| (squares as f32 / CELLS - mean * mean) * gain * gain;
        let (varies_a, varies_b) = (varies(mine.squares, a, self.gain), varies(theirs.squares, b, other.gain));
        let together = (products as f32 / CELLS - a * b) * self.gain * other.gain;
        let (a, b) = ((a - self.mean) * self.gain + MEAN, (b - other.mean) * other.gain + MEAN);
        let means = (2.0 * a * b + C1) / (a * a + b * b + C1);
        means * (2.0 * together + C2) / (varies_a + varies_b + C2)
    }
}

fn product(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(*a) * u32::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn picture(of: impl Fn(usize, usize) -> f32) -> Picture {
        let mut picture = Picture::default();
        let made: Result<(), Infallible> = picture.make(|grey| {
            grey.iter_mut().enumerate().for_each(|(at, cell)| *cell = of(at % WIDTH, at / WIDTH) as u8);
            Ok(())
        });
        made.expect("nothing can go wrong");
        picture
    }

    fn waves(x: usize, y: usize) -> f32 {
        128.0 + 60.0 * (x as f32 / 5.0).sin() * (y as f32 / 7.0).cos()
    }

    #[test]
    fn a_picture_is_like_itself_and_like_itself_in_another_light() {
        let whole = picture(waves);
        assert!(whole.difference(&whole).abs() < 1e-5);
        let dimmed = picture(|x, y| 0.6 * waves(x, y) + 10.0);
        assert!(whole.difference(&dimmed) < 0.01, "{}", whole.difference(&dimmed));
        assert_eq!(whole.difference(&dimmed), dimmed.difference(&whole));
    }

    #[test]
    fn a_picture_is_unlike_another_one() {
        let other = picture(|x, y| waves(y, x + 20));
        let negative = picture(|x, y| 255.0 - waves(x, y));
        let whole = picture(waves);
        assert!(whole.difference(&other) > 0.5, "{}", whole.difference(&other));
        assert!(whole.difference(&negative) > 1.0, "{}", whole.difference(&negative));
    }

    #[test]
    fn of_the_dark_only_the_noise_differs_and_that_is_nothing() {
        let noise = |seed: usize| move |x: usize, y: usize| 6.0 + ((x * 7 + y * 13 + seed * 31) % 2) as f32;
        let (one, other) = (picture(noise(1)), picture(noise(2)));
        assert!(one.difference(&other) < 0.06, "{}", one.difference(&other));
        assert!(
            picture(|_, _| 0.0).difference(&picture(|_, _| 255.0)).abs() < 1e-3,
            "flat ones have nothing that differs"
        );
    }
}
