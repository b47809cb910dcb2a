//! Sound, received and sent: 16-bit samples, channels interleaved.

use std::sync::Arc;
use std::time::Duration;

use crate::core::{Answer, Core, done};
use crate::error::{Error, Result};
use crate::ffi::Ffi;
use crate::handle::Handle;
use crate::native::Lent;
use crate::proto::{
    AudioFrameBufferInfo, AudioFrameReceived, AudioSourceType, AudioStreamType, CaptureAudioFrameRequest,
    ClearAudioBufferRequest, FfiEventMessage as Event, FfiRequestMessage as Request, FfiResponseMessage as Response,
    NewAudioSourceRequest, NewAudioStreamRequest,
};
use crate::ring::Ring;
use crate::routes::StreamRoute;
use crate::track::RemoteTrack;

/// How many frames of 10 ms wait to be taken before the oldest is dropped.
const WAITING: usize = 100;

/// 10 ms of sound that were received, in the library's memory, which is given back when this is dropped.
pub struct AudioFrame {
    lent: Lent,
    /// Samples a second of each channel.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u32,
}

impl AudioFrame {
    pub(crate) fn read(core: &Arc<Core>, received: &AudioFrameReceived) -> Option<Self> {
        let info = &received.frame.info;
        let lent = Lent::sound(core.own(&received.frame.handle), &received.frame)?;
        Some(Self { lent, sample_rate: info.sample_rate, channels: info.num_channels })
    }

    /// The samples, channels interleaved.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        self.lent.samples()
    }
}

/// The sound of a track. One second of it waits to be taken, then the oldest is dropped; dropping this ends it.
pub struct AudioStream {
    handle: Handle,
    ring: Arc<Ring<AudioFrame>>,
    _track: Arc<Handle>,
}

impl AudioStream {
    /// Begins to decode a track, at a rate and with channels of one's own choice.
    ///
    /// # Errors
    /// [`Error::Refused`]: it is none of sound, or it is gone.
    pub fn new(track: &RemoteTrack, sample_rate: u32, channels: u32) -> Result<Self> {
        let core = track.handle.core();
        let request = NewAudioStreamRequest {
            track_handle: track.handle.id(),
            r#type: AudioStreamType::Native.into(),
            sample_rate: Some(sample_rate),
            num_channels: Some(channels),
            frame_size_ms: Some(10),
            queue_size_frames: None,
        };
        let ring = Arc::new(Ring::new(WAITING));
        let mut routes = core.routes.lock();
        match core.call("new_audio_stream", Request::NewAudioStream(request))? {
            Response::NewAudioStream(answer) => {
                let handle = core.own(&answer.stream.handle);
                routes.sounds.insert(handle.id(), StreamRoute { ring: ring.clone(), track: track.key() });
                Ok(Self { handle, ring, _track: track.handle.clone() })
            }
            _ => Err(Error::Unexpected("new_audio_stream")),
        }
    }

    /// The next 10 ms; none when the track is not received any more.
    pub async fn next(&mut self) -> Option<AudioFrame> {
        self.ring.next().await
    }

    /// How many frames were dropped because nobody took them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.ring.dropped()
    }
}

impl Drop for AudioStream {
    fn drop(&mut self) {
        let route = self.handle.core().routes.lock().sounds.remove(&self.handle.id());
        drop(route);
    }
}

/// Where sound is given in that a track publishes.
pub struct AudioSource {
    pub(crate) handle: Handle,
    sample_rate: u32,
    channels: u32,
    /// A frame that was not waited for to its end.
    under_way: Option<Answer<()>>,
}

impl AudioSource {
    /// A source of sound that keeps `queue` of it and sends it at its own pace; a multiple of 10 ms.
    ///
    /// # Errors
    /// [`Error::Invalid`]: a rate that has no whole number of samples in 10 ms, no channel, another queue.
    pub fn new(ffi: &Ffi, sample_rate: u32, channels: u32, queue: Duration) -> Result<Self> {
        let queue_size_ms = u32::try_from(queue.as_millis()).ok().filter(|queue| queue.is_multiple_of(10));
        let fits = sample_rate.is_multiple_of(100) && (8_000..=48_000).contains(&sample_rate);
        let (Some(queue_size_ms), true, 1..=2) = (queue_size_ms, fits, channels) else {
            return Err(Error::Invalid(format!(
                "a source of sound has 8,000 to 48,000 samples a second, a multiple of 100, 1 or 2 channels, and a queue \
                 of a multiple of 10 ms; asked for were {sample_rate}, {channels} and {queue:?}"
            )));
        };
        let request = NewAudioSourceRequest {
            r#type: AudioSourceType::Native.into(),
            sample_rate: Some(sample_rate),
            num_channels: Some(channels),
            queue_size_ms: Some(queue_size_ms),
        };
        match ffi.0.call("new_audio_source", Request::NewAudioSource(request))? {
            Response::NewAudioSource(answer) => {
                Ok(Self { handle: ffi.0.own(&answer.source.handle), sample_rate, channels, under_way: None })
            }
            _ => Err(Error::Unexpected("new_audio_source")),
        }
    }

    /// How many samples 10 ms have, all channels together.
    #[must_use]
    pub fn frame(&self) -> usize {
        (self.sample_rate / 100 * self.channels) as usize
    }

    /// Gives in 10 ms after those before, and waits while the queue is full: two at once might change places. Dropped in the
    /// middle they are sent all the same, unless they still waited for those before; the samples are kept until then.
    ///
    /// # Errors
    /// [`Error::Invalid`]: not 10 ms. [`Error::Failed`].
    pub async fn capture(&mut self, samples: Vec<i16>) -> Result<()> {
        if samples.len() != self.frame() {
            let (found, frame) = (samples.len(), self.frame());
            return Err(Error::Invalid(format!("10 ms of sound are {frame} samples here, and not {found}")));
        }
        self.settle().await?;
        let buffer = AudioFrameBufferInfo {
            data_ptr: samples.as_ptr() as u64,
            num_channels: self.channels,
            sample_rate: self.sample_rate,
            samples_per_channel: self.sample_rate / 100,
        };
        let request = |id| {
            Request::CaptureAudioFrame(CaptureAudioFrameRequest {
                source_handle: self.handle.id(),
                buffer,
                request_async_id: Some(id),
            })
        };
        let core = self.handle.core();
        let answer = core.ask("capture_audio_frame", Some(Box::new(samples)), request, |_, event| match event {
            Event::CaptureAudioFrame(answer) => Some(done("capture_audio_frame", answer.error)),
            _ => None,
        });
        self.under_way = Some(answer);
        self.settle().await
    }

    async fn settle(&mut self) -> Result<()> {
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        let captured = under_way.await;
        self.under_way = None;
        captured
    }

    /// Forgets what waits in the queue.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Ended`].
    pub fn clear(&self) -> Result<()> {
        let request = ClearAudioBufferRequest { source_handle: self.handle.id() };
        self.handle.core().call("clear_audio_buffer", Request::ClearAudioBuffer(request)).map(drop)
    }
}
