use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use majlis_plugin_api::{Error, Result, Secret};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// How a server wants to be shown the key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    #[default]
    Bearer,
    /// Another header or another scheme, such as `x-api-key: KEY` or `Authorization: Basic KEY`.
    Header {
        /// The header's name.
        name: String,
        /// What stands before the key, with the space behind it: `Basic `. Empty for the key alone.
        #[serde(default)]
        prefix: String,
    },
}

/// Where a service is, with what key, and how long it may take.
///
/// The fields are those of a stage's configuration; [`Remote::open`](crate::Remote::open) checks them, and names the keys as they
/// are called here.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `http://HOST:PORT/v1` or `https://…`, without user, query or fragment.
    pub base_url: String,
    /// The key; a server in the house may need none.
    pub api_key: Option<Secret>,
    /// How the key is shown.
    pub auth: Auth,
    /// A PEM file with certificates to trust besides the system's: a company's own authority.
    pub ca_file: Option<PathBuf>,
    /// So long a connection may take: name, TCP and TLS.
    pub connect_timeout: Duration,
    /// So long the head of an answer may take, and so long an answer that has begun may pause.
    pub first_byte_timeout: Duration,
    /// Answers of more bytes are cut off and are errors.
    pub most_bytes: usize,
}

impl Endpoint {
    /// The base, if it is one.
    pub(crate) fn base(&self) -> Result<Url> {
        let wrong = |why: &str| Error::config("base_url", format!("{why}; write it like `https://HOST/v1`"));
        let url = Url::parse(self.base_url.trim()).map_err(|error| wrong(&format!("it is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it is neither http nor https"));
        }
        if url.host().is_none() {
            return Err(wrong("it names no host"));
        }
        // Both are where keys are put, and an address is shown.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user or a password, which would be shown; the key belongs into `api_key`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a part behind `?` or `#`, which has no meaning here"));
        }
        Ok(url)
    }

    /// The header that holds the key.
    pub(crate) fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let Some(key) = &self.api_key else { return Ok(headers) };
        // A file that holds a key ends with a line.
        let key = key.expose().trim();
        if key.is_empty() {
            return Err(Error::config("api_key", "it is empty; leave it out for a server that needs none"));
        }
        let (name, text) = match &self.auth {
            Auth::Bearer => (AUTHORIZATION, format!("Bearer {key}")),
            Auth::Header { name, prefix } => {
                let header = HeaderName::try_from(name)
                    .map_err(|_| Error::new(format!("`{name}` is no name of a header that could hold the key")))?;
                (header, format!("{prefix}{key}"))
            }
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::config("api_key", "it holds characters that no key has; copy it again"))?;
        // Libraries that log headers leave these out.
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(headers)
    }
}

/// The address of a path: below the base, or from the server's root where it begins with `/`. What stands behind a `?` is its query.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_query(query);
    if path.starts_with('/') {
        url.set_path(path);
    } else {
        url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    }
    url
}

/// Whether a host is this machine: no proxy of a company leads there.
#[must_use]
pub fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address as it is shown.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // They fail for addresses that have neither.
    let _ = (url.set_username(""), url.set_password(None));
    url.to_string().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base_url: &str) -> Endpoint {
        Endpoint {
            base_url: base_url.into(),
            api_key: None,
            auth: Auth::Bearer,
            ca_file: None,
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_secs(1),
            most_bytes: 1 << 20,
        }
    }

    #[test]
    fn a_path_is_joined_to_the_base_with_one_slash() {
        for base in ["http://h:1/v1", "http://h:1/v1/"] {
            let base = endpoint(base).base().expect("an address");
            assert_eq!(below(&base, "chat/completions").as_str(), "http://h:1/v1/chat/completions");
            assert_eq!(below(&base, "/health").as_str(), "http://h:1/health");
        }
    }

    #[test]
    fn an_address_that_would_show_a_key_is_refused_and_not_repeated() {
        for base in
            ["https://me:hunter2@h/v1", "https://h/v1?key=hunter2", "https://h/v1#hunter2", "ftp://h", "h/v1", ""]
        {
            let refused = endpoint(base).base().expect_err(base);
            assert_eq!(refused.path(), "base_url");
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused_and_not_repeated() {
        for key in ["", " \n", "hunt\ner2", "hunter2\u{0}"] {
            let endpoint = Endpoint { api_key: Some(Secret::new(key)), ..endpoint("http://h/v1") };
            let refused = endpoint.headers().expect_err(key);
            assert_eq!(refused.path(), "api_key");
            assert!(!refused.to_string().contains("er2"), "{refused}");
        }
        let of_a_file = Endpoint { api_key: Some(Secret::new("hunter2\n")), ..endpoint("http://h/v1") };
        let headers = of_a_file.headers().expect("a key");
        assert_eq!(headers[AUTHORIZATION], "Bearer hunter2");
        assert!(!format!("{headers:?}").contains("hunter2"));
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (address, here) in [
            ("http://localhost:11434/v1", true),
            ("http://127.0.0.1:8080/v1", true),
            ("http://[::1]:8080/v1", true),
            ("http://192.168.1.7:8000/v1", false),
            ("https://localhost.example/v1", false),
        ] {
            assert_eq!(is_here(&Url::parse(address).expect("an address")), here, "{address}");
        }
    }
}
