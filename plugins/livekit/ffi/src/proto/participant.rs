//! Participants: who they are and what they may do.

use std::collections::HashMap;

use prost::{Enumeration, Message};

use super::{FfiOwnedHandle, TrackSource};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum ParticipantState {
    Joining = 0,
    Joined = 1,
    Active = 2,
    Disconnected = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum ParticipantKind {
    Standard = 0,
    Ingress = 1,
    Egress = 2,
    Sip = 3,
    Agent = 4,
    Connector = 5,
    Bridge = 6,
}

/// Why somebody is out of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum DisconnectReason {
    /// Not said, or of a kind that this crate does not know.
    UnknownReason = 0,
    /// They left by themselves.
    ClientInitiated = 1,
    /// Somebody joined under the same identity.
    DuplicateIdentity = 2,
    /// The server ends.
    ServerShutdown = 3,
    /// They were sent away.
    ParticipantRemoved = 4,
    /// The room was deleted.
    RoomDeleted = 5,
    /// Server and client did not agree any more.
    StateMismatch = 6,
    /// Joining failed.
    JoinFailure = 7,
    /// The room moved to another server.
    Migration = 8,
    /// The socket to the server was closed.
    SignalClose = 9,
    /// The room was closed when its people had left.
    RoomClosed = 10,
    /// Somebody who was called did not answer.
    UserUnavailable = 11,
    /// Somebody who was called declined.
    UserRejected = 12,
    /// A telephone line failed.
    SipTrunkFailure = 13,
    /// Nothing was heard of them.
    ConnectionTimeout = 14,
    /// Media did not pass.
    MediaFailure = 15,
    /// An agent failed.
    AgentError = 16,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantInfo {
    #[prost(string, required, tag = "1")]
    pub(crate) sid: String,
    #[prost(string, required, tag = "2")]
    pub(crate) name: String,
    #[prost(string, required, tag = "3")]
    pub(crate) identity: String,
    #[prost(enumeration = "ParticipantState", required, tag = "4")]
    pub(crate) state: i32,
    #[prost(string, required, tag = "5")]
    pub(crate) metadata: String,
    #[prost(map = "string, string", tag = "6")]
    pub(crate) attributes: HashMap<String, String>,
    #[prost(enumeration = "ParticipantKind", required, tag = "7")]
    pub(crate) kind: i32,
    #[prost(enumeration = "DisconnectReason", required, tag = "8")]
    pub(crate) disconnect_reason: i32,
    #[prost(int64, required, tag = "9")]
    pub(crate) joined_at: i64,
    #[prost(message, optional, tag = "11")]
    pub(crate) permission: Option<ParticipantPermission>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedParticipant {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: ParticipantInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantPermission {
    #[prost(bool, required, tag = "1")]
    pub(crate) can_subscribe: bool,
    #[prost(bool, required, tag = "2")]
    pub(crate) can_publish: bool,
    #[prost(bool, required, tag = "3")]
    pub(crate) can_publish_data: bool,
    #[prost(enumeration = "TrackSource", packed = "false", repeated, tag = "9")]
    pub(crate) can_publish_sources: Vec<i32>,
    #[prost(bool, required, tag = "7")]
    pub(crate) hidden: bool,
    #[prost(bool, required, tag = "10")]
    pub(crate) can_update_metadata: bool,
}
