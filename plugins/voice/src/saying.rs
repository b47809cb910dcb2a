use parking_lot::{Condvar, Mutex};

use majlis_plugin_api::Piece;

use crate::Stop;

/// One utterance on its way out: shared by the stage and the thread that makes its sound.
pub(crate) struct Saying {
    /// The utterance's number.
    pub(crate) number: u64,
    pub(crate) stop: Stop,
    state: Mutex<State>,
    changed: Condvar,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Far {
    /// Samples of each channel that went out.
    pub(crate) position: u64,
    /// Rate and channels, once a packet went out.
    pub(crate) shape: Option<(u32, u16)>,
}

#[derive(Default)]
struct State {
    far: Far,
    over: bool,
    /// Whoever plays it knows that nothing more comes.
    is_told: bool,
}

impl Saying {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, stop: Stop::default(), state: Mutex::default(), changed: Condvar::new() }
    }

    /// A packet went out, and ended here.
    pub(crate) fn went(&self, position: u64, rate: u32, channels: u16) {
        self.state.lock().far = Far { position, shape: Some((rate, channels)) };
    }

    pub(crate) fn far(&self) -> Far {
        self.state.lock().far
    }

    /// The piece after which nothing comes, where it stands now.
    pub(crate) fn last_piece(&self) -> Piece {
        Piece { utterance: self.number, position: self.far().position, last: true }
    }

    /// Nothing goes out any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().over
    }

    /// Its last packet went out, or somebody else says it.
    pub(crate) fn told(&self) {
        self.state.lock().is_told = true;
    }

    /// Whether whoever plays it knows that nothing more comes. It may be over without that, when it was cancelled.
    pub(crate) fn is_told(&self) -> bool {
        self.state.lock().is_told
    }

    fn end(&self) {
        self.state.lock().over = true;
        self.changed.notify_all();
    }

    /// Waits for its end: only for threads of one's own. It comes soon when nobody wants it any more.
    pub(crate) fn wait_over(&self) {
        let mut state = self.state.lock();
        while !state.over {
            self.changed.wait(&mut state);
        }
    }
}

/// Ends a saying however its thread ends, so that nobody waits for it in vain.
pub(crate) struct Ends(pub(crate) std::sync::Arc<Saying>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}
