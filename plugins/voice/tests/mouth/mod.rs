//! A voice whose sound is known beforehand, in a stage on a real store.

#![allow(dead_code)] // each test file uses a part

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use majlis_plugin_api::{
    self as api, Audio, Data, Error, Event, Flow, Host, In, Input, Out, Output, Stage, Utterance, Value, VisitId,
};
use majlis_store::{Service, Store};
use majlis_testkit::{Builder, Ending, Kit};
use majlis_voice::{Phoneme, Phonemes, Ports, Settings, Speaker, Speech, Voice};
use parking_lot::Mutex;
use serde_json::json;

pub(crate) const UTTERANCE: In<Utterance> = In::at(0);
pub(crate) const AHEAD: In<Utterance> = In::at(1);
pub(crate) const AUDIO: Out<Audio> = Out::at(0);
pub(crate) const UNSAID: Out<Utterance> = Out::at(1);
pub(crate) const SPOKEN: Out<Data> = Out::at(2);
/// 20 ms are 320 samples.
pub(crate) const RATE: u32 = 16_000;
/// Longer than any thread needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the voice did, and what it waits for.
#[derive(Default)]
pub(crate) struct Doings {
    pub(crate) said: Mutex<Vec<String>>,
    pub(crate) stopped: AtomicUsize,
    gates: Mutex<Vec<Receiver<()>>>,
}

impl Doings {
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().clone()
    }

    /// A text with `|` waits there until the gate is opened; dropping it breaks the voice.
    pub(crate) fn gate(&self) -> Sender<()> {
        let (gate, opened) = channel();
        self.gates.lock().push(opened);
        gate
    }
}

/// Each letter is 10 ms of its own number; `|` waits for a gate, `'` is half a sample, `!` fails; it speaks no `xx`.
struct Mouth(Arc<Doings>);

impl Voice for Mouth {
    type Manner = ();

    fn manner(&self, _: &str, utterance: &Utterance) -> Option<()> {
        (utterance.language != "xx").then_some(())
    }

    fn key(&self, (): &()) -> Option<String> {
        Some("mouth".into())
    }

    fn say(&self, (): &(), text: &str, speech: &mut Speech) -> api::Result<()> {
        self.0.said.lock().push(text.to_owned());
        let doings = Arc::clone(&self.0);
        speech.stop().then(move || _ = doings.stopped.fetch_add(1, Ordering::SeqCst));
        speech.begin(RATE, 1)?;
        for letter in text.bytes() {
            match letter {
                b'!' => return Err(Error::new("the mouth is dry")),
                b'|' => {
                    let gate = self.0.gates.lock().remove(0);
                    gate.recv().map_err(|_| Error::new("the gate broke"))?;
                }
                b'\'' => speech.write(&[letter])?,
                letter => speech.write(&samples(letter))?,
            }
        }
        let phoneme = Phoneme { symbol: "a".into(), start_ms: 0.0, end_ms: 10.0, word: 0 };
        speech.tell(Phonemes { alphabet: "ipa".into(), estimated: true, phonemes: vec![phoneme] });
        Ok(())
    }
}

/// 10 ms of a letter.
pub(crate) fn samples(letter: u8) -> Vec<u8> {
    i16::from(letter).to_le_bytes().repeat(RATE as usize / 100)
}

/// The sound of a text.
pub(crate) fn sound(text: &str) -> Vec<u8> {
    text.bytes().filter(|letter| !matches!(letter, b'|' | b'\'')).flat_map(samples).collect()
}

/// A stage with that voice. Its configuration is none: what it is opened with stands here.
pub(crate) struct Spoken(Speaker<Mouth>);

thread_local! {
    static NEXT: std::cell::RefCell<Option<(Arc<Doings>, Settings)>> = const { std::cell::RefCell::new(None) };
}

impl Stage for Spoken {
    type Config = Value;

    fn open(_: Value, host: &Host) -> api::Result<Self> {
        let (doings, settings) = NEXT.take().expect("a test opens it");
        let ports = Ports { utterance: UTTERANCE, ahead: AHEAD, audio: AUDIO, unsaid: UNSAID, phonemes: Some(SPOKEN) };
        Speaker::open(Mouth(doings), settings, ports, host).map(Self)
    }

    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> api::Result<Flow> {
        self.0.process(&input, out)
    }

    fn event(&mut self, event: Event, out: &mut Output<'_>) -> api::Result<Flow> {
        self.0.event(event, out)
    }
}

pub(crate) fn opened(settings: Settings, builder: Builder<Spoken>) -> (Kit<Spoken>, Arc<Doings>) {
    let doings = Arc::new(Doings::default());
    NEXT.set(Some((Arc::clone(&doings), settings)));
    (builder.open(json!({})).expect("it opens"), doings)
}

/// A voice at the end of a chain.
pub(crate) fn alone() -> (Kit<Spoken>, Arc<Doings>) {
    opened(Settings::default(), Kit::builder())
}

/// A builder with the store in this folder.
pub(crate) fn with_store(folder: &Path) -> Builder<Spoken> {
    let service = Service::new(Store::new(folder.join("store")));
    Kit::builder().service("store", move |method, request| service.answer(method, request))
}

pub(crate) fn numbered(number: u64, text: &str) -> Utterance {
    Utterance { number, ..Utterance::plain(text, "en") }
}

/// All work that was begun has ended, in this way.
pub(crate) fn ended(kit: &mut Kit<Spoken>) -> Vec<Ending> {
    kit.wait(PATIENCE, |kit| kit.works().iter().all(|work| work.ended.is_some())).expect("no call fails");
    kit.works().into_iter().filter_map(|work| work.ended).collect()
}

/// The sound of an utterance as it was sent: its packets are in order, without a gap, and the last says so.
pub(crate) fn heard(kit: &Kit<Spoken>, visit: VisitId, number: u64) -> Vec<u8> {
    let (mut all, mut over) = (Vec::new(), false);
    for (whose, packet) in kit.emitted(AUDIO) {
        let piece = packet.piece();
        if piece.utterance != number {
            continue;
        }
        assert_eq!(whose, Some(visit));
        assert!(!over, "nothing comes after the last packet");
        assert_eq!(piece.position as usize * 2, all.len(), "there is no gap");
        all.extend_from_slice(packet.samples());
        over = piece.last;
    }
    assert!(over, "utterance {number} has no last packet");
    all
}
