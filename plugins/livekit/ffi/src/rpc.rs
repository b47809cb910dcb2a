//! Questions: one participant asks another by the name of a method, and is answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::core::Core;
use crate::error::{Error, Result};
use crate::proto::{
    FfiRequestMessage as Request, RegisterRpcMethodRequest, RpcError as Wire, RpcMethodInvocationEvent,
    RpcMethodInvocationResponseRequest, UnregisterRpcMethodRequest,
};

/// Why a question was not answered. Codes from 1001 on are LiveKit's own; below, what the other side chose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// What it is.
    pub code: u32,
    /// For people.
    pub message: String,
    /// More, as the other side likes.
    pub data: Option<String>,
}

impl RpcError {
    /// No answer came in time.
    pub const RESPONSE_TIMEOUT: u32 = 1502;
    /// The other side left before it answered.
    pub const RECIPIENT_DISCONNECTED: u32 = 1503;
    /// The other side does not answer questions of this name.
    pub const UNSUPPORTED_METHOD: u32 = 1400;
    /// Nobody has this identity.
    pub const RECIPIENT_NOT_FOUND: u32 = 1401;
    /// The other side failed to answer.
    pub const APPLICATION_ERROR: u32 = 1500;

    pub(crate) fn read(error: Wire) -> Self {
        Self { code: error.code, message: error.message, data: error.data }
    }
}

/// Questions of one name, as they come in.
pub struct Method {
    core: Arc<Core>,
    key: (u64, String),
    invocations: UnboundedReceiver<Invocation>,
}

impl Method {
    pub(crate) fn register(core: &Arc<Core>, local: u64, name: &str) -> Result<Self> {
        let key = (local, name.to_owned());
        let request = RegisterRpcMethodRequest { local_participant_handle: local, method: name.to_owned() };
        let (sender, invocations) = unbounded_channel();
        let mut routes = core.routes.lock();
        if routes.methods.contains_key(&key) {
            return Err(Error::Invalid(format!("questions of the name `{name}` are answered already")));
        }
        core.call("register_rpc_method", Request::RegisterRpcMethod(request))?;
        routes.methods.insert(key.clone(), sender);
        drop(routes);
        Ok(Self { core: core.clone(), key, invocations })
    }

    /// The next question; none when the library has ended.
    pub async fn next(&mut self) -> Option<Invocation> {
        self.invocations.recv().await
    }
}

impl Drop for Method {
    fn drop(&mut self) {
        let sender = self.core.routes.lock().methods.remove(&self.key);
        drop(sender);
        let (local_participant_handle, method) = self.key.clone();
        let request = UnregisterRpcMethodRequest { local_participant_handle, method };
        // The room may have been left before.
        let _ = self.core.call("unregister_rpc_method", Request::UnregisterRpcMethod(request));
    }
}

/// A question that waits for an answer. Dropped without one, it is answered with an error at once.
pub struct Invocation {
    core: Arc<Core>,
    local: u64,
    id: Option<u64>,
    /// Who asks, as the server says it.
    pub caller: String,
    /// What is asked.
    pub payload: String,
    /// How long the caller waits.
    pub timeout: Duration,
}

impl Invocation {
    pub(crate) fn new(core: &Arc<Core>, event: RpcMethodInvocationEvent) -> Self {
        Self {
            core: core.clone(),
            local: event.local_participant_handle,
            id: Some(event.invocation_id),
            caller: event.caller_identity,
            payload: event.payload,
            timeout: Duration::from_millis(event.response_timeout_ms.into()),
        }
    }

    /// Answers.
    ///
    /// # Errors
    /// [`Error::Failed`]: the caller has given up, or the room was left.
    pub fn answer(mut self, answer: Result<String, RpcError>) -> Result<()> {
        self.send(answer)
    }

    fn send(&mut self, answer: Result<String, RpcError>) -> Result<()> {
        let Some(invocation_id) = self.id.take() else { return Ok(()) };
        let (payload, error) = match answer {
            Ok(payload) => (Some(payload), None),
            Err(error) => (None, Some(Wire { code: error.code, message: error.message, data: error.data })),
        };
        let request =
            RpcMethodInvocationResponseRequest { local_participant_handle: self.local, invocation_id, payload, error };
        let request = Request::RpcMethodInvocationResponse(request);
        match self.core.call("rpc_method_invocation_response", request)? {
            crate::proto::FfiResponseMessage::RpcMethodInvocationResponse(answer) => {
                crate::core::done("rpc_method_invocation_response", answer.error)
            }
            _ => Err(Error::Unexpected("rpc_method_invocation_response")),
        }
    }
}

impl Drop for Invocation {
    fn drop(&mut self) {
        let message = "nobody answered".to_owned();
        let _ = self.send(Err(RpcError { code: RpcError::APPLICATION_ERROR, message, data: None }));
    }
}

impl std::fmt::Debug for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation").field("caller", &self.caller).finish_non_exhaustive()
    }
}
