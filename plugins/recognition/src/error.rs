//! Every way in which recognition can fail, with a stable code, words for an operator, and a remedy.

use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. [`Error::code`] is stable; the text is for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A frame's buffer is smaller than its width, height and stride say, or has no pixel.
    #[error("the frame cannot be read: {0}")]
    Frame(String),

    /// A frame is so narrow that, scaled to the detector's input, one side would have no pixel left.
    #[error(
        "a frame of {width} x {height} px is too narrow: scaled into the detector's {input_width} x {input_height} px, one side has no pixel left"
    )]
    AspectRatio {
        /// Width of the frame, px.
        width: usize,
        /// Height of the frame, px.
        height: usize,
        /// Width of the detector's input, px.
        input_width: usize,
        /// Height of the detector's input, px.
        input_height: usize,
    },

    /// A graph that is not what its role in the pack asks for.
    #[error("model {model} does not fit: expected {expected}, found {found}")]
    ModelShape {
        /// File name of the model.
        model: String,
        /// What the role asks for.
        expected: String,
        /// What the graph has.
        found: String,
    },

    /// The size at which the detector is to work cannot be divided by its largest stride, or contradicts the graph.
    #[error("the detector cannot work at {width} x {height} px: {reason}")]
    DetectorSize {
        /// Asked width, px.
        width: usize,
        /// Asked height, px.
        height: usize,
        /// Why not.
        reason: String,
    },

    /// A face without key points, or whose key points coincide, cannot be turned upright.
    #[error("the face cannot be aligned: {0}")]
    Alignment(&'static str),

    /// The recogniser's answer has no length, so it has no direction either.
    #[error("model {model} answered with an embedding of norm {norm}")]
    EmptyEmbedding {
        /// File name of the model.
        model: String,
        /// The norm: 0, infinite or not a number.
        norm: f32,
    },

    /// The native library that runs models was not found.
    #[error("ONNX Runtime was not found; looked at {}", .looked.join(", "))]
    RuntimeMissing {
        /// The places, in the order in which they were tried.
        looked: Vec<String>,
    },

    /// The native library was found and could not be opened.
    #[error("ONNX Runtime at {path} could not be opened: {reason}")]
    RuntimeRefused {
        /// The library.
        path: PathBuf,
        /// What the loader or the library said.
        reason: String,
    },

    /// A process has one ONNX Runtime, and another one is already there.
    #[error("ONNX Runtime at {wanted} was asked for, but this process already runs the one at {running}")]
    RuntimeConflict {
        /// The library that is in use.
        running: PathBuf,
        /// The library that was asked for.
        wanted: PathBuf,
    },

    /// The library is none of those known to be silent, and telemetry has not been switched off.
    #[error(
        "ONNX Runtime at {path} is not one of the versions known to send nothing, and ORT_DISABLE_TELEMETRY=1 is not set"
    )]
    RuntimeTelemetry {
        /// The library.
        path: PathBuf,
    },

    /// The runtime refused a model.
    #[error("model {model} could not be loaded: {reason}")]
    ModelRefused {
        /// File name of the model.
        model: String,
        /// What the runtime said.
        reason: String,
    },

    /// The runtime failed while running a model.
    #[error("model {model} failed: {reason}")]
    Inference {
        /// File name of the model.
        model: String,
        /// What the runtime said.
        reason: String,
    },

    /// A model card is not TOML, or not a model card; the text holds line and column.
    #[error("the model card {card} cannot be read: {reason}")]
    Card {
        /// The card, as it was named.
        card: String,
        /// What is wrong, and where.
        reason: String,
    },

    /// A card names no file for a role that is needed, or more than one.
    #[error("the model pack {pack} names {count} files that are a {role}; one is needed")]
    Role {
        /// Name of the pack.
        pack: String,
        /// The role.
        role: String,
        /// How many files have it.
        count: usize,
        /// Packs that have one, where this one has none.
        instead: Vec<String>,
    },

    /// A file of a pack is in none of the folders.
    #[error("{file} of the model pack {pack} was not found in {}", join(.folders))]
    ModelMissing {
        /// Name of the pack.
        pack: String,
        /// Name of the file.
        file: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
        /// Where the pack comes from, in words.
        origin: String,
        /// Under which licence its makers offer it.
        licence: String,
        /// Whether its card says where it can be fetched.
        fetchable: bool,
    },

    /// A file of a pack is not the one that the card describes.
    #[error("{path} is not the file that its model card describes: {what} is {found}, the card says {expected}")]
    ModelAltered {
        /// The file.
        path: PathBuf,
        /// `size` or `sha256`.
        what: &'static str,
        /// The value that the card gives.
        expected: String,
        /// The value of the file.
        found: String,
    },

    /// A file of a pack could not be read.
    #[error("{path} could not be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
}

impl Error {
    /// A stable name for this kind of failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Frame(_) => "recognition.frame",
            Self::AspectRatio { .. } => "recognition.aspect-ratio",
            Self::ModelShape { .. } => "recognition.model-shape",
            Self::DetectorSize { .. } => "recognition.detector-size",
            Self::Alignment(_) => "recognition.alignment",
            Self::EmptyEmbedding { .. } => "recognition.empty-embedding",
            Self::RuntimeMissing { .. } => "recognition.runtime-missing",
            Self::RuntimeRefused { .. } => "recognition.runtime-refused",
            Self::RuntimeConflict { .. } => "recognition.runtime-conflict",
            Self::RuntimeTelemetry { .. } => "recognition.runtime-telemetry",
            Self::ModelRefused { .. } => "recognition.model-refused",
            Self::Inference { .. } => "recognition.inference",
            Self::Card { .. } => "recognition.card",
            Self::Role { .. } => "recognition.role",
            Self::ModelMissing { .. } => "recognition.model-missing",
            Self::ModelAltered { .. } => "recognition.model-altered",
            Self::Unreadable { .. } => "recognition.unreadable",
        }
    }

    /// What an operator can do about it, if there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::RuntimeMissing { .. } => {
                "run `make onnxruntime`, or name the library in the stage's `runtime` or in ORT_DYLIB_PATH".into()
            }
            Self::RuntimeRefused { .. } => {
                "run `make onnxruntime` to get the pinned build, and take ORT_DYLIB_PATH back if it is set".into()
            }
            Self::RuntimeConflict { .. } => "let all stages name the same library".into(),
            Self::RuntimeTelemetry { .. } => {
                "use the pinned build (`make onnxruntime`), or start the program with ORT_DISABLE_TELEMETRY=1".into()
            }
            Self::ModelMissing { pack, origin, licence, fetchable, .. } => {
                let verb = match fetchable {
                    true => format!("`majlis models pull {pack}` fetches it"),
                    false => format!("`majlis models import {pack} FILE…` takes it over from where it is"),
                };
                format!("{verb}; it comes from {origin}; its licence: {licence}")
            }
            Self::ModelAltered { .. } => {
                "remove the file and fetch the pack again; a file that is not known is not run".into()
            }
            Self::Role { instead, .. } if !instead.is_empty() => {
                format!("name a pack that has one: {}; `models` changes with `plugin`", instead.join(", "))
            }
            Self::AspectRatio { .. } => "crop the frame".into(),
            Self::DetectorSize { .. } => {
                "leave the detector's size out of the configuration, or use a multiple of its largest stride".into()
            }
            _ => return None,
        })
    }
}

fn join(folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    folders.join(", ")
}
