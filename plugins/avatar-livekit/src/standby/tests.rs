use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const START: Time = Time::from_nanos(1_000_000_000);
const LONGEST: Duration = Duration::from_secs(3_600);

fn at(seconds: u64) -> Time {
    START + Duration::from_secs(seconds)
}

fn rung(seconds: u64) -> Rung {
    Rung { start_within: Duration::from_secs(seconds), longest: LONGEST }
}

/// One of these vendors, all of whom may wait, the first of whom is asked.
fn asked(rungs: usize) -> Standby {
    let mut standby = Standby::new(vec![rung(10); rungs]);
    assert!(standby.allow(at(0), &vec![true; rungs]).is_empty());
    assert_eq!(standby.handle(at(0), Happened::Invited(1)), [Do::Ask { attempt: 1, rung: 0 }]);
    standby
}

fn waits(attempt: u64, rung: usize) -> [Do; 1] {
    [Do::Ready { attempt, rung, by: By::Waiting }]
}

/// One that waits since the third second.
fn waiting(rungs: usize) -> Standby {
    let mut standby = asked(rungs);
    assert!(standby.handle(at(2), Happened::Seen(1, AvatarStep::Joined)).is_empty());
    assert_eq!(standby.handle(at(3), Happened::Seen(1, AvatarStep::Decoded)), waits(1, 0));
    standby
}

#[test]
fn nobody_is_asked_before_it_is_said_whose_avatar_may_wait() {
    let mut standby = Standby::new(vec![rung(10)]);
    assert!(standby.handle(at(0), Happened::Invited(1)).is_empty());
    assert_eq!((standby.invite(), standby.hidden(), standby.wake()), (1, None, None));
    assert!(standby.allow(at(1), &[true]).is_empty());
    assert_eq!(standby.invite(), 2, "an invitation may be too old by then");
}

#[test]
fn an_avatar_is_hidden_from_when_it_may_come_and_not_given_before_it_has_a_picture() {
    let mut standby = asked(1);
    assert_eq!(standby.hidden(), Some(1));
    standby.handle(at(2), Happened::Seen(1, AvatarStep::Video));
    assert_eq!(standby.take(at(2)), None);
    standby.handle(at(3), Happened::Seen(1, AvatarStep::Decoded));
    assert_eq!(standby.take(at(60)), Some(Waited { attempt: 1, rung: 0, since: at(3), until: at(3_300) }));
    assert_eq!((standby.hidden(), standby.invite()), (None, 2), "the next one is wanted at once");
    assert_eq!(standby.take(at(60)), None);
    assert_eq!(standby.handle(at(61), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 0 }]);
    assert!(standby.handle(at(62), Happened::Seen(1, AvatarStep::Left)).is_empty(), "that one is another's");
}

#[test]
fn one_that_waits_is_renewed_while_there_is_still_enough_of_it_for_a_visitor() {
    let mut standby = waiting(1);
    assert_eq!(standby.wake(), Some(at(3_300)));
    assert!(standby.handle(at(3_299), Happened::Passing).is_empty());
    assert_eq!(standby.take(at(3_300)), None, "its time is over");
    assert_eq!(standby.handle(at(3_300), Happened::Passing), [Do::End { attempt: 1 }]);
    assert_eq!(standby.handle(at(3_301), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 0 }]);
}

#[test]
fn a_session_that_is_short_waits_half_of_its_time() {
    let mut standby = Standby::new(vec![Rung { longest: Duration::from_secs(300), ..rung(10) }]);
    standby.allow(at(0), &[true]);
    standby.handle(at(0), Happened::Invited(1));
    standby.handle(at(9), Happened::Seen(1, AvatarStep::Decoded));
    assert_eq!(standby.wake(), Some(at(150)));
}

#[test]
fn whoever_has_no_avatar_is_followed_by_the_next_and_all_are_tried_again_later_each_time() {
    let mut standby = asked(2);
    assert_eq!(standby.handle(at(1), Happened::Failed(1, Why::Other)), [Do::End { attempt: 1 }]);
    assert_eq!(standby.handle(at(1), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 1 }]);
    assert_eq!(standby.handle(at(11), Happened::Passing), [Do::Missed { rung: 1 }, Do::End { attempt: 2 }]);
    let mut pauses = Vec::new();
    for attempt in 3..12 {
        let begun = standby.wake().expect("it is tried again");
        assert!(standby.handle(begun, Happened::Passing).is_empty());
        for attempt in [attempt * 2 - 3, attempt * 2 - 2] {
            assert!(matches!(standby.handle(begun, Happened::Invited(attempt))[..], [Do::Ask { .. }]));
            standby.handle(begun, Happened::Failed(attempt, Why::Other));
        }
        pauses.push(standby.wake().expect("it is tried again").since(begun).as_secs());
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300, 300]);
}

#[test]
fn one_that_dies_soon_again_and_again_is_not_asked_for_without_end() {
    let mut standby = asked(1);
    let (mut now, mut pauses) = (at(0), Vec::new());
    for attempt in 1..5 {
        standby.handle(now, Happened::Seen(attempt, AvatarStep::Decoded));
        assert_eq!(standby.handle(now, Happened::Seen(attempt, AvatarStep::Left)), [Do::End { attempt }]);
        let again = standby.wake().expect("it is tried again");
        pauses.push(again.since(now).as_secs());
        now = again;
        standby.handle(now, Happened::Passing);
        assert_eq!(standby.handle(now, Happened::Invited(attempt + 1)), [Do::Ask { attempt: attempt + 1, rung: 0 }]);
    }
    assert_eq!(pauses, [5, 10, 20, 40]);
    standby.handle(now, Happened::Seen(5, AvatarStep::Decoded));
    let much_later = now + LIVED;
    assert_eq!(standby.handle(much_later, Happened::Seen(5, AvatarStep::Left)), [Do::End { attempt: 5 }]);
    assert_eq!(standby.invite(), 6, "one that lived is followed at once");
}

#[test]
fn one_that_may_wait_no_longer_is_ended_and_a_vendor_that_still_may_is_asked() {
    let mut standby = waiting(2);
    assert_eq!(standby.allow(at(5), &[false, true]), [Do::End { attempt: 1 }]);
    assert_eq!(standby.handle(at(5), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 1 }]);
    assert_eq!(standby.allow(at(6), &[false, false]), [Do::End { attempt: 2 }]);
    assert_eq!((standby.wake(), standby.hidden()), (None, None));
    standby.allow(at(7_000), &[true, true]);
    assert_eq!(standby.handle(at(7_000), Happened::Invited(3)), [Do::Ask { attempt: 3, rung: 0 }]);
}

#[test]
fn a_slot_is_looked_for_once_and_when_a_visit_is_over() {
    let mut standby = asked(1);
    let done = standby.handle(at(1), Happened::Failed(1, Why::NoSlot));
    assert_eq!(done, [Do::End { attempt: 1 }, Do::Free { rung: 0 }]);
    assert_eq!(standby.wake(), Some(at(6)));
    standby.handle(at(6), Happened::Passing);
    standby.handle(at(6), Happened::Invited(2));
    standby.handle(at(7), Happened::Failed(2, Why::NoSlot));
    assert_eq!(standby.wake(), Some(at(17)));
    standby.visit_over(at(8));
    assert_eq!(standby.wake(), Some(at(13)), "its session has to be ended first");
    standby.handle(at(9), Happened::Freed(0, 1));
    assert_eq!(standby.handle(at(9), Happened::Invited(3)), [Do::Ask { attempt: 3, rung: 0 }]);
}

#[test]
fn a_room_that_begins_anew_has_nobody_who_waits() {
    let mut standby = waiting(1);
    assert_eq!(standby.handle(at(10), Happened::Invited(2)), [Do::End { attempt: 1 }, Do::Ask { attempt: 2, rung: 0 }]);
}

#[test]
fn one_that_was_given_and_not_spoken_to_waits_again_and_whoever_was_asked_instead_is_ended() {
    let mut standby = waiting(2);
    let waited = standby.take(at(60)).expect("one waits");
    assert_eq!(standby.handle(at(60), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 0 }]);
    assert_eq!(standby.take_back(at(61), waited), Some(vec![Do::End { attempt: 2 }]));
    assert_eq!((standby.hidden(), standby.wake()), (Some(1), Some(waited.until)));
    assert_eq!(standby.take(at(62)), Some(waited), "it is the next visitor's");
    // Before anybody was asked nobody has to be ended, and the invitation that comes is of no use.
    assert_eq!(standby.take_back(at(63), waited), Some(Vec::new()));
    assert!(standby.handle(at(64), Happened::Invited(3)).is_empty());
    assert_eq!(standby.hidden(), Some(1));
}

#[test]
fn one_that_may_wait_no_longer_or_whose_place_is_taken_does_not_wait_again() {
    let mut standby = waiting(2);
    let waited = standby.take(at(60)).expect("one waits");
    assert_eq!(standby.take_back(waited.until, waited), None, "its time is over");
    standby.handle(at(61), Happened::Invited(2));
    standby.handle(at(62), Happened::Seen(2, AvatarStep::Decoded));
    assert_eq!(standby.take_back(at(63), waited), None, "another one waits");
    standby.take(at(64));
    standby.allow(at(65), &[false, true]);
    assert_eq!(standby.take_back(at(66), waited), None, "its vendor's may not");
}

/// What the outside can do, in every order.
#[derive(Clone, Debug)]
enum Event {
    Invite { unasked: bool },
    Fail { back: u64, no_slot: bool },
    Seen { back: u64, step: usize },
    Freed { rung: usize },
    Allow(Vec<bool>),
    Take,
    TakeBack,
    VisitOver,
    Pass,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop::bool::weighted(0.05).prop_map(|unasked| Event::Invite { unasked }),
        2 => (0..3_u64, any::<bool>()).prop_map(|(back, no_slot)| Event::Fail { back, no_slot }),
        6 => (0..3_u64, 0..4_usize).prop_map(|(back, step)| Event::Seen { back, step }),
        1 => (0..3_usize).prop_map(|rung| Event::Freed { rung }),
        2 => prop::collection::vec(prop::bool::weighted(0.7), 3).prop_map(Event::Allow),
        2 => Just(Event::Take),
        1 => Just(Event::TakeBack),
        1 => Just(Event::VisitOver),
        2 => Just(Event::Pass),
    ]
}

const STEPS: [AvatarStep; 4] = [AvatarStep::Joined, AvatarStep::Decoded, AvatarStep::Shown, AvatarStep::Left];

/// What is held against everything that is done.
#[derive(Default)]
struct Held {
    allowed: Vec<bool>,
    /// With its rung, and when it was asked.
    living: Option<(u64, usize, Time)>,
    asked: BTreeSet<u64>,
    over: BTreeSet<u64>,
    /// The last that was given away, and when it was asked.
    given: Option<(Waited, Time)>,
}

impl Held {
    fn check(&mut self, standby: &Standby, now: Time, done: &[Do]) {
        for todo in done {
            match *todo {
                Do::Ask { attempt, rung } => {
                    assert!(self.allowed[rung], "a vendor is asked that must not be");
                    assert!(self.living.is_none(), "two avatars wait at once");
                    assert!(self.asked.last().is_none_or(|last| *last < attempt), "no invitation serves twice");
                    self.asked.insert(attempt);
                    self.living = Some((attempt, rung, now));
                }
                Do::End { attempt } => {
                    assert_eq!(self.living.take().map(|living| living.0), Some(attempt), "another one was ended");
                    self.over.insert(attempt);
                }
                Do::Ready { attempt, .. } => assert_eq!(self.living.map(|living| living.0), Some(attempt)),
                Do::Free { .. } | Do::Missed { .. } => {}
            }
        }
        if let Some((_, rung, asked)) = self.living {
            assert!(self.allowed[rung], "one lives that must not");
            assert!(now < asked + LONGEST, "one waits beyond its vendor's limit");
        }
        assert_eq!(standby.hidden(), self.living.map(|living| living.0), "who is in the room for nobody is hidden");
        let cares = standby.wake().is_some() || standby.invite() > standby.invited;
        assert!(cares || !self.allowed.contains(&true), "nobody waits and nothing will change that");
    }
}

proptest! {
    #[test]
    fn one_waits_at_most_and_whoever_was_asked_for_is_given_or_ended_once(
        limits in prop::collection::vec(1..12_u64, 3),
        events in prop::collection::vec((event(), 0..2_000_u64), 0..80),
    ) {
        let mut standby = Standby::new(limits.into_iter().map(rung).collect());
        let (mut held, mut now, mut invited) = (Held { allowed: vec![false; 3], ..Held::default() }, START, 0);
        for (event, after) in events {
            let until = now + Duration::from_secs(after);
            while let Some(due) = standby.wake().filter(|due| *due <= until) {
                now = now.max(due);
                let done = standby.handle(now, Happened::Passing);
                held.check(&standby, now, &done);
                prop_assert!(standby.wake().is_none_or(|next| next > now), "it wakes without end");
            }
            now = until;
            let happened = match event {
                Event::Invite { unasked } if unasked || standby.invite() > invited => {
                    invited = if unasked { invited.max(standby.invite()) + 1 } else { standby.invite() };
                    Happened::Invited(invited)
                }
                Event::Invite { .. } | Event::Pass => Happened::Passing,
                Event::Fail { back, no_slot } => {
                    Happened::Failed(invited.saturating_sub(back), if no_slot { Why::NoSlot } else { Why::Other })
                }
                Event::Seen { back, step } => Happened::Seen(invited.saturating_sub(back), STEPS[step]),
                Event::Freed { rung } => Happened::Freed(rung, 1),
                Event::Allow(allowed) => {
                    held.allowed.clone_from(&allowed);
                    let done = standby.allow(now, &allowed);
                    held.check(&standby, now, &done);
                    continue;
                }
                Event::Take => {
                    if let Some(waited) = standby.take(now) {
                        let living = held.living.take();
                        prop_assert_eq!(living.map(|living| living.0), Some(waited.attempt));
                        held.over.insert(waited.attempt);
                        held.given = living.map(|(.., asked)| (waited, asked));
                    }
                    held.check(&standby, now, &[]);
                    continue;
                }
                Event::TakeBack => {
                    let given = held.given.take();
                    let back = given.and_then(|(waited, _)| standby.take_back(now, waited));
                    if let (Some((waited, asked)), Some(done)) = (given, back) {
                        for todo in done {
                            prop_assert_eq!(Some(todo), held.living.take().map(|(attempt, ..)| Do::End { attempt }));
                            if let Do::End { attempt } = todo {
                                held.over.insert(attempt);
                            }
                        }
                        held.living = Some((waited.attempt, waited.rung, asked));
                        held.over.remove(&waited.attempt);
                    }
                    held.check(&standby, now, &[]);
                    continue;
                }
                Event::VisitOver => {
                    standby.visit_over(now);
                    held.check(&standby, now, &[]);
                    continue;
                }
            };
            let done = standby.handle(now, happened);
            held.check(&standby, now, &done);
        }
        held.allowed.fill(false);
        let done = standby.handle(now, Happened::Over);
        held.check(&standby, now, &done);
        prop_assert_eq!(&held.asked, &held.over, "what was asked for is neither given nor ended");
        prop_assert_eq!(standby.wake(), None);
    }
}
