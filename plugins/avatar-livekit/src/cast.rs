//! The avatars that were invited, for a visitor or for whoever comes next, and what belongs to each of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use majlis_plugin_api::{AvatarStep, Dismissed, Invite, Pending};

use crate::ladder::Happened;
use crate::session::{Bell, Mailbox, Session};

/// An attempt whose vendor was asked.
pub(crate) struct Attempt {
    pub(crate) rung: usize,
    /// Dropped, its session is ended.
    pub(crate) session: Option<Session>,
    /// Its line of the report, until its avatar is ready or given up.
    pub(crate) account: Option<Pending>,
    /// Whether it is known how its vendor did.
    pub(crate) is_judged: bool,
    /// Whether what is said to it arrives, as far as that is known; and how far its picture is that nobody is to see before.
    pub(crate) hears: bool,
    pub(crate) held: Option<AvatarStep>,
}

/// The avatars of somebody, by attempt.
#[derive(Default)]
pub(crate) struct Cast {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) invites: BTreeMap<u64, Invite>,
    pub(crate) attempts: BTreeMap<u64, Attempt>,
    /// Bells of looks for slots.
    pub(crate) bells: Vec<Arc<Bell>>,
    /// Who has no place in the room any more.
    pub(crate) dismissed: Vec<Dismissed>,
}

impl Cast {
    /// The attempt that was invited under this identity, which no other one has.
    pub(crate) fn attempt_of(&self, identity: &str) -> Option<u64> {
        self.invites.iter().find(|(_, invite)| invite.identity == identity).map(|(attempt, _)| *attempt)
    }

    /// What a step of an avatar's stay means for whoever decides. A picture is none until somebody hears behind it: a face that says
    /// nothing would keep the agent's own voice from speaking.
    pub(crate) fn step(&mut self, attempt: u64, step: AvatarStep) -> Option<Happened> {
        let Some(known) = self.attempts.get_mut(&attempt) else { return Some(Happened::Seen(attempt, step)) };
        match step {
            AvatarStep::Hears => {
                known.hears = true;
                known.held.take().map(|step| Happened::Seen(attempt, step))
            }
            AvatarStep::Decoded | AvatarStep::Shown if !known.hears => {
                known.held = Some(step);
                None
            }
            step => Some(Happened::Seen(attempt, step)),
        }
    }

    /// The avatar of this attempt has no place in the room any more.
    pub(crate) fn dismiss(&mut self, attempt: u64) {
        if let Some(invite) = self.invites.get(&attempt) {
            self.dismissed.extend(dismissed(invite));
        }
    }
}

/// Everybody who came by an invitation, to be told to leave.
pub(crate) fn dismissed(invite: &Invite) -> impl Iterator<Item = Dismissed> {
    let listener = invite.listener.as_ref().map(|listener| &listener.identity);
    let identities = std::iter::once(&invite.identity).chain(listener);
    identities.map(|identity| Dismissed { identity: identity.clone(), room: None })
}
