//! Reads a pipeline file and says everything that is wrong with it, or hands back a graph that can be run.
//!
//! The decision that shapes this crate: **it opens nothing**. [`check`] takes the text of the file, a [`Catalogue`] of manifests
//! and the [`Surroundings`] (environment, secret files, time zones) as arguments and returns plain data. Two reasons. A pipeline
//! can be listed, checked and drawn without running a line of a plugin's code; and every diagnostic can be tested from a text
//! alone. The second decision follows: a check never stops at the first problem. Each step reports what it finds, puts a
//! harmless value in its place and goes on, so that an operator repairs a file once, not eleven times.
//!
//! The keys of the file, their values, ranges and defaults live in one table, [`keys`]; the reader, the JSON Schema
//! ([`schema`]), the table of the documentation ([`keys::markdown_table`]) and [`explain`] are made from it.
//!
//! What this crate must never know: how a library is loaded, what a thread or a queue does at run time, any type of a domain
//! beyond its name (`majlis/frame@1`), and the terminal.
#![forbid(unsafe_code)]

mod catalogue;
mod check;
pub mod codes;
mod diagnostic;
mod document;
pub mod keys;
mod manifest;
mod nearest;
mod pipeline;
mod quantity;
mod render;
mod schema;
mod surroundings;
mod syntax;
mod text;
mod validator;

pub use catalogue::{Catalogue, Entry, Refusal};
pub use check::{Checked, Source, check, plugin_folders};
pub use codes::explain;
pub use diagnostic::{Diagnostic, Related, Severity};
pub use manifest::{InputPort, Manifest, ManifestError, Native, OutputPort, RESERVED, Verb};
pub use nearest::nearest;
pub use pipeline::{
    Edge, Load, OnFailure, Overflow, Pipeline, Place, Restart, Stage, edge_worst_case_bytes, worst_case_bytes,
};
pub use quantity::{parse_duration, parse_size, show_duration};
pub use render::render;
pub use schema::schema;
pub use surroundings::{Fixed, Surroundings, bundled_time_zone};
pub use text::{NotText, text_of};
pub use validator::{Fault, Violation, violations};
