//! One room, kept: joined, left when it is told so or when its post is over, joined again when it was lost.
//!
//! An actor: what the stage hands over, what happens in the room and what its tasks report is taken one by one, so everything that
//! is known of the room is owned here. What follows from it is in the parts: who is there, who was invited, what is said. Which room
//! it is, and for how long, is its post.

mod avatars;
mod link;
mod lookout;
mod people;
mod post;
mod speech;
mod term;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_dispatch::{Keys, Outcome};
use majlis_livekit_ffi::{DisconnectReason, Ffi, RoomEvent};
use majlis_plugin_api::{Host, Origin, Time, Utterance, Visit, VisitId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::account::Account;
use crate::avatars::Avatars;
use crate::config::Config;
use crate::floor::Floor;
use crate::guests::Guests;
use crate::servers::{Server, Servers};
use crate::session::Session;
use crate::signs::{Progress, Shown};
use crate::word::{Report, Word};
use link::{Link, News};
use lookout::Found;
pub(crate) use post::Post;

/// A visit for which there is no room yet is tried again so often.
const OPEN_AGAIN: Duration = Duration::from_secs(1);
/// The library gets a lost connection back by itself in this time, or the room is joined anew. (It tries less often each time: where
/// the server was out of reach for 6.5 s, it was back after 9.9.)
const RECONNECT_WITHIN: Duration = Duration::from_secs(15);
/// When the connection is back, those who are in the room are seen again in this time.
const SEEN_AGAIN_WITHIN: Duration = Duration::from_secs(2);
/// Leaving may take so long.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// What rooms are kept with.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) host: Host,
    pub(crate) config: Arc<Config>,
    pub(crate) ffi: Ffi,
    pub(crate) keys: Keys,
    pub(crate) servers: Arc<Servers>,
    /// Whether somebody takes invitations and says who speaks.
    pub(crate) ordered: bool,
}

/// A visit that is open.
struct Stay {
    /// Ours to close; nothing where another stage made it.
    own: Option<Visit>,
    arrived: Time,
    /// Something was to be said.
    spoken_to: bool,
    /// Nothing is: who it is was received not long ago.
    silent: bool,
    /// What could not be shown yet.
    texts: VecDeque<Utterance>,
}

/// The room.
pub(crate) struct Keeper {
    host: Host,
    origin: Origin,
    config: Arc<Config>,
    ffi: Ffi,
    keys: Keys,
    servers: Arc<Servers>,
    /// Where the room is, as far as that is known.
    server: Option<Server>,
    ordered: bool,
    post: Post,
    words: UnboundedReceiver<Word>,
    reports: UnboundedReceiver<Report>,
    reporting: UnboundedSender<Report>,
    link: Link,
    session: Option<Session>,
    /// Which life of the room was joined last.
    life: Option<link::Life>,
    guests: Guests,
    avatars: Avatars,
    floor: Floor,
    account: Account,
    stays: BTreeMap<VisitId, Stay>,
    /// For whom an avatar is to be invited as soon as it is known where the room is.
    uninvited: BTreeSet<Option<VisitId>>,
    /// Avatars that wait for their visitor, by whose order.
    standby: BTreeMap<Option<VisitId>, Vec<String>>,
    /// When visits are tried to be opened that could not be.
    open_again: Option<Instant>,
    /// Until when the library may try to get the connection back.
    reconnect_until: Option<Instant>,
    draining: bool,
    /// Questions to the server's API that are under way.
    errands: JoinSet<()>,
    /// Those who look out for visitors.
    lookouts: JoinSet<Option<Found>>,
    /// Avatars of whom it is not known whether they left, or whether the connection is lost; and until when that is waited for.
    doubtful: BTreeMap<String, Instant>,
    /// Whose camera is looked through, where visits are of people before it.
    watched: Option<String>,
}

impl Keeper {
    pub(crate) fn new(means: Means, post: Post, words: UnboundedReceiver<Word>) -> Self {
        let Means { host, config, ffi, keys, servers, ordered } = means;
        let (reporting, reports) = unbounded_channel();
        Self {
            origin: host.origin(),
            guests: Guests::new(config.ingress, config.rejoin_grace.get()),
            floor: Floor::new(ordered, config.shared),
            avatars: Avatars::default(),
            account: Account::default(),
            host,
            config,
            ffi,
            keys,
            server: post.server().cloned().or_else(|| servers.now()),
            servers,
            ordered,
            post,
            words,
            reports,
            reporting,
            link: Link::new(),
            session: None,
            life: None,
            stays: BTreeMap::new(),
            uninvited: BTreeSet::new(),
            standby: BTreeMap::new(),
            open_again: None,
            reconnect_until: None,
            draining: false,
            errands: JoinSet::new(),
            lookouts: JoinSet::new(),
            doubtful: BTreeMap::new(),
            watched: None,
        }
    }

    /// Keeps the room until it is told to leave, or its post is over.
    pub(crate) async fn keep(mut self) {
        if self.post.is_assigned() {
            // Meanwhile the room is joined, which takes longer.
            self.look_out(None);
        }
        loop {
            let due = self.due();
            let Self { words, reports, link, lookouts, .. } = &mut self;
            tokio::select! {
                word = words.recv() => match word {
                    Some(Word::Leave(done)) => {
                        self.post.end("the host ends");
                        self.finish();
                        self.leave().await;
                        // Whoever asked may have lost patience.
                        let _ = done.send(());
                        return;
                    }
                    Some(word) => self.word(word),
                    // The stage was dropped without its last call: with this ends all that it held.
                    None => return,
                },
                Some(report) = reports.recv() => self.report(report),
                news = link.next() => self.news(news),
                Some(found) = lookouts.join_next() => if let Ok(Some(found)) = found {
                    self.found(&found);
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            self.pass(Instant::now());
            self.act();
            if self.finish() {
                return self.leave().await;
            }
        }
    }

    /// Whether the post is over. The server is told how it ended before the room is left: an agent that is gone without a word has
    /// failed.
    fn finish(&mut self) -> bool {
        let Some(outcome) = self.post.outcome(!self.guests.is_empty(), Instant::now()) else { return false };
        match &outcome {
            Outcome::Success => tracing::info!("the room `{}` is left", self.post.room),
            Outcome::Failed(why) => tracing::warn!("the room `{}` is left: {why}", self.post.room),
        }
        self.post.finish(outcome);
        true
    }

    fn word(&mut self, word: Word) {
        match word {
            Word::Opened(visit, at) => self.opened(visit, at),
            Word::Closed(visit) => self.over(visit),
            Word::Flush(visit) => self.floor.flush(Some(visit)),
            Word::Heard(key, sound, work) => {
                if let Some(work) = work {
                    self.account.begins(key, work);
                }
                self.floor.heard(key, sound);
            }
            Word::Said(visit, utterance) => self.said(visit, utterance),
            Word::Silent(visit) => {
                if let Some(stay) = self.stays.get_mut(&visit) {
                    stay.silent = true;
                }
            }
            Word::Order(visit, order) => self.order(visit, &order),
            Word::Expected { identity } => self.look_out(Some(identity)),
            Word::Drain => self.draining = true,
            Word::Terminated => self.post.end("the server took it back"),
            Word::Leave(_) => {}
        }
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Asked(question, invocation) => self.asked(question, invocation),
            Report::Decoded(identity) => self.decoded(&identity),
            Report::Sent { saying } => {
                if let Some((key, by_itself)) = self.floor.saying(saying) {
                    self.account.sent(key, by_itself, Instant::now());
                }
            }
            Report::Spoke { saying, whole } => self.floor.said(saying, whole),
            Report::Silent { saying } => self.floor.silent(saying),
            Report::Wrote { visit, utterance, sent } => self.wrote(visit, utterance, sent),
        }
    }

    fn news(&mut self, news: News) {
        match news {
            News::Retry => self.join(),
            News::Joined(Ok(entered)) => self.joined(*entered),
            News::Joined(Err(error)) => {
                tracing::warn!("the room `{}` cannot be joined: {error}", self.post.room);
                self.link.wait();
            }
            News::Event(event) => self.event(*event),
            News::Ended => self.lost("its events ended"),
        }
    }

    fn event(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::ParticipantConnected(who) => {
                let now = self.host.now();
                let clock = self.server.as_ref().map(|server| &server.clock);
                let arrived = clock.and_then(|clock| {
                    clock.learn(who.joined_at, now);
                    clock.just_now(who.joined_at, now)
                });
                let arrived = arrived.unwrap_or(now);
                self.came(&who, Vec::new(), arrived);
            }
            RoomEvent::ParticipantActive { identity } => self.ready(&identity),
            RoomEvent::ParticipantDisconnected { identity, reason } => self.went(&identity, reason),
            RoomEvent::PermissionChanged { identity, permission: Some(permission) } if permission.hidden => {
                self.hidden(&identity);
            }
            RoomEvent::TrackPublished { identity, publication } => self.published(&identity, publication),
            RoomEvent::TrackUnpublished { identity, sid } => self.unpublished(&identity, &sid),
            RoomEvent::TrackSubscribed { identity, track } => self.subscribed(&identity, track),
            RoomEvent::TrackUnsubscribed { sid, .. } => {
                if let Some(session) = &mut self.session {
                    session.cameras.end(&sid);
                }
            }
            RoomEvent::TrackSubscriptionFailed { sid, reason, .. } => {
                tracing::warn!("the track {sid} cannot be received: {reason}");
            }
            RoomEvent::LocalTrackSubscribed { sid } => {
                if let Some(session) = &self.session {
                    session.mouth.received(&sid);
                }
            }
            RoomEvent::Reconnecting => {
                let until = *self.reconnect_until.get_or_insert_with(|| Instant::now() + RECONNECT_WITHIN);
                self.doubtful.values_mut().for_each(|due| *due = until);
                self.guests.give_until(until + lookout::SEEN_WITHIN);
            }
            RoomEvent::Reconnected => {
                self.reconnect_until = None;
                self.guests.give_until(Instant::now() + lookout::SEEN_WITHIN);
                let until = Instant::now() + SEEN_AGAIN_WITHIN;
                self.doubtful.values_mut().for_each(|due| *due = until);
                if let Some(session) = &self.session {
                    session.signs.again();
                }
                self.send_texts();
            }
            RoomEvent::Disconnected { reason } => self.out(reason),
            RoomEvent::RoomUpdated(room) => self.lives(&room),
            RoomEvent::Moved(room) => {
                tracing::warn!("the server moved the agent from the room `{}` into `{}`", self.post.room, room.name);
            }
            // Streams and packets of others are not for the agent: dropped unread, they are refused.
            _ => {}
        }
    }

    /// The connection is over. Where the server wants it so of a room that it sent for, that is the end: whoever joined again would
    /// make the room anew, with nobody in it.
    fn out(&mut self, reason: DisconnectReason) {
        let is_wanted = matches!(
            reason,
            DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed | DisconnectReason::ParticipantRemoved
        );
        if is_wanted && self.post.is_assigned() {
            self.session = None;
            self.post.end("the server ended it");
        } else {
            self.lost(&format!("{reason:?}"));
        }
    }

    /// When something is due though nothing happens.
    fn due(&self) -> Option<Instant> {
        let doubtful = self.doubtful.values().min().copied();
        let due = [
            self.guests.due(),
            self.open_again,
            self.reconnect_until,
            doubtful,
            self.account.due(),
            self.post.due(!self.guests.is_empty()),
        ];
        due.into_iter().flatten().min()
    }

    /// Time passed.
    fn pass(&mut self, now: Instant) {
        for identity in self.guests.given_up(now) {
            self.gone(&identity);
        }
        if self.open_again.is_some_and(|due| due <= now) {
            self.open_visits();
        }
        if self.reconnect_until.is_some_and(|until| until <= now) {
            self.lost("the connection did not come back");
        }
        while let Some(identity) = self.doubtful.iter().find(|(_, due)| **due <= now).map(|(who, _)| who.clone()) {
            self.doubtful.remove(&identity);
            self.tell_left(&identity);
        }
        self.account.pass(now);
        while self.errands.try_join_next().is_some() {}
        match (self.draining, self.post.is_assigned()) {
            (true, true) => self.end_without_visitors(),
            (true, false) => self.end_quiet_visits(),
            (false, _) => {}
        }
    }

    /// Does what follows from what is known now.
    fn act(&mut self) {
        self.watch_stand();
        self.floor.pages(self.guests.pages());
        self.speak();
        let shown = Shown { doing: Some(self.floor.doing()), progress: self.progress(), standby: self.standby() };
        if let Some(session) = &self.session {
            session.signs.show(&shown);
        }
    }

    fn standby(&self) -> Vec<String> {
        self.standby.values().flatten().collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// How far the reception of the newest visitor is.
    fn progress(&self) -> Progress {
        let Some((visit, stay)) = self.stays.iter().next_back() else { return Progress::Waiting };
        if stay.silent {
            return Progress::Ready;
        }
        match (self.floor.has_speaker(Some(*visit)), stay.spoken_to) {
            (true, true) => Progress::Ready,
            (false, true) => Progress::AvatarStarting,
            (_, false) => Progress::Recognising,
        }
    }

    fn of_people(&self) -> bool {
        self.config.of_people()
    }

    /// Leaves: everything is closed, and the server knows.
    async fn leave(&mut self) {
        for visit in self.stays.keys().copied().collect::<Vec<_>>() {
            self.over(visit);
        }
        for identity in self.avatars.over(None) {
            self.send_away(&identity, None);
        }
        self.floor.connected(false);
        let session = self.session.take();
        self.speak();
        let errands = &mut self.errands;
        let left = async {
            // Whoever is to leave with us goes first: a vendor may bill it until then.
            while errands.join_next().await.is_some() {}
            if let Some(session) = session {
                session.leave().await;
            }
        };
        if timeout(LEAVE_WITHIN, left).await.is_err() {
            tracing::debug!("the server did not say within {LEAVE_WITHIN:?} that the room is left");
        }
        self.link = Link::new();
    }
}
