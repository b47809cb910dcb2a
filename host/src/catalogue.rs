//! The plugins of this machine.

use majlis_config::{Catalogue, Source};
use majlis_loader::Loader;

use crate::cli::Places;
use crate::folders;

/// The loader, and what it found.
pub(crate) fn find(places: &Places, pipeline: Option<&Source<'_>>) -> (Loader, Catalogue) {
    let loader = Loader::new(folders::cache().join("plugins"));
    let catalogue = loader.scan(&folders::plugins(places, pipeline));
    (loader, catalogue)
}
