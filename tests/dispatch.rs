//! More than one machine: two hosts serve the rooms of one official LiveKit server. Each visitor has a room of its own, asks for its
//! token as a page does, is greeted there by name, and leaves; whatever becomes of a host.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use majlis_test_guests::{Conduct, Hall, Picture, Troupe, Visitor, room_colour};
use majlis_test_livekit::{ask_for_token, door_in};
use majlis_test_server::Server;
use majlis_tests::{Folder, Running, TOKENS, espeak_is_here, majlis, replaced, root, with_whole_paths};
use serde_json::Value;

/// Visitors who come in waves, and how many of them are there at once.
const VISITORS: usize = 40;
const AT_ONCE: usize = 12;
/// Each of two hosts serves so many of them: that chance alone gives one of them fewer, of 40, happens once in 22,000 times.
const AT_LEAST: usize = 8;
/// Rooms that one host serves at once: fewer than there are visitors, so that both have to; or enough for all who stay.
const SOME: usize = 8;
const ALL: usize = 24;
/// Visitors of a host that is lost are greeted by another within so long: 15 s, and as long again for two busy cores.
const SURVIVED: Duration = Duration::from_secs(30);
/// And those whose watch is lost with it by whoever stands in, who waits longer.
const STOOD_IN: Duration = Duration::from_secs(45);
/// A host runs for as long as its visitors come and go: many times what that takes on two busy cores.
const LIMIT: Duration = Duration::from_secs(400);
/// Two hosts, a server and their visitors are enough for a machine at once.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
/// The text of a visitor comes under this heading.
const TRANSCRIPTION: &str = "lk.transcription";
/// The key of the avatars' vendor.
const KEY: &str = "sk-test-hunter2hunter2";
/// Who is enrolled: the picture that a camera shows, and the name and the recording (a tone, in Hz) that are in the greeting and in no
/// other.
const PEOPLE: [Person; 5] = [
    Person { picture: "1-salem.png", title: "يا مهندس", name: "سالم المنصوري", tone: 300.0 },
    Person { picture: "2-layla.png", title: "يا أستاذة", name: "ليلى حداد", tone: 450.0 },
    Person { picture: "4-noura.png", title: "يا دكتورة", name: "نورة الهاشمي", tone: 600.0 },
    Person { picture: "8-daniel.png", title: "", name: "دانييل أوكورو", tone: 750.0 },
    Person { picture: "9-fahd.png", title: "", name: "فهد الساعدي", tone: 900.0 },
];
/// So far from its pitch a tone may be heard after a codec, in Hz.
const NEAR: f64 = 40.0;
/// So far from its value a colour may be seen after a camera and a codec.
const ALIKE: i16 = 30;

/// Somebody who is enrolled.
struct Person {
    picture: &'static str,
    title: &'static str,
    name: &'static str,
    tone: f64,
}

/// Who speaks in the rooms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// The agent, with a voice.
    Voice,
    /// Avatars, with recordings. Each has the colour of its room.
    Avatars,
}

/// Two hosts and the server.
struct House {
    entrance: Entrance,
    /// This one gives the tokens.
    first: Option<Running>,
    second: Option<Running>,
    /// Whose avatars come.
    vendor: Arc<Server>,
    avatars: Option<Troupe>,
    _folder: Folder,
    _alone: MutexGuard<'static, ()>,
}

/// Where visitors come in.
struct Entrance {
    hall: Arc<Hall>,
    cast: Cast,
    /// Where tokens are given.
    door: String,
}

impl House {
    /// With the pipeline as shipped. Both hosts would give tokens, and nobody asks the second for one.
    fn open(what: &str, max_visits: usize, cast: Cast) -> Option<Self> {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let espeak = espeak_is_here(what);
        let hall = Arc::new(Hall::open(what)?);
        if !espeak {
            return None;
        }
        let library = majlis_test_livekit::library(what)?;
        let folder = Folder::new();
        let vendor = Arc::new(Server::start());
        let begun = Arc::clone(&vendor);
        let tokens = move || begun.sessions().into_iter().map(|session| (session.token, session.listener)).collect();
        let marked = Conduct { colour: None, voice: Some(16_000), ..Conduct::default() };
        let avatars = Troupe::new(Arc::clone(&hall), tokens, Vec::new(), marked);
        let start = |name: &str| {
            let mut run = majlis(["run", "--report", "json", "--visits", "all", "-v"])
                .env("LIVEKIT_URL", hall.server.url())
                .env("LIVEKIT_API_KEY", hall.server.key())
                .env("LIVEKIT_API_SECRET", hall.server.secret())
                .env("LIVEKIT_FFI_PATH", &library)
                .env("BEY_API_KEY", KEY)
                .arg(prepared(&folder, name, max_visits, cast, &vendor.avatars_url("bey")))
                .within(LIMIT)
                .start();
            let told = run.until_line("tokens are given at");
            if !run.stderr_so_far().contains("rooms are served") {
                run.until_line("rooms are served");
            }
            (run, told)
        };
        let ((first, told), (second, _)) = (start("first.toml"), start("second.toml"));
        let door = door_in(&told).expect("an address").to_owned();
        let entrance = Entrance { hall, cast, door };
        let (first, second, avatars) = (Some(first), Some(second), Some(avatars));
        Some(Self { entrance, first, second, vendor, avatars, _folder: folder, _alone: alone })
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
        let ended = run.wait();
        for secret in [KEY].iter().chain(&TOKENS) {
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "a secret was told");
        }
        ended.with(0).json()
    }
}

impl Entrance {
    /// The next visitor: number `number` of all, let in by a token that its page asks for.
    fn visitor(&self, number: usize) -> Guest {
        let person = &PEOPLE[number % PEOPLE.len()];
        let picture = Picture::open(&root().join("models/demo/visitors").join(person.picture), (320, 240));
        let pass = self.token();
        let text = |key: &str| pass[key].as_str().expect("a page reads it").to_owned();
        assert_eq!(text("server_url"), self.hall.server.url());
        let visitor = self.hall.visitor(&text("participant_token"), Some((&picture, 2)));
        Guest { visitor, room: text("room_name"), person, cast: self.cast }
    }

    fn token(&self) -> Value {
        let (status, pass) = ask_for_token(&self.door, "");
        assert_eq!(status, 201, "{pass}");
        pass
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
fn prepared(folder: &Folder, name: &str, max_visits: usize, cast: Cast, avatars_url: &str) -> PathBuf {
    let text = std::fs::read_to_string(root().join("pipelines/visits.toml")).expect("it is shipped");
    let text = with_whole_paths(&text);
    let from = text.find("tokens = {").expect("it gives tokens");
    let until = from + text[from..].find('\n').expect("a line ends");
    let text = format!("{}tokens = {{ listen = \"127.0.0.1:0\" }}{}", &text[..from], &text[until..]);
    let text = replaced(&text, "max_visits = 8", &format!("max_visits = {max_visits}"));
    let settings = "[stage.greeting.config]\nsalutation = \"none\"\noccasions = \"none\"\nagain_after = \"0s\"\ngreet_by = \"30s\"\n\n";
    let text = replaced(&text, "[stage.voice]", &format!("{settings}[stage.voice]"));
    folder.write(name, if cast == Cast::Avatars { with_avatars(folder, &text, avatars_url) } else { text })
}

/// The same with avatars, who say recordings. A visitor who has left is not waited for.
fn with_avatars(folder: &Folder, text: &str, avatars_url: &str) -> String {
    let list: String = PEOPLE.iter().map(|person| person.recorded(folder)).collect();
    let _ = folder.write("recordings/say.toml", list);
    let inputs = "inputs = { audio = \"voice.audio\", utterance = \"greeting.utterance\"";
    let text = replaced(text, inputs, &format!("{inputs}, order = \"avatar.order\""));
    let text = replaced(&text, "[stage.greeting.config]\n", "[stage.greeting.config]\nlanguages = [\"ar-SA\"]\n");
    let text = replaced(&text, "dispatch = {", "rejoin_grace = \"2s\"\ndispatch = {");
    let text =
        text.replace("consent = \"drawn, not a person\"", "consent = \"drawn, not a person\"\nname_sent_to = [\"US\"]");
    let text =
        replaced(&text, "plugin = \"voice-espeak\"", "config = { folder = \"recordings\" }\nplugin = \"voice-file\"");
    let avatar = format!(
        "[stage.avatar]\nplugin = \"avatar-livekit\"\nload = \"eager\"\ninputs = {{ invite = \"room.invite\", seen = \"room.seen\" }}\n\
         config = {{ vendor = \"bey\", speak_by = \"40s\", vendor_options.bey = {{ api_key = {{ env = \"BEY_API_KEY\" }}, \
         avatar_id = \"a\", country = \"US\", start_within = \"40s\", base_url = \"{avatars_url}\" }} }}\n\n[report]"
    );
    replaced(&text, "[report]", &avatar)
}

impl Person {
    /// What is heard as its greeting, in the list of recordings.
    fn recorded(&self, folder: &Folder) -> String {
        const RATE: u32 = 16_000;
        // Where twelve come at once, a busy machine receives a voice some seconds after it began.
        const SECONDS: u32 = 4;
        let file = format!("{}.wav", self.tone);
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let path = folder.write(&format!("recordings/{file}"), "");
        let mut sound = hound::WavWriter::create(path, spec).expect("a file");
        for at in 0..RATE * SECONDS {
            let sample = (f64::from(at) / f64::from(RATE) * self.tone * std::f64::consts::TAU).sin() * 9e3;
            sound.write_sample(sample as i16).expect("a sample");
        }
        sound.finalize().expect("a file");
        let title = if self.title.is_empty() { String::new() } else { format!("{} ", self.title) };
        format!("[[say]]\ntext = \"أهلاً وسهلاً بكم، {title}{}.\"\nfile = \"{file}\"\n", self.name)
    }
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
    person: &'static Person,
    cast: Cast,
}

impl Guest {
    /// The texts that greeted it: by whom, in which words.
    fn greetings(&self) -> Vec<(String, String)> {
        let texts = self.visitor.texts().into_iter().filter(|text| text.topic == TRANSCRIPTION);
        texts.map(|text| (text.from, text.text)).collect()
    }

    /// By whom it was greeted in its own name, in order.
    fn greeters(&self) -> Vec<String> {
        let by_name = self.greetings().into_iter().filter(|(_, text)| text.contains(self.person.name));
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
            let heard = |who: &String| visitor.heard(who).seconds() > 0.3;
            let is_heard = match self.cast {
                Cast::Voice => greeters.last().is_some_and(heard),
                Cast::Avatars => visitor.heard_of().iter().any(heard),
            };
            greeters.len() >= agents && is_heard
        });
    }

    /// Nothing of anybody else came here: no other name, no other voice than that of the agents who greeted or of the avatar of this
    /// room, no other greeting in it, and no other room's picture.
    fn is_alone_with(&self, agents: usize) {
        let greeters = self.greeters();
        assert_eq!(greeters.len(), agents, "{:?}", self.greetings());
        for (_, text) in self.greetings() {
            let others = PEOPLE.iter().map(|person| person.name).filter(|name| *name != self.person.name);
            assert_eq!(others.filter(|name| text.contains(name)).count(), 0, "somebody else's greeting: {text}");
        }
        for voice in self.visitor.heard_of() {
            if self.cast == Cast::Voice {
                assert!(greeters.contains(&voice), "a voice of nobody's");
                continue;
            }
            let heard = self.visitor.heard(&voice);
            let pitch = heard.pitch();
            // Somebody may have a voice and say nothing.
            let is_own = heard.seconds() == 0.0 || (pitch - self.person.tone).abs() < NEAR;
            assert!(is_own, "{pitch} Hz where {} Hz were to be said", self.person.tone);
            let shown = self.visitor.shown(&voice).expect("who speaks has a picture").colour;
            let room = room_colour(&self.room);
            let is_alike = shown.iter().zip(room).all(|(seen, own)| (i16::from(*seen) - i16::from(own)).abs() < ALIKE);
            assert!(is_alike, "{shown:?} in a room of {room:?}");
        }
    }
}

#[test]
fn visitors_in_waves_are_each_greeted_alone_in_a_room_and_both_hosts_serve() {
    let Some(mut house) = House::open("rooms of two hosts", SOME, Cast::Avatars) else { return };
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
    // Each visitor's avatar was one of its own.
    let avatars = house.avatars.take().expect("they are brought").end();
    let joined = avatars.iter().filter(|avatar| !avatar.joined().is_empty()).count();
    assert!(joined >= VISITORS && house.vendor.take_faults().is_empty(), "{joined} of {} came", avatars.len());
}

#[test]
fn when_a_host_is_killed_its_visitors_are_greeted_by_the_other_whose_own_notice_nothing() {
    one_is_killed("a host that is killed", false);
}

#[test]
fn when_the_host_that_let_them_in_is_killed_its_visitors_are_greeted_by_the_other() {
    one_is_killed("a host that is killed and gave the tokens", true);
}

fn one_is_killed(what: &str, gave_tokens: bool) {
    let Some(mut house) = House::open(what, ALL, Cast::Voice) else { return };
    let guests = house.greeted_by_both();
    let [first, second] = house.served();
    let (killed, lost) = if gave_tokens { (&mut house.first, first) } else { (&mut house.second, second) };
    let killed = killed.take().expect("it runs");
    killed.signal("KILL");
    let _ = killed.wait();
    let begun = Instant::now();
    let (theirs, others): (Vec<&Guest>, Vec<&Guest>) = guests.iter().partition(|guest| lost.contains(&guest.room));
    for guest in &theirs {
        guest.is_greeted_by(2);
    }
    let took = begun.elapsed();
    eprintln!("{} visitors of the host that was killed were greeted {took:?} later", theirs.len());
    assert!(!theirs.is_empty() && took < if gave_tokens { STOOD_IN } else { SURVIVED }, "{took:?}");
    for guest in &theirs {
        guest.is_alone_with(2);
    }
    for guest in &others {
        guest.is_alone_with(1);
        assert!(guest.visitor.left().is_empty(), "its agent left");
    }
    guests.into_iter().for_each(|guest| guest.visitor.leave());
    House::end(house.first.take().or(house.second.take()));
}

#[test]
fn a_host_that_is_stopped_takes_nobody_new_and_loses_nobody() {
    let Some(mut house) = House::open("a host that is stopped", ALL, Cast::Voice) else { return };
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
