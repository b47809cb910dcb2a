//! What lasts: a server that is lost and comes back, visits without end, the end of the stage.

mod common;

use std::time::Duration;

use common::{Guest, Stand, Wired, tone, until};
use majlis_livekit::output;
use majlis_livekit_ffi::Trouble;
use majlis_plugin_api::{AvatarStep, Closed, Delivery, VisitId};
use serde_json::json;

#[test]
fn a_server_that_is_killed_and_started_again_is_joined_again_and_the_visit_goes_on() {
    let Some(mut stand) = Stand::new("a server that is restarted", Wired::Avatars, json!({})) else { return };
    let (guest, visit) = stand.visit("guest");
    stand.wait(|kit| !kit.emitted(output::invite).is_empty());
    let invite = stand.invites().remove(0).1;
    let avatar = stand.avatar(&invite);
    stand.wait(|kit| common::steps(kit, &invite.identity) == [AvatarStep::Joined]);
    stand.server.kill();
    drop((guest, avatar));
    std::thread::sleep(Duration::from_secs(1));
    stand.server.restart();
    // The page comes back as it can, and the agent is there.
    let guest = stand.visitor("guest");
    until(&mut stand, "the agent is back", |_| guest.see(|noticed| noticed.present.contains(&invite.agent_identity)));
    stand.wait(|kit| kit.emitted(output::invite).len() == 2);
    let (of, anew) = stand.invites().remove(1);
    assert_eq!((of, anew.attempt), (Some(visit), 2), "the avatar starts anew, though nobody asked for it");
    assert_eq!(stand.steps(&invite.identity), [AvatarStep::Joined, AvatarStep::Left]);
    assert_eq!((stand.kit.opened(), stand.kit.closed(visit)), (vec![visit], None));
    stand.text(visit, 1, "welcome");
    stand.wait(|kit| common::delivered(kit, 1).contains(&Delivery::Shown));
}

#[test]
fn whoever_does_not_come_back_after_a_restart_is_gone() {
    let config = json!({ "rejoin_grace": "3s" });
    let Some(mut stand) = Stand::new("a visitor who is lost with the server", Wired::Camera, config) else { return };
    let (guest, visit) = stand.visit("guest");
    stand.server.kill();
    drop(guest);
    stand.server.restart();
    stand.wait(|kit| kit.closed(visit) == Some(Closed::Gone));
}

#[test]
fn a_short_loss_of_the_connection_repeats_nothing() {
    let Some(mut stand) = Stand::new("a short loss", Wired::Voice, json!({})) else { return };
    let (guest, visit) = stand.visit("guest");
    stand.text(visit, 1, "welcome");
    stand.wait(|kit| common::delivered(kit, 1) == [Delivery::Shown]);
    for trouble in [Trouble::Signal, Trouble::Everything] {
        stand.within("trouble", guest.room.trouble(trouble)).expect("it is done");
        stand.quiet();
    }
    stand.text(visit, 2, "and again");
    stand.wait(|kit| common::delivered(kit, 2) == [Delivery::Shown]);
    until(&mut stand, "the text", |_| guest.see(|noticed| noticed.texts.iter().any(|(_, text)| text == "and again")));
    assert_eq!(guest.see(|noticed| noticed.texts.iter().filter(|(_, text)| text == "welcome").count()), 1);
    assert_eq!(stand.kit.opened(), [visit]);
}

/// What a process holds: threads, file descriptors, and what the library counts.
fn held(stand: &Stand) -> (usize, usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).expect("Linux shows it").count();
    (count("/proc/self/task"), count("/proc/self/fd"), stand.ffi.handles())
}

/// Somebody with a camera: the server makes them known at once, and others when it has waited for what they may publish.
fn visit(stand: &mut Stand, picture: &[u8]) -> (Guest, VisitId) {
    let before = stand.kit.opened().len();
    let mut guest = stand.visitor("guest");
    guest.camera(64, 64, picture.to_vec());
    stand.wait(|kit| kit.opened().len() > before);
    (guest, stand.kit.opened()[before])
}

/// A visit with all that belongs to one: a camera, an avatar, something that is said.
fn whole_visit(stand: &mut Stand, number: u64, picture: &[u8]) {
    let before = stand.invites().len();
    let (guest, visit) = visit(stand, picture);
    stand.wait(|kit| kit.emitted(output::invite).len() > before);
    let invite = stand.invites().pop().expect("an invitation").1;
    let mut avatar = stand.avatar(&invite);
    avatar.camera(64, 64, picture.to_vec());
    stand.let_speak(visit, 1, &invite.identity, 16_000);
    stand.say(visit, number, 16_000, &tone(16_000, 440.0, 0.1));
    until(stand, "it is said", |_| avatar.see(|noticed| noticed.streams.len() == 1));
    stand.wait(|kit| common::steps(kit, &invite.identity).contains(&AvatarStep::Decoded));
    stand.wait(|kit| kit.emitted(output::frame).iter().any(|(of, _)| *of == Some(visit)));
    avatar.leave();
    guest.leave();
    stand.wait(|kit| kit.closed(visit).is_some());
}

#[test]
fn after_200_visits_no_more_is_held_than_after_5() {
    let config = json!({ "rejoin_grace": "1ms" });
    let Some(mut stand) = Stand::new("many visits", Wired::Avatars, config) else { return };
    let picture = vec![100; 64 * 64 * 4];
    for number in 1..=5 {
        whole_visit(&mut stand, number, &picture);
    }
    stand.quiet();
    let after_five = held(&stand);
    for number in 6..=200 {
        // Pictures and speech take their second; who comes and goes at once is a visit as well.
        if number % 20 == 0 {
            whole_visit(&mut stand, number, &picture);
        } else {
            let (guest, visit) = visit(&mut stand, &picture);
            guest.leave();
            stand.wait(|kit| kit.closed(visit).is_some());
        }
    }
    // What was given back may still be on its way.
    let no_more = |stand: &Stand| {
        let now = held(stand);
        now.0 <= after_five.0 && now.1 <= after_five.1 && now.2 <= after_five.2
    };
    until(&mut stand, "no more is held than after five visits", no_more);
}

#[test]
fn when_the_stage_closes_the_room_is_left_at_once() {
    let Some(mut stand) = Stand::new("the end", Wired::Camera, json!({})) else { return };
    let (guest, visit) = stand.visit("guest");
    let agents = || guest.see(|noticed| noticed.present.iter().filter(|one| one.starts_with("agent-")).count());
    until(&mut stand, "the agent is there", |_| agents() == 1);
    stand.kit.close().expect("it closes");
    assert_eq!(stand.kit.closed(visit), Some(Closed::Gone));
    let begun = std::time::Instant::now();
    while agents() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the agent is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn no_key_no_secret_and_no_token_is_in_the_log() {
    let Some(mut stand) = Stand::new("secrets in the log", Wired::Avatars, json!({})) else { return };
    let (_guest, _visit) = stand.visit("guest");
    stand.wait(|kit| !kit.emitted(output::invite).is_empty());
    let invite = stand.invites().remove(0).1;
    stand.server.kill();
    stand.wait(|kit| kit.logs().iter().any(|line| line.message.contains("was lost")));
    let log = format!("{:?}", stand.kit.logs());
    assert!(
        !log.contains(stand.server.secret()) && !log.contains(invite.token.expose()) && !log.contains("eyJ"),
        "{log}"
    );
}
