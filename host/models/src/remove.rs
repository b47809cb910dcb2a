//! Removing a pack: its files and what is left of its downloads, and nothing that is not its own.

use std::fs;
use std::path::PathBuf;

use crate::card::Card;
use crate::error::Error;
use crate::guard::Guard;
use crate::part::Part;
use crate::places::Places;
use crate::settings::Watch;

/// What a removal did.
#[derive(Debug, Default)]
pub struct Removed {
    /// The files that are gone.
    pub files: Vec<PathBuf>,
    /// What else lies in its folders, and stays.
    pub left: Vec<PathBuf>,
}

/// Removes a pack from every folder but the installation's.
///
/// # Errors
/// It is only in the installation, one of its folders is a link, or a file cannot be removed.
pub fn remove(card: &Card, places: &Places, watch: &mut dyn Watch) -> Result<Removed, Error> {
    let folders: Vec<PathBuf> =
        places.own().map(|folder| folder.join(&card.name)).filter(|folder| folder.exists()).collect();
    let kept = |path: &PathBuf, reason: &str| Error::Kept { path: path.clone(), reason: reason.to_owned() };
    // Before the first file goes.
    if let Some(link) = folders.iter().find(|folder| folder.is_symlink()) {
        return Err(kept(link, "it is a link to a folder somewhere else"));
    }
    if let (true, Some(installed)) = (folders.is_empty(), places.find(&card.name)) {
        return Err(kept(&installed, "it belongs to the installation"));
    }
    let archive = card.archive.as_ref().map(|archive| archive.name(card));
    let mut removed = Removed::default();
    for folder in folders {
        let _guard = Guard::new(&folder, watch)?;
        for file in &card.files {
            let path = folder.join(&file.name);
            match fs::remove_file(&path) {
                Ok(()) => removed.files.push(path),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::file(&path, "removed")(error)),
            }
        }
        let parts = card.files.iter().map(|file| file.name.as_str()).chain(archive.as_deref());
        for name in parts.filter(|name| Part::remove(&folder, name)) {
            removed.files.push(folder.join(format!(".{name}.part")));
        }
        let rest = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        removed.left.extend(rest);
    }
    Ok(removed)
}
