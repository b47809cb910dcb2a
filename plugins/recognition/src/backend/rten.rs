//! `rten`: graphs run in pure Rust, so that nothing native is needed on a fresh machine.
//!
//! It is about 3.5 times slower than ONNX Runtime and answers the same to 1e-5. Its threads belong to a pool that it makes
//! itself; they are adopted one by one, so that what they allocate is their stage's. What was made on the pool is dropped on
//! the pool as well: on the stage's own thread it would be a gain of one and a loss of the other, in every call. It also makes
//! one pool for the whole process, whether asked or not, and packs weights there: that one is adopted by one stage at a time.

use std::any::Any;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rten::{Dimension, ModelOptions, NodeId, RunOptions, ThreadPool, TryFromValueError, ValueOrView, ValueType};
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
        let refused = |reason: String| Error::ModelRefused { model: file.name().into(), reason };
        let (model, nodes) = self.pool.threads.run(|| {
            let bytes = file.verified_bytes()?;
            let nodes = graph::first_nodes(&mut std::io::Cursor::new(&bytes));
            let mut options = ModelOptions::with_all_ops();
            // Weights in the layout of the kernels.
            let model = options.prepack_weights(true).load(bytes);
            Ok((model.map_err(|error| refused(error.to_string()))?, nodes.map_err(|error| refused(error.to_string()))?))
        })?;
        let ports = |ids: &[NodeId]| ids.iter().map(|id| port(&model, *id)).collect();
        Ok(Box::new(Loaded {
            name: file.name().into(),
            inputs: ports(model.input_ids()),
            outputs: ports(model.output_ids()),
            model: Some(model),
            nodes,
            answers: Vec::new(),
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
    /// None when it is being dropped.
    model: Option<rten::Model>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    nodes: Vec<Node>,
    /// Of the last run; the buffers are used again.
    answers: Vec<Answer>,
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
        let Some(model) = &self.model else { return Err(failed("it is closed".into())) };
        let [id] = model.input_ids() else {
            return Err(failed(format!("it has {} inputs", self.inputs.len())));
        };
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(&self.pool.threads));
        let answers: Result<Vec<RtenTensor<f32>>, String> = self.pool.threads.run(|| {
            let input = ValueOrView::from(TensorView::from_data(&shape[..], input.data));
            let answers = model.run(vec![(*id, input)], model.output_ids(), Some(options));
            let answers = answers.map_err(|error| error.to_string())?;
            answers
                .into_iter()
                .map(|value| value.try_into().map_err(|error: TryFromValueError| error.to_string()))
                .collect()
        });
        let answers = answers.map_err(failed)?;
        self.answers.resize_with(answers.len(), Answer::default);
        for (answer, tensor) in self.answers.iter_mut().zip(&answers) {
            answer.take(tensor);
        }
        self.pool.threads.run(|| drop(answers));
        let views: Vec<Tensor<'_>> =
            self.answers.iter().map(|answer| Tensor { shape: &answer.shape, data: &answer.data }).collect();
        read(&views);
        Ok(())
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let model = self.model.take();
        self.pool.threads.run(|| drop(model));
    }
}

/// One output, its values in the order of its axes.
#[derive(Default)]
struct Answer {
    shape: Vec<i64>,
    data: Vec<f32>,
}

impl Answer {
    fn take(&mut self, tensor: &RtenTensor<f32>) {
        self.shape.clear();
        self.shape.extend(tensor.shape().iter().map(|extent| *extent as i64));
        self.data.clear();
        match tensor.data() {
            Some(data) => self.data.extend_from_slice(data),
            None => self.data.extend(tensor.iter()),
        }
    }
}

/// The threads of a stage's models.
struct Pool {
    threads: Arc<ThreadPool>,
    adopt: Option<Adopt>,
}

/// Who may adopt the process's pool; the first one has.
static PRESENT: Mutex<Vec<Adopt>> = Mutex::new(Vec::new());

thread_local! {
    /// What a pool's thread was adopted with.
    static ADOPTED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

impl Pool {
    fn new(options: Options) -> Self {
        let threads = Arc::new(ThreadPool::with_num_threads(options.threads.max(1)));
        if let Some(adopt) = &options.adopt {
            adopt_all(&threads, adopt);
            let mut present = present();
            present.push(Arc::clone(adopt));
            if let [first] = &present[..] {
                adopt_all(rten::thread_pool(), first);
            }
        }
        Self { threads, adopt: options.adopt }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let Some(adopt) = &self.adopt else { return };
        release_all(&self.threads);
        let mut present = present();
        let held = present.first().is_some_and(|first| Arc::ptr_eq(first, adopt));
        present.retain(|other| !Arc::ptr_eq(other, adopt));
        if held {
            release_all(rten::thread_pool());
            if let Some(next) = present.first() {
                adopt_all(rten::thread_pool(), next);
            }
        }
    }
}

fn present() -> MutexGuard<'static, Vec<Adopt>> {
    PRESENT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn adopt_all(threads: &ThreadPool, adopt: &Adopt) {
    threads.run(|| rayon::broadcast(|_| ADOPTED.set(Some(adopt()))));
}

/// Not left to the threads' own end, where what the guard needs may be gone before it.
fn release_all(threads: &ThreadPool) {
    threads.run(|| rayon::broadcast(|_| drop(ADOPTED.take())));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Guard(Arc<AtomicUsize>);

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A stage with two threads, and how many threads are its.
    fn stage() -> (Rten, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let adopt: Adopt = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::new(Guard(Arc::clone(&counted)))
        });
        (Rten::new(Options { threads: 2, adopt: Some(adopt) }), count)
    }

    #[test]
    fn the_threads_that_rten_makes_for_the_whole_process_belong_to_one_stage_after_the_other() {
        let of_process = rten::thread_pool().run(rayon::current_num_threads);
        let ((first, of_first), (second, of_second)) = (stage(), stage());
        let threads = || (of_first.load(Ordering::Relaxed), of_second.load(Ordering::Relaxed));
        assert_eq!(threads(), (2 + of_process, 2));
        drop(first);
        assert_eq!(threads(), (0, 2 + of_process));
        drop(second);
        assert_eq!(threads(), (0, 0));
    }
}
