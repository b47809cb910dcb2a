//! Questions from one participant to another.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcError {
    #[prost(uint32, required, tag = "1")]
    pub(crate) code: u32,
    #[prost(string, required, tag = "2")]
    pub(crate) message: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) data: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PerformRpcRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) destination_identity: String,
    #[prost(string, required, tag = "3")]
    pub(crate) method: String,
    #[prost(string, required, tag = "4")]
    pub(crate) payload: String,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) response_timeout_ms: Option<u32>,
    #[prost(uint64, optional, tag = "6")]
    pub(crate) request_async_id: Option<u64>,
    #[prost(uint32, optional, tag = "7")]
    pub(crate) max_round_trip_latency_ms: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PerformRpcResponse {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PerformRpcCallback {
    #[prost(uint64, required, tag = "1")]
    pub(crate) async_id: u64,
    #[prost(string, optional, tag = "2")]
    pub(crate) payload: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) error: Option<RpcError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RegisterRpcMethodRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) method: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RegisterRpcMethodResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UnregisterRpcMethodRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(string, required, tag = "2")]
    pub(crate) method: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct UnregisterRpcMethodResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcMethodInvocationEvent {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) invocation_id: u64,
    #[prost(string, required, tag = "3")]
    pub(crate) method: String,
    #[prost(string, required, tag = "4")]
    pub(crate) request_id: String,
    #[prost(string, required, tag = "5")]
    pub(crate) caller_identity: String,
    #[prost(string, required, tag = "6")]
    pub(crate) payload: String,
    #[prost(uint32, required, tag = "7")]
    pub(crate) response_timeout_ms: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcMethodInvocationResponseRequest {
    #[prost(uint64, required, tag = "1")]
    pub(crate) local_participant_handle: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) invocation_id: u64,
    #[prost(string, optional, tag = "3")]
    pub(crate) payload: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub(crate) error: Option<RpcError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcMethodInvocationResponseResponse {
    #[prost(string, optional, tag = "1")]
    pub(crate) error: Option<String>,
}
