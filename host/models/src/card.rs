//! A model card: what each file of a pack must be, what it is for, where it comes from, and under which licence.
//!
//! Recognisers have a reader of their own for the same files, with the roles as types. Both are strict and are held
//! against every card of `models/`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::error::Error;

/// A model card, `NAME.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What a pipeline calls the pack; also the name of its folder.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// The licence of the weights, in words.
    pub licence: String,
    /// Whether the licence allows use at a commercial exhibition.
    pub commercial: bool,
    /// Where the pack comes from, in words.
    pub origin: String,
    /// The similarity from which on a recogniser takes two faces for one person's.
    pub match_threshold: Option<f32>,
    /// The archive in which its makers publish those files that have no address of their own.
    pub archive: Option<Archive>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<CardFile>,
}

/// An archive that holds files of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Where it is published.
    pub url: String,
    /// Of the whole archive, in lower-case hexadecimal; the files have their own, so it may be missing.
    pub sha256: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
}

/// What a card says about one file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// File name, without a folder.
    pub name: String,
    /// What it is for: `detector`, `recogniser` or `other`.
    pub role: String,
    /// What the outputs of a detector stand for.
    pub form: Option<String>,
    /// What the model's input is made of, in words.
    pub normalisation: Option<String>,
    /// Where it is published by itself.
    pub url: Option<String>,
    /// Of the whole file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Where it differs from the pack's.
    pub licence: Option<String>,
    /// Where it differs from the pack's.
    pub origin: Option<String>,
}

/// The cards that are a part of the program.
const SHIPPED: [&str; 9] = [
    include_str!("../../../models/antelopev2.toml"),
    include_str!("../../../models/buffalo_l.toml"),
    include_str!("../../../models/buffalo_m.toml"),
    include_str!("../../../models/buffalo_s.toml"),
    include_str!("../../../models/buffalo_sc.toml"),
    include_str!("../../../models/demo.toml"),
    include_str!("../../../models/testdata.toml"),
    include_str!("../../../models/yunet_mobilefacenet.toml"),
    include_str!("../../../models/yunet_sface.toml"),
];

const ROLES: [&str; 3] = ["detector", "recogniser", "other"];

/// More than any model of this field, and little enough that sums of sizes stay numbers.
const LARGEST: u64 = 1 << 40;

impl Archive {
    /// Its file name, as a mirror has it.
    pub(crate) fn name(&self, card: &Card) -> String {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        let name = path.rsplit('/').next().filter(|name| plain(name).is_ok());
        name.map_or_else(|| format!("{}.zip", card.name), str::to_owned)
    }
}

impl Card {
    /// The cards that are a part of the program, by name.
    ///
    /// # Errors
    /// One of them is wrong, which a test excludes.
    pub fn shipped() -> Result<Vec<Self>, Error> {
        SHIPPED.iter().map(|text| Self::parse(text, "a card of this program")).collect()
    }

    /// Reads a card. `source` is what errors call it.
    ///
    /// # Errors
    /// It is not TOML, has an unknown or missing key, or a value that cannot be right.
    pub fn parse(text: &str, source: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Card { card: source.to_owned(), reason };
        let card: Self = toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        card.check().map_err(wrong)?;
        Ok(card)
    }

    /// Bytes of all its files.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Where a file is published by itself or with others; nowhere that the card knows of, if neither.
    #[must_use]
    pub fn address<'c>(&'c self, file: &'c CardFile) -> Option<&'c str> {
        file.url.as_deref().or_else(|| self.archive.as_ref().map(|archive| archive.url.as_str()))
    }

    fn check(&self) -> Result<(), String> {
        plain(&self.name)?;
        if self.files.is_empty() {
            return Err("it names no file".to_owned());
        }
        for text in [&self.title, &self.licence, &self.origin] {
            printable(text)?;
        }
        let sum = self.archive.as_ref().and_then(|archive| archive.sha256.as_deref());
        if sum.is_some_and(|sum| !is_sha256(sum)) {
            return Err("the sha256 of the archive is not 64 lower-case hexadecimal digits".to_owned());
        }
        if self.archive.as_ref().is_some_and(|archive| archive.size.is_some_and(|size| size == 0 || size > LARGEST)) {
            return Err("the size of the archive cannot be right".to_owned());
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            let name = &file.name;
            plain(name)?;
            if !names.insert(name) {
                return Err(format!("it names {name} twice"));
            }
            if !ROLES.contains(&file.role.as_str()) {
                return Err(format!("the role of {name} is none of {}", ROLES.join(", ")));
            }
            if !is_sha256(&file.sha256) {
                return Err(format!("the sha256 of {name} is not 64 lower-case hexadecimal digits"));
            }
            if file.size == 0 || file.size > LARGEST {
                return Err(format!("the size of {name} cannot be right"));
            }
            let texts = [&file.form, &file.normalisation, &file.licence, &file.origin];
            texts.into_iter().flatten().try_for_each(|text| printable(text))?;
        }
        Ok(())
    }
}

/// A card must not lead out of the folders that the caller chose, nor to a file that is hidden there: drafts are.
fn plain(name: &str) -> Result<(), String> {
    let is_plain = Path::new(name).file_name() == Some(name.as_ref()) && !name.starts_with('.');
    if is_plain { printable(name) } else { Err(format!("`{}` is not a plain file name", name.escape_debug())) }
}

/// A card is shown on terminals.
fn printable(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err(format!("`{}` has a character that cannot be printed", text.escape_debug()));
    }
    Ok(())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}
