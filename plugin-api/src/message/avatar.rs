use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What a room sees of an avatar that it invited, told by the room as an origin when it happens; its packet carries that time. Only
/// participants with an identity that the room issued ([`Invite::identity`](crate::Invite)) are avatars: what anybody else claims to
/// be or to have played is not told here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AvatarSeen {
    /// The [attempt](crate::Invite::attempt) that it was invited for.
    pub attempt: u64,
    /// Its identity.
    pub identity: String,
    /// What is seen.
    pub step: AvatarStep,
    /// At [`PlaybackFinished`](AvatarStep::PlaybackFinished): so many seconds of the speech were played, where the avatar says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
    /// At [`PlaybackFinished`](AvatarStep::PlaybackFinished): whether it was broken off.
    #[serde(default)]
    pub interrupted: bool,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A step in an avatar's stay. The first four come in this order, each at most once in a stay; an avatar may come back after it left.
/// Of one with a [listener](crate::Invite::listener) [`Hears`](AvatarStep::Hears) comes once as well, at any time after the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AvatarStep {
    /// It is in the room.
    Joined,
    /// Its video track is published: a promise, nothing that is seen yet.
    Video,
    /// The room's agent decoded its first frame: there is a picture for whoever subscribes.
    Decoded,
    /// The visitor's page says that it painted the first frame and that its sound can play. Pages that say nothing are common.
    Shown,
    /// The participant that hears the speech for it is in the room: what is sent there arrives. When that one leaves, the avatar has
    /// [`Left`](AvatarStep::Left): it would show a face and say nothing.
    Hears,
    /// It says that it began to play a segment of speech. Some never say so.
    PlaybackStarted,
    /// It says that it ended to play a segment of speech. Some never say so.
    PlaybackFinished,
    /// It is no longer in the room, for whatever reason.
    Left,
}

cbor_message!(AvatarSeen, "majlis/avatar-seen@1");
