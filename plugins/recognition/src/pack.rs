//! A model pack: the files that recognition needs, as a model card describes them.
//!
//! A card says what a file must be (size, sha256), what it is for, where it comes from and under which licence. The path of
//! a file is given only for bytes that were compared with the card: [`ModelFile::verified`] is the way to it.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A model card, `models/NAME.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What a configuration calls the pack.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// The licence of the weights, in words.
    pub licence: String,
    /// Whether the licence allows use at a commercial exhibition.
    pub commercial: bool,
    /// Where the pack comes from, in words.
    pub origin: String,
    /// The similarity from which on somebody is known, -1 to 1. It belongs to the recogniser; without it the operator has to
    /// say it.
    pub match_threshold: Option<f32>,
    /// The archive in which its makers publish it.
    pub archive: Option<Archive>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<CardFile>,
}

/// An archive that holds the files of a pack.
#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// File name, without a folder.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// What the outputs of a detector stand for: `scrfd`, which is what a card that says nothing means, or `yunet`.
    pub form: Option<String>,
    /// What the model's input is made of, in words; what is computed, the graph says.
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

impl CardFile {
    fn form(&self) -> &str {
        self.form.as_deref().unwrap_or("scrfd")
    }
}

/// What a file of a pack is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Finds faces and their key points.
    Detector,
    /// Turns an upright face into an embedding (ArcFace).
    Recogniser,
    /// In the pack, not used by this plugin.
    Other,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Recogniser => "recogniser",
            Self::Other => "other",
        }
    }
}

/// The cards that are a part of this library, so that what a model must be does not depend on a file beside it.
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

impl Card {
    /// The card of a pack that this library knows.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        SHIPPED.iter().find_map(|text| Self::parse(text, name).ok().filter(|card| card.name == name))
    }

    /// Reads a card. `source` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Card`] with line and column when it is not TOML, has an unknown or missing key, or a value that cannot be right.
    pub fn parse(text: &str, source: &str) -> Result<Self> {
        let wrong = |reason: String| Error::Card { card: source.into(), reason };
        let card: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for file in &card.files {
            // A card must not lead out of the folders that the caller chose.
            if Path::new(&file.name).file_name() != Some(file.name.as_ref()) {
                return Err(wrong(format!("`{}` is not a plain file name", file.name)));
            }
            if file.sha256.len() != 64 || !file.sha256.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(wrong(format!("the sha256 of {} is not 64 lower-case hexadecimal digits", file.name)));
            }
        }
        Ok(card)
    }

    /// Reads the card in a file.
    ///
    /// # Errors
    /// As [`Card::parse`], and [`Error::Unreadable`].
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// The pack's detector of a form, such as `scrfd`, in the first of `folders` that has it.
    ///
    /// # Errors
    /// [`Error::Role`] and [`Error::ModelMissing`].
    pub fn detector(&self, form: &str, folders: &[PathBuf]) -> Result<ModelFile> {
        self.locate(Role::Detector, Some(form), folders)
    }

    /// The pack's recogniser, in the first of `folders` that has it.
    ///
    /// # Errors
    /// [`Error::Role`] and [`Error::ModelMissing`].
    pub fn recogniser(&self, folders: &[PathBuf]) -> Result<ModelFile> {
        self.locate(Role::Recogniser, None, folders)
    }

    fn locate(&self, role: Role, form: Option<&str>, folders: &[PathBuf]) -> Result<ModelFile> {
        let fits = |file: &&CardFile| file.role == role && form.is_none_or(|form| file.form() == form);
        let fitting: Vec<&CardFile> = self.files.iter().filter(fits).collect();
        let &[file] = &fitting[..] else {
            let instead = if fitting.is_empty() { form.map_or_else(Vec::new, with_detector) } else { Vec::new() };
            let role = form.map_or(role.name().into(), |form| format!("{} of the form {form}", role.name()));
            return Err(Error::Role { pack: self.name.clone(), role, count: fitting.len(), instead });
        };
        let path = folders.iter().map(|folder| folder.join(&file.name)).find(|path| path.is_file());
        match path {
            Some(path) => Ok(ModelFile { path, name: file.name.clone(), sha256: file.sha256.clone(), size: file.size }),
            None => Err(Error::ModelMissing {
                pack: self.name.clone(),
                file: file.name.clone(),
                folders: folders.to_vec(),
                origin: file.origin.as_ref().unwrap_or(&self.origin).clone(),
                licence: file.licence.as_ref().unwrap_or(&self.licence).clone(),
                fetchable: file.url.is_some() || self.archive.is_some(),
            }),
        }
    }
}

/// The packs that a show may choose which have a detector of a form.
fn with_detector(form: &str) -> Vec<String> {
    let cards = SHIPPED.iter().filter_map(|text| Card::parse(text, "a shipped card").ok());
    let has = |card: &Card| card.files.iter().any(|file| file.role == Role::Detector && file.form() == form);
    // The pack of the test data is for tests.
    cards.filter(|card| card.name != "testdata" && has(card)).map(|card| card.name).collect()
}

/// A file of a pack that is there, with what its card says it must be.
#[derive(Debug, Clone)]
pub struct ModelFile {
    path: PathBuf,
    name: String,
    sha256: String,
    size: u64,
}

impl ModelFile {
    /// File name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the card says: the identity of the model, to which embeddings are bound.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Compares size and sha256 with the card, and gives the path of a file that has both.
    ///
    /// # Errors
    /// [`Error::ModelAltered`] and [`Error::Unreadable`].
    pub fn verified(&self) -> Result<&Path> {
        // The size first: a file that is still being fetched is told without reading it.
        let size = fs::metadata(&self.path).map_err(|error| unreadable(&self.path, &error))?.len();
        self.compare(size, || sha256(&self.path))?;
        Ok(&self.path)
    }

    /// The bytes of the file, compared with the card.
    ///
    /// # Errors
    /// [`Error::ModelAltered`] and [`Error::Unreadable`].
    pub fn verified_bytes(&self) -> Result<Vec<u8>> {
        let bytes = fs::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        self.compare(bytes.len() as u64, || Ok(sha256_of(&bytes)))?;
        Ok(bytes)
    }

    fn compare(&self, size: u64, sum: impl FnOnce() -> Result<String>) -> Result<()> {
        if size != self.size {
            return Err(self.altered("size", self.size.to_string(), size.to_string()));
        }
        let found = sum()?;
        if found != self.sha256 {
            return Err(self.altered("sha256", self.sha256.clone(), found));
        }
        Ok(())
    }

    fn altered(&self, what: &'static str, expected: String, found: String) -> Error {
        Error::ModelAltered { path: self.path.clone(), what, expected, found }
    }
}

/// The sha256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn sha256(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    let mut file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(read) => hash.update(&block[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
}

/// The sha256 of bytes, in lower-case hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Unreadable { path: path.into(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn card(files: &str) -> Result<Card> {
        let head =
            "name = 'small'\ntitle = 't'\nlicence = 'research only'\ncommercial = false\norigin = 'a web page'\n";
        Card::parse(&format!("{head}{files}"), "small.toml")
    }

    fn file(name: &str, role: &str, size: u64) -> String {
        format!("[[file]]\nname = '{name}'\nrole = '{role}'\nsha256 = '{ABC}'\nsize = {size}\n")
    }

    #[test]
    fn a_file_that_is_what_the_card_says_gives_its_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("d.onnx"), "abc").unwrap();
        let file = card(&file("d.onnx", "detector", 3)).unwrap().detector("scrfd", &[folder.path().into()]).unwrap();
        assert_eq!(file.verified().unwrap(), folder.path().join("d.onnx"));
        assert_eq!((file.name(), file.sha256()), ("d.onnx", ABC));
    }

    #[test]
    fn another_size_and_other_bytes_are_both_told() {
        let folder = tempfile::tempdir().unwrap();
        let located = card(&file("d.onnx", "detector", 3)).unwrap();
        for (content, what) in [("ab", "size"), ("abd", "sha256")] {
            fs::write(folder.path().join("d.onnx"), content).unwrap();
            let error = located.detector("scrfd", &[folder.path().into()]).unwrap().verified().unwrap_err();
            assert_eq!(error.code(), "recognition.model-altered");
            assert!(error.to_string().contains(&format!("{what} is")), "{error}");
        }
    }

    #[test]
    fn folders_are_tried_in_order_and_a_missing_file_says_where_it_comes_from() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = [first.path().to_owned(), second.path().to_owned()];
        let card = card(&file("d.onnx", "detector", 3)).unwrap();
        let error = card.detector("scrfd", &folders).unwrap_err();
        assert_eq!(error.code(), "recognition.model-missing");
        assert_eq!(
            error.remedy().unwrap(),
            "`majlis models import small FILE…` takes it over from where it is; it comes from a web page; its licence: \
             research only"
        );
        fs::write(second.path().join("d.onnx"), "abc").unwrap();
        card.detector("scrfd", &folders).unwrap().verified().unwrap();
        fs::write(first.path().join("d.onnx"), "x").unwrap();
        card.detector("scrfd", &folders).unwrap().verified().unwrap_err();
    }

    #[test]
    fn a_role_that_no_file_or_more_than_one_has_is_told_apart() {
        let card = card(&(file("a", "detector", 1) + &file("b", "detector", 1))).unwrap();
        assert!(card.detector("scrfd", &[]).unwrap_err().to_string().contains("names 2 files"));
        assert!(card.recogniser(&[]).unwrap_err().to_string().contains("names 0 files"));
        let error = card.detector("yunet", &[]).unwrap_err();
        assert!(error.to_string().contains("names 0 files that are a detector of the form yunet"), "{error}");
        assert!(error.remedy().unwrap().contains("yunet_mobilefacenet, yunet_sface;"), "{:?}", error.remedy());
    }

    #[test]
    fn a_card_cannot_lead_out_of_its_folder_and_tells_the_line_of_a_mistake() {
        for name in ["../d.onnx", "/etc/passwd", "a/b", "..", ""] {
            assert!(card(&file(name, "detector", 1)).unwrap_err().to_string().contains("plain file name"), "{name}");
        }
        assert!(card("[[file]]\nname = 'd'\nroll = 'detector'\n").unwrap_err().to_string().contains("line 8"));
        assert!(
            card(&file("d", "detector", 1).replace("ba78", "BA78")).unwrap_err().to_string().contains("lower-case")
        );
    }

    #[test]
    fn the_cards_that_are_shipped_can_be_read_and_name_both_roles() {
        // `majlis models` reads the same files with a reader of its own, and has the same test.
        let mut count = 0;
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            // Not a card of a pack: scripts, texts, and the card of ONNX Runtime.
            if path.extension().is_none_or(|ending| ending != "toml") || name == "onnxruntime" {
                continue;
            }
            count += 1;
            let card = Card::shipped(name).unwrap();
            let detectors = card.files.iter().filter(|file| file.role == Role::Detector);
            let mut forms: Vec<&str> = detectors.map(CardFile::form).collect();
            forms.sort_unstable();
            let expected: &[&str] = match name {
                "testdata" => &["scrfd", "yunet"],
                name if name.starts_with("yunet") => &["yunet"],
                _ => &["scrfd"],
            };
            assert_eq!(forms, expected, "{name}");
            assert_eq!(card.files.iter().filter(|file| file.role == Role::Recogniser).count(), 1, "{name}");
        }
        assert_eq!(SHIPPED.len(), count);
        assert!(Card::shipped("antelope").is_none());
    }
}
