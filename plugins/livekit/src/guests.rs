//! Who is a visitor, and for how long.
//!
//! Decided by what the server alone can say of a participant: its kind, whether it is hidden, and that its identity is none that
//! this room gave out. What participants say of themselves, such as attributes, is not looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use majlis_livekit_ffi::{DisconnectReason, Participant, ParticipantKind};
use majlis_plugin_api::{Time, VisitId};
use tokio::time::Instant;

/// The visitors of a room.
#[derive(Debug)]
pub(crate) struct Guests {
    /// Whether what the server takes in as a stream is one.
    ingress: bool,
    /// So long a visit is kept for whoever left.
    grace: Duration,
    guests: BTreeMap<String, Guest>,
    /// How many came so far: the order of coming.
    came: u64,
}

#[derive(Debug)]
struct Guest {
    /// Which one it was to come.
    number: u64,
    arrived: Time,
    /// Where each stay is a visit, and it could be opened.
    visit: Option<VisitId>,
    /// It left, and is waited for until then.
    away: Option<Instant>,
    /// The server's list has it, and the room does not yet: it is to be seen there by then.
    listed: Option<Instant>,
    /// What is sent to it arrives.
    ready: bool,
}

/// What somebody's coming means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coming {
    /// A visitor who was not here.
    New,
    /// A visitor who left, or was lost sight of, and whose visit goes on.
    Back,
    /// No visitor.
    Other,
}

impl Guests {
    pub(crate) fn new(ingress: bool, grace: Duration) -> Self {
        Self { ingress, grace, guests: BTreeMap::new(), came: 0 }
    }

    /// Somebody is in the room. `issued`: it is an identity that this room gave out, to an avatar or to itself.
    pub(crate) fn came(&mut self, who: &Participant, issued: bool, arrived: Time) -> Coming {
        if issued || who.is_hidden() || !self.takes_in(who.kind) {
            return Coming::Other;
        }
        if let Some(guest) = self.guests.get_mut(&who.identity) {
            (guest.away, guest.listed, guest.ready) = (None, None, false);
            return Coming::Back;
        }
        self.add(&who.identity, arrived, None);
        Coming::New
    }

    /// The server's list has somebody who is not hidden. Answers whether this is a visitor of whom the room has not told: it is to be
    /// seen there by then.
    pub(crate) fn found_in_list(
        &mut self,
        identity: &str,
        kind: ParticipantKind,
        issued: bool,
        arrived: Time,
        until: Instant,
    ) -> bool {
        let is_new = !issued && self.takes_in(kind) && !self.guests.contains_key(identity);
        if is_new {
            self.add(identity, arrived, Some(until));
        }
        is_new
    }

    fn takes_in(&self, kind: ParticipantKind) -> bool {
        match kind {
            ParticipantKind::Standard => true,
            ParticipantKind::Ingress => self.ingress,
            _ => false,
        }
    }

    fn add(&mut self, identity: &str, arrived: Time, listed: Option<Instant>) {
        self.came += 1;
        let guest = Guest { number: self.came, arrived, visit: None, away: None, listed, ready: false };
        self.guests.insert(identity.to_owned(), guest);
    }

    /// What is sent to somebody arrives from now on.
    pub(crate) fn ready(&mut self, identity: &str) {
        if let Some(guest) = self.guests.get_mut(identity) {
            guest.ready = true;
        }
    }

    /// Whether this is a visitor who is here and to whom something can be sent.
    pub(crate) fn is_ready(&self, identity: &str) -> bool {
        self.guests.get(identity).is_some_and(|guest| guest.away.is_none() && guest.ready)
    }

    /// A visit was opened for a visitor's stay.
    pub(crate) fn opened(&mut self, identity: &str, visit: VisitId) {
        if let Some(guest) = self.guests.get_mut(identity) {
            guest.visit = Some(visit);
        }
    }

    /// Somebody left. Answers whether that is for good; otherwise it may come back for a while.
    pub(crate) fn left(&mut self, identity: &str, reason: DisconnectReason, now: Instant) -> bool {
        let Some(guest) = self.guests.get_mut(identity) else { return false };
        // A page that is loaded anew says that it leaves, too; only the server's word is final.
        if matches!(reason, DisconnectReason::ParticipantRemoved | DisconnectReason::RoomDeleted)
            || guest.visit.is_none()
        {
            return true;
        }
        guest.away.get_or_insert(now + self.grace);
        false
    }

    /// The room is lost sight of: everybody may have left, and may be there again when it is seen next.
    pub(crate) fn lost(&mut self, now: Instant) {
        for guest in self.guests.values_mut() {
            guest.away.get_or_insert(now + self.grace);
            guest.listed = None;
        }
    }

    /// Those whom the list has and the room does not yet have until then to be seen: before, nobody could be.
    pub(crate) fn give_until(&mut self, until: Instant) {
        self.guests.values_mut().filter_map(|guest| guest.listed.as_mut()).for_each(|listed| *listed = until);
    }

    /// Those who are waited for no longer.
    pub(crate) fn given_up(&self, now: Instant) -> Vec<String> {
        let is_over = |until: Option<Instant>| until.is_some_and(|until| until <= now);
        let over = self.guests.iter().filter(|(_, guest)| is_over(guest.away) || is_over(guest.listed));
        over.map(|(identity, _)| identity.clone()).collect()
    }

    /// Those who left and are waited for.
    pub(crate) fn away(&self) -> Vec<String> {
        let away = self.guests.iter().filter(|(_, guest)| guest.away.is_some());
        away.map(|(identity, _)| identity.clone()).collect()
    }

    /// Whether nobody is here or waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    /// When somebody is waited for no longer next.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.guests.values().flat_map(|guest| [guest.away, guest.listed]).flatten().min()
    }

    /// Forgets a visitor; answers its visit.
    pub(crate) fn remove(&mut self, identity: &str) -> Option<VisitId> {
        self.guests.remove(identity)?.visit
    }

    /// Visitors who are here without a visit, and since when, in the order of coming.
    pub(crate) fn without_visit(&self) -> Vec<(String, Time)> {
        let mut found: Vec<_> =
            self.guests.iter().filter(|(_, guest)| guest.visit.is_none() && guest.away.is_none()).collect();
        found.sort_by_key(|(_, guest)| guest.number);
        found.into_iter().map(|(identity, guest)| (identity.clone(), guest.arrived)).collect()
    }

    /// How many are here.
    pub(crate) fn pages(&self) -> usize {
        self.guests.values().filter(|guest| guest.away.is_none()).count()
    }

    /// The one who came first of those who are here: the stand itself, where visits are of people before its camera.
    pub(crate) fn stand(&self) -> Option<&str> {
        let here = self.guests.iter().filter(|(_, guest)| guest.away.is_none());
        here.min_by_key(|(_, guest)| guest.number).map(|(identity, _)| identity.as_str())
    }

    /// Whether this is a visitor who is here.
    pub(crate) fn is_here(&self, identity: &str) -> bool {
        self.guests.get(identity).is_some_and(|guest| guest.away.is_none())
    }

    /// The visit of a visitor.
    pub(crate) fn visit_of(&self, identity: &str) -> Option<VisitId> {
        self.guests.get(identity)?.visit
    }

    /// The visitor of a visit, if it is here.
    pub(crate) fn of_visit(&self, visit: VisitId) -> Option<&str> {
        let mut here = self.guests.iter().filter(|(_, guest)| guest.away.is_none());
        here.find(|(_, guest)| guest.visit == Some(visit)).map(|(identity, _)| identity.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use majlis_livekit_ffi::Permission;

    use super::*;

    const GRACE: Duration = Duration::from_secs(45);

    fn somebody(identity: &str, kind: ParticipantKind) -> Participant {
        Participant {
            sid: "PA_1".into(),
            identity: identity.into(),
            name: String::new(),
            metadata: String::new(),
            attributes: Default::default(),
            kind,
            joined_at: SystemTime::UNIX_EPOCH,
            permission: None,
        }
    }

    fn guests() -> Guests {
        Guests::new(false, GRACE)
    }

    fn visit(number: u64) -> VisitId {
        VisitId::from_number(number).expect("not zero")
    }

    #[test]
    fn only_people_who_are_shown_and_were_not_sent_by_us_are_visitors() {
        use ParticipantKind::{Agent, Bridge, Connector, Egress, Ingress, Sip, Standard, Unknown};
        let mut guests = guests();
        for kind in [Agent, Egress, Ingress, Sip, Connector, Bridge, Unknown(77)] {
            assert_eq!(guests.came(&somebody("x", kind), false, Time::default()), Coming::Other, "{kind:?}");
        }
        assert_eq!(guests.came(&somebody("x", Standard), true, Time::default()), Coming::Other, "an avatar's identity");
        let hidden = Permission {
            can_subscribe: true,
            can_publish: false,
            can_publish_sources: Vec::new(),
            can_publish_data: false,
            hidden: true,
            can_update_metadata: false,
        };
        let hidden = Participant { permission: Some(hidden), ..somebody("x", Standard) };
        assert_eq!(guests.came(&hidden, false, Time::default()), Coming::Other);
        assert_eq!(guests.pages(), 0);
        assert_eq!(guests.came(&somebody("x", Standard), false, Time::default()), Coming::New);
        let mut with_ingress = Guests::new(true, GRACE);
        assert_eq!(with_ingress.came(&somebody("x", Ingress), false, Time::default()), Coming::New);
    }

    #[test]
    fn what_a_participant_says_of_itself_changes_nothing() {
        let mut guests = guests();
        let attributes = [("lk.publish_on_behalf".into(), "agent-1".into()), ("lk.agent.state".into(), "idle".into())];
        let forger = Participant {
            attributes: attributes.into(),
            metadata: "agent".into(),
            ..somebody("agent-1", ParticipantKind::Standard)
        };
        assert_eq!(guests.came(&forger, false, Time::default()), Coming::New, "it is a visitor all the same");
        let agent = Participant { name: "a visitor".into(), ..somebody("visitor-1", ParticipantKind::Agent) };
        assert_eq!(guests.came(&agent, false, Time::default()), Coming::Other);
    }

    #[test]
    fn whoever_is_back_within_the_grace_keeps_the_visit_and_later_has_none() {
        let (mut guests, start) = (guests(), Instant::now());
        let guest = somebody("guest", ParticipantKind::Standard);
        guests.came(&guest, false, Time::default());
        guests.opened("guest", visit(1));
        assert!(!guests.left("guest", DisconnectReason::ClientInitiated, start));
        assert_eq!((guests.pages(), guests.of_visit(visit(1))), (0, None));
        assert_eq!(guests.due(), Some(start + GRACE));
        assert!(guests.given_up(start + GRACE - Duration::from_millis(1)).is_empty());
        assert_eq!(guests.came(&guest, false, Time::default()), Coming::Back);
        assert_eq!((guests.of_visit(visit(1)), guests.due()), (Some("guest"), None));

        guests.left("guest", DisconnectReason::ConnectionTimeout, start);
        assert_eq!(guests.given_up(start + GRACE), ["guest"]);
        assert_eq!(guests.remove("guest"), Some(visit(1)));
        assert_eq!(guests.came(&guest, false, Time::default()), Coming::New);
    }

    #[test]
    fn nothing_is_sent_to_whoever_has_only_just_come_or_come_back() {
        let mut guests = guests();
        let guest = somebody("guest", ParticipantKind::Standard);
        guests.came(&guest, false, Time::default());
        guests.opened("guest", visit(1));
        assert!(!guests.is_ready("guest"));
        guests.ready("guest");
        assert!(guests.is_ready("guest"));
        guests.left("guest", DisconnectReason::ClientInitiated, Instant::now());
        assert!(!guests.is_ready("guest"));
        guests.came(&guest, false, Time::default());
        assert!(!guests.is_ready("guest"));
    }

    #[test]
    fn whoever_the_server_sends_away_is_not_waited_for() {
        let (mut guests, now) = (guests(), Instant::now());
        guests.came(&somebody("guest", ParticipantKind::Standard), false, Time::default());
        guests.opened("guest", visit(1));
        assert!(guests.left("guest", DisconnectReason::ParticipantRemoved, now));
        assert!(!guests.left("nobody", DisconnectReason::ParticipantRemoved, now));
    }

    #[test]
    fn when_the_room_is_lost_everybodys_time_runs_from_then() {
        let (mut guests, now) = (guests(), Instant::now());
        for (name, number) in [("a", 1), ("b", 2)] {
            guests.came(&somebody(name, ParticipantKind::Standard), false, Time::default());
            guests.opened(name, visit(number));
        }
        guests.left("a", DisconnectReason::ClientInitiated, now);
        assert_eq!((guests.away(), guests.is_empty()), (vec!["a".to_owned()], false));
        guests.lost(now + Duration::from_secs(10));
        assert_eq!(guests.away(), ["a", "b"]);
        assert_eq!(guests.given_up(now + GRACE), ["a"], "its time runs since it left");
        assert_eq!(guests.given_up(now + GRACE + Duration::from_secs(10)), ["a", "b"]);
    }

    #[test]
    fn who_stands_in_the_list_is_a_visitor_and_is_given_up_unless_the_room_sees_it() {
        let (mut guests, now) = (guests(), Instant::now());
        let until = now + Duration::from_secs(10);
        let mut listed = |name: &str, kind, issued| guests.found_in_list(name, kind, issued, Time::default(), until);
        for name in ["a", "b"] {
            assert!(listed(name, ParticipantKind::Standard, false));
            assert!(!listed(name, ParticipantKind::Standard, false), "it is known");
        }
        assert!(!listed("c", ParticipantKind::Agent, false) && !listed("d", ParticipantKind::Standard, true));
        assert!(!listed("e", ParticipantKind::Ingress, false), "streams are no visitors here");
        assert!(guests.is_here("a") && !guests.is_ready("a"));
        assert_eq!(guests.due(), Some(until));
        assert_eq!(guests.came(&somebody("a", ParticipantKind::Standard), false, Time::default()), Coming::Back);
        assert_eq!(guests.given_up(until), ["b"]);
        let later = until + Duration::from_secs(5);
        guests.give_until(later);
        assert_eq!((guests.given_up(until), guests.due()), (Vec::new(), Some(later)));
        // Of a room that is lost nobody is seen, and everybody may be back.
        guests.lost(now);
        assert_eq!((guests.given_up(later), guests.due()), (Vec::new(), Some(now + GRACE)));
    }

    #[test]
    fn the_stand_is_whoever_came_first_and_those_without_a_visit_are_asked_for_in_order() {
        let mut guests = guests();
        for name in ["z", "a"] {
            guests.came(&somebody(name, ParticipantKind::Standard), false, Time::default());
        }
        assert_eq!((guests.stand(), guests.pages()), (Some("z"), 2));
        let names: Vec<_> = guests.without_visit().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z", "a"]);
        guests.opened("z", visit(1));
        assert_eq!(guests.without_visit().len(), 1);
        assert_eq!(guests.visit_of("z"), Some(visit(1)));
    }
}
