//! Streams of bytes and of text.

use std::collections::HashMap;

use prost::{Message, Oneof};

use super::FfiOwnedHandle;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamError {
    #[prost(string, required, tag = "1")]
    pub(crate) description: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamInfo {
    #[prost(string, required, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(int64, required, tag = "2")]
    pub(crate) timestamp: i64,
    #[prost(string, required, tag = "3")]
    pub(crate) mime_type: String,
    #[prost(string, required, tag = "4")]
    pub(crate) topic: String,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) total_length: Option<u64>,
    #[prost(map = "string, string", tag = "6")]
    pub(crate) attributes: HashMap<String, String>,
    #[prost(string, required, tag = "7")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedByteStreamReader {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: ByteStreamInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamReaderReadIncrementalRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) reader_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamReaderReadIncrementalResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamReaderEvent {
    #[prost(uint64, required, tag = "1")]
    pub(crate) reader_handle: u64,
    #[prost(oneof = "ByteStreamReaderEventDetail", tags = "2, 3")]
    pub(crate) detail: Option<ByteStreamReaderEventDetail>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum ByteStreamReaderEventDetail {
    #[prost(message, tag = "2")]
    ChunkReceived(ByteStreamReaderChunkReceived),
    #[prost(message, tag = "3")]
    Eos(ByteStreamReaderEOS),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamReaderChunkReceived {
    #[prost(bytes = "vec", required, tag = "1")]
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamReaderEOS {
    #[prost(message, optional, tag = "1")]
    pub(crate) error: Option<StreamError>,
    #[prost(map = "string, string", tag = "2")]
    pub(crate) attributes: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamByteOptions {
    #[prost(string, required, tag = "1")]
    pub(crate) topic: String,
    #[prost(map = "string, string", tag = "2")]
    pub(crate) attributes: HashMap<String, String>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) destination_identities: Vec<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) mime_type: Option<String>,
    #[prost(uint64, optional, tag = "7")]
    pub(crate) total_length: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamOpenRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) options: StreamByteOptions,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamOpenResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamOpenCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(oneof = "ByteStreamOpenCallbackResult", tags = "2, 3")]
    pub(crate) result: Option<ByteStreamOpenCallbackResult>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum ByteStreamOpenCallbackResult {
    #[prost(message, tag = "2")]
    Writer(OwnedByteStreamWriter),
    #[prost(message, tag = "3")]
    Error(StreamError),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedByteStreamWriter {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: ByteStreamInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamWriterWriteRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) writer_handle: u64,
    #[prost(bytes = "vec", required, tag = "2")]
    pub(crate) bytes: Vec<u8>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamWriterWriteResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamWriterWriteCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<StreamError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamWriterCloseRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) writer_handle: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) reason: Option<String>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamWriterCloseResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ByteStreamWriterCloseCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<StreamError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamInfo {
    #[prost(string, required, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(int64, required, tag = "2")]
    pub(crate) timestamp: i64,
    #[prost(string, required, tag = "3")]
    pub(crate) mime_type: String,
    #[prost(string, required, tag = "4")]
    pub(crate) topic: String,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) total_length: Option<u64>,
    #[prost(map = "string, string", tag = "6")]
    pub(crate) attributes: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OwnedTextStreamReader {
    #[prost(message, required, tag = "1")]
    pub(crate) handle: FfiOwnedHandle,
    #[prost(message, required, tag = "2")]
    pub(crate) info: TextStreamInfo,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamReaderReadIncrementalRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) reader_handle: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamReaderReadIncrementalResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamReaderEvent {
    #[prost(uint64, required, tag = "1")]
    pub(crate) reader_handle: u64,
    #[prost(oneof = "TextStreamReaderEventDetail", tags = "2, 3")]
    pub(crate) detail: Option<TextStreamReaderEventDetail>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum TextStreamReaderEventDetail {
    #[prost(message, tag = "2")]
    ChunkReceived(TextStreamReaderChunkReceived),
    #[prost(message, tag = "3")]
    Eos(TextStreamReaderEOS),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamReaderChunkReceived {
    #[prost(string, required, tag = "1")]
    pub(crate) content: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TextStreamReaderEOS {
    #[prost(message, optional, tag = "1")]
    pub(crate) error: Option<StreamError>,
    #[prost(map = "string, string", tag = "2")]
    pub(crate) attributes: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamTextOptions {
    #[prost(string, required, tag = "1")]
    pub(crate) topic: String,
    #[prost(map = "string, string", tag = "2")]
    pub(crate) attributes: HashMap<String, String>,
    #[prost(string, repeated, tag = "3")]
    pub(crate) destination_identities: Vec<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) id: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamSendTextRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(message, required, tag = "2")]
    pub(crate) options: StreamTextOptions,
    #[prost(string, required, tag = "3")]
    pub(crate) text: String,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamSendTextResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamSendTextCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(oneof = "StreamSendTextCallbackResult", tags = "2, 3")]
    pub(crate) result: Option<StreamSendTextCallbackResult>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum StreamSendTextCallbackResult {
    #[prost(message, tag = "2")]
    Info(TextStreamInfo),
    #[prost(message, tag = "3")]
    Error(StreamError),
}
