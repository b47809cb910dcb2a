//! What the library says of a room by itself.

use prost::{Enumeration, Message, Oneof};

use super::{
    AttributesEntry, DisconnectReason, FfiOwnedHandle, OwnedByteStreamReader, OwnedParticipant, OwnedTextStreamReader,
    OwnedTrack, OwnedTrackPublication, ParticipantPermission, RoomInfo, TrackPublicationInfo,
};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoomEvent {
    #[prost(uint64, required, tag = "1")]
    pub(crate) room_handle: u64,
    #[prost(
        oneof = "RoomEventMessage",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17, 18, 19, 21, 22, 23, 24, 27, 34, 35, 36, 37, 41, 42, 43, 45"
    )]
    pub(crate) message: Option<RoomEventMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum RoomEventMessage {
    #[prost(message, tag = "2")]
    ParticipantConnected(ParticipantConnected),
    #[prost(message, tag = "3")]
    ParticipantDisconnected(ParticipantDisconnected),
    #[prost(message, tag = "4")]
    LocalTrackPublished(LocalTrackPublished),
    #[prost(message, tag = "5")]
    LocalTrackUnpublished(LocalTrackUnpublished),
    #[prost(message, tag = "6")]
    LocalTrackSubscribed(LocalTrackSubscribed),
    #[prost(message, tag = "7")]
    TrackPublished(TrackPublished),
    #[prost(message, tag = "8")]
    TrackUnpublished(TrackUnpublished),
    #[prost(message, tag = "9")]
    TrackSubscribed(TrackSubscribed),
    #[prost(message, tag = "10")]
    TrackUnsubscribed(TrackUnsubscribed),
    #[prost(message, tag = "11")]
    TrackSubscriptionFailed(TrackSubscriptionFailed),
    #[prost(message, tag = "12")]
    TrackMuted(TrackMuted),
    #[prost(message, tag = "13")]
    TrackUnmuted(TrackUnmuted),
    #[prost(message, tag = "15")]
    RoomMetadataChanged(RoomMetadataChanged),
    #[prost(message, tag = "17")]
    ParticipantMetadataChanged(ParticipantMetadataChanged),
    #[prost(message, tag = "18")]
    ParticipantNameChanged(ParticipantNameChanged),
    #[prost(message, tag = "19")]
    ParticipantAttributesChanged(ParticipantAttributesChanged),
    #[prost(message, tag = "21")]
    ConnectionStateChanged(ConnectionStateChanged),
    #[prost(message, tag = "22")]
    Disconnected(Disconnected),
    #[prost(message, tag = "23")]
    Reconnecting(Reconnecting),
    #[prost(message, tag = "24")]
    Reconnected(Reconnected),
    #[prost(message, tag = "27")]
    DataPacketReceived(DataPacketReceived),
    #[prost(message, tag = "34")]
    ByteStreamOpened(ByteStreamOpened),
    #[prost(message, tag = "35")]
    TextStreamOpened(TextStreamOpened),
    #[prost(message, tag = "36")]
    RoomUpdated(RoomInfo),
    #[prost(message, tag = "37")]
    Moved(RoomInfo),
    #[prost(message, tag = "41")]
    ParticipantPermissionChanged(ParticipantPermissionChanged),
    #[prost(message, tag = "42")]
    ParticipantActive(ParticipantActive),
    #[prost(message, tag = "43")]
    DataTrackPublished(DataTrackPublished),
    #[prost(message, tag = "45")]
    LocalTrackRepublished(LocalTrackRepublished),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantConnected {
    #[prost(message, required, tag = "1")]
    pub(crate) info: OwnedParticipant,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantActive {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantDisconnected {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(enumeration = "DisconnectReason", required, tag = "2")]
    pub(crate) disconnect_reason: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantMetadataChanged {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) metadata: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantNameChanged {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantAttributesChanged {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) attributes: Vec<AttributesEntry>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) changed_attributes: Vec<AttributesEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ParticipantPermissionChanged {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) permission: Option<ParticipantPermission>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocalTrackPublished {
    #[prost(string, required, tag = "1")]
    pub(crate) track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocalTrackUnpublished {
    #[prost(string, required, tag = "1")]
    pub(crate) publication_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocalTrackSubscribed {
    #[prost(string, required, tag = "2")]
    pub(crate) track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocalTrackRepublished {
    #[prost(uint64, required, tag = "1")]
    pub(crate) publication_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) previous_sid: String,
    #[prost(message, required, tag = "3")]
    pub(crate) info: TrackPublicationInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPublished {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(message, required, tag = "2")]
    pub(crate) publication: OwnedTrackPublication,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackUnpublished {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) publication_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackSubscribed {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(message, required, tag = "2")]
    pub(crate) track: OwnedTrack,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackUnsubscribed {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackSubscriptionFailed {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) track_sid: String,
    #[prost(string, required, tag = "3")]
    pub(crate) error: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackMuted {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackUnmuted {
    #[prost(string, required, tag = "1")]
    pub(crate) participant_identity: String,
    #[prost(string, required, tag = "2")]
    pub(crate) track_sid: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoomMetadataChanged {
    #[prost(string, required, tag = "1")]
    pub(crate) metadata: String,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ConnectionState {
    /// There is none.
    Disconnected = 0,
    /// There is one.
    Connected = 1,
    /// It was lost and is being sought again.
    Reconnecting = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConnectionStateChanged {
    #[prost(enumeration = "ConnectionState", required, tag = "1")]
    pub(crate) state: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Disconnected {
    #[prost(enumeration = "DisconnectReason", required, tag = "1")]
    pub(crate) reason: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Reconnecting {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Reconnected {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum DataPacketKind {
    Lossy = 0,
    Reliable = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BufferInfo {
    #[prost(uint64, required, tag = "1")]
    pub(crate) data_ptr: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) data_len: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedBuffer {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) data: BufferInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserPacket {
    #[prost(message, required, tag = "1")]
    pub(crate) data: OwnedBuffer,
    #[prost(string, optional, tag = "2")]
    pub(crate) topic: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataPacketReceived {
    #[prost(enumeration = "DataPacketKind", required, tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, required, tag = "2")]
    pub(crate) participant_identity: String,
    #[prost(oneof = "DataPacketReceivedValue", tags = "4")]
    pub(crate) value: Option<DataPacketReceivedValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum DataPacketReceivedValue {
    #[prost(message, tag = "4")]
    User(UserPacket),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamOpened {
    #[prost(message, required, tag = "1")]
    pub(crate) reader: OwnedByteStreamReader,
    #[prost(string, required, tag = "2")]
    pub(crate) participant_identity: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamOpened {
    #[prost(message, required, tag = "1")]
    pub(crate) reader: OwnedTextStreamReader,
    #[prost(string, required, tag = "2")]
    pub(crate) participant_identity: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataTrackPublished {
    #[prost(message, required, tag = "1")]
    pub(crate) track: OwnedRemoteDataTrack,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedRemoteDataTrack {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(string, required, tag = "3")]
    pub(crate) publisher_identity: String,
}
