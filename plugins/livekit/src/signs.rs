//! What pages read of the agent: attributes that they know, and one of ours by which a loading screen can be honest.

use std::sync::Arc;

use majlis_livekit_ffi::Room;
use tokio::sync::watch;

use crate::floor::Doing;
use crate::running::Running;

/// The name that pages of LiveKit's know.
const STATE: &str = "lk.agent.state";
/// How far it is.
const STAGE: &str = "majlis.stage";
/// Which avatars wait for their visitor, with a comma between two: pages hide them.
const STANDBY: &str = "majlis.standby";

/// How far the reception of a visitor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The room has just been joined.
    #[default]
    Connecting,
    /// Nobody is there.
    Waiting,
    /// A visitor is there to whom nothing has been said yet.
    Recognising,
    /// Something waits to be said, and nobody is there yet who says it.
    AvatarStarting,
    /// Whoever speaks is there.
    Ready,
}

impl Progress {
    fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Waiting => "waiting",
            Self::Recognising => "recognising",
            Self::AvatarStarting => "avatar-starting",
            Self::Ready => "ready",
        }
    }
}

/// All that is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// None: it is being initialised.
    pub(crate) doing: Option<Doing>,
    pub(crate) progress: Progress,
    pub(crate) standby: Vec<String>,
}

impl Shown {
    /// Attributes by name. It never says that it listens: it has no ear.
    fn attributes(&self) -> [(&'static str, String); 3] {
        let state = match self.doing {
            None => "initializing",
            Some(Doing::Idle) => "idle",
            Some(Doing::Thinking) => "thinking",
            Some(Doing::Speaking) => "speaking",
        };
        [(STATE, state.into()), (STAGE, self.progress.name().into()), (STANDBY, self.standby.join(","))]
    }
}

/// Shows it, the newest only, as quickly as the room takes it.
#[derive(Debug)]
pub(crate) struct Signs {
    newest: watch::Sender<Shown>,
    _running: Running,
}

impl Signs {
    pub(crate) fn new(room: Arc<Room>) -> Self {
        let (newest, mut shown) = watch::channel(Shown::default());
        let showing = async move {
            let mut before: Option<Shown> = None;
            loop {
                let now = shown.borrow_and_update().clone();
                if before.as_ref() != Some(&now) {
                    let old = before.as_ref().map(Shown::attributes);
                    let changed = now.attributes().into_iter().filter(|attribute| {
                        let is_old = old.as_ref().is_some_and(|old| old.contains(attribute));
                        !is_old && (before.is_some() || !attribute.1.is_empty())
                    });
                    match room.set_attributes(changed.collect::<Vec<_>>()).await {
                        Ok(()) => before = Some(now),
                        // Shown with the next change; a connection that comes back brings one.
                        Err(error) => tracing::debug!("the agent's state is not shown: {error}"),
                    }
                }
                if shown.changed().await.is_err() {
                    return;
                }
            }
        };
        Self { newest, _running: Running::new(showing) }
    }

    /// This is to be read now.
    pub(crate) fn show(&self, shown: &Shown) {
        self.newest.send_if_modified(|newest| {
            let differs = newest != shown;
            if differs {
                newest.clone_from(shown);
            }
            differs
        });
    }

    /// The connection is back: what could not be shown meanwhile is shown now.
    pub(crate) fn again(&self) {
        self.newest.send_modify(|_| {});
    }
}
