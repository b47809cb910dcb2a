use std::time::Duration;

use livekit_protocol as proto;
use livekit_token::VideoGrants;
use majlis_remote::ClientOptions;
use reqwest::Client;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::twirp;

/// Codes of LiveKit's questions among participants that say that nobody answered: there is no such participant, it did not take the
/// question, it did not answer it, it left meanwhile, or the question could not be sent.
const SILENT: [u32; 5] = [1401, 1501, 1502, 1503, 1505];

/// The service that sends for agents.
const SERVICE: &str = "AgentDispatchService";

/// Questions to a LiveKit server about rooms and who is in them, and about agents that are sent for. Cheap to clone; connections
/// are kept.
///
/// Each question is asked once. A failure says whether it may pass ([`Error::may_pass`]); all of them may be asked again without
/// harm, but [`create_dispatch`](Api::create_dispatch), which sends for one agent more.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
    address: Address,
    keys: Keys,
}

impl Api {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// There is no trust for a client: see [`ClientOptions::client`].
    pub fn open(address: Address, keys: Keys, options: &ClientOptions) -> Result<Self> {
        let client = options.client(address.url()).map_err(|error| Error::Client(error.to_string()))?;
        Ok(Self { client, address, keys })
    }

    /// Whom it asks.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Makes a room, or gives the one that is there. `request.agents` are sent for if it is made.
    ///
    /// # Errors
    /// What the server or the way to it says.
    pub async fn create_room(&self, request: &proto::CreateRoomRequest) -> Result<proto::Room> {
        let grants = VideoGrants { room_create: true, ..VideoGrants::default() };
        self.ask(grants, "RoomService", "CreateRoom", request).await
    }

    /// A room, if there is one.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn find_room(&self, room: &str) -> Result<Option<proto::Room>> {
        let found = self.rooms(vec![room.to_owned()]).await?;
        Ok(found.into_iter().find(|found| found.name == room))
    }

    /// All rooms there are.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn list_rooms(&self) -> Result<Vec<proto::Room>> {
        self.rooms(Vec::new()).await
    }

    /// Those with these names; all, where none is named.
    async fn rooms(&self, names: Vec<String>) -> Result<Vec<proto::Room>> {
        let grants = VideoGrants { room_list: true, ..VideoGrants::default() };
        let request = proto::ListRoomsRequest { names };
        let found: proto::ListRoomsResponse = self.ask(grants, "RoomService", "ListRooms", &request).await?;
        Ok(found.rooms)
    }

    /// What everybody in a room reads of it. The server takes an empty text for no wish at all, so nothing is said by a text that
    /// says nothing, such as `{}`. `false`: there was no such room.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn set_room_metadata(&self, room: &str, metadata: &str) -> Result<bool> {
        let request = proto::UpdateRoomMetadataRequest { room: room.to_owned(), metadata: metadata.to_owned() };
        let asked = self.ask::<_, proto::Room>(admin(room), "RoomService", "UpdateRoomMetadata", &request).await;
        Ok(self.in_a_room(room, asked).await?.is_some())
    }

    /// Ends a room for everybody in it. `false`: there was none.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn delete_room(&self, room: &str) -> Result<bool> {
        let grants = VideoGrants { room_create: true, ..VideoGrants::default() };
        let request = proto::DeleteRoomRequest { room: room.to_owned() };
        found(self.ask::<_, proto::DeleteRoomResponse>(grants, "RoomService", "DeleteRoom", &request).await)
    }

    /// Who is in a room; nobody, if there is no such room.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn list_participants(&self, room: &str) -> Result<Vec<proto::ParticipantInfo>> {
        let request = proto::ListParticipantsRequest { room: room.to_owned() };
        let asked =
            self.ask::<_, proto::ListParticipantsResponse>(admin(room), "RoomService", "ListParticipants", &request);
        match asked.await {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            answer => answer.map(|answer| answer.participants),
        }
    }

    /// Sends a participant away. A server of one's own lets it in again as long as its token is good; who must stay away is
    /// looked for again. `false`: it was not there.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn remove_participant(&self, room: &str, identity: &str) -> Result<bool> {
        let request = proto::RoomParticipantIdentity {
            room: room.to_owned(),
            identity: identity.to_owned(),
            ..proto::RoomParticipantIdentity::default()
        };
        let asked =
            self.ask::<_, proto::RemoveParticipantResponse>(admin(room), "RoomService", "RemoveParticipant", &request);
        found(asked.await)
    }

    /// Whether a participant answers a question of this name, be it with a refusal: a participant whose machine is lost is in the
    /// list for some 20 s more, and does not.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room); a server that is too old to ask says that it does not know the question; and
    /// [`Error::Answer`] where the participant has no way for questions yet, because it is only joining.
    pub async fn answers(&self, room: &str, identity: &str, method: &str, within: Duration) -> Result<bool> {
        let request = proto::PerformRpcRequest {
            room: room.to_owned(),
            destination_identity: identity.to_owned(),
            method: method.to_owned(),
            response_timeout_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
            ..proto::PerformRpcRequest::default()
        };
        let asked = self.ask::<_, proto::PerformRpcResponse>(admin(room), "RoomService", "PerformRpc", &request);
        match asked.await {
            Ok(_) => Ok(true),
            Err(error) => match answer_of(&error) {
                Some(code) => Ok(!SILENT.contains(&code)),
                None if error.is_not_found() || error.is_unavailable() => Ok(false),
                None => Err(error),
            },
        }
    }

    /// Sends for an agent of that name, once more with each call; the room is made where there is none. That the server takes it
    /// does not say that a worker is free: a job that nobody takes within 10 s is forgotten, and nobody is told.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn create_dispatch(&self, room: &str, agent_name: &str, metadata: &str) -> Result<proto::AgentDispatch> {
        let request = proto::CreateAgentDispatchRequest {
            room: room.to_owned(),
            agent_name: agent_name.to_owned(),
            metadata: metadata.to_owned(),
            ..proto::CreateAgentDispatchRequest::default()
        };
        self.ask(admin(room), SERVICE, "CreateDispatch", &request).await
    }

    /// Which agents were sent for, with the jobs that workers took; none, if there is no such room. A job whose worker was lost
    /// still counts as running here: who is in the room says [`list_participants`](Api::list_participants).
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn list_dispatches(&self, room: &str) -> Result<Vec<proto::AgentDispatch>> {
        let request = proto::ListAgentDispatchRequest { room: room.to_owned(), ..Default::default() };
        let asked =
            self.ask::<_, proto::ListAgentDispatchResponse>(admin(room), SERVICE, "ListDispatch", &request).await;
        let found = self.in_a_room(room, asked).await?;
        Ok(found.map(|found| found.agent_dispatches).unwrap_or_default())
    }

    /// Takes back that an agent was sent for: its job is terminated, and a participant that it has in the room is removed.
    /// `false`: there was no such dispatch.
    ///
    /// # Errors
    /// As [`create_room`](Api::create_room).
    pub async fn delete_dispatch(&self, room: &str, dispatch: &str) -> Result<bool> {
        let request = proto::DeleteAgentDispatchRequest { room: room.to_owned(), dispatch_id: dispatch.to_owned() };
        let asked = self.ask::<_, proto::AgentDispatch>(admin(room), SERVICE, "DeleteDispatch", &request).await;
        Ok(self.in_a_room(room, asked).await?.is_some())
    }

    /// An answer of the room itself, or nothing where there is none. The server asks whoever has the room, and where nobody has
    /// it, it says that nobody answers.
    async fn in_a_room<A>(&self, room: &str, answer: Result<A>) -> Result<Option<A>> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.is_unavailable() && self.find_room(room).await?.is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask<Q: prost::Message, A: prost::Message + Default>(
        &self,
        grants: VideoGrants,
        service: &str,
        method: &'static str,
        question: &Q,
    ) -> Result<A> {
        // A token for each question: it is good for what is asked and for a minute.
        let token = self.keys.own(grants)?;
        twirp::ask(&self.client, &self.address, &token, service, method, question).await
    }
}

fn admin(room: &str) -> VideoGrants {
    VideoGrants { room_admin: true, room: room.to_owned(), ..VideoGrants::default() }
}

/// Whether there was what should go.
fn found<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// The code with which a question to a participant ended, where the server passes one on.
fn answer_of(error: &Error) -> Option<u32> {
    let Error::Answer { said, .. } = error else { return None };
    said.split_once("RpcError ")?.1.split(':').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_participant_is_told_from_one_of_the_server() {
        let answer = |said: &str| {
            let (server, code) = ("ws://h".to_owned(), "canceled".to_owned());
            answer_of(&Error::Answer { server, asked: "PerformRpc", code, said: said.to_owned() })
        };
        assert_eq!(answer("twirp error unknown: RpcError 1501: Connection timeout"), Some(1501));
        assert_eq!(answer("twirp error unknown: RpcError 1400: Method not supported at destination"), Some(1400));
        assert_eq!(answer("no response from servers"), None);
    }
}
