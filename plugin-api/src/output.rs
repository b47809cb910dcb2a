use std::fmt::{Display, Write as _};

use arrayvec::ArrayString;
use majlis_abi::host::NotEmitted;
use majlis_abi::plugin::CallHandle;

use crate::message::Message;
use crate::{AnyOut, Error, Host, NoVisit, Out, Packet, Pending, Result, Time, Visit, VisitId};

/// A fact of so many bytes is told without the heap.
const SHORT: usize = 64;

/// What one call can do. Emitting may block on a full `block` edge; everything else never does.
pub struct Output<'a> {
    pub(crate) call: CallHandle<'a>,
    pub(crate) host: &'a Host,
}

impl Output<'_> {
    /// Sends a message. It carries the time stamp of what the call was entered with. For a visit that is gone the
    /// message is dropped and counted as late, which is no error.
    ///
    /// # Errors
    /// The message cannot be encoded, or the edge overran: an endless loop of one thread.
    pub fn emit<T: Message>(&mut self, port: Out<T>, message: T) -> Result<()> {
        let buffer = message.encode(self.call.host())?;
        self.call.emit(port.index(), buffer).or_else(not_sent)
    }

    /// Sends the packet's own buffer on: nothing is copied.
    ///
    /// # Errors
    /// As [`emit`](Output::emit).
    pub fn forward<T>(&mut self, port: Out<T>, _packet: &Packet<'_>) -> Result<()> {
        // A packet cannot outlive its call, so it is the one that the host knows this call by.
        self.call.forward(port.index()).or_else(not_sent)
    }

    /// Opens a visit; from here on this call's messages are of that visit, and were seen now.
    ///
    /// # Errors
    /// The host drains, or too many are open.
    pub fn open_visit(&mut self) -> Result<Visit, NoVisit> {
        Visit::new(self.call.open_visit(None)?, self.call.host().clone())
    }

    /// Opens a visit of somebody who came earlier and is noticed only now: its account runs from then. A time that is
    /// not over yet is now. From here on this call's messages are of that visit; they carry the time stamp of the packet
    /// that the call was entered with, or, in a call without one, that of the arrival.
    ///
    /// # Errors
    /// As [`open_visit`](Output::open_visit).
    pub fn open_visit_since(&mut self, arrived: Time) -> Result<Visit, NoVisit> {
        Visit::new(self.call.open_visit(Some(arrived.as_nanos()))?, self.call.host().clone())
    }

    /// Begins work that outlives this call. `label` names it in reports.
    #[must_use = "deferred work that is dropped has failed"]
    pub fn defer(&mut self, label: &'static str) -> Pending {
        Pending { handle: self.call.defer(label), host: self.call.host().clone() }
    }

    /// Withdraws what is under way for this call's visit on every edge that can be reached from the port.
    pub fn flush(&mut self, port: impl AnyOut) {
        self.call.flush(port.output_index());
    }

    /// Sets a milestone that the manifest declares, for this call's visit.
    pub fn milestone(&mut self, name: &'static str) {
        self.call.milestone(name);
    }

    /// Names the part of the call that begins now, for the report.
    pub fn step(&mut self, name: &'static str) {
        self.call.step(name);
    }

    /// Attaches a fact to the call's line of the report. Never a name, a picture or an embedding.
    pub fn fact(&mut self, name: &'static str, value: impl Display) {
        let mut short = ArrayString::<SHORT>::new();
        match write!(short, "{value}") {
            Ok(()) => self.call.fact(name, &short),
            Err(_) => self.call.fact(name, &value.to_string()),
        }
    }

    /// Attaches an amount to the call's line that adds up over the run, such as tokens that were paid for: `tokens=+120`. The
    /// report of the run has the sum under the stage.
    pub fn count(&mut self, name: &'static str, amount: u64) {
        self.fact(name, format_args!("+{amount}"));
    }

    /// Whether what the call works for was withdrawn: a long call looks here and stops.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.call.cancelled()
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> Time {
        self.host.now()
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        self.host
    }

    /// This call's visit.
    #[must_use]
    pub fn visit(&self) -> Option<VisitId> {
        VisitId::from_number(self.call.visit())
    }
}

#[cold]
fn not_sent(why: NotEmitted) -> Result<()> {
    match why {
        NotEmitted::Gone | NotEmitted::Full(_) => Ok(()),
        NotEmitted::Overrun => {
            Err(Error::new("more packets were emitted in one call than the edge to a stage of the same thread holds"))
        }
        NotEmitted::NoPort => Err(Error::new("the manifest has no such output")),
        NotEmitted::NoPacket => Err(Error::new("the call was entered with no packet that could be passed on")),
    }
}
