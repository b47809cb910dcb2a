use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use majlis_plugin_api::Pending;
use parking_lot::Mutex;

/// Tells whoever makes a sound that nobody wants it any more. Cheap to clone.
#[derive(Clone, Default)]
pub struct Stop {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    set: bool,
    then: Vec<Box<dyn FnOnce() + Send>>,
}

impl Stop {
    /// Whether nobody wants it any more.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.state.inner.lock().set
    }

    /// Nobody wants it any more: what was asked for by [`then`](Stop::then) is done, here and now.
    pub fn set(&self) {
        self.state.set();
    }

    /// Does this when it is set, on the thread that sets it; at once if it is set already. It must not wait for anything.
    pub fn then(&self, what: impl FnOnce() + Send + 'static) {
        let mut inner = self.state.inner.lock();
        if inner.set {
            drop(inner);
            what();
        } else {
            inner.then.push(Box::new(what));
        }
    }

    /// Sets it when the work is cancelled (the visitor left, a flush, a deadline, the end of the instance) or over.
    pub(crate) fn follow(&self, pending: &Pending) {
        let waker = Waker::from(Arc::clone(&self.state));
        // Asked once: the host then wakes the waker, whatever becomes of the future.
        if let Poll::Ready(()) = pin!(pending.cancelled()).poll(&mut Context::from_waker(&waker)) {
            self.set();
        }
    }
}

impl State {
    fn set(&self) {
        let then = {
            let mut inner = self.inner.lock();
            inner.set = true;
            std::mem::take(&mut inner.then)
        };
        for what in then {
            what();
        }
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.set();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_is_to_be_done_is_done_once_however_often_it_is_set() {
        let (stop, done) = (Stop::default(), Arc::new(AtomicUsize::new(0)));
        let more = |by: usize| {
            let done = Arc::clone(&done);
            move || _ = done.fetch_add(by, Ordering::Relaxed)
        };
        stop.then(more(1));
        assert_eq!((stop.is_set(), done.load(Ordering::Relaxed)), (false, 0));
        stop.set();
        stop.set();
        assert_eq!((stop.is_set(), done.load(Ordering::Relaxed)), (true, 1));
        stop.then(more(10));
        assert_eq!(done.load(Ordering::Relaxed), 11, "it is too late to wait for it");
    }
}
