//! Speech with the agent's own track.

use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_ffi::{AudioSource, Ffi, LocalTrack, PublishAudio, Room};
use majlis_livekit_resample::Resampler;
use majlis_plugin_api::Result;
use tokio::sync::{Mutex, OnceCell, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{Course, Pieces};

/// What the track is called.
const NAME: &str = "voice";
/// Samples a second of the track; what is said at another rate is resampled.
const RATE: u32 = 48_000;
/// So much waits in the source: it keeps the pace, and this is what may still be heard after an interruption that failed.
const QUEUE: Duration = Duration::from_millis(200);
/// From the source to the visitor's ear.
const WAY: Duration = Duration::from_millis(100);
/// Somebody has so long to receive a track that has just been published, or its first words are lost.
const RECEIVED_WITHIN: Duration = Duration::from_secs(1);

/// The agent's own track, published when it is first needed.
pub(super) struct OwnTrack {
    ffi: Ffi,
    room: Arc<Room>,
    published: OnceCell<Published>,
    /// Tracks of ours that somebody receives, the last one.
    received: watch::Sender<Option<String>>,
}

struct Published {
    /// Held by whoever speaks.
    source: Mutex<AudioSource>,
    _track: LocalTrack,
}

impl OwnTrack {
    pub(super) fn new(ffi: Ffi, room: Arc<Room>) -> Self {
        Self { ffi, room, published: OnceCell::new(), received: watch::Sender::new(None) }
    }

    /// Somebody receives a track of ours.
    pub(super) fn received(&self, sid: &str) {
        self.received.send_replace(Some(sid.to_owned()));
    }

    async fn publish(&self) -> Result<Published> {
        let source = AudioSource::new(&self.ffi, RATE, 1, QUEUE)?;
        let mut received = self.received.subscribe();
        let track = self.room.publish_audio(NAME, &source, &PublishAudio::default()).await?;
        let there = received.wait_for(|received| received.as_deref() == Some(track.sid()));
        let published = Instant::now();
        // Nobody may want to hear it: then it speaks to nobody.
        let is_received = timeout(RECEIVED_WITHIN, there).await.is_ok();
        tracing::debug!("the agent's own track is published; received: {is_received}, after {:?}", published.elapsed());
        Ok(Published { source: Mutex::new(source), _track: track })
    }

    /// Says all of it, and waits until it was heard.
    pub(super) async fn speak(&self, mut pieces: Pieces, from: u32, course: &Course) -> Result<bool> {
        let mut resampler = Resampler::new(from, RATE)?;
        let mut source = self.published.get_or_try_init(|| self.publish()).await?.source.lock().await;
        let frame = source.frame();
        let mut waiting: Vec<i16> = Vec::new();
        loop {
            let piece = pieces.next(frame).await;
            let is_last = piece.is_none();
            waiting.extend(match piece {
                Some(piece) => resampler.push(&piece)?,
                None => resampler.finish()?,
            });
            if is_last {
                waiting.resize(waiting.len().next_multiple_of(frame), 0);
            }
            let whole = waiting.len() / frame * frame;
            for samples in waiting[..whole].chunks(frame) {
                course.begins();
                source.capture(samples.to_vec()).await?;
                course.goes_out();
            }
            waiting.drain(..whole);
            if is_last {
                break;
            }
        }
        sleep(QUEUE + WAY).await;
        Ok(true)
    }

    /// What waits is not heard.
    pub(super) async fn fall_silent(&self) {
        let Some(published) = self.published.get() else { return };
        if let Err(error) = published.source.lock().await.clear() {
            tracing::debug!("the agent's own voice is not silent at once: {error}");
        }
    }
}
