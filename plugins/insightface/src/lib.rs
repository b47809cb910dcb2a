//! Face recognition as InsightFace does it: SCRFD finds faces and their key points, ArcFace turns each into an embedding,
//! a gallery of people who consented puts a name to it.
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
mod applicant;
pub mod arcface;
pub mod backend;
pub mod consent;
pub mod error;
pub mod face;
pub mod gallery;
pub mod graph;
pub mod image;
mod named;
pub mod nms;
pub mod pack;
mod people;
mod photograph;
pub mod pixels;
pub mod resize;
pub mod runtime_path;
pub mod scrfd;
pub mod stage;
mod verbs;
pub mod warp;

pub use analyser::{Analyser, Options};
pub use error::{Error, Result};
pub use face::{Detection, Embedding, Face};
pub use image::Rgb8;
pub use stage::InsightFace;

manifest! {
    name: "insightface",
    summary: "Finds faces and recognises people who enrolled (SCRFD and ArcFace, as InsightFace does it)",
    inputs: { frame: Frame },
    outputs: { faces: Faces },
    milestones: ["recognised"],
    native: ["onnxruntime"],
    verbs: {
        "add": ("Enrols a person in the store, with consent, from a photograph", "../verbs/add.schema.json"),
        "list": ("Lists who is enrolled, in the pipeline file or in the store", "../verbs/list.schema.json"),
        "forget": ("Erases a person in every file of the store", "../verbs/forget.schema.json"),
    },
    schema: "../config.schema.json",
}

export_stage!(InsightFace);
