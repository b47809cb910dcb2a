//! What plugins there are: plain data that the loader fills and this crate only reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::manifest::Manifest;

/// The plugins that may be named in a pipeline file, and those that were found and refused.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// By the name in the manifest, which is what `plugin = "…"` says.
    pub plugins: BTreeMap<String, Entry>,
    /// Libraries that were found and may not be used. Kept, so that "unknown plugin" can say why.
    pub refused: Vec<Refusal>,
}

/// A plugin that passed every check that can be made on the bytes of its file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// From the section `.stage.manifest`.
    pub manifest: Manifest,
    /// The library's file.
    pub path: PathBuf,
    /// Of the bytes that were checked; what is opened later must have the same.
    pub sha256: [u8; 32],
}

/// A library that was found and refused, with the reason in an operator's words.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The plugin's name, where its manifest could be read.
    pub name: Option<String>,
    /// The library's file.
    pub path: PathBuf,
    /// A stable code of the crate that refused it.
    pub code: String,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

impl Catalogue {
    /// The refusal that explains why `plugin` cannot be used: by the manifest's name, otherwise by the file's
    /// (`libavatar_console.so` for `avatar-console`), since a library whose manifest is unreadable has only that.
    pub fn refusal_of(&self, plugin: &str) -> Option<&Refusal> {
        let by_name = |refusal: &&Refusal| refusal.name.as_deref() == Some(plugin);
        let by_file = |refusal: &&Refusal| refusal.name.is_none() && file_names(&refusal.path, plugin);
        self.refused.iter().find(by_name).or_else(|| self.refused.iter().find(by_file))
    }
}

fn file_names(path: &std::path::Path, plugin: &str) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let stem = stem.strip_prefix("lib").unwrap_or(stem).replace('_', "-");
    let plugin = plugin.replace('_', "-");
    stem == plugin || stem.strip_prefix("majlis-") == Some(plugin.as_str())
}
