//! What there is while a room is joined; dropped, all of it ends and the room is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_ffi::{Method, Publication, Room};
use majlis_plugin_api::{Host, Result};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use crate::cameras::{Cameras, Whose};
use crate::library::told;
use crate::mouth::Mouth;
use crate::running::Running;
use crate::scribe::Scribe;
use crate::signs::Signs;
use crate::word::{Question, Report};

/// A room that is joined.
pub(crate) struct Session {
    pub(crate) cameras: Cameras,
    pub(crate) mouth: Mouth,
    pub(crate) scribe: Scribe,
    pub(crate) signs: Signs,
    /// What everybody publishes, by identity.
    pub(crate) publications: BTreeMap<String, Vec<Publication>>,
    /// Of which visit each visitor's pictures are.
    pub(crate) whose: BTreeMap<String, Whose>,
    _questions: Vec<Running>,
    // The last one: what holds it too is dropped before.
    room: Arc<Room>,
}

impl Session {
    pub(crate) fn new(
        ffi: &majlis_livekit_ffi::Ffi,
        host: &Host,
        fps: f64,
        reports: &UnboundedSender<Report>,
        room: Room,
    ) -> Result<Self> {
        let room = Arc::new(room);
        let mut questions = Vec::new();
        for question in Question::ALL {
            let method = room.register_rpc(question.method()).map_err(told)?;
            questions.push(Running::new(take(question, method, reports.clone())));
        }
        Ok(Self {
            cameras: Cameras::new(host.clone(), fps, reports.clone()),
            mouth: Mouth::new(ffi.clone(), room.clone(), reports.clone()),
            scribe: Scribe::new(room.clone(), reports.clone()),
            signs: Signs::new(room.clone()),
            publications: BTreeMap::new(),
            whose: BTreeMap::new(),
            _questions: questions,
            room,
        })
    }

    /// Nothing of somebody's tracks is received any more.
    pub(crate) fn stop_receiving(&mut self, identity: &str) {
        for publication in self.publications.get(identity).into_iter().flatten() {
            self.cameras.end(&publication.sid);
            // It may have left already.
            let _ = publication.set_subscribed(false);
        }
    }

    /// Leaves, and waits until the server knows.
    pub(crate) async fn leave(self) {
        let mut room = self.room.clone();
        drop(self);
        // Its tasks let go of the room where they next wait.
        loop {
            match Arc::try_unwrap(room) {
                Ok(room) => {
                    if let Err(error) = room.disconnect().await {
                        tracing::debug!("leaving the room: {error}");
                    }
                    return;
                }
                Err(held) => room = held,
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Hands on what is asked.
async fn take(question: Question, mut method: Method, reports: UnboundedSender<Report>) {
    while let Some(invocation) = method.next().await {
        if reports.send(Report::Asked(question, invocation)).is_err() {
            return;
        }
    }
}
