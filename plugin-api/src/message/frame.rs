use majlis_abi::plugin::{Buffer, BufferMut, HostHandle};
use serde_json::json;

use crate::{Error, Host, Message, Result};

/// Bytes before the pixels: one cache line, so that the pixels are aligned.
const HEADER: usize = 64;
const MAGIC: [u8; 4] = *b"MFR1";
/// The byte of the header whose bits are flags.
const FLAGS: usize = 6;
const STILL: u8 = 1;

/// How pixels lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelFormat {
    /// 3 bytes a pixel: red, green, blue.
    Rgb8,
    /// 3 bytes a pixel: blue, green, red.
    Bgr8,
    /// 4 bytes a pixel: red, green, blue, alpha.
    Rgba8,
    /// 1 byte a pixel.
    Gray8,
    /// Planes of luma, then both chroma planes at half width and height.
    I420,
}

impl PixelFormat {
    const ALL: [(Self, u16, &'static str); 5] = [
        (Self::Rgb8, 1, "rgb8"),
        (Self::Bgr8, 2, "bgr8"),
        (Self::Rgba8, 3, "rgba8"),
        (Self::Gray8, 4, "gray8"),
        (Self::I420, 5, "i420"),
    ];

    fn code(self) -> u16 {
        Self::ALL.iter().find(|entry| entry.0 == self).map_or(0, |entry| entry.1)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|entry| entry.0 == self).map_or("", |entry| entry.2)
    }

    /// Bytes of one row of the first plane.
    fn row(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            Self::Rgb8 | Self::Bgr8 => width * 3,
            Self::Rgba8 => width * 4,
            Self::Gray8 | Self::I420 => width,
        }
    }

    /// Bytes of a whole picture without padding.
    fn bytes(self, width: u32, height: u32, stride: usize) -> usize {
        let height_rows = height as usize;
        match self {
            Self::I420 => {
                let _ = width;
                stride * height_rows + 2 * stride.div_ceil(2) * height_rows.div_ceil(2)
            }
            _ => stride * height_rows,
        }
    }
}

/// A picture: a header and pixels in a buffer of the host that is shared and never copied. Cloning it is cheap.
#[derive(Clone)]
pub struct Frame {
    buffer: Buffer,
    width: u32,
    height: u32,
    stride: u32,
    format: PixelFormat,
    still: bool,
}

/// A picture that is being made.
pub struct FrameMut {
    buffer: BufferMut,
}

impl FrameMut {
    /// A picture of `width` x `height` pixels without padding between rows. Every byte has to be written: the buffer
    /// may hold old ones.
    ///
    /// # Errors
    /// A side is 0 or above 32,768.
    pub fn new(host: &Host, width: u32, height: u32, format: PixelFormat) -> Result<Self> {
        if width == 0 || height == 0 || width > 32_768 || height > 32_768 {
            return Err(Error::new(format!("a frame of {width}x{height} pixels: each side must be 1 to 32,768")));
        }
        let stride = format.row(width);
        let mut buffer = host.buffer(HEADER + format.bytes(width, height, stride));
        let header = &mut buffer[..HEADER];
        header.fill(0);
        header[..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&format.code().to_le_bytes());
        header[8..12].copy_from_slice(&width.to_le_bytes());
        header[12..16].copy_from_slice(&height.to_le_bytes());
        header[16..20].copy_from_slice(&u32::try_from(stride).unwrap_or(u32::MAX).to_le_bytes());
        Ok(Self { buffer })
    }

    /// Says that it is a photograph: no other picture of the same moment comes, so whoever looks has this one look.
    #[must_use]
    pub fn still(mut self) -> Self {
        self.buffer[FLAGS] |= STILL;
        self
    }

    /// The pixels: row after row, from the top.
    #[must_use]
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[HEADER..]
    }

    /// From here on read-only.
    ///
    /// # Errors
    /// Never for a frame made by [`FrameMut::new`].
    pub fn freeze(self) -> Result<Frame> {
        Frame::decode(&self.buffer.freeze(), Frame::TYPE)
    }
}

impl Frame {
    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Whether it is a photograph, and not a picture of a stream: see [`FrameMut::still`].
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.still
    }

    /// Bytes from one row of the first plane to the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride as usize
    }

    /// How the pixels lie.
    #[must_use]
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// The pixels: row after row, from the top, `stride` bytes apart.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.buffer[HEADER..]
    }

    /// The header, and a hash of the pixels: never the pixels.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "width": self.width, "height": self.height, "stride": self.stride, "format": self.format.name(), "still": self.still,
            "pixels_fnv1a": format!("{:016x}", fnv(self.pixels())),
        })
    }
}

/// 64-bit FNV-1a over words: enough to tell two pictures apart, and no secret.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = (hash ^ u64::from_le_bytes(word.try_into().unwrap_or_default())).wrapping_mul(PRIME);
    }
    words.remainder().iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_le_bytes)
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}x{} {})", self.width, self.height, self.format.name())
    }
}

impl Message for Frame {
    const TYPE: &'static str = "majlis/frame@1";

    fn encode(&self, _: &HostHandle) -> Result<Buffer> {
        Ok(self.buffer.clone())
    }

    fn decode(buffer: &Buffer, _: &str) -> Result<Self> {
        if buffer.len() < HEADER || buffer[..4] != MAGIC {
            return Err(Error::new("not a majlis/frame@1: its header is missing"));
        }
        let code = u16::from_le_bytes([buffer[4], buffer[5]]);
        let Some(&(format, ..)) = PixelFormat::ALL.iter().find(|entry| entry.1 == code) else {
            return Err(Error::new(format!("a frame of the unknown pixel format {code}")));
        };
        let (width, height, stride) = (word(buffer, 8), word(buffer, 12), word(buffer, 16));
        let needed = format.bytes(width, height, stride as usize);
        if width == 0 || height == 0 || (stride as usize) < format.row(width) || buffer.len() - HEADER < needed {
            return Err(Error::new(format!(
                "a frame of {width}x{height} pixels with stride {stride} in {} bytes: its header does not fit its pixels",
                buffer.len() - HEADER
            )));
        }
        Ok(Self { buffer: buffer.clone(), width, height, stride, format, still: buffer[FLAGS] & STILL != 0 })
    }
}
