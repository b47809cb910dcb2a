//! Speech to an avatar: one stream of bytes for each utterance, faster than it is heard.

use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_ffi::{ByteWriter, Room, StreamOptions};
use majlis_livekit_resample::Resampler;
use majlis_plugin_api::Result;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Course, Pieces};
use crate::library::told;

const TOPIC: &str = "lk.audio_stream";
/// The question that empties an avatar's buffer.
const CLEAR: &str = "lk.clear_buffer";
/// So many samples go into one packet of the stream: 15,000 bytes at most.
const PACKET: usize = 7_000;
/// And so many into the first, so that it is quickly there.
const FIRST_PACKET: usize = 480;
/// A stream that was opened before there is anything to say is kept so long. (LiveKit's own reader for vendors takes one for lost in
/// which nothing came for 10 s.)
const KEPT: Duration = Duration::from_secs(5);
/// And closed in this time; it takes some milliseconds.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);
/// An avatar that does not say when it has played is given the sound's length and so much more.
const MARGIN: Duration = Duration::from_secs(1);
/// An avatar has so long to fall silent.
const SILENT_WITHIN: Duration = Duration::from_secs(2);

/// What an avatar says of a segment of speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Playback {
    Started { at: Instant },
    Finished { at: Instant, interrupted: bool },
}

/// What is said of a stream of speech.
fn options(number: u64, to: &str, rate: u32) -> StreamOptions {
    StreamOptions {
        topic: TOPIC.into(),
        name: Some(format!("AUDIO_{number}")),
        to: vec![to.to_owned()],
        attributes: [("sample_rate".into(), rate.to_string()), ("num_channels".into(), "1".into())].into(),
        total_length: None,
    }
}

/// A stream that is opened before there is anything to say: opening it takes a message to the library and back. Dropped, or when nobody
/// has asked for it in time, it is closed as one that was empty; broken off, it could end a vendor's reading of all that follows.
pub(super) struct Ahead {
    pub(super) to: String,
    rate: u32,
    wanted: oneshot::Sender<oneshot::Sender<Result<ByteWriter>>>,
    task: AbortHandle,
}

impl Ahead {
    pub(super) fn open(room: Arc<Room>, number: u64, to: String, rate: u32) -> Self {
        let (wanted, asked) = oneshot::channel::<oneshot::Sender<_>>();
        let options = options(number, &to, rate);
        let task = tokio::spawn(async move {
            let stream = room.open_bytes(&options).await;
            let unused = match timeout(KEPT, asked).await {
                // Whoever asked may have been broken off meanwhile.
                Ok(Ok(give)) => give.send(stream.map_err(told)).err().and_then(Result::ok),
                Ok(Err(_)) | Err(_) => stream.ok(),
            };
            if let Some(stream) = unused
                && !matches!(timeout(CLOSED_WITHIN, stream.close()).await, Ok(Ok(())))
            {
                tracing::debug!("a stream in which nothing was said could not be closed");
            }
        });
        Self { to, rate, wanted, task: task.abort_handle() }
    }

    /// The room is left or lost: nobody reads it any more.
    pub(super) fn abort(&self) {
        self.task.abort();
    }

    /// Whether it is open, or about to be, to this identity and for sound at this rate.
    pub(super) fn leads(&self, to: &str, rate: u32) -> bool {
        self.to == to && self.rate == rate && !self.wanted.is_closed()
    }

    /// The stream; nothing where it is closed again, or could not be opened.
    async fn taken(self) -> Option<ByteWriter> {
        let (give, given) = oneshot::channel();
        self.wanted.send(give).ok()?;
        given.await.ok()?.ok()
    }
}

/// A stream that is to be spoken.
pub(super) struct Stream {
    pub(super) room: Arc<Room>,
    pub(super) number: u64,
    pub(super) to: String,
    /// Samples a second as they come.
    pub(super) from: u32,
    /// Samples a second as the avatar takes them.
    pub(super) rate: u32,
    /// It was opened before.
    pub(super) ahead: Option<Ahead>,
    pub(super) course: Arc<Course>,
    /// Whether the avatar is known to say when it begins to play.
    pub(super) says_when_it_begins: bool,
}

impl Stream {
    /// Sends all of it, and waits until it was heard, as far as that can be known. Answers whether it was heard to its end.
    pub(super) async fn speak(self, mut pieces: Pieces, mut told: UnboundedReceiver<Playback>) -> Result<bool> {
        let mut resampler = Resampler::new(self.from, self.rate)?;
        self.course.begins();
        let ahead = match self.ahead {
            Some(ahead) => ahead.taken().await,
            None => None,
        };
        let mut stream = match ahead {
            Some(stream) => stream,
            None => self.room.open_bytes(&options(self.number, &self.to, self.rate)).await?,
        };
        let (mut heard_from, mut samples) = (Instant::now(), 0_u64);
        let mut ended = false;
        while !ended {
            let piece = match pieces.next(if samples == 0 { FIRST_PACKET } else { PACKET }).await {
                Some(piece) => resampler.push(&piece)?,
                None => {
                    ended = true;
                    resampler.finish()?
                }
            };
            samples += piece.len() as u64;
            for packet in piece.chunks(PACKET) {
                stream.write(bytes(packet)).await?;
                self.course.goes_out();
            }
        }
        stream.close().await?;
        let sent = Instant::now();
        let length = Duration::from_secs_f64(samples as f64 / f64::from(self.rate));
        // What is told of a segment before this one, or of one that was empty, may come late, and is not taken for this one's: that
        // is played when it began to be played, or at the earliest when it may be over.
        let (mut plays, may_be_over) = (false, heard_from + length);
        loop {
            tokio::select! {
                playback = told.recv() => match playback {
                    Some(Playback::Started { at }) => (heard_from, plays) = (at, true),
                    Some(Playback::Finished { at, interrupted })
                        if at >= sent && (plays || !self.says_when_it_begins && at >= may_be_over) =>
                    {
                        return Ok(!interrupted);
                    }
                    Some(Playback::Finished { .. }) => {}
                    None => return Ok(true),
                },
                () = sleep_until(heard_from + length + MARGIN) => return Ok(true),
            }
        }
    }
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Empties the buffer of whoever the speech was sent to. `tells`: it is known to say when it has stopped, which is waited for.
pub(super) async fn fall_silent(room: &Room, identity: &str, mut told: UnboundedReceiver<Playback>, tells: bool) {
    let cleared = async {
        match room.perform_rpc(identity, CLEAR, "", SILENT_WITHIN).await {
            Ok(_) => while tells && !matches!(told.recv().await, Some(Playback::Finished { .. }) | None) {},
            Err(error) => tracing::debug!("an avatar was not told to be silent: {error}"),
        }
    };
    if timeout(SILENT_WITHIN, cleared).await.is_err() {
        tracing::debug!("an avatar did not say within {SILENT_WITHIN:?} that it is silent");
    }
}
