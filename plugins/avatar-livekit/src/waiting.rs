//! The avatar that waits for whoever comes next.

use std::sync::Arc;

use jiff::Timestamp;
use majlis_plugin_api::{AvatarSeen, Dismissed, Flow, Output, Packet, Result, RoomOrder, Time, VisitId};

use crate::cast::{Attempt, Cast, dismissed};
use crate::ladder::{Do, Happened, Machine, WAITED};
use crate::session::LOOK;
use crate::standby::{Rung, Standby, Waited};
use crate::vendor::Vendor;
use crate::visit::Visit;
use crate::{Avatars, input, output};

/// So many who have no place in the room are named in an order; a room remembers those that it was told of before.
const NAMED: usize = 32;

/// What is kept of the avatar that waits.
pub(crate) struct Waiting {
    pub(crate) standby: Standby,
    pub(crate) cast: Cast,
    sent: RoomOrder,
}

impl Waiting {
    pub(crate) fn new(vendors: &[Arc<Vendor>]) -> Self {
        let rung = |vendor: &Arc<Vendor>| Rung { start_within: vendor.start_within, longest: vendor.longest() };
        Self {
            standby: Standby::new(vendors.iter().map(rung).collect()),
            cast: Cast::default(),
            sent: RoomOrder::default(),
        }
    }

    /// Gives the avatar that waits to a visitor, if one does.
    pub(crate) fn give(&mut self, visit: &mut Visit, now: Time) -> Option<Waited> {
        let waited = self.standby.take(now)?;
        let attempt = self.cast.attempts.remove(&waited.attempt)?;
        let invite = self.cast.invites.remove(&waited.attempt)?;
        if let Some(session) = &attempt.session {
            // Whoever is there is there, whatever its vendor answers.
            session.bell.silence();
        }
        visit.cast.invites.insert(WAITED, invite);
        visit.cast.attempts.insert(WAITED, Attempt { is_judged: true, ..attempt });
        Some(waited)
    }

    /// The avatar that was given to a visitor waits again, if it may. Whoever is on the way instead of it is to be ended.
    fn take_back(&mut self, visit: &mut Visit, now: Time) -> Option<Vec<Do>> {
        let todo = self.standby.take_back(now, visit.waited?)?;
        let waited = visit.waited.take()?;
        let given = visit.cast.attempts.remove(&WAITED).zip(visit.cast.invites.remove(&WAITED));
        if let Some((attempt, invite)) = given {
            self.cast.attempts.insert(waited.attempt, attempt);
            self.cast.invites.insert(waited.attempt, invite);
        }
        Some(todo)
    }

    /// The visitor to whom an avatar was given is gone, and the avatar has no place in the room any more.
    pub(crate) fn dismiss_given(&mut self, of: &Visit) {
        if let Some(invite) = of.cast.invites.get(&WAITED) {
            self.cast.dismissed.extend(dismissed(invite));
        }
    }

    /// Nothing is kept of what was given up, which comes again and again while a show lasts.
    fn forget(&mut self) {
        let kept = self.standby.hidden();
        self.cast.attempts.retain(|attempt, _| Some(*attempt) == kept);
        self.cast.invites.retain(|attempt, _| Some(*attempt) == kept);
        self.cast.bells.retain(|bell| bell.may_ring());
        let beyond = self.cast.dismissed.len().saturating_sub(NAMED);
        self.cast.dismissed.drain(..beyond);
    }

    /// All that is wanted of the room.
    fn order(&self, left_behind: &[Dismissed]) -> RoomOrder {
        let hidden = self.standby.hidden().and_then(|attempt| self.cast.invites.get(&attempt));
        RoomOrder {
            invite: self.standby.invite(),
            dismissed: self.cast.dismissed.iter().chain(left_behind).cloned().collect(),
            standby: hidden.map(|invite| invite.identity.clone()).into_iter().collect(),
            ..RoomOrder::default()
        }
    }
}

impl Avatars {
    /// Whether nothing is to be heard now.
    pub(crate) fn is_quiet(&self) -> bool {
        self.pause.is_set() || self.agency.hours.is_quiet(Timestamp::now())
    }

    /// What a packet of no visit says: of the avatar that waits, or of one that was given to a visitor a moment ago.
    pub(crate) fn heard_of_nobodys(&mut self, packet: &Packet<'_>, out: &mut Output<'_>) -> Result<Option<Happened>> {
        if let Some(invite) = packet.get(input::invite)? {
            let attempt = invite.attempt;
            self.waiting.cast.invites.insert(attempt, invite);
            return Ok(Some(Happened::Invited(attempt)));
        }
        let Some(seen) = packet.get(input::seen)? else { return Ok(None) };
        if let Some(attempt) = self.waiting.cast.attempt_of(&seen.identity) {
            return Ok(self.waiting.cast.step(attempt, seen.step));
        }
        let given = |(id, visit): (&VisitId, &mut Visit)| {
            let attempt = visit.cast.attempt_of(&seen.identity)?;
            Some((*id, visit.cast.step(attempt, seen.step)?))
        };
        if let Some((id, happened)) = self.visits.iter_mut().find_map(given) {
            self.go_on(id, out, |ladder, now| ladder.handle(now, happened))?;
        }
        Ok(None)
    }

    /// The avatar that was this visit's, and to which nothing was said, waits for the next one.
    pub(crate) fn take_back(&mut self, id: VisitId, out: &mut Output<'_>) {
        let Some(visit) = self.visits.get_mut(&id).filter(|visit| visit.ladder.has_unused()) else { return };
        let Some(todo) = self.waiting.take_back(visit, out.now()) else { return };
        let Waiting { standby, cast, .. } = &mut self.waiting;
        self.agency.follow(standby, cast, todo, out);
    }

    /// In a call of a visit: something was seen of the avatar that waits.
    pub(crate) fn saw_waiting(&mut self, seen: &AvatarSeen, out: &mut Output<'_>) {
        let Waiting { standby, cast, .. } = &mut self.waiting;
        let happened = cast.attempt_of(&seen.identity).and_then(|attempt| cast.step(attempt, seen.step));
        if let Some(happened) = happened {
            let todo = standby.handle(out.now(), happened);
            self.agency.follow(standby, cast, todo, out);
            self.order_for_nobody(out.now());
        }
    }

    /// In a call of no visit: looks whether something may be heard, for everybody, and after the avatar that waits.
    pub(crate) fn look(&mut self, happened: Happened, out: &mut Output<'_>) -> Result<Flow> {
        let (now, quiet) = (out.now(), self.is_quiet());
        for id in self.visits.keys().copied().collect::<Vec<_>>() {
            self.go_on(id, out, |ladder, now| ladder.quiet(now, quiet))?;
        }
        self.look_at_limits();
        let may_wait = self.prewarm && !quiet && self.agency.hours.is_open(Timestamp::now());
        let allowed: Vec<bool> = self.reached.iter().map(|reached| may_wait && reached.is_none()).collect();
        let Waiting { standby, cast, .. } = &mut self.waiting;
        let mut todo = standby.allow(now, &allowed);
        todo.extend(standby.handle(now, happened));
        self.agency.follow(standby, cast, todo, out);
        self.order_for_nobody(now);
        let next = now + LOOK;
        Ok(Flow::WakeAt(self.waiting.standby.wake().map_or(next, |wake| wake.min(next))))
    }

    /// Looks who is asked for nothing more, and says so when it begins.
    fn look_at_limits(&mut self) {
        for (rung, before) in self.reached.iter_mut().enumerate() {
            let reached = self.agency.reached(rung);
            if let Some(why) = reached.filter(|_| reached != *before) {
                let title = &self.agency.vendors[rung].profile.title;
                tracing::warn!("{title} {why}, and is asked for nothing more; who comes gets the next of the ladder");
            }
            *before = reached;
        }
    }

    /// Orders what is wanted of the room for nobody's visit, if that is another thing now.
    pub(crate) fn order_for_nobody(&mut self, now: Time) {
        self.waiting.forget();
        let order = self.waiting.order(&self.agency.desk.left_behind.lock());
        // What is not taken is ordered again at the next look.
        if order != self.waiting.sent && self.origin.emit(output::order, None, now, order.clone()).is_ok() {
            self.waiting.sent = order;
        }
    }
}
