use std::fmt;
use std::num::NonZeroU64;

use majlis_abi::host::Closing;
use majlis_abi::plugin::HostHandle;

/// The number of a visit: unique in a run, and nothing that tells who came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitId(NonZeroU64);

impl VisitId {
    /// A visit by its number; none for 0.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a visit closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Nothing more comes; what is under way finishes.
    Ended,
    /// The visitor left: what is queued, armed or deferred for the visit is dropped at once.
    Gone,
}

/// Why a visit was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoVisit {
    /// The host drains: it takes no new visit.
    Draining,
    /// `max_visits` of the pipeline are open.
    TooMany,
}

impl fmt::Display for NoVisit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draining => "the host drains and takes no new visit",
            Self::TooMany => "as many visits as `max_visits` of the pipeline allows are open",
        })
    }
}

impl std::error::Error for NoVisit {}

impl From<majlis_abi::host::NoVisit> for NoVisit {
    fn from(raw: majlis_abi::host::NoVisit) -> Self {
        match raw {
            majlis_abi::host::NoVisit::Draining => Self::Draining,
            majlis_abi::host::NoVisit::Full => Self::TooMany,
        }
    }
}

/// A visit that this stage opened and has to close: with [`end`](Visit::end) or [`gone`](Visit::gone). Dropped, it
/// is gone.
pub struct Visit {
    id: VisitId,
    host: HostHandle,
    open: bool,
}

impl Visit {
    pub(crate) fn new(number: u64, host: HostHandle) -> Result<Self, NoVisit> {
        let id = VisitId::from_number(number).ok_or(NoVisit::Draining)?;
        Ok(Self { id, host, open: true })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> VisitId {
        self.id
    }

    /// Nothing more comes of it; what is under way finishes.
    pub fn end(self) {
        self.close(Closing::Ended);
    }

    /// The visitor left.
    pub fn gone(self) {
        self.close(Closing::Gone);
    }

    fn close(mut self, how: Closing) {
        self.open = false;
        self.host.close_visit(self.id.number(), how);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.open {
            self.host.close_visit(self.id.number(), Closing::Gone);
        }
    }
}
