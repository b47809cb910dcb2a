use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use majlis_abi::host::host_handle;
use majlis_abi::plugin::HostHandle;
use majlis_abi::raw::{RawEdge, RawOpen};
use majlis_plugin_api::{Host, In, Message, Out, Stage, Time, Value};

use crate::host::TestHost;
use crate::manifest::Manifest;
use crate::service;
use crate::state::{Declared, Settings, Shared};
use crate::{Failure, Kit};

/// What the test settles before it opens the stage.
pub struct Builder<S> {
    surroundings: Surroundings,
    settings: Settings,
    now: u64,
    stage: PhantomData<S>,
}

/// What a stage is opened with besides its configuration.
struct Surroundings {
    stage: String,
    language: String,
    time_zone: String,
    base: PathBuf,
    wires: Vec<Edge>,
}

struct Edge {
    port: u32,
    incoming: bool,
    peer: String,
    packet_type: &'static str,
}

impl Edge {
    fn raw(&self) -> RawEdge<'_> {
        RawEdge {
            port: self.port,
            incoming: u32::from(self.incoming),
            peer: self.peer.as_str().into(),
            packet_type: self.packet_type.into(),
        }
    }
}

impl Surroundings {
    fn new() -> Self {
        Self {
            stage: "stage".into(),
            language: "en".into(),
            time_zone: "UTC".into(),
            base: PathBuf::new(),
            wires: Vec::new(),
        }
    }

    /// Runs `work` with the raw form of this, which borrows from it.
    fn with_raw<R>(&self, config: &str, handle: &HostHandle, work: impl FnOnce(&RawOpen<'_>) -> R) -> R {
        let base = self.base.display().to_string();
        let incoming = self.wires.iter().filter(|edge| edge.incoming);
        let outgoing = self.wires.iter().filter(|edge| !edge.incoming);
        let edges: Vec<RawEdge<'_>> = incoming.chain(outgoing).map(Edge::raw).collect();
        work(&RawOpen {
            config: config.into(),
            stage: self.stage.as_str().into(),
            language: self.language.as_str().into(),
            time_zone: self.time_zone.as_str().into(),
            base: base.as_str().into(),
            edges: edges.as_slice().into(),
            host: handle.as_raw(),
        })
    }
}

impl<S: Stage> Builder<S> {
    pub(crate) fn new() -> Self {
        Self { surroundings: Surroundings::new(), settings: settings(), now: 1_000_000_000, stage: PhantomData }
    }

    /// The stage's name in the pipeline; `stage` otherwise.
    #[must_use]
    pub fn stage(mut self, name: &str) -> Self {
        self.surroundings.stage = name.to_owned();
        self
    }

    /// The pipeline's language; `en` otherwise.
    #[must_use]
    pub fn language(mut self, tag: &str) -> Self {
        self.surroundings.language = tag.to_owned();
        self
    }

    /// The pipeline's time zone; `UTC` otherwise.
    #[must_use]
    pub fn time_zone(mut self, name: &str) -> Self {
        self.surroundings.time_zone = name.to_owned();
        self
    }

    /// The folder that relative paths start from; the test's own otherwise, which Cargo makes the package's.
    #[must_use]
    pub fn base(mut self, folder: impl Into<PathBuf>) -> Self {
        self.surroundings.base = folder.into();
        self
    }

    /// An edge from `peer` (`stage.port`) into this input. Edges are counted in the order in which they are wired.
    #[must_use]
    pub fn wire<T: Message>(self, port: In<T>, peer: &str) -> Self {
        self.wire_as::<T, T>(port, peer)
    }

    /// An edge of packets of type `M` into an input that takes any.
    #[must_use]
    pub fn wire_as<M: Message, T>(mut self, port: In<T>, peer: &str) -> Self {
        self.surroundings.wires.push(Edge {
            port: port.index(),
            incoming: true,
            peer: peer.to_owned(),
            packet_type: M::TYPE,
        });
        self
    }

    /// An edge from this output to `peer`.
    #[must_use]
    pub fn wire_out<T: Message>(mut self, port: Out<T>, peer: &str) -> Self {
        self.surroundings.wires.push(Edge {
            port: port.index(),
            incoming: false,
            peer: peer.to_owned(),
            packet_type: T::TYPE,
        });
        self
    }

    /// A model that the host knows.
    #[must_use]
    pub fn model(mut self, name: &str, path: impl Into<PathBuf>) -> Self {
        self.settings.models.insert(name.to_owned(), path.into());
        self
    }

    /// A service of the host, by its method and its request in CBOR.
    #[must_use]
    pub fn service(
        mut self,
        name: &str,
        answer: impl Fn(&str, &[u8]) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        self.settings.services.insert(name.to_owned(), Box::new(answer));
        self
    }

    /// How many visits may be open at once; 64 otherwise.
    #[must_use]
    pub fn max_visits(mut self, count: usize) -> Self {
        self.settings.max_visits = count;
        self
    }

    /// The last level of log lines that is kept, 1 error to 5 trace; 4 otherwise.
    #[must_use]
    pub fn log_level(mut self, level: u32) -> Self {
        self.settings.log_level = level;
        self
    }

    /// When the clock starts; one second otherwise.
    #[must_use]
    pub fn starting_at(mut self, time: Time) -> Self {
        self.now = time.as_nanos();
        self
    }

    /// The manifest's text: from here on the kit holds the stage to the outputs and milestones that it declares.
    ///
    /// # Panics
    /// The text is no manifest.
    #[must_use]
    pub fn manifest(mut self, text: &str) -> Self {
        let manifest: Manifest = crate::manifest::check(text);
        self.settings.declared = Some(Declared { outputs: manifest.outputs.len(), milestones: manifest.milestones });
        self
    }

    /// Opens the stage.
    ///
    /// # Errors
    /// What the stage says of its configuration or of its opening.
    pub fn open(self, config: Value) -> Result<Kit<S>, Failure> {
        let shared = Arc::new(Shared::new(self.settings, self.now));
        let handle = host_handle(Arc::new(TestHost(Arc::clone(&shared))));
        self.surroundings.with_raw(&config.to_string(), &handle, |open| {
            let wires = self.surroundings.wires.iter().filter(|edge| edge.incoming);
            Kit::enter_new(shared, handle.clone(), open, wires.map(|edge| (edge.port, edge.packet_type)).collect())
        })
    }
}

/// A host without a stage: for tests of functions that make frames or audio.
#[must_use]
pub fn host() -> Host {
    let handle = host_handle(Arc::new(TestHost(Arc::new(Shared::new(settings(), 1_000_000_000)))));
    Surroundings::new().with_raw("null", &handle, |open| Host::new(open, handle.clone()))
}

fn settings() -> Settings {
    Settings { max_visits: 64, log_level: 4, models: BTreeMap::new(), services: service::defaults(), declared: None }
}
