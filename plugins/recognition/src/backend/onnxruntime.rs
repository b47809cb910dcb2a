//! ONNX Runtime, opened at run time from a path that is always given.
//!
//! One per process: the runtime keeps one environment however many libraries ask for it, so the first one's stays, and
//! asking for another library afterwards is an error instead of a surprise. It is never unloaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use ort::environment::{Environment, ThreadManager};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::optimised::Cache;
use super::{Backend, Model, Port, Tensor};
use crate::error::{Error, Result};
use crate::graph::{self, Node};
use crate::pack::{self, ModelFile};
use crate::placement::Placement;
use crate::runtime_path;

/// A thread's whole life, to be run on a thread that somebody else makes.
pub type Work = Box<dyn FnOnce() + Send>;

/// Makes a thread for the runtime and runs the work there, so that the thread bears its owner's name and is metered.
pub type Spawn = Arc<dyn Fn(Work) -> std::result::Result<(), String> + Send + Sync>;

/// How models are to be run.
#[derive(Clone, Default)]
pub struct Options {
    /// Threads that one model computes with, the caller included; 0 counts as 1. They never spin: on two cores spinning
    /// pools made detection and recognition slower (32.8 ms) than one thread alone (27.7 ms).
    pub threads: usize,
    /// Folder for optimised forms of models, made at their first start: 6 times faster to load and half the memory. None: no cache.
    pub cache: Option<PathBuf>,
    /// Who makes the threads beyond the caller's own; None: the runtime itself.
    pub spawn: Option<Spawn>,
}

/// ONNX Runtime as a [`Backend`].
pub struct OnnxRuntime {
    environment: Environment,
    threads: usize,
    cache: Option<Cache>,
    spawn: Option<Spawn>,
    placement: Option<Arc<Placement>>,
}

/// The environment of this process, and the library that it came from.
static RUNNING: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

impl OnnxRuntime {
    /// Opens the library at `path`, or joins it where it is open already.
    ///
    /// # Errors
    /// [`Error::RuntimeRefused`], [`Error::RuntimeConflict`], and [`Error::RuntimeTelemetry`] for a library that may send
    /// something: see [`runtime_path::SILENT`].
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        let environment = environment(path, must_be_silent)?;
        Ok(Self::in_environment(environment, options))
    }

    /// The same for a library that was looked at before: reading it costs a third of its opening.
    ///
    /// # Errors
    /// [`Error::RuntimeRefused`] and [`Error::RuntimeConflict`].
    pub fn open_silent(library: &Silent, options: Options) -> Result<Self> {
        let environment = environment(&library.0, |_| Ok(()))?;
        Ok(Self::in_environment(environment, options))
    }

    fn in_environment(environment: Environment, options: Options) -> Self {
        // The build's own description holds its commit, which a file name does not.
        let cache = options.cache.map(|folder| Cache::new(folder, ort::info()));
        let threads = options.threads.max(1);
        let placement = Placement::of(threads).map(Arc::new);
        Self { environment, threads, cache, spawn: options.spawn, placement }
    }

    fn session(&self) -> ort::Result<SessionBuilder> {
        let mut builder = Session::builder(&self.environment)?
            // Only errors: a detector that runs at another size than it was exported for warns at every frame.
            .with_log_level(LogLevel::Error)?
            .with_intra_threads(self.threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            // The runtime's own arena keeps the most that a run ever had. The host's allocator is as fast, gives back what is
            // idle, and then a stage holds 20 MiB instead of 60 (small pack).
            .with_memory_pattern(false)?
            .with_execution_providers([ort::ep::CPU::default().with_arena_allocator(false).build()])?;
        if let Some(spawn) = &self.spawn {
            builder = builder.with_thread_manager(Threads::new(spawn, self.placement.as_ref()))?;
        }
        Ok(builder)
    }

    /// The graph as its makers published it, optimised while it is loaded; and written to `optimised` if that is given.
    fn load_original(&self, path: &Path, optimised: Option<&Path>) -> ort::Result<Session> {
        let mut builder = self.session()?.with_optimization_level(GraphOptimizationLevel::All)?;
        if let Some(optimised) = optimised {
            builder = builder.with_optimized_model_path(optimised)?;
        }
        builder.commit_from_file(path)
    }

    /// An optimised graph, mapped into memory with its weights in place.
    fn load_optimised(&self, path: &Path) -> ort::Result<Session> {
        self.session()?
            .with_optimization_level(GraphOptimizationLevel::Disable)?
            .with_config_entry("session.load_model_format", "ORT")?
            .with_config_entry("session.use_memory_mapped_ort_model", "1")?
            .with_config_entry("session.use_ort_model_bytes_for_initializers", "1")?
            // Weights stay in the mapped file instead of being copied into the kernels' layout: a recogniser of 174 MB opens
            // in 18 to 33 ms instead of 206 to 510 and takes 24 MiB instead of 74, and runs as fast (117 ms each).
            .with_config_entry("session.disable_prepacking", "1")?
            .commit_from_file(path)
    }

    fn load_cached(&self, cache: &Cache, file: &ModelFile) -> Option<(Session, Vec<Node>)> {
        let (path, seal) = cache.find(file.sha256())?;
        match self.load_optimised(&path) {
            Ok(session) => Some((session, seal.nodes)),
            Err(error) => {
                tracing::warn!(model = file.name(), %error, "the optimised form of a model was refused and will be made again");
                None
            }
        }
    }

    /// Makes the optimised form and loads it. None, with a word in the log, when that does not work: recognition does not
    /// depend on a folder that can be written to.
    fn fill_cache(&self, cache: &Cache, file: &ModelFile, original: &Path, nodes: &[Node]) -> Option<Session> {
        let write = |path: &Path| self.load_original(original, Some(path)).map(drop).map_err(|error| error.to_string());
        match cache.store(file.sha256(), nodes.to_vec(), write) {
            // Loaded anew although a session exists: that one holds the original's weights as well as their copies.
            Ok(path) => self.load_optimised(&path).ok(),
            Err(reason) => {
                tracing::warn!(model = file.name(), reason, "the optimised form of a model could not be kept");
                None
            }
        }
    }
}

impl Backend for OnnxRuntime {
    fn name(&self) -> &'static str {
        "onnxruntime"
    }

    fn load(&self, file: &ModelFile) -> Result<Box<dyn Model>> {
        if let Some((session, nodes)) = self.cache.as_ref().and_then(|cache| self.load_cached(cache, file)) {
            return Ok(Box::new(Loaded::new(file.name(), session, nodes, self.placement.clone())));
        }
        let path = file.verified()?;
        let refused = |reason: String| Error::ModelRefused { model: file.name().into(), reason };
        let nodes = fs::File::open(path)
            .and_then(|file| graph::first_nodes(&mut std::io::BufReader::new(file)))
            .map_err(|error| refused(error.to_string()))?;
        let session = match self.cache.as_ref().and_then(|cache| self.fill_cache(cache, file, path, &nodes)) {
            Some(session) => session,
            None => self.load_original(path, None).map_err(|error| refused(error.to_string()))?,
        };
        Ok(Box::new(Loaded::new(file.name(), session, nodes, self.placement.clone())))
    }
}

fn environment(path: &Path, silent: impl FnOnce(&Path) -> Result<()>) -> Result<Environment> {
    let refused = |reason: String| Error::RuntimeRefused { path: path.into(), reason };
    let path = fs::canonicalize(path).map_err(|error| refused(error.to_string()))?;
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((library, environment)) = &*running {
        if *library != path {
            return Err(Error::RuntimeConflict { running: library.clone(), wanted: path });
        }
        return Ok(environment.clone());
    }
    silent(&path)?;
    let environment = ort::init_from(&path)
        .map_err(|error| refused(error.to_string()))?
        .with_name("majlis")
        .with_telemetry(false)
        .with_logger(Arc::new(|level: LogLevel, category: &str, _id: &str, _place: &str, message: &str| match level {
            LogLevel::Error | LogLevel::Fatal => tracing::error!(category, "{message}"),
            LogLevel::Warning => tracing::warn!(category, "{message}"),
            LogLevel::Info | LogLevel::Verbose => tracing::trace!(category, "{message}"),
        }))
        .build()
        .map_err(|error| refused(error.to_string()))?;
    environment.set_log_level(LogLevel::Warning);
    *running = Some((path, environment.clone()));
    Ok(environment)
}

fn must_be_silent(path: &Path) -> Result<()> {
    if std::env::var_os("ORT_DISABLE_TELEMETRY").is_some_and(|value| value == "1") {
        return Ok(());
    }
    let sha256 = pack::sha256(path)?;
    if runtime_path::SILENT.iter().any(|(_, known)| *known == sha256) {
        return Ok(());
    }
    Err(Error::RuntimeTelemetry { path: path.into() })
}

/// A library that sends nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent(PathBuf);

impl Silent {
    /// Refuses a library that may send something. To be asked before anybody opens the file: some start with that.
    ///
    /// # Errors
    /// [`Error::RuntimeTelemetry`], and [`Error::Unreadable`].
    pub fn check(path: &Path) -> Result<Self> {
        let silent = Self(fs::canonicalize(path).unwrap_or_else(|_| path.into()));
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|(library, _)| *library == silent.0) {
            return Ok(silent);
        }
        drop(running);
        must_be_silent(path)?;
        Ok(silent)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// The runtime's threads, made by somebody else; a channel stands for the join that they have no handle for.
struct Threads {
    spawn: Spawn,
    placement: Option<Arc<Placement>>,
    /// How many there are; the caller of the model is one more.
    made: AtomicUsize,
}

impl Threads {
    fn new(spawn: &Spawn, placement: Option<&Arc<Placement>>) -> Self {
        Self { spawn: Arc::clone(spawn), placement: placement.cloned(), made: AtomicUsize::new(0) }
    }
}

impl ThreadManager for Threads {
    type Thread = mpsc::Receiver<()>;

    fn create(&self, work: impl FnOnce() + Send + 'static) -> ort::Result<Self::Thread> {
        let (ended, end) = mpsc::channel();
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let placement = self.placement.clone();
        let work = move || {
            if let Some(placement) = placement {
                placement.keep(number);
            }
            work();
            drop(ended);
        };
        (self.spawn)(Box::new(work)).map_err(ort::Error::new)?;
        Ok(end)
    }

    fn join(thread: Self::Thread) -> ort::Result<()> {
        // Nothing is ever sent: the wait ends when the thread lets go of its end.
        let _ = thread.recv();
        Ok(())
    }
}

struct Loaded {
    name: String,
    session: Session,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    nodes: Vec<Node>,
    placement: Option<Arc<Placement>>,
}

impl Loaded {
    fn new(name: &str, session: Session, nodes: Vec<Node>, placement: Option<Arc<Placement>>) -> Self {
        let ports = |outlets: &[ort::value::Outlet]| outlets.iter().map(port).collect();
        Self {
            name: name.into(),
            inputs: ports(session.inputs()),
            outputs: ports(session.outputs()),
            session,
            nodes,
            placement,
        }
    }
}

fn port(outlet: &ort::value::Outlet) -> Port {
    let (float, shape) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            (*ty == TensorElementType::Float32, shape.iter().map(|extent| usize::try_from(*extent).ok()).collect())
        }
        _ => (false, Vec::new()),
    };
    Port { name: outlet.name().into(), float, shape }
}

impl Model for Loaded {
    fn name(&self) -> &str {
        &self.name
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn first_nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn run(&mut self, input: Tensor<'_>, read: &mut dyn FnMut(&[Tensor<'_>])) -> Result<()> {
        let name = &self.name;
        let failed = |error: ort::Error| Error::Inference { model: name.clone(), reason: error.to_string() };
        let input = TensorRef::from_array_view((input.shape, input.data)).map_err(failed)?;
        let _kept = self.placement.as_ref().map(|placement| placement.while_computing());
        let outputs = self.session.run(ort::inputs![input]).map_err(failed)?;
        let views: ort::Result<Vec<Tensor<'_>>> = (0..outputs.len())
            .map(|index| outputs[index].try_extract_tensor::<f32>().map(|(shape, data)| Tensor { shape, data }))
            .collect();
        let views = views.map_err(failed)?;
        read(&views);
        Ok(())
    }
}
