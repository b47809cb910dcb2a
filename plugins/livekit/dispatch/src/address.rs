use std::fmt;

use reqwest::Url;

use crate::error::{Error, Result};

/// Where a LiveKit server is. WebSockets and HTTP share one port, so `ws` and `http` mean the same, and so do `wss` and `https`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// With the scheme of HTTP.
    http: Url,
}

impl Address {
    /// Reads `wss://HOST`, `ws://HOST:PORT`, or the same with `https` and `http`.
    ///
    /// # Errors
    /// It is no address, or one that holds more than a place: a user, a password, a query.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        // What stands before an `@` or behind a `?` may be a key, and an error is shown.
        let shown = text.split(['?', '#']).next().unwrap_or_default();
        let shown = match (shown.find("://"), shown.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &shown[..scheme + 3], &shown[at + 1..]),
            _ => shown.to_owned(),
        };
        let wrong = |why: &str| Error::Address { address: shown.clone(), why: why.to_owned() };
        let mut url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let scheme = match url.scheme() {
            "ws" | "http" => "http",
            "wss" | "https" => "https",
            _ => return Err(wrong("it begins with neither wss: nor ws:")),
        };
        if url.host().is_none() {
            return Err(wrong("it names no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or a password, which would be shown"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a part behind `?` or `#`, which has no meaning here"));
        }
        // Between the four schemes above this is always possible.
        if url.scheme() != scheme {
            let text = url.as_str().replacen(url.scheme(), scheme, 1);
            url = Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
        }
        Ok(Self { http: url })
    }

    /// As participants want it: `ws://…` or `wss://…`, without a slash at its end.
    #[must_use]
    pub fn ws(&self) -> String {
        self.http.as_str().replacen("http", "ws", 1).trim_end_matches('/').to_owned()
    }

    /// The name or number of its host.
    #[must_use]
    pub fn host(&self) -> &str {
        // An address without one was refused.
        self.http.host_str().unwrap_or_default()
    }

    /// The address of a path below it.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.http.clone();
        url.set_path(&format!("{}{path}", self.http.path().trim_end_matches('/')));
        url
    }

    /// The address with the scheme of HTTP.
    pub(crate) fn url(&self) -> &Url {
        &self.http
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ws())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ws())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_one_address_whichever_scheme_it_is_written_with() {
        for (written, ws, agent) in [
            ("ws://127.0.0.1:7880", "ws://127.0.0.1:7880", "http://127.0.0.1:7880/agent"),
            ("http://127.0.0.1:7880/", "ws://127.0.0.1:7880", "http://127.0.0.1:7880/agent"),
            ("wss://p.livekit.cloud", "wss://p.livekit.cloud", "https://p.livekit.cloud/agent"),
            (" https://p.livekit.cloud\n", "wss://p.livekit.cloud", "https://p.livekit.cloud/agent"),
            ("wss://h/livekit/", "wss://h/livekit", "https://h/livekit/agent"),
        ] {
            let address = Address::parse(written).unwrap();
            assert_eq!(address.ws(), ws);
            assert_eq!(address.at("/agent").as_str(), agent);
        }
        assert_eq!(Address::parse("ws://h").unwrap(), Address::parse("http://h/").unwrap());
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_key_in_it_not_repeated() {
        for written in [
            "",
            "h",
            "ftp://h",
            "wss://",
            "wss://me:hunter2@h",
            "wss://hunter2@h",
            "wss://h?k=hunter2",
            "wss://h#hunter2",
        ] {
            let refused = Address::parse(written).unwrap_err().to_string();
            assert!(!refused.contains("hunter2"), "{refused}");
            assert!(refused.contains("wss://HOST"), "{refused}");
        }
    }
}
