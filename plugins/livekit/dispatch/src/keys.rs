use std::fmt;
use std::time::Duration;

use livekit_token::{AccessToken, VideoGrants};
use majlis_plugin_api::Secret;

use crate::error::{Error, Result};

/// A token that goes out with its request is of no use afterwards.
const OWN_TTL: Duration = Duration::from_secs(60);

/// An API key of a LiveKit server with its secret: whoever has them makes tokens for everything.
#[derive(Clone)]
pub struct Keys {
    key: String,
    secret: Secret,
}

impl Keys {
    /// Takes them as an operator wrote them; a file that holds one ends with a line.
    ///
    /// # Errors
    /// One of them is empty.
    pub fn new(key: &Secret, secret: &Secret) -> Result<Self> {
        let (key, secret) = (key.expose().trim(), secret.expose().trim());
        for (what, text) in [("API key", key), ("API secret", secret)] {
            if text.is_empty() {
                return Err(Error::Token(format!("the {what} is empty")));
            }
        }
        Ok(Self { key: key.to_owned(), secret: Secret::new(secret) })
    }

    /// A token of these keys, not yet signed.
    pub(crate) fn token(&self, ttl: Duration) -> AccessToken {
        AccessToken::with_api_key(&self.key, self.secret.expose()).with_ttl(ttl)
    }

    /// What one request is shown.
    pub(crate) fn own(&self, grants: VideoGrants) -> Result<Secret> {
        sign(self.token(OWN_TTL).with_grants(grants))
    }

    /// For the socket of a worker.
    pub(crate) fn worker(&self) -> Result<Secret> {
        self.own(VideoGrants { agent: true, ..VideoGrants::default() })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

pub(crate) fn sign(token: AccessToken) -> Result<Secret> {
    token.to_jwt().map(Secret::new).map_err(|error| Error::Token(error.to_string()))
}
