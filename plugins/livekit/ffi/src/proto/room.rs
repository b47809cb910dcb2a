//! A room: joining, leaving, and what happens there.

use prost::{Enumeration, Message, Oneof};

use super::{DisconnectReason, OwnedParticipant, OwnedTrackPublication};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FfiOwnedHandle {
    #[prost(uint64, required, tag = "1")]
    pub(crate) id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoomOptions {
    #[prost(bool, optional, tag = "1")]
    pub(crate) auto_subscribe: Option<bool>,
    #[prost(bool, optional, tag = "2")]
    pub(crate) adaptive_stream: Option<bool>,
    #[prost(bool, optional, tag = "3")]
    pub(crate) dynacast: Option<bool>,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) join_retries: Option<u32>,
    #[prost(bool, optional, tag = "8")]
    pub(crate) single_peer_connection: Option<bool>,
    #[prost(uint64, optional, tag = "9")]
    pub(crate) connect_timeout_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectRequest {
    #[prost(string, required, tag = "1")]
    pub(crate) url: String,
    #[prost(string, required, tag = "2")]
    pub(crate) token: String,
    #[prost(message, required, tag = "3")]
    pub(crate) options: RoomOptions,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(oneof = "ConnectCallbackMessage", tags = "2, 3")]
    pub(crate) message: Option<ConnectCallbackMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum ConnectCallbackMessage {
    #[prost(string, tag = "2")]
    Error(String),
    #[prost(message, tag = "3")]
    Result(ConnectCallbackResult),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectCallbackParticipantWithTracks {
    #[prost(message, required, tag = "1")]
    pub(crate) participant: OwnedParticipant,
    #[prost(message, repeated, tag = "2")]
    pub(crate) publications: Vec<OwnedTrackPublication>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectCallbackResult {
    #[prost(message, required, tag = "1")]
    pub(crate) room: OwnedRoom,
    #[prost(message, required, tag = "2")]
    pub(crate) local_participant: OwnedParticipant,
    #[prost(message, repeated, tag = "3")]
    pub(crate) participants: Vec<ConnectCallbackParticipantWithTracks>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoomInfo {
    #[prost(string, optional, tag = "1")]
    pub(crate) sid: Option<String>,
    #[prost(string, required, tag = "2")]
    pub(crate) name: String,
    #[prost(string, required, tag = "3")]
    pub(crate) metadata: String,
    #[prost(int64, required, tag = "9")]
    pub(crate) creation_time: i64,
    #[prost(uint32, required, tag = "10")]
    pub(crate) num_participants: u32,
    #[prost(bool, required, tag = "12")]
    pub(crate) active_recording: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedRoom {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: RoomInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadyForRoomEventRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) room_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadyForRoomEventResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DisconnectRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) room_handle: u64,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) request_async_id: Option<u64>,
    #[prost(enumeration = "DisconnectReason", optional, tag = "3")]
    pub(crate) reason: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DisconnectResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DisconnectCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum SimulateScenarioKind {
    SignalReconnect = 0,
    Speaker = 1,
    NodeFailure = 2,
    ServerLeave = 3,
    Migration = 4,
    ForceTcp = 5,
    ForceTls = 6,
    FullReconnect = 7,
    DisconnectSignalOnResume = 8,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SimulateScenarioRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) room_handle: u64,
    #[prost(enumeration = "SimulateScenarioKind", required, tag = "2")]
    pub(crate) scenario: i32,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SimulateScenarioResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SimulateScenarioCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}
