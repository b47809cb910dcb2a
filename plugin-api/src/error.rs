use std::fmt;

/// What went wrong in a stage, in one sentence for an operator. Any `std::error::Error` becomes one with `?`.
pub struct Error {
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) path: String,
}

/// The result of a stage's work.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this sentence. Name the thing, the place and the remedy.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: majlis_abi::raw::error::FAILED, message: message.into(), path: String::new() }
    }

    /// The configuration does not fit at this path, like `people[2].photo`.
    pub fn config(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: majlis_abi::raw::error::CONFIG, message: message.into(), path: path.into() }
    }

    /// The stage has no such verb.
    #[must_use]
    pub fn unknown_verb(verb: &str) -> Self {
        Self {
            code: majlis_abi::raw::error::UNKNOWN_VERB,
            message: format!("the stage has no verb `{verb}`"),
            path: String::new(),
        }
    }

    /// The path of the configuration key that it is about, or nothing.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same error with words in front of it.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { write!(f, "{}", self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

// `Error` is not a `std::error::Error` itself, or this would overlap with the reflexive `From`.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !message.contains(&cause_text) {
                message.push_str(": ");
                message.push_str(&cause_text);
            }
            source = cause.source();
        }
        Self::new(message)
    }
}

impl Error {
    /// What the host said. No `From`: it would overlap with the one above.
    pub(crate) fn from_raw(raw: majlis_abi::raw::RawError) -> Self {
        Self { code: raw.code, message: raw.message.into(), path: raw.path.into() }
    }
}

impl From<Error> for majlis_abi::raw::RawError {
    fn from(error: Error) -> Self {
        let mut raw = Self::new(error.code, &error.message);
        raw.path = error.path.into();
        raw
    }
}

/// Why a message was not taken by a call that never blocks.
pub enum Refused<T> {
    /// The edge is full: here is the message again.
    Full(T),
    /// The visit is gone, or the work was cancelled.
    Gone,
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::Gone => "Gone",
        })
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the edge is full",
            Self::Gone => "the visit is gone or the work was cancelled",
        })
    }
}

impl<T> std::error::Error for Refused<T> {}
