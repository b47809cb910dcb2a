use majlis_plugin_api::{Error, Result};

use crate::packets::Packets;
use crate::sound::Sound;
use crate::{Phonemes, Stop};

/// More sound than this of one utterance is a mistake: six minutes at 22.05 kHz.
const MOST_BYTES: usize = 16 << 20;

/// Where a voice writes the sound of one text. What is written goes out as soon as there is room for it; the rest is kept,
/// so that writing never waits for whoever plays it.
pub struct Speech {
    sound: Sound,
    /// Bytes at its beginning that were there before, and what is said in them.
    lead: usize,
    before: Option<Phonemes>,
    has_begun: bool,
    stop: Stop,
    /// None: nobody listens yet, it is made ahead.
    to: Option<Packets>,
}

/// What a voice wrote of a sound.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Samples of each channel a second, once it has begun.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// Interleaved samples of signed 16 bits, little-endian; cut anywhere.
    pub samples: &'a [u8],
}

/// Nobody wants the sound any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody wants this sound any more")
    }
}

impl std::error::Error for Stopped {}

impl Speech {
    /// `lead`: what is heard before, and was made earlier.
    pub(crate) fn new(stop: Stop, to: Option<Packets>, lead: Option<&Sound>) -> Self {
        let mut sound = lead.cloned().unwrap_or_default();
        Self { lead: sound.samples.len(), before: sound.phonemes.take(), sound, has_begun: false, stop, to }
    }

    /// Says what is written: samples of each channel a second, and channels. Once, before the first sample.
    ///
    /// # Errors
    /// No rate or no channel, or it was said before.
    pub fn begin(&mut self, rate: u32, channels: u16) -> Result<()> {
        let fits = self.lead == 0 || (rate, channels) == (self.sound.rate, self.sound.channels);
        if self.has_begun || rate == 0 || channels == 0 || !fits {
            return Err(Error::new(format!("the sound begins with {channels} channels at {rate} Hz")));
        }
        self.has_begun = true;
        self.sound.rate = rate;
        self.sound.channels = channels;
        Ok(())
    }

    /// Writes interleaved samples of signed 16 bits, little-endian; cut anywhere.
    ///
    /// # Errors
    /// Nobody wants it any more, it has not begun, or it does not end.
    pub fn write(&mut self, samples: &[u8]) -> Result<()> {
        if !self.has_begun {
            return Err(Error::new("samples came before their rate"));
        }
        if self.is_stopped() {
            return Err(Stopped.into());
        }
        if self.sound.samples.len() + samples.len() > MOST_BYTES {
            return Err(Error::new(format!("the sound does not end: it has more than {} MiB", MOST_BYTES >> 20)));
        }
        self.sound.samples.extend_from_slice(samples);
        self.to.as_mut().map_or(Ok(()), |packets| packets.offer(&self.sound))
    }

    /// Says what is said when. At any time, once.
    pub fn tell(&mut self, phonemes: Phonemes) {
        let lead_ms = (self.lead / self.sound.frame()) as f64 * 1e3 / f64::from(self.sound.rate.max(1));
        self.sound.phonemes = if self.lead == 0 {
            Some(phonemes)
        } else {
            // Where it is not known of what is heard before, nothing is told: it would not be whole.
            self.before.take().map(|before| before.followed_by(phonemes, lead_ms))
        };
    }

    /// Whether the voice has said what it writes.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What the voice wrote so far, with its rate and channels.
    #[must_use]
    pub fn written(&self) -> Written<'_> {
        Written { rate: self.sound.rate, channels: self.sound.channels, samples: &self.sound.samples[self.lead..] }
    }

    /// Whether nobody wants it any more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }

    /// Tells when nobody wants it any more.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The sound, and where it goes.
    pub(crate) fn into_parts(self) -> (Sound, Option<Packets>) {
        (self.sound, self.to)
    }
}
