//! Packs to fetch, a machine that they are fetched to, and somebody who looks on.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use majlis_models::{Card, Error, Places, Pulled, Settings, Terms, Watch, pull};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Bytes that are not alike anywhere, so that a piece in a wrong place shows.
pub(crate) fn bytes(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A card of files: name, bytes, address.
pub(crate) fn card(files: &[(&str, &[u8], Option<String>)], archive: &str) -> Card {
    let mut text = format!(
        "name = 'small'\ntitle = 'a small pack'\nlicence = 'research only'\ncommercial = false\norigin = 'a test'\n{archive}"
    );
    for (name, bytes, url) in files {
        let url = url.as_ref().map_or_else(String::new, |url| format!("url = '{url}'\n"));
        let (sum, size) = (sum(bytes), bytes.len());
        text += &format!("[[file]]\nname = '{name}'\nrole = 'other'\n{url}sha256 = '{sum}'\nsize = {size}\n");
    }
    Card::parse(&text, "small.toml").unwrap()
}

/// A card of one file at this address.
pub(crate) fn single(body: &[u8], url: &str) -> Card {
    card(&[("d.onnx", body, Some(url.to_owned()))], "")
}

/// A zip archive of members: path and bytes.
pub(crate) fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(*path, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Folders of one machine.
pub(crate) struct Machine {
    root: TempDir,
    pub(crate) places: Places,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        let at = |name: &str| root.path().join(name);
        let places = Places { named: Vec::new(), data: at("data"), cache: at("cache"), installed: Some(at("share")) };
        Self { root, places }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Every file and every empty folder below, by its path from the root, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        walk(self.root.path(), self.root.path(), &mut files);
        files.sort();
        files
    }

    pub(crate) fn pull(&self, card: &Card) -> Result<Pulled, Error> {
        self.watched(card, &mut Onlooker::default())
    }

    pub(crate) fn watched(&self, card: &Card, onlooker: &mut Onlooker) -> Result<Pulled, Error> {
        pull(Terms::of(card).accept(), &self.places, None, &patience(), onlooker)
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && fs::read_dir(&path).unwrap().next().is_some() {
            walk(root, &path, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// As little as is enough: nothing waits for the clock but what is about waiting.
pub(crate) fn patience() -> Settings {
    Settings {
        connect: Duration::from_secs(5),
        stall: Duration::from_secs(5),
        tries: 3,
        pause: Duration::from_millis(1),
        ..Settings::default()
    }
}

/// Keeps what it is told, and stops when so much is here.
#[derive(Default)]
pub(crate) struct Onlooker {
    pub(crate) said: Vec<String>,
    pub(crate) begun: Vec<(String, u64)>,
    pub(crate) stop_at: Option<u64>,
    pub(crate) at: u64,
}

impl Watch for Onlooker {
    fn begin(&mut self, what: &str, at: u64, _: Option<u64>) {
        self.begun.push((what.to_owned(), at));
        self.at = 0;
    }

    fn advance(&mut self, at: u64) {
        self.at = at;
    }

    fn end(&mut self) {}

    fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
    }

    fn stopped(&self) -> bool {
        self.stop_at.is_some_and(|stop| self.at >= stop)
    }
}
