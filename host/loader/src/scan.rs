//! From folders to a catalogue, without running any code of a plugin.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use majlis_config::{Catalogue, Entry, Manifest};

use crate::codes;
use crate::hash::{Short, of_bytes};
use crate::probe::{Probed, Verdict, probe};
use crate::refused::Refused;

/// A library is read as a whole; beyond this it is no plugin but a mistake.
const LARGEST: u64 = 1 << 30;

/// What folders hold.
#[derive(Default)]
pub(crate) struct Scanned {
    pub(crate) catalogue: Catalogue,
    /// By sha256, for those in the catalogue.
    pub(crate) probed: HashMap<[u8; 32], Arc<Probed>>,
}

/// Looks at every `*.so` of the folders, in their order, and within a folder by file name.
pub(crate) fn scan(folders: &[PathBuf]) -> Scanned {
    let mut scanned = Scanned::default();
    let mut strangers = Vec::new();
    let mut seen = Vec::new();
    for folder in folders {
        // A folder that is named twice is not two folders of duplicates.
        let place = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        match libraries(folder) {
            Ok(paths) => paths.iter().for_each(|path| {
                if let Err((name, verdict)) = scanned.add(path) {
                    let foreign = verdict.code == codes::L0108;
                    let refusal = verdict.at(path).to_refusal(name.as_deref());
                    if foreign { strangers.push(refusal) } else { scanned.catalogue.refused.push(refusal) }
                }
            }),
            Err(error) => {
                let reason = format!("the folder of plugins cannot be read: {error}");
                let verdict = Verdict::new(codes::L0202, reason, "check the path and its permissions");
                scanned.catalogue.refused.push(verdict.at(folder).to_refusal(None));
            }
        }
    }
    // A native library beside the plugin that needs it is where it belongs, and no news to anybody.
    strangers.retain(|stranger| !scanned.is_companion(&stranger.path));
    scanned.catalogue.refused.append(&mut strangers);
    scanned
}

/// Why a file that no search finds is no plugin to this host, from its bytes; `None` if only its folder was not searched.
#[must_use]
pub fn judge(path: &Path) -> Option<Refused> {
    let verdict = match read(path).and_then(|bytes| probe(&bytes)) {
        Err(verdict) => verdict,
        Ok(_) if path.extension().is_some_and(|extension| extension == "so") => return None,
        Ok(_) => {
            let reason = "it is a plugin, but its name does not end in `.so`, so no search finds it";
            Verdict::new(codes::L0203, reason, "rename it")
        }
    };
    Some(verdict.at(path))
}

/// Reads one library whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Verdict> {
    let refused = |reason: String| Verdict::new(codes::L0101, reason, "check that it is a readable file");
    let unreadable = |error: std::io::Error| refused(format!("it cannot be read: {error}"));
    // Asked before it is opened: opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file".into()));
    }
    if metadata.len() > LARGEST {
        return Err(refused(format!("it has {} bytes and the host reads at most {LARGEST}", metadata.len())));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}

fn libraries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "so") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

impl Scanned {
    /// Adds a library, or gives its verdict and its name where that could be read.
    fn add(&mut self, path: &Path) -> Result<(), (Option<String>, Verdict)> {
        let bytes = read(path).map_err(|verdict| (None, verdict))?;
        let probed = probe(&bytes).map_err(|verdict| {
            let manifest = verdict.manifest_text.as_deref().map(Manifest::parse);
            (manifest.and_then(Result::ok).map(|manifest| manifest.name), verdict)
        })?;
        let manifest = Manifest::parse(&probed.manifest_text)
            .map_err(|error| (None, Verdict::new(codes::L0110, error.to_string(), error.remedy())))?;
        let sha256 = of_bytes(&bytes);
        if let Some(first) = self.catalogue.plugins.get(&manifest.name) {
            let reason = format!(
                "it says the name `{}` (version {}, sha256 {}), which {} said first (version {}, sha256 {})",
                manifest.name,
                manifest.version,
                Short(&sha256),
                first.path.display(),
                first.manifest.version,
                Short(&first.sha256),
            );
            let verdict = Verdict::new(codes::L0201, reason, "remove one of the two");
            return Err((Some(manifest.name), verdict));
        }
        self.probed.insert(sha256, Arc::new(probed));
        let entry = Entry { path: path.to_owned(), sha256, manifest };
        self.catalogue.plugins.insert(entry.manifest.name.clone(), entry);
        Ok(())
    }

    fn is_companion(&self, path: &Path) -> bool {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let stem = file.strip_prefix("lib").and_then(|file| file.split(".so").next()).unwrap_or_default();
        let needed = self.probed.values().flat_map(|probed| &probed.needed).any(|needed| needed == file);
        let mut entries = self.catalogue.plugins.values();
        needed
            || entries
                .any(|entry| entry.manifest.native.iter().any(|native| native.name == stem || native.name == file))
    }
}
