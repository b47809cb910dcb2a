//! A LiveKit room as a stage: visitors come in with their cameras, and hear and read what is said to them.
//!
//! The decision that shapes it: **what is decided is decided by machines that do nothing, and one actor carries it out**. Who is a
//! visitor (`guests`), whom the room invited (`avatars`) and who has the floor (`floor`) are pure: moments and what
//! happened in, what is to be done out. So each order of events can be tried in a test, and there is one place where the room is
//! touched (`room`). The stage's calls only hand over, and never wait, but for the last one.
//!
//! The room is that of a stand, or there are many, one for each job of LiveKit's dispatch (`reception`): then each has an actor of
//! its own, and what the pipeline says for a visit goes to the room whose visit it is (`routes`) and to no other.
//!
//! Rights hang on what the server alone can say: a participant's kind, and identities that this room gave out. Nothing is received
//! but visitors' cameras, and of an avatar its first picture; there is no ear.
//!
//! It must never know: who a visitor is, what a vendor of avatars is, and what is said beyond its sound and its text.
#![forbid(unsafe_code)]

mod account;
mod avatars;
mod cameras;
mod clock;
mod config;
mod floor;
mod gauge;
mod guests;
mod library;
mod mouth;
mod pace;
mod picture;
mod reception;
mod room;
mod routes;
mod running;
mod scribe;
mod servers;
mod session;
mod signs;
mod tally;
mod tokens;
mod word;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use majlis_livekit_dispatch::{ClientOptions, Keys};
use majlis_plugin_api::service::run;
use majlis_plugin_api::{
    Audio, AvatarSeen, Delivered, Error, Event, Flow, Frame, Host, Input, Invite, Output, Result, RoomOrder, Stage,
    Tasks, Utterance, Value, VisitId, Welcome, WelcomeKind, export_stage, manifest,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

pub use config::{Config, Dispatch, Tokens, Visits};
use floor::{Key, Sound};
use reception::{Asked, Reception};
use room::{Keeper, Means, Post};
use routes::Routes;
use servers::{Server, Servers};
use tally::Tally;
use tokens::{Care, Desk, Door, Watches};
use word::{Word, sound};

manifest! {
    name: "livekit",
    summary: "A LiveKit room: visitors' cameras in, speech and text out",
    inputs: { #[optional] #[many] audio: Audio, #[optional] utterance: Utterance, #[optional] order: RoomOrder, #[optional] welcome: Welcome },
    outputs: { #[origin] frame: Frame, #[origin] invite: Invite, #[origin] seen: AvatarSeen, #[feedback] delivered: Delivered },
    milestones: ["heard"],
    native: ["livekit_ffi"],
    capabilities: ["acts-on-events"],
    verbs: { "token": ("Gives a token with which a visitor's page joins", "../verbs/token.schema.json") },
    schema: "../config.schema.json",
}

/// The end of the stage waits so long for its rooms to be left.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// The stage.
pub struct Livekit {
    desk: Desk,
    servers: Arc<Servers>,
    /// Nothing where the stage was opened alone, for a verb: then it is in no room, and nobody is told that it is.
    served: Option<Served>,
}

/// Rooms that are kept.
struct Served {
    rooms: Rooms,
    /// Sounds of which more is to come.
    sounds: BTreeSet<Key>,
    tally: Arc<Tally>,
    servers: Arc<Servers>,
    // Last: what runs there ends when nobody hands over any more.
    tasks: Tasks,
}

/// To whom words are handed over.
enum Rooms {
    /// The one room of a stand.
    Stand(UnboundedSender<Word>),
    /// Those that the server sent for.
    Many { routes: Arc<Routes>, asking: UnboundedSender<Asked> },
}

impl Stage for Livekit {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        config.check()?;
        let keys = Keys::new(&config.key, &config.secret).map_err(|error| Error::config("key", error.to_string()))?;
        let client =
            ClientOptions { ca_file: config.ca_file.as_ref().map(|path| host.path(path)), ..Default::default() };
        let servers = Arc::new(Servers::new(&config, keys.clone(), client.clone())?);
        let desk = Desk::new(&config, keys.clone());
        let served = match run::now(host)?.alone {
            true => None,
            false => Some(Served::open(config, host, Arc::clone(&servers), keys, client, &desk)?),
        };
        Ok(Self { desk, servers, served })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        // A wake is that of a source, which has nothing to do by itself: what comes, comes from the room.
        let (Some(served), Input::Packet(packet)) = (&mut self.served, input) else { return Ok(Flow::Continue) };
        let visit = packet.visit();
        if let Some(audio) = packet.get(input::audio)? {
            let key = Key { visit, edge: packet.edge(), utterance: audio.piece().utterance };
            let sound = sound(&audio)?;
            let work = served.begins(key, &sound).then(|| out.defer("speech"));
            served.rooms.hand_over(visit, Word::Heard(key, sound, work))?;
        } else if let Some(utterance) = packet.get(input::utterance)? {
            served.rooms.hand_over(visit, Word::Said(visit, utterance))?;
        } else if let Some(order) = packet.get(input::order)? {
            served.rooms.hand_over(visit, Word::Order(visit, order))?;
        } else if let Some(welcome) = packet.get(input::welcome)?
            && let (Some(of), WelcomeKind::Silent) = (visit, welcome.kind)
        {
            served.rooms.hand_over(visit, Word::Silent(of))?;
        }
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        let Some(served) = &mut self.served else { return Ok(Flow::Continue) };
        match event {
            Event::VisitOpened(visit) => {
                served.rooms.hand_over(Some(visit), Word::Opened(visit, out.now()))?;
                served.tell(out);
            }
            Event::VisitClosed(visit, _) => {
                served.sounds.retain(|key| key.visit != Some(visit));
                served.rooms.hand_over(Some(visit), Word::Closed(visit))?;
                served.tell(out);
            }
            Event::Flush(visit) => served.rooms.hand_over(Some(visit), Word::Flush(visit))?,
            Event::Drain { .. } => {
                served.rooms.drain()?;
                served.tell(out);
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn control(&mut self, verb: &str, _: Value, host: &Host) -> Result<Value> {
        match verb {
            "token" => {
                let server = match self.servers.now() {
                    Some(server) => server,
                    None => self.choose(host)?,
                };
                let pass = self.desk.pass()?;
                if let Some(Served { rooms: Rooms::Stand(words), .. }) = &self.served {
                    words.send(Word::Expected { identity: pass.identity.clone() }).map_err(|_| over())?;
                }
                Ok(self.desk.handed_over(&pass, &server))
            }
            _ => Err(Error::unknown_verb(verb)),
        }
    }

    fn close(self, _: &Host) -> Result<()> {
        let Some(served) = self.served else { return Ok(()) };
        let (done, left) = oneshot::channel();
        served.rooms.leave(done)?;
        let left = async { timeout(LEAVE_WITHIN, left).await };
        if let Some(Err(_)) = served.tasks.wait_for(std::future::pending(), left) {
            tracing::warn!("the room was not left within {LEAVE_WITHIN:?}; the server forgets the agent by itself");
        }
        Ok(())
    }
}

impl Livekit {
    /// The nearest server, for a stage that was opened alone.
    fn choose(&self, host: &Host) -> Result<Server> {
        let tasks = Tasks::new(host)?;
        let chosen = tasks.wait_for(std::future::pending(), self.servers.choose());
        chosen.unwrap_or_else(|| Err(servers::none_yet()))
    }
}

impl Served {
    fn open(
        config: Config,
        host: &Host,
        servers: Arc<Servers>,
        keys: Keys,
        client: ClientOptions,
        desk: &Desk,
    ) -> Result<Self> {
        let is_wired = |port: u32| host.wires().iter().any(|wire| wire.incoming && wire.port == port);
        let ordered = is_wired(input::order.index());
        if ordered && is_wired(input::audio.index()) && !is_wired(input::utterance.index()) {
            return Err(Error::new(
                "the input `utterance` is not wired: an avatar hears speech only where it is known whether it names \
                 somebody; wire the stage that composes what is said",
            ));
        }
        let library = config.library.as_ref().map(|path| host.path(path));
        let ffi = library::open(library.as_deref(), host)?;
        let tasks = Tasks::new(host)?;
        let tally = Arc::<Tally>::default();
        let (words, next) = unbounded_channel();
        if let Some(tokens) = &config.tokens {
            let care = match &config.dispatch {
                Some(Dispatch { agent_name, .. }) => {
                    Care::Watched(Watches::new(agent_name.clone(), Arc::clone(&tally)))
                }
                None => Care::Expected(words.downgrade()),
            };
            let door = Door::open(tokens, desk.clone(), Arc::clone(&servers), care)?;
            tasks.spawn_apart(door.serve());
        }
        let means =
            Means { host: host.clone(), config: Arc::new(config), ffi, keys, servers: Arc::clone(&servers), ordered };
        let rooms = match means.config.dispatch.clone() {
            None => {
                let post = Post::stand(means.config.stand())?;
                let keeper = Keeper::new(means, post, next);
                tasks.spawn_apart(async move {
                    keeper.keep().await;
                    Ok(())
                });
                Rooms::Stand(words)
            }
            Some(dispatch) => {
                let (reception, routes, asking) = Reception::new(means, dispatch, client, tally.clone());
                tasks.spawn_apart(reception.receive());
                Rooms::Many { routes, asking }
            }
        };
        Ok(Self { rooms, sounds: BTreeSet::new(), tally, servers, tasks })
    }

    /// Whether it is the first of a sound.
    fn begins(&mut self, key: Key, sound: &Sound) -> bool {
        let is_first = !sound.samples.is_empty() && self.sounds.insert(key);
        if sound.last {
            self.sounds.remove(&key);
        }
        is_first
    }

    /// Tells what the report of the run adds up, how many rooms are held, and which server was chosen.
    fn tell(&self, out: &mut Output<'_>) {
        if let Some((chosen, others)) = self.servers.report() {
            out.fact("server", chosen);
            if !others.is_empty() {
                out.fact("other_servers", others);
            }
        }
        if let Rooms::Many { routes, .. } = &self.rooms {
            out.fact("rooms", routes.held());
            self.tally.tell(out);
        }
    }
}

impl Rooms {
    /// A word for the room of a visit; of no visit it is for the stand.
    fn hand_over(&self, visit: Option<VisitId>, word: Word) -> Result<()> {
        match (self, visit) {
            (Self::Stand(words), _) => words.send(word).map_err(|_| over()),
            (Self::Many { routes, .. }, Some(visit)) => {
                routes.send(visit, word);
                Ok(())
            }
            // What is said to nobody in particular is for a stand, where somebody may stand. Here everybody has a room of their own.
            (Self::Many { .. }, None) => Ok(()),
        }
    }

    fn drain(&self) -> Result<()> {
        match self {
            Self::Stand(words) => words.send(Word::Drain).map_err(|_| over()),
            Self::Many { asking, .. } => asking.send(Asked::Drain).map_err(|_| over()),
        }
    }

    fn leave(&self, done: oneshot::Sender<()>) -> Result<()> {
        match self {
            Self::Stand(words) => words.send(Word::Leave(done)).map_err(|_| over()),
            Self::Many { asking, .. } => asking.send(Asked::Leave(done)).map_err(|_| over()),
        }
    }
}

fn over() -> Error {
    Error::new("the task that keeps the rooms has ended; its log says why")
}

export_stage!(Livekit);
