//! The seam between recognition and whatever runs its graphs.
//!
//! Deliberately narrow (one tensor of images in, tensors of floats out), so that a backend in pure Rust can stand beside
//! ONNX Runtime without a change elsewhere.

use std::sync::Arc;

use majlis_plugin_api::service::native;
use majlis_plugin_api::{self as api, Host};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::onnxruntime::{OnnxRuntime, Silent, Spawn};
use self::rten::Rten;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::graph::Node;
use crate::pack::ModelFile;
use crate::runtime_path::{self, variable};
use crate::stage::told;

pub mod onnxruntime;
mod optimised;
pub mod rten;

/// What runs the models, as a configuration says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// ONNX Runtime where it is found, else `rten`.
    #[default]
    Auto,
    /// ONNX Runtime.
    OnnxRuntime,
    /// `rten`.
    Rten,
}

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
    /// What a configuration calls it.
    fn name(&self) -> &'static str;

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

/// The backend that a stage asks for.
pub(crate) fn open(config: &Config, host: &Host) -> api::Result<Box<dyn Backend>> {
    let configured = config.runtime.as_ref().map(|path| host.path(path));
    let found = match config.backend {
        Choice::Rten => None,
        Choice::OnnxRuntime => Some(runtime_path::find(configured.as_deref(), variable).map_err(told)?),
        Choice::Auto => match runtime_path::find(configured.as_deref(), variable) {
            Ok(path) => Some(path),
            // Nobody named a library, and there is none. One that was named and is not there is an error.
            Err(Error::RuntimeMissing { .. }) if !runtime_path::is_named(configured.as_deref(), variable) => {
                tracing::info!(
                    "ONNX Runtime is not there: rten runs the models, about 3.5 times slower; `make onnxruntime` fetches it"
                );
                None
            }
            Err(error) => return Err(told(error)),
        },
    };
    let host = host.clone();
    match found {
        Some(path) => Ok(Box::new(onnx_runtime(&path, config, &host)?)),
        None => {
            let adopt = Arc::new(move || Box::new(host.adopt_thread("rten")) as Box<dyn std::any::Any>);
            Ok(Box::new(Rten::new(rten::Options { threads: config.threads, adopt: Some(adopt) })))
        }
    }
}

fn onnx_runtime(path: &std::path::Path, config: &Config, host: &Host) -> api::Result<OnnxRuntime> {
    // Before the host opens it, which is the first time in this process.
    let silent = Silent::check(path).map_err(told)?;
    let path = native::open(host, "onnxruntime", silent.path(), None)?;
    let silent = if path == silent.path() { silent } else { Silent::check(&path).map_err(told)? };
    let threads = host.clone();
    let spawn: Spawn = Arc::new(move |work| threads.spawn("onnx", work).map_err(|error| error.to_string()));
    let cache = runtime_path::cache(&variable).filter(|_| config.cache).map(|cache| cache.join("optimised"));
    OnnxRuntime::open_silent(&silent, onnxruntime::Options { threads: config.threads, cache, spawn: Some(spawn) })
        .map_err(told)
}
