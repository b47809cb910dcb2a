//! Native libraries that plugins share: each is opened once a process, and a second version is refused.
//!
//! A native library is opened where it lies, not as a copy: it may look for companions beside itself. Its structure is
//! read first, because a truncated one would end the process.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use object::read::ReadCache;
use parking_lot::Mutex;

use crate::codes;
use crate::elf::Library;
use crate::hash::{Short, of_reader};
use crate::open;
use crate::probe::Verdict;
use crate::refused::Refused;

/// The native libraries of a process.
#[derive(Debug, Default)]
pub struct Natives {
    /// One lock for all: they are few, and two openings of one library have to wait for each other.
    opened: Mutex<Vec<Native>>,
}

#[derive(Debug)]
struct Native {
    name: String,
    soname: Option<String>,
    path: PathBuf,
    stamp: Stamp,
    /// Who opened it.
    stage: String,
}

/// A file as it is right now: whoever replaces or writes it changes this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        })
    }
}

impl Natives {
    /// None is open yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes sure that the library `name` is open, and says under which path: the same for everybody who asks, so
    /// that a binding which opens it again by that path gets the same library.
    ///
    /// `sha256` is what the file's bytes must have. `stage` is who asks, for the message of a later conflict.
    ///
    /// # Errors
    /// The file cannot be read or is no library of this machine, it has another sha256, another version of it is open
    /// already, or the system refuses it. What failed can be tried again.
    pub fn open(&self, name: &str, path: &Path, sha256: Option<[u8; 32]>, stage: &str) -> Result<PathBuf, Refused> {
        self.try_open(name, path, sha256, stage).map_err(|verdict| verdict.at(path))
    }

    fn try_open(&self, name: &str, asked: &Path, sha256: Option<[u8; 32]>, stage: &str) -> Result<PathBuf, Verdict> {
        let mut opened = self.opened.lock();
        let path = asked.canonicalize().map_err(|error| unreadable(name, &error))?;
        let stamp = Stamp::of(&path).map_err(|error| unreadable(name, &error))?;
        let file = File::open(&path).map_err(|error| unreadable(name, &error))?;
        let cache = ReadCache::new(file);
        let soname = Library::read(&cache).map_err(|verdict| not_native(name, verdict))?.soname;
        let mut file = cache.into_inner();
        if let Some(pinned) = sha256 {
            let found = sha256_of(&mut file).map_err(|error| unreadable(name, &error))?;
            if found != pinned {
                let reason = format!(
                    "the native library `{name}` has sha256 {} and stage `{stage}` expects {}",
                    Short(&found),
                    Short(&pinned)
                );
                return Err(Verdict::new(codes::L0603, reason, "install the expected version"));
            }
        }
        let same = |native: &&Native| native.name == name || (soname.is_some() && native.soname == soname);
        if let Some(first) = opened.iter().find(same) {
            return first.stands_for(&path, stamp, &mut file, stage).map(|()| first.path.clone());
        }
        open::native(&path)?;
        opened.push(Native { name: name.to_owned(), soname, path: path.clone(), stamp, stage: stage.to_owned() });
        Ok(path)
    }
}

impl Native {
    /// Whether what is open has the bytes that are asked for now.
    fn stands_for(&self, path: &Path, stamp: Stamp, file: &mut File, stage: &str) -> Result<(), Verdict> {
        if self.stamp == stamp {
            return Ok(());
        }
        let conflict = |what: String| {
            let (name, first, own) = (&self.name, &self.stage, self.path.display());
            let reason = format!(
                "the native library `{name}` is open for stage `{first}` from {own}, and stage `{stage}` {what}"
            );
            Verdict::new(codes::L0601, reason, "one process holds one version: let both stages name the same file")
        };
        if Stamp::of(&self.path).ok() != Some(self.stamp) {
            return Err(conflict("asks for it after its file was replaced: restart the host".into()));
        }
        let digest = |file: &mut File| sha256_of(file).map_err(|error| unreadable(&self.name, &error));
        let ours = digest(&mut File::open(&self.path).map_err(|error| unreadable(&self.name, &error))?)?;
        let theirs = digest(file)?;
        if ours == theirs {
            return Ok(());
        }
        Err(conflict(format!(
            "asks for {}, another version (sha256 {} against {})",
            path.display(),
            Short(&theirs),
            Short(&ours)
        )))
    }
}

fn sha256_of(file: &mut File) -> std::io::Result<[u8; 32]> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(0))?;
    of_reader(file, |_| Ok(()))
}

fn unreadable(name: &str, error: &std::io::Error) -> Verdict {
    let reason = format!("the native library `{name}` cannot be read: {error}");
    Verdict::new(codes::L0602, reason, "check the path and its permissions")
}

fn not_native(name: &str, verdict: Verdict) -> Verdict {
    Verdict { code: codes::L0602, reason: format!("the native library `{name}`: {}", verdict.reason), ..verdict }
}
