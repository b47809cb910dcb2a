//! Where things are on this machine.

use std::env;
use std::path::{Path, PathBuf};

use majlis_config::Source;
use majlis_models::Places;

use crate::cli;

/// A folder of the user's, by the variable that names it or below the home folder.
fn user_folder(variable: &str, below_home: &str) -> PathBuf {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        // A service without a home still needs a place; the system empties it.
        .unwrap_or_else(|| env::temp_dir().join("majlis-home").join(below_home))
        .join("majlis")
}

/// What can be made again.
pub(crate) fn cache() -> PathBuf {
    user_folder("XDG_CACHE_HOME", ".cache")
}

/// What must not be lost.
pub(crate) fn data() -> PathBuf {
    user_folder("XDG_DATA_HOME", ".local/share")
}

/// `share/majlis/…` or `lib/majlis/…` of the folder that the binary's `bin` lies in.
fn beside_binary(path: &str) -> Option<PathBuf> {
    let binary = env::current_exe().ok()?;
    Some(binary.parent()?.parent()?.join(path))
}

/// Folders with plugins, in the order in which they are searched.
pub(crate) fn plugins(places: &cli::Places, pipeline: Option<&Source<'_>>) -> Vec<PathBuf> {
    let mut folders = places.plugins.clone();
    if let Some(path) = env::var_os("MAJLIS_PLUGIN_PATH") {
        folders.extend(env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty()));
    }
    folders.extend(pipeline.map(majlis_config::plugin_folders).unwrap_or_default());
    // Nobody asked for this one, so that it is missing is no error.
    folders.extend(beside_binary("lib/majlis/plugins").filter(|folder| folder.is_dir()));
    let mut seen: Vec<PathBuf> = Vec::new();
    folders.retain(|folder| {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let first = !seen.contains(&real);
        seen.push(real);
        first
    });
    folders
}

/// Where model packs lie.
pub(crate) fn models() -> Places {
    let named =
        env::var_os("MAJLIS_MODELS").map(|path| env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    Places {
        named: named.into_iter().filter(|folder| !folder.as_os_str().is_empty()).collect(),
        data: data().join("models"),
        cache: cache().join("models"),
        installed: beside_binary("share/majlis/models"),
    }
}

/// The path of a model by name.
pub(crate) fn model(name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || Path::new(name).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return Err(format!("`{name}` is no name of a model: it has to lie inside the folder of models"));
    }
    let places = models();
    places.find(name).ok_or_else(|| {
        let looked: Vec<String> = places.searched().map(|folder| folder.display().to_string()).collect();
        format!(
            "there is no model `{name}`; looked in {}; `majlis models list` shows the packs that can be fetched, and \
             MAJLIS_MODELS names other folders",
            looked.join(", ")
        )
    })
}
