//! What is made before it is said.

use std::collections::VecDeque;
use std::sync::Arc;

use majlis_plugin_api::Result;
use parking_lot::Mutex;

use crate::work::{Shared, Text};
use crate::{Stop, Voice};

/// Texts that wait to be made, and the one thread that makes them.
pub(crate) struct MadeAhead<V: Voice> {
    queue: Arc<Mutex<Queue<V::Manner>>>,
    stop: Stop,
}

struct Queue<M> {
    texts: VecDeque<Text<M>>,
    /// A thread takes from it.
    is_taken: bool,
}

impl<V: Voice> Default for MadeAhead<V> {
    fn default() -> Self {
        let queue = Queue { texts: VecDeque::new(), is_taken: false };
        Self { queue: Arc::new(Mutex::new(queue)), stop: Stop::default() }
    }
}

impl<V: Voice> MadeAhead<V> {
    /// Makes these after those that wait already.
    pub(crate) fn make(&self, shared: &Arc<Shared<V>>, texts: Vec<Text<V::Manner>>) -> Result<()> {
        let mut queue = self.queue.lock();
        queue.texts.extend(texts);
        if queue.texts.is_empty() || std::mem::replace(&mut queue.is_taken, true) {
            return Ok(());
        }
        drop(queue);
        let (of_thread, stop, waiting) = (Arc::clone(shared), self.stop.clone(), Arc::clone(&self.queue));
        let started = shared.host.spawn("voice ahead", move || {
            let mut told = String::new();
            while let Some(text) = next(&waiting, &stop) {
                match of_thread.make_ahead(&text, &stop) {
                    Ok(()) => {}
                    Err(_) if stop.is_set() => {}
                    // It is tried again when it is to be said.
                    Err(error) => {
                        let why = error.to_string();
                        if told != why {
                            tracing::warn!("what is said to everybody could not be made before it is said: {why}");
                        }
                        told = why;
                    }
                }
            }
        });
        if started.is_err() {
            self.queue.lock().is_taken = false;
        }
        started
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().texts.len()
    }

    /// Nothing more is made, and what is being made is broken off.
    pub(crate) fn stop(&self) {
        self.stop.set();
    }
}

/// The next text. None: the thread is done.
fn next<M>(queue: &Mutex<Queue<M>>, stop: &Stop) -> Option<Text<M>> {
    let mut queue = queue.lock();
    let text = if stop.is_set() { None } else { queue.texts.pop_front() };
    queue.is_taken = text.is_some();
    text
}
