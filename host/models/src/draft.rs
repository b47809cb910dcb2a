//! A file under way to its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::card::CardFile;
use crate::error::Error;
use crate::inspect::{hexadecimal, pieces};

const ENDING: &str = ".draft";

/// A hidden file beside its place; it is removed unless it is placed.
pub(crate) struct Draft {
    path: PathBuf,
    /// Bytes.
    pub(crate) size: u64,
    /// Of all that was written.
    pub(crate) sha256: String,
}

impl Draft {
    /// Copies `source` to its end, or to the first byte beyond `most`: what is too long fills no disk.
    pub(crate) fn copy(source: &mut dyn Read, what: &str, most: u64, folder: &Path) -> Result<Self, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{}-{number}{ENDING}", std::process::id()));
        let open = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = open.map_err(Error::file(&path, "written"))?;
        // From here on the draft goes with whatever fails.
        let mut draft = Self { path, size: 0, sha256: String::new() };
        let mut hash = Sha256::new();
        let mut unwritten = None;
        let copied = pieces(&mut source.take(most + 1), |piece| {
            hash.update(piece);
            draft.size += piece.len() as u64;
            file.write_all(piece).map_err(|error| io::Error::other(unwritten.insert(error).to_string()))
        });
        if let Some(error) = unwritten {
            return Err(Error::file(&draft.path, "written")(error));
        }
        copied.map_err(Error::file(Path::new(what), "read"))?;
        if draft.size > most {
            return Err(Error::Length { what: what.to_owned(), found: format!("more than {most}"), expected: most });
        }
        file.sync_all().map_err(Error::file(&draft.path, "written"))?;
        draft.sha256 = hexadecimal(hash);
        Ok(draft)
    }

    /// That it is what a card says of a file.
    pub(crate) fn checked(self, file: &CardFile, what: &str) -> Result<Ready, Error> {
        if self.size != file.size {
            let found = self.size.to_string();
            return Err(Error::Length { what: what.to_owned(), found, expected: file.size });
        }
        if self.sha256 != file.sha256 {
            let (found, expected) = (self.sha256.clone(), file.sha256.clone());
            return Err(Error::Bytes { what: what.to_owned(), found, expected });
        }
        Ok(Ready { name: file.name.clone(), draft: self })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Already in its place, if all went well.
        let _ = fs::remove_file(&self.path);
    }
}

/// A draft with the bytes of its card. Only [`Draft::checked`] makes one.
pub(crate) struct Ready {
    name: String,
    draft: Draft,
}

/// Gives drafts their names, all of them when all are ready, and syncs the folder.
pub(crate) fn place(ready: Vec<Ready>, folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for Ready { name, draft } in ready {
        let path = folder.join(&name);
        fs::rename(&draft.path, &path).map_err(Error::file(&path, "written"))?;
        names.push(name);
    }
    sync(folder)?;
    Ok(names)
}

pub(crate) fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file(folder, "written"))
}

/// Removes what killed processes left. The caller holds the folder's [`Guard`](crate::guard::Guard), so none of them
/// belongs to anybody.
pub(crate) fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(ENDING)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
