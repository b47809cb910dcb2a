use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use majlis_abi::host::{Awaited, Ending, NotEmitted};
use majlis_abi::plugin::{HostHandle, PendingHandle};

use crate::message::Message;
use crate::{Error, Out, Refused, VisitId};

/// Work that a call began and another thread finishes. It can be sent to any thread and never blocks; dropped without
/// a word it has failed. Its span is in the report of its visit.
pub struct Pending {
    pub(crate) handle: PendingHandle,
    pub(crate) host: HostHandle,
}

/// The visit is gone, or the work was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the visit is gone or the work was cancelled")
    }
}

impl std::error::Error for Gone {}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("visit", &self.visit()).finish_non_exhaustive()
    }
}

impl Pending {
    /// Sends a message. Never blocks.
    ///
    /// # Errors
    /// The message again if the edge is full; `Gone` if the visit is, or the work was cancelled.
    pub fn emit<T: Message>(&self, port: Out<T>, message: T) -> Result<(), Refused<T>> {
        let Ok(buffer) = message.encode(&self.host) else { return Err(Refused::Gone) };
        match self.handle.emit(port.index(), buffer) {
            Ok(()) => Ok(()),
            Err(NotEmitted::Full(_)) => Err(Refused::Full(message)),
            Err(_) => Err(Refused::Gone),
        }
    }

    /// Sends a message and waits for space: only for threads of one's own.
    ///
    /// # Errors
    /// The visit is gone, or the work was cancelled.
    pub fn emit_wait<T: Message>(&self, port: Out<T>, mut message: T) -> Result<(), Gone> {
        loop {
            match self.emit(port, message) {
                Ok(()) => return Ok(()),
                Err(Refused::Gone) => return Err(Gone),
                Err(Refused::Full(again)) => {
                    message = again;
                    self.notice(Awaited::Space(port.index())).wait();
                }
            }
        }
    }

    /// Sends a message and waits for space without holding a thread: for futures.
    ///
    /// # Errors
    /// The visit is gone, or the work was cancelled.
    pub async fn emit_async<T: Message>(&self, port: Out<T>, mut message: T) -> Result<(), Gone> {
        loop {
            match self.emit(port, message) {
                Ok(()) => return Ok(()),
                Err(Refused::Gone) => return Err(Gone),
                Err(Refused::Full(again)) => {
                    message = again;
                    self.space(port).await;
                }
            }
        }
    }

    /// Ready when the output has space, or the work is cancelled or over.
    pub fn space<T>(&self, port: Out<T>) -> impl Future<Output = ()> + Send + 'static + use<T> {
        self.notice(Awaited::Space(port.index()))
    }

    /// Ready when the work is cancelled or over.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.notice(Awaited::Cancelled)
    }

    /// Whether the work was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.handle.cancelled()
    }

    /// The next step of the work begins, for the report.
    pub fn mark(&self, step: &'static str) {
        self.handle.mark(step);
    }

    /// Sets a milestone that the manifest declares, for the work's visit.
    pub fn milestone(&self, name: &'static str) {
        self.handle.milestone(name);
    }

    /// The work's visit.
    #[must_use]
    pub fn visit(&self) -> Option<VisitId> {
        VisitId::from_number(self.handle.visit())
    }

    /// Comes back to the stage's own thread as [`Input::Resumed`](crate::Input::Resumed).
    pub fn resume(self) {
        self.handle.end(&Ending::Resume);
    }

    /// The work is done.
    pub fn finish(self) {
        self.handle.end(&Ending::Finished);
    }

    /// The work failed; what is downstream is told.
    pub fn fail(self, error: impl Into<Error>) {
        self.handle.end(&Ending::Failed(error.into().message));
    }

    fn notice(&self, awaited: Awaited) -> Notice {
        let state = Arc::new(State::default());
        let told = Arc::clone(&state);
        self.handle.notify(awaited, Box::new(move || told.tell()));
        Notice { state }
    }
}

#[derive(Default)]
struct State {
    told: Mutex<(bool, Option<Waker>)>,
    condvar: Condvar,
}

impl State {
    fn tell(&self) {
        let waker = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.0 = true;
            told.1.take()
        };
        self.condvar.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// One callback of the host, as a future and as something to wait for.
struct Notice {
    state: Arc<State>,
}

impl Notice {
    fn wait(&self) {
        let mut told = self.state.told.lock().unwrap_or_else(PoisonError::into_inner);
        while !told.0 {
            told = self.state.condvar.wait(told).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Future for Notice {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut told = self.state.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0 {
            return Poll::Ready(());
        }
        told.1 = Some(context.waker().clone());
        Poll::Pending
    }
}
