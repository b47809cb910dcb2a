use std::path::{Path, PathBuf};
use std::sync::Arc;

use majlis_abi::host::NotEmitted;
use majlis_abi::plugin::{AdoptedThread, BufferMut, HostHandle};
use majlis_abi::raw::RawOpen;

use crate::message::Message;
use crate::{Error, NoVisit, Out, Refused, Result, Time, Visit, VisitId, log};

/// An edge of the pipeline that ends or begins at this stage.
#[derive(Clone, Debug)]
pub struct Wire {
    /// The port of this stage, by its place in the manifest.
    pub port: u32,
    /// Whether `port` is an input.
    pub incoming: bool,
    /// The other end, as `stage.port`.
    pub peer: String,
    /// The packet type, like `majlis/frame@1`.
    pub packet_type: String,
}

pub(crate) struct Inner {
    pub(crate) handle: HostHandle,
    pub(crate) stage: String,
    language: String,
    time_zone: String,
    base: PathBuf,
    pub(crate) wires: Vec<Wire>,
}

/// The host, as a stage sees it: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
}

impl Host {
    /// The host that a stage is opened with: for `export_stage!` and for test kits.
    #[doc(hidden)]
    #[must_use]
    pub fn new(open: &RawOpen<'_>, handle: HostHandle) -> Self {
        let wires = open
            .edges
            .iter()
            .map(|edge| Wire {
                port: edge.port,
                incoming: edge.incoming != 0,
                peer: edge.peer.as_str().to_owned(),
                packet_type: edge.packet_type.as_str().to_owned(),
            })
            .collect();
        Self {
            inner: Arc::new(Inner {
                handle,
                stage: open.stage.as_str().to_owned(),
                language: open.language.as_str().to_owned(),
                time_zone: open.time_zone.as_str().to_owned(),
                base: PathBuf::from(open.base.as_str()),
                wires,
            }),
        }
    }

    /// The clock. A stage never asks another one for the time.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::from_nanos(self.inner.handle.now())
    }

    /// A buffer for a packet: writable until it is emitted, at least `len` bytes that may hold old bytes of this host
    /// but never of another visit beyond what the stage writes; so write all of it.
    #[must_use]
    pub fn buffer(&self, len: usize) -> BufferMut {
        self.inner.handle.buffer(len)
    }

    /// Shows text of a visit to the operator. Only the host writes to the terminal.
    pub fn print(&self, visit: Option<VisitId>, text: &str) {
        self.inner.handle.print(visit.map_or(0, VisitId::number), text);
    }

    /// The folder or file of a model by its name.
    ///
    /// # Errors
    /// A sentence that names the model and where it was looked for.
    pub fn model(&self, name: &str) -> Result<PathBuf> {
        self.inner.handle.model(name).map(PathBuf::from).map_err(Error::from_raw)
    }

    /// Opens visits and emits from threads of the plugin's own: for a room or a page.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { handle: self.inner.handle.clone() }
    }

    /// Starts a thread that the host knows: named, and metered as this stage's *background*.
    ///
    /// # Errors
    /// What the system says.
    pub fn spawn(&self, label: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let (host, label) = (self.clone(), label.to_owned());
        std::thread::Builder::new()
            .name(label.chars().take(15).collect())
            .spawn(move || {
                let _adopted = host.adopt_thread(&label);
                work();
            })
            .map_err(|error| Error::from(error).within("a thread could not be started"))?;
        Ok(())
    }

    /// Makes the calling thread known, for threads that a library started: until the guard is dropped, what it
    /// allocates is this stage's *background* and what it logs carries this stage's name.
    #[must_use]
    pub fn adopt_thread(&self, label: &str) -> Adopted {
        let thread = self.inner.handle.adopt_thread(label);
        Adopted { _log: log::Here::enter(&self.inner.handle), _thread: thread }
    }

    /// The stage's name in the pipeline.
    #[must_use]
    pub fn stage(&self) -> &str {
        &self.inner.stage
    }

    /// The pipeline's language, a BCP 47 tag like `ar-SA`.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.inner.language
    }

    /// The pipeline's time zone, an IANA name like `Asia/Riyadh`.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        &self.inner.time_zone
    }

    /// A path of the configuration, from the folder that the pipeline's paths start from.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.inner.base.join(path)
    }

    /// The edges that end at this stage, in the order that [`Packet::edge`](crate::Packet::edge) counts, then those
    /// that begin at it.
    #[must_use]
    pub fn wires(&self) -> &[Wire] {
        &self.inner.wires
    }

    /// Asks a service of the host: see [`service`](crate::service).
    pub(crate) fn request(&self, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>> {
        self.inner.handle.service(service, method, request).map_err(Error::from_raw)
    }
}

/// A thread that the host knows; it ends on the thread that it was made on.
pub struct Adopted {
    // Declared first, so that it is dropped while the thread is still adopted.
    _log: log::Here<'static>,
    _thread: AdoptedThread,
}

/// Opens visits and emits from threads of the plugin's own.
#[derive(Clone)]
pub struct Origin {
    handle: HostHandle,
}

impl Origin {
    /// Opens a visit.
    ///
    /// # Errors
    /// The host drains, or too many are open.
    pub fn open_visit(&self) -> Result<Visit, NoVisit> {
        Visit::new(self.handle.open_visit(None)?, self.handle.clone())
    }

    /// Opens a visit of somebody who came earlier and is noticed only now: its account runs from then. A time that is
    /// not over yet is now.
    ///
    /// # Errors
    /// As [`open_visit`](Origin::open_visit).
    pub fn open_visit_since(&self, arrived: Time) -> Result<Visit, NoVisit> {
        Visit::new(self.handle.open_visit(Some(arrived.as_nanos()))?, self.handle.clone())
    }

    /// Emits a message that was seen at `time`. Never blocks.
    ///
    /// # Errors
    /// The message again if the edge is full; `Gone` if the visit is.
    pub fn emit<T: Message>(
        &self,
        port: Out<T>,
        visit: Option<VisitId>,
        time: Time,
        message: T,
    ) -> Result<(), Refused<T>> {
        let Ok(buffer) = message.encode(&self.handle) else { return Err(Refused::Gone) };
        match self.handle.emit(port.index(), visit.map_or(0, VisitId::number), time.as_nanos(), buffer) {
            Ok(()) => Ok(()),
            Err(NotEmitted::Full(_)) => Err(Refused::Full(message)),
            Err(_) => Err(Refused::Gone),
        }
    }
}
