//! The plugin's side: owned handles over the raw types. A type that borrows for a call has a lifetime; a type that
//! owns has none, and gives back what it owns when it is dropped.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

use abi_stable::std_types::RStr;

use crate::host::{Awaited, Closing, Ending, NoVisit, NotEmitted};
use crate::raw::{
    ARRIVES_NOW, BufferTable, Callback, HostTable, Opaque, RawBuffer, RawCall, RawError, RawExtension, RawHost, closed,
    ending, no_visit, notify, place, status,
};

/// Bytes of a packet: shared, read-only, kept alive by its holds.
pub struct Buffer {
    raw: RawBuffer,
}

// SAFETY: the bytes are read-only while shared, and the table's functions may be called from any thread.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Takes one hold over.
    ///
    /// # Safety
    /// The buffer is one of this boundary, and one of its holds belongs to the caller, who gives it away here.
    #[must_use]
    pub unsafe fn from_raw(raw: RawBuffer) -> Self {
        Self { raw }
    }

    /// Gives the hold away.
    #[must_use]
    pub fn into_raw(self) -> RawBuffer {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }

    /// The raw buffer, borrowed: for the packet of a call while this hold is kept.
    #[must_use]
    pub fn as_raw(&self) -> RawBuffer {
        self.raw
    }

    /// Borrows the buffer of a packet as if it were held, for the time of the borrow.
    ///
    /// # Safety
    /// Somebody keeps a hold for `'a`.
    #[must_use]
    pub unsafe fn borrow_raw<'a>(raw: &'a RawBuffer) -> Borrowed<'a> {
        Borrowed { buffer: std::mem::ManuallyDrop::new(Self { raw: *raw }), life: PhantomData }
    }

    /// Where the bytes are.
    #[must_use]
    pub fn place(&self) -> u32 {
        self.raw.place
    }

    /// What the table's functions are called with: lets the host's pool find its own slot.
    #[must_use]
    pub fn token(&self) -> Opaque {
        self.raw.token
    }
}

/// A buffer that somebody else holds.
pub struct Borrowed<'a> {
    buffer: std::mem::ManuallyDrop<Buffer>,
    life: PhantomData<&'a RawBuffer>,
}

impl Deref for Borrowed<'_> {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        &self.buffer
    }
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        if self.raw.len == 0 || self.raw.place == place::DEVICE {
            return &[];
        }
        // SAFETY: `data` is readable for `len` bytes while this hold is kept, and nobody writes once it is shared.
        unsafe { std::slice::from_raw_parts(self.raw.data, self.raw.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        // SAFETY: a hold is kept by `self`.
        unsafe { (self.raw.table.retain)(self.raw.token) }
        Self { raw: self.raw }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: this hold is given back once.
        unsafe { (self.raw.table.release)(self.raw.token) }
    }
}

impl std::fmt::Debug for Buffer {
    // Never the bytes: they may be somebody's face.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.raw.len)
    }
}

/// Bytes of a packet before it is emitted: not shared, so they can be written.
pub struct BufferMut {
    buffer: Buffer,
}

impl BufferMut {
    /// Takes the only hold over.
    ///
    /// # Safety
    /// As [`Buffer::from_raw`], and there is no other hold and no other reader.
    #[must_use]
    pub unsafe fn from_raw(raw: RawBuffer) -> Self {
        // SAFETY: passed on.
        Self { buffer: unsafe { Buffer::from_raw(raw) } }
    }

    /// Gives the hold away.
    #[must_use]
    pub fn into_raw(self) -> RawBuffer {
        self.buffer.into_raw()
    }

    /// From here on read-only.
    #[must_use]
    pub fn freeze(self) -> Buffer {
        self.buffer
    }
}

impl Deref for BufferMut {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.buffer
    }
}

impl DerefMut for BufferMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        if self.buffer.raw.len == 0 {
            return &mut [];
        }
        // SAFETY: the only hold, so nobody else reads or writes.
        unsafe { std::slice::from_raw_parts_mut(self.buffer.raw.data, self.buffer.raw.len) }
    }
}

impl std::fmt::Debug for BufferMut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.buffer.fmt(f)
    }
}

const ALIGN: usize = 64;

/// A block of ordinary memory whose first cache line counts its holds.
struct HeapBlock;

impl HeapBlock {
    const TABLE: &'static BufferTable = &BufferTable { retain: Self::retain, release: Self::release };

    fn layout(len: usize) -> Layout {
        Layout::from_size_align(ALIGN + len, ALIGN)
            .expect("a length that was allocated before or fits the address space")
    }

    unsafe fn head<'a>(token: Opaque) -> &'a (AtomicUsize, usize) {
        // SAFETY: `heap_buffer` wrote the head at the block's start.
        unsafe { &*token.cast() }
    }

    unsafe extern "C" fn retain(token: Opaque) {
        // SAFETY: a hold is kept by the caller.
        unsafe { Self::head(token) }.0.fetch_add(1, Ordering::Relaxed);
    }

    unsafe extern "C" fn release(token: Opaque) {
        // SAFETY: the caller's hold is given back here.
        let head = unsafe { Self::head(token) };
        let len = head.1;
        if head.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: the last hold; the block was allocated with this layout.
            unsafe { std::alloc::dealloc(token.cast_mut(), Self::layout(len)) }
        }
    }
}

/// A zeroed buffer in ordinary memory, for hosts without slabs: the test kit is one.
#[must_use]
pub fn heap_buffer(len: usize) -> BufferMut {
    let layout = HeapBlock::layout(len);
    // SAFETY: the layout's size is at least `ALIGN`; the head fits into the first cache line; the handle gets the hold.
    unsafe {
        let block = std::alloc::alloc_zeroed(layout);
        if block.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        block.cast::<(AtomicUsize, usize)>().write((AtomicUsize::new(1), len));
        BufferMut::from_raw(RawBuffer {
            data: block.add(ALIGN),
            len,
            place: place::HEAP,
            reserved: 0,
            token: block,
            table: HeapBlock::TABLE,
        })
    }
}

fn not_emitted(code: u32) -> NotEmitted {
    match code {
        status::GONE => NotEmitted::Gone,
        status::OVERRUN => NotEmitted::Overrun,
        status::NO_PACKET => NotEmitted::NoPacket,
        _ => NotEmitted::NoPort,
    }
}

fn emitted(code: u32, raw: RawBuffer) -> Result<(), NotEmitted> {
    match code {
        status::OK => Ok(()),
        // SAFETY: on `FULL` the hold stayed with the caller.
        status::FULL => Err(NotEmitted::Full(unsafe { Buffer::from_raw(raw) })),
        code => Err(not_emitted(code)),
    }
}

fn opened(code: u64) -> Result<u64, NoVisit> {
    match code {
        no_visit::DRAINING => Err(NoVisit::Draining),
        no_visit::FULL => Err(NoVisit::Full),
        visit => Ok(visit),
    }
}

/// The host, as a stage sees it: cheap to clone, usable from any thread.
pub struct HostHandle {
    raw: RawHost,
}

// SAFETY: a host implements `HostSide: Send + Sync`.
unsafe impl Send for HostHandle {}
// SAFETY: as above.
unsafe impl Sync for HostHandle {}

impl HostHandle {
    /// Takes one hold over.
    ///
    /// # Safety
    /// The handle is one of this boundary, and one hold belongs to the caller, who gives it away here.
    #[must_use]
    pub unsafe fn from_raw(raw: RawHost) -> Self {
        Self { raw }
    }

    /// A hold of its own on a borrowed handle.
    ///
    /// # Safety
    /// The handle is one of this boundary and alive.
    #[must_use]
    pub unsafe fn retain_raw(raw: RawHost) -> Self {
        // SAFETY: passed on.
        unsafe { (raw.table.retain)(raw.host) }
        Self { raw }
    }

    /// The raw handle, borrowed.
    #[must_use]
    pub fn as_raw(&self) -> RawHost {
        self.raw
    }

    fn table(&self) -> &'static HostTable {
        self.raw.table
    }

    // SAFETY of the calls below: the handle holds the host alive, and the table is the host's own.

    /// Nanoseconds on the host's clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        // SAFETY: see above.
        unsafe { (self.table().now)(self.raw.host) }
    }

    /// A buffer for a packet.
    #[must_use]
    pub fn buffer(&self, len: usize) -> BufferMut {
        // SAFETY: see above; a fresh buffer has one hold, and it is ours.
        unsafe { BufferMut::from_raw((self.table().buffer)(self.raw.host, len)) }
    }

    /// Whether a line of this level (1 error … 5 trace) would be seen.
    #[must_use]
    pub fn log_enabled(&self, level: u32, target: &str) -> bool {
        // SAFETY: see above.
        unsafe { (self.table().log_enabled)(self.raw.host, level, target.into()) }
    }

    /// One log line.
    pub fn log(&self, level: u32, target: &str, message: &str) {
        // SAFETY: see above.
        unsafe { (self.table().log)(self.raw.host, level, target.into(), message.into()) }
    }

    /// Text for the operator's terminal.
    pub fn print(&self, visit: u64, text: &str) {
        // SAFETY: see above.
        unsafe { (self.table().print)(self.raw.host, visit, text.into()) }
    }

    /// The path of a model.
    ///
    /// # Errors
    /// What the host says.
    pub fn model(&self, name: &str) -> Result<String, RawError> {
        // SAFETY: see above.
        unsafe { (self.table().model)(self.raw.host, name.into()) }.into_result().map(Into::into)
    }

    /// Opens a visit of somebody who arrived then, or now.
    ///
    /// # Errors
    /// See [`NoVisit`].
    pub fn open_visit(&self, arrived: Option<u64>) -> Result<u64, NoVisit> {
        // SAFETY: see above.
        opened(unsafe { (self.table().open_visit)(self.raw.host, arrived.unwrap_or(ARRIVES_NOW)) })
    }

    /// Closes a visit of this stage.
    pub fn close_visit(&self, visit: u64, how: Closing) {
        let how = match how {
            Closing::Ended => closed::ENDED,
            Closing::Gone => closed::GONE,
        };
        // SAFETY: see above.
        unsafe { (self.table().close_visit)(self.raw.host, visit, how) }
    }

    /// Emits without blocking; a visit of 0 is none.
    ///
    /// # Errors
    /// See [`NotEmitted`].
    pub fn emit(&self, output: u32, visit: u64, time: u64, buffer: Buffer) -> Result<(), NotEmitted> {
        let raw = buffer.into_raw();
        // SAFETY: see above; the hold goes with the buffer.
        emitted(unsafe { (self.table().emit)(self.raw.host, output, visit, time, raw) }, raw)
    }

    /// Makes the calling thread known until the guard is dropped.
    #[must_use]
    pub fn adopt_thread(&self, label: &str) -> AdoptedThread {
        // SAFETY: see above.
        let adopted = unsafe { (self.table().adopt_thread)(self.raw.host, label.into()) };
        AdoptedThread { host: self.clone(), adopted, here: PhantomData }
    }

    /// A table of a later minor.
    #[must_use]
    pub fn extension(&self, id: &str) -> Option<RawExtension> {
        // SAFETY: see above.
        unsafe { (self.table().extension)(self.raw.host, id.into()) }.into_option()
    }

    /// Asks one of the host's services; request and answer are CBOR.
    ///
    /// # Errors
    /// What the host says, or that it offers no services.
    pub fn service(&self, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, RawError> {
        let none = |why: &str| RawError::new(crate::raw::error::REFUSED, why);
        let found = self.extension(crate::service::ID).ok_or_else(|| none("this host offers no services"))?;
        // SAFETY: the extension came from the host, whose tables are static.
        let table = unsafe { crate::root::extension_table::<crate::service::ServiceTable>(crate::service::ID, found) }
            .map_err(|why| none(&why))?;
        // SAFETY: see above.
        unsafe { (table.request)(self.raw.host, service.into(), method.into(), request.into()) }
            .into_result()
            .map(Into::into)
    }

    /// A plugin's view of work that came back with `RawInput::pending`.
    ///
    /// # Safety
    /// `pending` is the owned pointer of one input.
    #[must_use]
    pub unsafe fn pending(&self, pending: Opaque) -> PendingHandle {
        PendingHandle { pending, table: self.raw.table }
    }
}

impl Clone for HostHandle {
    fn clone(&self) -> Self {
        // SAFETY: `self` keeps a hold.
        unsafe { Self::retain_raw(self.raw) }
    }
}

impl Drop for HostHandle {
    fn drop(&mut self) {
        // SAFETY: this hold is given back once.
        unsafe { (self.raw.table.release)(self.raw.host) }
    }
}

/// A thread that the host knows; dropped on the thread that it was made on.
pub struct AdoptedThread {
    host: HostHandle,
    adopted: Opaque,
    here: PhantomData<*const ()>,
}

impl Drop for AdoptedThread {
    fn drop(&mut self) {
        // SAFETY: the host made `adopted` on this thread; not `Send`, so it is still this thread.
        unsafe { (self.host.raw.table.leave_thread)(self.host.raw.host, self.adopted) }
    }
}

/// One call, as the entered stage sees it.
pub struct CallHandle<'a> {
    raw: RawCall,
    host: &'a HostHandle,
}

impl<'a> CallHandle<'a> {
    /// The handle of one call.
    ///
    /// # Safety
    /// `raw` is the call that the stage is in, for all of `'a`, and `host` the host that entered it.
    #[must_use]
    pub unsafe fn new(raw: RawCall, host: &'a HostHandle) -> Self {
        Self { raw, host }
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &HostHandle {
        self.host
    }

    // SAFETY of the calls below: the handle does not outlive its call, and `&mut self` keeps entries apart.

    /// Emits; may block.
    ///
    /// # Errors
    /// See [`NotEmitted`].
    pub fn emit(&mut self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        let raw = buffer.into_raw();
        // SAFETY: see above; the hold goes with the buffer.
        emitted(unsafe { (self.raw.table.emit)(self.raw.call, output, raw) }, raw)
    }

    /// Emits the packet that the call was entered with, and counts no hold for it; may block.
    ///
    /// # Errors
    /// See [`NotEmitted`].
    #[inline]
    pub fn forward(&mut self, output: u32) -> Result<(), NotEmitted> {
        // SAFETY: see above.
        match unsafe { (self.raw.table.forward)(self.raw.call, output) } {
            status::OK => Ok(()),
            code => Err(not_emitted(code)),
        }
    }

    /// Opens a visit of somebody who arrived then, or now.
    ///
    /// # Errors
    /// See [`NoVisit`].
    pub fn open_visit(&mut self, arrived: Option<u64>) -> Result<u64, NoVisit> {
        // SAFETY: see above.
        opened(unsafe { (self.raw.table.open_visit)(self.raw.call, arrived.unwrap_or(ARRIVES_NOW)) })
    }

    /// Begins deferred work.
    #[must_use]
    pub fn defer(&mut self, label: &str) -> PendingHandle {
        // SAFETY: see above; the host hands an owned pointer out.
        let pending = unsafe { (self.raw.table.defer)(self.raw.call, label.into()) };
        PendingHandle { pending, table: self.host.raw.table }
    }

    /// Withdraws what is under way downstream of an output.
    pub fn flush(&mut self, output: u32) {
        // SAFETY: see above.
        unsafe { (self.raw.table.flush)(self.raw.call, output) }
    }

    /// Sets a milestone.
    pub fn milestone(&mut self, name: &str) {
        // SAFETY: see above.
        unsafe { (self.raw.table.milestone)(self.raw.call, name.into()) }
    }

    /// The next step begins.
    pub fn step(&mut self, name: &str) {
        // SAFETY: see above.
        unsafe { (self.raw.table.step)(self.raw.call, name.into()) }
    }

    /// Attaches a fact.
    pub fn fact(&mut self, name: &str, value: &str) {
        // SAFETY: see above.
        unsafe { (self.raw.table.fact)(self.raw.call, name.into(), value.into()) }
    }

    /// Whether what the call works for was withdrawn.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        // SAFETY: see above.
        unsafe { (self.raw.table.cancelled)(self.raw.call) }
    }

    /// The call's visit, or 0.
    #[must_use]
    pub fn visit(&self) -> u64 {
        // SAFETY: see above.
        unsafe { (self.raw.table.visit)(self.raw.call) }
    }
}

/// Deferred work, as a plugin holds it: dropped without a word it has failed.
pub struct PendingHandle {
    pending: Opaque,
    table: &'static HostTable,
}

// SAFETY: a host implements `PendingSide: Send + Sync`.
unsafe impl Send for PendingHandle {}
// SAFETY: as above.
unsafe impl Sync for PendingHandle {}

unsafe extern "C" fn call_back(data: Opaque) {
    // SAFETY: `notify` made `data` from this box, and the host calls back exactly once.
    let wake = unsafe { Box::from_raw(data.cast_mut().cast::<Box<dyn FnOnce() + Send>>()) };
    // A waker that panics must not unwind into the host.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wake));
}

impl PendingHandle {
    // SAFETY of the calls below: the pointer is owned and alive until `end`.

    /// Emits without blocking.
    ///
    /// # Errors
    /// See [`NotEmitted`].
    pub fn emit(&self, output: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        let raw = buffer.into_raw();
        // SAFETY: see above; the hold goes with the buffer.
        emitted(unsafe { (self.table.pending_emit)(self.pending, output, raw) }, raw)
    }

    /// Calls `wake` exactly once, from any thread: when what is awaited is there, or the work is cancelled or ends.
    pub fn notify(&self, awaited: Awaited, wake: Box<dyn FnOnce() + Send>) {
        let (what, output) = match awaited {
            Awaited::Space(output) => (notify::SPACE, output),
            Awaited::Cancelled => (notify::CANCELLED, 0),
        };
        let data: Opaque = Box::into_raw(Box::new(wake)).cast_const().cast();
        // SAFETY: see above; `call_back` takes `data` back.
        unsafe { (self.table.pending_notify)(self.pending, what, output, Callback { call: call_back }, data) }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        // SAFETY: see above.
        unsafe { (self.table.pending_cancelled)(self.pending) }
    }

    /// The next step begins.
    pub fn mark(&self, step: &str) {
        // SAFETY: see above.
        unsafe { (self.table.pending_mark)(self.pending, step.into()) }
    }

    /// Sets a milestone of the work's visit.
    pub fn milestone(&self, name: &str) {
        // SAFETY: see above.
        unsafe { (self.table.pending_milestone)(self.pending, name.into()) }
    }

    /// The work's visit, or 0.
    #[must_use]
    pub fn visit(&self) -> u64 {
        // SAFETY: see above.
        unsafe { (self.table.pending_visit)(self.pending) }
    }

    /// Ends it, or sends it back to its stage.
    pub fn end(self, how: &Ending) {
        self.give_back(how);
        std::mem::forget(self);
    }

    fn give_back(&self, how: &Ending) {
        let (code, message) = match how {
            Ending::Finished => (ending::FINISHED, ""),
            Ending::Failed(message) => (ending::FAILED, message.as_str()),
            Ending::Dropped => (ending::DROPPED, ""),
            Ending::Resume => (ending::RESUME, ""),
        };
        // SAFETY: see above; both callers never use the pointer again.
        unsafe { (self.table.pending_end)(self.pending, code, RStr::from(message)) }
    }
}

impl Drop for PendingHandle {
    fn drop(&mut self) {
        self.give_back(&Ending::Dropped);
    }
}
