//! Where packs lie on this machine, and where new ones go.

use std::path::{Path, PathBuf};

/// Folders of models; each pack is a folder in one of them, by its name.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Those that the operator names; they are searched first, and the first of them gets what is new.
    pub named: Vec<PathBuf>,
    /// What must not be lost: packs that were imported.
    pub data: PathBuf,
    /// What can be fetched again: packs that were pulled.
    pub cache: PathBuf,
    /// What belongs to the installation and is never changed.
    pub installed: Option<PathBuf>,
}

impl Places {
    /// All of them, in the order in which they are searched.
    pub fn searched(&self) -> impl Iterator<Item = &Path> {
        let own = [&self.data, &self.cache];
        self.named.iter().chain(own).chain(self.installed.as_ref()).map(PathBuf::as_path)
    }

    /// Where something of this name lies: in the first folder that has it, whole or not, as a stage gets it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.searched().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    /// Where a pack goes that is pulled: it is completed where it was begun, unless that belongs to the installation.
    pub(crate) fn to_fetch(&self, name: &str) -> PathBuf {
        self.begun(name).unwrap_or_else(|| self.named.first().unwrap_or(&self.cache).join(name))
    }

    /// Where a pack goes that is imported.
    pub(crate) fn to_import(&self, name: &str) -> PathBuf {
        self.begun(name).unwrap_or_else(|| self.named.first().unwrap_or(&self.data).join(name))
    }

    fn begun(&self, name: &str) -> Option<PathBuf> {
        self.own().map(|folder| folder.join(name)).find(|path| path.exists())
    }

    /// Those in which packs may be changed.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Path> {
        self.searched().filter(|folder| self.installed.as_deref() != Some(folder))
    }
}
