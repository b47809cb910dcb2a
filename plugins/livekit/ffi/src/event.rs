//! What happens in a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::core::Core;
use crate::native::Lent;
use crate::participant::{Participant, Permission};
use crate::proto::{
    AttributesEntry, ConnectionState, DataPacketKind, DataPacketReceived, DataPacketReceivedValue, DisconnectReason,
    RoomEventMessage as Message,
};
use crate::reader::{ByteReader, TextReader};
use crate::room::RoomInfo;
use crate::track::{Publication, RemoteTrack};

/// Something that happened in a room. Participants are named by their identities.
#[derive(Debug)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Somebody joined.
    ParticipantConnected(Participant),
    /// Somebody is ready to receive packets and questions.
    ParticipantActive {
        /// Who.
        identity: String,
    },
    /// Somebody left.
    ParticipantDisconnected {
        /// Who.
        identity: String,
        /// Why.
        reason: DisconnectReason,
    },
    /// Somebody's metadata is now this; ours too.
    MetadataChanged {
        /// Whose.
        identity: String,
        /// All of it.
        metadata: String,
    },
    /// Somebody's name is now this; ours too.
    NameChanged {
        /// Whose.
        identity: String,
        /// The name.
        name: String,
    },
    /// Somebody's attributes changed; ours too.
    AttributesChanged {
        /// Whose.
        identity: String,
        /// All of them.
        attributes: HashMap<String, String>,
        /// Those that changed; an empty value where one was removed.
        changed: HashMap<String, String>,
    },
    /// What somebody may do changed; what we may do too. Hidden or not is a part of it.
    PermissionChanged {
        /// Who.
        identity: String,
        /// What they may do now.
        permission: Option<Permission>,
    },
    /// Somebody published a track, which can be subscribed now.
    TrackPublished {
        /// Who.
        identity: String,
        /// The track's publication.
        publication: Publication,
    },
    /// Somebody's track is gone.
    TrackUnpublished {
        /// Whose.
        identity: String,
        /// The track.
        sid: String,
    },
    /// A track that was subscribed begins to arrive.
    TrackSubscribed {
        /// Whose.
        identity: String,
        /// The track.
        track: RemoteTrack,
    },
    /// A track does not arrive any more.
    TrackUnsubscribed {
        /// Whose.
        identity: String,
        /// The track.
        sid: String,
    },
    /// A track cannot be subscribed.
    TrackSubscriptionFailed {
        /// Whose.
        identity: String,
        /// The track.
        sid: String,
        /// Why.
        reason: String,
    },
    /// A track was muted, or is heard or seen again.
    TrackMuted {
        /// Whose.
        identity: String,
        /// The track.
        sid: String,
        /// Which of the two.
        muted: bool,
    },
    /// A track of ours is published.
    LocalTrackPublished {
        /// The track.
        sid: String,
    },
    /// A track of ours is not published any more.
    LocalTrackUnpublished {
        /// The track.
        sid: String,
    },
    /// A track of ours has its first subscriber.
    LocalTrackSubscribed {
        /// The track.
        sid: String,
    },
    /// A track of ours was published again, in a connection that had to be made anew.
    LocalTrackRepublished {
        /// What it was called before.
        before: String,
        /// What it is called now.
        sid: String,
    },
    /// A packet for us, or for everybody.
    Data(DataPacket),
    /// A stream of bytes begins.
    ByteStream(ByteReader),
    /// A stream of text begins.
    TextStream(TextReader),
    /// The room's metadata is now this.
    RoomMetadataChanged {
        /// All of it.
        metadata: String,
    },
    /// What is known of the room changed.
    RoomUpdated(RoomInfo),
    /// The server moved us into another room.
    Moved(RoomInfo),
    /// The state of the connection.
    ConnectionChanged(ConnectionState),
    /// The connection was lost; the library tries to get it back.
    Reconnecting,
    /// The connection is back.
    Reconnected,
    /// We are out, for good: the last event but those under way. A deleted room is [`DisconnectReason::RoomDeleted`]; the end
    /// of the library itself is [`DisconnectReason::UnknownReason`], and [`Ffi::check`](crate::Ffi::check) says why.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
}

/// A packet of bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct DataPacket {
    /// Who sent it; empty where the server did.
    pub identity: String,
    /// Under which heading.
    pub topic: Option<String>,
    /// What was sent.
    pub payload: Vec<u8>,
    /// Whether it was sent so that it arrives.
    pub reliable: bool,
}

impl std::fmt::Debug for DataPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataPacket")
            .field("identity", &self.identity)
            .field("topic", &self.topic)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// How many packets of others may wait for us.
const PACKETS: usize = 1024;

/// A room's events, in the order in which the library tells of them.
///
/// What the room itself says waits without a bound, for nothing of it may be lost and the server decides how much there is.
/// Packets are as many as others like to send: 1,024 wait, and then new ones are dropped and counted.
#[derive(Debug)]
pub struct Events {
    receiver: UnboundedReceiver<RoomEvent>,
    packets: Arc<Packets>,
}

#[derive(Debug, Default)]
struct Packets {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl Events {
    /// The next event; none when the room has been left or dropped.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        self.receiver.recv().await.inspect(|event| self.taken(event))
    }

    fn taken(&self, event: &RoomEvent) {
        if matches!(event, RoomEvent::Data(_)) {
            self.packets.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many packets were dropped because too many waited.
    #[must_use]
    pub fn dropped_packets(&self) -> u64 {
        self.packets.dropped.load(Ordering::Relaxed)
    }
}

/// The other end of [`Events`].
#[derive(Clone)]
pub(crate) struct Sender {
    sender: UnboundedSender<RoomEvent>,
    packets: Arc<Packets>,
}

pub(crate) fn channel() -> (Sender, Events) {
    let (sender, receiver) = unbounded_channel();
    let packets = Arc::<Packets>::default();
    (Sender { sender, packets: packets.clone() }, Events { receiver, packets })
}

impl Sender {
    pub(crate) fn send(&self, event: RoomEvent) {
        if matches!(event, RoomEvent::Data(_)) {
            if self.packets.waiting.load(Ordering::Relaxed) >= PACKETS {
                self.packets.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.packets.waiting.fetch_add(1, Ordering::Relaxed);
        }
        // Whoever has dropped the events does not want them.
        let _ = self.sender.send(event);
    }
}

/// Reads an event, and with that takes over the handles that it brings.
pub(crate) fn read(core: &Arc<Core>, room: u64, message: Message) -> Option<RoomEvent> {
    Some(match message {
        Message::ParticipantConnected(event) => {
            drop(core.own(&event.info.handle));
            RoomEvent::ParticipantConnected(Participant::read(event.info.info))
        }
        Message::ParticipantActive(event) => RoomEvent::ParticipantActive { identity: event.participant_identity },
        Message::ParticipantDisconnected(event) => {
            let reason = event.disconnect_reason();
            RoomEvent::ParticipantDisconnected { identity: event.participant_identity, reason }
        }
        Message::ParticipantMetadataChanged(event) => {
            RoomEvent::MetadataChanged { identity: event.participant_identity, metadata: event.metadata }
        }
        Message::ParticipantNameChanged(event) => {
            RoomEvent::NameChanged { identity: event.participant_identity, name: event.name }
        }
        Message::ParticipantAttributesChanged(event) => RoomEvent::AttributesChanged {
            identity: event.participant_identity,
            attributes: attributes(event.attributes),
            changed: attributes(event.changed_attributes),
        },
        Message::ParticipantPermissionChanged(event) => RoomEvent::PermissionChanged {
            identity: event.participant_identity,
            permission: event.permission.as_ref().map(Permission::read),
        },
        Message::TrackPublished(event) => RoomEvent::TrackPublished {
            identity: event.participant_identity,
            publication: Publication::read(core, event.publication),
        },
        Message::TrackUnpublished(event) => {
            RoomEvent::TrackUnpublished { identity: event.participant_identity, sid: event.publication_sid }
        }
        Message::TrackSubscribed(event) => RoomEvent::TrackSubscribed {
            identity: event.participant_identity,
            track: RemoteTrack::read(core, room, event.track),
        },
        Message::TrackUnsubscribed(event) => {
            RoomEvent::TrackUnsubscribed { identity: event.participant_identity, sid: event.track_sid }
        }
        Message::TrackSubscriptionFailed(event) => RoomEvent::TrackSubscriptionFailed {
            identity: event.participant_identity,
            sid: event.track_sid,
            reason: event.error,
        },
        Message::TrackMuted(event) => {
            RoomEvent::TrackMuted { identity: event.participant_identity, sid: event.track_sid, muted: true }
        }
        Message::TrackUnmuted(event) => {
            RoomEvent::TrackMuted { identity: event.participant_identity, sid: event.track_sid, muted: false }
        }
        Message::LocalTrackPublished(event) => RoomEvent::LocalTrackPublished { sid: event.track_sid },
        Message::LocalTrackUnpublished(event) => RoomEvent::LocalTrackUnpublished { sid: event.publication_sid },
        Message::LocalTrackSubscribed(event) => RoomEvent::LocalTrackSubscribed { sid: event.track_sid },
        Message::LocalTrackRepublished(event) => {
            RoomEvent::LocalTrackRepublished { before: event.previous_sid, sid: event.info.sid }
        }
        Message::DataPacketReceived(event) => RoomEvent::Data(packet(core, event)?),
        Message::ByteStreamOpened(event) => {
            RoomEvent::ByteStream(ByteReader::read(core, event.reader, event.participant_identity))
        }
        Message::TextStreamOpened(event) => {
            RoomEvent::TextStream(TextReader::read(core, event.reader, event.participant_identity))
        }
        Message::RoomMetadataChanged(event) => RoomEvent::RoomMetadataChanged { metadata: event.metadata },
        Message::RoomUpdated(info) => RoomEvent::RoomUpdated(RoomInfo::read(info)),
        Message::Moved(info) => RoomEvent::Moved(RoomInfo::read(info)),
        Message::ConnectionStateChanged(event) => RoomEvent::ConnectionChanged(event.state()),
        Message::Reconnecting(_) => RoomEvent::Reconnecting,
        Message::Reconnected(_) => RoomEvent::Reconnected,
        Message::Disconnected(event) => RoomEvent::Disconnected { reason: event.reason() },
        // Not used here, and given back.
        Message::DataTrackPublished(event) => {
            drop(core.own(&event.track.handle));
            return None;
        }
    })
}

fn attributes(entries: Vec<AttributesEntry>) -> HashMap<String, String> {
    entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

fn packet(core: &Arc<Core>, event: DataPacketReceived) -> Option<DataPacket> {
    let reliable = event.kind() == DataPacketKind::Reliable;
    let DataPacketReceivedValue::User(user) = event.value?;
    let lent = Lent::packet(core.own(&user.data.handle), &user.data.data)?;
    Some(DataPacket {
        identity: event.participant_identity,
        topic: user.topic,
        payload: lent.bytes().to_vec(),
        reliable,
    })
}
