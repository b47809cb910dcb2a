//! A LiveKit room as a stage: visitors come in with their cameras, and hear and read what is said to them.
//!
//! The decision that shapes it: **what is decided is decided by machines that do nothing, and one actor carries it out**. Who is a
//! visitor (`guests`), whom the room invited (`avatars`) and who has the floor (`floor`) are pure: moments and what
//! happened in, what is to be done out. So each order of events can be tried in a test, and there is one place where the room is
//! touched (`room`). The stage's calls only hand over, and never wait, but for the last one.
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
mod guests;
mod library;
mod mouth;
mod pace;
mod picture;
mod resample;
mod room;
mod running;
mod scribe;
mod session;
mod signs;
mod word;

use std::collections::BTreeSet;
use std::time::Duration;

use majlis_livekit_dispatch::{Address, Api, ClientOptions, Keys};
use majlis_plugin_api::{
    Audio, AvatarSeen, Delivered, Error, Event, Flow, Frame, Host, Input, Invite, Output, Result, RoomOrder, Stage,
    Tasks, Utterance, export_stage, manifest,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

pub use config::{Config, Visits};
use floor::Key;
use room::{Keeper, Means};
use word::{Word, sound};

manifest! {
    name: "livekit",
    summary: "A LiveKit room: visitors' cameras in, speech and text out",
    inputs: { #[optional] #[many] audio: Audio, #[optional] utterance: Utterance, #[optional] order: RoomOrder },
    outputs: { #[origin] frame: Frame, #[origin] invite: Invite, #[origin] seen: AvatarSeen, #[feedback] delivered: Delivered },
    milestones: ["heard"],
    native: ["livekit_ffi"],
    capabilities: ["acts-on-events"],
    schema: "../config.schema.json",
}

/// The end of the stage waits so long for the room to be left.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// The stage.
pub struct Livekit {
    words: UnboundedSender<Word>,
    /// Sounds of which more is to come.
    sounds: BTreeSet<Key>,
    // Last: what runs there ends when nobody hands over any more.
    tasks: Tasks,
}

impl Stage for Livekit {
    type Config = Config;

    fn open(config: Config, host: &Host) -> Result<Self> {
        config.check()?;
        let is_wired = |port: u32| host.wires().iter().any(|wire| wire.incoming && wire.port == port);
        let ordered = is_wired(input::order.index());
        if ordered && is_wired(input::audio.index()) && !is_wired(input::utterance.index()) {
            return Err(Error::new(
                "the input `utterance` is not wired: an avatar hears speech only where it is known whether it names \
                 somebody; wire the stage that composes what is said",
            ));
        }
        let address = Address::parse(&config.url).map_err(|error| Error::config("url", error.to_string()))?;
        let keys = Keys::new(&config.key, &config.secret).map_err(|error| Error::config("key", error.to_string()))?;
        let options =
            ClientOptions { ca_file: config.ca_file.as_ref().map(|path| host.path(path)), ..Default::default() };
        let api = Api::open(address, keys.clone(), &options)?;
        let library = config.library.as_ref().map(|path| host.path(path));
        let ffi = library::open(library.as_deref(), host)?;
        let tasks = Tasks::new(host)?;
        let (words, next) = unbounded_channel();
        let means = Means { host: host.clone(), config, ffi, keys, api, ordered, words: next };
        let keeper = Keeper::new(means)?;
        tasks.spawn_apart(keeper.keep());
        Ok(Self { words, sounds: BTreeSet::new(), tasks })
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        // A wake is that of a source, which has nothing to do by itself: what comes, comes from the room.
        let Input::Packet(packet) = input else { return Ok(Flow::Continue) };
        let visit = packet.visit();
        if let Some(audio) = packet.get(input::audio)? {
            let key = Key { visit, edge: packet.edge(), utterance: audio.piece().utterance };
            let sound = sound(&audio)?;
            let is_first = !sound.samples.is_empty() && self.sounds.insert(key);
            if sound.last {
                self.sounds.remove(&key);
            }
            let work = is_first.then(|| out.defer("speech"));
            self.hand_over(Word::Heard(key, sound, work))?;
        } else if let Some(utterance) = packet.get(input::utterance)? {
            self.hand_over(Word::Said(visit, utterance))?;
        } else if let Some(order) = packet.get(input::order)? {
            self.hand_over(Word::Order(visit, order))?;
        }
        Ok(Flow::Continue)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::VisitOpened(visit) => self.hand_over(Word::Opened(visit, out.now()))?,
            Event::VisitClosed(visit, _) => {
                self.sounds.retain(|key| key.visit != Some(visit));
                self.hand_over(Word::Closed(visit))?;
            }
            Event::Flush(visit) => self.hand_over(Word::Flush(visit))?,
            Event::Drain { .. } => self.hand_over(Word::Drain)?,
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn close(self, _: &Host) -> Result<()> {
        let (done, left) = oneshot::channel();
        self.hand_over(Word::Leave(done))?;
        let left = async { timeout(LEAVE_WITHIN, left).await };
        if let Some(Err(_)) = self.tasks.wait_for(std::future::pending(), left) {
            tracing::warn!("the room was not left within {LEAVE_WITHIN:?}; the server forgets the agent by itself");
        }
        Ok(())
    }
}

impl Livekit {
    fn hand_over(&self, word: Word) -> Result<()> {
        self.words.send(word).map_err(|_| Error::new("the task that keeps the room has ended; its log says why"))
    }
}

export_stage!(Livekit);
