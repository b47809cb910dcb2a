//! A stream of bytes that we send.

use std::sync::Arc;

use crate::core::{Answer, Core};
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::proto::{
    ByteStreamOpenCallbackResult, ByteStreamOpenRequest, ByteStreamWriterCloseRequest, ByteStreamWriterWriteRequest,
    FfiEventMessage as Event, FfiRequestMessage as Request, StreamByteOptions, StreamError,
};

/// A stream of bytes, open. Each write waits until the library has sent it: writes that run ahead are lost without an error
/// when the stream is closed after them. Dropping it closes it.
pub struct ByteWriter {
    core: Arc<Core>,
    handle: Option<Handle>,
    id: String,
    /// A write that was not waited for to its end.
    under_way: Option<Answer<()>>,
}

impl ByteWriter {
    pub(crate) async fn open(core: &Arc<Core>, local: u64, options: StreamByteOptions) -> Result<Self> {
        let request = |id| {
            Request::ByteStreamOpen(ByteStreamOpenRequest {
                local_participant_handle: local,
                options,
                request_async_id: Some(id),
            })
        };
        let answer = core.ask("byte_stream_open", None, request, |core, event| match event {
            Event::ByteStreamOpen(answer) => answer.result.map(|result| match result {
                ByteStreamOpenCallbackResult::Writer(writer) => Ok(Self {
                    core: core.clone(),
                    handle: Some(core.own(&writer.handle)),
                    id: writer.info.stream_id,
                    under_way: None,
                }),
                ByteStreamOpenCallbackResult::Error(error) => Err(Error::failed("byte_stream_open", error.description)),
            }),
            _ => None,
        });
        answer.await
    }

    /// The stream's id: unique.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends these bytes, after those that went before. Dropped in the middle they are sent all the same, unless they still
    /// waited for those before; and whoever writes or closes next waits for them.
    ///
    /// # Errors
    /// [`Error::Failed`]: the connection is gone.
    pub async fn write(&mut self, bytes: impl Into<Vec<u8>>) -> Result<()> {
        self.settle().await?;
        let Some(handle) = &self.handle else { return Ok(()) };
        let request = |id| {
            Request::ByteStreamWrite(ByteStreamWriterWriteRequest {
                writer_handle: handle.id(),
                bytes: bytes.into(),
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("byte_stream_write", None, request, |_, event| match event {
            Event::ByteStreamWriterWrite(answer) => Some(done("byte_stream_write", answer.error)),
            _ => None,
        });
        self.under_way = Some(answer);
        self.settle().await
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`Error::Failed`]: the connection is gone.
    pub async fn close(mut self) -> Result<()> {
        self.settle().await?;
        match self.shut(None) {
            Some(answer) => answer.await,
            None => Ok(()),
        }
    }

    async fn settle(&mut self) -> Result<()> {
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        let written = under_way.await;
        self.under_way = None;
        written
    }

    fn shut(&mut self, reason: Option<String>) -> Option<Answer<()>> {
        let handle = self.handle.take()?;
        let id = handle.id();
        let request = |number| {
            Request::ByteStreamClose(ByteStreamWriterCloseRequest {
                writer_handle: id,
                reason,
                request_async_id: Some(number),
            })
        };
        Some(self.core.ask("byte_stream_close", Some(Box::new(handle)), request, |_, event| match event {
            Event::ByteStreamWriterClose(answer) => Some(done("byte_stream_close", answer.error)),
            _ => None,
        }))
    }
}

impl Drop for ByteWriter {
    fn drop(&mut self) {
        drop(self.shut(Some("the sender gave it up".into())));
    }
}

fn done(what: &'static str, error: Option<StreamError>) -> Result<()> {
    crate::core::done(what, error.map(|error| error.description))
}
