//! Avatars: who is invited, what is seen of them, who is sent away.

use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_dispatch::{AvatarPass, ListenerPass, Pass};
use majlis_livekit_ffi::{Invocation, RpcError};
use majlis_plugin_api::{AvatarStep, Invite, Listener, RoomOrder, Speech, SpeechTarget, VisitId};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::Keeper;
use crate::mouth::Playback;
use crate::output;
use crate::word::Question;

/// Somebody is sent away in so many tries, with this wait between two.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// What an avatar says when it has played a segment; more may stand there.
#[derive(Default, Deserialize)]
struct Finished {
    #[serde(default)]
    playback_position: Option<f64>,
    #[serde(default)]
    interrupted: bool,
}

impl Keeper {
    /// Invites an avatar for a visit, or for none, under an identity that nobody had, and whoever may hear in its place.
    pub(super) fn invite(&mut self, visit: Option<VisitId>) {
        if !self.ordered {
            return;
        }
        let agent = self.post.identity.clone();
        let Some(server) = &self.server else {
            // Where several could be used, it is known when the room is joined.
            self.uninvited.insert(visit);
            return;
        };
        let (room, url, region) = (self.post.room.clone(), server.api.address().ws(), server.region.clone());
        let (pass, listener) = match self.passes(&room, &agent) {
            Ok(passes) => passes,
            Err(error) => return tracing::error!("no avatar can be invited: {error}"),
        };
        let attempt = self.avatars.next_attempt(visit);
        self.avatars.invited(visit, attempt, &pass.identity, &listener.identity);
        let arrived =
            visit.and_then(|visit| self.stays.get(&visit)).map_or_else(|| self.host.now(), |stay| stay.arrived);
        let invite = Invite {
            attempt,
            url,
            region,
            room,
            identity: pass.identity,
            agent_identity: agent,
            token: pass.token,
            listener: Some(Listener { identity: listener.identity, token: listener.token }),
            extra: Default::default(),
        };
        if self.origin.emit(output::invite, visit, arrived, invite).is_err() {
            tracing::warn!("an invitation was not taken: the visit has no avatar by it");
        }
    }

    /// Passes for an avatar and for its listener. Which vendor is asked is not known here, and few of them send a listener.
    fn passes(&self, room: &str, agent: &str) -> majlis_livekit_dispatch::Result<(Pass, Pass)> {
        let avatar = self.keys.avatar(room, &AvatarPass::of(agent))?;
        let of_listener = ListenerPass { avatar: avatar.identity.clone(), good_for: avatar.good_for };
        Ok((avatar, self.keys.listener(room, &of_listener)?))
    }

    /// The server is known: those are invited who could not be before.
    pub(super) fn invite_owed(&mut self) {
        for visit in std::mem::take(&mut self.uninvited) {
            if visit.is_none_or(|visit| self.stays.contains_key(&visit)) {
                self.invite(visit);
            }
        }
    }

    /// The room begins anew: everybody who was invited is gone.
    pub(super) fn invite_anew(&mut self) {
        for visit in self.stays.keys().copied().collect::<Vec<_>>() {
            self.invite(Some(visit));
        }
    }

    /// All that is wanted of the room for a visit.
    pub(super) fn order(&mut self, visit: Option<VisitId>, order: &RoomOrder) {
        if visit.is_none_or(|visit| self.stays.contains_key(&visit)) {
            self.want(visit, order);
        }
        // After who speaks: whoever is sent away falls silent first.
        for dismissed in &order.dismissed {
            let elsewhere = dismissed.room.as_ref().filter(|room| **room != self.post.room);
            for identity in self.avatars.dismiss(&dismissed.identity) {
                self.send_away(&identity, elsewhere.cloned());
            }
        }
    }

    fn want(&mut self, visit: Option<VisitId>, order: &RoomOrder) {
        for _ in self.avatars.next_attempt(visit)..=order.invite {
            self.invite(visit);
        }
        self.standby.insert(visit, order.standby.clone());
        if let (Some(visit), Some(identity)) = (visit, order.speech.as_ref().and_then(avatar_of))
            && self.avatars.give(identity, visit)
            && let Some(waiting) = self.standby.get_mut(&None)
        {
            // It waited for this visitor, who is to see it now, not when the next order for nobody comes.
            waiting.retain(|waits| waits != identity);
        }
        self.floor.ordered(visit, order.speech.as_ref());
        self.take_back();
    }

    /// Avatars that are to wait for the next visitor and speak for nobody any more are nobody's. Both are told by orders, of which
    /// either may come first.
    fn take_back(&mut self) {
        for identity in self.standby.get(&None).into_iter().flatten() {
            if let Some(visit) = self.avatars.visit_of(identity)
                && !self.floor.is_said_by(visit, identity)
            {
                self.avatars.take_back(identity);
            }
        }
    }

    /// Tells a step of an avatar's stay, if it is ours and this is news.
    pub(super) fn tell_seen(&mut self, identity: &str, step: AvatarStep) {
        if let Some(seen) = self.avatars.saw(identity, step) {
            self.tell(seen);
        }
    }

    fn tell(&self, (visit, seen): crate::avatars::Seen) {
        if self.origin.emit(output::seen, visit, self.host.now(), seen).is_err() {
            tracing::debug!("what was seen of an avatar was not taken");
        }
    }

    /// Somebody hears for an avatar from now on.
    pub(super) fn listens(&mut self, listener: &str) {
        if let Some(avatar) = self.avatars.listens(listener, true) {
            self.tell_seen(&avatar, AvatarStep::Hears);
        }
    }

    /// Somebody who was invited is gone. An avatar whose listener is gone shows a face and says nothing: it is as good as gone itself.
    pub(super) fn tell_left(&mut self, identity: &str) {
        match self.avatars.listens(identity, false) {
            Some(avatar) => self.tell_seen(&avatar, AvatarStep::Left),
            None => self.tell_seen(identity, AvatarStep::Left),
        }
    }

    /// The first picture of an avatar is there: its track is left, it costs and nobody looks here.
    pub(super) fn decoded(&mut self, identity: &str) {
        self.tell_seen(identity, AvatarStep::Decoded);
        if self.avatars.was_shown_early(identity) {
            self.tell_seen(identity, AvatarStep::Shown);
        }
        if let Some(session) = &mut self.session {
            session.stop_receiving(identity);
        }
    }

    /// Somebody asks something. Only those are answered who may say it.
    pub(super) fn asked(&mut self, question: Question, invocation: Invocation) {
        let caller = invocation.caller.clone();
        let is_taken = match question {
            Question::Here => true,
            Question::Shown => self.shown(&caller, &invocation.payload),
            Question::PlaybackStarted => self.plays(&caller, None),
            Question::PlaybackFinished => {
                let finished = serde_json::from_str(&invocation.payload).unwrap_or_default();
                self.plays(&caller, Some(finished))
            }
        };
        let answer = if is_taken {
            Ok("ok".to_owned())
        } else {
            let message = "this is not yours to say".to_owned();
            Err(RpcError { code: RpcError::APPLICATION_ERROR, message, data: None })
        };
        if let Err(error) = invocation.answer(answer) {
            tracing::debug!("an answer was not taken: {error}");
        }
    }

    /// A page says that it shows an avatar.
    fn shown(&mut self, page: &str, named: &str) -> bool {
        if !self.guests.is_here(page) {
            return false;
        }
        let visit = if self.of_people() { self.stays.keys().next_back().copied() } else { self.guests.visit_of(page) };
        let Some(avatar) = self.avatars.shown_to(visit, named) else { return false };
        self.tell_seen(&avatar, AvatarStep::Shown);
        true
    }

    /// An avatar says that it began to play, or what it has played; or whoever hears for it, to whom the speech was sent.
    fn plays(&mut self, caller: &str, finished: Option<Finished>) -> bool {
        let Some(avatar) = self.avatars.speaks_for(caller).map(str::to_owned) else { return false };
        let step = if finished.is_some() { AvatarStep::PlaybackFinished } else { AvatarStep::PlaybackStarted };
        let Some((visit, mut seen)) = self.avatars.saw(&avatar, step) else { return false };
        let at = Instant::now();
        let playback = match &finished {
            None => Playback::Started { at },
            Some(finished) => {
                seen.position = finished.playback_position.filter(|position| position.is_finite());
                seen.interrupted = finished.interrupted;
                Playback::Finished { at, interrupted: finished.interrupted }
            }
        };
        self.tell((visit, seen));
        if let (Playback::Started { .. }, Some(key)) = (playback, self.floor.said_by(&avatar)) {
            self.account.heard(key);
        }
        if let Some(session) = &mut self.session {
            session.mouth.plays(&avatar, playback);
        }
        true
    }

    /// Sends somebody out of a room: this one, unless another is named.
    pub(super) fn send_away(&mut self, identity: &str, elsewhere: Option<String>) {
        let (server, servers, identity) = (self.server.clone(), Arc::clone(&self.servers), identity.to_owned());
        let room = elsewhere.unwrap_or_else(|| self.post.room.clone());
        self.errands.spawn(async move {
            // Somebody of a run before this one may have to go before the room is joined.
            let api = match server {
                Some(server) => server.api,
                None => match servers.choose().await {
                    Ok(server) => server.api,
                    Err(error) => {
                        return tracing::warn!("an avatar could not be sent out of the room `{room}`: {error}");
                    }
                },
            };
            for tried in 1..=TRIES {
                match api.remove_participant(&room, &identity).await {
                    Ok(_) => return,
                    Err(error) if tried == TRIES => {
                        tracing::warn!("an avatar could not be sent out of the room `{room}`: {error}");
                    }
                    Err(_) => sleep(BETWEEN_TRIES).await,
                }
            }
        });
    }
}

/// The avatar that speaks, if one does.
fn avatar_of(speech: &Speech) -> Option<&str> {
    match &speech.target {
        SpeechTarget::Avatar { identity, .. } => Some(identity),
        SpeechTarget::OwnTrack | SpeechTarget::Text => None,
    }
}
