//! What has come of a file so far. It stays behind when a download breaks off, and the next one goes on from there.
//!
//! Beside it lies what the server called this version of the file (its `ETag`, or the date of its last change): a server
//! that has another one by now is asked not to go on with it. Whatever it is made of, its sum decides in the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::draft;
use crate::error::Error;
use crate::inspect::{hexadecimal, pieces};

/// A hidden file `.NAME.part` in the folder of a pack. Empty ones are removed when they are let go.
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    at: u64,
    url: String,
    version: Option<String>,
    /// Some of it was here before this process came.
    pub(crate) resumed: bool,
}

impl Part {
    /// The one that is there, or a new one. Without a sum to hold it against (`summed`) only what surely belongs to the
    /// same version is gone on with.
    pub(crate) fn open(folder: &Path, name: &str, url: &str, summed: bool) -> Result<Self, Error> {
        let path = folder.join(format!(".{name}.part"));
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(Error::file(&path, "written"))?;
        let tag = fs::read_to_string(tag_of(&path)).unwrap_or_default();
        let version = tag.split_once('\n').filter(|(of, version)| *of == url && !version.is_empty());
        let version = version.map(|(_, version)| version.to_owned());
        let mut hash = Sha256::new();
        let mut at = 0;
        if summed || version.is_some() {
            let read = pieces(&mut file, |piece| {
                hash.update(piece);
                at += piece.len() as u64;
                Ok(())
            });
            read.map_err(Error::file(&path, "read"))?;
        }
        let mut part = Self { path, file, hash, at, url: url.to_owned(), version, resumed: at > 0 };
        if at == 0 {
            part.restart()?;
        }
        Ok(part)
    }

    /// Bytes.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the server called the version that this is of.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// What it calls the version that comes now.
    pub(crate) fn is_of(&mut self, version: Option<&str>) {
        self.version = version.map(str::to_owned);
        // Without it the next pull begins anew, or goes on and has its sum compared.
        let _ = match version {
            Some(version) => fs::write(tag_of(&self.path), format!("{}\n{version}", self.url)),
            None => fs::remove_file(tag_of(&self.path)),
        };
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.file.write_all(piece).map_err(Error::file(&self.path, "written"))?;
        self.hash.update(piece);
        self.at += piece.len() as u64;
        Ok(())
    }

    /// From the first byte.
    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        let emptied: io::Result<u64> = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(Error::file(&self.path, "written"))?;
        self.hash = Sha256::new();
        self.at = 0;
        self.resumed = false;
        self.is_of(None);
        Ok(())
    }

    pub(crate) fn sha256(&self) -> String {
        hexadecimal(self.hash.clone())
    }

    /// Gives it its name: its bytes were compared.
    pub(crate) fn place(mut self, name: &str) -> Result<(), Error> {
        let path = self.path.with_file_name(name);
        self.file.sync_all().map_err(Error::file(&self.path, "written"))?;
        fs::rename(&self.path, &path).map_err(Error::file(&path, "written"))?;
        // What is let go now is no longer there.
        self.is_of(None);
        self.at = 0;
        self.path.parent().map_or(Ok(()), draft::sync)
    }

    /// It is of no use any more.
    pub(crate) fn discard(mut self) {
        self.at = 0;
    }

    /// Bytes that the part of a file holds, without opening it.
    pub(crate) fn length(folder: &Path, name: &str) -> u64 {
        fs::metadata(folder.join(format!(".{name}.part"))).map_or(0, |part| part.len())
    }

    /// Removes what is left of a download.
    pub(crate) fn remove(folder: &Path, name: &str) -> bool {
        let path = folder.join(format!(".{name}.part"));
        let _ = fs::remove_file(tag_of(&path));
        fs::remove_file(path).is_ok()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.at == 0 {
            let _ = fs::remove_file(tag_of(&self.path));
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn tag_of(part: &Path) -> PathBuf {
    part.with_added_extension("tag")
}
