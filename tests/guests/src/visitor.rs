use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use majlis_livekit_ffi::{
    AudioStream, Events, Joined, Picture as Sent, PublishVideo, RemoteTrack, Room, RoomEvent, TrackKind, VideoRotation,
    VideoSource, VideoStream,
};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::hall::until;
use crate::heard::is_audible;
use crate::{Hall, Heard, Picture, colour};

/// The rate at which a visitor hears.
const RATE: u32 = 24_000;

/// A text that came to a visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Who sent it.
    pub from: String,
    /// Under which heading.
    pub topic: String,
    /// The text.
    pub text: String,
}

/// A picture of somebody that a visitor saw first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When it was decoded here.
    pub at: Instant,
    /// Its middle.
    pub colour: [u8; 3],
}

#[derive(Default)]
struct Noted {
    texts: Vec<Text>,
    /// By identity, each value of each attribute in order.
    attributes: BTreeMap<String, Vec<(String, String)>>,
    heard: BTreeMap<String, Heard>,
    shown: BTreeMap<String, Shown>,
    present: Vec<String>,
    left: Vec<String>,
    /// By identity, when the first sound of it that is no silence came.
    audible: BTreeMap<String, Instant>,
}

/// A visitor with a camera: a participant as a page is one. It receives everybody's sound and pictures.
pub struct Visitor {
    room: Option<Arc<Room>>,
    noted: Arc<Mutex<Noted>>,
    tasks: Vec<JoinHandle<()>>,
    handle: tokio::runtime::Handle,
    /// Who it is in the room.
    pub identity: String,
}

impl Hall {
    /// A visitor joins with this token; the camera shows the picture so many times a second from then on.
    ///
    /// # Panics
    /// It is not let in.
    #[must_use]
    pub fn visitor(&self, token: &str, camera: Option<(&Picture, u32)>) -> Visitor {
        let url = self.server.url();
        let options = majlis_livekit_ffi::ConnectOptions::default();
        let joined = self.wait("joining", Room::connect(&self.ffi, &url, token, &options));
        let Joined { room, events, present } =
            joined.unwrap_or_else(|error| panic!("a visitor is not let in: {error}"));
        let room = Arc::new(room);
        let noted = Arc::new(Mutex::new(Noted::default()));
        // As a page does: whoever is there is received at once, and not only when the camera is published.
        {
            let mut noted = noted.lock();
            for somebody in &present {
                noted.present.push(somebody.participant.identity.clone());
                note_attributes(&mut noted, &somebody.participant.identity, &somebody.participant.attributes);
                for publication in &somebody.publications {
                    publication.set_subscribed(true).expect("it can be subscribed");
                }
            }
        }
        let mut tasks = vec![self.runtime.spawn(watch(events, Arc::clone(&noted)))];
        if let Some((picture, fps)) = camera {
            let source = VideoSource::new(&self.ffi, picture.width as u32, picture.height as u32).expect("a camera");
            let track = self.wait("publishing", room.publish_video("camera", &source, &PublishVideo::default()));
            let track = track.expect("visitors may publish their camera");
            tasks.push(self.runtime.spawn(film(source, picture.clone(), fps, track)));
        }
        let identity = room.identity().to_owned();
        Visitor { room: Some(room), noted, tasks, handle: self.runtime.handle().clone(), identity }
    }
}

impl Visitor {
    /// When it joined, by the server's clock.
    ///
    /// # Panics
    /// It has left.
    #[must_use]
    pub fn joined_at(&self) -> SystemTime {
        self.room.as_ref().expect("it is in the room").participant().joined_at
    }

    /// When the first sound of somebody that is no silence was decoded here.
    #[must_use]
    pub fn audible(&self, identity: &str) -> Option<Instant> {
        self.noted.lock().audible.get(identity).copied()
    }

    /// What came to it as text.
    #[must_use]
    pub fn texts(&self) -> Vec<Text> {
        self.noted.lock().texts.clone()
    }

    /// The values that somebody's attribute had, in order.
    #[must_use]
    pub fn values(&self, identity: &str, attribute: &str) -> Vec<String> {
        let noted = self.noted.lock();
        let of = noted.attributes.get(identity).into_iter().flatten();
        of.filter(|(name, _)| name == attribute).map(|(_, value)| value.clone()).collect()
    }

    /// What was heard of somebody.
    #[must_use]
    pub fn heard(&self, identity: &str) -> Heard {
        self.noted.lock().heard.get(identity).cloned().unwrap_or_default()
    }

    /// Who was heard: a track of them arrived.
    #[must_use]
    pub fn heard_of(&self) -> Vec<String> {
        self.noted.lock().heard.keys().cloned().collect()
    }

    /// The first picture of somebody.
    #[must_use]
    pub fn shown(&self, identity: &str) -> Option<Shown> {
        self.noted.lock().shown.get(identity).cloned()
    }

    /// Who is there now, without itself.
    #[must_use]
    pub fn present(&self) -> Vec<String> {
        self.noted.lock().present.clone()
    }

    /// Who left, in order.
    #[must_use]
    pub fn left(&self) -> Vec<String> {
        self.noted.lock().left.clone()
    }

    /// Tells the agent that the page shows this avatar and its sound can play.
    ///
    /// # Panics
    /// The agent does not take it.
    pub fn says_that_it_shows(&self, avatar: &str, agent: &str) {
        let room = self.room.as_ref().expect("it is in the room");
        let told = self.handle.block_on(room.perform_rpc(agent, "majlis.shown", avatar, Duration::from_secs(10)));
        assert_eq!(told.expect("the agent answers"), "ok");
    }

    /// Waits until this holds.
    ///
    /// # Panics
    /// It does not in a minute.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        until(what, || is_so(self), || self.told());
    }

    fn told(&self) -> String {
        let noted = self.noted.lock();
        format!(
            "texts {:?}, attributes {:?}, heard of {:?}, seen {:?}, present {:?}, left {:?}",
            noted.texts,
            noted.attributes,
            noted.heard.iter().map(|(who, heard)| (who, heard.seconds())).collect::<Vec<_>>(),
            noted.shown.keys().collect::<Vec<_>>(),
            noted.present,
            noted.left
        )
    }

    /// Leaves, as a page that is closed.
    pub fn leave(mut self) {
        self.end();
    }

    fn end(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            // So that nobody else has the room.
            let _ = self.handle.block_on(task);
        }
        if let Some(room) = self.room.take().and_then(Arc::into_inner) {
            let _ = self.handle.block_on(room.disconnect());
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.end();
    }
}

/// Shows a picture again and again, for as long as its track lives.
pub(crate) async fn film(source: VideoSource, picture: Picture, fps: u32, track: majlis_livekit_ffi::LocalTrack) {
    let began = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_secs(1) / fps.max(1));
    let sent = Sent::i420(picture.width, picture.height, &picture.i420).expect("a whole picture");
    loop {
        beat.tick().await;
        let at = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        if source.capture(&sent, at, VideoRotation::Rotation0).is_err() {
            return;
        }
        // It is published as long as it is held.
        let _ = track.sid();
    }
}

fn note_attributes(noted: &mut Noted, identity: &str, changed: &std::collections::HashMap<String, String>) {
    let of = noted.attributes.entry(identity.to_owned()).or_default();
    of.extend(changed.iter().map(|(name, value)| (name.clone(), value.clone())));
}

async fn watch(mut events: Events, noted: Arc<Mutex<Noted>>) {
    let mut received = tokio::task::JoinSet::new();
    while let Some(event) = events.next().await {
        match event {
            RoomEvent::ParticipantConnected(somebody) => {
                let mut noted = noted.lock();
                note_attributes(&mut noted, &somebody.identity, &somebody.attributes);
                noted.present.push(somebody.identity);
            }
            RoomEvent::ParticipantDisconnected { identity, .. } => {
                let mut noted = noted.lock();
                noted.present.retain(|present| *present != identity);
                noted.left.push(identity);
            }
            RoomEvent::AttributesChanged { identity, changed, .. } => {
                note_attributes(&mut noted.lock(), &identity, &changed);
            }
            RoomEvent::TrackPublished { publication, .. } => {
                // Gone already, perhaps.
                let _ = publication.set_subscribed(true);
            }
            RoomEvent::TrackSubscribed { identity, track } => {
                received.spawn(receive(identity, track, Arc::clone(&noted)));
            }
            RoomEvent::TextStream(reader) => {
                let noted = Arc::clone(&noted);
                received.spawn(async move {
                    let (from, topic) = (reader.info().identity.clone(), reader.info().topic.clone());
                    if let Ok(text) = reader.whole().await {
                        noted.lock().texts.push(Text { from, topic, text });
                    }
                });
            }
            _ => {}
        }
    }
}

async fn receive(identity: String, track: RemoteTrack, noted: Arc<Mutex<Noted>>) {
    if track.kind == TrackKind::Audio {
        let Ok(mut sound) = AudioStream::new(&track, RATE, 1) else { return };
        noted.lock().heard.entry(identity.clone()).or_insert_with(|| Heard { rate: RATE, samples: Vec::new() });
        while let Some(frame) = sound.next().await {
            let mut noted = noted.lock();
            if is_audible(frame.samples()) {
                noted.audible.entry(identity.clone()).or_insert_with(Instant::now);
            }
            if let Some(heard) = noted.heard.get_mut(&identity) {
                heard.samples.extend_from_slice(frame.samples());
            }
        }
        return;
    }
    let Ok(mut pictures) = VideoStream::new(&track) else { return };
    while let Some(frame) = pictures.next().await {
        let shown = || Shown { at: Instant::now(), colour: colour(&frame) };
        noted.lock().shown.entry(identity.clone()).or_insert_with(shown);
    }
}
