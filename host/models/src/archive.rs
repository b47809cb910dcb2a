//! The files of a card out of a zip archive, and nothing else.
//!
//! A member is chosen by the last part of its path, and written under the card's name: no path of an archive ever becomes
//! one of the disk. How much is written the card says and not the archive, so nothing can swell.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use zip::ZipArchive;

use crate::card::{Card, CardFile};
use crate::draft::{Draft, Ready};
use crate::error::Error;

/// Whether a file begins as a zip archive does.
pub(crate) fn is_zip(path: &Path) -> bool {
    let mut begin = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == *b"PK\x03\x04"
}

/// Unpacks `wanted` into drafts; files that the archive lacks are an error if `all` of them have to be there.
/// `what` is what errors call the archive.
pub(crate) fn unpack(
    path: &Path,
    what: &str,
    card: &Card,
    wanted: &[&CardFile],
    all: bool,
    folder: &Path,
) -> Result<Vec<Ready>, Error> {
    let wrong = |reason: String| Error::Archive { archive: what.to_owned(), pack: card.name.clone(), reason };
    let file = File::open(path).map_err(Error::file(path, "read"))?;
    let mut archive = ZipArchive::new(file).map_err(|error| wrong(error.to_string()))?;
    let mut ready = Vec::new();
    for &file in wanted {
        let Some(index) = member(&mut archive, file) else {
            if all {
                return Err(wrong(format!("it does not hold {}", file.name)));
            }
            continue;
        };
        let mut member =
            archive.by_index(index).map_err(|error| wrong(format!("{} cannot be unpacked: {error}", file.name)))?;
        let inside = format!("{} in {what}", file.name);
        let draft = Draft::copy(&mut member, &inside, file.size, folder).map_err(|error| match error {
            Error::File { path, reason, .. } if path == Path::new(&inside) => {
                wrong(format!("{} cannot be unpacked: {reason}", file.name))
            }
            other => other,
        })?;
        ready.push(draft.checked(file, &inside)?);
    }
    Ok(ready)
}

/// The member of a file's name; among several, one of its size.
fn member(archive: &mut ZipArchive<File>, file: &CardFile) -> Option<usize> {
    let is_named = |archive: &ZipArchive<File>, index| {
        let name = archive.name_for_index(index).and_then(Result::ok);
        name.is_some_and(|name| name.rsplit(['/', '\\']).next() == Some(&file.name))
    };
    let named: Vec<usize> = (0..archive.len()).filter(|index| is_named(archive, *index)).collect();
    let of_size =
        named.iter().find(|index| archive.by_index_raw(**index).is_ok_and(|member| member.size() == file.size));
    of_size.or(named.first()).copied()
}
