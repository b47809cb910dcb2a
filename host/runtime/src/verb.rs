//! A verb of a plugin: its stage is opened alone, asked, and closed.

use std::sync::Arc;

use crate::core::Core;
use crate::setup::{OpenError, Setup};

/// Why a verb gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum VerbError {
    /// The stage was not opened.
    #[error("stage `{stage}` could not be opened: {error}")]
    Open {
        /// Its name.
        stage: String,
        /// Why.
        error: OpenError,
    },
    /// The stage refused.
    #[error("{0}")]
    Refused(String),
}

/// Opens a stage alone, lets it answer a verb (arguments and answer are JSON), and closes it.
///
/// # Errors
/// See [`VerbError`].
pub fn control_alone(setup: Setup, stage: usize, verb: &str, arguments: &str) -> Result<String, VerbError> {
    let core = crate::runtime::core_of(setup).map_err(|error| VerbError::Refused(error.to_string()))?;
    let core: Arc<Core> = Arc::new(core);
    let name = core.graph.name(stage).to_owned();
    let mut instance = crate::worker::make(&core, stage, 1).map_err(|error| VerbError::Open { stage: name, error })?;
    let answer = instance.stage.control(verb.into(), arguments.into()).into_result();
    if let Err(error) = instance.stage.close().into_result() {
        core.observer.log(core.graph.name(stage), 2, "majlis::close", &format!("closing failed: {}", error.message));
    }
    answer.map(Into::into).map_err(|error| VerbError::Refused(error.message.into()))
}
