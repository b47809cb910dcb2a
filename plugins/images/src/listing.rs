use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use majlis_plugin_api::{Error, Host, Result};

use crate::Config;

/// A picture's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// The path as the verb shows it: from the configured folder on.
    pub(crate) shown: String,
}

/// A picture as the verb lists it.
#[derive(serde::Serialize)]
pub(crate) struct Listed<'a> {
    /// Its place, from 1.
    pub(crate) picture: usize,
    /// As the log writes it.
    pub(crate) key: String,
    /// From the configured folder on.
    pub(crate) file: &'a str,
    /// Why it cannot be decoded.
    pub(crate) broken: Option<String>,
}

impl File {
    /// Eight digits that stay the same from run to run, where the number changes with every file that comes or goes: half
    /// of the FNV-1a hash of the path. It keeps a name out of the log, and hides it from nobody who has the folder.
    pub(crate) fn key(&self) -> String {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = self.shown.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fnv);
        format!("{:08x}", hash >> 32)
    }
}

/// The pictures that the configuration names: in its order, those of one folder or pattern in natural order.
pub(crate) fn list(config: &Config, host: &Host) -> Result<Vec<File>> {
    let mut files = Vec::new();
    if !config.path.is_empty() {
        files.extend(expand("path", &config.path, host)?);
    }
    for (index, path) in config.paths.iter().enumerate() {
        files.extend(expand(&format!("paths[{index}]"), path, host)?);
    }
    Ok(files)
}

fn expand(key: &str, written: &str, host: &Host) -> Result<Vec<File>> {
    let path = host.path(written);
    if path.is_file() {
        return Ok(vec![File { shown: written.to_owned(), path }]);
    }
    let mut found = Vec::new();
    if path.is_dir() {
        let refused = |error| Error::config(key, format!("the folder `{written}` cannot be read: {error}"));
        for entry in std::fs::read_dir(&path).map_err(refused)? {
            found.push(entry.map_err(refused)?.path());
        }
        found.retain(|path| is_picture(path));
    } else if written.contains(['*', '?', '[']) {
        let pattern = path.to_str().ok_or_else(|| Error::config(key, "the pattern is no text"))?;
        let walk = glob::glob(pattern)
            .map_err(|error| Error::config(key, format!("`{written}` is no pattern: {}", error.msg)))?;
        found.extend(walk.filter_map(std::result::Result::ok).filter(|path| is_picture(path)));
    } else {
        return Err(Error::config(key, format!("there is no file or folder {}", path.display())));
    }
    if found.is_empty() {
        return Err(Error::config(key, format!("there is no .jpg, .jpeg or .png in {}", path.display())));
    }
    found.sort_by(|one, other| natural(&one.to_string_lossy(), &other.to_string_lossy()));
    let folder = if path.is_dir() { path } else { host.path("") };
    let shown = |path: &Path| path.strip_prefix(&folder).unwrap_or(path).display().to_string();
    Ok(found.into_iter().map(|path| File { shown: shown(&path), path }).collect())
}

fn is_picture(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let known = path
        .extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ["jpg", "jpeg", "png"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
    known && !hidden && path.is_file()
}

/// The order in which people number files: `img2` before `img10`.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| one.cmp(other));
        };
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number, rest) = digits(left);
            let (against, rest_of_right) = digits(right);
            (left, right) = (rest, rest_of_right);
            number.len().cmp(&against.len()).then_with(|| number.cmp(against))
        } else {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
            a.to_lowercase().cmp(b.to_lowercase())
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The number that a text begins with, without leading zeros, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_ordered_as_people_number_them() {
        let mut names = ["img10.png", "IMG2.png", "img1.png", "b.png", "img02b.png", "img2.png", "زائر10", "زائر9"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["b.png", "img1.png", "IMG2.png", "img2.png", "img02b.png", "img10.png", "زائر9", "زائر10"]);
    }
}
