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
    stop: Stop,
    /// None: nobody listens yet, it is made ahead.
    to: Option<Packets>,
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
    pub(crate) fn new(stop: Stop, to: Option<Packets>) -> Self {
        Self { sound: Sound::default(), stop, to }
    }

    /// Says what is written: samples of each channel a second, and channels. Once, before the first sample.
    ///
    /// # Errors
    /// No rate or no channel, or it was said before.
    pub fn begin(&mut self, rate: u32, channels: u16) -> Result<()> {
        if self.sound.rate != 0 || rate == 0 || channels == 0 {
            return Err(Error::new(format!("the sound begins with {channels} channels at {rate} Hz")));
        }
        self.sound.rate = rate;
        self.sound.channels = channels;
        Ok(())
    }

    /// Writes interleaved samples of signed 16 bits, little-endian; cut anywhere.
    ///
    /// # Errors
    /// Nobody wants it any more, it has not begun, or it does not end.
    pub fn write(&mut self, samples: &[u8]) -> Result<()> {
        if self.sound.rate == 0 {
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
        self.sound.phonemes = Some(phonemes);
    }

    /// What was written so far.
    #[must_use]
    pub fn sound(&self) -> &Sound {
        &self.sound
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
