use std::error::Error as StdError;
use std::path::PathBuf;
use std::time::Duration;

use majlis_plugin_api::{Error, Result};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Url};

use crate::endpoint::is_here;

/// A connection that nobody uses is kept so long: most servers close it after a minute.
const IDLE: Duration = Duration::from_secs(55);

/// How a server is reached, for whoever speaks a protocol of its own with it: the trust, the proxies and the refusal of
/// redirections that [`Remote`](crate::Remote) has.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// A PEM file with certificates to trust besides the system's: a company's own authority.
    pub ca_file: Option<PathBuf>,
    /// So long a connection may take: name, TCP and TLS.
    pub connect_timeout: Duration,
    /// HTTP/1.1 even where TLS offers HTTP/2: what becomes a WebSocket begins so.
    pub http1_only: bool,
    /// Whether connections are kept for the next question. Without, each question pays for its own, as who measures wants it.
    pub keep_connections: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { ca_file: None, connect_timeout: Duration::from_secs(5), http1_only: false, keep_connections: true }
    }
}

impl ClientOptions {
    /// A client for the server at `url`. Nothing is asked yet.
    ///
    /// # Errors
    /// `ca_file` is no file of certificates, or there are none by which the server could be trusted.
    pub fn client(&self, url: &Url) -> Result<Client> {
        // The first of a process counts; a second stage finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = self.trusted()?;
        self.builder(url).tls_certs_merge(trusted).build().or_else(|error| {
            // A system without certificates can still reach a server that needs none.
            let bare = (url.scheme() == "http").then(|| self.builder(url).tls_certs_only([]).build().ok()).flatten();
            bare.ok_or_else(|| {
                Error::new(format!(
                    "no server can be trusted: {}; install the system's certificates (package ca-certificates), or name a \
                     file of them in `ca_file`",
                    cause(&error)
                ))
            })
        })
    }

    fn builder(&self, url: &Url) -> ClientBuilder {
        let mut builder = Client::builder()
            .user_agent(concat!("majlis/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(Duration::from_secs(30))
            // A key goes to the address that an operator wrote, and nowhere else.
            .redirect(Policy::none())
            .referer(false);
        if self.http1_only {
            builder = builder.http1_only();
        }
        if !self.keep_connections {
            builder = builder.pool_max_idle_per_host(0);
        }
        // A company's proxy does not lead to this machine.
        if is_here(url) { builder.no_proxy() } else { builder }
    }

    fn trusted(&self) -> Result<Vec<Certificate>> {
        let Some(file) = &self.ca_file else { return Ok(Vec::new()) };
        let wrong = |why: String| Error::config("ca_file", format!("{}: {why}", file.display()));
        let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        let trusted =
            Certificate::from_pem_bundle(&pem).map_err(|_| wrong("it is no PEM file of certificates".into()))?;
        if trusted.is_empty() {
            return Err(wrong("there is no certificate in it".into()));
        }
        Ok(trusted)
    }
}

/// The innermost error: what is around it repeats the address or says that something failed.
#[must_use]
pub fn cause(error: &reqwest::Error) -> String {
    let mut error: &dyn StdError = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
