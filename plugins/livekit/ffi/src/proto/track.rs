//! Tracks and their publications.

use prost::{Enumeration, Message, Oneof};

use super::FfiOwnedHandle;

/// Sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum TrackKind {
    /// Not said.
    Unknown = 0,
    /// Sound.
    Audio = 1,
    /// Pictures.
    Video = 2,
}

/// Where a track comes from, as its publisher says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum TrackSource {
    /// Not said.
    Unknown = 0,
    /// A camera.
    Camera = 1,
    /// A microphone.
    Microphone = 2,
    /// A screen.
    Screenshare = 3,
    /// The sound of a screen.
    ScreenshareAudio = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum StreamState {
    Unknown = 0,
    Active = 1,
    Paused = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackInfo {
    #[prost(string, required, tag = "1")]
    pub(crate) sid: String,
    #[prost(string, required, tag = "2")]
    pub(crate) name: String,
    #[prost(enumeration = "TrackKind", required, tag = "3")]
    pub(crate) kind: i32,
    #[prost(enumeration = "StreamState", required, tag = "4")]
    pub(crate) stream_state: i32,
    #[prost(bool, required, tag = "5")]
    pub(crate) muted: bool,
    #[prost(bool, required, tag = "6")]
    pub(crate) remote: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedTrack {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: TrackInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPublicationInfo {
    #[prost(string, required, tag = "1")]
    pub(crate) sid: String,
    #[prost(string, required, tag = "2")]
    pub(crate) name: String,
    #[prost(enumeration = "TrackKind", required, tag = "3")]
    pub(crate) kind: i32,
    #[prost(enumeration = "TrackSource", required, tag = "4")]
    pub(crate) source: i32,
    #[prost(bool, required, tag = "5")]
    pub(crate) simulcasted: bool,
    #[prost(uint32, required, tag = "6")]
    pub(crate) width: u32,
    #[prost(uint32, required, tag = "7")]
    pub(crate) height: u32,
    #[prost(string, required, tag = "8")]
    pub(crate) mime_type: String,
    #[prost(bool, required, tag = "9")]
    pub(crate) muted: bool,
    #[prost(bool, required, tag = "10")]
    pub(crate) remote: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedTrackPublication {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: TrackPublicationInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateVideoTrackRequest {
    #[prost(string, required, tag = "1")]
    pub(crate) name: String,
    #[prost(uint64, required, tag = "2")]
    pub(crate) source_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateVideoTrackResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) track: OwnedTrack,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateAudioTrackRequest {
    #[prost(string, required, tag = "1")]
    pub(crate) name: String,
    #[prost(uint64, required, tag = "2")]
    pub(crate) source_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateAudioTrackResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) track: OwnedTrack,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocalTrackMuteRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) track_handle: u64,
    #[prost(bool, required, tag = "2")]
    pub(crate) mute: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LocalTrackMuteResponse {
    #[prost(bool, required, tag = "1")]
    pub(crate) muted: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetSubscribedRequest {
    #[prost(bool, required, tag = "1")]
    pub(crate) subscribe: bool,
    #[prost(uint64, required, tag = "2")]
    pub(crate) publication_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetSubscribedResponse {}

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum VideoCodec {
    /// VP8, which everybody knows.
    Vp8 = 0,
    /// H.264.
    H264 = 1,
    /// AV1.
    Av1 = 2,
    /// VP9.
    Vp9 = 3,
    /// H.265.
    H265 = 4,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoEncoding {
    #[prost(uint64, required, tag = "1")]
    pub(crate) max_bitrate: u64,
    #[prost(double, required, tag = "2")]
    pub(crate) max_framerate: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AudioEncoding {
    #[prost(uint64, required, tag = "1")]
    pub(crate) max_bitrate: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TrackPublishOptions {
    #[prost(message, optional, tag = "1")]
    pub(crate) video_encoding: Option<VideoEncoding>,
    #[prost(message, optional, tag = "2")]
    pub(crate) audio_encoding: Option<AudioEncoding>,
    #[prost(enumeration = "VideoCodec", optional, tag = "3")]
    pub(crate) video_codec: Option<i32>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) dtx: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    pub(crate) red: Option<bool>,
    #[prost(bool, optional, tag = "6")]
    pub(crate) simulcast: Option<bool>,
    #[prost(enumeration = "TrackSource", optional, tag = "7")]
    pub(crate) source: Option<i32>,
    #[prost(string, optional, tag = "8")]
    pub(crate) stream: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublishTrackRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) track_handle: u64,
    #[prost(message, required, tag = "3")]
    pub(crate) options: TrackPublishOptions,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublishTrackResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublishTrackCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(oneof = "PublishTrackCallbackMessage", tags = "2, 3")]
    pub(crate) message: Option<PublishTrackCallbackMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum PublishTrackCallbackMessage {
    #[prost(string, tag = "2")]
    Error(String),
    #[prost(message, tag = "3")]
    Publication(OwnedTrackPublication),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UnpublishTrackRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) track_sid: String,
    #[prost(bool, required, tag = "3")]
    pub(crate) stop_on_unpublish: bool,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UnpublishTrackResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UnpublishTrackCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}
