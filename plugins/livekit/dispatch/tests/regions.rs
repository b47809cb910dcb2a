//! Which of several servers is chosen. Two are official ones; the way to one of them is made longer.

mod common;

use std::time::Duration;

use common::{address, keys};
use majlis_livekit_dispatch::{Address, Candidate, ClientOptions, Error, Keys, Regions, Wanted};
use majlis_plugin_api::Secret;
use majlis_test_livekit::{Server, Way};
use tokio::net::TcpListener;

/// Longer than a busy machine takes for the same question without it.
const FAR: Duration = Duration::from_millis(400);

fn candidate(region: Option<&str>, address: &Address) -> Candidate {
    Candidate { region: region.map(str::to_owned), address: address.clone() }
}

fn beginning(way: &Way) -> Address {
    Address::parse(&way.url()).expect("an address")
}

async fn listener() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = Address::parse(&format!("ws://{}", listener.local_addr().expect("a bound socket")));
    (listener, address.expect("an address"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_that_answers_soonest_is_chosen_and_the_losers_are_known() {
    let Some(server) = Server::start("the choice of a server") else { return };
    let (deaf, silent) = listener().await;
    let (closed, dead) = listener().await;
    drop(closed);
    let far = Way::to(&server, FAR);
    let candidates = vec![
        candidate(None, &beginning(&far)),
        candidate(None, &dead),
        candidate(None, &silent),
        candidate(None, &address(&server)),
    ];
    let regions = Regions::new(keys(&server), &ClientOptions::default()).expect("clients");
    // The silent one would be waited for for ten seconds. A machine that is busy with other things may try again.
    let mut tries = 0;
    let choice = loop {
        let begun = std::time::Instant::now();
        let choice = regions.choose(candidates.clone(), &Wanted::default()).await.expect("one can be used");
        tries += 1;
        if begun.elapsed() < Duration::from_secs(8) {
            break choice;
        }
        assert!(tries < 3, "a server that is silent holds everybody up: {:?}", begun.elapsed());
    };
    assert_eq!(choice.candidate.address, address(&server));
    assert!(choice.took < FAR, "{:?}", choice.took);
    let far = choice.losers[0].took.as_ref().expect("the far one answers");
    assert!(*far >= FAR, "{far:?}");
    let lost: Vec<_> = choice.losers[1..].iter().map(|loser| (&loser.candidate.address, &loser.took)).collect();
    assert!(lost.iter().any(|(address, took)| **address == dead && matches!(took, Err(Error::Unreachable { .. }))));
    assert!(lost.iter().any(|(address, took)| **address == silent && took.is_err()));
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_the_key_or_is_none_is_not_chosen_however_near() {
    let Some(server) = Server::start("servers that are not ours") else { return };
    let wrong = Keys::new(&Secret::new("nobody"), &Secret::new("hunter3hunter3hunter3hunter3hunter3")).expect("keys");
    let regions = Regions::new(wrong, &ClientOptions::default()).expect("clients");
    let all = vec![candidate(None, &address(&server))];
    let why = regions.choose(all, &Wanted::default()).await.expect_err("the key is wrong").to_string();
    assert!(why.contains(&server.url()) && why.contains("API key and secret") && !why.contains("hunter"), "{why}");
    // A server that makes no rooms by itself is one all the same.
    let strict =
        Server::configured("servers that are not ours", "room:\n  auto_create: false\n").expect("the same binary");
    let regions = Regions::new(keys(&strict), &ClientOptions::default()).expect("clients");
    let all = vec![candidate(None, &address(&strict))];
    assert_eq!(regions.choose(all, &Wanted::default()).await.expect("it is one").candidate.address, address(&strict));
    // Another server has no such path.
    let elsewhere = Address::parse(&format!("{}/elsewhere", server.url())).expect("an address");
    let regions = Regions::new(keys(&server), &ClientOptions::default()).expect("clients");
    let all = vec![candidate(None, &elsewhere)];
    assert!(matches!(regions.choose(all, &Wanted::default()).await, Err(Error::NoServer(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_of_the_cloud_are_read_measured_and_kept_to_what_is_allowed() {
    let Some(server) = Server::start("regions of the cloud") else { return };
    let way = Way::to(&server, FAR);
    let (near, far) = (address(&server), beginning(&way));
    let list = format!(
        r#"{{"regions":[{{"region":"dubai","url":"{near}","distance":"1"}},{{"region":"tokyo","url":"{far}","distance":"2"}}]}}"#
    );
    let project = Way::to_an_answer(list);
    let cloud = beginning(&project);
    let regions = Regions::new(keys(&server), &ClientOptions::default()).expect("clients");
    let all = regions.of_cloud(&cloud).await.expect("a list");
    assert_eq!(all, [candidate(Some("dubai"), &near), candidate(Some("tokyo"), &far)]);
    let choose = async |wanted: Wanted| regions.choose(all.clone(), &wanted).await;
    assert_eq!(choose(Wanted::default()).await.expect("one").candidate.region.as_deref(), Some("dubai"));
    let allowed = Wanted { allowed: vec!["tokyo".into()], ..Wanted::default() };
    let choice = choose(allowed).await.expect("one is allowed");
    assert_eq!((choice.candidate.region.as_deref(), choice.losers.len()), (Some("tokyo"), 0));
    let named = Wanted { region: Some("tokyo".into()), ..Wanted::default() };
    assert_eq!(choose(named).await.expect("it is there").candidate.region.as_deref(), Some("tokyo"));
    let none =
        choose(Wanted { allowed: vec!["paris".into()], ..Wanted::default() }).await.expect_err("none is allowed");
    let said = none.to_string();
    assert!(said.contains("dubai, tokyo") && said.contains("allowed_regions"), "{said}");
    // A server of one's own has no regions, and says so.
    assert!(matches!(regions.of_cloud(&near).await, Err(Error::Answer { .. } | Error::Protocol { .. })));
}
