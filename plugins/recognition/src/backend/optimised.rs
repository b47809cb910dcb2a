//! A cache of models in the form that the runtime works with after optimising them.
//!
//! Such a form holds only for one model, one build of the runtime and one kind of processor, and all three are in its name.
//! It is never shipped. A seal beside it holds its xxh3 and its stamp (inode, size, times of change), and what only the original
//! tells about the graph. A file whose stamp is the seal's is as it was written: whatever writes to it, copies or cuts it changes
//! the stamp, and then its bytes are compared, and a file that is damaged is made anew instead of being trusted.
//!
//! Not its sha256 at every start: whoever can write the file can write the seal too, so neither keeps an attacker out (the
//! folder is its owner's alone), and reading 174 MB takes 60 ms, hashing them so 150, of the 90 in which a stage is to be open.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::graph::Node;
use crate::pack::sha256_of;

pub(super) struct Cache {
    folder: PathBuf,
    /// Runtime and processor, in 16 hexadecimal digits.
    machine: String,
}

/// What is known about an optimised model.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    /// Of the file, 128 bits in hexadecimal.
    xxh3: String,
    /// Of the file when its bytes were last compared.
    stamp: String,
    /// The first nodes of the graph before it was optimised.
    pub(super) nodes: Vec<Node>,
}

impl Cache {
    pub(super) fn new(folder: PathBuf, runtime: &str) -> Self {
        let mut machine = sha256_of(format!("{runtime}\n{}", processor()).as_bytes());
        machine.truncate(16);
        Self { folder, machine }
    }

    /// The optimised form of a model, if it is there and whole.
    pub(super) fn find(&self, model: &str) -> Option<(PathBuf, Seal)> {
        let (path, seal) = self.names(model);
        let mut known: Seal = toml::from_str(&fs::read_to_string(&seal).ok()?).ok()?;
        let stamp = stamp(&path).ok()?;
        if known.stamp != stamp {
            if xxh3(&path).ok()? != known.xxh3 {
                return None;
            }
            // Whole, and moved here by somebody: from now on by its new stamp. A seal that cannot be written is no harm.
            known.stamp = stamp;
            let _ = self.write_seal(&known, &seal);
        }
        Some((path, known))
    }

    /// Has `write` make the optimised form under another name, seals it, and moves both into place: whoever looks at the
    /// cache at the same time sees the old state or the new one.
    pub(super) fn store(
        &self,
        model: &str,
        nodes: Vec<Node>,
        write: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let (path, seal_path) = self.names(model);
        // The suffix decides the format that the runtime writes.
        let part = self.folder.join(format!("{}.part.ort", own_name()));
        let done = private_folder(&self.folder).map_err(|error| error.to_string()).and_then(|()| {
            write(&part)?;
            let xxh3 = xxh3(&part).map_err(|error| error.to_string())?;
            let settled =
                fs::File::open(&part).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&part, &path));
            // Taken where the file stays: moving it there was a change.
            let stamp = settled.and_then(|()| stamp(&path)).map_err(|error| error.to_string())?;
            self.write_seal(&Seal { xxh3, stamp, nodes }, &seal_path).map_err(|error| error.to_string())
        });
        if done.is_err() {
            let _ = fs::remove_file(&part);
        }
        done.map(|()| path)
    }

    fn write_seal(&self, seal: &Seal, path: &Path) -> io::Result<()> {
        let part = self.folder.join(format!("{}.part.toml", own_name()));
        let text = toml::to_string(seal).map_err(io::Error::other)?;
        let written = fs::File::create(&part).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        let done = written.and_then(|()| fs::rename(&part, path));
        if done.is_err() {
            let _ = fs::remove_file(&part);
        }
        done
    }

    fn names(&self, model: &str) -> (PathBuf, PathBuf) {
        let stem = format!("{}-{}", &model.get(..16).unwrap_or(model), self.machine);
        (self.folder.join(format!("{stem}.ort")), self.folder.join(format!("{stem}.toml")))
    }
}

/// A name that no other process and no other thread of this one uses.
fn own_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// What changes when a file is written to, replaced, copied or cut.
fn stamp(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let file = fs::metadata(path)?;
    Ok(format!(
        "{}.{} {} {}.{:09} {}.{:09}",
        file.dev(),
        file.ino(),
        file.len(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec()
    ))
}

fn xxh3(path: &Path) -> io::Result<String> {
    let mut hash = Xxh3::new();
    let mut block = vec![0; 1 << 20];
    let mut file = fs::File::open(path)?;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(format!("{:032x}", hash.digest128())),
            Ok(read) => hash.update(&block[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes the folder for its owner alone: what lies there is loaded as code would be.
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The processor's model and features. The kernel's words for it, because they hold every feature that any kernel of the
/// runtime may have chosen by, not only those that one would think of.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    ["vendor_id", "cpu family", "model", "flags", "CPU implementer", "CPU part", "Features"].map(line).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a";

    fn nodes() -> Vec<Node> {
        vec![Node { name: "Conv_0".into(), operator: "Conv".into() }]
    }

    fn write(content: &'static [u8]) -> impl FnOnce(&Path) -> Result<(), String> {
        move |path| fs::write(path, content).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_stored_is_found_with_its_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("new"), "1.27.0");
        assert!(cache.find(MODEL).is_none());
        let path = cache.store(MODEL, nodes(), write(b"optimised")).unwrap();
        let (found, seal) = cache.find(MODEL).unwrap();
        assert_eq!((found, seal.nodes), (path, nodes()));
    }

    #[test]
    fn another_runtime_or_model_does_not_find_it() {
        let folder = tempfile::tempdir().unwrap();
        Cache::new(folder.path().into(), "1.27.0").store(MODEL, nodes(), write(b"optimised")).unwrap();
        assert!(Cache::new(folder.path().into(), "1.28.0").find(MODEL).is_none());
        assert!(Cache::new(folder.path().into(), "1.27.0").find(&MODEL.replace('5', "6")).is_none());
    }

    #[test]
    fn a_damaged_file_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().into(), "1.27.0");
        let path = cache.store(MODEL, nodes(), write(b"optimised")).unwrap();
        fs::write(&path, b"optimise").unwrap();
        assert!(cache.find(MODEL).is_none());
        cache.store(MODEL, nodes(), write(b"again")).unwrap();
        assert!(cache.find(MODEL).is_some());
    }

    #[test]
    fn bytes_that_were_changed_in_place_are_found_out_and_whole_ones_from_elsewhere_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().into(), "1.27.0");
        let path = cache.store(MODEL, nodes(), write(b"optimised")).unwrap();
        // As from a backup: the same bytes in another file.
        let copy = folder.path().join("copy");
        fs::copy(&path, &copy).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert!(cache.find(MODEL).is_some());
        let seal = cache.find(MODEL).unwrap().1;
        assert_eq!(seal.stamp, stamp(&path).unwrap(), "by its stamp from now on");
        let times = fs::metadata(&path).unwrap().modified().unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        (&file).write_all(b"O").unwrap();
        file.set_modified(times).unwrap();
        assert!(cache.find(MODEL).is_none(), "of the same length, and as old by its own word");
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().into(), "1.27.0");
        let failing = |path: &Path| {
            fs::write(path, b"half").unwrap();
            Err("disk full".to_owned())
        };
        assert_eq!(cache.store(MODEL, nodes(), failing).unwrap_err(), "disk full");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
