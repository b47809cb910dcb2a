//! From one rate of sound to another, in pieces: nothing is added or lost at either end.
//!
//! The decision that shapes it: **one kind of sound, one type of sample**. What it is made of is general, and is compiled for its
//! type here, which takes longer than all of the room; so it is a crate of its own, and compiled once.
//!
//! It must never know: who hears it, and when.
#![forbid(unsafe_code)]

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

use majlis_plugin_api::{Error, Result};

/// So much is resampled at once.
const CHUNK_MS: u32 = 10;

/// Resamples one channel of signed 16 bits. What it gives is as long as what it takes, and in the same place.
pub struct Resampler {
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
    /// From and to so many samples a second.
    ///
    /// # Errors
    /// One of the rates is none.
    pub fn new(from: u32, to: u32) -> Result<Self> {
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
    pub fn push(&mut self, samples: &[i16]) -> Result<Vec<i16>> {
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
    pub fn finish(&mut self) -> Result<Vec<i16>> {
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
