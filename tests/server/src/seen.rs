use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::Value;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`.
    pub method: String,
    /// The path, such as `/v1/chat/completions`.
    pub path: String,
    /// The host that was asked for, which a proxy would go on to.
    pub host: String,
    /// Headers, names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body, if it is JSON.
    pub body: Value,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// When its head was here.
    pub at: Instant,
}

impl Request {
    /// The data URIs of the pictures in a chat's messages.
    #[must_use]
    pub fn pictures(&self) -> Vec<String> {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        let parts = messages.flat_map(|message| message["content"].as_array().into_iter().flatten());
        parts.filter_map(|part| part["image_url"]["url"].as_str().map(str::to_owned)).collect()
    }
}

/// Counts what is open and what ever was.
#[derive(Clone, Default)]
pub(crate) struct Counter {
    counts: Arc<(AtomicUsize, AtomicUsize)>,
    /// When something was given for the last time.
    given: Arc<Mutex<Option<Instant>>>,
}

/// One thing that is open.
pub(crate) struct Counted {
    counter: Counter,
}

impl Counter {
    pub(crate) fn open(&self) -> Counted {
        self.counts.0.fetch_add(1, Ordering::SeqCst);
        self.counts.1.fetch_add(1, Ordering::SeqCst);
        Counted { counter: self.clone() }
    }

    pub(crate) fn now(&self) -> usize {
        self.counts.0.load(Ordering::SeqCst)
    }

    pub(crate) fn last_given(&self) -> Option<Instant> {
        *self.given.lock()
    }

    pub(crate) fn ever(&self) -> usize {
        self.counts.1.load(Ordering::SeqCst)
    }
}

impl Counted {
    /// A piece of it is given now.
    pub(crate) fn give(&self) {
        *self.counter.given.lock() = Some(Instant::now());
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counter.counts.0.fetch_sub(1, Ordering::SeqCst);
    }
}
