//! Between a worker and the official server: what each says, and when.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use majlis_livekit_dispatch::Address;
use majlis_livekit_dispatch::proto::server_message::Message as Said;
use majlis_livekit_dispatch::proto::worker_message::Message as Saying;
use majlis_livekit_dispatch::proto::{ServerMessage, WorkerMessage};
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::{accept_hdr_async, connect_async};

/// What passed, in its order.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<(Instant, Either)>>>);

#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a handful of them
pub(crate) enum Either {
    Worker(Saying),
    Server(Said),
}

impl Heard {
    pub(crate) fn all(&self) -> Vec<(Instant, Either)> {
        self.0.lock().expect("nobody panics with it").clone()
    }

    fn note(&self, message: Either) {
        self.0.lock().expect("nobody panics with it").push((Instant::now(), message));
    }
}

/// An address by which a worker reaches the server, and what passes there.
pub(crate) async fn tap(server: &Address) -> (Address, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let here = Address::parse(&format!("ws://{}", listener.local_addr().expect("a bound socket"))).expect("an address");
    let heard = Heard::default();
    let (server, noting) = (server.ws(), heard.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass(stream, server.clone(), noting.clone()));
        }
    });
    (here, heard)
}

async fn pass(stream: TcpStream, server: String, heard: Heard) {
    let mut shown = None;
    #[allow(clippy::result_large_err)] // the type is tungstenite's
    let look = |request: &Request, response: Response| {
        shown = request.headers().get(AUTHORIZATION).cloned();
        Ok(response)
    };
    let Ok(worker) = accept_hdr_async(stream, look).await else { return };
    let mut request = format!("{server}/agent").into_client_request().expect("a request");
    request.headers_mut().insert(AUTHORIZATION, shown.expect("a worker shows a token"));
    let Ok((server, _)) = connect_async(request).await else { return };
    let ((mut to_worker, mut of_worker), (mut to_server, mut of_server)) = (worker.split(), server.split());
    let out = async {
        while let Some(Ok(message)) = of_worker.next().await {
            if message.is_binary() {
                let known = WorkerMessage::decode(message.clone().into_data()).expect("LiveKit's protocol").message;
                known.into_iter().for_each(|message| heard.note(Either::Worker(message)));
            }
            if to_server.send(message).await.is_err() {
                break;
            }
        }
    };
    let back = async {
        while let Some(Ok(message)) = of_server.next().await {
            if message.is_binary() {
                let known = ServerMessage::decode(message.clone().into_data()).expect("LiveKit's protocol").message;
                known.into_iter().for_each(|message| heard.note(Either::Server(message)));
            }
            if to_worker.send(message).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = out => {} () = back => {} }
}
