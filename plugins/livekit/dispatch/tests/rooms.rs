//! Tokens and questions about rooms, on the official server.

mod common;

use common::signal::Participant;
use common::{address, api, keys, until};
use majlis_livekit_dispatch::proto::participant_info::Kind;
use majlis_livekit_dispatch::proto::{CreateRoomRequest, TrackSource};
use majlis_livekit_dispatch::{Address, AgentPass, Api, AvatarPass, ClientOptions, Error, VisitorPass};
use majlis_test_livekit::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_shows_its_camera_and_has_no_microphone() {
    let Some(server) = Server::start("what a visitor may do") else { return };
    let pass = keys(&server).visitor("stand-1", VisitorPass::default()).expect("a pass");
    let mut visitor = Participant::join(&address(&server), &pass.token).await.expect("it joins");
    let seen = visitor.joined.participant.clone().expect("a participant");
    assert_eq!((seen.identity.as_str(), seen.kind()), (pass.identity.as_str(), Kind::Standard));
    let may = seen.permission.expect("permissions");
    assert!(may.can_subscribe && may.can_publish_data && !may.hidden && !may.can_update_metadata);
    assert!(visitor.publishes(TrackSource::Camera).await);
    assert!(!visitor.publishes(TrackSource::Microphone).await);
    assert!(!visitor.publishes(TrackSource::ScreenShareAudio).await);
    assert!(!visitor.changes_itself().await, "attributes are never a visitor's own");
    // Who comes back is the same.
    let again = VisitorPass { identity: Some(pass.identity.clone()), ..VisitorPass::default() };
    assert_eq!(keys(&server).visitor("stand-1", again).expect("a pass").identity, pass.identity);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_avatar_speaks_for_its_agent_and_never_twice_under_one_identity() {
    let Some(server) = Server::start("agents and avatars") else { return };
    let keys = keys(&server);
    let agent = keys.agent("stand-1", &AgentPass { name: "Majlis".into(), ..AgentPass::default() }).expect("a pass");
    let mut joined = Participant::join(&address(&server), &agent.token).await.expect("it joins");
    let seen = joined.joined.participant.clone().expect("a participant");
    assert_eq!((seen.kind(), seen.name.as_str()), (Kind::Agent, "Majlis"));
    assert!(!seen.permission.expect("permissions").hidden);
    assert!(joined.changes_itself().await);

    let of = AvatarPass::of(&agent.identity);
    let (first, second) = (keys.avatar("stand-1", &of).expect("a pass"), keys.avatar("stand-1", &of).expect("a pass"));
    assert_ne!(first.identity, second.identity);
    let mut avatar = Participant::join(&address(&server), &first.token).await.expect("it joins");
    let seen = avatar.joined.participant.clone().expect("a participant");
    assert_eq!(seen.kind(), Kind::Agent);
    assert_eq!(seen.attributes.get("lk.publish_on_behalf"), Some(&agent.identity));
    let may = seen.permission.expect("permissions");
    assert!(may.can_publish && may.can_publish_data && !may.can_subscribe, "it receives nobody's camera: {may:?}");
    assert!(avatar.publishes(TrackSource::Camera).await && avatar.publishes(TrackSource::Microphone).await);
    // A token is for one room.
    assert!(!format!("{first:?}").contains(first.token.expose()));
    assert_eq!(first.room, "stand-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_that_is_removed_can_return_with_its_token_and_is_removed_again() {
    let Some(server) = Server::start("removing a participant") else { return };
    let (api, keys) = (api(&server), keys(&server));
    let pass = keys.avatar("stand-1", &AvatarPass::of("agent-1")).expect("a pass");
    for round in ["at first", "again"] {
        let mut avatar = Participant::join(&address(&server), &pass.token).await.expect("it joins");
        let there = until("the avatar in the room", async || {
            Some(api.list_participants("stand-1").await.expect("a list")).filter(|there| !there.is_empty())
        });
        let there: Vec<_> = there.await.into_iter().map(|one| one.identity).collect();
        assert_eq!(there, [pass.identity.as_str()], "{round}");
        assert!(api.remove_participant("stand-1", &pass.identity).await.expect("it is asked"), "{round}");
        avatar.is_sent_away().await;
        until("an empty room", async || {
            api.list_participants("stand-1").await.expect("a list").is_empty().then_some(())
        })
        .await;
        assert!(!api.remove_participant("stand-1", &pass.identity).await.expect("it is asked"), "it is gone {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_made_once_and_deleted_with_all_in_it() {
    let Some(server) = Server::start("making and deleting rooms") else { return };
    let (api, keys) = (api(&server), keys(&server));
    assert!(api.list_participants("visit-1").await.expect("a list").is_empty(), "no room, nobody in it");
    assert!(api.list_dispatches("visit-1").await.expect("a list").is_empty());
    assert!(!api.delete_dispatch("visit-1", "AD_nobody").await.expect("it is asked"));
    assert!(api.find_room("visit-1").await.expect("it is asked").is_none());
    let request = CreateRoomRequest { name: "visit-1".into(), empty_timeout: 60, ..Default::default() };
    let room = api.create_room(&request).await.expect("a room");
    assert_eq!(api.create_room(&request).await.expect("the same room").sid, room.sid);
    assert_eq!(api.find_room("visit-1").await.expect("it is asked").expect("the room").sid, room.sid);
    let pass = keys.visitor("visit-1", VisitorPass::default()).expect("a pass");
    let mut visitor = Participant::join(&address(&server), &pass.token).await.expect("it joins");
    assert!(api.delete_room("visit-1").await.expect("it is asked"));
    visitor.is_sent_away().await;
    assert!(!api.delete_room("visit-1").await.expect("it is asked"), "there is none any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_asked_is_named_with_what_to_do() {
    let Some(mut server) = Server::start("servers that cannot be asked") else { return };
    let api = api(&server);
    let limit = CreateRoomRequest { name: "x".repeat(1_000), ..Default::default() };
    let refused = api.create_room(&limit).await.expect_err("a name that long");
    assert!(matches!(&refused, Error::Answer { asked: "CreateRoom", .. }) && !refused.may_pass(), "{refused}");
    let elsewhere = Address::parse(&format!("{}/elsewhere", server.url())).expect("an address");
    let elsewhere = Api::open(elsewhere, keys(&server), &ClientOptions::default()).expect("a client");
    let lost = elsewhere.list_participants("stand-1").await.expect_err("no such path");
    assert!(matches!(lost, Error::Protocol { .. }), "{lost}");
    server.kill();
    let gone = api.list_participants("stand-1").await.expect_err("nobody listens");
    assert!(matches!(gone, Error::Unreachable { .. }) && gone.may_pass(), "{gone}");
    assert!(gone.to_string().contains(&server.url()), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_everybody_in_a_room_reads_of_it_is_set_and_taken_back() {
    let Some(server) = Server::start("metadata of a room") else { return };
    let api = api(&server);
    assert!(!api.set_room_metadata("stand-1", "{}").await.expect("an answer"), "there is no such room");
    api.create_room(&CreateRoomRequest { name: "stand-1".into(), ..Default::default() }).await.expect("a room");
    for text in [r#"{"majlis.stage":"full"}"#, "{}"] {
        assert!(api.set_room_metadata("stand-1", text).await.expect("an answer"));
        until("the metadata", async || {
            let room = api.find_room("stand-1").await.expect("an answer")?;
            (room.metadata == text).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_does_not_answer_and_of_who_is_only_joining_it_is_not_known() {
    let Some(server) = Server::start("who answers") else { return };
    let (api, keys) = (api(&server), keys(&server));
    let pass = keys.agent("stand-1", &AgentPass::default()).expect("a pass");
    // It signals and has no way for questions, as whoever is only joining has none yet.
    let _agent = Participant::join(&address(&server), &pass.token).await.expect("it joins");
    let asked =
        async |identity: &str| api.answers("stand-1", identity, "here", std::time::Duration::from_secs(1)).await;
    let answers = asked(&pass.identity).await;
    assert!(matches!(answers, Err(Error::Answer { .. })), "nobody can tell yet: {answers:?}");
    assert_eq!(asked("nobody").await, Ok(false));
    assert_eq!(api.list_participants("stand-1").await.expect("a list").len(), 1);
}
