use majlis_abi::plugin::{Buffer, BufferMut, HostHandle};
use serde_json::json;

use super::frame::{fnv, word};
use crate::{Error, Host, Message, Result};

const HEADER: usize = 64;
const MAGIC: [u8; 4] = *b"MAU1";

/// How samples lie in memory: interleaved, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleFormat {
    /// Signed 16-bit integers.
    S16,
    /// 32-bit floats from -1 to 1.
    F32,
}

impl SampleFormat {
    /// Bytes of one sample of one channel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::S16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Sound: a header and samples in a buffer of the host that is shared and never copied. Cloning it is cheap.
#[derive(Clone)]
pub struct Audio {
    buffer: Buffer,
    rate: u32,
    channels: u16,
    format: SampleFormat,
    piece: Piece,
}

/// Which piece of an utterance's sound a packet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// The utterance's [`number`](crate::Utterance::number); 0: sound of no utterance.
    pub utterance: u64,
    /// How many samples of each channel came before it.
    pub position: u64,
    /// Nothing of the utterance comes after it. Such a packet may have no samples.
    pub last: bool,
}

/// Sound that is being made.
pub struct AudioMut {
    buffer: BufferMut,
}

impl AudioMut {
    /// `samples` samples for each of `channels` channels, at `rate` samples a second. Every byte has to be written.
    ///
    /// # Errors
    /// No channel, no rate, or more than fits.
    pub fn new(host: &Host, rate: u32, channels: u16, format: SampleFormat, samples: usize) -> Result<Self> {
        let bytes = samples.checked_mul(usize::from(channels)).and_then(|all| all.checked_mul(format.bytes()));
        let (Some(bytes), true) = (bytes, rate > 0 && channels > 0) else {
            return Err(Error::new(format!("audio of {samples} samples in {channels} channels at {rate} Hz")));
        };
        let mut buffer = host.buffer(HEADER + bytes);
        let header = &mut buffer[..HEADER];
        header.fill(0);
        header[..4].copy_from_slice(&MAGIC);
        header[4] = if format == SampleFormat::S16 { 1 } else { 2 };
        header[6..8].copy_from_slice(&channels.to_le_bytes());
        header[8..12].copy_from_slice(&rate.to_le_bytes());
        Ok(Self { buffer })
    }

    /// Says which piece of which utterance it is.
    #[must_use]
    pub fn piece(mut self, piece: Piece) -> Self {
        self.buffer[5] = u8::from(piece.last);
        self.buffer[16..24].copy_from_slice(&piece.utterance.to_le_bytes());
        self.buffer[24..32].copy_from_slice(&piece.position.to_le_bytes());
        self
    }

    /// The samples' bytes.
    #[must_use]
    pub fn samples_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[HEADER..]
    }

    /// From here on read-only.
    ///
    /// # Errors
    /// Never for audio made by [`AudioMut::new`].
    pub fn freeze(self) -> Result<Audio> {
        Audio::decode(&self.buffer.freeze(), Audio::TYPE)
    }
}

impl Audio {
    /// Samples a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Channels.
    #[must_use]
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// How the samples lie.
    #[must_use]
    pub fn format(&self) -> SampleFormat {
        self.format
    }

    /// Which piece of which utterance it is.
    #[must_use]
    pub fn piece(&self) -> Piece {
        self.piece
    }

    /// The samples' bytes.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        &self.buffer[HEADER..]
    }

    /// The header, and a hash of the samples: never the samples.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "rate": self.rate, "channels": self.channels, "utterance": self.piece.utterance,
            "position": self.piece.position, "last": self.piece.last,
            "samples": self.samples().len() / self.format.bytes() / usize::from(self.channels),
            "samples_fnv1a": format!("{:016x}", fnv(self.samples())),
        })
    }
}

impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Audio({} Hz, {} channels, {} bytes)", self.rate, self.channels, self.samples().len())
    }
}

impl Message for Audio {
    const TYPE: &'static str = "majlis/audio@1";

    fn encode(&self, _: &HostHandle) -> Result<Buffer> {
        Ok(self.buffer.clone())
    }

    fn decode(buffer: &Buffer, _: &str) -> Result<Self> {
        if buffer.len() < HEADER || buffer[..4] != MAGIC {
            return Err(Error::new("not a majlis/audio@1: its header is missing"));
        }
        let format = match buffer[4] {
            1 => SampleFormat::S16,
            2 => SampleFormat::F32,
            code => return Err(Error::new(format!("audio of the unknown sample format {code}"))),
        };
        let channels = u16::from_le_bytes([buffer[6], buffer[7]]);
        let rate = word(buffer, 8);
        if channels == 0 || rate == 0 {
            return Err(Error::new(format!("audio of {channels} channels at {rate} Hz")));
        }
        let long = |at: usize| u64::from(word(buffer, at)) | u64::from(word(buffer, at + 4)) << 32;
        let piece = Piece { utterance: long(16), position: long(24), last: buffer[5] & 1 == 1 };
        Ok(Self { buffer: buffer.clone(), rate, channels, format, piece })
    }
}
