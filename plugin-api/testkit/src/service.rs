use std::collections::BTreeMap;
use std::path::PathBuf;

use majlis_plugin_api::service::load::Load;
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

/// What is there unless the test says otherwise: `native` answers each path that exists, `load` a machine at rest.
pub(crate) fn defaults() -> BTreeMap<String, Service> {
    let native: Service = Box::new(|_, request| {
        let open: OpenNative = from_cbor(request).map_err(|error| error.to_string())?;
        if !open.path.exists() {
            return Err(format!("the native library `{}` is not at {}", open.name, open.path.display()));
        }
        to_cbor(&OpenedNative { path: open.path }).map_err(|error| error.to_string())
    });
    let load: Service = Box::new(|_, _| {
        to_cbor(&Load { cores: 0.0, resident: 50_000_000, limit: None, visits: 0 }).map_err(|error| error.to_string())
    });
    BTreeMap::from([("native".to_owned(), native), ("load".to_owned(), load)])
}
