use std::time::Duration;

use crate::Phonemes;

/// Bytes of one sample of one channel: signed 16 bits, little-endian.
pub(crate) const SAMPLE: usize = 2;

/// A sound from its first to its last sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// Samples of each channel a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Interleaved samples of signed 16 bits, little-endian; whole frames.
    pub samples: Vec<u8>,
    /// What is said when, where the voice knows it.
    pub phonemes: Option<Phonemes>,
}

impl Sound {
    /// Bytes of one sample of all channels.
    #[must_use]
    pub fn frame(&self) -> usize {
        usize::from(self.channels.max(1)) * SAMPLE
    }

    /// How many samples of each channel it has.
    #[must_use]
    pub fn frames(&self) -> u64 {
        (self.samples.len() / self.frame()) as u64
    }

    /// How long it lasts.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.frames() as f64 / f64::from(self.rate.max(1)))
    }

    /// What it holds in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.samples.len() + self.phonemes.as_ref().map_or(0, Phonemes::bytes)
    }
}
