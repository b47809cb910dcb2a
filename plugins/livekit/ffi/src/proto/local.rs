//! What the local participant does.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributesEntry {
    #[prost(string, required, tag = "1")]
    pub(crate) key: String,
    #[prost(string, required, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalAttributesRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(message, repeated, tag = "2")]
    pub(crate) attributes: Vec<AttributesEntry>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalAttributesResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalAttributesCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalMetadataRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) metadata: String,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalMetadataResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalMetadataCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalNameRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) name: String,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalNameResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetLocalNameCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublishDataRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) data_ptr: u64,
    #[prost(uint64, required, tag = "3")]
    pub(crate) data_len: u64,
    #[prost(bool, required, tag = "4")]
    pub(crate) reliable: bool,
    #[prost(string, optional, tag = "6")]
    pub(crate) topic: Option<String>,
    #[prost(string, repeated, tag = "7")]
    pub(crate) destination_identities: Vec<String>,
    #[prost(uint64, optional, tag = "8")]
    pub(crate) request_async_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublishDataResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PublishDataCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) error: Option<String>,
}
