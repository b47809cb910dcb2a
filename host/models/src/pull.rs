//! Fetching a pack.

use std::path::{Path, PathBuf};

use crate::archive::unpack;
use crate::card::{Archive, Card, CardFile};
use crate::draft;
use crate::error::Error;
use crate::fetch::fetch;
use crate::guard::Guard;
use crate::inspect::{PackState, addressed, at_a_glance, missing};
use crate::part::Part;
use crate::places::Places;
use crate::reply::Wanted;
use crate::settings::{Settings, Watch};
use crate::terms::Accepted;

/// What else may be in an archive whose size its card does not say: a directory, and files that the card does not name.
const REST_OF_ARCHIVE: u64 = 64 << 20;

/// What a pull did.
#[derive(Debug)]
pub struct Pulled {
    /// The folder of the pack, which is whole.
    pub folder: PathBuf,
    /// The files that came; none if all were there.
    pub fetched: Vec<String>,
}

/// Brings the files of a pack that are missing or not those of its card. `from` is the folder of a mirror, as an address.
///
/// # Errors
/// Every [`Error`] but those of removing. Files that were complete before it stay, and what came of the next one is kept
/// where going on can help.
pub fn pull(
    pack: Accepted<'_>,
    places: &Places,
    from: Option<&str>,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Pulled, Error> {
    let card = pack.card();
    let found = at_a_glance(card, places);
    if let (PackState::Whole, Some(folder)) = (found.state(), found.folder)
        && missing(card, &folder).is_empty()
    {
        return Ok(Pulled { folder, fetched: Vec::new() });
    }
    let folder = places.to_fetch(&card.name);
    let _guard = Guard::new(&folder, watch)?;
    // Whoever had the folder before may have brought them.
    let missing = missing(card, &folder);
    if missing.is_empty() {
        return Ok(Pulled { folder, fetched: Vec::new() });
    }
    addressed(card, missing.iter().copied())?;
    let (alone, packed): (Vec<&CardFile>, Vec<&CardFile>) = missing.iter().partition(|file| file.url.is_some());
    let archive = card.archive.as_ref().filter(|_| !packed.is_empty());
    room(card, &missing, archive, &folder, settings)?;
    let mut fetched = Vec::new();
    for file in alone {
        let url = address(file.url.as_deref().unwrap_or_default(), from, &file.name);
        let wanted =
            Wanted { url: &url, name: &file.name, size: Some(file.size), most: file.size, sha256: Some(&file.sha256) };
        fetch(wanted, &folder, settings, watch)?.place(&file.name)?;
        fetched.push(file.name.clone());
    }
    if let Some(archive) = archive {
        let name = archive.name(card);
        let url = address(&archive.url, from, &name);
        let most = archive.size.unwrap_or_else(|| card.size() + REST_OF_ARCHIVE);
        let wanted = Wanted { url: &url, name: &name, size: archive.size, most, sha256: archive.sha256.as_deref() };
        let part = fetch(wanted, &folder, settings, watch)?;
        watch.say(&format!("unpacking {name}"));
        let unpacked = unpack(part.path(), &name, card, &packed, true, &folder);
        // Whether it was of use or not: nobody goes on with an archive that is complete.
        part.discard();
        fetched.extend(draft::place(unpacked?, &folder)?);
    }
    Ok(Pulled { folder, fetched })
}

/// The card's address, or the same file of a mirror.
fn address(url: &str, from: Option<&str>, name: &str) -> String {
    from.map_or_else(|| url.to_owned(), |from| format!("{}/{name}", from.trim_end_matches('/')))
}

/// The archive and what comes out of it lie side by side for a moment. What was kept of it is there already.
fn room(
    card: &Card,
    missing: &[&CardFile],
    archive: Option<&Archive>,
    folder: &Path,
    settings: &Settings,
) -> Result<(), Error> {
    let mut needed: u64 = missing.iter().map(|file| file.size.saturating_sub(Part::length(folder, &file.name))).sum();
    if let Some(archive) = archive {
        let size = archive.size.unwrap_or_else(|| card.size());
        needed += size.saturating_sub(Part::length(folder, &archive.name(card)));
    }
    let free = (settings.room)(folder).map_err(Error::file(folder, "measured"))?;
    if free < needed {
        return Err(Error::Room { pack: card.name.clone(), folder: folder.to_owned(), needed, free });
    }
    Ok(())
}
