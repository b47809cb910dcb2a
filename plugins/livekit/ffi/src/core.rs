//! The one instance: requests go in, answers and events come out and find whoever waits for them.
//!
//! The library's callback only queues bytes. One thread of this crate reads them and hands on: a lock is held while
//! something is looked up, never while a callback runs, and a request that makes something new holds it until the new thing
//! has its place in the table, so that no event of it can come too early.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use prost::Message;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::ffi::{Log, Record};
use crate::handle::Handle;
use crate::native::{self, Native};
use crate::prompt::{Prompt, Waiting};
use crate::proto::{
    FfiEvent, FfiEventMessage as Event, FfiOwnedHandle, FfiRequest, FfiRequestMessage, FfiResponseMessage,
};
use crate::routes::Routes;

/// What waits for an answer: who reads it, and what the library may use until then.
pub(crate) struct Pending {
    then: Then,
    kept: Option<Box<dyn Any + Send>>,
}

type Then = Box<dyn FnOnce(Result<Event>) + Send>;

pub(crate) struct Core {
    pub(crate) path: PathBuf,
    native: Native,
    /// How many handles are owned.
    pub(crate) handles: AtomicUsize,
    /// Numbers for requests: the library repeats them in its answers.
    next: AtomicU64,
    ended: OnceLock<String>,
    pending: Mutex<HashMap<u64, Pending>>,
    pub(crate) routes: Mutex<Routes>,
    prompt: Prompt,
    log: Option<Log>,
}

impl Core {
    pub(crate) fn new(path: PathBuf, native: Native, log: Option<Log>) -> Arc<Self> {
        Arc::new(Self {
            path,
            native,
            handles: AtomicUsize::new(0),
            next: AtomicU64::new(1),
            ended: OnceLock::new(),
            pending: Mutex::default(),
            routes: Mutex::default(),
            prompt: Prompt::default(),
            log,
        })
    }

    /// Why everything has ended, if it has.
    pub(crate) fn ended(&self) -> Result<()> {
        self.ended.get().map_or(Ok(()), |reason| Err(Error::Ended(reason.clone())))
    }

    pub(crate) fn drop_handle(&self, id: u64) {
        // After a panic nothing is touched any more.
        if self.ended.get().is_none() {
            self.native.drop_handle(id);
        }
    }

    pub(crate) fn own(self: &Arc<Self>, handle: &FfiOwnedHandle) -> Handle {
        Handle::new(self, handle)
    }

    /// A request that is answered at once.
    pub(crate) fn call(&self, what: &'static str, request: FfiRequestMessage) -> Result<FfiResponseMessage> {
        self.ended()?;
        let request = FfiRequest { message: Some(request) }.encode_to_vec();
        let answer = self.native.request(&request).ok_or(Error::Refused(what))?;
        answer.message.ok_or(Error::Unexpected(what))
    }

    /// A request whose answer comes as an event. It is on its way when this returns; whether the answer is waited for or
    /// not, `read` is called with it, on the crate's thread, and what it makes is dropped there if nobody wants it.
    /// `kept` lives until then.
    pub(crate) fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        kept: Option<Box<dyn Any + Send>>,
        request: impl FnOnce(u64) -> FfiRequestMessage,
        read: impl FnOnce(&Arc<Self>, Event) -> Option<Result<T>> + Send + 'static,
    ) -> Answer<T> {
        let (sender, receiver) = oneshot::channel();
        let answer = Answer { what, core: self.clone(), receiver };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let core = Arc::downgrade(self);
        let then: Then = Box::new(move |event| {
            let read = match event {
                Ok(event) => {
                    Weak::upgrade(&core).and_then(|core| read(&core, event)).unwrap_or(Err(Error::Unexpected(what)))
                }
                Err(error) => Err(error),
            };
            // Nobody waits: what came is dropped, and gives itself back.
            let _ = sender.send(read);
        });
        self.pending.lock().insert(id, Pending { then, kept });
        if let Err(error) = self.call(what, request(id)) {
            self.answered(id, Err(error));
        }
        answer
    }

    fn answered(&self, id: u64, event: Result<Event>) {
        let pending = self.pending.lock().remove(&id);
        if let Some(Pending { then, kept }) = pending {
            // Whoever waits finds it given back.
            drop(kept);
            then(event);
        }
    }

    /// Reads events until there are no more.
    pub(crate) fn read(core: &Weak<Self>, events: &Receiver<Vec<u8>>) {
        loop {
            let look = Weak::upgrade(core).and_then(|core| core.prompt.look());
            let event = match look {
                Some(due) => events.recv_timeout(due),
                None => events.recv().map_err(RecvTimeoutError::from),
            };
            let event = match event {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let Some(core) = Weak::upgrade(core) else { break };
            match FfiEvent::decode(&*event) {
                Ok(FfiEvent { message: Some(event) }) => core.event(event),
                // Of a kind that nobody here asked for; or none, by which this thread is woken.
                Ok(FfiEvent { message: None }) => {}
                Err(error) => core.end(&format!("an event could not be read: {error}")),
            }
        }
    }

    fn event(self: &Arc<Self>, event: Event) {
        match event {
            Event::Panic(panic) => self.end(&panic.message),
            Event::Logs(batch) => {
                let Some(log) = &self.log else { return };
                for record in &batch.records {
                    log(&Record::new(record));
                }
            }
            event => match number(&event) {
                Some(id) => self.answered(id, Ok(event)),
                None => Routes::deliver(self, event),
            },
        }
    }

    /// Nothing works from here on: whoever waits is told, every room is disconnected, every stream is closed.
    pub(crate) fn end(&self, reason: &str) {
        if self.ended.set(reason.to_owned()).is_err() {
            return;
        }
        let pending = std::mem::take(&mut *self.pending.lock());
        for pending in pending.into_values() {
            (pending.then)(Err(Error::Ended(reason.to_owned())));
        }
        let routes = std::mem::take(&mut *self.routes.lock());
        routes.end();
    }

    /// Leaves every room and ends.
    pub(crate) fn dispose(&self) {
        self.native.dispose();
        self.end("it was told to");
    }

    /// What is said to the server of this address goes out at once, for as long as this is held.
    pub(crate) fn hurry(&self, url: &str) -> Option<Waiting<'_>> {
        let waiting = self.prompt.expect(url)?;
        native::wake();
        Some(waiting)
    }

    pub(crate) fn initialize(&self, events: std::sync::mpsc::Sender<Vec<u8>>) {
        self.native.initialize(events);
    }
}

/// The number of the request that an event answers.
fn number(event: &Event) -> Option<u64> {
    Some(match event {
        Event::Connect(answer) => answer.async_id,
        Event::Disconnect(answer) => answer.async_id,
        Event::PublishTrack(answer) => answer.async_id,
        Event::UnpublishTrack(answer) => answer.async_id,
        Event::PublishData(answer) => answer.async_id,
        Event::CaptureAudioFrame(answer) => answer.async_id,
        Event::SetLocalMetadata(answer) => answer.async_id,
        Event::SetLocalName(answer) => answer.async_id,
        Event::SetLocalAttributes(answer) => answer.async_id,
        Event::PerformRpc(answer) => answer.async_id,
        Event::ByteStreamOpen(answer) => answer.async_id,
        Event::ByteStreamWriterWrite(answer) => answer.async_id,
        Event::ByteStreamWriterClose(answer) => answer.async_id,
        Event::SendText(answer) => answer.async_id,
        Event::SimulateScenario(answer) => answer.async_id,
        Event::RoomEvent(_)
        | Event::VideoStreamEvent(_)
        | Event::AudioStreamEvent(_)
        | Event::ByteStreamReaderEvent(_)
        | Event::TextStreamReaderEvent(_)
        | Event::RpcMethodInvocation(_)
        | Event::Logs(_)
        | Event::Panic(_) => return None,
    })
}

/// An answer that is on its way. Dropping it takes nothing back.
pub(crate) struct Answer<T> {
    what: &'static str,
    core: Arc<Core>,
    receiver: oneshot::Receiver<Result<T>>,
}

impl<T> Future for Answer<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        Pin::new(&mut self.receiver).poll(context).map(|answer| {
            answer.unwrap_or_else(|_| Err(self.core.ended().err().unwrap_or(Error::Unexpected(self.what))))
        })
    }
}

/// Of an answer that carries nothing but an error.
pub(crate) fn done(what: &'static str, error: Option<String>) -> Result<()> {
    error.map_or(Ok(()), |reason| Err(Error::failed(what, reason)))
}
