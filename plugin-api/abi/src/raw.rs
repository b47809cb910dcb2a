//! The types that cross the boundary. All are `repr(C)`; every function pointer takes the context it was given with.
//!
//! Times are nanoseconds on the host's monotonic clock. A visit is a number; 0 means *no visit*.

pub use abi_stable::std_types::RResult;
use abi_stable::{
    StableAbi,
    std_types::{ROption, RSlice, RStr, RString},
    type_layout::TypeLayout,
};

/// An opaque pointer: it belongs to whoever made the table that it travels with.
pub type Opaque = *const u8;

/// The two functions that keep a buffer alive. They belong to the host: no plugin ever counts references itself.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct BufferTable {
    /// One more holder, on account of the calling thread's stage.
    pub retain: unsafe extern "C" fn(token: Opaque),
    /// One holder less; the last one gives the memory back.
    pub release: unsafe extern "C" fn(token: Opaque),
}

/// A pointer, a length, a place and a retain/release pair. A camera buffer, a slot of shared memory and the bytes
/// of a small message look alike, so that none of them is copied on its way.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawBuffer {
    /// First byte; 64-byte aligned. Readable for `len` bytes while one hold is kept.
    pub data: *mut u8,
    /// Length in bytes.
    pub len: usize,
    /// Where the bytes are: see [`place`].
    pub place: u32,
    /// Zero.
    pub reserved: u32,
    /// What the table's functions are called with.
    pub token: Opaque,
    /// Retain and release.
    pub table: &'static BufferTable,
}

/// Values of [`RawBuffer::place`].
pub mod place {
    /// Ordinary memory of the process.
    pub const HEAP: u32 = 0;
    /// A slab that a worker process can map.
    pub const SHARED: u32 = 1;
    /// Memory of a device; `data` is not readable.
    pub const DEVICE: u32 = 2;
}

/// One message on an edge.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawPacket {
    /// The input port, as an index into the manifest's inputs.
    pub input: u32,
    /// The edge, as an index into [`RawOpen::edges`].
    pub edge: u32,
    /// Position on its edge, given under the edge's lock.
    pub sequence: u64,
    /// Time stamp: when what the packet tells was seen.
    pub time: u64,
    /// The visit, or 0.
    pub visit: u64,
    /// The call, wake or deferred work that emitted it: a number for traces, unique in a run.
    pub cause: u64,
    /// The payload.
    pub buffer: RawBuffer,
}

/// What a stage is entered with: see [`input`] for `kind` and for the fields which it uses.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawInput<'a> {
    /// See [`input`].
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// `PACKET`: the packet; borrowed for the call.
    pub packet: ROption<&'a RawPacket>,
    /// `WAKE`: the visit whose wake it is, or 0.
    pub visit: u64,
    /// `WAKE`: the time that was asked for.
    pub due: u64,
    /// `RESUMED`: the deferred work, owned by the callee from here on.
    pub pending: Opaque,
}

impl<'a> RawInput<'a> {
    /// A packet, borrowed for the call.
    #[must_use]
    pub fn packet(packet: &'a RawPacket) -> Self {
        let (visit, pending) = (packet.visit, std::ptr::null());
        Self { kind: input::PACKET, reserved: 0, packet: ROption::RSome(packet), visit, due: 0, pending }
    }

    /// A wake.
    #[must_use]
    pub fn wake(visit: u64, due: u64) -> Self {
        Self { kind: input::WAKE, reserved: 0, packet: ROption::RNone, visit, due, pending: std::ptr::null() }
    }

    /// Deferred work that comes back, by the pointer of [`pending_raw`](crate::host::pending_raw).
    #[must_use]
    pub fn resumed(visit: u64, pending: Opaque) -> Self {
        Self { kind: input::RESUMED, reserved: 0, packet: ROption::RNone, visit, due: 0, pending }
    }
}

/// Values of [`RawInput::kind`].
pub mod input {
    /// A packet on an input.
    pub const PACKET: u32 = 0;
    /// A time that the stage asked for.
    pub const WAKE: u32 = 1;
    /// Deferred work that asked to come back to the stage's own thread.
    pub const RESUMED: u32 = 2;
}

/// What the host tells beside packets: see [`event`] for `kind`.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawEvent {
    /// See [`event`].
    pub kind: u32,
    /// The input that the event came by, or `u32::MAX`.
    pub input: u32,
    /// The visit, or 0.
    pub visit: u64,
    /// `DRAIN`: until when.
    pub time: u64,
    /// `VISIT_CLOSED`: see [`closed`].
    pub how: u32,
    /// Zero.
    pub reserved: u32,
}

/// Values of [`RawEvent::kind`].
pub mod event {
    /// A visit opened.
    pub const VISIT_OPENED: u32 = 1;
    /// A visit closed; the last thing that a stage sees of it.
    pub const VISIT_CLOSED: u32 = 2;
    /// What was under way for the visit is withdrawn.
    pub const FLUSH: u32 = 3;
    /// A packet of this input will never have an answer.
    pub const UPSTREAM_FAILED: u32 = 4;
    /// The input answers again.
    pub const UPSTREAM_RECOVERED: u32 = 5;
    /// Nothing more comes on this input.
    pub const END_OF_STREAM: u32 = 6;
    /// No new visit; finish before `time`.
    pub const DRAIN: u32 = 7;
}

/// How a visit closed.
pub mod closed {
    /// Nothing more comes; what is under way finishes.
    pub const ENDED: u32 = 0;
    /// The visitor left: everything of the visit is dropped at once.
    pub const GONE: u32 = 1;
}

/// What a call says about what comes next: see [`flow`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFlow {
    /// See [`flow`].
    pub kind: u32,
    /// Zero.
    pub reserved: u32,
    /// `WAKE_AT`: when.
    pub at: u64,
}

/// Values of [`RawFlow::kind`].
pub mod flow {
    /// Leave the wake as it is.
    pub const CONTINUE: u32 = 0;
    /// Replace the one wake of this stage and this call's visit.
    pub const WAKE_AT: u32 = 1;
    /// Remove it.
    pub const CANCEL_WAKE: u32 = 2;
    /// A source has nothing more.
    pub const ENDED: u32 = 3;
}

/// An error that crosses the boundary.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct RawError {
    /// See [`error`].
    pub code: u32,
    /// Zero.
    pub reserved: u32,
    /// One sentence for an operator.
    pub message: RString,
    /// `CONFIG`: the path of the wrong key, like `people[2].photo`; otherwise empty.
    pub path: RString,
}

/// Values of [`RawError::code`].
pub mod error {
    /// The stage says that it failed.
    pub const FAILED: u32 = 1;
    /// The stage panicked: its instance is poisoned.
    pub const PANICKED: u32 = 2;
    /// The configuration does not fit.
    pub const CONFIG: u32 = 3;
    /// The instance panicked before and is not entered again.
    pub const POISONED: u32 = 4;
    /// The verb is not known.
    pub const UNKNOWN_VERB: u32 = 5;
    /// The host refused.
    pub const REFUSED: u32 = 6;
}

/// Answers of the emitting functions.
pub mod status {
    /// Taken; the buffer's hold went with it.
    pub const OK: u32 = 0;
    /// The edge is full; the buffer is still the caller's.
    pub const FULL: u32 = 1;
    /// The visit is gone or the work cancelled; the buffer was released.
    pub const GONE: u32 = 2;
    /// More packets were kept for a stage of the same thread than an edge may hold; the buffer was released.
    pub const OVERRUN: u32 = 3;
    /// There is no such output; the buffer was released.
    pub const NO_PORT: u32 = 4;
    /// The call was entered with no packet that could be passed on.
    pub const NO_PACKET: u32 = 5;
}

/// Answers of `open_visit` that are not a visit.
pub mod no_visit {
    /// The host drains: it takes no new visit.
    pub const DRAINING: u64 = 0;
    /// As many visits as the pipeline allows are open.
    pub const FULL: u64 = u64::MAX;
}

/// When the visitor of `open_visit` arrived, if not at a moment of the past.
pub const ARRIVES_NOW: u64 = u64::MAX;

/// What `pending_notify` waits for.
pub mod notify {
    /// Space on an output.
    pub const SPACE: u32 = 0;
    /// The work's cancellation.
    pub const CANCELLED: u32 = 1;
}

/// How deferred work ends.
pub mod ending {
    /// It did what it was begun for.
    pub const FINISHED: u32 = 0;
    /// It failed.
    pub const FAILED: u32 = 1;
    /// Its handle was dropped without a word: a failure.
    pub const DROPPED: u32 = 2;
    /// It enters the stage again on the stage's own thread.
    pub const RESUME: u32 = 3;
}

/// What a call can do; valid only until the call returns.
#[repr(C)]
#[derive(StableAbi)]
pub struct CallTable {
    /// Sends a buffer on an output; may block on a full `block` edge.
    pub emit: unsafe extern "C" fn(call: Opaque, output: u32, buffer: RawBuffer) -> u32,
    /// Sends the packet that the call was entered with on an output: the same bytes, on the host's own hold, so that
    /// nothing is counted for it. May block as `emit` does.
    pub forward: unsafe extern "C" fn(call: Opaque, output: u32) -> u32,
    /// Opens a visit of somebody who arrived then, or [`ARRIVES_NOW`]; from here on this call's packets are of it. See
    /// [`no_visit`].
    pub open_visit: unsafe extern "C" fn(call: Opaque, arrived: u64) -> u64,
    /// Begins deferred work. Never null.
    pub defer: unsafe extern "C" fn(call: Opaque, label: RStr<'_>) -> Opaque,
    /// Withdraws what is under way downstream of an output for this call's visit.
    pub flush: unsafe extern "C" fn(call: Opaque, output: u32),
    /// Sets a milestone of this call's visit.
    pub milestone: unsafe extern "C" fn(call: Opaque, name: RStr<'_>),
    /// Names the step that begins now.
    pub step: unsafe extern "C" fn(call: Opaque, name: RStr<'_>),
    /// Attaches a fact to the call's record.
    pub fact: unsafe extern "C" fn(call: Opaque, name: RStr<'_>, value: RStr<'_>),
    /// Whether what this call works for was withdrawn.
    pub cancelled: unsafe extern "C" fn(call: Opaque) -> bool,
    /// The call's visit, or 0.
    pub visit: unsafe extern "C" fn(call: Opaque) -> u64,
}

/// A call's own handle: borrowed for the call.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawCall {
    /// What the table's functions are called with.
    pub call: Opaque,
    /// The functions.
    pub table: &'static CallTable,
}

/// A function of the plugin that the host calls back.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy)]
pub struct Callback {
    /// Takes `data` of [`HostTable::pending_notify`].
    pub call: unsafe extern "C" fn(data: Opaque),
}

/// What a stage can ask of its host at any time and from any thread.
#[repr(C)]
#[derive(StableAbi)]
pub struct HostTable {
    /// One more holder of the host's handle.
    pub retain: unsafe extern "C" fn(host: Opaque),
    /// One less.
    pub release: unsafe extern "C" fn(host: Opaque),
    /// The clock.
    pub now: unsafe extern "C" fn(host: Opaque) -> u64,
    /// A buffer for a packet, writable until it is emitted.
    pub buffer: unsafe extern "C" fn(host: Opaque, len: usize) -> RawBuffer,
    /// Whether a log line of this level (1 error … 5 trace) would be seen.
    pub log_enabled: unsafe extern "C" fn(host: Opaque, level: u32, target: RStr<'_>) -> bool,
    /// One log line.
    pub log: unsafe extern "C" fn(host: Opaque, level: u32, target: RStr<'_>, message: RStr<'_>),
    /// Text for the operator's terminal.
    pub print: unsafe extern "C" fn(host: Opaque, visit: u64, text: RStr<'_>),
    /// The folder or file of a model by its name.
    pub model: unsafe extern "C" fn(host: Opaque, name: RStr<'_>) -> RResult<RString, RawError>,
    /// Opens a visit from a thread of the plugin's own, of somebody who arrived then, or [`ARRIVES_NOW`]. See
    /// [`no_visit`].
    pub open_visit: unsafe extern "C" fn(host: Opaque, arrived: u64) -> u64,
    /// Closes a visit that this stage opened. See [`closed`].
    pub close_visit: unsafe extern "C" fn(host: Opaque, visit: u64, how: u32),
    /// Emits from a thread of the plugin's own; never blocks. See [`status`].
    pub emit: unsafe extern "C" fn(host: Opaque, output: u32, visit: u64, time: u64, buffer: RawBuffer) -> u32,
    /// Makes the calling thread known: its allocations are this stage's *background* until it is left.
    pub adopt_thread: unsafe extern "C" fn(host: Opaque, label: RStr<'_>) -> Opaque,
    /// Ends an adoption, on the thread that began it.
    pub leave_thread: unsafe extern "C" fn(host: Opaque, adopted: Opaque),
    /// Emits for deferred work; never blocks. See [`status`].
    pub pending_emit: unsafe extern "C" fn(pending: Opaque, output: u32, buffer: RawBuffer) -> u32,
    /// Calls `wake(data)` exactly once, from any thread: when what is waited for is there (see [`notify`]), when the
    /// work is cancelled, or when it ends. `wake` must not block and must not enter the host.
    pub pending_notify: unsafe extern "C" fn(pending: Opaque, what: u32, output: u32, wake: Callback, data: Opaque),
    /// Whether the work was cancelled.
    pub pending_cancelled: unsafe extern "C" fn(pending: Opaque) -> bool,
    /// The next step of the work begins.
    pub pending_mark: unsafe extern "C" fn(pending: Opaque, step: RStr<'_>),
    /// Sets a milestone of the work's visit.
    pub pending_milestone: unsafe extern "C" fn(pending: Opaque, name: RStr<'_>),
    /// The work's visit, or 0.
    pub pending_visit: unsafe extern "C" fn(pending: Opaque) -> u64,
    /// Ends the work and gives its handle back. See [`ending`].
    pub pending_end: unsafe extern "C" fn(pending: Opaque, how: u32, message: RStr<'_>),
    /// A table of a later minor, by its id, like `store/1`.
    pub extension: unsafe extern "C" fn(host: Opaque, id: RStr<'_>) -> ROption<RawExtension>,
}

/// The host's handle.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawHost {
    /// What the table's functions are called with.
    pub host: Opaque,
    /// The functions.
    pub table: &'static HostTable,
}

/// A table of its own, found by id and checked on its own.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawExtension {
    /// The layout of what `table` points to.
    pub layout: &'static TypeLayout,
    /// The table.
    pub table: Opaque,
}

/// An edge that ends or begins at a stage.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawEdge<'a> {
    /// The port of this stage, as an index into the manifest.
    pub port: u32,
    /// 1 if `port` is an input.
    pub incoming: u32,
    /// The other end, as `stage.port`.
    pub peer: RStr<'a>,
    /// The packet type, like `majlis/frame@1`.
    pub packet_type: RStr<'a>,
}

/// What a stage is opened with.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawOpen<'a> {
    /// The stage's own table of the pipeline file, as JSON. Secrets stand in it in clear text.
    pub config: RStr<'a>,
    /// The stage's name in the pipeline.
    pub stage: RStr<'a>,
    /// The pipeline's language, a BCP 47 tag.
    pub language: RStr<'a>,
    /// The pipeline's time zone, an IANA name.
    pub time_zone: RStr<'a>,
    /// The folder that relative paths of the pipeline start from.
    pub base: RStr<'a>,
    /// Incoming edges first, in the order that [`RawPacket::edge`] counts; then outgoing ones.
    pub edges: RSlice<'a, RawEdge<'a>>,
    /// The host.
    pub host: RawHost,
}

/// A stage as the host sees it. It is opened, entered and dropped on one thread.
#[abi_stable::sabi_trait]
pub trait Stage {
    /// Takes its configuration and makes itself ready.
    fn open(&mut self, open: &RawOpen<'_>) -> RResult<(), RawError>;
    /// A packet, a wake or a resumption.
    fn process(&mut self, input: &RawInput<'_>, call: RawCall) -> RResult<RawFlow, RawError>;
    /// An event.
    fn event(&mut self, event: &RawEvent, call: RawCall) -> RResult<RawFlow, RawError>;
    /// A verb of the manifest; arguments and answer are JSON.
    fn control(&mut self, verb: RStr<'_>, arguments: RStr<'_>) -> RResult<RString, RawError>;
    /// The last call.
    #[sabi(last_prefix_field)]
    fn close(&mut self) -> RResult<(), RawError>;
}

/// A stage instance of some plugin.
pub type StageBox = Stage_TO<'static, abi_stable::std_types::RBox<()>>;

impl RawError {
    /// An error of this code.
    #[must_use]
    pub fn new(code: u32, message: &str) -> Self {
        Self { code, reserved: 0, message: message.into(), path: RString::new() }
    }
}

impl RawFlow {
    /// Leave the wake as it is.
    pub const CONTINUE: Self = Self { kind: flow::CONTINUE, reserved: 0, at: 0 };
}
