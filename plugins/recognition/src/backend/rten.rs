//! `rten`: graphs run in pure Rust, so that nothing native is needed on a fresh machine.
//!
//! It is about 3.5 times slower than ONNX Runtime and answers the same to 1e-5. Its threads belong to a pool that it makes
//! itself; they are adopted one by one, so that what they allocate is their stage's.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use rten::{Dimension, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueType};
use rten_tensor::prelude::*;
use rten_tensor::{Tensor as RtenTensor, TensorView};

use super::{Backend, Model, Port, Tensor};
use crate::error::{Error, Result};
use crate::graph::{self, Node};
use crate::pack::ModelFile;

/// Makes the calling thread known to whoever meters it, until what it answers with is dropped on the same thread.
pub type Adopt = Arc<dyn Fn() -> Box<dyn Any> + Send + Sync>;

/// How models are to be run.
#[derive(Clone, Default)]
pub struct Options {
    /// Threads that a stage's models compute with; 0 counts as 1.
    pub threads: usize,
    /// Who is told of these threads.
    pub adopt: Option<Adopt>,
}

/// `rten` as a [`Backend`]. Its models share one pool of threads.
pub struct Rten {
    pool: Arc<Pool>,
}

impl Rten {
    /// Starts the threads.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { pool: Arc::new(Pool::new(options)) }
    }
}

impl Backend for Rten {
    fn name(&self) -> &'static str {
        "rten"
    }

    fn load(&self, file: &ModelFile) -> Result<Box<dyn Model>> {
        let bytes = file.verified_bytes()?;
        let refused = |reason: String| Error::ModelRefused { model: file.name().into(), reason };
        let nodes =
            graph::first_nodes(&mut std::io::Cursor::new(&bytes)).map_err(|error| refused(error.to_string()))?;
        // On the pool, so that the weights are in the account of the stage's threads as all that is made of them later.
        let model = self.pool.threads.run(|| {
            let mut options = ModelOptions::with_all_ops();
            // Weights in the layout of the kernels: measured on the small pack, a frame takes a tenth less for 3 MB more.
            options.prepack_weights(true).load(bytes)
        });
        let model = model.map_err(|error| refused(error.to_string()))?;
        let ports = |ids: &[NodeId]| ids.iter().map(|id| port(&model, *id)).collect();
        Ok(Box::new(Loaded {
            name: file.name().into(),
            inputs: ports(model.input_ids()),
            outputs: ports(model.output_ids()),
            model,
            nodes,
            pool: Arc::clone(&self.pool),
        }))
    }
}

fn port(model: &rten::Model, id: NodeId) -> Port {
    let info = model.node_info(id);
    let shape = info.as_ref().and_then(rten::NodeInfo::shape).unwrap_or_default();
    Port {
        name: info.as_ref().and_then(rten::NodeInfo::name).unwrap_or_default().into(),
        float: info.and_then(|info| info.dtype()) == Some(ValueType::Tensor(rten::DataType::Float)),
        shape: shape
            .into_iter()
            .map(|extent| match extent {
                Dimension::Fixed(extent) => Some(extent),
                Dimension::Symbolic(_) => None,
            })
            .collect(),
    }
}

struct Loaded {
    name: String,
    model: rten::Model,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    nodes: Vec<Node>,
    pool: Arc<Pool>,
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
        let failed = |reason: String| Error::Inference { model: self.name.clone(), reason };
        let shape: Vec<usize> = input.shape.iter().map(|extent| usize::try_from(*extent).unwrap_or(0)).collect();
        if shape.iter().product::<usize>() != input.data.len() {
            return Err(failed(format!("an input of {shape:?} does not have {} values", input.data.len())));
        }
        let [id] = self.model.input_ids() else {
            return Err(failed(format!("it has {} inputs", self.inputs.len())));
        };
        let view = TensorView::from_data(&shape[..], input.data);
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(&self.pool.threads));
        let answers = self
            .model
            .run(vec![(*id, ValueOrView::from(view))], self.model.output_ids(), Some(options))
            .map_err(|error| failed(error.to_string()))?;
        let answers: Vec<Answer> = answers.into_iter().map(Answer::of).collect::<Result<_, _>>().map_err(failed)?;
        let views: Vec<Tensor<'_>> =
            answers.iter().map(|answer| Tensor { shape: &answer.shape, data: &answer.data }).collect();
        read(&views);
        Ok(())
    }
}

/// One output, its values in the order of its axes.
struct Answer {
    shape: Vec<i64>,
    data: Vec<f32>,
}

impl Answer {
    fn of(value: Value) -> Result<Self, String> {
        let tensor: RtenTensor<f32> = value.try_into().map_err(|error: rten::TryFromValueError| error.to_string())?;
        Ok(Self { shape: tensor.shape().iter().map(|extent| *extent as i64).collect(), data: tensor.into_data() })
    }
}

/// The threads of a stage's models.
struct Pool {
    threads: Arc<ThreadPool>,
    adopted: bool,
}

thread_local! {
    /// What the pool's thread was adopted with.
    static ADOPTED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

impl Pool {
    fn new(options: Options) -> Self {
        let threads = Arc::new(ThreadPool::with_num_threads(options.threads.max(1)));
        if let Some(adopt) = &options.adopt {
            threads.run(|| rayon::broadcast(|_| ADOPTED.set(Some(adopt()))));
        }
        Self { threads, adopted: options.adopt.is_some() }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.adopted {
            // Not left to the threads' own end, where what the guard needs may be gone before it.
            self.threads.run(|| rayon::broadcast(|_| ADOPTED.take().is_some()));
        }
    }
}
