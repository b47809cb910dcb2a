//! A task that ends with its owner.

use std::future::Future;

use tokio::task::JoinHandle;

/// A task of the stage's runtime. Dropped, it is dropped where it next waits, and with it what it holds.
#[derive(Debug)]
pub(crate) struct Running(JoinHandle<()>);

impl Running {
    pub(crate) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
