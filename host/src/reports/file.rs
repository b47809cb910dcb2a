//! Files that a run writes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Links that are followed for a file that is not there yet; as many as Linux follows.
const LINKS: usize = 40;

/// Where a path leads, whether the file is there yet or not.
fn place(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match std::fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => {
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
                return path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name));
            }
        }
    }
    path
}

/// Whether what is written to one path would be written over what is written to the other, however they are spelled and
/// linked. What is no plain file, such as a terminal, takes both.
fn are_one(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => place(one) == place(other),
        _ => false,
    }
}

/// The first two of these files that are one; each is a name and a path.
pub(crate) fn one_file_twice(files: &[(&str, Option<&Path>)]) -> Option<String> {
    let files: Vec<(&str, &Path)> = files.iter().filter_map(|(name, path)| Some((*name, (*path)?))).collect();
    let pairs = files.iter().enumerate().flat_map(|(at, one)| files[at + 1..].iter().map(move |other| (one, other)));
    pairs.into_iter().find(|((_, one), (_, other))| are_one(one, other)).map(|((name, path), (other, other_path))| {
        format!(
            "{name} {} and {other} {} are the same file, and one would destroy the other; give each a file of its own",
            path.display(),
            other_path.display()
        )
    })
}

/// Replaces a file so that whoever opens it sees all of the old text or all of the new one. What is no plain file, such
/// as a link or a pipe, is written in place.
pub(super) fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    if !std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return std::fs::write(path, text);
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
