//! Whom this room invited, and what was seen of them. What anybody else does is not told.

use std::collections::{BTreeMap, VecDeque};

use majlis_plugin_api::{AvatarSeen, AvatarStep, VisitId};

/// So many identities of avatars and their listeners that were sent away are kept, to send them away again.
const REMEMBERED: usize = 512;

/// The avatars that were invited.
#[derive(Debug, Default)]
pub(crate) struct Avatars {
    invited: BTreeMap<String, Avatar>,
    /// How many invitations each visit has.
    attempts: BTreeMap<Option<VisitId>, u64>,
    /// Who has no place here, the oldest first.
    dismissed: VecDeque<String>,
}

#[derive(Debug)]
struct Avatar {
    visit: Option<VisitId>,
    attempt: u64,
    /// Who may hear in its place, by identity.
    listener: String,
    /// That one is here, and what is sent to it arrives.
    hears: bool,
    /// The steps of its stay.
    seen: Vec<AvatarStep>,
    /// A page shows it, and our own picture is not there yet.
    shown_early: bool,
}

/// Something that was seen, and of whose visit it is.
pub(crate) type Seen = (Option<VisitId>, AvatarSeen);

impl Avatars {
    /// The number of a visit's next invitation.
    pub(crate) fn next_attempt(&self, visit: Option<VisitId>) -> u64 {
        self.attempts.get(&visit).copied().unwrap_or(0) + 1
    }

    /// An invitation went out, for an avatar and whoever may hear in its place.
    pub(crate) fn invited(&mut self, visit: Option<VisitId>, attempt: u64, identity: &str, listener: &str) {
        self.attempts.insert(visit, attempt);
        let listener = listener.to_owned();
        let avatar = Avatar { visit, attempt, listener, hears: false, seen: Vec::new(), shown_early: false };
        self.invited.insert(identity.to_owned(), avatar);
    }

    /// An avatar that was invited for nobody's visit is this one's from now on. Answers whether that is news.
    pub(crate) fn give(&mut self, identity: &str, visit: VisitId) -> bool {
        let Some(avatar) = self.invited.get_mut(identity).filter(|avatar| avatar.visit.is_none()) else { return false };
        avatar.visit = Some(visit);
        true
    }

    /// Of whose visit an avatar is, if it is of one.
    pub(crate) fn visit_of(&self, identity: &str) -> Option<VisitId> {
        self.invited.get(identity)?.visit
    }

    /// An avatar that was a visit's waits for the next one: it is nobody's.
    pub(crate) fn take_back(&mut self, identity: &str) {
        if let Some(avatar) = self.invited.get_mut(identity) {
            avatar.visit = None;
        }
    }

    /// Whether this identity was given out by this room, and to nobody else than an avatar or its listener.
    pub(crate) fn is_invited(&self, identity: &str) -> bool {
        self.speaks_for(identity).is_some() || self.is_dismissed(identity)
    }

    /// The avatar of which this is a part: itself, or the one for which it hears.
    pub(crate) fn speaks_for(&self, identity: &str) -> Option<&str> {
        let part = |(whose, avatar): &(&String, &Avatar)| *whose == identity || avatar.listener == identity;
        self.invited.iter().find(part).map(|(whose, _)| whose.as_str())
    }

    /// The avatar for which this one hears, if that is what it is for.
    pub(crate) fn hears_for(&self, listener: &str) -> Option<&str> {
        self.speaks_for(listener).filter(|avatar| *avatar != listener)
    }

    /// Whether somebody is a listener who is here and to whom something can be sent.
    pub(crate) fn is_listening(&self, listener: &str) -> bool {
        self.invited.values().any(|avatar| avatar.hears && avatar.listener == listener)
    }

    /// A listener is here, or is not any more. Answers its avatar, if that is news.
    pub(crate) fn listens(&mut self, listener: &str, hears: bool) -> Option<String> {
        let (identity, avatar) = self.invited.iter_mut().find(|(_, avatar)| avatar.listener == listener)?;
        (std::mem::replace(&mut avatar.hears, hears) != hears).then(|| identity.clone())
    }

    /// Whether it is here.
    pub(crate) fn is_here(&self, identity: &str) -> bool {
        self.has(identity, AvatarStep::Joined)
    }

    /// Whether a first picture of it is still wanted.
    pub(crate) fn is_awaited(&self, identity: &str) -> bool {
        self.is_here(identity) && !self.has(identity, AvatarStep::Decoded)
    }

    fn has(&self, identity: &str, step: AvatarStep) -> bool {
        self.invited.get(identity).is_some_and(|avatar| avatar.seen.contains(&step))
    }

    /// A step of an avatar's stay. Nothing if it is none of ours, not here, or this was told already.
    pub(crate) fn saw(&mut self, identity: &str, step: AvatarStep) -> Option<Seen> {
        let avatar = self.invited.get_mut(identity)?;
        let is_here = avatar.seen.contains(&AvatarStep::Joined);
        match step {
            AvatarStep::Hears if !avatar.hears => return None,
            AvatarStep::Joined if is_here => return None,
            AvatarStep::Joined => avatar.seen.push(step),
            _ if !is_here => return None,
            AvatarStep::Left => {
                avatar.seen.clear();
                avatar.shown_early = false;
            }
            AvatarStep::Shown if !avatar.seen.contains(&AvatarStep::Decoded) => {
                avatar.shown_early = true;
                return None;
            }
            AvatarStep::Video | AvatarStep::Decoded | AvatarStep::Shown | AvatarStep::Hears
                if avatar.seen.contains(&step) =>
            {
                return None;
            }
            AvatarStep::Video | AvatarStep::Decoded | AvatarStep::Shown | AvatarStep::Hears => avatar.seen.push(step),
            AvatarStep::PlaybackStarted | AvatarStep::PlaybackFinished => {}
        }
        let (attempt, identity) = (avatar.attempt, identity.to_owned());
        let seen =
            AvatarSeen { attempt, identity, step, position: None, interrupted: false, extra: Default::default() };
        Some((avatar.visit, seen))
    }

    /// Whether a page said that it shows this one before our own picture of it was there.
    pub(crate) fn was_shown_early(&self, identity: &str) -> bool {
        self.invited.get(identity).is_some_and(|avatar| avatar.shown_early)
    }

    /// The avatar that a visitor's page means that says that it shows one: the one that it names, or the newest of its visit.
    pub(crate) fn shown_to(&self, visit: Option<VisitId>, named: &str) -> Option<String> {
        let here = |(identity, avatar): &(&String, &Avatar)| {
            avatar.visit == visit
                && avatar.seen.contains(&AvatarStep::Video)
                && (named.is_empty() || named == identity.as_str())
        };
        let newest = self.invited.iter().filter(here).max_by_key(|(_, avatar)| avatar.attempt);
        newest.map(|(identity, _)| identity.clone())
    }

    /// Those who are here.
    pub(crate) fn here(&self) -> Vec<String> {
        let here = self.invited.iter().filter(|(_, avatar)| avatar.seen.contains(&AvatarStep::Joined));
        here.map(|(identity, _)| identity.clone()).collect()
    }

    /// Listeners who are here.
    pub(crate) fn listening(&self) -> Vec<String> {
        self.invited.values().filter(|avatar| avatar.hears).map(|avatar| avatar.listener.clone()).collect()
    }

    /// Somebody has no place here, and nor has whoever hears for them. Answers who is to be sent away: those of whom it is news, and
    /// of listeners, whom few vendors send, those who are here.
    pub(crate) fn dismiss(&mut self, identity: &str) -> Vec<String> {
        let listener = self.invited.get(identity).map(|avatar| (avatar.listener.clone(), avatar.hears));
        let mut away = Vec::new();
        if self.remember(identity) {
            away.push(identity.to_owned());
        }
        if let Some((listener, hears)) = listener
            && self.remember(&listener)
            && hears
        {
            away.push(listener);
        }
        away
    }

    /// Answers whether it is news that somebody has no place here.
    fn remember(&mut self, identity: &str) -> bool {
        if self.is_dismissed(identity) {
            return false;
        }
        if self.dismissed.len() == REMEMBERED {
            self.dismissed.pop_front();
        }
        self.dismissed.push_back(identity.to_owned());
        true
    }

    /// Whether this one is to be sent away whenever it comes.
    pub(crate) fn is_dismissed(&self, identity: &str) -> bool {
        self.dismissed.iter().any(|dismissed| dismissed == identity)
    }

    /// A visit is over: its avatars have no place here any more. Answers whom to send away, as [`Avatars::dismiss`] does.
    pub(crate) fn over(&mut self, visit: Option<VisitId>) -> Vec<String> {
        self.attempts.remove(&visit);
        let theirs: Vec<String> = self
            .invited
            .iter()
            .filter(|(_, avatar)| avatar.visit == visit)
            .map(|(identity, _)| identity.clone())
            .collect();
        let away = theirs.iter().flat_map(|identity| self.dismiss(identity)).collect();
        self.invited.retain(|_, avatar| avatar.visit != visit);
        away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(number: u64) -> Option<VisitId> {
        VisitId::from_number(number)
    }

    fn invited() -> Avatars {
        let mut avatars = Avatars::default();
        avatars.invited(visit(1), avatars.next_attempt(visit(1)), "avatar-1", "ear-1");
        avatars
    }

    #[test]
    fn only_those_whom_this_room_invited_are_told_of_and_each_step_once_in_a_stay() {
        let mut avatars = invited();
        assert!(avatars.saw("forger", AvatarStep::Joined).is_none());
        assert!(avatars.saw("avatar-1", AvatarStep::PlaybackStarted).is_none(), "it is not here yet");
        let (of, seen) = avatars.saw("avatar-1", AvatarStep::Joined).expect("it is told");
        assert_eq!((of, seen.attempt, seen.identity.as_str()), (visit(1), 1, "avatar-1"));
        assert!(avatars.saw("avatar-1", AvatarStep::Joined).is_none());
        assert!(avatars.is_awaited("avatar-1"));
        assert!(avatars.saw("avatar-1", AvatarStep::Decoded).is_some());
        assert!(avatars.saw("avatar-1", AvatarStep::Decoded).is_none());
        assert!(!avatars.is_awaited("avatar-1"));
        for _ in 0..2 {
            assert!(avatars.saw("avatar-1", AvatarStep::PlaybackStarted).is_some(), "each segment is told");
        }
        assert!(avatars.saw("avatar-1", AvatarStep::Left).is_some());
        assert!(avatars.saw("avatar-1", AvatarStep::Left).is_none());
        assert!(avatars.saw("avatar-1", AvatarStep::Joined).is_some(), "it may come back");
    }

    #[test]
    fn a_page_shows_the_newest_avatar_of_its_visit_or_the_one_that_it_names() {
        let mut avatars = invited();
        avatars.invited(visit(1), avatars.next_attempt(visit(1)), "avatar-2", "ear-2");
        avatars.invited(visit(2), avatars.next_attempt(visit(2)), "avatar-3", "ear-3");
        assert_eq!(avatars.shown_to(visit(1), ""), None, "nobody has a picture");
        for identity in ["avatar-1", "avatar-2", "avatar-3"] {
            avatars.saw(identity, AvatarStep::Joined);
            avatars.saw(identity, AvatarStep::Video);
        }
        assert_eq!(avatars.shown_to(visit(1), "").as_deref(), Some("avatar-2"));
        assert_eq!(avatars.shown_to(visit(1), "avatar-1").as_deref(), Some("avatar-1"));
        assert_eq!(avatars.shown_to(visit(1), "avatar-3"), None, "that is another's");
    }

    #[test]
    fn a_page_that_is_quicker_than_we_are_is_told_of_afterwards() {
        let mut avatars = invited();
        avatars.saw("avatar-1", AvatarStep::Joined);
        avatars.saw("avatar-1", AvatarStep::Video);
        assert!(avatars.saw("avatar-1", AvatarStep::Shown).is_none());
        assert!(avatars.was_shown_early("avatar-1"));
        assert!(avatars.saw("avatar-1", AvatarStep::Decoded).is_some());
        assert!(avatars.saw("avatar-1", AvatarStep::Shown).is_some());
    }

    #[test]
    fn the_avatars_of_a_visit_go_with_it_and_are_known_when_they_come_back() {
        let mut avatars = invited();
        avatars.saw("avatar-1", AvatarStep::Joined);
        assert_eq!(avatars.over(visit(1)), ["avatar-1"]);
        assert!(avatars.is_dismissed("avatar-1") && avatars.is_invited("avatar-1"));
        assert!(avatars.saw("avatar-1", AvatarStep::Left).is_none(), "nobody is told of it any more");
        assert!(avatars.dismiss("avatar-1").is_empty(), "that is no news");
        for number in 0..REMEMBERED {
            avatars.dismiss(&number.to_string());
        }
        assert!(!avatars.is_dismissed("avatar-1"), "memory has an end");
    }

    #[test]
    fn an_avatar_that_waited_is_a_visits_from_when_it_is_given_and_goes_with_it() {
        let mut avatars = Avatars::default();
        avatars.invited(None, avatars.next_attempt(None), "avatar-w", "ear-w");
        avatars.saw("avatar-w", AvatarStep::Joined);
        avatars.saw("avatar-w", AvatarStep::Video);
        avatars.saw("avatar-w", AvatarStep::Decoded);
        assert_eq!(avatars.shown_to(visit(1), ""), None);
        let to = visit(1).expect("a number");
        assert!(avatars.give("avatar-w", to));
        assert!(!avatars.give("avatar-w", visit(2).expect("a number")), "it is another's");
        assert!(!avatars.give("stranger", to));
        assert_eq!(avatars.shown_to(visit(1), "").as_deref(), Some("avatar-w"));
        let (of, _) = avatars.saw("avatar-w", AvatarStep::PlaybackStarted).expect("it is told");
        assert_eq!(of, visit(1));
        assert!(avatars.over(None).is_empty());
        assert_eq!(avatars.over(visit(1)), ["avatar-w"]);
    }

    #[test]
    fn an_avatar_that_waits_again_is_nobodys_and_the_next_visits() {
        let mut avatars = Avatars::default();
        avatars.invited(None, avatars.next_attempt(None), "avatar-w", "ear-w");
        avatars.saw("avatar-w", AvatarStep::Joined);
        avatars.give("avatar-w", visit(1).expect("a number"));
        assert_eq!(avatars.visit_of("avatar-w"), visit(1));
        avatars.take_back("avatar-w");
        assert_eq!(avatars.visit_of("avatar-w"), None);
        assert!(avatars.over(visit(1)).is_empty(), "it does not go with whoever it was for");
        assert!(avatars.give("avatar-w", visit(2).expect("a number")));
    }

    #[test]
    fn a_listener_is_part_of_its_avatar_and_no_other_and_goes_with_it() {
        let mut avatars = invited();
        avatars.invited(visit(1), avatars.next_attempt(visit(1)), "avatar-2", "ear-2");
        assert!(avatars.is_invited("ear-1") && !avatars.is_here("ear-1") && !avatars.is_awaited("ear-1"));
        assert_eq!((avatars.speaks_for("ear-1"), avatars.speaks_for("avatar-1")), (Some("avatar-1"), Some("avatar-1")));
        assert_eq!((avatars.hears_for("ear-1"), avatars.hears_for("avatar-1")), (Some("avatar-1"), None));
        assert_eq!((avatars.speaks_for("guest"), avatars.hears_for("guest")), (None, None));
        assert_eq!(avatars.listens("guest", true), None);
        avatars.saw("avatar-1", AvatarStep::Joined);
        assert!(avatars.saw("avatar-1", AvatarStep::Hears).is_none(), "nobody is here who does");
        assert_eq!(avatars.listens("ear-1", true).as_deref(), Some("avatar-1"));
        assert_eq!(avatars.listens("ear-1", true), None, "that is no news");
        assert!(avatars.is_listening("ear-1") && avatars.listening() == ["ear-1"]);
        assert!(avatars.saw("avatar-1", AvatarStep::Hears).is_some());
        assert!(avatars.saw("avatar-1", AvatarStep::Hears).is_none(), "it is told once in a stay");
        assert!(avatars.saw("ear-1", AvatarStep::Joined).is_none(), "it is no avatar");
        assert_eq!(avatars.dismiss("avatar-1"), ["avatar-1", "ear-1"]);
        assert!(avatars.dismiss("ear-1").is_empty() && avatars.is_dismissed("ear-1"));
        assert_eq!(avatars.over(visit(1)), ["avatar-2"], "one that never came is not sent away before it does");
        assert!(avatars.is_dismissed("ear-2") && avatars.is_invited("ear-2"));
    }

    #[test]
    fn attempts_of_a_visit_rise_and_begin_anew_with_the_next() {
        let mut avatars = invited();
        assert_eq!((avatars.next_attempt(visit(1)), avatars.next_attempt(visit(2))), (2, 1));
        avatars.over(visit(1));
        assert_eq!(avatars.next_attempt(visit(1)), 1);
    }
}
