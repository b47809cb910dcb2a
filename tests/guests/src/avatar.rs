use std::sync::Arc;
use std::time::{Duration, Instant};

use majlis_livekit_ffi::{
    AudioSource, ByteReader, ConnectOptions, DisconnectReason, Events, Ffi, Invocation, Joined, Method, PublishAudio,
    PublishVideo, Room, RoomEvent, VideoSource,
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::hall::until;
use crate::visitor::film;
use crate::{Conduct, Hall, Picture, room_colour};

/// Side of an avatar's picture in pixels.
const SIDE: u32 = 256;
/// What speech is sent under.
const TOPIC: &str = "lk.audio_stream";

/// One speech that an avatar was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Speech {
    /// Samples a second, as the stream says.
    pub rate: u32,
    /// All that came of it.
    pub samples: Vec<i16>,
    /// When its first bytes came, whether or not they could be played yet.
    pub began: Instant,
    /// It was closed by whoever sent it, and not broken off.
    pub whole: bool,
    /// It was to be played no more.
    pub cleared: bool,
}

#[derive(Default)]
struct Noted {
    speeches: Vec<Speech>,
    joined: Vec<Instant>,
    first_frame: Option<Instant>,
    died: Option<Instant>,
    trouble: Option<String>,
}

/// A speech on its way to the mouth. It is read as it comes, so that its times are not those of what is played before it.
struct Coming {
    rate: u32,
    pieces: UnboundedReceiver<Piece>,
}

/// What came of a speech.
enum Piece {
    Bytes(Instant, Vec<u8>),
    /// Nothing more comes: whoever sent it closed it, or it broke off.
    End {
        whole: bool,
    },
}

/// An avatar of a vendor: a participant that was given a token, shows itself, and says what it is sent.
pub struct Avatar {
    noted: Arc<Mutex<Noted>>,
    task: JoinHandle<()>,
}

impl Hall {
    /// An avatar is asked to come into a room, as by a vendor.
    #[must_use]
    pub fn avatar(&self, url: &str, token: &str, conduct: Conduct) -> Avatar {
        self.avatar_that_hears_by(url, token, "", conduct)
    }

    /// The same of a vendor whose avatar does not hear by itself: with the second token, where it is not empty, a participant joins
    /// that does, and says what was played.
    #[must_use]
    pub fn avatar_that_hears_by(&self, url: &str, token: &str, listener: &str, conduct: Conduct) -> Avatar {
        let noted = Arc::new(Mutex::new(Noted::default()));
        let way =
            Way { ffi: self.ffi.clone(), url: url.to_owned(), token: token.to_owned(), listener: listener.to_owned() };
        let life = live(way, conduct, Arc::clone(&noted));
        let noting = Arc::clone(&noted);
        let task = self.runtime.spawn(async move {
            if let Err(error) = life.await {
                noting.lock().trouble = Some(error.to_string());
            }
        });
        Avatar { noted, task }
    }
}

impl Avatar {
    /// What it was sent, in order. A stream in which nothing has come is no speech.
    #[must_use]
    pub fn speeches(&self) -> Vec<Speech> {
        self.noted.lock().speeches.iter().filter(|speech| !speech.samples.is_empty()).cloned().collect()
    }

    /// When it was in the room, each time.
    #[must_use]
    pub fn joined(&self) -> Vec<Instant> {
        self.noted.lock().joined.clone()
    }

    /// When it sent its first picture.
    #[must_use]
    pub fn first_frame(&self) -> Option<Instant> {
        self.noted.lock().first_frame
    }

    /// When it broke off in the middle of a speech, in order to leave the room.
    #[must_use]
    pub fn died(&self) -> Option<Instant> {
        self.noted.lock().died
    }

    /// Waits until this holds.
    ///
    /// # Panics
    /// It does not in a minute.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let told = || {
            let noted = self.noted.lock();
            let speeches: Vec<_> = noted.speeches.iter().map(|said| (said.samples.len(), said.whole)).collect();
            format!("joined {}, speeches {speeches:?}, trouble {:?}", noted.joined.len(), noted.trouble)
        };
        until(what, || is_so(self), told);
    }
}

impl Drop for Avatar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How an avatar comes into a room.
struct Way {
    ffi: Ffi,
    url: String,
    token: String,
    /// Of whoever hears for it; empty: it hears by itself.
    listener: String,
}

impl Way {
    async fn join(&self, token: &str) -> majlis_livekit_ffi::Result<Joined> {
        Room::connect(&self.ffi, &self.url, token, &ConnectOptions::default()).await
    }

    /// Whoever hears for it, if somebody does.
    async fn join_listener(&self) -> majlis_livekit_ffi::Result<Option<Joined>> {
        if self.listener.is_empty() { Ok(None) } else { self.join(&self.listener).await.map(Some) }
    }
}

async fn live(way: Way, conduct: Conduct, noted: Arc<Mutex<Noted>>) -> majlis_livekit_ffi::Result<()> {
    tokio::time::sleep(conduct.joins_after).await;
    if !conduct.joins {
        return Ok(());
    }
    loop {
        let joined = way.join(&way.token).await?;
        noted.lock().joined.push(Instant::now());
        let listener = if conduct.listens { way.join_listener().await? } else { None };
        let deaf = !conduct.listens && !way.listener.is_empty();
        let is_removed = stay(&way.ffi, joined, listener, deaf, &conduct, &noted).await?;
        if !is_removed || !conduct.comes_back {
            return Ok(());
        }
    }
}

/// Answers whether it was sent away. `listener`: whoever hears for it; `deaf`: nobody does.
async fn stay(
    ffi: &Ffi,
    joined: Joined,
    listener: Option<Joined>,
    deaf: bool,
    conduct: &Conduct,
    noted: &Arc<Mutex<Noted>>,
) -> majlis_livekit_ffi::Result<bool> {
    let Joined { room, mut events, .. } = joined;
    let room = Arc::new(room);
    let agent = room.participant().attributes.get("lk.publish_on_behalf").cloned().unwrap_or_default();
    let (ear, mut heard) = match listener {
        Some(Joined { room, events, .. }) => (Arc::new(room), Some(events)),
        None => (Arc::clone(&room), None),
    };
    let (clears, cleared) = watch::channel(0_u64);
    let method = ear.register_rpc("lk.clear_buffer")?;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(clear(method, agent.clone(), clears));
    let (mouth_closes, mouth) = unbounded_channel();
    if conduct.publishes {
        tasks.spawn(show(ffi.clone(), Arc::clone(&room), conduct.clone(), Arc::clone(noted)));
    }
    let hears_by_itself = heard.is_none() && !deaf;
    let speaks = Speaks {
        ffi: ffi.clone(),
        room: Arc::clone(&room),
        ear: Arc::clone(&ear),
        agent: agent.clone(),
        conduct: conduct.clone(),
        noted: Arc::clone(noted),
        cleared,
    };
    let (died, mut dies) = tokio::sync::mpsc::channel(1);
    tasks.spawn(speaks.all(mouth, died));
    let mut take = |reader: ByteReader| {
        if reader.info().topic == TOPIC && reader.info().identity == agent {
            let rate = reader.info().attributes.get("sample_rate").and_then(|rate| rate.parse().ok()).unwrap_or(0);
            let (came, pieces) = unbounded_channel();
            tasks.spawn(read(reader, came));
            let _ = mouth_closes.send(Coming { rate, pieces });
        }
    };
    let is_removed = loop {
        tokio::select! {
            event = events.next() => match event {
                Some(RoomEvent::ByteStream(reader)) if hears_by_itself => take(reader),
                Some(RoomEvent::Disconnected { reason }) => break reason == DisconnectReason::ParticipantRemoved,
                None => break false,
                Some(_) => {}
            },
            event = next(&mut heard) => match event {
                Some(RoomEvent::ByteStream(reader)) => take(reader),
                Some(_) => {}
                None => heard = None,
            },
            _ = dies.recv() => break false,
        }
    };
    tasks.shutdown().await;
    for room in [ear, room] {
        if let Some(room) = Arc::into_inner(room) {
            // The server may have ended it before.
            let _ = room.disconnect().await;
        }
    }
    Ok(is_removed)
}

/// What happens next where somebody hears; for ever nothing where nobody does.
async fn next(heard: &mut Option<Events>) -> Option<RoomEvent> {
    match heard {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

async fn show(ffi: Ffi, room: Arc<Room>, conduct: Conduct, noted: Arc<Mutex<Noted>>) {
    let Ok(source) = VideoSource::new(&ffi, SIDE, SIDE) else { return };
    let Ok(track) = room.publish_video("avatar", &source, &PublishVideo::default()).await else { return };
    if !conduct.sends_frames {
        return std::future::pending().await;
    }
    noted.lock().first_frame.get_or_insert_with(Instant::now);
    let colour = conduct.colour.unwrap_or_else(|| room_colour(&room.info().name));
    film(source, Picture::plain(SIDE, colour), conduct.fps, track).await;
}

/// Reads a speech, faster than it is played.
async fn read(reader: ByteReader, came: UnboundedSender<Piece>) {
    let Ok(mut pieces) = reader.pieces() else { return };
    loop {
        let piece = match pieces.next().await {
            Ok(Some(bytes)) => Piece::Bytes(Instant::now(), bytes),
            ended => Piece::End { whole: ended.is_ok() },
        };
        let is_last = matches!(piece, Piece::End { .. });
        // It is not played to its end.
        if came.send(piece).is_err() || is_last {
            return;
        }
    }
}

/// Answers when it is told to be silent.
async fn clear(mut method: Method, agent: String, clears: watch::Sender<u64>) {
    while let Some(invocation) = method.next().await {
        if invocation.caller == agent {
            clears.send_modify(|count| *count += 1);
        }
        answer(invocation);
    }
}

fn answer(invocation: Invocation) {
    // Whoever asked may be gone.
    let _ = invocation.answer(Ok("ok".into()));
}

/// Says one speech after the other.
struct Speaks {
    ffi: Ffi,
    room: Arc<Room>,
    /// Whose place in the room hears, and says what was played.
    ear: Arc<Room>,
    agent: String,
    conduct: Conduct,
    noted: Arc<Mutex<Noted>>,
    cleared: watch::Receiver<u64>,
}

impl Speaks {
    async fn all(mut self, mut mouth: UnboundedReceiver<Coming>, died: tokio::sync::mpsc::Sender<()>) {
        let mut voice = match self.conduct.voice {
            Some(rate) => self.voice(rate).await,
            None => None,
        };
        while let Some(Coming { rate, pieces }) = mouth.recv().await {
            if voice.as_ref().is_none_or(|(known, ..)| *known != rate) {
                voice = self.voice(rate).await;
            }
            let Some((_, source, _)) = &mut voice else { continue };
            if self.one(pieces, rate, source).await {
                let _ = died.send(()).await;
                return;
            }
        }
    }

    async fn voice(&self, rate: u32) -> Option<(u32, AudioSource, majlis_livekit_ffi::LocalTrack)> {
        let source = AudioSource::new(&self.ffi, rate, 1, Duration::from_millis(100)).ok()?;
        let track = self.room.publish_audio("voice", &source, &PublishAudio::default()).await.ok()?;
        Some((rate, source, track))
    }

    /// Plays one speech at its own pace. Answers whether the avatar died of it.
    async fn one(&mut self, mut pieces: UnboundedReceiver<Piece>, rate: u32, source: &mut AudioSource) -> bool {
        let place = {
            let mut noted = self.noted.lock();
            let began = Instant::now();
            noted.speeches.push(Speech { rate, samples: Vec::new(), began, whole: false, cleared: false });
            noted.speeches.len() - 1
        };
        self.cleared.mark_unchanged();
        let (mut samples, mut half, mut played, mut over) = (Vec::<i16>::new(), Vec::new(), 0_usize, false);
        let frame = source.frame();
        let interrupted = loop {
            while !over && samples.len() < (played + 1) * frame {
                match pieces.recv().await {
                    Some(Piece::Bytes(at, piece)) => {
                        // A piece may end in the middle of a sample.
                        half.extend_from_slice(&piece);
                        let (whole, rest) = half.as_chunks::<2>();
                        let new: Vec<i16> = whole.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
                        let rest = rest.to_vec();
                        let speech = &mut self.noted.lock().speeches[place];
                        if speech.samples.is_empty() {
                            speech.began = at;
                        }
                        speech.samples.extend_from_slice(&new);
                        samples.extend(new);
                        half = rest;
                    }
                    ended => {
                        over = true;
                        self.noted.lock().speeches[place].whole = matches!(ended, Some(Piece::End { whole: true }));
                    }
                }
            }
            if self.cleared.has_changed().unwrap_or(false) {
                let _ = source.clear();
                self.noted.lock().speeches[place].cleared = true;
                break true;
            }
            let Some(next) = samples.get(played * frame..).filter(|rest| !rest.is_empty()) else { break false };
            if played == 0 {
                self.report("lk.playback_started", String::new()).await;
            }
            let mut next = next[..next.len().min(frame)].to_vec();
            next.resize(frame, 0);
            if source.capture(next).await.is_err() {
                break true;
            }
            played += 1;
            if self.conduct.dies_after.is_some_and(|limit| Duration::from_millis(10) * played as u32 >= limit) {
                self.noted.lock().died = Some(Instant::now());
                return true;
            }
        };
        // As LiveKit's own runner for vendors: of what was not played nothing is told.
        if played == 0 && !interrupted {
            return false;
        }
        let position = played as f64 / 100.0;
        let finished =
            json!({ "playback_position": position, "interrupted": interrupted, "synchronized_transcript": null });
        self.report("lk.playback_finished", finished.to_string()).await;
        false
    }

    async fn report(&self, method: &str, payload: String) {
        if self.conduct.reports {
            // Whoever asked for the speech may be gone.
            let _ = self.ear.perform_rpc(&self.agent, method, &payload, Duration::from_secs(5)).await;
        }
    }
}
