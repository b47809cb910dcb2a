use std::collections::BTreeMap;
use std::path::PathBuf;

use majlis_plugin_api::service::load::Load;
use majlis_plugin_api::service::run::Run;
use majlis_plugin_api::{from_cbor, to_cbor};
use serde::{Deserialize, Serialize};

/// Answers a method of a service; request and answer are CBOR.
pub(crate) type Service = Box<dyn Fn(&str, &[u8]) -> Result<Vec<u8>, String> + Send + Sync>;

#[derive(Deserialize)]
struct OpenNative {
    name: String,
    path: PathBuf,
}

#[derive(Serialize)]
struct OpenedNative {
    path: PathBuf,
}

/// What is there unless the test says otherwise: `native` answers each path that exists, `load` a machine at rest, `run` that there is
/// one.
pub(crate) fn defaults() -> BTreeMap<String, Service> {
    let native: Service = Box::new(|_, request| {
        let open: OpenNative = from_cbor(request).map_err(|error| error.to_string())?;
        if !open.path.exists() {
            return Err(format!("the native library `{}` is not at {}", open.name, open.path.display()));
        }
        to_cbor(&OpenedNative { path: open.path }).map_err(|error| error.to_string())
    });
    let load: Service = Box::new(|_, _| {
        let load = Load {
            cores: 0.0,
            resident: 50_000_000,
            limit: None,
            visits: 0,
            used_ns: 0,
            processors: 2,
            memory: 8_000_000_000,
        };
        to_cbor(&load).map_err(|error| error.to_string())
    });
    let run: Service = Box::new(|_, _| to_cbor(&Run::default()).map_err(|error| error.to_string()));
    BTreeMap::from([("native".to_owned(), native), ("load".to_owned(), load), ("run".to_owned(), run)])
}
