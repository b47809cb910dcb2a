use majlis_abi::raw;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::port::InName;
use crate::{Closed, Error, Host, Output, Packet, Pending, Result, Time, Value, VisitId};

/// What a plugin implements. An instance is opened, entered and dropped on one thread, and never entered twice at
/// once; a call never runs inside another.
pub trait Stage: Sized + 'static {
    /// The stage's own table of the pipeline file: `serde` with unknown fields denied, and a schema.
    type Config: DeserializeOwned + JsonSchema;

    /// Makes the stage ready. What it loads here is reported as its opening.
    ///
    /// # Errors
    /// What the operator should read.
    fn open(config: Self::Config, host: &Host) -> Result<Self>;

    /// A packet, a wake or a resumption.
    ///
    /// # Errors
    /// The packet then has no answer; what is downstream is told.
    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow>;

    /// A visit opened or closed, an input failed, and so on. Events that do not matter are ignored by default.
    ///
    /// # Errors
    /// The call is reported as failed.
    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        let _ = (event, out);
        Ok(Flow::Continue)
    }

    /// A verb that the manifest declares; arguments and answer are JSON.
    ///
    /// # Errors
    /// What the operator should read.
    fn control(&mut self, verb: &str, args: Value, host: &Host) -> Result<Value> {
        let _ = (args, host);
        Err(Error::unknown_verb(verb))
    }

    /// The last call, before the instance is dropped.
    ///
    /// # Errors
    /// What the operator should read.
    fn close(self, host: &Host) -> Result<()> {
        let _ = host;
        Ok(())
    }
}

/// What a stage is entered with.
#[non_exhaustive]
pub enum Input<'a> {
    /// A packet on an input.
    Packet(Packet<'a>),
    /// A time that the stage asked for has come. A source gets its first one when it is ready.
    Wake {
        /// Whose wake it is.
        visit: Option<VisitId>,
        /// The time that was asked for.
        due: Time,
    },
    /// Deferred work that asked to come back to the stage's own thread.
    Resumed(Pending),
}

/// What a call says about what comes next, for the one wake of (stage, this call's visit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Leave the wake as it is.
    Continue,
    /// Wake me then, instead of whenever was asked before.
    WakeAt(Time),
    /// Do not wake me.
    CancelWake,
    /// A source has nothing more.
    Ended,
}

/// What the host tells beside packets; never dropped.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A visit opened.
    VisitOpened(VisitId),
    /// A visit closed: the last thing that a stage sees of it.
    VisitClosed(VisitId, Closed),
    /// What was under way for the visit is withdrawn.
    Flush(VisitId),
    /// No new visit; finish before `until`.
    Drain {
        /// Then all visits are gone.
        until: Time,
    },
    /// A packet that would have come by this input never will: its producer failed, was skipped or was too late.
    UpstreamFailed {
        /// The input.
        input: InName,
        /// The visit.
        visit: Option<VisitId>,
    },
    /// The input answers again.
    UpstreamRecovered {
        /// The input.
        input: InName,
    },
    /// Nothing more comes by this input.
    EndOfStream {
        /// The input.
        input: InName,
    },
}

impl From<Flow> for raw::RawFlow {
    fn from(flow: Flow) -> Self {
        let (kind, at) = match flow {
            Flow::Continue => (raw::flow::CONTINUE, 0),
            Flow::WakeAt(time) => (raw::flow::WAKE_AT, time.as_nanos()),
            Flow::CancelWake => (raw::flow::CANCEL_WAKE, 0),
            Flow::Ended => (raw::flow::ENDED, 0),
        };
        Self { kind, reserved: 0, at }
    }
}

impl Event {
    /// None for a kind of a later minor, and for an event that lacks the visit it must have.
    pub(crate) fn from_raw(raw: &raw::RawEvent) -> Option<Self> {
        use majlis_abi::raw::event as kind;
        let visit = VisitId::from_number(raw.visit);
        let input = InName(raw.input);
        Some(match raw.kind {
            kind::VISIT_OPENED => Self::VisitOpened(visit?),
            kind::VISIT_CLOSED => {
                let how = if raw.how == raw::closed::ENDED { Closed::Ended } else { Closed::Gone };
                Self::VisitClosed(visit?, how)
            }
            kind::FLUSH => Self::Flush(visit?),
            kind::DRAIN => Self::Drain { until: Time::from_nanos(raw.time) },
            kind::UPSTREAM_FAILED => Self::UpstreamFailed { input, visit },
            kind::UPSTREAM_RECOVERED => Self::UpstreamRecovered { input },
            kind::END_OF_STREAM => Self::EndOfStream { input },
            _ => return None,
        })
    }
}
