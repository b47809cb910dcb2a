//! Sound.

use prost::{Enumeration, Message, Oneof};

use super::FfiOwnedHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum AudioStreamType {
    Native = 0,
    Html = 1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum AudioSourceType {
    Native = 0,
    Platform = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AudioFrameBufferInfo {
    #[prost(uint64, required, tag = "1")]
    pub(crate) data_ptr: u64,
    #[prost(uint32, required, tag = "2")]
    pub(crate) num_channels: u32,
    #[prost(uint32, required, tag = "3")]
    pub(crate) sample_rate: u32,
    #[prost(uint32, required, tag = "4")]
    pub(crate) samples_per_channel: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedAudioFrameBuffer {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: AudioFrameBufferInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewAudioStreamRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) track_handle: u64,
    #[prost(enumeration = "AudioStreamType", required, tag = "2")]
    pub(crate) r#type: i32,
    #[prost(uint32, optional, tag = "3")]
    pub(crate) sample_rate: Option<u32>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) num_channels: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    pub(crate) frame_size_ms: Option<u32>,
    #[prost(uint32, optional, tag = "8")]
    pub(crate) queue_size_frames: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewAudioStreamResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) stream: OwnedAudioStream,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedAudioStream {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AudioStreamEvent {
    #[prost(uint64, required, tag = "1")]
    pub(crate) stream_handle: u64,
    #[prost(oneof = "AudioStreamEventMessage", tags = "2, 3")]
    pub(crate) message: Option<AudioStreamEventMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum AudioStreamEventMessage {
    #[prost(message, tag = "2")]
    FrameReceived(AudioFrameReceived),
    #[prost(message, tag = "3")]
    Eos(AudioStreamEOS),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AudioFrameReceived {
    #[prost(message, required, tag = "1")]
    pub(crate) frame: OwnedAudioFrameBuffer,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AudioStreamEOS {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewAudioSourceRequest {
    #[prost(enumeration = "AudioSourceType", required, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(uint32, optional, tag = "3")]
    pub(crate) sample_rate: Option<u32>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) num_channels: Option<u32>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) queue_size_ms: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewAudioSourceResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) source: OwnedAudioSource,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedAudioSource {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CaptureAudioFrameRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) source_handle: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) buffer: AudioFrameBufferInfo,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CaptureAudioFrameResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CaptureAudioFrameCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClearAudioBufferRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) source_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClearAudioBufferResponse {}
