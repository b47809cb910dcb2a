//! How a stage is entered, told in safe types: what `export_stage!` joins an author's trait to.

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RErr, ROk, RResult, RStr, RString};

use crate::plugin::{Borrowed, Buffer, CallHandle, HostHandle, PendingHandle};
use crate::raw::{
    RawCall, RawError, RawEvent, RawFlow, RawInput, RawOpen, RawPacket, Stage, Stage_TO, StageBox, error, input,
};

/// What a stage is entered with.
pub enum Entry<'a> {
    /// A packet, and its bytes for the time of the call.
    Packet(&'a RawPacket, Borrowed<'a>),
    /// A wake.
    Wake {
        /// The visit, or 0.
        visit: u64,
        /// The time that was asked for.
        due: u64,
    },
    /// Deferred work that came back.
    Resumed(PendingHandle),
    /// A kind of a later minor: to be ignored.
    Unknown(u32),
}

/// A stage in safe types. Every method must catch its panics: one that gets out ends the process.
pub trait Enter: 'static {
    /// Takes its configuration and makes itself ready.
    ///
    /// # Errors
    /// What the operator should read.
    fn open(&mut self, open: &RawOpen<'_>, host: HostHandle) -> Result<(), RawError>;
    /// A packet, a wake or a resumption.
    ///
    /// # Errors
    /// What the operator should read.
    fn process(&mut self, entry: Entry<'_>, call: CallHandle<'_>) -> Result<RawFlow, RawError>;
    /// An event. By itself it is passed by.
    ///
    /// # Errors
    /// What the operator should read.
    fn event(&mut self, _event: &RawEvent, _call: CallHandle<'_>) -> Result<RawFlow, RawError> {
        Ok(RawFlow::CONTINUE)
    }
    /// A verb. By itself there are none.
    ///
    /// # Errors
    /// What the operator should read.
    fn control(&mut self, _verb: &str, _arguments: &str) -> Result<String, RawError> {
        Err(RawError::new(error::UNKNOWN_VERB, "there are no verbs"))
    }
    /// The last call. By itself nothing is left to do.
    ///
    /// # Errors
    /// What the operator should read.
    fn close(&mut self) -> Result<(), RawError> {
        Ok(())
    }
}

/// A stage for the host.
pub fn stage_box<E: Enter>(stage: E) -> StageBox {
    Stage_TO::from_value(Entered { stage, host: None }, TD_Opaque)
}

struct Entered<E> {
    stage: E,
    /// From `open` on.
    host: Option<HostHandle>,
}

fn not_open() -> RawError {
    RawError::new(error::FAILED, "the stage was entered before it was opened")
}

impl<E: Enter> Stage for Entered<E> {
    fn open(&mut self, open: &RawOpen<'_>) -> RResult<(), RawError> {
        // SAFETY: the host keeps its handle alive for the call.
        let host = unsafe { HostHandle::retain_raw(open.host) };
        self.host = Some(host.clone());
        self.stage.open(open, host).into()
    }

    fn process(&mut self, raw: &RawInput<'_>, call: RawCall) -> RResult<RawFlow, RawError> {
        let Some(host) = &self.host else { return RErr(not_open()) };
        let entry = match raw.kind {
            input::PACKET => match raw.packet.into_option() {
                // SAFETY: the host holds the packet for the call, and the entry does not outlive it.
                Some(packet) => Entry::Packet(packet, unsafe { Buffer::borrow_raw(&packet.buffer) }),
                None => return RErr(RawError::new(error::FAILED, "an input of kind packet came without one")),
            },
            input::WAKE => Entry::Wake { visit: raw.visit, due: raw.due },
            // SAFETY: the host gives the pointer of one resumption once.
            input::RESUMED => Entry::Resumed(unsafe { host.pending(raw.pending) }),
            kind => Entry::Unknown(kind),
        };
        // SAFETY: `call` is the call that this stage is in; its handle is dropped before the call returns.
        self.stage.process(entry, unsafe { CallHandle::new(call, host) }).into()
    }

    fn event(&mut self, event: &RawEvent, call: RawCall) -> RResult<RawFlow, RawError> {
        let Some(host) = &self.host else { return RErr(not_open()) };
        // SAFETY: as in `process`.
        self.stage.event(event, unsafe { CallHandle::new(call, host) }).into()
    }

    fn control(&mut self, verb: RStr<'_>, arguments: RStr<'_>) -> RResult<RString, RawError> {
        match self.stage.control(verb.as_str(), arguments.as_str()) {
            Ok(answer) => ROk(answer.into()),
            Err(error) => RErr(error),
        }
    }

    fn close(&mut self) -> RResult<(), RawError> {
        self.stage.close().into()
    }
}
