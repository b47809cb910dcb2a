//! One visitor's avatars, and who speaks.

use std::sync::Arc;

use majlis_plugin_api::{
    AvatarSeen, AvatarStep, Dismissed, Flow, Output, Packet, Result, RoomOrder, Speech, SpeechTarget, Time, VisitId,
    Welcome, WelcomeKind,
};

use crate::agency::milestone;
use crate::cast::Cast;
use crate::config::WithoutAvatar;
use crate::ladder::{Do, Happened, Ladder, Machine, Rung, Voice};
use crate::standby::Waited;
use crate::vendor::Vendor;
use crate::{Avatars, input, output};

/// What is kept of one visit.
pub(crate) struct Visit {
    pub(crate) ladder: Ladder,
    pub(crate) cast: Cast,
    pub(crate) sent: RoomOrder,
    /// The avatar that waited and is this visitor's, if one did.
    pub(crate) waited: Option<Waited>,
}

impl Visit {
    pub(crate) fn new(ladder: Ladder) -> Self {
        // What a room does before it is told anything.
        Self { ladder, cast: Cast::default(), sent: RoomOrder { invite: 1, ..RoomOrder::default() }, waited: None }
    }

    /// Marks what a room saw, and says whether it is of an avatar that was invited.
    fn saw(&mut self, seen: &AvatarSeen, out: &mut Output<'_>) -> Option<Happened> {
        let attempt = self.cast.attempt_of(&seen.identity)?;
        let (mark, told) = match seen.step {
            AvatarStep::Joined => ("joined", Some("avatar-joined")),
            AvatarStep::Video => ("video", Some("avatar-video")),
            AvatarStep::Decoded => ("avatar-decoded", Some("avatar-decoded")),
            AvatarStep::Shown => ("shown", None),
            AvatarStep::Hears => ("hears", None),
            AvatarStep::PlaybackStarted => ("", Some("avatar-speaks")),
            AvatarStep::PlaybackFinished | AvatarStep::Left => ("", None),
        };
        // Of one that was given up nothing is told: it has no part in what the visitor sees.
        if let Some(known) = self.cast.attempts.get(&attempt).filter(|attempt| attempt.session.is_some()) {
            if let Some(account) = known.account.as_ref().filter(|_| !mark.is_empty()) {
                account.mark(mark);
            }
            if let Some(told) = told {
                milestone(out, told);
            }
        }
        self.cast.step(attempt, seen.step)
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
                Voice::Nobody => SpeechTarget::Text,
                Voice::Own if without_avatar == WithoutAvatar::Text => SpeechTarget::Text,
                Voice::Own => SpeechTarget::OwnTrack,
                Voice::Avatar(attempt) => {
                    let (invite, rung) = (self.cast.invites.get(&attempt)?, self.cast.attempts.get(&attempt)?.rung);
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
            dismissed: self.cast.dismissed.iter().chain(left_behind).cloned().collect(),
            ..RoomOrder::default()
        }
    }
}

impl Avatars {
    /// Somebody comes: an avatar that waits is theirs, or the first vendor is asked.
    pub(crate) fn came(&mut self, id: VisitId, out: &mut Output<'_>) -> Result<Flow> {
        let now = out.now();
        let mut visit = Visit::new(self.ladder(now, out));
        let quiet = self.is_quiet();
        let waited = if quiet { None } else { self.waiting.give(&mut visit, now) };
        visit.waited = waited;
        self.visits.insert(id, visit);
        let flow = self.go_on(id, out, |ladder, now| match waited {
            Some(waited) => ladder.take_over(waited.rung, waited.since),
            None => {
                let mut todo = ladder.quiet(now, quiet);
                todo.extend(ladder.handle(now, Happened::Passing));
                todo
            }
        });
        // After the visitor's own order: whom it shows is hidden no longer.
        self.order_for_nobody(now);
        flow
    }

    /// The ladder of somebody who comes now.
    fn ladder(&self, now: Time, out: &mut Output<'_>) -> Ladder {
        let vendors = &self.agency.vendors;
        let rungs = vendors.iter().map(|vendor| Rung { start_within: vendor.start_within }).collect();
        let may_ask = |rung| !self.agency.tell_reached(rung, out) && self.agency.health[rung].lock().may_ask(now);
        let may_ask: Vec<bool> = (0..vendors.len()).map(may_ask).collect();
        Ladder::new(rungs, &may_ask, self.speak_by, now)
    }

    /// A visit is over.
    pub(crate) fn left(&mut self, id: VisitId, now: Time) {
        let Some(mut visit) = self.visits.remove(&id) else { return };
        for todo in visit.ladder.handle(now, Happened::Over) {
            if let Do::End { attempt } = todo {
                self.agency.end(&mut visit.cast, attempt);
            }
        }
        self.waiting.dismiss_given(&visit);
        self.waiting.standby.visit_over(now);
        self.order_for_nobody(now);
    }

    /// What a packet of a visit says.
    pub(crate) fn heard(&mut self, id: VisitId, packet: &Packet<'_>, out: &mut Output<'_>) -> Result<Option<Happened>> {
        // Of what is said nothing is of interest but that it is.
        if packet.input().is(input::utterance) {
            return Ok(Some(Happened::Spoken));
        }
        if let Some(welcome) = packet.get(input::welcome)? {
            return Ok(Some(self.welcomed(id, &welcome, out)));
        }
        let Some(visit) = self.visits.get_mut(&id) else { return Ok(None) };
        if let Some(invite) = packet.get(input::invite)? {
            visit.ladder.arrived(packet.time());
            let attempt = invite.attempt;
            visit.cast.invites.entry(attempt).or_insert(invite);
            return Ok(Some(Happened::Invited(attempt)));
        }
        let Some(seen) = packet.get(input::seen)? else { return Ok(None) };
        if visit.cast.attempt_of(&seen.identity).is_none() {
            // One that was this visit's a moment ago and waits again.
            self.saw_waiting(&seen, out);
            return Ok(None);
        }
        Ok(visit.saw(&seen, out))
    }

    /// How the visitor is received is known: where nothing is said, nobody has to come for it.
    fn welcomed(&mut self, id: VisitId, welcome: &Welcome, out: &mut Output<'_>) -> Happened {
        if welcome.kind != WelcomeKind::Silent {
            return Happened::Spoken;
        }
        out.fact("welcome", "silent");
        self.take_back(id, out);
        Happened::Spared
    }

    /// Lets the ladder of a visit go on by a step, and by all that came meanwhile; does what it says; and orders what it wants.
    pub(crate) fn go_on(
        &mut self,
        id: VisitId,
        out: &mut Output<'_>,
        step: impl FnOnce(&mut Ladder, Time) -> Vec<Do>,
    ) -> Result<Flow> {
        let Some(visit) = self.visits.get_mut(&id) else { return Ok(Flow::Continue) };
        let todo = step(&mut visit.ladder, out.now());
        self.agency.follow(&mut visit.ladder, &mut visit.cast, todo, out);
        let left_behind = self.agency.desk.left_behind.lock().clone();
        let order = visit.order(&self.agency.vendors, self.without_avatar, &left_behind);
        if order != visit.sent {
            if is_without_avatar(&order) && !is_without_avatar(&visit.sent) {
                milestone(out, "own-voice");
            }
            if out.visit() == Some(id) {
                out.emit(output::order, order.clone())?;
                visit.sent = order;
            } else if self.origin.emit(output::order, Some(id), out.now(), order.clone()).is_ok() {
                visit.sent = order;
            }
        }
        Ok(visit.ladder.wake().map_or(Flow::CancelWake, Flow::WakeAt))
    }
}

fn is_without_avatar(order: &RoomOrder) -> bool {
    order.speech.as_ref().is_some_and(|speech| !matches!(speech.target, SpeechTarget::Avatar { .. }))
}
