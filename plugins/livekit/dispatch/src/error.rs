/// What this crate answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something with a LiveKit server did not go, in one sentence for an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address is none.
    #[error("`{address}` is no LiveKit server: {why}; write it like `wss://HOST`")]
    Address {
        /// As it was written, without what could be a key.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A token cannot be made.
    #[error("no token for LiveKit can be made: {0}")]
    Token(String),
    /// The client cannot be made: no trust, or no file of certificates.
    #[error("{0}")]
    Client(String),
    /// No connection, or one that broke.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What the system says.
        why: String,
    },
    /// Nothing came in the time there was.
    #[error("{server} did not answer within {seconds} s ({asked})")]
    Silent {
        /// The server.
        server: String,
        /// What was asked.
        asked: &'static str,
        /// So long was waited.
        seconds: u64,
    },
    /// The key, its secret or what they allow.
    #[error(
        "{server} refuses the key: {said}; look whether API key and secret are those of this server, and this machine's clock"
    )]
    Refused {
        /// The server.
        server: String,
        /// What it says.
        said: String,
    },
    /// The server understood and says no.
    #[error("{server} answers {asked}: {code}: {said}")]
    Answer {
        /// The server.
        server: String,
        /// What was asked, such as `CreateRoom`.
        asked: &'static str,
        /// A code of Twirp, such as `not_found`, or an HTTP status.
        code: String,
        /// What it says.
        said: String,
    },
    /// What came is not LiveKit's protocol.
    #[error("{server} does not speak LiveKit's protocol: {why}; look whether the address is a LiveKit server's")]
    Protocol {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The worker tried to come back as often as it may.
    #[error("the worker gave up after {tries} tries: {last}")]
    GaveUp {
        /// So often it tried.
        tries: u32,
        /// What was wrong the last time.
        last: String,
    },
    /// None of several servers can be used.
    #[error("no LiveKit server can be used: {0}")]
    NoServer(String),
}

impl Error {
    /// Whether it may go better when it is tried again: nobody has to act first.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            Self::Answer { code, .. } => {
                matches!(
                    code.as_str(),
                    "unavailable" | "deadline_exceeded" | "resource_exhausted" | "internal" | "aborted"
                ) || code.starts_with('5')
            }
            _ => false,
        }
    }

    /// Whether the server says that what was asked about is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Answer { code, .. } if code == "not_found")
    }

    /// Whether nobody behind the server answered it.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Answer { code, .. } if code == "unavailable")
    }

    /// An error of a connection. Its text has no address, which the sentence names itself.
    pub(crate) fn of_the_way(server: &str, error: &reqwest::Error) -> Self {
        Self::Unreachable { server: server.to_owned(), why: majlis_remote::cause(error) }
    }
}
