//! Says what has the floor: to an avatar as a stream of bytes, or with the agent's own track.
//!
//! It carries out what [`crate::floor`] decides, and reports when something was said or is silent. One thing is said at a time.

mod avatar;
mod own;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use majlis_livekit_ffi::{Ffi, Room};
use majlis_plugin_api::Result;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::floor::Speaker;
use crate::running::Running;
use crate::word::Report;
pub(crate) use avatar::Playback;
use avatar::{Ahead, Stream};
use own::OwnTrack;

/// A piece of what is being said.
enum Piece {
    Samples(Arc<[i16]>),
    End,
}

/// Pieces as they come.
struct Pieces {
    pieces: UnboundedReceiver<Piece>,
    ended: bool,
}

impl Pieces {
    /// What is there, `most` samples or a little more, as soon as there is something; nothing after the end.
    async fn next(&mut self, most: usize) -> Option<Vec<i16>> {
        let mut samples = Vec::new();
        while !self.ended && samples.len() < most {
            let piece = if samples.is_empty() { self.pieces.recv().await } else { self.pieces.try_recv().ok() };
            match piece {
                Some(Piece::Samples(more)) => samples.extend_from_slice(&more),
                Some(Piece::End) => self.ended = true,
                // Nothing more at the moment; or whoever spoke is gone, and this with it.
                None => break,
            }
        }
        (!samples.is_empty()).then_some(samples)
    }
}

/// How far something that is being said has come.
struct Course {
    number: u64,
    begun: AtomicBool,
    sent: AtomicBool,
    reports: UnboundedSender<Report>,
}

impl Course {
    /// From here on something of it may be heard.
    fn begins(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// The first of it, and more, went out.
    fn goes_out(&self) {
        if !self.sent.swap(true, Ordering::Relaxed) {
            // The room has ended: nobody waits for it.
            let _ = self.reports.send(Report::Sent { saying: self.number });
        }
    }
}

/// What is being said.
struct Saying {
    number: u64,
    speaker: Speaker,
    pieces: UnboundedSender<Piece>,
    /// What its avatar tells of its playing.
    playback: UnboundedSender<Playback>,
    course: Arc<Course>,
    _running: Running,
}

/// What falls silent.
struct Ending {
    speaker: Speaker,
    playback: UnboundedSender<Playback>,
    _running: Running,
}

/// The mouth of a room that is joined. Dropped, it is silent.
pub(crate) struct Mouth {
    room: Arc<Room>,
    reports: UnboundedSender<Report>,
    own: Arc<OwnTrack>,
    saying: Option<Saying>,
    ending: Option<Ending>,
    /// A stream to whoever speaks next.
    ahead: Option<Ahead>,
    /// The number of the last stream.
    streams: u64,
    /// Avatars that are known to tell when they begin to play, and those that tell when they have played.
    beginning: BTreeSet<String>,
    telling: BTreeSet<String>,
}

impl Drop for Mouth {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}

impl Mouth {
    pub(crate) fn new(ffi: Ffi, room: Arc<Room>, reports: UnboundedSender<Report>) -> Self {
        let own = Arc::new(OwnTrack::new(ffi, room.clone()));
        Self {
            room,
            reports,
            own,
            saying: None,
            ending: None,
            ahead: None,
            streams: 0,
            beginning: BTreeSet::new(),
            telling: BTreeSet::new(),
        }
    }

    /// Something will be said by an avatar, unless something changes.
    pub(crate) fn expect(&mut self, to: String, sample_rate: u32) {
        if self.ahead.as_ref().is_some_and(|ahead| ahead.leads(&to, sample_rate)) {
            return;
        }
        self.ahead = Some(Ahead::open(self.room.clone(), self.next_stream(), to, sample_rate));
    }

    fn next_stream(&mut self) -> u64 {
        self.streams += 1;
        self.streams
    }

    /// Somebody left: what was opened to it leads nowhere.
    pub(crate) fn left(&mut self, identity: &str) {
        self.ahead.take_if(|ahead| ahead.to == identity);
    }

    /// Something begins to be said.
    pub(crate) fn begin(&mut self, number: u64, speaker: Speaker, rate: u32) {
        let (pieces, receiver) = unbounded_channel();
        let (playback, told) = unbounded_channel();
        let course = Arc::new(Course {
            number,
            begun: AtomicBool::new(false),
            sent: AtomicBool::new(false),
            reports: self.reports.clone(),
        });
        let (reports, pieces_of) = (self.reports.clone(), Pieces { pieces: receiver, ended: false });
        let report = move |whole: Result<bool>| {
            let whole = whole.unwrap_or_else(|error| {
                tracing::warn!("speech broke off: {error}");
                false
            });
            // The room has ended: nobody waits for it.
            let _ = reports.send(Report::Spoke { saying: number, whole });
        };
        // It is not kept while others speak: an avatar plays its streams in the order in which they were opened.
        let ahead = self.ahead.take();
        let running = match &speaker {
            Speaker::Avatar { identity, to, sample_rate } => {
                let stream = Stream {
                    room: self.room.clone(),
                    number: self.next_stream(),
                    to: to.clone(),
                    from: rate,
                    rate: *sample_rate,
                    ahead: ahead.filter(|ahead| ahead.leads(to, *sample_rate)),
                    course: course.clone(),
                    says_when_it_begins: self.beginning.contains(identity),
                };
                Running::new(async move { report(stream.speak(pieces_of, told).await) })
            }
            Speaker::OwnTrack => {
                let (own, course) = (self.own.clone(), course.clone());
                Running::new(async move { report(own.speak(pieces_of, rate, &course).await) })
            }
        };
        self.ending = None;
        self.saying = Some(Saying { number, speaker, pieces, playback, course, _running: running });
    }

    /// More of it.
    pub(crate) fn feed(&self, number: u64, samples: Arc<[i16]>) {
        self.piece(number, Piece::Samples(samples));
    }

    /// That was all.
    pub(crate) fn end(&self, number: u64) {
        self.piece(number, Piece::End);
    }

    fn piece(&self, number: u64, piece: Piece) {
        if let Some(saying) = self.saying.as_ref().filter(|saying| saying.number == number) {
            // It broke off by itself, which is on its way in a report.
            let _ = saying.pieces.send(piece);
        }
    }

    /// It is to fall silent; a report says when it is.
    pub(crate) fn break_off(&mut self, number: u64) {
        let reports = self.reports.clone();
        let Some(Saying { speaker, course, .. }) = self.saying.take_if(|saying| saying.number == number) else {
            let _ = reports.send(Report::Silent { saying: number });
            return;
        };
        let (room, own, begun) = (self.room.clone(), self.own.clone(), course.begun.load(Ordering::Acquire));
        let (playback, told) = unbounded_channel();
        let of = speaker.clone();
        let tells = matches!(&speaker, Speaker::Avatar { identity, .. } if self.telling.contains(identity));
        let running = Running::new(async move {
            match of {
                _ if !begun => {}
                Speaker::OwnTrack => own.fall_silent().await,
                Speaker::Avatar { to, .. } => avatar::fall_silent(&room, &to, told, tells).await,
            }
            let _ = reports.send(Report::Silent { saying: number });
        });
        self.ending = Some(Ending { speaker, playback, _running: running });
    }

    /// Whoever said it is gone.
    pub(crate) fn forget(&mut self, number: u64) {
        self.saying.take_if(|saying| saying.number == number);
        self.ending = None;
    }

    /// An avatar says that it plays, or has played.
    pub(crate) fn plays(&mut self, identity: &str, playback: Playback) {
        let known = match playback {
            Playback::Started { .. } => &mut self.beginning,
            Playback::Finished { .. } => &mut self.telling,
        };
        known.insert(identity.to_owned());
        let theirs =
            |speaker: &Speaker| matches!(speaker, Speaker::Avatar { identity: whose, .. } if whose == identity);
        if let Some(saying) = self.saying.as_ref().filter(|saying| theirs(&saying.speaker)) {
            let _ = saying.playback.send(playback);
        } else if let Some(ending) = self.ending.as_ref().filter(|ending| theirs(&ending.speaker)) {
            let _ = ending.playback.send(playback);
        }
    }

    /// A track of ours is received by somebody.
    pub(crate) fn received(&self, sid: &str) {
        self.own.received(sid);
    }
}
