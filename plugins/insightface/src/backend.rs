//! The seam between recognition and whatever runs its graphs.
//!
//! Deliberately narrow (one image tensor in, named tensors of floats out), so that a backend in pure Rust can stand beside
//! ONNX Runtime without a change elsewhere.

use crate::error::Result;
use crate::graph::Node;
use crate::pack::ModelFile;

pub mod onnxruntime;
mod optimised;

/// A tensor of 32-bit floats, borrowed for one call; the last axis is the fastest.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    /// Extents of its axes, all of them 0 or more.
    pub shape: &'a [i64],
    /// As many values as the extents' product.
    pub data: &'a [f32],
}

/// What a graph declares about one of its inputs or outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Whether its elements are 32-bit floats, the only ones used here.
    pub float: bool,
    /// Extents of its axes; None where the graph leaves one open. What a graph declares of its outputs is not always true
    /// when its input is of another size than at export.
    pub shape: Vec<Option<usize>>,
}

/// Something that can load graphs.
pub trait Backend {
    /// Loads a graph. The file's bytes are checked against its card before they are trusted.
    ///
    /// # Errors
    /// When the file is not the one that its card describes, or the runtime refuses it.
    fn load(&self, file: &ModelFile) -> Result<Box<dyn Model>>;
}

/// A loaded graph.
pub trait Model: Send {
    /// What to call it in messages: its file name.
    fn name(&self) -> &str;
    /// Its inputs, in the order of the graph.
    fn inputs(&self) -> &[Port];
    /// Its outputs, in the order of the graph.
    fn outputs(&self) -> &[Port];
    /// The first nodes of the graph as it was exported ([`crate::graph::HEAD`] of them).
    fn first_nodes(&self) -> &[Node];
    /// Runs the graph on its only input and shows its outputs to `read`, in the order of the graph. They live in the
    /// runtime's own memory, so nothing is copied that is not wanted.
    ///
    /// # Errors
    /// When the runtime fails; `read` has not been called then.
    fn run(&mut self, input: Tensor<'_>, read: &mut dyn FnMut(&[Tensor<'_>])) -> Result<()>;
}
