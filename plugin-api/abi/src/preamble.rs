//! What is compared before anything else is believed: a plain `repr(C)` block in the section `.stage.abi`.
//!
//! It is read twice: from the bytes of the file, so that a lazy plugin's wrong ABI is known at start, and again after
//! `dlopen`. A layout mismatch seen by abi_stable prints a thousand lines; seen here it is one line that names the
//! type, both sides, and the remedy.

use crate::layout::{HASHES, NAMES, TYPES};

/// The first eight bytes.
pub const MAGIC: [u8; 8] = *b"MAJLISAB";
/// `flags`: the library unwinds on a panic. Always set; a library without it could take the host down.
pub const FLAG_UNWINDS: u32 = 1;

/// The block itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`MAJOR`](crate::MAJOR).
    pub major: u32,
    /// [`MINOR`](crate::MINOR).
    pub minor: u32,
    /// [`FLAG_UNWINDS`].
    pub flags: u32,
    /// How many hashes follow.
    pub count: u32,
    /// A hash for each type of the boundary, in the order of [`NAMES`], leaves first.
    pub hashes: [u64; TYPES],
}

/// The preamble of this copy of the crate.
pub const OURS: Preamble = Preamble {
    magic: MAGIC,
    major: crate::MAJOR,
    minor: crate::MINOR,
    flags: FLAG_UNWINDS,
    count: TYPES as u32,
    hashes: HASHES,
};

/// Why a preamble is refused: one line that names both sides and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The block is not a preamble.
    NotAPreamble {
        /// Its length in bytes.
        len: usize,
    },
    /// Another major.
    Major {
        /// The plugin's.
        plugin: u32,
    },
    /// The library aborts on panic.
    Aborts,
    /// A type of the boundary has another layout.
    Layout {
        /// Which type.
        name: &'static str,
        /// The plugin's hash.
        plugin: u64,
        /// The host's hash.
        host: u64,
    },
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = crate::MAJOR;
        match self {
            Self::NotAPreamble { len } => write!(
                f,
                "its {} section of {len} bytes is no preamble (the host expects {} bytes that begin with MAJLISAB); \
                 build the plugin with majlis-plugin-api",
                crate::root::PREAMBLE_SECTION,
                size_of::<Preamble>()
            ),
            Self::Major { plugin } => {
                let remedy = if *plugin > host {
                    "use a newer host"
                } else {
                    "build the plugin against a newer majlis-plugin-api"
                };
                write!(f, "it speaks ABI major {plugin} and the host speaks {host}; {remedy}")
            }
            Self::Aborts => write!(
                f,
                "it aborts on panic, which would end the host, and the host needs unwinding; remove `panic = \"abort\"` from its profile"
            ),
            Self::Layout { name, plugin, host } => write!(
                f,
                "type `{name}` has layout {plugin:016x} in the plugin and {host:016x} in the host, though both say major {}; \
                 build the plugin against the released majlis-plugin-api",
                crate::MAJOR
            ),
        }
    }
}

impl std::error::Error for Mismatch {}

impl Preamble {
    /// Reads a preamble from the bytes of its section.
    ///
    /// # Errors
    /// [`Mismatch::NotAPreamble`], or [`Mismatch::Major`] where the block is too short but its head can be read.
    pub fn read(bytes: &[u8]) -> Result<Self, Mismatch> {
        let word = |at: usize| -> Option<u32> { Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
        let not = Mismatch::NotAPreamble { len: bytes.len() };
        if bytes.get(..8) != Some(&MAGIC[..]) {
            return Err(not);
        }
        let (Some(major), Some(minor), Some(flags), Some(count)) = (word(8), word(12), word(16), word(20)) else {
            return Err(not);
        };
        if major != crate::MAJOR {
            return Err(Mismatch::Major { plugin: major });
        }
        let mut hashes = [0; TYPES];
        for (index, hash) in hashes.iter_mut().enumerate() {
            let at = 24 + index * 8;
            let Some(Ok(bytes)) = bytes.get(at..at + 8).map(<[u8; 8]>::try_from) else {
                return Err(not);
            };
            *hash = u64::from_le_bytes(bytes);
        }
        Ok(Self { magic: MAGIC, major, minor, flags, count, hashes })
    }

    /// Reads the preamble that a symbol of an open library points to.
    ///
    /// # Errors
    /// As [`Preamble::read`].
    ///
    /// # Safety
    /// `symbol` is the address of [`PREAMBLE_SYMBOL`](crate::root::PREAMBLE_SYMBOL) in a mapped library, and its
    /// section holds at least a whole preamble (the probe of the bytes saw it).
    pub unsafe fn at(symbol: *const u8) -> Result<Self, Mismatch> {
        // SAFETY: the caller vouches for the length.
        Self::read(unsafe { std::slice::from_raw_parts(symbol, size_of::<Self>()) })
    }

    /// Whether a host of this crate can enter a library with this preamble.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self) -> Result<(), Mismatch> {
        if self.major != crate::MAJOR {
            return Err(Mismatch::Major { plugin: self.major });
        }
        if self.flags & FLAG_UNWINDS == 0 {
            return Err(Mismatch::Aborts);
        }
        for ((name, plugin), host) in NAMES.into_iter().zip(self.hashes).zip(HASHES) {
            if plugin != host {
                return Err(Mismatch::Layout { name, plugin, host });
            }
        }
        Ok(())
    }
}
