//! Where ONNX Runtime's library is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The version that `make onnxruntime` fetches.
pub const VERSION: &str = "1.27.0";

/// Builds for Linux on x86-64 that are known to send nothing: version and sha256 of the library. From 1.29 on telemetry is
/// on by default, writes below the user's cache folder, and only ORT_DISABLE_TELEMETRY=1, set before the library is first
/// opened, stops it. This program sees faces, so anything else is refused without that.
pub const SILENT: [(&str, &str); 2] = [
    ("1.27.0", "b5c9d4f124d24707f514dad926dc181820807178855df1c528e3addb2dd0e6f7"),
    ("1.28.0", "aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083"),
];

/// Finds the library: what the configuration names, else `ORT_DYLIB_PATH`, else where `make onnxruntime` puts it.
///
/// A path that somebody wrote down and that leads nowhere is an error: falling through to another library would hide it.
/// `environment` answers for an environment variable.
///
/// # Errors
/// [`Error::RuntimeMissing`] with the places that were looked at.
pub fn find(configured: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let (path, said_by) = if let Some(path) = configured {
        (Some(path.to_owned()), "the configuration")
    } else if let Some(path) = environment("ORT_DYLIB_PATH").filter(|value| !value.is_empty()) {
        (Some(path.into()), "ORT_DYLIB_PATH")
    } else {
        (cache(&environment).map(|cache| fetched(&cache)), "make onnxruntime")
    };
    match path {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(Error::RuntimeMissing { looked: vec![format!("{} ({said_by})", path.display())] }),
        None => Err(Error::RuntimeMissing { looked: vec!["no place: neither XDG_CACHE_HOME nor HOME is set".into()] }),
    }
}

/// This program's folder in the user's cache: `$XDG_CACHE_HOME/majlis`, or `~/.cache/majlis`.
pub fn cache(environment: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The standard has it that a relative path is to be ignored.
    let caches = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let caches = caches.or_else(|| variable("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("majlis"))
}

/// Whether a library was named: by the configuration or by `ORT_DYLIB_PATH`.
pub fn is_named(configured: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> bool {
    configured.is_some() || environment("ORT_DYLIB_PATH").is_some_and(|value| !value.is_empty())
}

/// A variable of this process's environment.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn fetched(cache: &Path) -> PathBuf {
    cache.join("onnxruntime").join(VERSION).join(format!("libonnxruntime.so.{VERSION}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn library(path: PathBuf) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"").unwrap();
        path
    }

    #[test]
    fn the_configuration_goes_before_the_variable_and_that_before_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let named = library(folder.path().join("named.so"));
        let from_variable = library(folder.path().join("variable.so"));
        let in_cache = library(fetched(&folder.path().join("majlis")));
        let both = |name: &str| match name {
            "ORT_DYLIB_PATH" => Some(from_variable.clone().into()),
            "XDG_CACHE_HOME" => Some(folder.path().into()),
            _ => None,
        };
        let cache_only = |name: &str| both(name).filter(|_| name != "ORT_DYLIB_PATH");
        assert_eq!(find(Some(&named), both).unwrap(), named);
        assert_eq!(find(None, both).unwrap(), from_variable);
        assert_eq!(find(None, cache_only).unwrap(), in_cache);
    }

    #[test]
    fn a_named_library_that_is_missing_is_not_replaced_by_another() {
        let folder = tempfile::tempdir().unwrap();
        library(fetched(&folder.path().join("majlis")));
        let environment = |name: &str| (name == "XDG_CACHE_HOME").then(|| folder.path().into());
        let error = find(Some(Path::new("/nowhere/lib.so")), environment).unwrap_err();
        assert_eq!(error.code(), "recognition.runtime-missing");
        assert!(error.to_string().contains("/nowhere/lib.so (the configuration)"), "{error}");
        assert!(error.remedy().unwrap().contains("make onnxruntime"));
    }

    #[test]
    fn empty_and_relative_variables_count_as_unset() {
        let environment = |name: &str| match name {
            "ORT_DYLIB_PATH" => Some("".into()),
            "XDG_CACHE_HOME" => Some("caches".into()),
            "HOME" => Some("/home/guest".into()),
            _ => None,
        };
        let error = find(None, environment).unwrap_err().to_string();
        assert!(error.contains("/home/guest/.cache/majlis/onnxruntime/1.27.0/libonnxruntime.so.1.27.0"), "{error}");
        assert!(find(None, |_| None).unwrap_err().to_string().contains("HOME"));
    }

    #[test]
    fn the_card_of_the_library_says_the_same_as_this_file() {
        let card = include_str!("../../../models/onnxruntime.toml");
        let (_, sha256) = SILENT.iter().find(|(version, _)| *version == VERSION).unwrap();
        assert!(card.contains(&format!("version = \"{VERSION}\"")) && card.contains(sha256));
    }
}
