//! Somebody in the room who is not the stage: a visitor's page, an avatar, a stranger.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use majlis_livekit_ffi::{
    Events, Ffi, Invocation, Joined, Method, Picture, PublishVideo, Room, RoomEvent, StreamInfo, VideoRotation,
    VideoSource,
};
use tokio::task::JoinHandle;

use super::{Stand, within};

/// A stream that somebody received.
pub(crate) struct Stream {
    pub(crate) info: StreamInfo,
    pub(crate) bytes: Vec<u8>,
    /// Its sender closed it, and did not break it off.
    pub(crate) whole: bool,
}

/// What a guest of the room noticed.
#[derive(Default)]
pub(crate) struct Noticed {
    /// How many streams were opened to it, and those that have ended.
    pub(crate) opened: usize,
    pub(crate) streams: Vec<Stream>,
    pub(crate) texts: Vec<(StreamInfo, String)>,
    /// Attributes of others, by identity.
    pub(crate) attributes: HashMap<String, HashMap<String, String>>,
    pub(crate) present: Vec<String>,
    /// Tracks that others publish, by identity.
    pub(crate) tracks: Vec<String>,
    /// How many tracks of ours are received.
    pub(crate) received: usize,
    /// Samples of the agent's own track.
    pub(crate) heard: Vec<i16>,
    /// Questions that were answered.
    pub(crate) asked: Vec<String>,
    /// It was sent away.
    pub(crate) out: bool,
    pub(crate) states: Vec<String>,
    /// What was read of the room itself, in order.
    pub(crate) of_room: Vec<String>,
}

/// Somebody in the room who is not the stage.
pub(crate) struct Guest {
    pub(crate) room: Arc<Room>,
    pub(crate) noticed: Arc<Mutex<Noticed>>,
    tasks: Vec<JoinHandle<()>>,
    ffi: Ffi,
    runtime: tokio::runtime::Handle,
}

impl Guest {
    pub(super) fn new(joined: Joined, stand: &Stand) -> Self {
        let Joined { room, events, present } = joined;
        let noticed = Arc::<Mutex<Noticed>>::default();
        {
            let mut noticed = noticed.lock().expect("no test panics with it");
            for one in &present {
                noticed.present.push(one.participant.identity.clone());
                noticed.attributes.insert(one.participant.identity.clone(), one.participant.attributes.clone());
            }
        }
        let runtime = stand.runtime.handle().clone();
        let tasks = vec![runtime.spawn(notice(events, noticed.clone()))];
        Self { room: Arc::new(room), noticed, tasks, ffi: stand.ffi.clone(), runtime }
    }

    pub(crate) fn identity(&self) -> &str {
        self.room.identity()
    }

    /// Shows something of what it noticed.
    pub(crate) fn see<T>(&self, see: impl FnOnce(&Noticed) -> T) -> T {
        see(&self.noticed.lock().expect("no test panics with it"))
    }

    /// Changes what it noticed.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Noticed)) {
        change(&mut self.noticed.lock().expect("no test panics with it"));
    }

    /// Shows a picture 15 times a second: RGBA.
    pub(crate) fn camera(&mut self, width: u32, height: u32, pixels: Vec<u8>) {
        self.video(width, height, pixels, PublishVideo { limits: Some((3_000_000, 15.0)), ..PublishVideo::default() });
    }

    pub(crate) fn video(&mut self, width: u32, height: u32, pixels: Vec<u8>, how: PublishVideo) {
        let source = VideoSource::new(&self.ffi, width, height).expect("a source");
        let (room, begun) = (self.room.clone(), Instant::now());
        let showing = async move {
            let _track = room.publish_video("camera", &source, &how).await.expect("it is published");
            loop {
                let picture = Picture::rgba(width as usize, height as usize, &pixels).expect("a picture");
                let at = begun.elapsed().as_micros() as i64;
                if source.capture(&picture, at, VideoRotation::Rotation0).is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(66)).await;
            }
        };
        self.tasks.push(self.runtime.spawn(showing));
    }

    /// Answers questions of a name, and notes them.
    pub(crate) fn answer(&mut self, method: &str, then: impl Fn(&Invocation) -> String + Send + 'static) {
        let mut method_of: Method = self.room.register_rpc(method).expect("it is registered");
        let (name, noticed) = (method.to_owned(), self.noticed.clone());
        let answering = async move {
            while let Some(invocation) = method_of.next().await {
                let answer = then(&invocation);
                noticed.lock().expect("no test panics with it").asked.push(name.clone());
                let _ = invocation.answer(Ok(answer));
            }
        };
        self.tasks.push(self.runtime.spawn(answering));
    }

    /// Asks the agent.
    pub(crate) fn ask(&self, agent: &str, method: &str, payload: &str) -> majlis_livekit_ffi::Result<String> {
        self.runtime
            .block_on(within("an answer", self.room.perform_rpc(agent, method, payload, Duration::from_secs(5))))
    }

    /// Leaves, as a page does.
    pub(crate) fn leave(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = self.runtime.block_on(task);
        }
        let Self { room, runtime, .. } = self;
        let room = Arc::try_unwrap(room).expect("its tasks are over");
        runtime.block_on(within("leaving", room.disconnect())).expect("it leaves");
    }
}

async fn notice(mut events: Events, noticed: Arc<Mutex<Noticed>>) {
    let note = |change: &mut dyn FnMut(&mut Noticed)| change(&mut noticed.lock().expect("no test panics with it"));
    while let Some(event) = events.next().await {
        match event {
            RoomEvent::ParticipantConnected(who) => note(&mut |noticed| {
                noticed.present.push(who.identity.clone());
                noticed.attributes.insert(who.identity.clone(), who.attributes.clone());
            }),
            RoomEvent::ParticipantDisconnected { identity, .. } => {
                note(&mut |noticed| noticed.present.retain(|present| *present != identity));
            }
            RoomEvent::AttributesChanged { identity, attributes, changed } => note(&mut |noticed| {
                noticed.states.extend(changed.get("lk.agent.state").cloned());
                noticed.attributes.insert(identity.clone(), attributes.clone());
            }),
            RoomEvent::TrackPublished { identity, publication } => {
                // The agent's own voice is heard, as pages do.
                if publication.kind == majlis_livekit_ffi::TrackKind::Audio {
                    let _ = publication.set_subscribed(true);
                }
                note(&mut |noticed| noticed.tracks.push(identity.clone()));
            }
            RoomEvent::TrackSubscribed { track, .. } if track.kind == majlis_livekit_ffi::TrackKind::Audio => {
                let noticed = noticed.clone();
                tokio::spawn(async move {
                    let Ok(mut sound) = majlis_livekit_ffi::AudioStream::new(&track, 48_000, 1) else { return };
                    while let Some(frame) = sound.next().await {
                        noticed.lock().expect("no test panics with it").heard.extend_from_slice(frame.samples());
                    }
                });
            }
            RoomEvent::LocalTrackSubscribed { .. } => note(&mut |noticed| noticed.received += 1),
            RoomEvent::TextStream(text) => {
                let (noticed, info) = (noticed.clone(), text.info().clone());
                tokio::spawn(async move {
                    if let Ok(text) = text.whole().await {
                        noticed.lock().expect("no test panics with it").texts.push((info, text));
                    }
                });
            }
            RoomEvent::ByteStream(stream) => {
                note(&mut |noticed| noticed.opened += 1);
                let (noticed, info) = (noticed.clone(), stream.info().clone());
                tokio::spawn(async move {
                    let Ok(mut pieces) = stream.pieces() else { return };
                    let (mut bytes, mut whole) = (Vec::new(), false);
                    while let Ok(piece) = pieces.next().await {
                        let Some(piece) = piece else {
                            whole = true;
                            break;
                        };
                        bytes.extend(piece);
                    }
                    noticed.lock().expect("no test panics with it").streams.push(Stream { info, bytes, whole });
                });
            }
            RoomEvent::RoomMetadataChanged { metadata } => note(&mut |noticed| noticed.of_room.push(metadata.clone())),
            RoomEvent::Disconnected { .. } => note(&mut |noticed| noticed.out = true),
            _ => {}
        }
    }
}
