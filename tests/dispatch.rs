//! More than one machine: two hosts serve the rooms of one official LiveKit server. Each visitor has a room of its own, asks for its
//! token as a page does, is greeted there by name, and leaves; whatever becomes of a host.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use majlis_test_guests::{Hall, Picture, Visitor};
use majlis_tests::{Folder, Running, espeak_is_here, majlis, replaced, root, with_whole_paths};
use serde_json::Value;

/// Visitors who come in waves, and how many of them are there at once.
const VISITORS: usize = 40;
const AT_ONCE: usize = 12;
/// Each of two hosts serves so many of them: that chance alone gives one of them fewer, of 40, happens once in 22,000 times.
const AT_LEAST: usize = 8;
/// Rooms that one host serves at once: fewer than there are visitors, so that both have to; or enough for all who stay.
const SOME: usize = 8;
const ALL: usize = 24;
/// A host runs for as long as its visitors come and go: many times what that takes on two busy cores.
const LIMIT: Duration = Duration::from_secs(400);
/// Two hosts, a server and their visitors are enough for a machine at once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// The text of a visitor comes under this heading.
const TRANSCRIPTION: &str = "lk.transcription";
/// Who is enrolled: the picture that a camera shows, and the name that is in the greeting and in no other.
const PEOPLE: [(&str, &str); 5] = [
    ("1-salem.png", "سالم المنصوري"),
    ("2-layla.png", "ليلى حداد"),
    ("4-noura.png", "نورة الهاشمي"),
    ("8-daniel.png", "دانييل أوكورو"),
    ("9-fahd.png", "فهد الساعدي"),
];

/// Two hosts and the server.
struct House {
    entrance: Entrance,
    /// This one gives the tokens.
    first: Option<Running>,
    second: Option<Running>,
    _folder: Folder,
    _alone: MutexGuard<'static, ()>,
}

/// Where visitors come in.
struct Entrance {
    hall: Hall,
    /// Where tokens are given.
    door: String,
}

impl House {
    /// With the pipeline as shipped; the second host gives no tokens.
    fn open(what: &str, max_visits: usize) -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let espeak = espeak_is_here(what);
        let hall = Hall::open(what)?;
        if !espeak {
            return None;
        }
        let library = majlis_test_livekit::library(what)?;
        let folder = Folder::new();
        let start = |name: &str, tokens: &str| {
            let mut run = majlis(["run", "--report", "json", "--visits", "all", "-v"])
                .env("LIVEKIT_URL", hall.server.url())
                .env("LIVEKIT_API_KEY", hall.server.key())
                .env("LIVEKIT_API_SECRET", hall.server.secret())
                .env("LIVEKIT_FFI_PATH", &library)
                .arg(prepared(&folder, name, tokens, max_visits))
                .within(LIMIT)
                .start();
            let told = (!tokens.is_empty()).then(|| run.until_line("tokens are given at"));
            if !run.stderr_so_far().contains("rooms are served") {
                run.until_line("rooms are served");
            }
            (run, told)
        };
        let (first, told) = start("first.toml", "tokens = { listen = \"127.0.0.1:0\" }");
        let (second, _) = start("second.toml", "");
        let told = told.expect("the first says where");
        let door = told.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        let entrance = Entrance { hall, door };
        Some(Self { entrance, first: Some(first), second: Some(second), _folder: folder, _alone: alone })
    }

    fn hosts(&mut self) -> [&mut Running; 2] {
        [self.first.as_mut().expect("it runs"), self.second.as_mut().expect("it runs")]
    }

    /// The rooms that each host has been in until now.
    fn served(&mut self) -> [BTreeSet<String>; 2] {
        self.hosts().map(|host| rooms(host.stderr_so_far()))
    }

    /// Visitors who are greeted, at least two by each host.
    fn greeted_by_both(&mut self) -> Vec<Guest> {
        let mut guests: Vec<Guest> = Vec::new();
        loop {
            for _ in 0..4 {
                guests.push(self.entrance.visitor(guests.len()));
            }
            guests.iter().for_each(Guest::is_greeted);
            let served = self.served();
            if served.iter().all(|served| served.len() >= 2) {
                return guests;
            }
            assert!(guests.len() + 4 < ALL, "one host serves nobody: {served:?}");
        }
    }

    /// Ends a host as an operator does, with all that its visitors are owed.
    fn end(run: Option<Running>) -> Value {
        let run = run.expect("it runs");
        run.signal("TERM");
        run.wait().with(0).json()
    }
}

impl Entrance {
    /// The next visitor: number `number` of all, let in by a token that its page asks for.
    fn visitor(&self, number: usize) -> Guest {
        let (picture, name) = PEOPLE[number % PEOPLE.len()];
        let picture = Picture::open(&root().join("models/demo/visitors").join(picture), (320, 240));
        let pass = self.token();
        let text = |key: &str| pass[key].as_str().expect("a page reads it").to_owned();
        assert_eq!(text("server_url"), self.hall.server.url());
        let visitor = self.hall.visitor(&text("participant_token"), Some((&picture, 2)));
        Guest { visitor, room: text("room_name"), name }
    }

    fn token(&self) -> Value {
        let mut stream = TcpStream::connect(&self.door).expect("somebody gives tokens");
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
            self.door
        );
        stream.write_all(request.as_bytes()).expect("it is heard");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is answered");
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }
}

/// A test that fails says what the hosts said.
impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for host in [&mut self.first, &mut self.second].into_iter().flatten() {
                eprintln!("--- a host said\n{}", host.stderr_so_far());
            }
        }
    }
}

/// The shipped pipeline, changed.
fn prepared(folder: &Folder, name: &str, tokens: &str, max_visits: usize) -> PathBuf {
    let text = std::fs::read_to_string(root().join("pipelines/visits.toml")).expect("it is shipped");
    let text = with_whole_paths(&text);
    let from = text.find("tokens = {").expect("it gives tokens");
    let until = from + text[from..].find('\n').expect("a line ends");
    let text = format!("{}{tokens}{}", &text[..from], &text[until..]);
    let text = replaced(&text, "max_visits = 8", &format!("max_visits = {max_visits}"));
    let settings = "[stage.greeting.config]\nsalutation = \"salam\"\noccasions = \"none\"\nagain_after = \"0s\"\ngreet_by = \"30s\"\n\n";
    folder.write(name, replaced(&text, "[stage.voice]", &format!("{settings}[stage.voice]")))
}

/// The rooms that a host joined, by what it said.
fn rooms(said: &str) -> BTreeSet<String> {
    let joined = said.lines().filter(|line| line.contains("is joined at"));
    joined.filter_map(|line| line.split('`').nth(1)).map(str::to_owned).collect()
}

/// A visitor in a room of its own.
struct Guest {
    visitor: Visitor,
    room: String,
    name: &'static str,
}

impl Guest {
    /// The texts that greeted it: by whom, in which words.
    fn greetings(&self) -> Vec<(String, String)> {
        let texts = self.visitor.texts().into_iter().filter(|text| text.topic == TRANSCRIPTION);
        texts.map(|text| (text.from, text.text)).collect()
    }

    /// By whom it was greeted in its own name, in order.
    fn greeters(&self) -> Vec<String> {
        let by_name = self.greetings().into_iter().filter(|(_, text)| text.contains(self.name));
        let mut greeters: Vec<String> = by_name.map(|(from, _)| from).collect();
        greeters.dedup();
        greeters
    }

    /// Waits until it is greeted in writing and aloud.
    #[track_caller]
    fn is_greeted(&self) {
        self.is_greeted_by(1);
    }

    /// Waits until so many agents, one after the other, have greeted it in writing, and the last of them aloud.
    #[track_caller]
    fn is_greeted_by(&self, agents: usize) {
        self.visitor.until("the greeting", |visitor| {
            let greeters = self.greeters();
            greeters.len() >= agents && greeters.last().is_some_and(|last| visitor.heard(last).seconds() > 0.5)
        });
    }

    /// Nothing of anybody else came here: no other name, and no other voice than that of the agents who greeted.
    fn is_alone_with(&self, agents: usize) {
        let greeters = self.greeters();
        assert_eq!(greeters.len(), agents, "{:?}", self.greetings());
        for (_, text) in self.greetings() {
            let others = PEOPLE.iter().filter(|(_, name)| *name != self.name && text.contains(name)).count();
            assert_eq!(others, 0, "somebody else's greeting: {text}");
        }
        for voice in self.visitor.heard_of() {
            assert!(greeters.contains(&voice), "a voice of nobody's");
        }
    }
}

#[test]
fn visitors_in_waves_are_each_greeted_alone_in_a_room_and_both_hosts_serve() {
    let Some(mut house) = House::open("rooms of two hosts", SOME) else { return };
    let (next, entrance) = (AtomicUsize::new(0), &house.entrance);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && number < VISITORS
                {
                    let guest = entrance.visitor(number);
                    guest.is_greeted();
                    guest.is_alone_with(1);
                    guest.visitor.leave();
                }
            });
        }
    });
    let served = house.served().map(|served| served.len());
    assert!(served.iter().sum::<usize>() >= VISITORS && served.iter().all(|served| *served >= AT_LEAST), "{served:?}");
    for run in [house.first.take(), house.second.take()] {
        let report = House::end(run);
        let visits = report["visits"].as_array().expect("visits");
        assert!(visits.len() >= AT_LEAST && visits.iter().all(|visit| visit["reached"] == true), "{report:#}");
    }
}

#[test]
fn when_a_host_is_killed_its_visitors_are_greeted_by_the_other_whose_own_notice_nothing() {
    let Some(mut house) = House::open("a host that is killed", ALL) else { return };
    let guests = house.greeted_by_both();
    let [_, lost] = house.served();
    let killed = house.second.take().expect("it runs");
    killed.signal("KILL");
    let _ = killed.wait();
    let begun = Instant::now();
    let (theirs, others): (Vec<&Guest>, Vec<&Guest>) = guests.iter().partition(|guest| lost.contains(&guest.room));
    for guest in &theirs {
        guest.is_greeted_by(2);
    }
    eprintln!("{} visitors of the host that was killed were greeted {:?} later", theirs.len(), begun.elapsed());
    for guest in &theirs {
        guest.is_alone_with(2);
    }
    for guest in &others {
        guest.is_alone_with(1);
        assert!(guest.visitor.left().is_empty(), "its agent left");
    }
    guests.into_iter().for_each(|guest| guest.visitor.leave());
    House::end(house.first.take());
}

#[test]
fn a_host_that_is_stopped_takes_nobody_new_and_loses_nobody() {
    let Some(mut house) = House::open("a host that is stopped", ALL) else { return };
    let mut guests = house.greeted_by_both();
    let [_, before] = house.served();
    let stopped = house.second.take().expect("it runs");
    stopped.signal("TERM");
    // Some come in the very moment, when the server may not know yet that this host takes nobody.
    for _ in 0..4 {
        guests.push(house.entrance.visitor(guests.len()));
    }
    guests.iter().for_each(Guest::is_greeted);
    for guest in &guests {
        guest.is_alone_with(1);
        assert!(guest.visitor.left().is_empty() || !before.contains(&guest.room), "its agent left");
    }
    guests.into_iter().for_each(|guest| guest.visitor.leave());
    let report = stopped.wait().with(0).json();
    assert!(report["visits"].as_array().is_some_and(|visits| visits.iter().all(|visit| visit["reached"] == true)));
    House::end(house.first.take());
}
