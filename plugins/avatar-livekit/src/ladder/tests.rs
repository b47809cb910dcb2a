use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SPEAK_BY: Duration = Duration::from_secs(4);
const ARRIVED: Time = Time::from_nanos(1_000_000_000);

fn ladder(limits: &[u64]) -> Ladder {
    let rungs = limits.iter().map(|limit| Rung { start_within: Duration::from_secs(*limit) }).collect();
    Ladder::new(rungs, &vec![true; limits.len()], SPEAK_BY, ARRIVED)
}

fn at(millis: u64) -> Time {
    ARRIVED + Duration::from_millis(millis)
}

/// A ladder of two whose first vendor is asked at once.
fn asked() -> Ladder {
    let mut ladder = ladder(&[10, 10]);
    assert_eq!(ladder.handle(at(0), Happened::Invited(1)), [Do::Ask { attempt: 1, rung: 0 }]);
    ladder
}

fn speaks(ladder: &Ladder) -> Option<(Voice, SpeechFrom, bool)> {
    ladder.speaks().map(|speaks| (speaks.voice, speaks.from, speaks.again))
}

#[test]
fn an_avatar_that_the_page_shows_speaks_at_once() {
    let mut ladder = asked();
    assert!(ladder.handle(at(900), Happened::Seen(1, AvatarStep::Joined)).is_empty());
    assert!(ladder.handle(at(1_000), Happened::Seen(1, AvatarStep::Video)).is_empty());
    assert!(ladder.handle(at(1_500), Happened::Seen(1, AvatarStep::Decoded)).is_empty());
    assert_eq!(speaks(&ladder), None, "a decoded frame is not seen by anybody yet");
    let done = ladder.handle(at(1_800), Happened::Seen(1, AvatarStep::Shown));
    assert_eq!(done, [Do::Ready { attempt: 1, rung: 0, by: By::Shown }]);
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(1), SpeechFrom::Now, false)));
    assert_eq!(ladder.wake(), None);
}

#[test]
fn a_page_that_says_nothing_is_waited_for_one_second() {
    let mut ladder = asked();
    ladder.handle(at(1_500), Happened::Seen(1, AvatarStep::Decoded));
    assert_eq!(ladder.wake(), Some(at(2_500)));
    assert!(ladder.handle(at(2_499), Happened::Passing).is_empty());
    assert_eq!(ladder.handle(at(2_500), Happened::Passing), [Do::Ready { attempt: 1, rung: 0, by: By::Decoded }]);
}

#[test]
fn a_decoded_avatar_speaks_when_somebody_has_to() {
    let mut ladder = asked();
    ladder.handle(at(3_500), Happened::Seen(1, AvatarStep::Decoded));
    ladder.handle(at(4_000), Happened::Passing);
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(1), SpeechFrom::Now, false)));
}

#[test]
fn the_agent_itself_speaks_when_no_avatar_is_ready_and_a_late_one_takes_the_next_utterance() {
    let mut ladder = asked();
    assert_eq!(ladder.wake(), Some(at(4_000)));
    assert!(ladder.handle(at(4_000), Happened::Passing).is_empty());
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)));
    ladder.handle(at(6_000), Happened::Seen(1, AvatarStep::Shown));
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(1), SpeechFrom::NextUtterance, false)));
}

#[test]
fn a_time_of_arrival_that_is_known_late_counts() {
    let mut ladder = asked();
    ladder.arrived(Time::from_nanos(0));
    ladder.handle(at(3_000), Happened::Passing);
    assert_eq!(speaks(&ladder).map(|speaks| speaks.0), Some(Voice::Own));
}

#[test]
fn whoever_refuses_is_followed_by_the_next_at_once() {
    let mut ladder = asked();
    assert_eq!(ladder.handle(at(300), Happened::Failed(1, Why::Other)), [Do::End { attempt: 1 }]);
    assert_eq!(ladder.invite(), 2, "the token of the first is in its vendor's hands");
    assert_eq!(ladder.handle(at(301), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 1 }]);
    // What the first still does matters to nobody.
    assert!(ladder.handle(at(400), Happened::Seen(1, AvatarStep::Shown)).is_empty());
    assert_eq!(speaks(&ladder), None);
    let done = ladder.handle(at(500), Happened::Failed(2, Why::Other));
    assert_eq!(done, [Do::End { attempt: 2 }]);
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)), "nobody is left to wait for");
}

#[test]
fn whoever_does_not_come_in_time_is_told_to_leave_before_the_next_is_asked() {
    let mut ladder = ladder(&[2, 2]);
    ladder.handle(at(0), Happened::Invited(1));
    ladder.handle(at(500), Happened::Seen(1, AvatarStep::Joined));
    assert_eq!(ladder.handle(at(2_000), Happened::Passing), [Do::Missed { rung: 0 }, Do::End { attempt: 1 }]);
    assert_eq!(ladder.handle(at(2_001), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 1 }]);
    assert!(ladder.handle(at(2_500), Happened::Seen(1, AvatarStep::Shown)).is_empty(), "it came late");
    ladder.handle(at(3_000), Happened::Seen(2, AvatarStep::Shown));
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(2), SpeechFrom::Now, false)));
}

#[test]
fn what_a_dying_avatar_had_begun_is_said_again_once_and_the_next_vendor_is_asked() {
    let mut ladder = asked();
    ladder.handle(at(1_000), Happened::Seen(1, AvatarStep::Shown));
    assert_eq!(ladder.handle(at(5_000), Happened::Seen(1, AvatarStep::Left)), [Do::End { attempt: 1 }]);
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, true)));
    assert_eq!(ladder.handle(at(5_001), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 1 }]);
    ladder.handle(at(7_000), Happened::Seen(2, AvatarStep::Shown));
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(2), SpeechFrom::NextUtterance, false)));
}

#[test]
fn a_vendor_whose_session_ends_after_some_minutes_is_asked_again() {
    let mut ladder = ladder(&[10]);
    ladder.handle(at(0), Happened::Invited(1));
    ladder.handle(at(1_000), Happened::Seen(1, AvatarStep::Shown));
    ladder.handle(at(300_000), Happened::Seen(1, AvatarStep::Left));
    assert_eq!(ladder.handle(at(300_001), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 0 }]);
}

#[test]
fn the_only_vendor_is_asked_again_once_when_a_slot_was_freed() {
    let mut ladder = ladder(&[10]);
    ladder.handle(at(0), Happened::Invited(1));
    let done = ladder.handle(at(100), Happened::Failed(1, Why::NoSlot));
    assert_eq!(done, [Do::End { attempt: 1 }, Do::Free { rung: 0 }]);
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)));
    ladder.handle(at(400), Happened::Freed(0, 1));
    assert_eq!(ladder.handle(at(401), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 0 }]);
    assert_eq!(ladder.handle(at(500), Happened::Failed(2, Why::NoSlot)), [Do::End { attempt: 2 }]);
}

#[test]
fn where_nobody_may_be_asked_the_agent_itself_speaks_at_once() {
    let rungs = vec![Rung { start_within: Duration::from_secs(1) }];
    let mut ladder = Ladder::new(rungs, &[false], SPEAK_BY, ARRIVED);
    assert!(ladder.handle(at(0), Happened::Invited(1)).is_empty());
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)));
}

#[test]
fn an_invitation_that_nobody_asked_for_begins_anew() {
    let mut ladder = asked();
    ladder.handle(at(1_000), Happened::Seen(1, AvatarStep::Shown));
    let done = ladder.handle(at(40_000), Happened::Invited(2));
    assert_eq!(done, [Do::End { attempt: 1 }, Do::Ask { attempt: 2, rung: 0 }]);
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)));
}

#[test]
fn an_avatar_that_waited_speaks_from_the_first_moment_and_is_followed_as_any_other_when_it_dies() {
    let mut ladder = ladder(&[10, 10]);
    let done = ladder.take_over(1, Time::from_nanos(0));
    assert_eq!(done, [Do::Ready { attempt: WAITED, rung: 1, by: By::Waiting }]);
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(WAITED), SpeechFrom::Now, false)));
    assert_eq!((ladder.wake(), ladder.invite()), (None, 1));
    assert!(ladder.handle(at(20), Happened::Invited(1)).is_empty(), "the invitation of the visit is not needed");
    let done = ladder.handle(at(30_000), Happened::Seen(WAITED, AvatarStep::Left));
    assert_eq!(done, [Do::End { attempt: WAITED }]);
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, true)));
    assert_eq!(ladder.handle(at(30_001), Happened::Invited(2)), [Do::Ask { attempt: 2, rung: 0 }]);
}

#[test]
fn an_avatar_that_waited_long_has_not_failed_when_its_vendor_ends_it() {
    let mut ladder = Ladder::new(vec![Rung { start_within: Duration::from_secs(10) }], &[true], SPEAK_BY, at(100_000));
    ladder.take_over(0, at(0));
    ladder.handle(at(101_000), Happened::Seen(WAITED, AvatarStep::Left));
    assert_eq!(ladder.handle(at(101_001), Happened::Invited(1)), [Do::Ask { attempt: 1, rung: 0 }]);
}

#[test]
fn where_nothing_is_to_be_heard_nobody_is_asked_and_the_text_stays() {
    let mut ladder = ladder(&[10]);
    assert!(ladder.quiet(at(0), true).is_empty());
    assert!(ladder.handle(at(10), Happened::Invited(1)).is_empty());
    assert_eq!(speaks(&ladder), Some((Voice::Nobody, SpeechFrom::Now, false)));
    assert_eq!(ladder.wake(), None);
    assert!(ladder.handle(at(20_000), Happened::Invited(2)).is_empty(), "a room that begins anew changes nothing");
    assert!(ladder.quiet(at(60_000), true).is_empty());
    assert!(ladder.quiet(at(70_000), false).is_empty());
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::NextUtterance, false)));
    assert_eq!(ladder.handle(at(70_001), Happened::Invited(3)), [Do::Ask { attempt: 3, rung: 0 }]);
}

#[test]
fn an_avatar_in_the_middle_of_its_speech_falls_silent_when_nothing_is_to_be_heard() {
    let mut ladder = asked();
    ladder.handle(at(1_000), Happened::Seen(1, AvatarStep::Shown));
    assert_eq!(ladder.quiet(at(2_000), true), [Do::End { attempt: 1 }]);
    assert_eq!(speaks(&ladder), Some((Voice::Nobody, SpeechFrom::Now, false)));
    assert!(ladder.handle(at(2_100), Happened::Seen(1, AvatarStep::Left)).is_empty());
}

#[test]
fn for_a_visitor_to_whom_nothing_is_said_nobody_is_asked() {
    let mut ladder = ladder(&[10]);
    assert!(ladder.handle(at(100), Happened::Spared).is_empty());
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)), "nobody is waited for");
    assert!(ladder.handle(at(110), Happened::Invited(1)).is_empty());
    assert!(ladder.handle(at(200), Happened::Invited(2)).is_empty(), "a room that begins anew changes nothing");
    assert_eq!(ladder.wake(), None);
    // Somebody says something all the same.
    assert!(ladder.handle(at(60_000), Happened::Spoken).is_empty());
    assert_eq!((ladder.invite(), speaks(&ladder).map(|speaks| speaks.0)), (3, Some(Voice::Own)));
    assert_eq!(ladder.handle(at(60_001), Happened::Invited(3)), [Do::Ask { attempt: 3, rung: 0 }]);
    ladder.handle(at(62_000), Happened::Seen(3, AvatarStep::Shown));
    assert_eq!(speaks(&ladder), Some((Voice::Avatar(3), SpeechFrom::NextUtterance, false)));
    assert!(ladder.handle(at(63_000), Happened::Spared).is_empty(), "it was spoken to");
    assert_eq!(speaks(&ladder).map(|speaks| speaks.0), Some(Voice::Avatar(3)));
}

#[test]
fn whoever_was_asked_already_is_ended_when_nothing_is_to_be_said() {
    let mut ladder = asked();
    assert_eq!(ladder.handle(at(300), Happened::Spared), [Do::End { attempt: 1 }]);
    assert_eq!(speaks(&ladder), Some((Voice::Own, SpeechFrom::Now, false)));
    assert!(ladder.handle(at(400), Happened::Seen(1, AvatarStep::Shown)).is_empty(), "it comes for nothing");
    assert!(ladder.handle(at(500), Happened::Freed(0, 1)).is_empty());
    assert!(ladder.handle(at(600), Happened::Spared).is_empty());
    assert_eq!((ladder.invite(), ladder.wake()), (1, None));
}

#[test]
fn one_that_is_spared_where_nothing_may_be_heard_stays_so_when_something_may() {
    let mut ladder = asked();
    ladder.quiet(at(100), true);
    assert!(ladder.handle(at(200), Happened::Spared).is_empty());
    assert_eq!(speaks(&ladder).map(|speaks| speaks.0), Some(Voice::Nobody));
    assert!(ladder.quiet(at(300), false).is_empty());
    assert_eq!((ladder.invite(), speaks(&ladder).map(|speaks| speaks.0)), (1, Some(Voice::Own)));
}

#[test]
fn what_waited_for_somebody_to_whom_nothing_is_said_is_unused() {
    let mut ladder = ladder(&[10]);
    assert!(!ladder.has_unused());
    ladder.take_over(0, Time::from_nanos(0));
    assert!(ladder.has_unused());
    ladder.handle(at(10), Happened::Spoken);
    assert!(!ladder.has_unused(), "it has spoken perhaps");
}

/// What the outside can do, in every order.
#[derive(Clone, Debug)]
enum Event {
    /// The room answers what is wanted, or emits one unasked.
    Invite {
        unasked: bool,
    },
    Fail {
        back: u64,
        no_slot: bool,
    },
    Seen {
        back: u64,
        step: usize,
    },
    Freed {
        rung: usize,
        ended: usize,
    },
    Quiet(bool),
    Spare,
    Speak,
    Pass,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop::bool::weighted(0.05).prop_map(|unasked| Event::Invite { unasked }),
        2 => (0..3_u64, any::<bool>()).prop_map(|(back, no_slot)| Event::Fail { back, no_slot }),
        6 => (0..3_u64, 0..7_usize).prop_map(|(back, step)| Event::Seen { back, step }),
        1 => (0..3_usize, 0..2_usize).prop_map(|(rung, ended)| Event::Freed { rung, ended }),
        1 => prop::bool::weighted(0.4).prop_map(Event::Quiet),
        1 => prop::bool::weighted(0.7).prop_map(|spare| if spare { Event::Spare } else { Event::Speak }),
        2 => Just(Event::Pass),
    ]
}

const STEPS: [AvatarStep; 7] = [
    AvatarStep::Joined,
    AvatarStep::Video,
    AvatarStep::Decoded,
    AvatarStep::Shown,
    AvatarStep::PlaybackStarted,
    AvatarStep::PlaybackFinished,
    AvatarStep::Left,
];

/// What is held against everything that the ladder does.
#[derive(Default)]
struct Held {
    asked: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    turn: u64,
    voice: Option<Voice>,
    quiet: bool,
    spared: bool,
    spoken: bool,
}

impl Held {
    fn check(&mut self, ladder: &Ladder, now: Time, done: &[Do]) {
        for todo in done {
            match *todo {
                Do::Ask { attempt, rung } => {
                    assert!(rung < ladder.rungs.len());
                    assert!(self.asked.last().is_none_or(|last| *last < attempt), "no invitation serves two vendors");
                    self.asked.insert(attempt);
                }
                Do::End { attempt } => {
                    assert!(self.asked.contains(&attempt), "what was not asked for was ended");
                    assert!(self.ended.insert(attempt), "it was ended twice");
                }
                Do::Free { .. } | Do::Missed { .. } => {}
                Do::Ready { attempt, .. } => assert!(self.asked.contains(&attempt)),
            }
        }
        let living: Vec<u64> = self.asked.difference(&self.ended).copied().collect();
        assert!(living.len() <= 1, "two avatars are wanted at once: {living:?}");
        if self.quiet {
            assert!(living.is_empty(), "an avatar is wanted while nothing is to be heard: {living:?}");
            assert_eq!(ladder.speaks().map(|speaks| speaks.voice), Some(Voice::Nobody));
        }
        if self.spared {
            assert!(living.is_empty(), "an avatar is wanted to whom nothing is said: {living:?}");
            assert!(ladder.speaks().is_some(), "what is said all the same is not held");
        }
        match ladder.speaks() {
            None => assert!(now < ARRIVED + SPEAK_BY, "nobody speaks though somebody has to"),
            Some(speaks) => {
                if let Voice::Avatar(attempt) = speaks.voice {
                    assert_eq!(living, [attempt], "one who was ended speaks");
                }
                let changed = self.voice != Some(speaks.voice);
                assert_eq!(speaks.turn, self.turn + u64::from(changed), "each change is counted, and nothing else");
                assert!(
                    !changed || !speaks.again || matches!(self.voice, Some(Voice::Avatar(_))),
                    "what nobody had begun is said again"
                );
                (self.turn, self.voice) = (speaks.turn, Some(speaks.voice));
            }
        }
    }
}

proptest! {
    #[test]
    fn there_is_one_voice_in_time_and_everything_asked_for_is_ended_once(
        limits in prop::collection::vec((1..12_u64, prop::bool::weighted(0.9)), 0..4),
        waited in prop::bool::weighted(0.2),
        events in prop::collection::vec((event(), 0..2_500_u64), 0..60),
    ) {
        let rungs: Vec<Rung> =
            limits.iter().map(|(limit, _)| Rung { start_within: Duration::from_secs(*limit) }).collect();
        let may_ask: Vec<bool> = limits.iter().map(|(_, may)| *may).collect();
        let mut ladder = Ladder::new(rungs, &may_ask, SPEAK_BY, ARRIVED);
        let (mut held, mut now, mut invited) = (Held::default(), ARRIVED, 0);
        if waited && !limits.is_empty() {
            held.asked.insert(WAITED);
            let done = ladder.take_over(0, ARRIVED);
            held.check(&ladder, now, &done);
        }
        for (event, after) in events {
            let until = now + Duration::from_millis(after);
            while let Some(due) = ladder.wake().filter(|due| *due <= until) {
                now = now.max(due);
                let done = ladder.handle(now, Happened::Passing);
                held.check(&ladder, now, &done);
                prop_assert!(ladder.wake().is_none_or(|next| next > now), "it wakes without end");
            }
            now = until;
            let happened = match event {
                Event::Invite { unasked } if unasked || ladder.invite() > invited => {
                    invited = if unasked { invited.max(ladder.invite()) + 1 } else { ladder.invite() };
                    Happened::Invited(invited)
                }
                Event::Invite { .. } | Event::Pass => Happened::Passing,
                Event::Fail { back, no_slot } => {
                    Happened::Failed(invited.saturating_sub(back), if no_slot { Why::NoSlot } else { Why::Other })
                }
                Event::Seen { back, step } => Happened::Seen(invited.saturating_sub(back), STEPS[step]),
                Event::Freed { rung, ended } => Happened::Freed(rung, ended),
                Event::Spare => {
                    held.spared |= !held.spoken;
                    Happened::Spared
                }
                Event::Speak => {
                    (held.spoken, held.spared) = (true, false);
                    Happened::Spoken
                }
                Event::Quiet(quiet) => {
                    held.quiet = quiet;
                    let done = ladder.quiet(now, quiet);
                    held.check(&ladder, now, &done);
                    continue;
                }
            };
            let done = ladder.handle(now, happened);
            held.check(&ladder, now, &done);
        }
        let done = ladder.handle(now, Happened::Over);
        for todo in &done {
            prop_assert!(matches!(todo, Do::End { .. } | Do::Missed { .. } | Do::Ready { .. }), "{todo:?} at the end");
            if let Do::End { attempt } = todo {
                prop_assert!(held.ended.insert(*attempt));
            }
        }
        prop_assert_eq!(&held.asked, &held.ended, "what was asked for is not ended");
        prop_assert_eq!(ladder.wake(), None);
        prop_assert!(ladder.handle(now, Happened::Invited(invited + 1)).is_empty());
    }
}
