//! What a request, an answer and an event are wrapped in, and what the library says of itself.

use prost::{Enumeration, Message, Oneof};

use super::{
    AudioStreamEvent, ByteStreamOpenCallback, ByteStreamOpenRequest, ByteStreamOpenResponse, ByteStreamReaderEvent,
    ByteStreamReaderReadIncrementalRequest, ByteStreamReaderReadIncrementalResponse, ByteStreamWriterCloseCallback,
    ByteStreamWriterCloseRequest, ByteStreamWriterCloseResponse, ByteStreamWriterWriteCallback,
    ByteStreamWriterWriteRequest, ByteStreamWriterWriteResponse, CaptureAudioFrameCallback, CaptureAudioFrameRequest,
    CaptureAudioFrameResponse, CaptureVideoFrameRequest, CaptureVideoFrameResponse, ClearAudioBufferRequest,
    ClearAudioBufferResponse, ConnectCallback, ConnectRequest, ConnectResponse, CreateAudioTrackRequest,
    CreateAudioTrackResponse, CreateVideoTrackRequest, CreateVideoTrackResponse, DisconnectCallback, DisconnectRequest,
    DisconnectResponse, LocalTrackMuteRequest, LocalTrackMuteResponse, NewAudioSourceRequest, NewAudioSourceResponse,
    NewAudioStreamRequest, NewAudioStreamResponse, NewVideoSourceRequest, NewVideoSourceResponse,
    NewVideoStreamRequest, NewVideoStreamResponse, PerformRpcCallback, PerformRpcRequest, PerformRpcResponse,
    PublishDataCallback, PublishDataRequest, PublishDataResponse, PublishTrackCallback, PublishTrackRequest,
    PublishTrackResponse, ReadyForRoomEventRequest, ReadyForRoomEventResponse, RegisterRpcMethodRequest,
    RegisterRpcMethodResponse, RoomEvent, RpcMethodInvocationEvent, RpcMethodInvocationResponseRequest,
    RpcMethodInvocationResponseResponse, SetLocalAttributesCallback, SetLocalAttributesRequest,
    SetLocalAttributesResponse, SetLocalMetadataCallback, SetLocalMetadataRequest, SetLocalMetadataResponse,
    SetLocalNameCallback, SetLocalNameRequest, SetLocalNameResponse, SetSubscribedRequest, SetSubscribedResponse,
    SimulateScenarioCallback, SimulateScenarioRequest, SimulateScenarioResponse, StreamSendTextCallback,
    StreamSendTextRequest, StreamSendTextResponse, TextStreamReaderEvent, TextStreamReaderReadIncrementalRequest,
    TextStreamReaderReadIncrementalResponse, UnpublishTrackCallback, UnpublishTrackRequest, UnpublishTrackResponse,
    UnregisterRpcMethodRequest, UnregisterRpcMethodResponse, VideoStreamEvent,
};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FfiRequest {
    #[prost(
        oneof = "FfiRequestMessage",
        tags = "3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17, 20, 21, 22, 25, 26, 27, 28, 38, 39, 40, 41, 54, 57, 60, 61, 62, 63, 76, 83"
    )]
    pub(crate) message: Option<FfiRequestMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum FfiRequestMessage {
    #[prost(message, tag = "3")]
    Connect(ConnectRequest),
    #[prost(message, tag = "4")]
    Disconnect(DisconnectRequest),
    #[prost(message, tag = "5")]
    PublishTrack(PublishTrackRequest),
    #[prost(message, tag = "6")]
    UnpublishTrack(UnpublishTrackRequest),
    #[prost(message, tag = "7")]
    PublishData(PublishDataRequest),
    #[prost(message, tag = "8")]
    SetSubscribed(SetSubscribedRequest),
    #[prost(message, tag = "9")]
    SetLocalMetadata(SetLocalMetadataRequest),
    #[prost(message, tag = "10")]
    SetLocalName(SetLocalNameRequest),
    #[prost(message, tag = "11")]
    SetLocalAttributes(SetLocalAttributesRequest),
    #[prost(message, tag = "15")]
    CreateVideoTrack(CreateVideoTrackRequest),
    #[prost(message, tag = "16")]
    CreateAudioTrack(CreateAudioTrackRequest),
    #[prost(message, tag = "17")]
    LocalTrackMute(LocalTrackMuteRequest),
    #[prost(message, tag = "20")]
    NewVideoStream(NewVideoStreamRequest),
    #[prost(message, tag = "21")]
    NewVideoSource(NewVideoSourceRequest),
    #[prost(message, tag = "22")]
    CaptureVideoFrame(CaptureVideoFrameRequest),
    #[prost(message, tag = "25")]
    NewAudioStream(NewAudioStreamRequest),
    #[prost(message, tag = "26")]
    NewAudioSource(NewAudioSourceRequest),
    #[prost(message, tag = "27")]
    CaptureAudioFrame(CaptureAudioFrameRequest),
    #[prost(message, tag = "28")]
    ClearAudioBuffer(ClearAudioBufferRequest),
    #[prost(message, tag = "38")]
    PerformRpc(PerformRpcRequest),
    #[prost(message, tag = "39")]
    RegisterRpcMethod(RegisterRpcMethodRequest),
    #[prost(message, tag = "40")]
    UnregisterRpcMethod(UnregisterRpcMethodRequest),
    #[prost(message, tag = "41")]
    RpcMethodInvocationResponse(RpcMethodInvocationResponseRequest),
    #[prost(message, tag = "54")]
    ByteReadIncremental(ByteStreamReaderReadIncrementalRequest),
    #[prost(message, tag = "57")]
    TextReadIncremental(TextStreamReaderReadIncrementalRequest),
    #[prost(message, tag = "60")]
    SendText(StreamSendTextRequest),
    #[prost(message, tag = "61")]
    ByteStreamOpen(ByteStreamOpenRequest),
    #[prost(message, tag = "62")]
    ByteStreamWrite(ByteStreamWriterWriteRequest),
    #[prost(message, tag = "63")]
    ByteStreamClose(ByteStreamWriterCloseRequest),
    #[prost(message, tag = "76")]
    SimulateScenario(SimulateScenarioRequest),
    #[prost(message, tag = "83")]
    ReadyForRoomEvent(ReadyForRoomEventRequest),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FfiResponse {
    #[prost(
        oneof = "FfiResponseMessage",
        tags = "3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 16, 17, 20, 21, 22, 25, 26, 27, 28, 37, 38, 39, 40, 53, 56, 59, 60, 61, 62, 75, 82"
    )]
    pub(crate) message: Option<FfiResponseMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum FfiResponseMessage {
    #[prost(message, tag = "3")]
    Connect(ConnectResponse),
    #[prost(message, tag = "4")]
    Disconnect(DisconnectResponse),
    #[prost(message, tag = "5")]
    PublishTrack(PublishTrackResponse),
    #[prost(message, tag = "6")]
    UnpublishTrack(UnpublishTrackResponse),
    #[prost(message, tag = "7")]
    PublishData(PublishDataResponse),
    #[prost(message, tag = "8")]
    SetSubscribed(SetSubscribedResponse),
    #[prost(message, tag = "9")]
    SetLocalMetadata(SetLocalMetadataResponse),
    #[prost(message, tag = "10")]
    SetLocalName(SetLocalNameResponse),
    #[prost(message, tag = "11")]
    SetLocalAttributes(SetLocalAttributesResponse),
    #[prost(message, tag = "15")]
    CreateVideoTrack(CreateVideoTrackResponse),
    #[prost(message, tag = "16")]
    CreateAudioTrack(CreateAudioTrackResponse),
    #[prost(message, tag = "17")]
    LocalTrackMute(LocalTrackMuteResponse),
    #[prost(message, tag = "20")]
    NewVideoStream(NewVideoStreamResponse),
    #[prost(message, tag = "21")]
    NewVideoSource(NewVideoSourceResponse),
    #[prost(message, tag = "22")]
    CaptureVideoFrame(CaptureVideoFrameResponse),
    #[prost(message, tag = "25")]
    NewAudioStream(NewAudioStreamResponse),
    #[prost(message, tag = "26")]
    NewAudioSource(NewAudioSourceResponse),
    #[prost(message, tag = "27")]
    CaptureAudioFrame(CaptureAudioFrameResponse),
    #[prost(message, tag = "28")]
    ClearAudioBuffer(ClearAudioBufferResponse),
    #[prost(message, tag = "37")]
    PerformRpc(PerformRpcResponse),
    #[prost(message, tag = "38")]
    RegisterRpcMethod(RegisterRpcMethodResponse),
    #[prost(message, tag = "39")]
    UnregisterRpcMethod(UnregisterRpcMethodResponse),
    #[prost(message, tag = "40")]
    RpcMethodInvocationResponse(RpcMethodInvocationResponseResponse),
    #[prost(message, tag = "53")]
    ByteReadIncremental(ByteStreamReaderReadIncrementalResponse),
    #[prost(message, tag = "56")]
    TextReadIncremental(TextStreamReaderReadIncrementalResponse),
    #[prost(message, tag = "59")]
    SendText(StreamSendTextResponse),
    #[prost(message, tag = "60")]
    ByteStreamOpen(ByteStreamOpenResponse),
    #[prost(message, tag = "61")]
    ByteStreamWrite(ByteStreamWriterWriteResponse),
    #[prost(message, tag = "62")]
    ByteStreamClose(ByteStreamWriterCloseResponse),
    #[prost(message, tag = "75")]
    SimulateScenario(SimulateScenarioResponse),
    #[prost(message, tag = "82")]
    ReadyForRoomEvent(ReadyForRoomEventResponse),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FfiEvent {
    #[prost(
        oneof = "FfiEventMessage",
        tags = "1, 3, 4, 5, 7, 9, 10, 11, 13, 14, 15, 16, 18, 20, 23, 24, 28, 31, 32, 33, 35, 40, 44"
    )]
    pub(crate) message: Option<FfiEventMessage>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum FfiEventMessage {
    #[prost(message, tag = "1")]
    RoomEvent(RoomEvent),
    #[prost(message, tag = "3")]
    VideoStreamEvent(VideoStreamEvent),
    #[prost(message, tag = "4")]
    AudioStreamEvent(AudioStreamEvent),
    #[prost(message, tag = "5")]
    Connect(ConnectCallback),
    #[prost(message, tag = "7")]
    Disconnect(DisconnectCallback),
    #[prost(message, tag = "9")]
    PublishTrack(PublishTrackCallback),
    #[prost(message, tag = "10")]
    UnpublishTrack(UnpublishTrackCallback),
    #[prost(message, tag = "11")]
    PublishData(PublishDataCallback),
    #[prost(message, tag = "13")]
    CaptureAudioFrame(CaptureAudioFrameCallback),
    #[prost(message, tag = "14")]
    SetLocalMetadata(SetLocalMetadataCallback),
    #[prost(message, tag = "15")]
    SetLocalName(SetLocalNameCallback),
    #[prost(message, tag = "16")]
    SetLocalAttributes(SetLocalAttributesCallback),
    #[prost(message, tag = "18")]
    Logs(LogBatch),
    #[prost(message, tag = "20")]
    Panic(Panic),
    #[prost(message, tag = "23")]
    PerformRpc(PerformRpcCallback),
    #[prost(message, tag = "24")]
    RpcMethodInvocation(RpcMethodInvocationEvent),
    #[prost(message, tag = "28")]
    ByteStreamReaderEvent(ByteStreamReaderEvent),
    #[prost(message, tag = "31")]
    ByteStreamOpen(ByteStreamOpenCallback),
    #[prost(message, tag = "32")]
    ByteStreamWriterWrite(ByteStreamWriterWriteCallback),
    #[prost(message, tag = "33")]
    ByteStreamWriterClose(ByteStreamWriterCloseCallback),
    #[prost(message, tag = "35")]
    TextStreamReaderEvent(TextStreamReaderEvent),
    #[prost(message, tag = "40")]
    SendText(StreamSendTextCallback),
    #[prost(message, tag = "44")]
    SimulateScenario(SimulateScenarioCallback),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(crate) enum LogLevel {
    Error = 0,
    Warn = 1,
    Info = 2,
    Debug = 3,
    Trace = 4,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LogRecord {
    #[prost(enumeration = "LogLevel", required, tag = "1")]
    pub(crate) level: i32,
    #[prost(string, required, tag = "2")]
    pub(crate) target: String,
    #[prost(string, optional, tag = "4")]
    pub(crate) file: Option<String>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) line: Option<u32>,
    #[prost(string, required, tag = "6")]
    pub(crate) message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LogBatch {
    #[prost(message, repeated, tag = "1")]
    pub(crate) records: Vec<LogRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Panic {
    #[prost(string, required, tag = "1")]
    pub(crate) message: String,
}
