//! A stage whose vendors are the test server's, and a room that the test plays.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::time::Duration;

use majlis_avatar_livekit::{Avatars, input, manifest__, output};
use majlis_plugin_api::{
    AvatarSeen, AvatarStep, Invite, Listener, RoomOrder, Secret, SpeechFrom, SpeechTarget, VisitId, Welcome,
    WelcomeKind,
};
use majlis_test_server::Server;
use majlis_testkit::{Builder, Kit};
use serde_json::{Map, Value, json};

pub(crate) const KEY: &str = "key-hunter2hunter2";
pub(crate) const TOKEN: &str = "token-hunter3hunter3";
/// Long for a machine and short for who waits in vain.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What each vendor needs besides its key.
pub(crate) fn options(vendor: &str) -> Value {
    match vendor {
        "tavus" => json!({ "face_id": "f1", "pal_id": "p1" }),
        "simli" => json!({ "face_id": "f1" }),
        "did" | "lemonslice" => json!({ "agent_id": "agent-1" }),
        "avatartalk" => json!({ "avatar": "a1" }),
        _ => json!({ "avatar_id": "a1" }),
    }
}

/// A configuration in which these vendors are the test server's.
pub(crate) fn config(server: &Server, vendors: &[&str]) -> Value {
    let options: Map<String, Value> = vendors
        .iter()
        .map(|vendor| {
            let mut options = options(vendor);
            options["api_key"] = json!(KEY);
            options["base_url"] = json!(server.avatars_url(vendor));
            ((*vendor).to_owned(), options)
        })
        .collect();
    json!({ "vendors": vendors, "vendor_options": options })
}

pub(crate) fn builder() -> Builder<Avatars> {
    Kit::<Avatars>::builder()
        .manifest(manifest__::TEXT)
        .log_level(5)
        .wire(input::invite, "room.invite")
        .wire(input::seen, "room.avatar")
        .wire(input::welcome, "greeting.welcome")
        .wire(input::utterance, "greeting.utterance")
        .wire_out(output::order, "room.order")
}

pub(crate) fn opened(config: Value) -> Kit<Avatars> {
    builder().open(config).expect("it opens")
}

pub(crate) fn identity(visit: VisitId, attempt: u64) -> String {
    format!("avatar-{visit}-{attempt}")
}

/// The identity under which an avatar is invited for whoever comes next.
pub(crate) fn nobodys(attempt: u64) -> String {
    format!("avatar-nobody-{attempt}")
}

pub(crate) fn invitation(visit: VisitId, attempt: u64) -> Invite {
    Invite { identity: identity(visit, attempt), ..invitation_for_nobody(attempt) }
}

pub(crate) fn invitation_for_nobody(attempt: u64) -> Invite {
    Invite {
        attempt,
        url: "ws://127.0.0.1:7880".into(),
        region: String::new(),
        room: "stand-1".into(),
        identity: nobodys(attempt),
        agent_identity: "agent".into(),
        token: Secret::new(format!("{TOKEN}-{attempt}")),
        listener: Some(Listener {
            identity: format!("ear-{attempt}"),
            token: Secret::new(format!("{TOKEN}-ear-{attempt}")),
        }),
        extra: Default::default(),
    }
}

pub(crate) fn invite(kit: &mut Kit<Avatars>, visit: VisitId, attempt: u64) {
    kit.send(input::invite, visit, invitation(visit, attempt)).expect("the call goes well");
}

pub(crate) fn invite_for_nobody(kit: &mut Kit<Avatars>, attempt: u64) {
    kit.send(input::invite, None, invitation_for_nobody(attempt)).expect("the call goes well");
}

pub(crate) fn see(kit: &mut Kit<Avatars>, visit: VisitId, attempt: u64, step: AvatarStep) {
    see_of(kit, Some(visit), attempt, &identity(visit, attempt), step);
}

/// The room sees a step of the avatar that was invited for nobody, and of whose visit it is now.
pub(crate) fn see_nobodys(kit: &mut Kit<Avatars>, of: Option<VisitId>, attempt: u64, step: AvatarStep) {
    see_of(kit, of, attempt, &nobodys(attempt), step);
}

fn see_of(kit: &mut Kit<Avatars>, of: Option<VisitId>, attempt: u64, identity: &str, step: AvatarStep) {
    let (identity, extra) = (identity.to_owned(), Default::default());
    let seen = AvatarSeen { attempt, identity, step, position: None, interrupted: false, extra };
    kit.send(input::seen, of, seen).expect("the call goes well");
}

/// An avatar waits, by this invitation.
pub(crate) fn let_wait(kit: &mut Kit<Avatars>, attempt: u64) {
    invite_for_nobody(kit, attempt);
    for step in [AvatarStep::Joined, AvatarStep::Video, AvatarStep::Decoded] {
        see_nobodys(kit, None, attempt, step);
    }
}

/// A visitor comes, and the room invites an avatar.
pub(crate) fn visitor(kit: &mut Kit<Avatars>) -> VisitId {
    let visit = kit.open_visit().expect("it is told");
    invite(kit, visit, 1);
    visit
}

/// Whoever greets says how a visitor is received.
pub(crate) fn welcome(kit: &mut Kit<Avatars>, visit: VisitId, kind: WelcomeKind) {
    kit.send(input::welcome, visit, Welcome::new(kind)).expect("the call goes well");
}

/// The last order of a visit, or for nobody's; one of nothing before the first.
pub(crate) fn order(kit: &Kit<Avatars>, visit: impl Into<Option<VisitId>>) -> RoomOrder {
    let (orders, visit) = (kit.emitted(output::order), visit.into());
    let last = orders.into_iter().rev().find(|(of, _)| *of == visit);
    last.map(|(_, order)| order).unwrap_or_default()
}

pub(crate) fn speech(kit: &Kit<Avatars>, visit: VisitId) -> Option<(SpeechTarget, SpeechFrom, bool)> {
    order(kit, visit).speech.map(|speech| (speech.target, speech.from, speech.again))
}

pub(crate) fn speaks_itself(kit: &Kit<Avatars>, visit: VisitId) -> bool {
    speech(kit, visit).is_some_and(|(target, _, _)| target == SpeechTarget::OwnTrack)
}

pub(crate) fn dismissed(kit: &Kit<Avatars>, visit: VisitId) -> Vec<String> {
    order(kit, visit).dismissed.into_iter().map(|dismissed| dismissed.identity).collect()
}

/// Waits until the stage wants an invitation for this attempt, and gives it.
pub(crate) fn invite_when_wanted(kit: &mut Kit<Avatars>, visit: VisitId, attempt: u64) {
    kit.wait(SOON, |kit| order(kit, visit).invite >= attempt).expect("no call fails");
    invite(kit, visit, attempt);
}

/// Turns the clock from look to look until something is so, for what threads of the stage see on the machine's own clock.
#[track_caller]
pub(crate) fn look_until(kit: &mut Kit<Avatars>, what: &str, there: impl Fn(&Kit<Avatars>) -> bool) {
    let begun = std::time::Instant::now();
    while !there(kit) {
        assert!(begun.elapsed() < SOON, "{what} did not come true within {SOON:?}");
        std::thread::sleep(Duration::from_millis(20));
        kit.advance(Duration::from_secs(2)).expect("the calls go well");
    }
}

/// Nothing that the stage told holds a secret.
pub(crate) fn nothing_secret_is_told(kit: &Kit<Avatars>) {
    let told = format!("{:?} {:?} {:?} {:?}", kit.logs(), kit.facts(), kit.works(), kit.printed());
    assert!(!told.contains("hunter"), "{told}");
}
