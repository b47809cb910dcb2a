//! All cards that there are: those of the program, and those that lie in a folder of models.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::card::Card;
use crate::error::Error;
use crate::places::Places;

/// All cards, by the name of their pack.
#[derive(Debug)]
pub struct Shelf {
    /// Those that can be used.
    pub entries: Vec<Entry>,
    /// Why others cannot: a wrong card keeps no other one from being used.
    pub problems: Vec<Error>,
}

/// A card.
#[derive(Debug)]
pub struct Entry {
    /// What it says.
    pub card: Card,
    /// The file that it was read from; none for a card of the program.
    pub read_from: Option<PathBuf>,
}

impl Shelf {
    /// Reads the cards `NAME.toml` and `NAME/NAME.toml` of each folder. Where two have one name the program's counts, and
    /// else the one that is found first, as it is for recognisers.
    #[must_use]
    pub fn of(places: &Places) -> Self {
        let mut problems = Vec::new();
        let shipped = Card::shipped().unwrap_or_else(|error| {
            problems.push(error);
            Vec::new()
        });
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for card in shipped {
            entries.insert(card.name.clone(), Entry { card, read_from: None });
        }
        for path in places.searched().flat_map(cards_in) {
            match read(&path) {
                Ok(None) => {}
                Ok(Some(card)) => match entries.get(&card.name) {
                    None => {
                        entries.insert(card.name.clone(), Entry { card, read_from: Some(path) });
                    }
                    Some(Entry { card: known, read_from: None }) if *known != card => problems.push(Error::Card {
                        card: path.display().to_string(),
                        reason: format!("the program has another card `{}`, and that one counts", card.name),
                    }),
                    Some(_) => {}
                },
                Err(problem) => problems.push(problem),
            }
        }
        Self { entries: entries.into_values().collect(), problems }
    }

    /// The card of a pack.
    ///
    /// # Errors
    /// There is none; the names that there are stand in the error.
    pub fn entry(&self, name: &str) -> Result<&Entry, Error> {
        self.entries.iter().find(|entry| entry.card.name == name).ok_or_else(|| Error::Unknown {
            name: name.to_owned(),
            known: self.entries.iter().map(|entry| entry.card.name.clone()).collect(),
        })
    }
}

/// Files that may be cards, sorted, so that what is found does not depend on the file system.
fn cards_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let card = path.join(entry.file_name()).with_added_extension("toml");
            found.extend(card.is_file().then_some(card));
        } else if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A card; none if the file is of another kind, such as the card of ONNX Runtime, which names no `[[file]]`.
fn read(path: &Path) -> Result<Option<Card>, Error> {
    let text = fs::read_to_string(path).map_err(Error::file(path, "read"))?;
    if text.parse::<toml::Table>().is_ok_and(|table| !table.get("file").is_some_and(toml::Value::is_array)) {
        return Ok(None);
    }
    let source = path.display().to_string();
    let card = Card::parse(&text, &source)?;
    if path.file_stem().is_none_or(|stem| stem != card.name.as_str()) {
        let reason = format!("the card of `{0}` has to be called {0}.toml", card.name);
        return Err(Error::Card { card: source, reason });
    }
    Ok(Some(card))
}
