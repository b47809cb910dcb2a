use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::{Avatar, Conduct, Hall};

/// A vendor is looked at this often.
const EVERY: Duration = Duration::from_millis(5);

/// Avatars that come as their vendor begins sessions.
pub struct Troupe {
    over: Arc<AtomicBool>,
    bringing: Option<JoinHandle<Vec<Avatar>>>,
}

impl Troupe {
    /// `tokens` are those of all sessions that began until now, in order, with that of a listener (or nothing). The first one brings an avatar that behaves like the first of
    /// `conducts`; after the last of them all are like `usual`.
    #[must_use]
    pub fn new(
        hall: Arc<Hall>,
        tokens: impl Fn() -> Vec<(String, String)> + Send + 'static,
        conducts: Vec<Conduct>,
        usual: Conduct,
    ) -> Self {
        let over = Arc::<AtomicBool>::default();
        let is_over = Arc::clone(&over);
        let bringing = std::thread::spawn(move || {
            let (mut avatars, mut conducts) = (Vec::new(), conducts.into_iter());
            while !is_over.load(Ordering::Relaxed) {
                for (token, listener) in tokens().into_iter().skip(avatars.len()) {
                    let conduct = conducts.next().unwrap_or_else(|| usual.clone());
                    avatars.push(hall.avatar_that_hears_by(&hall.server.url(), &token, &listener, conduct));
                }
                std::thread::sleep(EVERY);
            }
            avatars
        });
        Self { over, bringing: Some(bringing) }
    }

    /// Nobody comes any more. Answers with those who ever came.
    ///
    /// # Panics
    /// Bringing them did.
    #[must_use]
    pub fn end(mut self) -> Vec<Avatar> {
        self.over.store(true, Ordering::Relaxed);
        self.bringing.take().map(|bringing| bringing.join().expect("no panic")).unwrap_or_default()
    }
}

impl Drop for Troupe {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
