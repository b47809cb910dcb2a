//! What the end-to-end tests share: where the program is, how it is run, and how its report is read.
//!
//! The decision that shapes it: **the real binary in a home of its own**. A test sees what an operator sees, exit code,
//! terminal and files, and nothing else; no run finds the data, the cache or the settings of whoever started the tests.
//! A run that is not over in time is ended and shown, for a test that hangs tells nothing.
//!
//! It must never know: the crates of the host. What they promise, the report has to show.
#![forbid(unsafe_code)]

mod data;
mod places;
mod program;
mod report;

pub use data::{Folder, replaced, testdata};
pub use places::{binary, espeak_is_here, onnxruntime, pipeline, plugins, root, shipped, with_whole_paths};
pub use program::{Ended, Majlis, Running, TOKENS, majlis, reported, undisturbed, without_network};
pub use report::{Report, Visit, close, mb, mib, ms};
