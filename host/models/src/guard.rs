//! One writer for each folder of a pack.
//!
//! The lock is on the folder itself, so that no file of a lock stays behind, and the system lifts it when its process ends
//! in whatever way. A folder may be gone when its lock comes: whoever had it removes a folder that stayed empty.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::draft;
use crate::error::Error;
use crate::settings::Watch;

/// The only writer of a folder.
pub(crate) struct Guard {
    folder: PathBuf,
    /// Open as long as it is locked.
    _lock: File,
}

impl Guard {
    /// Makes the folder if need be, and waits for its writer.
    pub(crate) fn new(folder: &Path, watch: &mut dyn Watch) -> Result<Self, Error> {
        let mut told = false;
        loop {
            fs::create_dir_all(folder).map_err(Error::file(folder, "made"))?;
            let lock = File::open(folder).map_err(Error::file(folder, "opened"))?;
            match lock.try_lock() {
                Ok(()) if is_same(&lock, folder) => {
                    draft::sweep(folder);
                    return Ok(Self { folder: folder.to_owned(), _lock: lock });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if watch.stopped() {
                        return Err(Error::Stopped { kept: 0 });
                    }
                    if !told {
                        watch.say(&format!("{} is being written by another process: waiting for it", folder.display()));
                        told = true;
                    }
                    sleep(Duration::from_millis(100));
                }
                Err(TryLockError::Error(error)) => return Err(Error::file(folder, "locked")(error)),
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Fails for a folder with something in it, which is the usual case.
        let _ = fs::remove_dir(&self.folder);
    }
}

fn is_same(lock: &File, folder: &Path) -> bool {
    let identity = |file: fs::Metadata| (file.dev(), file.ino());
    match (lock.metadata(), fs::metadata(folder)) {
        (Ok(held), Ok(there)) => identity(held) == identity(there),
        _ => false,
    }
}
