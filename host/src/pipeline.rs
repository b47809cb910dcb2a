//! A pipeline file, from its path to the checked graph or to every diagnostic.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use majlis_config::{Catalogue, Checked, Diagnostic, NotText, Pipeline, Source, Surroundings};
use majlis_loader::Loader;
use serde_json::{Value, json};

use crate::cli::Places;
use crate::talk::{self, Problem};
use crate::{Exit, catalogue, codes};

/// The process as a pipeline file may ask for it.
pub(crate) struct Process;

impl Surroundings for Process {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn secret_file(&self, path: &Path) -> Result<String, String> {
        match std::fs::read_to_string(path) {
            // Editors end a file with a line feed that belongs to no key.
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn text_file(&self, path: &Path) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn is_file(&self, path: &Path) -> Result<(), String> {
        match std::fs::metadata(path) {
            // Whether it may be read is known when it is opened, and a pipe is not, which would wait for a writer.
            Ok(about) if about.is_file() => std::fs::File::open(path).map(drop).map_err(|error| error.to_string()),
            Ok(_) => Err("it is no file".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn files_in(&self, folder: &Path) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| {
            let entry = entry.ok().filter(|entry| !entry.path().is_dir())?;
            Some(entry.file_name().to_string_lossy().into_owned())
        });
        Ok(names.collect())
    }

    fn folder(&self, file: &Path) -> PathBuf {
        // Of a file that cannot be made absolute there is no current folder either: then as it was given.
        let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        whole.parent().unwrap_or(Path::new("")).to_owned()
    }
}

/// A pipeline file and what was found for it.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) loader: Loader,
    pub(crate) catalogue: Catalogue,
    pub(crate) checked: Checked,
}

impl File {
    pub(crate) fn source(&self) -> Source<'_> {
        Source { file: &self.path, text: &self.text }
    }

    /// Diagnostics as an operator reads them, on stderr.
    pub(crate) fn show(&self, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            talk::diagnostics(diagnostics, &self.source(), stderr_color());
        }
    }

    /// What `--json` shows of it for any verb.
    pub(crate) fn json(&self) -> Value {
        json!({ "file": self.path, "diagnostics": self.checked.diagnostics })
    }

    /// Shows the diagnostics and gives the pipeline, if it has no error.
    pub(crate) fn pipeline(&self) -> Result<&Pipeline, Exit> {
        self.show(&self.checked.diagnostics);
        self.checked.pipeline.as_ref().ok_or(Exit::Pipeline)
    }

    /// The same for a verb that starts something: it says that it did not.
    pub(crate) fn to_start(&self) -> Result<&Pipeline, Exit> {
        self.pipeline().inspect_err(|_| talk::notice(&format!("{}: nothing was started", self.path.display())))
    }
}

pub(crate) fn stderr_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
}

pub(crate) fn stdout_color() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stdout().is_terminal()
}

/// Why a pipeline file could not be looked at.
pub(crate) enum Unread {
    /// Its bytes could not be had.
    File(Problem),
    /// They are no text.
    NotText(Box<NotText>),
}

impl Unread {
    /// Says it in the way that was asked for.
    pub(crate) fn tell(&self, as_json: bool, path: &Path) -> Exit {
        match self {
            Self::File(problem) => problem.tell(as_json, Some(path)),
            Self::NotText(wrong) if as_json => {
                say!("{}", json!({ "file": path, "diagnostics": [wrong.diagnostic] }));
            }
            Self::NotText(wrong) => {
                let source = Source { file: path, text: &wrong.text };
                talk::diagnostics(std::slice::from_ref(&wrong.diagnostic), &source, stderr_color());
            }
        }
        Exit::Pipeline
    }
}

/// Reads and checks a pipeline file; opens no plugin.
pub(crate) fn read(places: &Places, path: &Path) -> Result<File, Unread> {
    let bytes = std::fs::read(path).map_err(|error| {
        let message = format!("the pipeline file {} cannot be read: {error}", path.display());
        Unread::File(Problem { code: codes::R0201, message, hint: "check the path and its permissions".to_owned() })
    })?;
    let text = majlis_config::text_of(path, bytes).map_err(Unread::NotText)?;
    let source = Source { file: path, text: &text };
    let (loader, catalogue) = catalogue::find(places, Some(&source));
    for refusal in catalogue.refused.iter().filter(|refusal| refusal.code == majlis_loader::codes::L0202) {
        let message = format!("{}: {}", refusal.path.display(), refusal.reason);
        Problem { code: majlis_loader::codes::L0202, message, hint: refusal.remedy.clone() }.warn();
    }
    let checked = majlis_config::check(&source, &catalogue, &Process);
    // Libraries were read whole to be judged; a host that waits for its first visitor does not keep that.
    majlis_meter::alloc::purge_all();
    Ok(File { path: path.to_owned(), text, loader, catalogue, checked })
}
