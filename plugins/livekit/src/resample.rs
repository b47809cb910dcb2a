//! From one rate of sound to another, in pieces: nothing is added or lost at either end.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

use majlis_plugin_api::{Error, Result};

/// So much is resampled at once.
const CHUNK_MS: u32 = 10;

/// Resamples one channel of signed 16 bits.
pub(crate) struct Resampler {
    from: u32,
    to: u32,
    /// Nothing where both rates are the same.
    fft: Option<Fft<f32>>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples of the output's beginning that are the filter's own, and are left out.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// # Errors
    /// One of the rates is none.
    pub(crate) fn new(from: u32, to: u32) -> Result<Self> {
        let chunk = (from / (1_000 / CHUNK_MS)).max(1) as usize;
        let fft = if from == to {
            None
        } else {
            let fft = Fft::new(from as usize, to as usize, chunk, 1, FixedSync::Input)
                .map_err(|error| Error::new(format!("sound of {from} Hz cannot be made one of {to} Hz: {error}")))?;
            Some(fft)
        };
        let delay = fft.as_ref().map_or(0, |fft| fft.output_delay());
        Ok(Self { from, to, fft, input: Vec::new(), output: Vec::new(), delay, taken: 0, given: 0 })
    }

    /// Takes these samples, and gives what can be given of all that came.
    ///
    /// # Errors
    /// Never with rates that [`Resampler::new`] took.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Result<Vec<i16>> {
        self.taken += samples.len() as u64;
        if self.fft.is_none() {
            self.given = self.taken;
            return Ok(samples.to_vec());
        }
        self.input.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
        self.turn(false)
    }

    /// Gives the rest: all together is as long as what came.
    ///
    /// # Errors
    /// As [`push`](Resampler::push).
    pub(crate) fn finish(&mut self) -> Result<Vec<i16>> {
        if self.fft.is_none() { Ok(Vec::new()) } else { self.turn(true) }
    }

    fn turn(&mut self, to_the_end: bool) -> Result<Vec<i16>> {
        let wanted = (self.taken * u64::from(self.to)).div_ceil(u64::from(self.from));
        let Some(fft) = &mut self.fft else { return Ok(Vec::new()) };
        let mut made = Vec::new();
        loop {
            let needed = fft.input_frames_next();
            let is_whole = self.input.len() >= needed;
            if !is_whole && (!to_the_end || self.given + made.len() as u64 >= wanted) {
                break;
            }
            let part = needed.min(self.input.len());
            let room = fft.output_frames_next();
            self.output.clear();
            self.output.resize(room, 0.0);
            let input = InterleavedSlice::new(&self.input, 1, self.input.len()).map_err(fault)?;
            let mut output = InterleavedSlice::new_mut(&mut self.output, 1, room).map_err(fault)?;
            let indexing = Indexing { partial_len: (!is_whole).then_some(part), ..Indexing::default() };
            let (_, count) = fft.process_into_buffer(&input, &mut output, Some(&indexing)).map_err(fault)?;
            self.input.drain(..part);
            let skipped = self.delay.min(count);
            self.delay -= skipped;
            made.extend(self.output[skipped..count].iter().map(|sample| whole(*sample)));
        }
        if to_the_end {
            made.truncate(usize::try_from(wanted.saturating_sub(self.given)).unwrap_or(usize::MAX));
        }
        self.given += made.len() as u64;
        Ok(made)
    }
}

#[allow(clippy::cast_possible_truncation)] // clamped
fn whole(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::new(format!("sound cannot be resampled: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<i16> {
        let count = (f64::from(rate) * seconds) as u32;
        let sample = |at: u32| (f64::from(at) / f64::from(rate) * hertz * std::f64::consts::TAU).sin();
        (0..count).map(|at| (sample(at) * 12_000.0) as i16).collect()
    }

    fn resampled(from: u32, to: u32, samples: &[i16], piece: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).expect("rates of speech");
        let mut out = Vec::new();
        for piece in samples.chunks(piece) {
            out.extend(resampler.push(piece).expect("it goes"));
        }
        out.extend(resampler.finish().expect("it ends"));
        out
    }

    #[test]
    fn pitch_length_and_place_are_kept() {
        for (from, to) in [(24_000, 16_000), (16_000, 24_000), (22_050, 48_000), (16_000, 48_000), (48_000, 16_000)] {
            let made = resampled(from, to, &tone(from, 440.0, 1.3), 320);
            let expected = tone(to, 440.0, 1.3);
            assert!(made.len().abs_diff(expected.len()) <= 1, "{from} to {to}: {} and {}", made.len(), expected.len());
            // Sample by sample, away from the edges where a tone that begins at once rings.
            let margin = to as usize / 20;
            let worst = made.iter().zip(&expected).skip(margin).take(expected.len() - 2 * margin);
            let worst = worst.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
            assert!(worst < Some(250), "{from} to {to}: {worst:?} of 12,000");
        }
    }

    #[test]
    fn how_it_is_cut_into_pieces_makes_no_difference() {
        let sound = tone(24_000, 300.0, 0.5);
        let whole = resampled(24_000, 16_000, &sound, sound.len());
        for piece in [1, 7, 480, 999] {
            assert!(resampled(24_000, 16_000, &sound, piece) == whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn the_same_rate_is_the_same_sound_and_nothing_is_nothing() {
        let sound = tone(16_000, 300.0, 0.1);
        assert!(resampled(16_000, 16_000, &sound, 100) == sound);
        assert!(resampled(24_000, 16_000, &[], 100).is_empty());
        assert!(Resampler::new(0, 16_000).is_err());
    }

    #[test]
    fn a_sound_shorter_than_a_chunk_is_not_lost() {
        assert_eq!(resampled(24_000, 16_000, &[1_000; 30], 30).len(), 20);
    }
}
