//! Who is in a room, and what they may do.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::proto::{ParticipantInfo, ParticipantKind as Wire, ParticipantPermission, TrackSource};

/// What a participant is, as its token says it: only the server's key can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParticipantKind {
    /// A person with a page or an app.
    Standard,
    /// A stream that the server takes in.
    Ingress,
    /// A recorder.
    Egress,
    /// A telephone.
    Sip,
    /// An agent, or an avatar.
    Agent,
    /// A connector to another service.
    Connector,
    /// A bridge.
    Bridge,
    /// A kind that this crate does not know. **It is not taken for a person.**
    Unknown(i32),
}

impl ParticipantKind {
    fn read(kind: i32) -> Self {
        match Wire::try_from(kind) {
            Ok(Wire::Standard) => Self::Standard,
            Ok(Wire::Ingress) => Self::Ingress,
            Ok(Wire::Egress) => Self::Egress,
            Ok(Wire::Sip) => Self::Sip,
            Ok(Wire::Agent) => Self::Agent,
            Ok(Wire::Connector) => Self::Connector,
            Ok(Wire::Bridge) => Self::Bridge,
            Err(_) => Self::Unknown(kind),
        }
    }
}

/// What a participant may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Receive tracks.
    pub can_subscribe: bool,
    /// Publish tracks.
    pub can_publish: bool,
    /// Of these sources alone; of all where it is empty.
    pub can_publish_sources: Vec<TrackSource>,
    /// Send packets, streams and questions.
    pub can_publish_data: bool,
    /// Not shown to others.
    pub hidden: bool,
    /// Change its own name, metadata and attributes.
    pub can_update_metadata: bool,
}

impl Permission {
    pub(crate) fn read(permission: &ParticipantPermission) -> Self {
        Self {
            can_subscribe: permission.can_subscribe,
            can_publish: permission.can_publish,
            can_publish_sources: permission.can_publish_sources().collect(),
            can_publish_data: permission.can_publish_data,
            hidden: permission.hidden,
            can_update_metadata: permission.can_update_metadata,
        }
    }
}

/// A participant at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct Participant {
    /// The server's name for this stay: another one when the same identity comes back.
    pub sid: String,
    /// Who it is: unique in a room.
    pub identity: String,
    /// A name for people.
    pub name: String,
    /// Free text.
    pub metadata: String,
    /// Free texts by name. **They prove nothing**: who may update its metadata writes what it likes.
    pub attributes: HashMap<String, String>,
    /// What it is.
    pub kind: ParticipantKind,
    /// When it joined, by the server's clock.
    pub joined_at: SystemTime,
    /// What it may do, where the server says it.
    pub permission: Option<Permission>,
}

impl Participant {
    pub(crate) fn read(info: ParticipantInfo) -> Self {
        let joined = Duration::from_millis(u64::try_from(info.joined_at).unwrap_or(0));
        Self {
            sid: info.sid,
            identity: info.identity,
            name: info.name,
            metadata: info.metadata,
            attributes: info.attributes,
            kind: ParticipantKind::read(info.kind),
            joined_at: SystemTime::UNIX_EPOCH + joined,
            permission: info.permission.as_ref().map(Permission::read),
        }
    }

    /// Whether others are not shown it.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.permission.as_ref().is_some_and(|permission| permission.hidden)
    }
}

/// Neither name nor metadata nor attributes: they may be a visitor's.
impl std::fmt::Debug for Participant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Participant")
            .field("sid", &self.sid)
            .field("identity", &self.identity)
            .field("kind", &self.kind)
            .field("permission", &self.permission)
            .finish_non_exhaustive()
    }
}
