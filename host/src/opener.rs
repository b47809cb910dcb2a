//! Instances of stages, made by the loader.

use std::sync::Arc;

use majlis_config::{Catalogue, Entry, Pipeline};
use majlis_loader::Loader;
use majlis_meter::record::MappedFile;
use majlis_meter::resident::{Snapshot, ThisProcess};
use majlis_runtime::{OpenError, Opened, Opener};

use crate::hex;

pub(crate) struct FromLibraries {
    loader: Arc<Loader>,
    /// By stage.
    entries: Vec<(Entry, Option<[u8; 32]>)>,
    copies: Vec<(String, String)>,
}

impl FromLibraries {
    /// For a checked pipeline; its plugins are in the catalogue that it was checked against.
    pub(crate) fn new(loader: Arc<Loader>, catalogue: &Catalogue, pipeline: &Pipeline) -> Self {
        let entries = pipeline
            .stages
            .iter()
            .filter_map(|stage| Some((catalogue.plugins.get(&stage.plugin)?.clone(), stage.sha256)))
            .collect();
        Self { loader, entries, copies: copies(catalogue) }
    }
}

/// Plugins' private copies by their file's name, a hash that tells an operator nothing, and what to call them instead.
pub(crate) fn copies(catalogue: &Catalogue) -> Vec<(String, String)> {
    let name = |entry: &Entry| (format!("{}.so", hex(&entry.sha256)), format!("plugin {}", entry.manifest.name));
    catalogue.plugins.values().map(name).collect()
}

impl Opener for FromLibraries {
    fn create(&self, stage: usize) -> Result<Opened, OpenError> {
        let (entry, pin) = &self.entries[stage];
        let refused = |refused: majlis_loader::Refused| {
            if let Some(verbose) = &refused.verbose {
                tracing::debug!(path = %refused.path.display(), "{verbose}");
            }
            let reason = format!("{}: {}; {}", refused.path.display(), refused.reason, refused.remedy);
            OpenError { code: refused.code, reason, path: String::new() }
        };
        let opened = self.loader.open(entry, *pin).map_err(refused)?;
        Ok(Opened { stage: opened.create().map_err(refused)? })
    }

    fn mapped(&self) -> Vec<MappedFile> {
        // Twice around each opening, so it has to be quick; a kernel without the quick way has the other one.
        let files = Snapshot::mapped_files().or_else(|_| Snapshot::take(&ThisProcess).map(|snapshot| snapshot.files));
        let files = files.unwrap_or_default();
        let named = |file: MappedFile| match self.copies.iter().find(|(copy, _)| *copy == file.file) {
            Some((_, name)) => MappedFile { file: name.clone(), ..file },
            None => file,
        };
        files.iter().map(|file| named(file.into())).collect()
    }
}
