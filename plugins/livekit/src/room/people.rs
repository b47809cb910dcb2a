//! Who is in the room: visitors with their cameras, and everybody else.

use std::time::Duration;

use majlis_livekit_ffi::{DisconnectReason, Participant, Publication, RemoteTrack, TrackKind, TrackSource};
use majlis_plugin_api::{AvatarStep, NoVisit, Time, VisitId};
use tokio::time::Instant;

use super::{Keeper, OPEN_AGAIN, Stay};
use crate::cameras::Whose;
use crate::guests::Coming;

/// Of an avatar that left without a reason it is told after this time, unless the connection turns out to be lost.
const IN_DOUBT: Duration = Duration::from_millis(200);

impl Keeper {
    /// Somebody is in the room, with these tracks.
    pub(super) fn came(&mut self, who: &Participant, publications: Vec<Publication>, arrived: Time) {
        let identity = &who.identity;
        let is_ours = *identity == self.post.identity || self.avatars.is_invited(identity);
        if self.avatars.is_dismissed(identity) {
            self.send_away(identity, None);
        } else if self.avatars.is_invited(identity) {
            self.doubtful.remove(identity);
            // Of a listener nothing is told: it is a part of its avatar.
            self.tell_seen(identity, AvatarStep::Joined);
            self.tell_seen(identity, AvatarStep::Hears);
        }
        match self.guests.came(who, is_ours, arrived) {
            Coming::New => self.open_visits(),
            Coming::Back | Coming::Other => {}
        }
        for publication in publications {
            self.published(identity, publication);
        }
    }

    /// What is sent to somebody arrives from now on; before, it would be lost without an error.
    pub(super) fn ready(&mut self, identity: &str) {
        if self.avatars.hears_for(identity).is_some() {
            self.listens(identity);
            self.floor.joined(identity);
        } else if self.avatars.is_here(identity) {
            self.floor.joined(identity);
        }
        self.guests.ready(identity);
        self.send_texts();
    }

    /// Somebody left.
    pub(super) fn went(&mut self, identity: &str, reason: DisconnectReason) {
        if let Some(session) = &mut self.session {
            for publication in session.publications.remove(identity).into_iter().flatten() {
                session.cameras.end(&publication.sid);
            }
            session.whose.remove(identity);
            session.mouth.left(identity);
        }
        // Before anybody is told: what it was saying waits for the order that follows.
        self.floor.left(identity);
        // Before the library makes a lost connection anew it says of everybody that they left, and of nobody why.
        let is_of_avatar = self.avatars.is_here(identity) || self.avatars.is_listening(identity);
        if reason == DisconnectReason::UnknownReason && is_of_avatar {
            self.doubtful.insert(identity.to_owned(), Instant::now() + IN_DOUBT);
        } else {
            self.tell_left(identity);
        }
        if self.guests.left(identity, reason, Instant::now()) {
            self.gone(identity);
        }
    }

    /// Whoever is hidden from others is no visitor.
    pub(super) fn hidden(&mut self, identity: &str) {
        if let Some(session) = &mut self.session {
            session.stop_receiving(identity);
        }
        self.gone(identity);
    }

    /// A visitor is waited for no longer.
    pub(super) fn gone(&mut self, identity: &str) {
        if let Some(visit) = self.guests.remove(identity) {
            self.over(visit);
        }
    }

    /// Opens visits for visitors who have none.
    pub(super) fn open_visits(&mut self) {
        self.open_again = None;
        if self.draining || self.of_people() {
            return;
        }
        for (identity, arrived) in self.guests.without_visit() {
            match self.origin.open_visit_since(arrived) {
                Ok(visit) => {
                    let id = visit.id();
                    // First of all: what the pipeline says for it is on its way.
                    self.post.opened(id);
                    self.guests.opened(&identity, id);
                    if let Some(whose) = self.session.as_ref().and_then(|session| session.whose.get(&identity)) {
                        whose.set(id);
                    }
                    self.begin(id, Some(visit), arrived.min(self.host.now()));
                }
                Err(NoVisit::TooMany) => {
                    self.open_again = Some(Instant::now() + OPEN_AGAIN);
                    return;
                }
                Err(NoVisit::Draining) => {
                    self.draining = true;
                    return;
                }
            }
        }
    }

    /// A visit opened. Of ours it is known.
    pub(super) fn opened(&mut self, visit: VisitId, at: Time) {
        if !self.stays.contains_key(&visit) {
            self.begin(visit, None, at);
        }
    }

    fn begin(&mut self, visit: VisitId, own: Option<majlis_plugin_api::Visit>, arrived: Time) {
        self.stays.insert(visit, Stay { own, arrived, spoken_to: false, silent: false, texts: Default::default() });
        self.invite(Some(visit));
    }

    /// A visit is over.
    pub(super) fn over(&mut self, visit: VisitId) {
        let Some(stay) = self.stays.remove(&visit) else { return };
        self.floor.over(Some(visit));
        self.standby.remove(&Some(visit));
        for identity in self.avatars.over(Some(visit)) {
            self.send_away(&identity, None);
        }
        if let Some(own) = stay.own {
            own.gone();
        }
    }

    /// No more visitors come, and those who are here need not leave for the show to end: a visit ends when nothing is said in it.
    pub(super) fn end_quiet_visits(&mut self) {
        for (visit, stay) in &mut self.stays {
            if self.floor.is_quiet(Some(*visit))
                && let Some(own) = stay.own.take()
            {
                own.end();
            }
        }
    }

    /// No more visitors come, and this room's go on as usual: until they leave, or the host's time to end is over. Whoever left is
    /// not waited for, since nobody would be here.
    pub(super) fn end_without_visitors(&mut self) {
        for identity in self.guests.away() {
            self.gone(&identity);
        }
        if self.stays.is_empty() {
            self.post.end("this host takes no new visitor");
        }
    }

    /// Somebody publishes a track: what is wanted of it is received, and nothing else.
    pub(super) fn published(&mut self, identity: &str, publication: Publication) {
        let is_picture = publication.kind == TrackKind::Video;
        if is_picture && self.avatars.is_here(identity) {
            self.tell_seen(identity, AvatarStep::Video);
        }
        let is_wanted = is_picture && (self.is_watched(identity, &publication) || self.avatars.is_awaited(identity));
        if is_wanted && let Err(error) = publication.set_subscribed(true) {
            tracing::warn!("a track cannot be received: {error}");
        }
        if let Some(session) = &mut self.session {
            session.publications.entry(identity.to_owned()).or_default().push(publication);
        }
    }

    /// Whether this is a camera of a visitor whose pictures are wanted.
    fn is_watched(&self, identity: &str, publication: &Publication) -> bool {
        let is_theirs =
            if self.of_people() { self.guests.stand() == Some(identity) } else { self.guests.is_here(identity) };
        is_theirs && publication.source == TrackSource::Camera
    }

    /// Looks through the camera of the stand, and of nobody else, where visits are of people before it.
    pub(super) fn watch_stand(&mut self) {
        if !self.of_people() || self.watched.as_deref() == self.guests.stand() {
            return;
        }
        let stand = self.guests.stand().map(str::to_owned);
        let before = std::mem::replace(&mut self.watched, stand.clone());
        let Some(session) = &mut self.session else { return };
        for (whose, subscribe) in [(before, false), (stand, true)] {
            let theirs = whose.and_then(|whose| session.publications.get(&whose)).into_iter().flatten();
            for camera in theirs.filter(|publication| publication.source == TrackSource::Camera) {
                // It may be gone already.
                let _ = camera.set_subscribed(subscribe);
            }
        }
    }

    pub(super) fn unpublished(&mut self, identity: &str, sid: &str) {
        let Some(session) = &mut self.session else { return };
        session.cameras.end(sid);
        if let Some(publications) = session.publications.get_mut(identity) {
            publications.retain(|publication| publication.sid != sid);
        }
    }

    /// A track begins to arrive.
    pub(super) fn subscribed(&mut self, identity: &str, track: RemoteTrack) {
        let is_awaited = self.avatars.is_awaited(identity);
        let (is_here, visit, of_people) =
            (self.guests.is_here(identity), self.guests.visit_of(identity), self.of_people());
        let Some(session) = &mut self.session else { return };
        if is_awaited {
            session.cameras.await_first(track, identity.to_owned());
        } else if is_here {
            // One for all of a visitor's tracks: what is set once the visit opens holds for each of them.
            let whose = session.whose.entry(identity.to_owned());
            let whose = whose.or_insert_with(|| if of_people { Whose::nobodys() } else { Whose::visits(visit) });
            session.cameras.watch(track, whose.clone());
        }
    }
}
