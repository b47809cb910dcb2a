//! Taking over files that are here already.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::archive::{is_zip, unpack};
use crate::card::{Card, CardFile};
use crate::draft::{self, Draft, Ready};
use crate::error::Error;
use crate::guard::Guard;
use crate::inspect::missing;
use crate::places::Places;
use crate::settings::{Settings, Watch};

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The folder of the pack.
    pub folder: PathBuf,
    /// The files that were placed.
    pub placed: Vec<String>,
    /// Those that are still missing.
    pub missing: Vec<String>,
}

/// Places the files of a pack that are among `sources`: files under any name, or zip archives that hold them. All of them
/// are compared before the first one is placed.
///
/// # Errors
/// A source is not of the pack, cannot be read, or there is no room; then nothing is placed.
pub fn import(
    card: &Card,
    sources: &[PathBuf],
    places: &Places,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Imported, Error> {
    let folder = places.to_import(&card.name);
    let _guard = Guard::new(&folder, watch)?;
    let before = missing(card, &folder);
    let whole = before.iter().map(|file| file.size).sum();
    let of_source =
        |source: &PathBuf| if is_zip(source) { whole } else { fs::metadata(source).map_or(0, |it| it.len()) };
    let needed = sources.iter().map(of_source).sum();
    let free = (settings.room)(&folder).map_err(Error::file(&folder, "measured"))?;
    if free < needed {
        return Err(Error::Room { pack: card.name.clone(), folder, needed, free });
    }
    let mut ready: Vec<Ready> = Vec::new();
    for source in sources {
        if is_zip(source) {
            ready.extend(out_of_archive(card, source, &before, &folder)?);
        } else {
            ready.push(alone(card, source, &folder)?);
        }
    }
    let mut placed = draft::place(ready, &folder)?;
    placed.sort();
    placed.dedup();
    let missing = missing(card, &folder).into_iter().map(|file| file.name.clone()).collect();
    Ok(Imported { folder, placed, missing })
}

fn out_of_archive(card: &Card, source: &Path, missing: &[&CardFile], folder: &Path) -> Result<Vec<Ready>, Error> {
    let what = source.display().to_string();
    let ready = unpack(source, &what, card, missing, false, folder)?;
    if ready.is_empty() && !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|file| file.name.as_str()).collect();
        let reason = format!("it holds none of {}", names.join(", "));
        return Err(Error::Archive { archive: what, pack: card.name.clone(), reason });
    }
    Ok(ready)
}

/// A file by its bytes: its name does not matter.
fn alone(card: &Card, source: &Path, folder: &Path) -> Result<Ready, Error> {
    let foreign = |reason: String| Error::Foreign { path: source.to_owned(), pack: card.name.clone(), reason };
    let mut file = File::open(source).map_err(Error::file(source, "read"))?;
    let found = file.metadata().map_err(Error::file(source, "read"))?;
    if !found.is_file() {
        return Err(foreign("it is no regular file".to_owned()));
    }
    if card.files.iter().all(|file| file.size != found.len()) {
        return Err(foreign(format!("it has {} bytes, as no file of the pack has", found.len())));
    }
    let what = source.display().to_string();
    let draft = Draft::copy(&mut file, &what, found.len(), folder)?;
    match card.files.iter().find(|file| file.sha256 == draft.sha256) {
        Some(file) => draft.checked(file, &what),
        None => Err(foreign(format!("it has sha256 {}, as no file of the pack has", draft.sha256))),
    }
}
