//! A refusal of one library.

use std::path::PathBuf;

use majlis_config::Refusal;

/// Why a library is not used: one line that names both sides and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}; {remedy} [{code}]", path.display())]
pub struct Refused {
    /// Stable; [`explain`](crate::explain) knows it.
    pub code: &'static str,
    /// What is wrong, with what was found and what was expected.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// The library that was refused: the file that an operator knows, not the store's copy.
    pub path: PathBuf,
    /// The long text, where there is one, for whoever builds the plugin.
    pub verbose: Option<String>,
}

impl Refused {
    /// For a catalogue and for whoever asks why.
    #[must_use]
    pub fn to_refusal(&self, name: Option<&str>) -> Refusal {
        Refusal {
            name: name.map(str::to_owned),
            path: self.path.clone(),
            code: self.code.to_owned(),
            reason: self.reason.clone(),
            remedy: self.remedy.clone(),
        }
    }
}
