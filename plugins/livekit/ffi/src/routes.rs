//! Who is told of which event.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use crate::audio::AudioFrame;
use crate::core::Core;
use crate::event::{self, RoomEvent, Sender};
use crate::participant::Permission;
use crate::proto::{
    AudioStreamEventMessage, ByteStreamReaderEventDetail, DisconnectReason, FfiEventMessage as Event, RoomEventMessage,
    TextStreamReaderEventDetail, VideoStreamEventMessage,
};
use crate::reader::Unread;
use crate::ring::Ring;
use crate::rpc::Invocation;
use crate::video::VideoFrame;

/// Whoever waits for events, by the handle that the events name.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) rooms: HashMap<u64, RoomRoute>,
    pub(crate) videos: HashMap<u64, StreamRoute<VideoFrame>>,
    pub(crate) sounds: HashMap<u64, StreamRoute<AudioFrame>>,
    pub(crate) bytes: HashMap<u64, Unread<Vec<u8>>>,
    pub(crate) texts: HashMap<u64, Unread<String>>,
    /// By the local participant and the method's name.
    pub(crate) methods: HashMap<(u64, String), UnboundedSender<Invocation>>,
}

/// Where a room's events go.
#[derive(Clone)]
pub(crate) struct RoomRoute {
    pub(crate) events: Sender,
    /// Who we are there.
    pub(crate) identity: String,
    /// What we may do there.
    pub(crate) permission: Arc<Mutex<Option<Permission>>>,
}

/// Where a stream's frames go.
pub(crate) struct StreamRoute<T> {
    pub(crate) ring: Arc<Ring<T>>,
    /// The track that it decodes, and the room in which that is.
    pub(crate) track: TrackKey,
}

/// A track of a room: the room's handle and the track's sid.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TrackKey {
    pub(crate) room: u64,
    pub(crate) sid: String,
}

impl Routes {
    /// Hands an event on. What it brings is dropped, and with that given back, where nobody waits for it.
    pub(crate) fn deliver(core: &Arc<Core>, event: Event) {
        match event {
            Event::RoomEvent(event) => {
                let Some(message) = event.message else { return };
                let room = event.room_handle;
                let route = core.routes.lock().rooms.get(&room).cloned();
                if let Some(route) = &route {
                    route.note(&message);
                }
                let event = event::read(core, room, message);
                match &event {
                    Some(RoomEvent::TrackUnsubscribed { sid, .. }) => {
                        core.routes.lock().close_streams(|track| track.room == room && track.sid == *sid);
                    }
                    Some(RoomEvent::Disconnected { .. }) => {
                        core.routes.lock().close_streams(|track| track.room == room)
                    }
                    _ => {}
                }
                if let (Some(route), Some(event)) = (route, event) {
                    route.events.send(event);
                }
            }
            Event::VideoStreamEvent(event) => {
                let ring = core.routes.lock().videos.get(&event.stream_handle).map(|stream| stream.ring.clone());
                match event.message {
                    Some(VideoStreamEventMessage::FrameReceived(frame)) => {
                        let frame = VideoFrame::read(core, frame);
                        if let (Some(ring), Some(frame)) = (ring, frame) {
                            ring.push(frame);
                        }
                    }
                    Some(VideoStreamEventMessage::Eos(_)) => {
                        if let Some(ring) = ring {
                            ring.close();
                        }
                    }
                    None => {}
                }
            }
            Event::AudioStreamEvent(event) => {
                let ring = core.routes.lock().sounds.get(&event.stream_handle).map(|stream| stream.ring.clone());
                match event.message {
                    Some(AudioStreamEventMessage::FrameReceived(frame)) => {
                        let frame = AudioFrame::read(core, &frame);
                        if let (Some(ring), Some(frame)) = (ring, frame) {
                            ring.push(frame);
                        }
                    }
                    Some(AudioStreamEventMessage::Eos(_)) => {
                        if let Some(ring) = ring {
                            ring.close();
                        }
                    }
                    None => {}
                }
            }
            Event::ByteStreamReaderEvent(event) => match event.detail {
                Some(ByteStreamReaderEventDetail::ChunkReceived(chunk)) => {
                    let unread = core.routes.lock().bytes.get(&event.reader_handle).cloned();
                    if unread.is_some_and(|unread| !unread.push(chunk.content)) {
                        core.routes.lock().bytes.remove(&event.reader_handle);
                    }
                }
                Some(ByteStreamReaderEventDetail::Eos(end)) => {
                    let unread = core.routes.lock().bytes.remove(&event.reader_handle);
                    if let Some(unread) = unread {
                        unread.finish(end.error);
                    }
                }
                None => {}
            },
            Event::TextStreamReaderEvent(event) => match event.detail {
                Some(TextStreamReaderEventDetail::ChunkReceived(chunk)) => {
                    let unread = core.routes.lock().texts.get(&event.reader_handle).cloned();
                    if unread.is_some_and(|unread| !unread.push(chunk.content)) {
                        core.routes.lock().texts.remove(&event.reader_handle);
                    }
                }
                Some(TextStreamReaderEventDetail::Eos(end)) => {
                    let unread = core.routes.lock().texts.remove(&event.reader_handle);
                    if let Some(unread) = unread {
                        unread.finish(end.error);
                    }
                }
                None => {}
            },
            Event::RpcMethodInvocation(event) => {
                let method = (event.local_participant_handle, event.method.clone());
                let sender = core.routes.lock().methods.get(&method).cloned();
                // Dropped unanswered, it answers that nobody is there.
                let invocation = Invocation::new(core, event);
                if let Some(sender) = sender {
                    let _ = sender.send(invocation);
                }
            }
            // Answers, which are delivered by their number.
            _ => {}
        }
    }

    /// The library decodes on for as long as somebody holds a track, whether anything arrives or not.
    pub(crate) fn close_streams(&self, ended: impl Fn(&TrackKey) -> bool) {
        self.videos.values().filter(|stream| ended(&stream.track)).for_each(|stream| stream.ring.close());
        self.sounds.values().filter(|stream| ended(&stream.track)).for_each(|stream| stream.ring.close());
    }

    /// Everybody is told that nothing more comes.
    pub(crate) fn end(self) {
        self.close_streams(|_| true);
        for room in self.rooms.into_values() {
            room.events.send(RoomEvent::Disconnected { reason: DisconnectReason::UnknownReason });
        }
    }
}

impl RoomRoute {
    /// What an event says of ourselves.
    fn note(&self, message: &RoomEventMessage) {
        if let RoomEventMessage::ParticipantPermissionChanged(change) = message
            && change.participant_identity == self.identity
        {
            *self.permission.lock() = change.permission.as_ref().map(Permission::read);
        }
    }
}
