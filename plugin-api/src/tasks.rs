use std::cell::RefCell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{AbortHandle, JoinHandle};

use crate::export::drop_quietly;
use crate::{Adopted, Error, Host, Pending, Result, log};

/// Threads for what can only be waited for on one, such as the system's lookup of a name. They end when they have been idle.
const MOST_BLOCKING: usize = 4;

/// So long the end of a stage waits for its tasks to be dropped. A task is dropped where it next waits, which is soon; a lookup of a
/// name that hangs in the system is left behind.
const PATIENCE: Duration = Duration::from_millis(500);

thread_local! {
    static KNOWN: RefCell<Option<Adopted>> = const { RefCell::new(None) };
}

/// A tokio runtime for what a stage waits for: deferred work as futures. Make it in `open` and keep it in the stage; with the
/// stage it ends, and every task with it.
///
/// Its threads are known to the host: their memory is the stage's *background*, and their lines in the log carry the stage's name.
/// They are few on purpose. A task that computes for long keeps the others waiting.
pub struct Tasks {
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

/// How a task's work ends when it went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is done.
    Finish,
    /// It comes back to the stage's own thread as [`Input::Resumed`](crate::Input::Resumed).
    Resume,
}

/// A task that was started. Dropped, it goes on.
#[derive(Debug)]
pub struct Task {
    handle: AbortHandle,
}

impl Task {
    /// Whether it is over, in whichever way.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.handle.is_finished()
    }

    /// Drops its future where it next waits. Its work has failed then.
    pub fn abort(&self) {
        self.handle.abort();
    }
}

impl Tasks {
    /// A runtime with one thread: enough for all that a stage waits for.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(host: &Host) -> Result<Self> {
        Self::with_threads(host, 1)
    }

    /// A runtime with so many threads, at least one.
    ///
    /// # Errors
    /// What the system says.
    pub fn with_threads(host: &Host, threads: usize) -> Result<Self> {
        let known = host.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .max_blocking_threads(MOST_BLOCKING)
            // As long as the system shows.
            .thread_name(host.stage().chars().take(15).collect::<String>())
            .on_thread_start(move || KNOWN.set(Some(known.adopt_thread("tasks"))))
            .on_thread_stop(|| KNOWN.set(None))
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| Error::from(error).within("the threads for the stage's tasks could not be started"))?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Starts a task that does deferred work. The work ends as the future says: [`Then`], or an error, which is also what a
    /// panic becomes. When the work is cancelled (its visitor left, a flush, the stage's deadline, the end of the stage) the
    /// future is dropped where it next waits, and with it what it holds, such as a connection.
    ///
    /// The future shares the work, to emit and to mark steps. It must not give it away: who keeps it keeps the work from ending.
    pub fn spawn<F>(&self, pending: Pending, work: impl FnOnce(Arc<Pending>) -> F) -> Task
    where
        F: Future<Output = Result<Then>> + Send + 'static,
    {
        let cancelled = pending.cancelled();
        let pending = Arc::new(pending);
        let work = work(Arc::clone(&pending));
        self.start(async move {
            let outcome = unless(cancelled, Guarded { future: Some(Box::pin(work)) }).await;
            // Nobody else has it, since the future is dropped; and work that was cancelled is over already.
            let (Some(pending), Some(outcome)) = (Arc::into_inner(pending), outcome) else { return };
            match outcome {
                Ok(Then::Finish) => pending.finish(),
                Ok(Then::Resume) => pending.resume(),
                Err(error) => pending.fail(error),
            }
        })
    }

    /// Starts a task that is of no visit's account, such as a connection that is opened before it is needed. An error is logged,
    /// and so is a panic.
    pub fn spawn_apart(&self, work: impl Future<Output = Result<()>> + Send + 'static) -> Task {
        self.start(async move {
            if let Err(error) = (Guarded { future: Some(Box::pin(work)) }).await {
                tracing::warn!("{error}");
            }
        })
    }

    /// Waits for a future on the calling thread, which is one of the stage's own (see [`Host::spawn`]) and has nothing else to do.
    /// Nothing if `gone` is ready first; the future is dropped then.
    pub fn wait_for<T>(&self, gone: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.as_ref()?.block_on(unless(gone, work))
    }

    fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> Task {
        let started: Option<JoinHandle<()>> = self.runtime.as_ref().map(|runtime| runtime.spawn(task));
        Task { handle: started.expect("there is a runtime until this is dropped").abort_handle() }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

/// What `work` answers, or nothing if `cancelled` is ready first; `work` is dropped then.
async fn unless<T>(cancelled: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    let mut cancelled = pin!(cancelled);
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        if cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// A future whose panic is its error.
struct Guarded<F> {
    /// There until it is over.
    future: Option<Pin<Box<F>>>,
}

impl<F, T> Future for Guarded<F>
where
    F: Future<Output = Result<T>>,
{
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future.as_mut() else { return Poll::Pending };
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(payload) => {
                drop_quietly(payload);
                Err(Error::new(format!("a task panicked: {}", log::take_panic())))
            }
        };
        // What it holds goes before its work ends: a connection is closed when the host hears that the work is done.
        let future = self.future.take();
        if std::panic::catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            return Poll::Ready(Err(Error::new(format!("a task panicked: {}", log::take_panic()))));
        }
        Poll::Ready(answer)
    }
}
