//! Pictures, received and sent.

use std::sync::Arc;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::ffi::Ffi;
use crate::handle::Handle;
use crate::native::Lent;
use crate::proto::{
    CaptureVideoFrameRequest, FfiRequestMessage as Request, FfiResponseMessage as Response, NewVideoSourceRequest,
    NewVideoStreamRequest, VideoBufferInfo, VideoBufferInfoComponentInfo, VideoBufferType, VideoFrameReceived,
    VideoRotation, VideoSourceResolution, VideoSourceType, VideoStreamType,
};
use crate::ring::Ring;
use crate::routes::StreamRoute;
use crate::track::RemoteTrack;

/// A rectangle of bytes: one of a picture's three.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// Rows one after another, `stride` bytes from one to the next.
    pub data: &'a [u8],
    /// Bytes from the start of a row to that of the next.
    pub stride: usize,
}

/// A picture that was received: I420 in the library's memory, which is given back when this is dropped.
///
/// Brightness is one byte a pixel; the two planes of colour have half the width and half the height, rounded up.
pub struct VideoFrame {
    planes: [(Lent, usize); 3],
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// When it was taken, in microseconds on the library's own clock: for distances between frames.
    pub timestamp_us: i64,
    /// How far it has to be turned clockwise to stand upright.
    pub rotation: VideoRotation,
}

impl VideoFrame {
    pub(crate) fn read(core: &Arc<Core>, received: VideoFrameReceived) -> Option<Self> {
        let rotation = received.rotation();
        let handle = core.own(&received.buffer.handle);
        let info = received.buffer.info;
        let (width, height) = (info.width as usize, info.height as usize);
        let planes = Lent::picture(handle, &info)?;
        Some(Self { planes, width, height, timestamp_us: received.timestamp_us, rotation })
    }

    /// Brightness.
    #[must_use]
    pub fn y(&self) -> Plane<'_> {
        self.plane(0)
    }

    /// Blue against brightness.
    #[must_use]
    pub fn u(&self) -> Plane<'_> {
        self.plane(1)
    }

    /// Red against brightness.
    #[must_use]
    pub fn v(&self) -> Plane<'_> {
        self.plane(2)
    }

    fn plane(&self, index: usize) -> Plane<'_> {
        let (lent, stride) = &self.planes[index];
        Plane { data: lent.bytes(), stride: *stride }
    }
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VideoFrame({} x {})", self.width, self.height)
    }
}

/// The pictures of a track. Of those that were not taken in time only the newest is kept; dropping this ends it.
pub struct VideoStream {
    handle: Handle,
    ring: Arc<Ring<VideoFrame>>,
    _track: Arc<Handle>,
}

impl VideoStream {
    /// Begins to decode a track.
    ///
    /// # Errors
    /// [`Error::Refused`]: it is none of pictures, or it is gone.
    pub fn new(track: &RemoteTrack) -> Result<Self> {
        let core = track.handle.core();
        let request = NewVideoStreamRequest {
            track_handle: track.handle.id(),
            r#type: VideoStreamType::Native.into(),
            format: Some(VideoBufferType::I420.into()),
            normalize_stride: Some(false),
            queue_size_frames: Some(1),
        };
        let ring = Arc::new(Ring::new(1));
        let mut routes = core.routes.lock();
        match core.call("new_video_stream", Request::NewVideoStream(request))? {
            Response::NewVideoStream(answer) => {
                let handle = core.own(&answer.stream.handle);
                routes.videos.insert(handle.id(), StreamRoute { ring: ring.clone(), track: track.key() });
                Ok(Self { handle, ring, _track: track.handle.clone() })
            }
            _ => Err(Error::Unexpected("new_video_stream")),
        }
    }

    /// The newest picture that was not taken yet; none when the track is not received any more.
    pub async fn next(&mut self) -> Option<VideoFrame> {
        self.ring.next().await
    }

    /// Whether pictures are passed over at the moment, so that none is held: a picture of 640 x 480 that waits is memory of the
    /// decoder's that it has to make up for.
    pub fn rest(&self, resting: bool) {
        self.ring.rest(resting);
    }

    /// How many pictures were passed over: a newer one was there, or nobody wanted one.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.ring.dropped()
    }
}

impl Drop for VideoStream {
    fn drop(&mut self) {
        let route = self.handle.core().routes.lock().videos.remove(&self.handle.id());
        drop(route);
    }
}

/// A picture to send: borrowed, and copied by the library at once.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    kind: VideoBufferType,
    width: usize,
    height: usize,
    data: &'a [u8],
}

impl<'a> Picture<'a> {
    /// I420 without gaps: all of brightness, then blue, then red; see [`VideoFrame`].
    ///
    /// # Errors
    /// [`Error::Invalid`]: the bytes are not as many as the sides say.
    pub fn i420(width: usize, height: usize, data: &'a [u8]) -> Result<Self> {
        let colour = width.div_ceil(2) * height.div_ceil(2);
        Self::new(VideoBufferType::I420, width, height, data, width * height + 2 * colour)
    }

    /// Red, green, blue and opacity, one byte each, without gaps.
    ///
    /// # Errors
    /// [`Error::Invalid`]: the bytes are not as many as the sides say.
    pub fn rgba(width: usize, height: usize, data: &'a [u8]) -> Result<Self> {
        Self::new(VideoBufferType::Rgba, width, height, data, width * height * 4)
    }

    fn new(kind: VideoBufferType, width: usize, height: usize, data: &'a [u8], length: usize) -> Result<Self> {
        let sides = 1..=16_384;
        if !sides.contains(&width) || !sides.contains(&height) || data.len() != length {
            let found = data.len();
            return Err(Error::Invalid(format!(
                "a picture of {width} x {height} px has {length} bytes and not {found}, and sides of 1 to 16,384 px"
            )));
        }
        Ok(Self { kind, width, height, data })
    }

    #[allow(clippy::cast_possible_truncation)] // sides are 16,384 at most
    fn info(&self) -> VideoBufferInfo {
        let address = self.data.as_ptr() as u64;
        let (width, height) = (self.width as u32, self.height as u32);
        let mut components = Vec::new();
        let mut stride = width * 4;
        if self.kind == VideoBufferType::I420 {
            let (half, rows) = (width.div_ceil(2), height.div_ceil(2));
            let (bright, colour) = (width * height, half * rows);
            for (at, stride, size) in [(0, width, bright), (bright, half, colour), (bright + colour, half, colour)] {
                let data_ptr = address + u64::from(at);
                components.push(VideoBufferInfoComponentInfo { data_ptr, stride, size });
            }
            stride = width;
        }
        VideoBufferInfo { r#type: self.kind.into(), width, height, data_ptr: address, stride: Some(stride), components }
    }
}

/// Where pictures are given in that a track publishes.
pub struct VideoSource {
    pub(crate) handle: Handle,
}

impl VideoSource {
    /// A source whose pictures are usually of this size, px; each may have its own. What is sent of one is cut to sides that
    /// are multiples of 4.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Ended`].
    pub fn new(ffi: &Ffi, width: u32, height: u32) -> Result<Self> {
        let request = NewVideoSourceRequest {
            r#type: VideoSourceType::Native.into(),
            resolution: VideoSourceResolution { width, height },
            is_screencast: None,
        };
        match ffi.0.call("new_video_source", Request::NewVideoSource(request))? {
            Response::NewVideoSource(answer) => Ok(Self { handle: ffi.0.own(&answer.source.handle) }),
            _ => Err(Error::Unexpected("new_video_source")),
        }
    }

    /// Sends a picture, taken at `timestamp_us` microseconds on a clock of the caller's.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Ended`].
    pub fn capture(&self, picture: &Picture<'_>, timestamp_us: i64, rotation: VideoRotation) -> Result<()> {
        let request = CaptureVideoFrameRequest {
            source_handle: self.handle.id(),
            buffer: picture.info(),
            timestamp_us,
            rotation: rotation.into(),
        };
        self.handle.core().call("capture_video_frame", Request::CaptureVideoFrame(request)).map(drop)
    }
}
