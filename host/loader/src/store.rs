//! Private copies of plugins, each named by the sha256 of its bytes.
//!
//! A copy is written beside its place, made read-only, synced and then renamed, so that a reader sees it whole or not
//! at all; nobody writes to it again, so that a loaded library cannot change under the process. The folder belongs to
//! the user alone.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::codes;
use crate::hash::{Hex, Short, of_reader};
use crate::refused::Refused;

/// A folder of copies.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A copy whose bytes have the sha256 that was asked for. Only [`Store::verified`] makes one.
#[derive(Debug)]
pub struct Verified {
    path: PathBuf,
    origin: PathBuf,
}

impl Verified {
    /// The copy.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that an operator knows.
    #[must_use]
    pub fn origin(&self) -> &Path {
        &self.origin
    }
}

impl Store {
    /// The folder is made when the first copy is.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// A copy with exactly these bytes: the one that is there, if it is whole, otherwise made from `origin`.
    ///
    /// # Errors
    /// The store cannot be used, or `origin` no longer has this sha256.
    pub fn verified(&self, origin: &Path, sha256: &[u8; 32]) -> Result<Verified, Refused> {
        let refused = |code, reason: String, remedy: &str| Refused {
            code,
            reason,
            remedy: remedy.to_owned(),
            path: origin.to_owned(),
            verbose: None,
        };
        let folder = self.folder.display();
        self.prepare_folder().map_err(|error| {
            let reason = format!("the store of plugin copies, {folder}, cannot be used: {error}");
            refused(codes::L0301, reason, "choose another cache folder")
        })?;
        let path = self.folder.join(format!("{}.so", Hex(sha256)));
        let verified = || Verified { path: path.clone(), origin: origin.to_owned() };
        if is_whole(&path, sha256) {
            return Ok(verified());
        }
        let source = File::open(origin).map_err(|error| {
            refused(codes::L0101, format!("it cannot be read: {error}"), "check that it is there and readable")
        })?;
        let mut draft = Draft::new(&self.folder).map_err(|error| {
            refused(codes::L0302, format!("it cannot be copied to {folder}: {error}"), "free some space")
        })?;
        let copied = of_reader(source, |part| draft.file.write_all(part)).map_err(|error| {
            refused(codes::L0302, format!("it cannot be copied to {folder}: {error}"), "free some space")
        })?;
        if copied != *sha256 {
            let reason = format!(
                "it was checked as sha256 {} and is {} now: it was replaced in between",
                Short(sha256),
                Short(&copied)
            );
            return Err(refused(codes::L0303, reason, "reload, so that the new one is checked"));
        }
        draft.keep_as(&path, &self.folder).map_err(|error| {
            refused(codes::L0302, format!("its copy in {folder} cannot be kept: {error}"), "free some space")
        })?;
        Ok(verified())
    }

    fn prepare_folder(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        if fs::metadata(&self.folder)?.mode() & 0o077 != 0 {
            // Fails for a folder of somebody else, who could replace a copy between its check and its opening.
            fs::set_permissions(&self.folder, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
}

fn is_whole(path: &Path, sha256: &[u8; 32]) -> bool {
    let read = File::open(path).and_then(|file| of_reader(file, |_| Ok(())));
    read.is_ok_and(|found| found == *sha256)
}

/// A copy under way; it is removed unless it is kept.
struct Draft {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Draft {
    fn new(folder: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{}-{number}.part", std::process::id()));
        // What a process of the same number left when it was killed.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, kept: false })
    }

    fn keep_as(mut self, path: &Path, folder: &Path) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(0o444))?;
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        self.kept = true;
        File::open(folder)?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}
