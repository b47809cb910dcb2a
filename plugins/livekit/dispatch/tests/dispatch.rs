//! Workers of this crate on the official server: what it dispatches, and to whom.

mod common;

use std::time::Duration;

use common::signal::Participant;
use common::tap::{Either, tap};
use common::{AGENT, Host, Lag, SOON, address, api, keys, until};
use majlis_livekit_dispatch::proto::server_message::Message as Said;
use majlis_livekit_dispatch::proto::worker_message::Message as Saying;
use majlis_livekit_dispatch::proto::{CreateRoomRequest, JobStatus, RoomAgentDispatch, WorkerStatus};
use majlis_livekit_dispatch::{
    AskedAgent, ClientOptions, Error, Event, Keys, Load, Outcome, VisitorPass, WorkerOptions, worker,
};
use majlis_plugin_api::Secret;
use majlis_test_livekit::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_sent_for_is_offered_assigned_and_may_join() {
    let Some(server) = Server::start("a job from its dispatch to its end") else { return };
    let (mut host, api) = (Host::start(&server, 2).await, api(&server));
    let dispatch = api.create_dispatch("visit-1", AGENT, r#"{"visit":1}"#).await.expect("it is taken");
    let job = host.job().await;
    assert_eq!((job.room.as_str(), job.metadata.as_str(), &job.dispatch), ("visit-1", r#"{"visit":1}"#, &dispatch.id));
    assert_eq!(job.url, server.url());
    // The token is good for that room, under the identity that the worker chose.
    let mut agent = Participant::join(&address(&server), &job.token).await.expect("the agent joins");
    let seen = agent.joined.participant.as_ref().expect("a participant");
    assert_eq!((seen.identity.as_str(), seen.kind().as_str_name()), (job.identity.as_str(), "AGENT"));
    assert_eq!(seen.attributes.get("lk.agent_name").map(String::as_str), Some(AGENT));
    assert!(agent.changes_itself().await, "the pages wait for lk.agent.state");
    job.running();
    let known = until("the job in the server's list", async || {
        let jobs = api.list_dispatches("visit-1").await.expect("a list").pop()?.state?.jobs;
        jobs.into_iter().next()
    })
    .await;
    assert_eq!((known.id.as_str(), known.state.expect("a state").status()), (job.id.as_str(), JobStatus::JsRunning));
    job.finish(Outcome::Success);
    until("the end of the job in the log", async || server.log().contains("job ended").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_send_for_an_agent_makes_a_job() {
    let Some(server) = Server::start("the ways to send for an agent") else { return };
    let (mut host, api) = (Host::start(&server, 8).await, api(&server));
    let asked = RoomAgentDispatch { agent_name: AGENT.into(), metadata: "room".into(), ..Default::default() };
    let request = CreateRoomRequest { name: "made".into(), agents: vec![asked], ..Default::default() };
    api.create_room(&request).await.expect("a room");
    let job = host.job().await;
    assert_eq!((job.room.as_str(), job.metadata.as_str()), ("made", "room"));

    // A visitor's token asks where its joining makes the room, and is passed over where the room is there.
    let agent = AskedAgent { agent_name: AGENT.into(), metadata: "token".into() };
    let pass = || VisitorPass { agent: Some(agent.clone()), ..VisitorPass::default() };
    let new = keys(&server).visitor("walked-in", pass()).expect("a pass");
    let _visitor = Participant::join(&address(&server), &new.token).await.expect("it joins");
    let second = host.job().await;
    assert_eq!((second.room.as_str(), second.metadata.as_str()), ("walked-in", "token"));
    let known = keys(&server).visitor("made", pass()).expect("a pass");
    let _second = Participant::join(&address(&server), &known.token).await.expect("it joins");
    host.rests().await;

    // A worker without a name is sent to every new room.
    let mut any = Host::with(&server, WorkerOptions::new("", 8, Load::default)).await;
    api.create_room(&CreateRoomRequest { name: "any".into(), ..Default::default() }).await.expect("a room");
    assert_eq!(any.job().await.room, "any");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_jobs_at_once_the_one_that_finds_no_slot_goes_to_the_other_worker() {
    let Some(server) = Server::start("two jobs at once") else { return };
    let api = api(&server);
    let (mut one, mut other) = (Host::start(&server, 1).await, Host::start(&server, 1).await);
    for round in 0..8 {
        let rooms = [format!("{round}-a"), format!("{round}-b")];
        let (a, b) = tokio::join!(api.create_dispatch(&rooms[0], AGENT, ""), api.create_dispatch(&rooms[1], AGENT, ""));
        a.and(b).expect("both are taken");
        let (first, second) = (one.job().await, other.job().await);
        let mut served = [first.room.clone(), second.room.clone()];
        served.sort();
        assert_eq!(served, rooms);
        if round == 0 {
            // With all slots taken a job is dropped, and nobody is asked again when one is free.
            api.create_dispatch("late", AGENT, "").await.expect("the server takes it");
            one.rests().await;
            first.finish(Outcome::Success);
            one.rests().await;
            let jobs = api.list_dispatches("late").await.expect("a list").pop().and_then(|one| one.state);
            assert!(jobs.is_none_or(|state| state.jobs.is_empty()));
        } else {
            first.finish(Outcome::Success);
        }
        second.finish(Outcome::Success);
        // Both are known as free before the next round.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_are_answered_within_200_ms_though_the_user_looks_at_nothing() {
    let Some(server) = Server::start("how soon offers are answered") else { return };
    let api = api(&server);
    let (by, heard) = tap(&address(&server)).await;
    let _deaf = Host::at(by, &server, WorkerOptions::new(AGENT, 12, Load::default)).await;
    let lag = Lag::watch();
    let asking = (0..20).map(|n| {
        let api = api.clone();
        tokio::spawn(async move { api.create_dispatch(&format!("room-{n}"), AGENT, "").await.map(|_| ()) })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.expect("it runs").expect("it is taken");
    }
    let assigned = |all: &[(_, Either)]| {
        all.iter().filter(|(_, message)| matches!(message, Either::Server(Said::Assignment(_)))).count()
    };
    until("every slot is assigned", async || (assigned(&heard.all()) == 12).then_some(())).await;
    let all = heard.all();
    let mut offers = 0;
    for (at, message) in &all {
        let Either::Server(Said::Availability(offer)) = message else { continue };
        let job = &offer.job.as_ref().expect("a job").id;
        let answered = all.iter().find_map(|(then, message)| match message {
            Either::Worker(Saying::Availability(answer)) if answer.job_id == *job => Some(*then),
            _ => None,
        });
        let took = answered.expect("every offer is answered").duration_since(*at);
        // Each way of the tap waits for this machine once more.
        let limit = Duration::from_millis(200) + lag.worst() * 2;
        assert!(took < limit, "an offer was answered after {took:?}, and not within {limit:?}");
        offers += 1;
    }
    assert!(offers >= 12, "{offers} offers");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(assigned(&heard.all()), 12, "no slot is given twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_gets_more_jobs_than_a_busy_one() {
    let Some(server) = Server::start("jobs by load") else { return };
    let api = api(&server);
    let busy = || Load { processor: 0.1, memory: 0.65 };
    let mut busy = Host::with(&server, WorkerOptions::new(AGENT, 100, busy)).await;
    let mut idle = Host::with(&server, WorkerOptions::new(AGENT, 100, Load::default)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let asking = (0..80).map(|n| {
        let api = api.clone();
        tokio::spawn(async move { api.create_dispatch(&format!("room-{n}"), AGENT, "").await.map(|_| ()) })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.expect("it runs").expect("it is taken");
    }
    let (mut jobs, mut of_idle) = (Vec::new(), 0);
    while jobs.len() < 80 {
        tokio::select! {
            job = busy.job() => jobs.push(job),
            job = idle.job() => { jobs.push(job); of_idle += 1 }
        }
    }
    // 74 of 100 in the long run; fewer than 44 of 80 is less likely than one in 10,000.
    assert!(of_idle >= 44, "{of_idle} of 80");
    assert!(of_idle < 80, "the busy one is asked too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_above_the_servers_target_load_would_be_offered_nothing() {
    let Some(server) = Server::start("the server's target load") else { return };
    let api = api(&server);
    let busy = || Load { processor: 0.8, memory: 0.0 };
    // It says that it is available: the reason why a worker says that it is full at 0.7 already.
    let (by, heard) = tap(&address(&server)).await;
    let mut host = Host::at(by, &server, WorkerOptions::new(AGENT, 8, busy).full_at(2.0)).await;
    until("a report", async || {
        let report = heard.all().into_iter().find_map(|(_, message)| match message {
            Either::Worker(Saying::UpdateWorker(report)) => Some(report),
            _ => None,
        })?;
        assert_eq!(report.status(), WorkerStatus::WsAvailable);
        Some(())
    })
    .await;
    api.create_dispatch("nobody", AGENT, "").await.expect("the server takes it");
    host.rests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_worker_is_offered_nothing_and_leaves_after_its_last_job() {
    let Some(server) = Server::start("draining") else { return };
    let api = api(&server);
    let mut leaving = Host::start(&server, 4).await;
    api.create_dispatch("old", AGENT, "").await.expect("it is taken");
    let old = leaving.job().await;
    let mut staying = Host::start(&server, 8).await;
    leaving.handle.drain();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut jobs = Vec::new();
    for n in 0..6 {
        api.create_dispatch(&format!("new-{n}"), AGENT, "").await.expect("it is taken");
        jobs.push(staying.job().await);
    }
    leaving.rests().await;
    old.finish(Outcome::Success);
    assert!(matches!(leaving.next().await, Event::Ended(Ok(()))));
    let id = leaving.id.clone();
    until("the server's farewell", async || {
        let log = server.log();
        log.lines().any(|line| line.contains("closing worker") && line.contains(&id)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_a_server_that_was_killed_registers_with_the_next_and_reports_its_jobs() {
    let Some(mut server) = Server::start("a lost socket") else { return };
    let api = api(&server);
    let (by, heard) = tap(&address(&server)).await;
    let mut host = Host::at(by, &server, WorkerOptions::new(AGENT, 2, Load::default)).await;
    api.create_dispatch("visit", AGENT, "").await.expect("it is taken");
    let job = host.job().await;
    job.running();
    server.kill();
    assert!(matches!(host.next().await, Event::Lost { .. }));
    server.restart();
    loop {
        match host.next().await {
            Event::Registered { .. } => break,
            Event::Lost { .. } => {}
            event => panic!("a registration, and not {event:?}"),
        }
    }
    // Everything after the second registration is said to the new server.
    until("the report of the job", async || {
        let all = heard.all();
        let registered = |(_, message): &(_, Either)| matches!(message, Either::Server(Said::Register(_)));
        let again = all.iter().rposition(registered).expect("it is registered");
        let mut reported = (false, false);
        for (_, message) in &all[again..] {
            match message {
                Either::Worker(Saying::UpdateJob(update)) if update.job_id == job.id => {
                    reported.0 = update.status() == JobStatus::JsRunning;
                }
                Either::Worker(Saying::MigrateJob(jobs)) => reported.1 = jobs.job_ids == [job.id.clone()],
                _ => {}
            }
        }
        (reported.0 && reported.1).then_some(())
    })
    .await;
    // The job has its slot, and one is left.
    api.create_dispatch("next", AGENT, "").await.expect("it is taken");
    let next = host.job().await;
    assert_eq!(next.room, "next");
    api.create_dispatch("one-too-many", AGENT, "").await.expect("it is taken");
    host.rests().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_ends_with_its_dispatch_its_room_or_its_agent() {
    let Some(server) = Server::start("the ends of jobs") else { return };
    let (mut host, api) = (Host::start(&server, 8).await, api(&server));
    let mut jobs = Vec::new();
    for room in ["by-dispatch", "by-agent"] {
        api.create_dispatch(room, AGENT, "").await.expect("it is taken");
        jobs.push(host.job().await);
    }
    let (by_dispatch, by_agent) = (&jobs[0], &jobs[1]);
    until("the job is known", async || {
        let dispatch = api.list_dispatches("by-dispatch").await.expect("a list").pop()?;
        (!dispatch.state?.jobs.is_empty()).then_some(())
    })
    .await;
    assert!(api.delete_dispatch("by-dispatch", &by_dispatch.dispatch).await.expect("it is asked"));
    assert!(matches!(host.next().await, Event::Terminated { job } if job == by_dispatch.id));
    assert!(!api.delete_dispatch("by-dispatch", &by_dispatch.dispatch).await.expect("it is asked"));

    let agent = Participant::join(&address(&server), &by_agent.token).await.expect("the agent joins");
    assert!(api.remove_participant("by-agent", &by_agent.identity).await.expect("it is asked"));
    drop(agent);
    assert!(matches!(host.next().await, Event::Terminated { job } if job == by_agent.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_with_a_wrong_secret_is_told_so_and_ends() {
    let Some(server) = Server::start("a wrong secret") else { return };
    let wrong =
        Keys::new(&Secret::new(server.key()), &Secret::new("hunter3hunter3hunter3hunter3hunter3")).expect("keys");
    let options = WorkerOptions::new(AGENT, 1, Load::default);
    let (mut worker, running) = worker(address(&server), wrong, ClientOptions::default(), options);
    tokio::spawn(running);
    let Some(Event::Ended(Err(why))) = tokio::time::timeout(SOON, worker.next()).await.expect("an end") else {
        panic!("it ends with an error")
    };
    assert!(matches!(why, Error::Refused { .. }), "{why}");
    let said = why.to_string();
    assert!(said.contains(&server.url()) && said.contains("API key and secret") && !said.contains("hunter"), "{said}");
}
