use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};
use crate::Secret;

/// Where a room is and with which token one avatar may enter it. A room emits it for a visit, once unasked when the visit opens,
/// and again for each attempt that a [`RoomOrder`](crate::RoomOrder) asks for. Its packet carries the time at which the visitor
/// arrived, from which whoever starts avatars counts.
///
/// No two invitations have an identity in common: whoever comes late, or comes back, is known by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invite {
    /// Which invitation of the visit it is, from 1, rising. One that nobody asked for says that the room begins anew, as after a
    /// lost server: everybody who was invited before is gone.
    pub attempt: u64,
    /// The server's address, `wss://…`: the one that this room was joined at, so that the avatar meets it in the same region.
    pub url: String,
    /// The region of that server, where it is known; empty where not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// The room's name.
    pub room: String,
    /// The identity under which the avatar enters: that of the token.
    pub identity: String,
    /// The identity of the agent for which it speaks (`lk.publish_on_behalf` of the token).
    pub agent_identity: String,
    /// The avatar's token, short-lived; it prints as `***`.
    pub token: Secret,
    /// A second one, for vendors that hear the speech as a participant of their own. Nothing: this room issues none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<Listener>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A participant that hears the speech for an avatar. It belongs to the avatar: it is no visitor, leaves with it, and may say what was
/// played in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Its identity: that of the token.
    pub identity: String,
    /// Its token, short-lived; it prints as `***`.
    pub token: Secret,
}

cbor_message!(Invite, "majlis/invite@1");
