//! Tracks: what others publish and we receive, what we publish.

use std::sync::Arc;

use crate::audio::AudioSource;
use crate::core::{Core, done};
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::proto::{
    AudioEncoding, CreateAudioTrackRequest, CreateVideoTrackRequest, FfiEventMessage as Event,
    FfiRequestMessage as Request, FfiResponseMessage as Response, LocalTrackMuteRequest, OwnedTrack,
    OwnedTrackPublication, PublishTrackCallbackMessage, PublishTrackRequest, SetSubscribedRequest, TrackKind,
    TrackPublishOptions, TrackSource, UnpublishTrackRequest, VideoCodec, VideoEncoding,
};
use crate::room::Room;
use crate::routes::TrackKey;
use crate::video::VideoSource;

/// A track that somebody publishes, whether we receive it or not.
pub struct Publication {
    handle: Handle,
    /// The server's name for it.
    pub sid: String,
    /// The publisher's name for it.
    pub name: String,
    /// Sound or pictures.
    pub kind: TrackKind,
    /// Where it comes from, as the publisher says it.
    pub source: TrackSource,
    /// Width of its pictures as announced, px; 0 for sound.
    pub width: u32,
    /// Height of its pictures as announced, px; 0 for sound.
    pub height: u32,
    /// Its coding, such as `video/VP8`.
    pub mime_type: String,
    /// Whether it was muted when this was said.
    pub muted: bool,
}

impl Publication {
    pub(crate) fn read(core: &Arc<Core>, owned: OwnedTrackPublication) -> Self {
        let (kind, source) = (owned.info.kind(), owned.info.source());
        Self {
            handle: core.own(&owned.handle),
            kind,
            source,
            sid: owned.info.sid,
            name: owned.info.name,
            width: owned.info.width,
            height: owned.info.height,
            mime_type: owned.info.mime_type,
            muted: owned.info.muted,
        }
    }

    /// Begins or ends to receive it. What follows is told by an event: `TrackSubscribed`, `TrackSubscriptionFailed` or
    /// `TrackUnsubscribed`.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Ended`].
    pub fn set_subscribed(&self, subscribe: bool) -> Result<()> {
        let request = SetSubscribedRequest { subscribe, publication_handle: self.handle.id() };
        self.handle.core().call("set_subscribed", Request::SetSubscribed(request)).map(drop)
    }
}

impl std::fmt::Debug for Publication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publication")
            .field("sid", &self.sid)
            .field("kind", &self.kind)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A track that we receive.
pub struct RemoteTrack {
    /// Its streams hold it as well: the library ends them with it.
    pub(crate) handle: Arc<Handle>,
    pub(crate) room: u64,
    /// The server's name for it: that of its publication.
    pub sid: String,
    /// The publisher's name for it.
    pub name: String,
    /// Sound or pictures.
    pub kind: TrackKind,
}

impl RemoteTrack {
    pub(crate) fn key(&self) -> TrackKey {
        TrackKey { room: self.room, sid: self.sid.clone() }
    }

    pub(crate) fn read(core: &Arc<Core>, room: u64, owned: OwnedTrack) -> Self {
        let kind = owned.info.kind();
        let handle = Arc::new(core.own(&owned.handle));
        Self { handle, room, kind, sid: owned.info.sid, name: owned.info.name }
    }
}

impl std::fmt::Debug for RemoteTrack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteTrack").field("sid", &self.sid).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// How pictures are published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishVideo {
    /// What the track says it is.
    pub source: TrackSource,
    /// Its coding.
    pub codec: VideoCodec,
    /// Sent in several sizes at once.
    pub simulcast: bool,
    /// At most so many bits and pictures a second; none: the library chooses.
    pub limits: Option<(u64, f64)>,
}

impl Default for PublishVideo {
    fn default() -> Self {
        Self { source: TrackSource::Camera, codec: VideoCodec::Vp8, simulcast: false, limits: None }
    }
}

/// How sound is published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishAudio {
    /// What the track says it is.
    pub source: TrackSource,
    /// Send less in silence.
    pub dtx: bool,
    /// At most so many bits a second; none: the library chooses.
    pub max_bitrate: Option<u64>,
}

impl Default for PublishAudio {
    fn default() -> Self {
        Self { source: TrackSource::Microphone, dtx: true, max_bitrate: None }
    }
}

/// A track that we publish. Dropping it gives back what it holds here and ends nothing: [`Room::unpublish`] does.
pub struct LocalTrack {
    track: Handle,
    _publication: Handle,
    sid: String,
}

impl LocalTrack {
    /// The server's name for it.
    #[must_use]
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Mutes it, or lets it be heard or seen again.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Ended`].
    pub fn set_muted(&self, mute: bool) -> Result<()> {
        let request = LocalTrackMuteRequest { track_handle: self.track.id(), mute };
        self.track.core().call("local_track_mute", Request::LocalTrackMute(request)).map(drop)
    }
}

impl Room {
    /// Publishes pictures.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn publish_video(&self, name: &str, source: &VideoSource, how: &PublishVideo) -> Result<LocalTrack> {
        self.may_publish(how.source)?;
        let request = CreateVideoTrackRequest { name: name.to_owned(), source_handle: source.handle.id() };
        let track = match self.core.call("create_video_track", Request::CreateVideoTrack(request))? {
            Response::CreateVideoTrack(answer) => self.core.own(&answer.track.handle),
            _ => return Err(Error::Unexpected("create_video_track")),
        };
        let options = TrackPublishOptions {
            video_encoding: how.limits.map(|(max_bitrate, max_framerate)| VideoEncoding { max_bitrate, max_framerate }),
            video_codec: Some(how.codec.into()),
            simulcast: Some(how.simulcast),
            source: Some(how.source.into()),
            ..TrackPublishOptions::default()
        };
        self.publish(track, options).await
    }

    /// Publishes sound.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::Failed`].
    pub async fn publish_audio(&self, name: &str, source: &AudioSource, how: &PublishAudio) -> Result<LocalTrack> {
        self.may_publish(how.source)?;
        let request = CreateAudioTrackRequest { name: name.to_owned(), source_handle: source.handle.id() };
        let track = match self.core.call("create_audio_track", Request::CreateAudioTrack(request))? {
            Response::CreateAudioTrack(answer) => self.core.own(&answer.track.handle),
            _ => return Err(Error::Unexpected("create_audio_track")),
        };
        let options = TrackPublishOptions {
            audio_encoding: how.max_bitrate.map(|max_bitrate| AudioEncoding { max_bitrate }),
            dtx: Some(how.dtx),
            source: Some(how.source.into()),
            ..TrackPublishOptions::default()
        };
        self.publish(track, options).await
    }

    async fn publish(&self, track: Handle, options: TrackPublishOptions) -> Result<LocalTrack> {
        let request = |id| {
            Request::PublishTrack(PublishTrackRequest {
                local_participant_handle: self.local.id(),
                track_handle: track.id(),
                options,
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("publish_track", None, request, |core, event| match event {
            Event::PublishTrack(answer) => answer.message.map(|message| match message {
                PublishTrackCallbackMessage::Publication(publication) => {
                    Ok((core.own(&publication.handle), publication.info.sid))
                }
                PublishTrackCallbackMessage::Error(reason) => Err(Error::failed("publish_track", reason)),
            }),
            _ => None,
        });
        let (publication, sid) = answer.await?;
        Ok(LocalTrack { track, _publication: publication, sid })
    }

    /// Ends a track of ours.
    ///
    /// # Errors
    /// [`Error::Failed`].
    pub async fn unpublish(&self, track: LocalTrack) -> Result<()> {
        let request = |id| {
            Request::UnpublishTrack(UnpublishTrackRequest {
                local_participant_handle: self.local.id(),
                track_sid: track.sid.clone(),
                stop_on_unpublish: true,
                request_async_id: Some(id),
            })
        };
        let answer = self.core.ask("unpublish_track", None, request, |_, event| match event {
            Event::UnpublishTrack(answer) => Some(done("unpublish_track", answer.error)),
            _ => None,
        });
        answer.await
    }
}
