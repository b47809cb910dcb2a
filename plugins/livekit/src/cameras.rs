//! Pictures that are received: of visitors' cameras, and the first one of an avatar.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use majlis_livekit_ffi::{RemoteTrack, VideoStream};
use majlis_plugin_api::{Host, Origin, VisitId};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep_until};

use crate::output;
use crate::pace::Pace;
use crate::picture;
use crate::running::Running;
use crate::word::Report;

/// Of which visit a camera's pictures are; it may be known later than the camera.
#[derive(Clone, Debug)]
pub(crate) struct Whose {
    /// Whether pictures are of no visit.
    nobodys: bool,
    visit: Arc<AtomicU64>,
}

impl Whose {
    /// Of whom the pictures show, which others find out.
    pub(crate) fn nobodys() -> Self {
        Self { nobodys: true, visit: Arc::default() }
    }

    /// Of a visit that may not be open yet.
    pub(crate) fn visits(visit: Option<VisitId>) -> Self {
        let number = visit.map_or(0, VisitId::number);
        Self { nobodys: false, visit: Arc::new(AtomicU64::new(number)) }
    }

    /// The visit is open.
    pub(crate) fn set(&self, visit: VisitId) {
        self.visit.store(visit.number(), Ordering::Relaxed);
    }

    /// Nothing: its pictures are of no use yet.
    fn get(&self) -> Option<Option<VisitId>> {
        let visit = VisitId::from_number(self.visit.load(Ordering::Relaxed));
        if self.nobodys { Some(None) } else { visit.map(Some) }
    }
}

/// What is received at the moment. Dropping it ends all of it.
pub(crate) struct Cameras {
    host: Host,
    origin: Origin,
    fps: f64,
    reports: UnboundedSender<Report>,
    /// By the server's name of the track.
    running: BTreeMap<String, Running>,
}

impl Cameras {
    pub(crate) fn new(host: Host, fps: f64, reports: UnboundedSender<Report>) -> Self {
        let origin = host.origin();
        Self { host, origin, fps, reports, running: BTreeMap::new() }
    }

    /// Takes the pictures of a visitor's camera from now on, the newest only and no more than are wanted.
    pub(crate) fn watch(&mut self, track: RemoteTrack, whose: Whose) {
        let (host, origin, mut pace) = (self.host.clone(), self.origin.clone(), Pace::new(self.fps));
        let sid = track.sid.clone();
        let watching = async move {
            let mut pictures = match VideoStream::new(&track) {
                Ok(pictures) => pictures,
                Err(error) => return tracing::warn!("a camera cannot be read: {error}"),
            };
            loop {
                // What comes long before it is due is passed over by the stream, and costs neither a copy nor memory.
                if let (Some(rests), Some(due)) = (pace.rests_until(), pace.due()) {
                    pictures.rest(true);
                    sleep_until(rests).await;
                    pictures.rest(false);
                    sleep_until(due).await;
                }
                let Some(picture) = pictures.next().await else { return };
                let now = host.now();
                let Some(visit) = whose.get() else { continue };
                pace.took(Instant::now());
                match picture::frame(&host, &picture) {
                    // A full queue has a newer one soon; a visit that is gone has no camera for long.
                    Ok(frame) => drop(origin.emit(output::frame, visit, now, frame)),
                    Err(error) => tracing::warn!("a picture cannot be used: {error}"),
                }
            }
        };
        self.running.insert(sid, Running::new(watching));
    }

    /// Waits for the first picture of an avatar.
    pub(crate) fn await_first(&mut self, track: RemoteTrack, identity: String) {
        let (reports, sid) = (self.reports.clone(), track.sid.clone());
        let waiting = async move {
            let Ok(mut pictures) = VideoStream::new(&track) else { return };
            if pictures.next().await.is_some() {
                // The room has ended: nobody waits for it.
                let _ = reports.send(Report::Decoded(identity));
            }
        };
        self.running.insert(sid, Running::new(waiting));
    }

    /// A track does not arrive any more.
    pub(crate) fn end(&mut self, sid: &str) {
        self.running.remove(sid);
    }
}
