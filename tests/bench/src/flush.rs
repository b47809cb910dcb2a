//! From the moment at which an utterance is interrupted to the last of it that is heard: what interrupts, and what plays.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use majlis_abi::entry::{Enter, Entry, stage_box};
use majlis_abi::plugin::{CallHandle, HostHandle};
use majlis_abi::raw::{RawError, RawFlow, RawOpen, flow};
use majlis_plugin_api::{Audio, Message as _, Utterance};

use crate::chain::Plugins;
use crate::voice::{GREETING, need_espeak};

pub(crate) const INTERRUPTER: &str = "bench-interrupter";
pub(crate) const PLAYER: &str = "bench-player";

/// Interruptions that are measured.
const INTERRUPTIONS: usize = 40;
/// Each utterance is interrupted when it has been said for so long: in the middle of it, with its queue full.
const SAID_FOR: Duration = Duration::from_millis(190);
/// Whoever plays a packet is busy for as long as it is heard.
const PACKET: Duration = Duration::from_millis(20);

struct Notes {
    clock: Instant,
    /// By utterance, when it was interrupted, and when the last of it that was heard began to be played; 0: never.
    interrupted: Vec<AtomicU64>,
    last: Vec<AtomicU64>,
    /// When the first of it was played.
    first: Vec<AtomicU64>,
    done: Sender<()>,
}

impl Notes {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Milliseconds for which an interrupted utterance is still heard, one for each interruption.
pub(crate) fn lengths(plugins: &Plugins, pipeline: &Path) -> Vec<Result<f64, String>> {
    if let Err(reason) = need_espeak() {
        return vec![Err(reason)];
    }
    let (done, hear) = crossbeam_channel::bounded(1);
    let times = || (0..=INTERRUPTIONS).map(|_| AtomicU64::new(0)).collect();
    let notes = Arc::new(Notes { clock: Instant::now(), interrupted: times(), last: times(), first: times(), done });
    let of_ends = Arc::clone(&notes);
    let end = move |plugin: &str| match plugin {
        INTERRUPTER => Some(stage_box(Interrupter { notes: Arc::clone(&of_ends), said: 0 })),
        PLAYER => Some(stage_box(Player(Arc::clone(&of_ends)))),
        _ => None,
    };
    if let Err(reason) = plugins.run_between(pipeline, true, Arc::new(end), &hear) {
        return vec![Err(reason)];
    }
    let time = |times: &[AtomicU64], place: usize| times[place].load(Ordering::Relaxed) as f64 / 1e6;
    // The first one opens the voice.
    (1..=INTERRUPTIONS)
        .map(|place| {
            let (interrupted, last) = (time(&notes.interrupted, place), time(&notes.last, place));
            let next = if place < INTERRUPTIONS { time(&notes.first, place + 1) } else { 0.0 };
            if last == 0.0 {
                return Err(format!("utterance {place} was not heard at all"));
            }
            if next != 0.0 && next < last {
                return Err(format!("utterance {place} is heard after the next one has begun"));
            }
            Ok((last + PACKET.as_secs_f64() * 1e3 - interrupted).max(0.0))
        })
        .collect()
}

/// Says one utterance after the other, each in place of the one before.
struct Interrupter {
    notes: Arc<Notes>,
    said: usize,
}

impl Enter for Interrupter {
    fn open(&mut self, _: &RawOpen<'_>, _: HostHandle) -> Result<(), RawError> {
        Ok(())
    }

    fn process(&mut self, _: Entry<'_>, mut call: CallHandle<'_>) -> Result<RawFlow, RawError> {
        let host = call.host().clone();
        if self.said == 0 {
            // Everything is of this one visit.
            let _ = call.open_visit(None);
        } else {
            self.notes.interrupted[self.said - 1].store(self.notes.now(), Ordering::Relaxed);
            call.flush(0);
        }
        if self.said > INTERRUPTIONS {
            // Nobody listens any more only if the run was given up.
            let _ = self.notes.done.send(());
            return Ok(RawFlow::CONTINUE);
        }
        let text = format!("{GREETING} {} {GREETING} {GREETING}", self.said);
        let utterance = Utterance { number: self.said as u64 + 1, ..Utterance::plain(&text, "ar") };
        if let Ok(buffer) = utterance.encode(&host) {
            // What was not taken is not heard, and is then an error.
            let _ = call.emit(0, buffer);
        }
        self.said += 1;
        let at = host.now() + u64::try_from(SAID_FOR.as_nanos()).unwrap_or(u64::MAX);
        Ok(RawFlow { kind: flow::WAKE_AT, reserved: 0, at })
    }
}

/// Plays each packet for as long as it lasts.
struct Player(Arc<Notes>);

impl Enter for Player {
    fn open(&mut self, _: &RawOpen<'_>, _: HostHandle) -> Result<(), RawError> {
        Ok(())
    }

    fn process(&mut self, entry: Entry<'_>, _: CallHandle<'_>) -> Result<RawFlow, RawError> {
        let now = self.0.now();
        let Entry::Packet(_, buffer) = entry else { return Ok(RawFlow::CONTINUE) };
        let audio = Audio::decode(&buffer, Audio::TYPE)?;
        let place = usize::try_from(audio.piece().utterance).unwrap_or(usize::MAX).wrapping_sub(1);
        if audio.samples().is_empty() || place > INTERRUPTIONS {
            return Ok(RawFlow::CONTINUE);
        }
        let _ = self.0.first[place].compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.0.last[place].store(now, Ordering::Relaxed);
        std::thread::sleep(PACKET);
        Ok(RawFlow::CONTINUE)
    }
}
