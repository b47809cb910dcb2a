use bytes::Bytes;
use majlis_plugin_api::Secret;
pub use reqwest::Method;

use crate::failure::Failure;

/// A request of any form. What it holds may be secret, such as a token in its body, so it cannot be printed.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Below the base, or from the server's root where it begins with `/`; a query may follow behind `?`.
    pub path: String,
    /// Headers besides the key's.
    pub headers: Vec<(String, String)>,
    /// Whether the key is shown.
    pub with_key: bool,
    /// JSON.
    pub body: Option<Bytes>,
    /// What of it is secret besides the key: a server that repeats it in an error is quoted without it.
    pub secrets: Vec<Secret>,
}

/// All that is known of a request that went wrong. It is told as its [`Failure`]; what the server said is for a program to look for
/// words in; the key and the secrets of the request are struck out of both.
pub struct Refusal {
    /// Why, in a sentence, and what may follow.
    pub failure: Failure,
    /// The status of an answer that came.
    pub status: Option<u16>,
    /// The beginning of its body.
    pub said: String,
    /// Whether it is known what the server did: false if it may have got the request and done what it asks for.
    pub is_known: bool,
}

impl Refusal {
    pub(crate) fn unsent(failure: Failure) -> Self {
        Self { failure, status: None, said: String::new(), is_known: true }
    }

    pub(crate) fn unanswered(failure: Failure) -> Self {
        Self { failure, status: None, said: String::new(), is_known: false }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure
    }
}
