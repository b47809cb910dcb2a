//! From a frame to faces with names: what recognisers share, whichever detector they have.
//!
//! **The decision that shapes it: pixels are treated exactly as OpenCV treats them, to the bit.** Embeddings are compared
//! with ones that were enrolled elsewhere or earlier, so the way from a frame to a network's input is part of the model.
//! Plain bilinear scaling moves a box by 0.29 px, an antialiasing resizer moves it by 3.7 px and takes the cosine of a
//! face with itself to 0.945; OpenCV's fixed-point arithmetic keeps it at 0.99999. So [`resize`] and [`warp`] are written
//! out here instead of taken from an image library, and both write straight into a network's input.
//!
//! The second decision: what runs a graph stands behind [`backend::Backend`], what a detector's outputs stand for behind
//! [`detector::Form`], and everything else is a pure function of numbers. Shapes, strides, dimensions and normalisation are
//! read from the graph, and a graph that does not fit is refused with what was expected of it.
//!
//! [`Recognition`] is what a plugin's stage is made of. It answers for every frame with the faces in it. Who they are is
//! decided by `majlis_gallery`: people who consented, decisions and verbs are the same for every recogniser.
//!
//! **What it must never know**: crates of the host, where frames come from. Below [`stage`] and [`backend::Choice`] it knows
//! no clock and no host either: time is an argument. It never writes an image, an embedding or a name to a log; only
//! embeddings of people who consented are kept, and on a disk only in the store.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod analyser;
pub mod arcface;
pub mod backend;
pub mod config;
pub mod detector;
pub mod error;
mod following;
pub mod graph;
pub mod image;
pub mod nms;
mod others;
pub mod pack;
pub mod pixels;
mod placement;
mod recogniser;
pub mod resize;
pub mod runtime_path;
pub mod stage;
pub mod track;
pub mod warp;

pub use analyser::{Analyser, Options};
pub use config::Config;
pub use error::{Error, Result};
pub use image::Rgb8;
pub use majlis_gallery::{self as face, self as gallery, Detection, Embedding, Face};
pub use stage::{Kind, Recognition};
