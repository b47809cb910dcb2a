//! Private copies of plugins, each named by the sha256 of its bytes.
//!
//! A copy is written beside its place, made read-only, synced and then renamed, so that a reader sees it whole or not
//! at all; nobody writes to it again, so that a loaded library cannot change under the process. The folder belongs to
//! the user alone.
//!
//! A copy that nobody has used for [`KEPT`] is removed by the next process that opens a plugin ([`Store::sweep`]). Its time of modification
//! says when it was last used, because few file systems keep the time of access. A library that is mapped survives the
//! removal of its file; a process that has verified a copy and has not opened it yet does not, and has made it young.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::codes;
use crate::hash::{Hex, Short, of_reader};
use crate::refused::Refused;

/// How long a copy stays that nobody uses: longer than an exhibition is closed, and a copy that is missed is made again.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

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
        let path = self.folder.join(copy_of(sha256));
        // Before its bytes are read, so that from here on no other process takes it for forgotten.
        touch(&path);
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

    /// Removes copies, and drafts of processes that were killed, that nobody has used for [`KEPT`] before `now`, but none
    /// of `wanted`. What cannot be removed stays, and what is none of the store's is left alone.
    pub fn sweep(&self, now: SystemTime, wanted: &[[u8; 32]]) {
        let wanted: Vec<String> = wanted.iter().map(copy_of).collect();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else { continue };
            let old = |file: &fs::Metadata| {
                // A time in the future is that of a clock that was wrong: it says nothing of age.
                let age = file.modified().ok().and_then(|used| now.duration_since(used).ok());
                file.is_file() && age.is_some_and(|age| age > KEPT)
            };
            // Not through a link: the entry's own metadata.
            if wanted.iter().all(|wanted| wanted != name) && entry.metadata().is_ok_and(|file| old(&file)) {
                let _ = fs::remove_file(entry.path());
            }
        }
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

/// Says that a copy is in use. A file that is not there yet is young when it is made.
fn touch(path: &Path) {
    // A store that cannot be written to is still good for reading; its copies are then removed too early at worst.
    let _ = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

fn copy_of(sha256: &[u8; 32]) -> String {
    format!("{}.so", Hex(sha256))
}

/// Whether a file has the name of a copy or of a draft.
fn is_ours(file: &str) -> bool {
    let copy = |name: &str| name.len() == 64 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    let draft = |name: &str| name.bytes().all(|letter| letter.is_ascii_digit() || letter == b'-');
    file.strip_suffix(".so").is_some_and(copy)
        || file.strip_prefix('.').and_then(|file| file.strip_suffix(".part")).is_some_and(draft)
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
