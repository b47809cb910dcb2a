//! What we do in a room as a participant: our name and attributes, packets, questions, streams.

use std::collections::HashMap;
use std::time::Duration;

use crate::core::done;
use crate::error::{Error, Result};
use crate::proto::{
    AttributesEntry, FfiEventMessage as Event, FfiRequestMessage as Request, PerformRpcRequest, PublishDataRequest,
    SetLocalAttributesRequest, SetLocalMetadataRequest, SetLocalNameRequest, StreamByteOptions,
    StreamSendTextCallbackResult, StreamSendTextRequest, StreamTextOptions, TrackSource,
};
use crate::room::Room;
use crate::rpc::{Method, RpcError};
use crate::writer::ByteWriter;

/// How a packet is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataOptions {
    /// Sent again until it arrives, and in order.
    pub reliable: bool,
    /// Under which heading.
    pub topic: Option<String>,
    /// For whom; for everybody where it is empty.
    pub to: Vec<String>,
}

/// How a stream is announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// Under which heading.
    pub topic: String,
    /// A name, such as a file's; of streams of bytes alone.
    pub name: Option<String>,
    /// For whom; for everybody where it is empty.
    pub to: Vec<String>,
    /// Free texts by name.
    pub attributes: HashMap<String, String>,
    /// How long it will be in bytes, where that is known; of streams of bytes alone.
    pub total_length: Option<u64>,
}

impl Room {
    /// Sets attributes of ours; an empty value removes one. Others are left as they are.
    ///
    /// # Errors
    /// [`Error::NotGranted`]: the library would have changed nothing and said nothing useful. [`Error::Failed`].
    pub async fn set_attributes<K, V>(&self, attributes: impl IntoIterator<Item = (K, V)>) -> Result<()>
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.may_update("set_local_attributes")?;
        let attributes = attributes
            .into_iter()
            .map(|(key, value)| AttributesEntry { key: key.into(), value: value.into() })
            .collect();
        let request = |id| {
            Request::SetLocalAttributes(SetLocalAttributesRequest {
                local_participant_handle: self.local.id(),
                attributes,
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("set_local_attributes", None, request, |_, event| match event {
            Event::SetLocalAttributes(answer) => Some(done("set_local_attributes", answer.error)),
            _ => None,
        });
        answer.await
    }

    /// Sets our metadata.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn set_metadata(&self, metadata: impl Into<String>) -> Result<()> {
        self.may_update("set_local_metadata")?;
        let request = |id| {
            Request::SetLocalMetadata(SetLocalMetadataRequest {
                local_participant_handle: self.local.id(),
                metadata: metadata.into(),
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("set_local_metadata", None, request, |_, event| match event {
            Event::SetLocalMetadata(answer) => Some(done("set_local_metadata", answer.error)),
            _ => None,
        });
        answer.await
    }

    /// Sets our name.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn set_name(&self, name: impl Into<String>) -> Result<()> {
        self.may_update("set_local_name")?;
        let request = |id| {
            Request::SetLocalName(SetLocalNameRequest {
                local_participant_handle: self.local.id(),
                name: name.into(),
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("set_local_name", None, request, |_, event| match event {
            Event::SetLocalName(answer) => Some(done("set_local_name", answer.error)),
            _ => None,
        });
        answer.await
    }

    /// Sends a packet, 15,000 bytes at most where it is to arrive for certain.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn publish_data(&self, payload: Vec<u8>, options: &DataOptions) -> Result<()> {
        self.may_publish_data("publish_data")?;
        self.send_packet(payload, options).await
    }

    /// A packet to nobody, so that the connection for what we send is there before the first question needs it: that would
    /// pay 10 to 300 ms for it.
    pub(crate) fn warm_up(&self) {
        if self.may_publish_data("publish_data").is_ok() {
            let to = vec![self.identity().to_owned()];
            drop(self.send_packet(vec![0], &DataOptions { reliable: true, topic: Some("warm-up".into()), to }));
        }
    }

    fn send_packet(&self, payload: Vec<u8>, options: &DataOptions) -> crate::core::Answer<()> {
        let request = PublishDataRequest {
            local_participant_handle: self.local.id(),
            data_ptr: payload.as_ptr() as u64,
            data_len: payload.len() as u64,
            reliable: options.reliable,
            topic: options.topic.clone(),
            destination_identities: options.to.clone(),
            request_async_id: None,
        };
        let request = |id| Request::PublishData(PublishDataRequest { request_async_id: Some(id), ..request });
        self.core.ask("publish_data", Some(Box::new(payload)), request, |_, event| match event {
            Event::PublishData(answer) => Some(done("publish_data", answer.error)),
            _ => None,
        })
    }

    /// Asks another participant, and waits for the answer `timeout` long.
    ///
    /// # Errors
    /// [`Error::Rpc`] with what the other one answered, or that none came in time.
    pub async fn perform_rpc(&self, to: &str, method: &str, payload: &str, timeout: Duration) -> Result<String> {
        self.may_publish_data("perform_rpc")?;
        let request = |id| {
            Request::PerformRpc(PerformRpcRequest {
                local_participant_handle: self.local.id(),
                destination_identity: to.to_owned(),
                method: method.to_owned(),
                payload: payload.to_owned(),
                response_timeout_ms: Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)),
                request_async_id: Some(id),
                max_round_trip_latency_ms: None,
            })
        };
        let answer = self.core.ask("perform_rpc", None, request, |_, event| match event {
            Event::PerformRpc(answer) => Some(match (answer.error, answer.payload) {
                (Some(error), _) => Err(Error::Rpc(RpcError::read(error))),
                (None, payload) => Ok(payload.unwrap_or_default()),
            }),
            _ => None,
        });
        answer.await
    }

    /// From now on answers questions of this name; dropping what this returns ends that.
    ///
    /// # Errors
    /// [`Error::Invalid`]: it is answered already. [`Error::Refused`].
    pub fn register_rpc(&self, method: &str) -> Result<Method> {
        Method::register(&self.core, self.local.id(), method)
    }

    /// Begins a stream of bytes.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn open_bytes(&self, options: &StreamOptions) -> Result<ByteWriter> {
        self.may_publish_data("byte_stream_open")?;
        let options = StreamByteOptions {
            topic: options.topic.clone(),
            attributes: options.attributes.clone(),
            destination_identities: options.to.clone(),
            name: options.name.clone(),
            mime_type: None,
            total_length: options.total_length,
        };
        ByteWriter::open(&self.core, self.local.id(), options).await
    }

    /// Sends a text as a stream of its own, however long it is, and returns the stream's id.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn send_text(&self, text: impl Into<String>, options: &StreamOptions) -> Result<String> {
        self.may_publish_data("send_text")?;
        let options = StreamTextOptions {
            topic: options.topic.clone(),
            attributes: options.attributes.clone(),
            destination_identities: options.to.clone(),
            id: None,
        };
        let request = |id| {
            Request::SendText(StreamSendTextRequest {
                local_participant_handle: self.local.id(),
                options,
                text: text.into(),
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("send_text", None, request, |_, event| match event {
            Event::SendText(answer) => answer.result.map(|result| match result {
                StreamSendTextCallbackResult::Info(info) => Ok(info.stream_id),
                StreamSendTextCallbackResult::Error(error) => Err(Error::failed("send_text", error.description)),
            }),
            _ => None,
        });
        answer.await
    }

    /// The library answers some requests without a grant with silence, so what is known of grants is asked before.
    fn granted(
        &self,
        request: &'static str,
        grant: &'static str,
        has: impl FnOnce(&crate::Permission) -> bool,
    ) -> Result<()> {
        let lacks = self.permission().is_some_and(|permission| !has(&permission));
        if lacks { Err(Error::NotGranted { request, grant }) } else { Ok(()) }
    }

    fn may_update(&self, request: &'static str) -> Result<()> {
        self.granted(request, "can_update_own_metadata", |permission| permission.can_update_metadata)
    }

    fn may_publish_data(&self, request: &'static str) -> Result<()> {
        self.granted(request, "can_publish_data", |permission| permission.can_publish_data)
    }

    pub(crate) fn may_publish(&self, source: TrackSource) -> Result<()> {
        self.granted("publish_track", "can_publish", |permission| permission.can_publish)?;
        self.granted("publish_track", "can_publish_sources", |permission| {
            permission.can_publish_sources.is_empty() || permission.can_publish_sources.contains(&source)
        })
    }
}
