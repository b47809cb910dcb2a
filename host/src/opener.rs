//! Instances of stages, made by the loader.

use std::sync::Arc;

use crate::verbs::hex;

use majlis_config::{Catalogue, Entry, Pipeline};
use majlis_loader::Loader;
use majlis_meter::record::MappedFile;
use majlis_meter::resident::{Snapshot, ThisProcess};
use majlis_runtime::{OpenError, Opened, Opener};

pub(crate) struct FromLibraries {
    loader: Arc<Loader>,
    /// By stage.
    entries: Vec<(Entry, Option<[u8; 32]>)>,
}

impl FromLibraries {
    /// For a checked pipeline; its plugins are in the catalogue that it was checked against.
    pub(crate) fn new(loader: Arc<Loader>, catalogue: &Catalogue, pipeline: &Pipeline) -> Self {
        let entries = pipeline
            .stages
            .iter()
            .filter_map(|stage| Some((catalogue.plugins.get(&stage.plugin)?.clone(), stage.sha256)))
            .collect();
        Self { loader, entries }
    }
}

impl FromLibraries {
    /// A plugin's private copy is called by its hash, which tells an operator nothing.
    fn named(&self, mut file: MappedFile) -> MappedFile {
        let is_copy = |entry: &Entry| file.file.strip_suffix(".so").is_some_and(|name| name == hex(&entry.sha256));
        if let Some((entry, _)) = self.entries.iter().find(|(entry, _)| is_copy(entry)) {
            file.file = format!("plugin {}", entry.manifest.name);
        }
        file
    }
}

impl Opener for FromLibraries {
    fn create(&self, stage: usize) -> Result<Opened, OpenError> {
        let (entry, pin) = &self.entries[stage];
        let refused = |refused: majlis_loader::Refused| {
            if let Some(verbose) = &refused.verbose {
                tracing::debug!(path = %refused.path.display(), "{verbose}");
            }
            OpenError { code: refused.code, reason: refused.to_string(), path: String::new() }
        };
        let opened = self.loader.open(entry, *pin).map_err(refused)?;
        Ok(Opened { stage: opened.create().map_err(refused)? })
    }

    fn mapped(&self) -> Vec<MappedFile> {
        let files = Snapshot::take(&ThisProcess).map(|snapshot| snapshot.files).unwrap_or_default();
        files.iter().map(|file| self.named(file.into())).collect()
    }
}
