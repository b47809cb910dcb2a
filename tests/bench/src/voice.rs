//! From an utterance to the first packet of its sound: what composes, and what hears.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;
use majlis_abi::entry::{Enter, Entry, stage_box};
use majlis_abi::host::NotEmitted;
use majlis_abi::plugin::{Buffer, CallHandle, HostHandle};
use majlis_abi::raw::{RawError, RawFlow, RawOpen};
use majlis_plugin_api::{Audio, Message as _, Utterance};

use crate::chain::Plugins;

pub(crate) const COMPOSER: &str = "bench-composer";
pub(crate) const EAR: &str = "bench-ear";

/// Utterances of a run.
const UTTERANCES: usize = 60;
/// The first of them open the stage's libraries, and fill the cache where it is measured.
const WARM: usize = 5;
/// A greeting of usual length; fully vocalised, as all of them are.
pub(crate) const GREETING: &str = "اَلسَّلَامُ عَلَيْكُمْ وَرَحْمَةُ اللهِ وَبَرَكَاتُهُ، أَهْلًا وَسَهْلًا بِكُمْ";

/// What both ends note.
struct Notes {
    clock: Instant,
    /// Whether each text is that of the first utterance.
    again: bool,
    /// When each utterance went out, and when its first packet was heard; 0: not yet.
    sent: Vec<AtomicU64>,
    heard: Vec<AtomicU64>,
    done: Sender<()>,
    /// The composer's, for the ear, which asks for the next one.
    origin: Mutex<Option<HostHandle>>,
}

impl Notes {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sends the utterance at this place.
    fn say(&self, place: usize, host: &HostHandle, emit: impl FnOnce(Buffer) -> Result<(), NotEmitted>) {
        let text = if self.again { GREETING.to_owned() } else { format!("{GREETING} {place}") };
        let utterance = Utterance { number: place as u64 + 1, ..Utterance::plain(&text, "ar") };
        let Ok(buffer) = utterance.encode(host) else { return };
        self.sent[place].store(self.now(), Ordering::Relaxed);
        // What was not taken is not heard, and the run then fails by its time limit.
        let _ = emit(buffer);
    }
}

/// Whether the program that speaks is here.
pub(crate) fn need_espeak() -> Result<(), String> {
    let there = Command::new("espeak-ng").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err("there is no espeak-ng; `apt-get install espeak-ng` installs it".to_owned())
}

/// Milliseconds to the first packet, one for each utterance: of texts that are new each time, or of one that is said again.
pub(crate) fn first_packets(plugins: &Plugins, pipeline: &Path, again: bool) -> Vec<Result<f64, String>> {
    if let Err(reason) = need_espeak() {
        return vec![Err(reason)];
    }
    let (done, hear) = crossbeam_channel::bounded(1);
    let times = || (0..UTTERANCES).map(|_| AtomicU64::new(0)).collect();
    let notes =
        Arc::new(Notes { clock: Instant::now(), again, sent: times(), heard: times(), done, origin: Mutex::new(None) });
    let of_ends = Arc::clone(&notes);
    let end = move |plugin: &str| match plugin {
        COMPOSER => Some(stage_box(Composer(Arc::clone(&of_ends)))),
        EAR => Some(stage_box(Ear { notes: Arc::clone(&of_ends), origin: None })),
        _ => None,
    };
    if let Err(reason) = plugins.run_between(pipeline, true, Arc::new(end), &hear) {
        return vec![Err(reason)];
    }
    let time = |time: &AtomicU64| time.load(Ordering::Relaxed) as f64 / 1e6;
    notes.sent.iter().zip(&notes.heard).skip(WARM).map(|(sent, heard)| Ok(time(heard) - time(sent))).collect()
}

/// Sends the first utterance; the ear asks for the others.
struct Composer(Arc<Notes>);

impl Enter for Composer {
    fn open(&mut self, _: &RawOpen<'_>, host: HostHandle) -> Result<(), RawError> {
        *self.0.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(host);
        Ok(())
    }

    fn process(&mut self, _: Entry<'_>, mut call: CallHandle<'_>) -> Result<RawFlow, RawError> {
        let host = call.host().clone();
        self.0.say(0, &host, |buffer| call.emit(0, buffer));
        Ok(RawFlow::CONTINUE)
    }
}

/// Notes when it hears the first of an utterance; after its last the next one is said.
struct Ear {
    notes: Arc<Notes>,
    origin: Option<HostHandle>,
}

impl Enter for Ear {
    fn open(&mut self, _: &RawOpen<'_>, _: HostHandle) -> Result<(), RawError> {
        Ok(())
    }

    fn process(&mut self, entry: Entry<'_>, _: CallHandle<'_>) -> Result<RawFlow, RawError> {
        let now = self.notes.now();
        let Entry::Packet(packet, buffer) = entry else { return Ok(RawFlow::CONTINUE) };
        let audio = Audio::decode(&buffer, Audio::TYPE)?;
        let place = usize::try_from(audio.piece().utterance).unwrap_or(usize::MAX).wrapping_sub(1);
        let Some(heard) = self.notes.heard.get(place) else { return Ok(RawFlow::CONTINUE) };
        if audio.piece().position == 0 && !audio.samples().is_empty() {
            heard.store(now, Ordering::Relaxed);
        }
        if !audio.piece().last {
            return Ok(RawFlow::CONTINUE);
        }
        if place + 1 == UTTERANCES {
            // Nobody listens any more only if the run was given up.
            let _ = self.notes.done.send(());
            return Ok(RawFlow::CONTINUE);
        }
        // Taken out of the notes, which outlive the run: a handle in them would keep the run alive for ever.
        let notes = &self.notes;
        let host = self.origin.get_or_insert_with(|| {
            let composer = notes.origin.lock().unwrap_or_else(PoisonError::into_inner).take();
            composer.expect("a composer is opened before its first utterance")
        });
        notes.say(place + 1, host, |buffer| host.emit(0, 0, packet.time, buffer));
        Ok(RawFlow::CONTINUE)
    }
}
