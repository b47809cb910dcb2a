//! Face recognition as InsightFace does it: SCRFD finds faces and their key points, ArcFace turns each into an embedding,
//! the library `majlis_gallery` puts a name to it: people who consented, decisions and verbs are the same for every recogniser.
//!
//! **The decision that shapes it: pixels are treated exactly as OpenCV treats them, to the bit.** Embeddings are compared
//! with ones that were enrolled elsewhere or earlier, so the way from a frame to a network's input is part of the model.
//! Plain bilinear scaling moves a box by 0.29 px, an antialiasing resizer moves it by 3.7 px and takes the cosine of a
//! face with itself to 0.945; OpenCV's fixed-point arithmetic keeps it at 0.99999. So [`resize`] and [`warp`] are written
//! out here instead of taken from an image library, and both write straight into a network's input.
//!
//! The second decision: what runs a graph stands behind [`backend::Backend`], and everything else is a pure function of
//! numbers. Shapes, strides, dimensions and normalisation are read from the graph, and a graph that does not fit is refused
//! with what was expected of it.
//!
//! As a plugin ([`stage`]) it answers for every frame with the faces in it. People whom the pipeline file names are enrolled
//! at each opening and kept in memory; others, whom its verbs enrol, are kept in the host's store.
//!
//! **What it must never know**: crates of the host, where frames come from. Below [`stage`] it knows no clock either:
//! time is an argument. It never writes an image, an embedding or a name to a log; only embeddings of people who consented
//! are kept, and on a disk only in the store.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use majlis_plugin_api::{Faces, Frame, export_stage, manifest};

pub mod analyser;
pub mod arcface;
pub mod backend;
pub mod error;
pub mod graph;
pub mod image;
pub mod nms;
mod others;
pub mod pack;
pub mod pixels;
mod recogniser;
pub mod resize;
pub mod runtime_path;
pub mod scrfd;
pub mod stage;
pub mod warp;

pub use analyser::{Analyser, Options};
pub use error::{Error, Result};
pub use image::Rgb8;
pub use majlis_gallery::{self as face, self as gallery, Detection, Embedding, Face};
pub use stage::InsightFace;

manifest! {
    name: "insightface",
    summary: "Finds faces and recognises people who enrolled (SCRFD and ArcFace, as InsightFace does it)",
    inputs: { frame: Frame },
    outputs: { faces: Faces },
    milestones: ["recognised"],
    native: ["onnxruntime"],
    alias: "faces",
    verbs: {
        "enrol": ("Enrols a person in the store, with consent, from photographs or before the camera", "../../gallery/verbs/enrol.schema.json"),
        "list": ("Lists who is enrolled, in the pipeline file or in the store", "../../gallery/verbs/list.schema.json"),
        "show": ("Shows what is kept of a person", "../../gallery/verbs/show.schema.json"),
        "forget": ("Erases a person in every file of the store", "../../gallery/verbs/forget.schema.json"),
        "purge": ("Erases everybody whose consent is over", "../../gallery/verbs/purge.schema.json"),
        "export": ("Writes everybody of the store into an encrypted file", "../../gallery/verbs/export.schema.json"),
        "import": ("Takes people from an export, or names with vectors", "../../gallery/verbs/import.schema.json"),
        "check": ("Says who cannot be recognised now, and why", "../../gallery/verbs/check.schema.json"),
        "reindex": ("Makes vectors of this model from the faces that are kept", "../../gallery/verbs/reindex.schema.json"),
        "why": ("Says who a photograph shows, and why", "../../gallery/verbs/why.schema.json"),
    },
    schema: "../config.schema.json",
}

export_stage!(InsightFace);
