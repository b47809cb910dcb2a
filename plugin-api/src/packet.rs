use majlis_abi::plugin::Borrowed;
use majlis_abi::raw::RawPacket;

use crate::host::Host;
use crate::message::Message;
use crate::{In, InName, Result, Time, VisitId, Wire};

/// A packet on an input, borrowed for the call. A message that is taken out of it may be kept.
pub struct Packet<'a> {
    pub(crate) raw: &'a RawPacket,
    pub(crate) buffer: Borrowed<'a>,
    pub(crate) host: &'a Host,
}

impl Packet<'_> {
    /// The message, if the packet came by this input. A frame keeps its pixels where they are.
    ///
    /// # Errors
    /// The bytes are no message of the port's type.
    pub fn get<T: Message>(&self, port: In<T>) -> Result<Option<T>> {
        if self.raw.input != port.index() {
            return Ok(None);
        }
        let packet_type = self.wire().map_or(T::TYPE, |wire| wire.packet_type.as_str());
        T::decode(&self.buffer, packet_type).map(Some)
    }

    /// The input that it came by.
    #[must_use]
    pub fn input(&self) -> InName {
        InName(self.raw.input)
    }

    /// The edge that it came by, as an index into [`Host::wires`].
    #[must_use]
    pub fn edge(&self) -> usize {
        self.raw.edge as usize
    }

    /// The edge that it came by.
    #[must_use]
    pub fn wire(&self) -> Option<&Wire> {
        self.host.inner.wires.get(self.edge())
    }

    /// Its visit.
    #[must_use]
    pub fn visit(&self) -> Option<VisitId> {
        VisitId::from_number(self.raw.visit)
    }

    /// When what it tells was seen.
    #[must_use]
    pub fn time(&self) -> Time {
        Time::from_nanos(self.raw.time)
    }

    /// Its place on its edge.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.raw.sequence
    }
}
