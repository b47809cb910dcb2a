//! What is to be said: one utterance's sound, as far as it has come.

use std::sync::Arc;

use majlis_plugin_api::VisitId;

/// So many seconds of one utterance are kept, to be said again; whoever speaks longer is not interrupted, but not repeated either.
const KEPT_SECONDS: usize = 120;

/// Which sound: of an utterance, in a visit, by the voice behind one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) visit: Option<VisitId>,
    pub(crate) edge: usize,
    /// 0: of none.
    pub(crate) utterance: u64,
}

/// A piece of sound: one channel, signed 16 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Samples a second.
    pub(crate) rate: u32,
    pub(crate) samples: Arc<[i16]>,
    /// Nothing comes after it.
    pub(crate) last: bool,
}

/// An utterance's sound.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) key: Key,
    /// Of its first piece.
    pub(crate) rate: u32,
    pub(crate) pieces: Vec<Arc<[i16]>>,
    samples: usize,
    /// All of it has come.
    pub(crate) ended: bool,
    /// More came than is kept, so it cannot be said from its beginning any more.
    pub(crate) overflowed: bool,
}

impl Item {
    pub(crate) fn new(key: Key, rate: u32) -> Self {
        Self { key, rate, pieces: Vec::new(), samples: 0, ended: false, overflowed: false }
    }

    /// One more piece.
    pub(crate) fn push(&mut self, sound: &Sound) {
        self.ended |= sound.last;
        self.samples += sound.samples.len();
        if self.samples > self.rate as usize * KEPT_SECONDS {
            self.overflowed = true;
            self.pieces.clear();
        } else if !sound.samples.is_empty() {
            self.pieces.push(sound.samples.clone());
        }
    }

    /// Whether there is anything to be heard.
    pub(crate) fn is_audible(&self) -> bool {
        self.samples > 0
    }
}
