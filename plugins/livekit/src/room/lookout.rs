//! Looks out for a visitor: asks the server who is there, sooner than the server tells of it.
//!
//! A server tells of somebody when the first of a camera's packets is there, and of whoever shows no camera after up to three
//! seconds. Who was given a token here a moment ago, or for whom this agent was sent, is looked for in the server's list meanwhile.

use std::time::{Duration, SystemTime};

use majlis_livekit_dispatch::Api;
use majlis_livekit_dispatch::proto::ParticipantInfo;
use majlis_livekit_dispatch::proto::participant_info::{Kind, State};
use majlis_livekit_ffi::ParticipantKind;
use tokio::time::{Instant, sleep};

use super::Keeper;

/// The list is asked for so often in the beginning, and then so often; after a token was given a page needs some tenths of a second.
const EVERY: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(250)];
const BEGINNING: Duration = Duration::from_secs(2);
/// Who comes later is told of by the server.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who stands in the list is seen in the room in this time, or has left before it was.
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(10);
/// While the room is not joined yet, nobody is seen: that it cannot be joined is known before.
const UNSEEN_WITHIN: Duration = Duration::from_secs(60);
/// So many are looked for at once: the server has more to do than to answer.
const AT_ONCE: usize = 8;

impl Keeper {
    /// Looks out for whoever was given a token, or in a room of one visitor for that one, without a name.
    pub(super) fn look_out(&mut self, identity: Option<String>) {
        let Some(server) = self.server.clone().filter(|_| !self.of_people() && self.lookouts.len() < AT_ONCE) else {
            return;
        };
        let (room, ingress) = (self.post.room.clone(), self.config.ingress);
        self.lookouts.spawn(async move { look_out(&server.api, &room, identity.as_deref(), ingress).await });
    }

    /// Somebody stands in the server's list.
    pub(super) fn found(&mut self, found: &Found) {
        let Some(server) = &self.server else { return };
        let now = self.host.now();
        // Where this agent was sent for, the visitor may have waited long.
        let arrived = if self.post.is_assigned() {
            server.clock.place(found.joined_at).map(|at| at.min(now))
        } else {
            server.clock.learn_soon(found.joined_at, now);
            server.clock.just_now(found.joined_at, now)
        };
        // While no moment of the server's is known, nobody could say how long ago this one came.
        let Some(arrived) = arrived else { return };
        let is_ours = found.identity == self.post.identity || self.avatars.is_invited(&found.identity);
        let is_seen = self.session.is_some() && self.reconnect_until.is_none();
        let until = Instant::now() + if is_seen { SEEN_WITHIN } else { UNSEEN_WITHIN };
        if self.guests.found_in_list(&found.identity, found.kind, is_ours, arrived, until) {
            tracing::debug!("a visitor is in the server's list before the room tells of one");
            self.open_visits();
        }
    }
}

/// Who was found.
#[derive(Debug)]
pub(super) struct Found {
    identity: String,
    kind: ParticipantKind,
    /// By the server's clock.
    joined_at: SystemTime,
}

async fn look_out(api: &Api, room: &str, identity: Option<&str>, ingress: bool) -> Option<Found> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        // A server that does not answer is asked again a moment later.
        if let Ok(present) = api.list_participants(room).await
            && let Some(found) = present.into_iter().find_map(|somebody| visitor(somebody, identity, ingress))
        {
            return Some(found);
        }
        sleep(EVERY[usize::from(begun.elapsed() > BEGINNING)]).await;
    }
    None
}

/// Whoever is looked for, if this is it.
fn visitor(listed: ParticipantInfo, identity: Option<&str>, ingress: bool) -> Option<Found> {
    let kind = match listed.kind() {
        Kind::Standard => ParticipantKind::Standard,
        Kind::Ingress if ingress => ParticipantKind::Ingress,
        _ => return None,
    };
    let is_hidden = listed.permission.as_ref().is_some_and(|permission| permission.hidden);
    let is_here = listed.state() != State::Disconnected && !is_hidden;
    let joined = Duration::from_millis(u64::try_from(listed.joined_at_ms).ok()?);
    // A server that does not know the millisecond says zero, and then the room is waited for.
    let is_it = is_here && !joined.is_zero() && identity.is_none_or(|wanted| listed.identity == wanted);
    is_it.then(|| Found { identity: listed.identity, kind, joined_at: SystemTime::UNIX_EPOCH + joined })
}

#[cfg(test)]
mod tests {
    use majlis_livekit_dispatch::proto::ParticipantPermission;

    use super::*;

    fn listed(kind: Kind, state: State) -> ParticipantInfo {
        let (kind, state) = (kind as i32, state as i32);
        ParticipantInfo { identity: "a".into(), kind, state, joined_at_ms: 1_500, ..ParticipantInfo::default() }
    }

    #[test]
    fn only_a_visitor_who_is_here_and_is_the_one_is_found() {
        let joining = listed(Kind::Standard, State::Joining);
        let found = visitor(joining.clone(), Some("a"), false).expect("it is there");
        assert_eq!(found.joined_at, SystemTime::UNIX_EPOCH + Duration::from_millis(1_500));
        assert!(visitor(joining.clone(), None, false).is_some(), "in a room of one visitor nobody has to be named");
        assert!(visitor(joining.clone(), Some("b"), false).is_none());
        assert!(visitor(listed(Kind::Agent, State::Active), None, false).is_none());
        assert!(visitor(listed(Kind::Standard, State::Disconnected), None, false).is_none());
        let stream = listed(Kind::Ingress, State::Active);
        assert!(visitor(stream.clone(), None, false).is_none() && visitor(stream, None, true).is_some());
        let hidden = Some(ParticipantPermission { hidden: true, ..Default::default() });
        assert!(visitor(ParticipantInfo { permission: hidden, ..joining.clone() }, None, false).is_none());
        assert!(visitor(ParticipantInfo { joined_at_ms: 0, ..joining }, None, false).is_none());
    }
}
