//! One visitor's avatars: the ladder, and what belongs to each of its attempts.

use std::collections::BTreeMap;
use std::sync::Arc;

use majlis_plugin_api::{Dismissed, Invite, Pending, RoomOrder, Speech, SpeechTarget};

use crate::config::WithoutAvatar;
use crate::ladder::{Ladder, Voice};
use crate::session::{Bell, Mailbox, Session};
use crate::vendor::Vendor;

/// An attempt whose vendor was asked.
pub(crate) struct Attempt {
    pub(crate) rung: usize,
    /// Dropped, its session is ended.
    pub(crate) session: Option<Session>,
    /// Its line of the report, until its avatar is ready or given up.
    pub(crate) account: Option<Pending>,
    /// Whether it is known how its vendor did.
    pub(crate) is_judged: bool,
}

/// What is kept of one visit.
pub(crate) struct Visit {
    pub(crate) ladder: Ladder,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) invites: BTreeMap<u64, Invite>,
    pub(crate) attempts: BTreeMap<u64, Attempt>,
    /// Bells of looks for slots.
    pub(crate) bells: Vec<Arc<Bell>>,
    dismissed: Vec<Dismissed>,
    pub(crate) sent: RoomOrder,
}

impl Visit {
    pub(crate) fn new(ladder: Ladder) -> Self {
        Self {
            ladder,
            mailbox: Arc::default(),
            invites: BTreeMap::new(),
            attempts: BTreeMap::new(),
            bells: Vec::new(),
            dismissed: Vec::new(),
            // What a room does before it is told anything.
            sent: RoomOrder { invite: 1, ..RoomOrder::default() },
        }
    }

    /// The avatar of this attempt has no place in the room any more.
    pub(crate) fn dismiss(&mut self, attempt: u64) {
        let Some(invite) = self.invites.get(&attempt) else { return };
        let identities = [Some(&invite.identity), invite.listener.as_ref().map(|listener| &listener.identity)];
        for identity in identities.into_iter().flatten() {
            self.dismissed.push(Dismissed { identity: identity.clone(), room: None });
        }
    }

    /// All that is wanted of the room.
    pub(crate) fn order(
        &self,
        vendors: &[Arc<Vendor>],
        without_avatar: WithoutAvatar,
        left_behind: &[Dismissed],
    ) -> RoomOrder {
        let speech = self.ladder.speaks().and_then(|speaks| {
            let target = match speaks.voice {
                Voice::Own if without_avatar == WithoutAvatar::Text => SpeechTarget::Text,
                Voice::Own => SpeechTarget::OwnTrack,
                Voice::Avatar(attempt) => {
                    let (invite, rung) = (self.invites.get(&attempt)?, self.attempts.get(&attempt)?.rung);
                    let vendor = &vendors[rung];
                    let listener = invite.listener.as_ref().filter(|_| vendor.needs_listener());
                    SpeechTarget::Avatar {
                        identity: invite.identity.clone(),
                        listener: listener.map(|listener| listener.identity.clone()),
                        sample_rate: vendor.profile.sample_rate,
                        country: vendor.country.clone(),
                    }
                }
            };
            Some(Speech { turn: speaks.turn, target, from: speaks.from, again: speaks.again })
        });
        RoomOrder {
            invite: self.ladder.invite(),
            speech,
            dismissed: self.dismissed.iter().chain(left_behind).cloned().collect(),
            ..RoomOrder::default()
        }
    }
}
