//! Pictures.

use prost::{Enumeration, Message, Oneof};

use super::FfiOwnedHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum VideoBufferType {
    Rgba = 0,
    Abgr = 1,
    Argb = 2,
    Bgra = 3,
    Rgb24 = 4,
    I420 = 5,
    I420a = 6,
    I422 = 7,
    I444 = 8,
    I010 = 9,
    Nv12 = 10,
}

/// How far a picture has to be turned clockwise to stand upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum VideoRotation {
    /// It stands upright.
    Rotation0 = 0,
    /// By 90 degrees.
    Rotation90 = 1,
    /// By 180 degrees.
    Rotation180 = 2,
    /// By 270 degrees.
    Rotation270 = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum VideoStreamType {
    Native = 0,
    Webgl = 1,
    Html = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum VideoSourceType {
    Native = 0,
    Encoded = 1,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoBufferInfo {
    #[prost(enumeration = "VideoBufferType", required, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(uint32, required, tag = "2")]
    pub(crate) width: u32,
    #[prost(uint32, required, tag = "3")]
    pub(crate) height: u32,
    #[prost(uint64, required, tag = "4")]
    pub(crate) data_ptr: u64,
    #[prost(uint32, optional, tag = "6")]
    pub(crate) stride: Option<u32>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) components: Vec<VideoBufferInfoComponentInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoBufferInfoComponentInfo {
    #[prost(uint64, required, tag = "1")]
    pub(crate) data_ptr: u64,
    #[prost(uint32, required, tag = "2")]
    pub(crate) stride: u32,
    #[prost(uint32, required, tag = "3")]
    pub(crate) size: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedVideoBuffer {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: VideoBufferInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewVideoStreamRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) track_handle: u64,
    #[prost(enumeration = "VideoStreamType", required, tag = "2")]
    pub(crate) r#type: i32,
    #[prost(enumeration = "VideoBufferType", optional, tag = "3")]
    pub(crate) format: Option<i32>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) normalize_stride: Option<bool>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) queue_size_frames: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewVideoStreamResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) stream: OwnedVideoStream,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedVideoStream {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoStreamEvent {
    #[prost(uint64, required, tag = "1")]
    pub(crate) stream_handle: u64,
    #[prost(oneof = "VideoStreamEventMessage", tags = "2, 3")]
    pub(crate) message: Option<VideoStreamEventMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum VideoStreamEventMessage {
    #[prost(message, tag = "2")]
    FrameReceived(VideoFrameReceived),
    #[prost(message, tag = "3")]
    Eos(VideoStreamEOS),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoFrameReceived {
    #[prost(message, required, tag = "1")]
    pub(crate) buffer: OwnedVideoBuffer,
    #[prost(int64, required, tag = "2")]
    pub(crate) timestamp_us: i64,
    #[prost(enumeration = "VideoRotation", required, tag = "3")]
    pub(crate) rotation: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoStreamEOS {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewVideoSourceRequest {
    #[prost(enumeration = "VideoSourceType", required, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(message, required, tag = "2")]
    pub(crate) resolution: VideoSourceResolution,
    #[prost(bool, optional, tag = "3")]
    pub(crate) is_screencast: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NewVideoSourceResponse {
    #[prost(message, required, tag = "1")]
    pub(crate) source: OwnedVideoSource,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VideoSourceResolution {
    #[prost(uint32, required, tag = "1")]
    pub(crate) width: u32,
    #[prost(uint32, required, tag = "2")]
    pub(crate) height: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedVideoSource {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CaptureVideoFrameRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) source_handle: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) buffer: VideoBufferInfo,
    #[prost(int64, required, tag = "3")]
    pub(crate) timestamp_us: i64,
    #[prost(enumeration = "VideoRotation", required, tag = "4")]
    pub(crate) rotation: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CaptureVideoFrameResponse {}
