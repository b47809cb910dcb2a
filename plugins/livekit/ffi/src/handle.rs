//! What the library counts: a room, a track, a frame. Each is given back when its owner is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::core::Core;
use crate::proto::FfiOwnedHandle;

/// Something of the library's, owned.
pub(crate) struct Handle {
    core: Arc<Core>,
    id: u64,
}

impl Handle {
    /// Takes over what a message brought.
    pub(crate) fn new(core: &Arc<Core>, owned: &FfiOwnedHandle) -> Self {
        core.handles.fetch_add(1, Ordering::Relaxed);
        Self { core: core.clone(), id: owned.id }
    }

    /// Its number, for requests.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The instance that it belongs to.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.handles.fetch_sub(1, Ordering::Relaxed);
        self.core.drop_handle(self.id);
    }
}
