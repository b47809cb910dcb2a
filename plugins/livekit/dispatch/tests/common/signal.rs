//! A participant as far as its signal connection goes: in the room, without media.

use futures_util::{SinkExt, StreamExt};
use majlis_livekit_dispatch::Address;
use majlis_livekit_dispatch::proto::request_response::Reason;
use majlis_livekit_dispatch::proto::signal_request::Message as Asking;
use majlis_livekit_dispatch::proto::signal_response::Message as Answer;
use majlis_livekit_dispatch::proto::{
    AddTrackRequest, JoinResponse, SignalRequest, SignalResponse, TrackSource, TrackType, UpdateParticipantMetadata,
};
use majlis_plugin_api::Secret;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::SOON;

pub(crate) struct Participant {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) joined: JoinResponse,
}

impl Participant {
    /// Joins, or says why not: the status of the answer.
    pub(crate) async fn join(address: &Address, token: &Secret) -> Result<Self, String> {
        let url = format!("{address}/rtc?protocol=16&auto_subscribe=0&access_token={}", token.expose());
        let (mut socket, _) = connect_async(url).await.map_err(|error| error.to_string())?;
        match timeout(SOON, next(&mut socket)).await.expect("an answer to joining") {
            Some(Answer::Join(joined)) => Ok(Self { socket, joined }),
            other => Err(format!("no room, but {other:?}")),
        }
    }

    /// Asks to publish a track. Whether the server lets it.
    pub(crate) async fn publishes(&mut self, source: TrackSource) -> bool {
        let r#type = if source == TrackSource::Camera { TrackType::Video } else { TrackType::Audio };
        let (cid, name) = (format!("{source:?}"), format!("{source:?}"));
        let track = AddTrackRequest {
            cid: cid.clone(),
            name,
            r#type: r#type as i32,
            source: source as i32,
            ..Default::default()
        };
        self.ask(Asking::AddTrack(track)).await;
        let verdict = self.verdict(|answer| match answer {
            Answer::TrackPublished(published) if published.cid == cid => Some(true),
            Answer::RequestResponse(response) => Some(response.reason() == Reason::Ok),
            _ => None,
        });
        verdict.await
    }

    /// Asks to change its own attributes. Whether the server lets it.
    pub(crate) async fn changes_itself(&mut self) -> bool {
        let attributes = [("lk.agent.state".to_owned(), "thinking".to_owned())].into();
        self.ask(Asking::UpdateMetadata(UpdateParticipantMetadata { attributes, ..Default::default() })).await;
        let verdict = self.verdict(|answer| match answer {
            Answer::RequestResponse(response) => Some(response.reason() == Reason::Ok),
            _ => None,
        });
        verdict.await
    }

    /// Waits until the server sends it away.
    pub(crate) async fn is_sent_away(&mut self) {
        self.verdict(|answer| matches!(answer, Answer::Leave(_)).then_some(())).await;
    }

    async fn ask(&mut self, message: Asking) {
        let bytes = SignalRequest { message: Some(message) }.encode_to_vec();
        self.socket.send(Message::binary(bytes)).await.expect("it is sent");
    }

    /// What the server says to it that says something.
    async fn verdict<T>(&mut self, mut says: impl FnMut(Answer) -> Option<T>) -> T {
        let listening = async {
            loop {
                let answer = next(&mut self.socket).await.expect("the connection is open");
                if let Some(verdict) = says(answer) {
                    return verdict;
                }
            }
        };
        timeout(SOON, listening).await.expect("an answer")
    }
}

async fn next(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Option<Answer> {
    loop {
        match socket.next().await?.ok()? {
            Message::Binary(bytes) => {
                if let Some(answer) = SignalResponse::decode(&*bytes).expect("LiveKit's protocol").message {
                    return Some(answer);
                }
            }
            Message::Close(_) => return None,
            _ => {}
        }
    }
}
