//! What the tests share: the stage under test in a room of the official server, and those whom it meets there, played by the same
//! library.
#![allow(dead_code)] // each test file uses a part

mod guest;

use std::future::Future;
use std::time::{Duration, Instant};

use majlis_livekit::{Livekit, input, manifest__, output};
use majlis_livekit_ffi::{ConnectOptions, Ffi, Library, Options, Room};
use majlis_plugin_api::{
    Audio, AudioMut, AvatarSeen, AvatarStep, Delivered, Delivery, Invite, Piece, RoomOrder, SampleFormat, Speech,
    SpeechFrom, SpeechTarget, Utterance, VisitId,
};
use majlis_test_livekit::{Server, ask_for_token, door_in};
use majlis_testkit::{Builder, Kit};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) use guest::Guest;

/// Longer than anything takes on two busy cores.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Long enough for what must not happen.
pub(crate) const QUIET: Duration = Duration::from_millis(700);
pub(crate) const ROOM: &str = "stand-1";

/// What the stage is wired to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wired {
    /// A camera alone.
    Camera,
    /// A voice and texts; nobody gives orders.
    Voice,
    /// A voice, texts, and somebody who starts avatars.
    Avatars,
}

/// The stage in its room.
pub(crate) struct Stand {
    pub(crate) kit: Kit<Livekit>,
    pub(crate) server: Server,
    pub(crate) ffi: Ffi,
    pub(crate) runtime: Runtime,
}

pub(crate) fn builder(wired: Wired) -> Builder<Livekit> {
    let mut builder = Kit::<Livekit>::builder().manifest(manifest__::TEXT).log_level(4);
    if wired != Wired::Camera {
        builder = builder.wire(input::audio, "voice.audio").wire(input::utterance, "greeting.utterance");
        builder = builder.wire(input::welcome, "greeting.welcome");
    }
    if wired == Wired::Avatars {
        builder = builder.wire(input::order, "avatar.order").wire_out(output::invite, "avatar.invite");
    }
    builder
}

pub(crate) fn config(server: &Server, more: &Value) -> Value {
    let mut config =
        json!({ "url": server.url(), "key": server.key(), "secret": server.secret(), "visits": "participant" });
    config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    config
}

impl Stand {
    /// Nothing where the library or the server is absent: then it was said what is skipped.
    pub(crate) fn new(skipped: &str, wired: Wired, more: Value) -> Option<Self> {
        Self::at(Server::start(skipped)?, skipped, wired, more)
    }

    /// The same on a server that tells what it counts.
    pub(crate) fn watched(skipped: &str, wired: Wired, more: Value) -> Option<Self> {
        Self::at(Server::counting(skipped)?, skipped, wired, more)
    }

    /// The same on a server that runs.
    pub(crate) fn at(server: Server, skipped: &str, wired: Wired, more: Value) -> Option<Self> {
        let path = majlis_test_livekit::library(skipped)?;
        let kit = builder(wired).open(config(&server, &more)).expect("the stage opens");
        let library = Library::open(&path).expect("it is the pinned one");
        let ffi = Ffi::shared(&library, Options::default()).expect("it runs");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Some(Self { kit, server, ffi, runtime: runtime.expect("a runtime") })
    }

    /// Waits until the stage has done something.
    #[track_caller]
    pub(crate) fn wait(&mut self, there: impl Fn(&Kit<Livekit>) -> bool) {
        self.kit.wait(SOON, there).expect("no call fails");
    }

    /// Gives the stage time to do what it must not.
    pub(crate) fn quiet(&mut self) {
        let until = Instant::now() + QUIET;
        self.kit.wait(SOON, |_| Instant::now() >= until).expect("no call fails");
    }

    /// A visitor, as its page joins.
    pub(crate) fn visitor(&self, identity: &str) -> Guest {
        self.guest(&self.server.token(identity, ROOM))
    }

    /// A visitor who joins a room of its own, to which an agent is sent.
    pub(crate) fn visitor_of(&self, room: &str) -> Guest {
        self.send_for(room);
        self.guest(&self.server.token("guest", room))
    }

    /// Sends for an agent, as whoever lets visitors in does.
    pub(crate) fn send_for(&self, room: &str) {
        let asked = json!({ "room": room, "agent_name": "majlis" }).to_string();
        self.server.api("AgentDispatchService/CreateDispatch", room, &asked);
    }

    /// A visitor of a room of its own, whose visit is open.
    pub(crate) fn visit_of(&mut self, room: &str) -> (Guest, VisitId) {
        let before = self.kit.opened().len();
        let guest = self.visitor_of(room);
        self.wait(|kit| kit.opened().len() > before);
        (guest, self.kit.opened()[before])
    }

    /// A visitor whose visit is open.
    pub(crate) fn visit(&mut self, identity: &str) -> (Guest, VisitId) {
        let before = self.kit.opened().len();
        let guest = self.visitor(identity);
        self.wait(|kit| kit.opened().len() > before);
        (guest, self.kit.opened()[before])
    }

    pub(crate) fn guest(&self, token: &str) -> Guest {
        self.guest_with(token, &ConnectOptions::default())
    }

    /// Somebody who receives all that is published and that the token lets through.
    pub(crate) fn greedy(&self, token: &str) -> Guest {
        self.guest_with(token, &ConnectOptions { auto_subscribe: true, ..ConnectOptions::default() })
    }

    fn guest_with(&self, token: &str, options: &ConnectOptions) -> Guest {
        let url = self.server.url();
        let joining = Room::connect(&self.ffi, &url, token, options);
        let joined = self.runtime.block_on(within("joining", joining)).expect("the room is joined");
        Guest::new(joined, self)
    }

    /// The avatar of an invitation, in the room.
    pub(crate) fn avatar(&self, invite: &Invite) -> Guest {
        self.guest(invite.token.expose())
    }

    /// Whoever hears for the avatar of an invitation, in the room.
    pub(crate) fn listener(&self, invite: &Invite) -> Guest {
        self.guest(invite.listener.as_ref().expect("an invitation has one").token.expose())
    }

    /// What a page is answered that asks for a token, with these lines in its head.
    pub(crate) fn ask_for_token(&self, head: &str) -> (u16, Value) {
        let logs = self.kit.logs();
        let door = logs.iter().find_map(|line| door_in(&line.message)).expect("it says where");
        ask_for_token(door, head)
    }

    /// A visitor whose page asked for a token and joined with it.
    pub(crate) fn let_in(&self) -> Guest {
        let (status, pass) = self.ask_for_token("");
        assert_eq!((status, pass["server_url"].as_str()), (201, Some(self.server.url().as_str())), "{pass}");
        self.guest(pass["participant_token"].as_str().expect("a token"))
    }

    /// Invitations so far.
    pub(crate) fn invites(&self) -> Vec<(Option<VisitId>, Invite)> {
        self.kit.emitted(output::invite)
    }

    /// What was seen of an avatar.
    pub(crate) fn steps(&self, identity: &str) -> Vec<AvatarStep> {
        steps(&self.kit, identity)
    }

    pub(crate) fn order(&mut self, visit: VisitId, order: RoomOrder) {
        self.kit.send(input::order, visit, order).expect("it is handed over");
    }

    /// Says which avatar speaks.
    pub(crate) fn let_speak(&mut self, visit: VisitId, turn: u64, identity: &str, rate: u32) {
        self.order(
            visit,
            RoomOrder { invite: 1, speech: Some(speech(turn, avatar(identity, rate))), ..RoomOrder::default() },
        );
    }

    /// A text and its sound in packets of 20 ms, all of it.
    pub(crate) fn say(&mut self, visit: VisitId, number: u64, rate: u32, samples: &[i16]) {
        self.text(visit, number, "welcome");
        self.sound(visit, number, rate, samples, true);
    }

    pub(crate) fn text(&mut self, visit: VisitId, number: u64, text: &str) {
        let utterance = Utterance { number, ..Utterance::plain(text, "en") };
        self.kit.send(input::utterance, visit, utterance).expect("it is handed over");
    }

    pub(crate) fn sound(&mut self, visit: VisitId, number: u64, rate: u32, samples: &[i16], is_all: bool) {
        let size = rate as usize / 50;
        let count = samples.len().div_ceil(size);
        for (index, samples) in samples.chunks(size).enumerate() {
            let piece =
                Piece { utterance: number, position: (index * size) as u64, last: is_all && index + 1 == count };
            let audio = self.packet(rate, samples, piece);
            self.kit.send(input::audio, visit, audio).expect("it is handed over");
        }
    }

    fn packet(&self, rate: u32, samples: &[i16], piece: Piece) -> Audio {
        let made = AudioMut::new(self.kit.host(), rate, 1, SampleFormat::S16, samples.len()).expect("sound");
        let mut made = made.piece(piece);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        made.samples_mut().copy_from_slice(&bytes);
        made.freeze().expect("sound")
    }

    /// What became of an utterance.
    pub(crate) fn delivered(&self, utterance: u64) -> Vec<Delivery> {
        delivered(&self.kit, utterance)
    }

    pub(crate) fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(within(what, future))
    }
}

pub(crate) fn steps(kit: &Kit<Livekit>, identity: &str) -> Vec<AvatarStep> {
    let seen: Vec<(_, AvatarSeen)> = kit.emitted(output::seen);
    seen.into_iter().filter(|(_, seen)| seen.identity == identity).map(|(_, seen)| seen.step).collect()
}

pub(crate) fn delivered(kit: &Kit<Livekit>, utterance: u64) -> Vec<Delivery> {
    let told: Vec<(_, Delivered)> = kit.emitted(output::delivered);
    told.into_iter().filter(|(_, told)| told.utterance == utterance).map(|(_, told)| told.delivery).collect()
}

pub(crate) fn speech(turn: u64, target: SpeechTarget) -> Speech {
    Speech { turn, target, from: SpeechFrom::Now, again: false }
}

pub(crate) fn avatar(identity: &str, sample_rate: u32) -> SpeechTarget {
    SpeechTarget::Avatar { identity: identity.into(), listener: None, sample_rate, country: String::new() }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(SOON, future).await;
    waited.unwrap_or_else(|_| panic!("{what} took more than {SOON:?}"))
}

/// Waits until something is so, on the side of the guests.
#[track_caller]
pub(crate) fn until(stand: &mut Stand, what: &str, there: impl Fn(&Stand) -> bool) {
    let begun = Instant::now();
    while !there(stand) {
        assert!(begun.elapsed() < SOON, "{what} did not come true within {SOON:?}");
        let pause = Instant::now() + Duration::from_millis(20);
        stand.kit.wait(SOON, |_| Instant::now() >= pause).expect("no call fails");
    }
}

/// A tone of this pitch.
pub(crate) fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<i16> {
    let count = (f64::from(rate) * seconds) as u32;
    let sample = |at: u32| (f64::from(at) / f64::from(rate) * hertz * std::f64::consts::TAU).sin();
    (0..count).map(|at| (sample(at) * 12_000.0) as i16).collect()
}

/// Samples from bytes.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The pitch of a tone, by the middle one of its periods: what was lost on the way makes no difference.
pub(crate) fn pitch(rate: u32, samples: &[i16]) -> f64 {
    let zero = |at: usize| {
        let (below, above) = (f64::from(samples[at]), f64::from(samples[at + 1]));
        (below < 0.0 && above >= 0.0).then(|| at as f64 + below / (below - above))
    };
    let crossings: Vec<f64> = (0..samples.len().saturating_sub(1)).filter_map(zero).collect();
    let mut periods: Vec<f64> = crossings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_by(f64::total_cmp);
    periods.get(periods.len() / 2).map_or(0.0, |period| f64::from(rate) / period)
}
