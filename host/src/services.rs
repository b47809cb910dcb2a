//! What plugins ask beside packets: native libraries, the load of the machine, the store, and whether there is a run.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use majlis_loader::Loader;
use majlis_meter::resident::{ThisProcess, rss};
use majlis_runtime::{Controls, Services};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::folders;

pub(crate) struct HostServices {
    loader: Arc<Loader>,
    /// Names of the stages, by index.
    stages: Vec<String>,
    started: std::time::Instant,
    store: OnceLock<majlis_store::Service>,
    run: OnceLock<Controls>,
    /// Whether one stage is opened alone, for a verb.
    alone: bool,
}

#[derive(Deserialize)]
struct OpenNative {
    name: String,
    path: PathBuf,
    sha256: Option<String>,
}

#[derive(Serialize)]
struct OpenedNative {
    path: PathBuf,
}

#[derive(Serialize)]
struct Load {
    cores: f64,
    resident: u64,
    limit: Option<u64>,
    visits: u32,
    used_ns: u64,
    processors: u32,
    memory: u64,
}

#[derive(Serialize)]
struct Run {
    alone: bool,
}

fn decode<T: DeserializeOwned>(request: &[u8]) -> Result<T, String> {
    ciborium::from_reader(request).map_err(|error| format!("the request is not what this host expects: {error}"))
}

fn encode<T: Serialize>(answer: &T) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    ciborium::into_writer(answer, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(format!("`{text}` is no sha256: it has 64 hexadecimal digits"));
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| format!("`{text}` is no sha256"))?;
    }
    Ok(bytes)
}

impl HostServices {
    pub(crate) fn new(loader: Arc<Loader>, stages: Vec<String>, alone: bool) -> Self {
        let (store, run) = (OnceLock::new(), OnceLock::new());
        Self { loader, stages, started: std::time::Instant::now(), store, run, alone }
    }

    /// The run that they serve, once it has begun: before, no visit is open.
    pub(crate) fn of(&self, run: Controls) {
        // One run a process, so it is never set twice.
        let _ = self.run.set(run);
    }

    fn native(&self, stage: usize, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        if method != "open" {
            return Err(format!("the service `native` has no method `{method}`"));
        }
        let asked: OpenNative = decode(request)?;
        let pin = asked.sha256.as_deref().map(sha256).transpose()?;
        let path = self
            .loader
            .natives()
            .open(&asked.name, &asked.path, pin, &self.stages[stage])
            .map_err(|refused| refused.to_string())?;
        encode(&OpenedNative { path })
    }

    fn load(&self, method: &str) -> Result<Vec<u8>, String> {
        if method != "now" {
            return Err(format!("the service `load` has no method `{method}`"));
        }
        let mut system = sysinfo::System::new().ok();
        let limit = system.as_ref().and_then(|system| system.cgroup_limits()).map(|limits| limits.total_memory);
        let memory = system.as_mut().map_or(0, |system| {
            system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_ram());
            system.total_memory()
        });
        let cpu = majlis_meter::clock::process_cpu();
        let elapsed = self.started.elapsed().as_secs_f64().max(0.001);
        let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        encode(&Load {
            cores: cpu as f64 / 1e9 / elapsed,
            resident: rss(&ThisProcess).map_err(|error| error.to_string())?,
            limit,
            visits: self.run.get().map_or(0, |run| u32::try_from(run.open_visits()).unwrap_or(u32::MAX)),
            used_ns: cpu,
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
            memory,
        })
    }

    fn run(&self, method: &str) -> Result<Vec<u8>, String> {
        if method != "now" {
            return Err(format!("the service `run` has no method `{method}`"));
        }
        encode(&Run { alone: self.alone })
    }

    /// The store; its folder is made when the first plugin opens a file of it.
    fn store(&self) -> &majlis_store::Service {
        self.store.get_or_init(|| majlis_store::Service::new(majlis_store::Store::new(folders::data().join("store"))))
    }
}

impl Services for HostServices {
    fn request(&self, stage: usize, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, String> {
        match service {
            "native" => self.native(stage, method, request),
            "load" => self.load(method),
            "run" => self.run(method),
            "store" => self.store().answer(method, request),
            _ => Err(format!("this host has no service `{service}`; it has native, load, run and store")),
        }
    }

    fn model(&self, name: &str) -> Result<String, String> {
        folders::model(name).map(|path| path.to_string_lossy().into_owned())
    }
}
