//! Every way in which something can fail here, with a stable code, words for an operator, and a remedy.

use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. [`Error::code`] is stable; the text is for people, and holds no token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The library was not found.
    #[error("LiveKit's library was not found; looked at {}", .looked.join(", "))]
    Missing {
        /// The places, in the order in which they were tried.
        looked: Vec<String>,
    },

    /// No build of the library is pinned for this machine.
    #[error("LiveKit's library is pinned for Linux on x86-64 and on aarch64; this is {machine}")]
    Machine {
        /// System and processor.
        machine: String,
    },

    /// The file is not the library that these messages were written for.
    #[error("LiveKit's library at {path} has sha256 {found}, and {expected} is expected")]
    Hash {
        /// The file.
        path: PathBuf,
        /// Its sha256, in hexadecimal.
        found: String,
        /// The one that is pinned.
        expected: &'static str,
    },

    /// The file could not be read or opened.
    #[error("LiveKit's library at {path} could not be opened: {reason}")]
    Unopened {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },

    /// A process has one instance of the library, and it came from another file.
    #[error("LiveKit's library at {wanted} was asked for, but this process already runs the one at {running}")]
    Conflict {
        /// The library that is in use.
        running: PathBuf,
        /// The library that was asked for.
        wanted: PathBuf,
    },

    /// The crate's thread could not be started.
    #[error("no thread for LiveKit's events: {0}")]
    Thread(String),

    /// The library panicked, or was told to end. Nothing works from there on.
    #[error("LiveKit's library has ended: {0}")]
    Ended(String),

    /// The library did not take a request, and says why only in its log.
    #[error("LiveKit's library refused `{0}`")]
    Refused(&'static str),

    /// The library answered with something else.
    #[error("LiveKit's library gave no proper answer to `{0}`")]
    Unexpected(&'static str),

    /// A request was taken and failed.
    #[error("`{request}` failed: {reason}")]
    Failed {
        /// The request, by the library's name for it.
        request: &'static str,
        /// What the library said.
        reason: String,
    },

    /// The token lacks a grant, so that nothing would have changed.
    #[error("`{request}` needs the grant `{grant}`, which this participant's token lacks")]
    NotGranted {
        /// The request, by the library's name for it.
        request: &'static str,
        /// The grant, by its name in a token.
        grant: &'static str,
    },

    /// What was given does not fit.
    #[error("{0}")]
    Invalid(String),

    /// A question to another participant was answered with an error, or not at all.
    #[error("the question was not answered: {0}")]
    Rpc(#[from] crate::rpc::RpcError),

    /// More of a stream arrived than may wait to be read.
    #[error("the stream was given up: {waiting} bytes wait to be read")]
    Overrun {
        /// Bytes that wait.
        waiting: usize,
    },
}

impl Error {
    /// A short name that never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "livekit.library-missing",
            Self::Machine { .. } => "livekit.machine",
            Self::Hash { .. } => "livekit.library-hash",
            Self::Unopened { .. } => "livekit.library-unopened",
            Self::Conflict { .. } => "livekit.library-conflict",
            Self::Thread(_) => "livekit.thread",
            Self::Ended(_) => "livekit.ended",
            Self::Refused(_) => "livekit.refused",
            Self::Unexpected(_) => "livekit.unexpected",
            Self::Failed { .. } => "livekit.failed",
            Self::NotGranted { .. } => "livekit.not-granted",
            Self::Invalid(_) => "livekit.invalid",
            Self::Rpc(_) => "livekit.rpc",
            Self::Overrun { .. } => "livekit.overrun",
        }
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Missing { .. } => "`make livekit` fetches it; or name the file in LIVEKIT_FFI_PATH",
            Self::Hash { .. } => "`make livekit` fetches the one that fits; another version speaks other messages",
            Self::Unopened { .. } => "it needs glibc 2.28 or newer; `make livekit` fetches it anew",
            Self::Conflict { .. } => "let every stage name the same file",
            Self::Ended(_) => "restart the program",
            Self::NotGranted { .. } => "issue the token with that grant",
            _ => return None,
        })
    }

    pub(crate) fn failed(request: &'static str, reason: impl AsRef<str>) -> Self {
        Self::Failed { request, reason: without_tokens(reason.as_ref()) }
    }
}

/// `text` without anything that looks like a join token: they begin with `eyJ`, the start of a JSON object in base64.
fn without_tokens(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        clean.push_str(&rest[..at]);
        clean.push_str("***");
        let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '%');
        rest = rest[at..].trim_start_matches(token);
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_what_the_library_says_is_not_repeated() {
        let said = "wss://host/rtc?access_token=eyJhbGciOi.eyJzdWIiOi.c2ln-_x&sdk=rust: 401 (eyJ)";
        let error = Error::failed("connect", said).to_string();
        assert_eq!(error, "`connect` failed: wss://host/rtc?access_token=***&sdk=rust: 401 (***)");
    }
}
