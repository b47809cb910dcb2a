//! What is there of a pack: at a glance by sizes, or compared byte by byte.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::card::{Card, CardFile};
use crate::error::Error;
use crate::places::Places;

/// What is there of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Nothing.
    Absent,
    /// As many bytes as the card says; which ones was not looked at.
    Fits,
    /// The bytes of the card.
    Whole,
    /// Another number of bytes.
    Size(u64),
    /// Other bytes, with this sha256.
    Bytes(String),
    /// The system's words.
    Unreadable(String),
}

impl FileState {
    /// In a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Fits => "fits",
            Self::Whole => "whole",
            Self::Size(_) | Self::Bytes(_) => "damaged",
            Self::Unreadable(_) => "unreadable",
        }
    }

    fn is_good(&self) -> bool {
        matches!(self, Self::Fits | Self::Whole)
    }
}

/// What is there of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackState {
    /// No file.
    Absent,
    /// Some files, all of them good.
    Partial,
    /// A file that is not the one of the card.
    Damaged,
    /// Every file.
    Whole,
}

impl PackState {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Partial => "partial",
            Self::Damaged => "damaged",
            Self::Whole => "whole",
        }
    }
}

/// A pack as it was found.
#[derive(Debug)]
pub struct Found {
    /// Its folder, if there is one.
    pub folder: Option<PathBuf>,
    /// In the order of the card.
    pub files: Vec<FileState>,
}

impl Found {
    /// Whether a pull could bring what is missing. Worth a look before somebody is asked about the licence.
    ///
    /// # Errors
    /// The card names no address for some of it.
    pub fn fetchable(&self, card: &Card) -> Result<(), Error> {
        addressed(card, card.files.iter().zip(&self.files).filter(|(_, state)| !state.is_good()).map(|(file, _)| file))
    }

    /// All files together.
    #[must_use]
    pub fn state(&self) -> PackState {
        let absent = self.files.iter().filter(|file| **file == FileState::Absent).count();
        if absent == self.files.len() {
            PackState::Absent
        } else if self.files.iter().any(|file| *file != FileState::Absent && !file.is_good()) {
            PackState::Damaged
        } else if absent > 0 {
            PackState::Partial
        } else {
            PackState::Whole
        }
    }
}

/// By sizes alone: no file is read.
#[must_use]
pub fn at_a_glance(card: &Card, places: &Places) -> Found {
    looked_at(card, places, glance)
}

/// By every byte.
#[must_use]
pub fn verify(card: &Card, places: &Places) -> Found {
    looked_at(card, places, compare)
}

/// That the card names an address for each of these files.
pub(crate) fn addressed<'c>(card: &Card, files: impl IntoIterator<Item = &'c CardFile>) -> Result<(), Error> {
    let without = files.into_iter().filter(|file| card.address(file).is_none());
    let files: Vec<String> = without.map(|file| file.name.clone()).collect();
    if files.is_empty() {
        return Ok(());
    }
    Err(Error::NoAddress { pack: card.name.clone(), files, origin: card.origin.clone() })
}

/// The files that a folder does not have, or not as they should be.
pub(crate) fn missing<'c>(card: &'c Card, folder: &Path) -> Vec<&'c CardFile> {
    card.files.iter().filter(|file| compare(file, folder) != FileState::Whole).collect()
}

fn looked_at(card: &Card, places: &Places, look: fn(&CardFile, &Path) -> FileState) -> Found {
    let folder = places.find(&card.name);
    let state = |file| folder.as_deref().map_or(FileState::Absent, |folder| look(file, folder));
    let files = card.files.iter().map(state).collect();
    Found { folder, files }
}

fn glance(file: &CardFile, folder: &Path) -> FileState {
    match fs::metadata(folder.join(&file.name)) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            FileState::Absent
        }
        Err(error) => FileState::Unreadable(error.to_string()),
        Ok(found) if !found.is_file() => FileState::Unreadable("it is no file".to_owned()),
        Ok(found) if found.len() == file.size => FileState::Fits,
        Ok(found) => FileState::Size(found.len()),
    }
}

fn compare(file: &CardFile, folder: &Path) -> FileState {
    match glance(file, folder) {
        FileState::Fits => match sum_of(&folder.join(&file.name)) {
            Ok(found) if found == file.sha256 => FileState::Whole,
            Ok(found) => FileState::Bytes(found),
            Err(error) => FileState::Unreadable(error.to_string()),
        },
        other => other,
    }
}

fn sum_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    pieces(&mut File::open(path)?, |piece| {
        hash.update(piece);
        Ok(())
    })?;
    Ok(hexadecimal(hash))
}

/// Reads to the end, piece by piece.
pub(crate) fn pieces(source: &mut dyn Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut block = vec![0; 256 * 1024];
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => each(&block[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
