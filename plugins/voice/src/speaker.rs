use std::collections::HashMap;
use std::sync::Arc;

use majlis_plugin_api::{Audio, Data, Error, Event, Flow, Host, In, Input, Out, Output, Result, Utterance, VisitId};
use parking_lot::Mutex;

use crate::ahead::MadeAhead;
use crate::cache::{Cache, Names};
use crate::packets::{NO_SHAPE, Packets, last};
use crate::saying::{Ends, Saying};
use crate::work::Shared;
use crate::{Ahead, CacheConfig, Voice};

/// More utterances than this that wait for each other in one visit are a mistake of whoever composes them.
const MOST_WAITING: usize = 8;
/// More texts of the greeting than this do not wait to be made ahead.
const MOST_AHEAD: usize = 64;
/// More text than this is no greeting; services take no more either.
const MOST_CHARACTERS: usize = 4_096;

/// The ports of a voice's manifest.
#[derive(Clone, Copy)]
pub struct Ports {
    /// What is to be said.
    pub utterance: In<Utterance>,
    /// What will be said to many, and is made before: it names nobody.
    pub ahead: In<Utterance>,
    /// Its sound: packets of 20 ms.
    pub audio: Out<Audio>,
    /// What this voice cannot say.
    pub unsaid: Out<Utterance>,
    /// What is said when, of a voice that knows it: a [`Phonemes`](crate::Phonemes) for each utterance.
    pub phonemes: Option<Out<Data>>,
}

/// What a voice is opened with besides what is its own.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which sounds are kept.
    pub cache: CacheConfig,
    /// What is made before the first visitor comes.
    pub say_ahead: Vec<Ahead>,
    /// The country (ISO 3166-1 alpha-2) of the service that a voice sends texts to; none: they do not leave the house.
    pub country: Option<String>,
}

/// A voice that is open; a plugin's stage is made of one.
pub struct Speaker<V: Voice> {
    shared: Arc<Shared<V>>,
    country: Option<String>,
    /// The utterances of each visit that are on their way, in order.
    visits: HashMap<Option<VisitId>, Vec<Arc<Saying>>>,
    /// What is made before it is said.
    ahead: MadeAhead<V>,
}

impl<V: Voice> Speaker<V> {
    /// Opens the cache and begins to make what is said ahead.
    ///
    /// # Errors
    /// The store, or a text in `say_ahead` that this voice cannot say.
    pub fn open(voice: V, settings: Settings, ports: Ports, host: &Host) -> Result<Self> {
        let wired = |port: u32| host.wires().iter().any(|wire| !wire.incoming && wire.port == port);
        let shared = Arc::new(Shared {
            voice,
            host: host.clone(),
            ports,
            cache: Cache::open(settings.cache, host)?,
            followed: wired(ports.unsaid.index()),
            phonemes_wired: ports.phonemes.is_some_and(|port| wired(port.index())),
            told: Mutex::default(),
        });
        let speaker = Self { shared, country: settings.country, visits: HashMap::new(), ahead: MadeAhead::default() };
        speaker.say_ahead(&settings.say_ahead, host)?;
        Ok(speaker)
    }

    /// The stage's call: an utterance is said.
    ///
    /// # Errors
    /// This voice cannot say it, and no other follows.
    pub fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        let Input::Packet(packet) = input else {
            return Ok(Flow::Continue);
        };
        if let Some(utterance) = packet.get(self.shared.ports.utterance)? {
            self.say(packet.visit(), utterance, out)?;
        } else if let Some(utterance) = packet.get(self.shared.ports.ahead)? {
            self.make_ahead(&utterance)?;
        }
        Ok(Flow::Continue)
    }

    /// The stage's events: what nobody wants any more is broken off.
    ///
    /// # Errors
    /// A packet could not be made.
    pub fn event(&mut self, event: Event, out: &mut Output<'_>) -> Result<Flow> {
        match event {
            Event::Flush(visit) => {
                for saying in self.visits.remove(&Some(visit)).unwrap_or_default() {
                    saying.stop.set();
                    if !saying.is_told() {
                        // Its thread cannot say it, whether it has ended already or not: what it still sends is dropped.
                        self.say_that_it_is_over(&saying, out)?;
                    }
                }
            }
            Event::VisitClosed(visit, _) => {
                for saying in self.visits.remove(&Some(visit)).unwrap_or_default() {
                    saying.stop.set();
                }
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn say(&mut self, visit: Option<VisitId>, utterance: Utterance, out: &mut Output<'_>) -> Result<()> {
        let said = self.country.as_ref().map_or(utterance.speak.as_str(), |country| utterance.speak_in(country)).trim();
        let saying = Arc::new(Saying::new(utterance.number));
        if said.is_empty() {
            // Only for the eye. Whoever waits for its sound is told that there is none.
            return self.say_that_it_is_over(&saying, out);
        }
        let length = said.chars().count();
        let text = (length <= MOST_CHARACTERS).then(|| self.shared.text(said, &utterance)).flatten();
        let Some(text) = text else {
            if self.shared.followed {
                out.fact("said by", "the next voice");
                return out.emit(self.shared.ports.unsaid, utterance);
            }
            self.say_that_it_is_over(&saying, out)?;
            return Err(unsayable(length, &utterance.language));
        };
        let sayings = self.visits.entry(visit).or_default();
        sayings.retain(|saying| !saying.is_over());
        if sayings.len() == MOST_WAITING {
            self.say_that_it_is_over(&saying, out)?;
            return Err(Error::new(format!(
                "{MOST_WAITING} utterances of this visit wait to be heard; no more are taken"
            )));
        }
        let kept = text.key.as_ref().and_then(|key| self.shared.cache.in_memory(key));
        let opening = if kept.is_none() { self.shared.opening(said, &utterance) } else { None };
        let where_from = match (&kept, &opening) {
            (Some(_), _) => "in memory",
            (None, Some(_)) => "its opening in memory",
            (None, None) => "to be made",
        };
        out.fact("sound", where_from);
        let (pending, before) = (out.defer("speak"), sayings.last().cloned());
        saying.stop.follow(&pending);
        sayings.push(Arc::clone(&saying));
        let (shared, ends) = (Arc::clone(&self.shared), Ends(Arc::clone(&saying)));
        let mut packets = Packets::new(pending, saying, before, shared.host.clone(), shared.ports.audio);
        if let Some(sound) = kept.as_ref().or(opening.as_ref().map(|opening| &opening.sound)) {
            // What is at hand need not wait for a thread; what stops it here stops it there as well.
            let _ = packets.offer(sound);
        }
        self.shared.host.spawn("voice", move || shared.say(&text, opening, utterance, ends, packets))
    }

    /// The last packet of an utterance of which no more comes.
    fn say_that_it_is_over(&self, saying: &Saying, out: &mut Output<'_>) -> Result<()> {
        let (rate, channels) = saying.far().shape.unwrap_or(NO_SHAPE);
        let packet = last(&self.shared.host, saying, rate, channels)?;
        out.emit(self.shared.ports.audio, packet)
    }

    /// What the operator's file says is made while the stage opens.
    fn say_ahead(&self, ahead: &[Ahead], host: &Host) -> Result<()> {
        let mut texts = Vec::with_capacity(ahead.len());
        for (at, Ahead { text, language }) in ahead.iter().enumerate() {
            let utterance = Utterance::plain(text.trim(), language.as_deref().unwrap_or(host.language()));
            let text = self.shared.text(&utterance.speak, &utterance).ok_or_else(|| {
                Error::config(format!("say_ahead[{at}]"), format!("this voice does not speak `{}`", utterance.language))
            })?;
            texts.push(text);
        }
        self.ahead.make(&self.shared, texts)
    }

    /// What the greeting says that it will say. Of what this voice cannot say, nothing is made, and nobody misses it yet.
    fn make_ahead(&self, utterance: &Utterance) -> Result<()> {
        let text = utterance.speak.trim();
        // Of no use where it is not used (see `Shared::opening`), and where whoever comes first would wait behind too many.
        let is_of_use = (utterance.opening.is_empty() || !self.shared.followed) && self.ahead.waiting() < MOST_AHEAD;
        let fits = is_of_use && !text.is_empty() && text.chars().count() <= MOST_CHARACTERS;
        let text = fits.then(|| self.shared.text(text, utterance)).flatten();
        self.ahead.make(
            &self.shared,
            text.into_iter().filter(|text| text.key.is_some() && text.names == Names::Nobody).collect(),
        )
    }
}

impl<V: Voice> Drop for Speaker<V> {
    fn drop(&mut self) {
        // The host cancels what the instance began; what runs ahead is no work of a visit, and nobody else ends it.
        self.ahead.stop();
        for saying in self.visits.values().flatten() {
            saying.stop.set();
        }
    }
}

fn unsayable(length: usize, language: &str) -> Error {
    if length > MOST_CHARACTERS {
        return Error::new(format!("the text has {length} characters; a voice says {MOST_CHARACTERS} at most"));
    }
    Error::new(format!(
        "this voice has nothing for this text in `{language}`, and no other voice follows: configure it for this language, or \
         wire a voice that speaks it to the output `unsaid`"
    ))
}
