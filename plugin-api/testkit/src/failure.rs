use majlis_abi::raw::{RawError, error};

/// What a stage answered instead of doing what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// The sentence for an operator.
    pub message: String,
    /// The configuration key that it is about, like `people[2].photo`; or empty.
    pub path: String,
}

/// The kinds of failure that the boundary tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The stage says that it failed.
    Failed,
    /// It panicked; the instance is poisoned.
    Panicked,
    /// Its configuration does not fit.
    Config,
    /// It panicked before and was not entered.
    Poisoned,
    /// It has no such verb.
    UnknownVerb,
    /// The host refused what it asked for.
    Refused,
}

impl From<RawError> for Failure {
    fn from(raw: RawError) -> Self {
        let kind = match raw.code {
            error::PANICKED => FailureKind::Panicked,
            error::CONFIG => FailureKind::Config,
            error::POISONED => FailureKind::Poisoned,
            error::UNKNOWN_VERB => FailureKind::UnknownVerb,
            error::REFUSED => FailureKind::Refused,
            _ => FailureKind::Failed,
        };
        Self { kind, message: raw.message.into(), path: raw.path.into() }
    }
}

impl From<majlis_plugin_api::Error> for Failure {
    fn from(error: majlis_plugin_api::Error) -> Self {
        RawError::from(error).into()
    }
}
