//! The host's side: safe traits that a host (or a test kit) implements, and the thunks that carry them.
//!
//! A thunk does nothing but turn an opaque pointer back into the reference that it was made from. No host function
//! may unwind: these are `extern "C"`, where unwinding aborts.

use std::marker::PhantomData;
use std::sync::Arc;

use abi_stable::std_types::{RErr, RNone, ROk, ROption, RResult, RSlice, RSome, RStr, RString, RVec};

use crate::plugin::{Buffer, BufferMut, HostHandle};
use crate::raw::{
    ARRIVES_NOW, CallTable, Callback, HostTable, Opaque, RawBuffer, RawCall, RawError, RawExtension, RawHost, error,
    no_visit, status,
};
use crate::service;

/// Why a visit was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoVisit {
    /// The host drains.
    Draining,
    /// As many visits as the pipeline allows are open.
    Full,
}

/// Why a buffer was not taken.
#[derive(Debug)]
pub enum NotEmitted {
    /// The edge is full: here is the buffer again.
    Full(Buffer),
    /// The visit is gone or the work cancelled.
    Gone,
    /// Too many packets were kept for a stage of the same thread.
    Overrun,
    /// There is no such output.
    NoPort,
    /// The call was entered with no packet that could be passed on.
    NoPacket,
}

/// How a visit closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Nothing more comes.
    Ended,
    /// The visitor left.
    Gone,
}

/// What a plugin waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Space on this output.
    Space(u32),
    /// The work's cancellation.
    Cancelled,
}

/// How a plugin lets deferred work end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did what it was begun for.
    Finished,
    /// It failed, for this reason.
    Failed(String),
    /// Its handle was dropped without a word.
    Dropped,
    /// It enters its stage again.
    Resume,
}

/// A plugin's callback. It is called exactly once: by [`Notice::give`], or when it is dropped.
pub struct Notice {
    wake: Callback,
    data: Opaque,
}

// SAFETY: `pending_notify` demands that `wake` may be called from any thread.
unsafe impl Send for Notice {}
// SAFETY: a shared `Notice` cannot be called; only its owner can.
unsafe impl Sync for Notice {}

impl Notice {
    /// Calls back now.
    pub fn give(self) {}
}

impl Drop for Notice {
    fn drop(&mut self) {
        // SAFETY: made by `pending_notify`, whose contract is one call from any thread; this is the only one.
        unsafe { (self.wake.call)(self.data) }
    }
}

/// What a host offers to a stage at any time and from any thread.
pub trait HostSide: Send + Sync + 'static {
    /// Deferred work of this host.
    type Pending: PendingSide;
    /// Nanoseconds on the host's clock.
    fn now(&self) -> u64;
    /// A buffer for a packet.
    fn buffer(&self, len: usize) -> BufferMut;
    /// Whether a line of this level (1 error … 5 trace) would be seen.
    fn log_enabled(&self, level: u32, target: &str) -> bool;
    /// One log line.
    fn log(&self, level: u32, target: &str, message: &str);
    /// Text for the operator's terminal.
    fn print(&self, visit: u64, text: &str);
    /// The path of a model.
    ///
    /// # Errors
    /// A sentence that names the model and where it was looked for.
    fn model(&self, name: &str) -> Result<String, String>;
    /// Opens a visit of somebody who arrived then, or now; whoever arrives later than now arrives now.
    ///
    /// # Errors
    /// See [`NoVisit`].
    fn open_visit(&self, arrived: Option<u64>) -> Result<u64, NoVisit>;
    /// Closes a visit of this stage.
    fn close_visit(&self, visit: u64, how: Closing);
    /// Emits without blocking; a visit of 0 is none.
    ///
    /// # Errors
    /// See [`NotEmitted`].
    fn emit(&self, output: u32, visit: u64, time: u64, buffer: Buffer) -> Result<(), NotEmitted>;
    /// Makes the calling thread known. The answer is handed back to [`HostSide::leave_thread`].
    fn adopt_thread(&self, label: &str) -> usize;
    /// Ends an adoption.
    fn leave_thread(&self, adopted: usize);
    /// Answers a request to one of the host's services; request and answer are CBOR, their shape is the service's.
    ///
    /// # Errors
    /// A sentence for an operator; an unknown service or method is one too.
    fn service(&self, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, String>;
    /// A table of a later minor.
    fn extension(&self, id: &str) -> Option<RawExtension> {
        let _ = id;
        None
    }
}

/// Deferred work, as the host sees it.
pub trait PendingSide: Send + Sync + 'static {
    /// Emits without blocking.
    ///
    /// # Errors
    /// See [`NotEmitted`].
    fn emit(&self, output: u32, buffer: Buffer) -> Result<(), NotEmitted>;
    /// Keeps the notice until what is awaited is there, the work is cancelled or it ends.
    fn notify(&self, awaited: Awaited, notice: Notice);
    /// Whether it was cancelled.
    fn cancelled(&self) -> bool;
    /// The next step begins.
    fn mark(&self, step: &str);
    /// Sets a milestone of the work's visit.
    fn milestone(&self, name: &str);
    /// The work's visit, or 0.
    fn visit(&self) -> u64;
    /// Ends it, or sends it back to its stage.
    fn end(self: Arc<Self>, ending: Ending);
}

/// What a host offers to one call.
pub trait CallSide {
    /// The host that this call belongs to.
    type Host: HostSide;
    /// Emits; may block.
    ///
    /// # Errors
    /// See [`NotEmitted`]; never `Full`.
    fn emit(&mut self, output: u32, buffer: Buffer) -> Result<(), NotEmitted>;
    /// Emits the bytes of the packet that the call was entered with; may block.
    ///
    /// # Errors
    /// As [`emit`](CallSide::emit), and `NoPacket`.
    fn forward(&mut self, output: u32) -> Result<(), NotEmitted>;
    /// Opens a visit of somebody who arrived then, or now; whoever arrives later than now arrives now.
    ///
    /// # Errors
    /// See [`NoVisit`].
    fn open_visit(&mut self, arrived: Option<u64>) -> Result<u64, NoVisit>;
    /// Begins deferred work.
    fn defer(&mut self, label: &str) -> Arc<<Self::Host as HostSide>::Pending>;
    /// Withdraws what is under way downstream of an output.
    fn flush(&mut self, output: u32);
    /// Sets a milestone.
    fn milestone(&mut self, name: &str);
    /// The next step begins.
    fn step(&mut self, name: &str);
    /// Attaches a fact.
    fn fact(&mut self, name: &str, value: &str);
    /// Whether what the call works for was withdrawn.
    fn cancelled(&self) -> bool;
    /// The call's visit, or 0.
    fn visit(&self) -> u64;
}

/// A handle that keeps the host alive and can be given to a plugin.
#[must_use]
pub fn host_handle<H: HostSide>(host: Arc<H>) -> HostHandle {
    let raw = RawHost { host: Arc::into_raw(host).cast(), table: HostThunks::<H>::TABLE };
    // SAFETY: the table is the one of the pointer's type, and `into_raw` gave the handle its one hold.
    unsafe { HostHandle::from_raw(raw) }
}

/// Runs `enter` with a handle to this call. The handle must not be kept: the table of a plugin cannot be given a
/// lifetime, so the borrow is kept by the shape of this function.
pub fn with_call<C: CallSide, R>(call: &mut C, enter: impl FnOnce(RawCall) -> R) -> R {
    enter(RawCall { call: std::ptr::from_mut(call).cast_const().cast(), table: CallThunks::<C>::TABLE })
}

/// Deferred work on its way back into its stage: the owned pointer that `RawInput::pending` carries.
#[must_use]
pub fn pending_raw<P: PendingSide>(pending: Arc<P>) -> Opaque {
    Arc::into_raw(pending).cast()
}

fn arrival(raw: u64) -> Option<u64> {
    (raw != ARRIVES_NOW).then_some(raw)
}

fn visit_or_code(answer: Result<u64, NoVisit>) -> u64 {
    match answer {
        Ok(visit) => visit,
        Err(NoVisit::Draining) => no_visit::DRAINING,
        Err(NoVisit::Full) => no_visit::FULL,
    }
}

fn status_of(answer: Result<(), NotEmitted>) -> u32 {
    match answer {
        Ok(()) => status::OK,
        Err(NotEmitted::Full(buffer)) => {
            // The caller still has its raw copy: the hold stays with it.
            let _ = buffer.into_raw();
            status::FULL
        }
        Err(NotEmitted::Gone) => status::GONE,
        Err(NotEmitted::Overrun) => status::OVERRUN,
        Err(NotEmitted::NoPort) => status::NO_PORT,
        Err(NotEmitted::NoPacket) => status::NO_PACKET,
    }
}

struct HostThunks<H>(PhantomData<H>);

// SAFETY of every thunk below: `host` was made by `host_handle::<H>` and its hold is alive, `pending` by
// `Arc<H::Pending>::into_raw` and is alive until `pending_end`; the tables are private to this module, so no other
// pointer reaches them.
impl<H: HostSide> HostThunks<H> {
    const TABLE: &'static HostTable = &HostTable {
        retain: Self::retain,
        release: Self::release,
        now: Self::now,
        buffer: Self::buffer,
        log_enabled: Self::log_enabled,
        log: Self::log,
        print: Self::print,
        model: Self::model,
        open_visit: Self::open_visit,
        close_visit: Self::close_visit,
        emit: Self::emit,
        adopt_thread: Self::adopt_thread,
        leave_thread: Self::leave_thread,
        pending_emit: Self::pending_emit,
        pending_notify: Self::pending_notify,
        pending_cancelled: Self::pending_cancelled,
        pending_mark: Self::pending_mark,
        pending_milestone: Self::pending_milestone,
        pending_visit: Self::pending_visit,
        pending_end: Self::pending_end,
        extension: Self::extension,
    };

    unsafe fn host<'a>(host: Opaque) -> &'a H {
        // SAFETY: see the block's comment.
        unsafe { &*host.cast::<H>() }
    }

    unsafe fn work<'a>(pending: Opaque) -> &'a H::Pending {
        // SAFETY: see the block's comment.
        unsafe { &*pending.cast::<H::Pending>() }
    }

    unsafe extern "C" fn retain(host: Opaque) {
        // SAFETY: see the block's comment.
        unsafe { Arc::increment_strong_count(host.cast::<H>()) }
    }

    unsafe extern "C" fn release(host: Opaque) {
        // SAFETY: see the block's comment.
        unsafe { Arc::decrement_strong_count(host.cast::<H>()) }
    }

    unsafe extern "C" fn now(host: Opaque) -> u64 {
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.now()
    }

    unsafe extern "C" fn buffer(host: Opaque, len: usize) -> RawBuffer {
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.buffer(len).into_raw()
    }

    unsafe extern "C" fn log_enabled(host: Opaque, level: u32, target: RStr<'_>) -> bool {
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.log_enabled(level, target.as_str())
    }

    unsafe extern "C" fn log(host: Opaque, level: u32, target: RStr<'_>, message: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.log(level, target.as_str(), message.as_str());
    }

    unsafe extern "C" fn print(host: Opaque, visit: u64, text: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.print(visit, text.as_str());
    }

    unsafe extern "C" fn model(host: Opaque, name: RStr<'_>) -> RResult<RString, RawError> {
        // SAFETY: see the block's comment.
        match unsafe { Self::host(host) }.model(name.as_str()) {
            Ok(path) => ROk(path.into()),
            Err(message) => RErr(RawError::new(error::REFUSED, &message)),
        }
    }

    unsafe extern "C" fn open_visit(host: Opaque, arrived: u64) -> u64 {
        // SAFETY: see the block's comment.
        visit_or_code(unsafe { Self::host(host) }.open_visit(arrival(arrived)))
    }

    unsafe extern "C" fn close_visit(host: Opaque, visit: u64, how: u32) {
        let how = if how == crate::raw::closed::ENDED { Closing::Ended } else { Closing::Gone };
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.close_visit(visit, how);
    }

    unsafe extern "C" fn emit(host: Opaque, output: u32, visit: u64, time: u64, buffer: RawBuffer) -> u32 {
        // SAFETY: see the block's comment; the buffer's hold comes with it.
        status_of(unsafe { Self::host(host).emit(output, visit, time, Buffer::from_raw(buffer)) })
    }

    unsafe extern "C" fn adopt_thread(host: Opaque, label: RStr<'_>) -> Opaque {
        // SAFETY: see the block's comment.
        std::ptr::without_provenance(unsafe { Self::host(host) }.adopt_thread(label.as_str()))
    }

    unsafe extern "C" fn leave_thread(host: Opaque, adopted: Opaque) {
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.leave_thread(adopted.addr());
    }

    unsafe extern "C" fn pending_emit(pending: Opaque, output: u32, buffer: RawBuffer) -> u32 {
        // SAFETY: see the block's comment; the buffer's hold comes with it.
        status_of(unsafe { Self::work(pending).emit(output, Buffer::from_raw(buffer)) })
    }

    unsafe extern "C" fn pending_notify(pending: Opaque, what: u32, output: u32, wake: Callback, data: Opaque) {
        let awaited = if what == crate::raw::notify::SPACE { Awaited::Space(output) } else { Awaited::Cancelled };
        // SAFETY: see the block's comment.
        unsafe { Self::work(pending) }.notify(awaited, Notice { wake, data });
    }

    unsafe extern "C" fn pending_cancelled(pending: Opaque) -> bool {
        // SAFETY: see the block's comment.
        unsafe { Self::work(pending) }.cancelled()
    }

    unsafe extern "C" fn pending_mark(pending: Opaque, step: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::work(pending) }.mark(step.as_str());
    }

    unsafe extern "C" fn pending_milestone(pending: Opaque, name: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::work(pending) }.milestone(name.as_str());
    }

    unsafe extern "C" fn pending_visit(pending: Opaque) -> u64 {
        // SAFETY: see the block's comment.
        unsafe { Self::work(pending) }.visit()
    }

    unsafe extern "C" fn pending_end(pending: Opaque, how: u32, message: RStr<'_>) {
        let ending = match how {
            crate::raw::ending::FINISHED => Ending::Finished,
            crate::raw::ending::FAILED => Ending::Failed(message.as_str().to_owned()),
            crate::raw::ending::RESUME => Ending::Resume,
            _ => Ending::Dropped,
        };
        // SAFETY: see the block's comment; `pending_end` is the last use of the pointer.
        unsafe { Arc::from_raw(pending.cast::<H::Pending>()) }.end(ending);
    }

    unsafe extern "C" fn extension(host: Opaque, id: RStr<'_>) -> ROption<RawExtension> {
        if id.as_str() == service::ID {
            return RSome(service::extension(&service::ServiceTable { request: Self::service }));
        }
        // SAFETY: see the block's comment.
        unsafe { Self::host(host) }.extension(id.as_str()).map_or(RNone, RSome)
    }

    unsafe extern "C" fn service(
        host: Opaque,
        service: RStr<'_>,
        method: RStr<'_>,
        request: RSlice<'_, u8>,
    ) -> RResult<RVec<u8>, RawError> {
        // SAFETY: see the block's comment.
        match unsafe { Self::host(host) }.service(service.as_str(), method.as_str(), request.as_slice()) {
            Ok(answer) => ROk(answer.into()),
            Err(message) => RErr(RawError::new(error::REFUSED, &message)),
        }
    }
}

struct CallThunks<C>(PhantomData<C>);

// SAFETY of every thunk below: `call` was made by `with_call::<C>` from the only reference to the call, which is not
// touched by the host while the stage runs; a plugin's handle to it is borrowed for the call.
impl<C: CallSide> CallThunks<C> {
    const TABLE: &'static CallTable = &CallTable {
        emit: Self::emit,
        forward: Self::forward,
        open_visit: Self::open_visit,
        defer: Self::defer,
        flush: Self::flush,
        milestone: Self::milestone,
        step: Self::step,
        fact: Self::fact,
        cancelled: Self::cancelled,
        visit: Self::visit,
    };

    unsafe fn call<'a>(call: Opaque) -> &'a mut C {
        // SAFETY: see the block's comment.
        unsafe { &mut *call.cast_mut().cast::<C>() }
    }

    unsafe extern "C" fn emit(call: Opaque, output: u32, buffer: RawBuffer) -> u32 {
        // SAFETY: see the block's comment; the buffer's hold comes with it.
        status_of(unsafe { Self::call(call).emit(output, Buffer::from_raw(buffer)) })
    }

    unsafe extern "C" fn forward(call: Opaque, output: u32) -> u32 {
        // SAFETY: see the block's comment.
        status_of(unsafe { Self::call(call) }.forward(output))
    }

    unsafe extern "C" fn open_visit(call: Opaque, arrived: u64) -> u64 {
        // SAFETY: see the block's comment.
        visit_or_code(unsafe { Self::call(call) }.open_visit(arrival(arrived)))
    }

    unsafe extern "C" fn defer(call: Opaque, label: RStr<'_>) -> Opaque {
        // SAFETY: see the block's comment.
        pending_raw(unsafe { Self::call(call) }.defer(label.as_str()))
    }

    unsafe extern "C" fn flush(call: Opaque, output: u32) {
        // SAFETY: see the block's comment.
        unsafe { Self::call(call) }.flush(output);
    }

    unsafe extern "C" fn milestone(call: Opaque, name: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::call(call) }.milestone(name.as_str());
    }

    unsafe extern "C" fn step(call: Opaque, name: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::call(call) }.step(name.as_str());
    }

    unsafe extern "C" fn fact(call: Opaque, name: RStr<'_>, value: RStr<'_>) {
        // SAFETY: see the block's comment.
        unsafe { Self::call(call) }.fact(name.as_str(), value.as_str());
    }

    unsafe extern "C" fn cancelled(call: Opaque) -> bool {
        // SAFETY: see the block's comment.
        unsafe { Self::call(call) }.cancelled()
    }

    unsafe extern "C" fn visit(call: Opaque) -> u64 {
        // SAFETY: see the block's comment.
        unsafe { Self::call(call) }.visit()
    }
}
