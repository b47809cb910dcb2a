//! Holds a checked-in JSON Schema against the type that it is made from.

use std::path::Path;

use schemars::JsonSchema;
use serde_json::Value;

/// Holds the file against the schema of `C`; with `MAJLIS_BLESS=1` in the environment it writes the file instead.
/// A relative path starts from the package's folder: Cargo runs a test there.
///
/// # Panics
/// The file is missing, is no JSON, or says something else than the type.
pub fn check<C: JsonSchema>(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let made = schemars::schema_for!(C).to_value();
    if std::env::var_os("MAJLIS_BLESS").is_some_and(|value| value == "1") {
        let text = format!("{made:#}\n");
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{} could not be written: {error}", path.display()));
        return;
    }
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{} could not be read: {error}; MAJLIS_BLESS=1 writes it", path.display()));
    let kept: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()));
    assert!(
        kept == made,
        "{} says something else than the configuration's type; MAJLIS_BLESS=1 writes it.\nThe type says:\n{made:#}",
        path.display()
    );
}
