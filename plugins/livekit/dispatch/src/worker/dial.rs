//! How a worker comes by a socket.

use std::future::Future;
use std::time::Duration;

use majlis_remote::ClientOptions;
use reqwest::header::{AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use reqwest::{Client, StatusCode, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::twirp::{bearer, refusal, whole};

/// The server's own limit for a registration; a socket that takes longer is none.
const LIMIT: Duration = Duration::from_secs(10);
/// Messages of a server are small; the largest holds a room's metadata.
const MOST_BYTES: usize = 4 << 20;

/// Something that opens sockets: the network, or what a test puts in its place.
pub(crate) trait Dial: Send {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn dial(&mut self, address: &Address) -> impl Future<Output = Result<WebSocketStream<Self::Io>>> + Send;
}

/// Over HTTP, with the keys of a server.
pub(crate) struct Network {
    pub(crate) keys: Keys,
    pub(crate) options: ClientOptions,
    /// The client and the address that it was made for: proxies differ by address.
    client: Option<(Address, Client)>,
}

impl Network {
    pub(crate) fn new(keys: Keys, options: ClientOptions) -> Self {
        // A WebSocket begins as a question in HTTP/1.1, and its connection is nobody else's.
        Self { keys, options: ClientOptions { http1_only: true, keep_connections: false, ..options }, client: None }
    }

    fn client(&mut self, address: &Address) -> Result<Client> {
        if let Some((of, client)) = &self.client
            && of == address
        {
            return Ok(client.clone());
        }
        let client = self.options.client(address.url()).map_err(|error| Error::Client(error.to_string()))?;
        self.client = Some((address.clone(), client.clone()));
        Ok(client)
    }
}

impl Dial for Network {
    type Io = Upgraded;

    async fn dial(&mut self, address: &Address) -> Result<WebSocketStream<Upgraded>> {
        let client = self.client(address)?;
        // A token for each try: the last one's may be over.
        let token = self.keys.worker()?;
        let server = address.ws();
        match timeout(LIMIT, open(&client, address, &server, bearer(&token)?)).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::Silent { server, asked: "agent", seconds: LIMIT.as_secs() }),
        }
    }
}

/// The handshake of RFC 6455, by the client that reaches every other server: its trust and its proxies hold here too.
async fn open(
    client: &Client,
    address: &Address,
    server: &str,
    token: HeaderValue,
) -> Result<WebSocketStream<Upgraded>> {
    let key = generate_key();
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, token);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
    let sent = HeaderValue::from_str(&key).map_err(|error| Error::Token(error.to_string()))?;
    headers.insert("sec-websocket-key", sent);
    let asked = client.get(address.at("/agent")).headers(headers).send().await;
    let response = asked.map_err(|error| Error::of_the_way(server, &error))?;
    let status = response.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let body = whole(response, server).await.unwrap_or_default();
        return Err(if status.is_success() {
            Error::Protocol { server: server.to_owned(), why: "it opens no WebSocket".into() }
        } else {
            refusal(server, "agent", status, &body)
        });
    }
    let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(Error::Protocol {
            server: server.to_owned(),
            why: "its WebSocket answers another question".into(),
        });
    }
    let io = response.upgrade().await.map_err(|error| Error::of_the_way(server, &error))?;
    let limits = WebSocketConfig::default().max_message_size(Some(MOST_BYTES)).max_frame_size(Some(MOST_BYTES));
    Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(limits)).await)
}
