//! What can go wrong, each with a stable code and words for an operator.

use std::io;
use std::path::{Path, PathBuf};

/// Why a pack could not be fetched, imported, looked at or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No card has this name.
    #[error("there is no model pack `{name}`")]
    Unknown {
        /// As asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A card is not TOML, or not a card; the text holds line and column.
    #[error("the model card {card} cannot be read: {reason}")]
    Card {
        /// The card, as it was named.
        card: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The card names no address for files that are missing.
    #[error("the card of `{pack}` names no address for {}", files.join(", "))]
    NoAddress {
        /// The pack.
        pack: String,
        /// The files.
        files: Vec<String>,
        /// Where they come from, in words.
        origin: String,
    },
    /// An address that is none, or not of HTTP.
    #[error("`{url}` is no address to fetch from: {reason}")]
    Address {
        /// As it was given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The server says no, and will say it again.
    #[error("{url} answers {status}")]
    Answer {
        /// Without its query.
        url: String,
        /// Like `404 Not Found`.
        status: String,
    },
    /// The server cannot be reached, breaks off, or is busy, again and again.
    #[error("{url} could not be fetched in {tries} tries: {reason}{}", goes_on(*kept))]
    Unreached {
        /// Without its query.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// The last failure.
        reason: String,
        /// Bytes that are kept, from which the next pull goes on.
        kept: u64,
    },
    /// Redirections that lead nowhere, or out of encryption.
    #[error("{url} cannot be followed: {reason}")]
    Redirect {
        /// Without its query.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Whoever answers cannot prove to be the server.
    #[error("{url} cannot be trusted: {reason}")]
    Untrusted {
        /// Without its query.
        url: String,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// Not as many bytes as the card says.
    #[error("{what} has {found} bytes; its card says {expected}")]
    Length {
        /// The address, file or member of an archive.
        what: String,
        /// Like `12`, or `more than 12`.
        found: String,
        /// What the card says.
        expected: u64,
    },
    /// Other bytes than the card says.
    #[error("{what} has sha256 {found}; its card says {expected}")]
    Bytes {
        /// The address, file or member of an archive.
        what: String,
        /// What was found.
        found: String,
        /// What the card says.
        expected: String,
    },
    /// Not enough room on the disk.
    #[error("{} has room for {}, and `{pack}` needs {}", folder.display(), megabytes(*free), megabytes(*needed))]
    Room {
        /// The pack.
        pack: String,
        /// The folder that it goes to.
        folder: PathBuf,
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
    },
    /// A file or folder cannot be read or written.
    #[error("{} cannot be {deed}: {reason}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Like `written`.
        deed: &'static str,
        /// The system's words.
        reason: String,
    },
    /// An archive that cannot be unpacked, or that does not hold what it should.
    #[error("the archive {archive} is not that of `{pack}`: {reason}")]
    Archive {
        /// File name or address.
        archive: String,
        /// The pack.
        pack: String,
        /// What is wrong.
        reason: String,
    },
    /// A file that was given to be imported is none of the pack's.
    #[error("{} is no file of `{pack}`: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The pack.
        pack: String,
        /// Its size or sum, and what was looked for.
        reason: String,
    },
    /// A pack that is not removed.
    #[error("{} is not removed: {reason}", path.display())]
    Kept {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("stopped{}", goes_on(*kept))]
    Stopped {
        /// Bytes that are kept, from which the next pull goes on.
        kept: u64,
    },
}

fn goes_on(bytes: u64) -> String {
    let kept = || format!("; {} are kept, and the next pull goes on from there", megabytes(bytes));
    if bytes == 0 { String::new() } else { kept() }
}

/// As everywhere in the program: MB are 10^6 bytes.
pub(crate) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Each code and its explanation.
pub const CODES: &[(&str, &str)] = &[
    (
        "M0101",
        "There is no model pack of that name. `majlis models list` shows those that the program knows and those whose card \
         lies in a folder of models.",
    ),
    (
        "M0102",
        "A model card is wrong. A card is a TOML file with exactly the keys that models/README.md lists; each file has a size \
         and a sha256, because a file that was not compared is not run.",
    ),
    (
        "M0201",
        "The licence of a pack was not accepted. Who fetches weights accepts their licence: read it with `majlis models show`, \
         then answer the question on a terminal, or say --accept-licence.",
    ),
    (
        "M0301",
        "The card of a pack names no address for a file, so it cannot be fetched. Get the file from where its card says that \
         it comes from, and give it to `majlis models import`.",
    ),
    (
        "M0302",
        "An address is not one of http or https. --from takes the address of a folder, such as https://mirror.example/models.",
    ),
    (
        "M0303",
        "The server does not give the file out, and trying again would not change that. Look at the address; a mirror is named \
         with --from, and a file that was fetched in another way is given to `majlis models import`.",
    ),
    (
        "M0304",
        "The server could not be reached, broke off or was busy, each time that it was tried. What came is kept: the same \
         command goes on from there. A proxy is named in HTTPS_PROXY.",
    ),
    (
        "M0305",
        "A server sends from address to address without end, or from an encrypted one to one that is not. Another place is \
         named with --from.",
    ),
    (
        "M0306",
        "The certificate of the server is not one that this system trusts. Look at the clock and at the system's certificates; \
         SSL_CERT_FILE names others.",
    ),
    (
        "M0401",
        "A file does not have the bytes that its card says. Nothing of it is kept. A mirror may have another version; the \
         makers' address is the one in the card.",
    ),
    (
        "M0402",
        "There is not enough room for the archive and the files that come out of it. Free some, or name a folder on another \
         disk in MAJLIS_MODELS.",
    ),
    ("M0403", "A file or folder of models cannot be read or written. Look at the disk and at its permissions."),
    (
        "M0404",
        "An archive is no zip file, or does not hold a file of the pack as its card describes it. Nothing of it is placed.",
    ),
    (
        "M0405",
        "A file that was given to be imported has other bytes than every file of the pack. Nothing is placed; the name of a \
         file does not matter.",
    ),
    ("M0406", "A pack is not removed that belongs to the installation, or whose folder is a link to somewhere else."),
    ("M0501", "A signal stopped a pull. What came is kept, and the same command goes on from there."),
];

impl Error {
    /// Stable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "M0101",
            Self::Card { .. } => "M0102",
            Self::NoAddress { .. } => "M0301",
            Self::Address { .. } => "M0302",
            Self::Answer { .. } => "M0303",
            Self::Unreached { .. } => "M0304",
            Self::Redirect { .. } => "M0305",
            Self::Untrusted { .. } => "M0306",
            Self::Length { .. } | Self::Bytes { .. } => "M0401",
            Self::Room { .. } => "M0402",
            Self::File { .. } => "M0403",
            Self::Archive { .. } => "M0404",
            Self::Foreign { .. } => "M0405",
            Self::Kept { .. } => "M0406",
            Self::Stopped { .. } => "M0501",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Unknown { known, .. } => format!("these are known: {}", known.join(", ")),
            Self::Card { .. } => "models/README.md lists the keys of a card".into(),
            Self::NoAddress { pack, origin, .. } => {
                format!("they come from {origin}; give them to `majlis models import {pack} FILE…`")
            }
            Self::Address { .. } => "write it as https://mirror.example/models".into(),
            Self::Answer { .. } | Self::Redirect { .. } => {
                "name another place with --from URL, or fetch it by hand and use `majlis models import`".into()
            }
            Self::Unreached { .. } => {
                "try again later; a proxy is named in HTTPS_PROXY, another place with --from URL".into()
            }
            Self::Untrusted { .. } => {
                "look at this machine's clock and certificates; SSL_CERT_FILE names others".into()
            }
            Self::Length { .. } | Self::Bytes { .. } => {
                "it is not used; get it from where its card says that it comes from".into()
            }
            Self::Room { .. } => "free some, or name a folder on another disk in MAJLIS_MODELS".into(),
            Self::File { .. } => "look at the disk and its permissions, or name another folder in MAJLIS_MODELS".into(),
            Self::Archive { .. } => "nothing of it is used; get the archive that the card names".into(),
            Self::Foreign { pack, .. } => format!("`majlis models show {pack}` tells what its files are"),
            Self::Kept { .. } => "remove it by hand if that is meant".into(),
            Self::Stopped { .. } => "the same command goes on".into(),
        }
    }

    pub(crate) fn file(path: &Path, deed: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, deed, reason: error.to_string() }
    }
}
