//! The two ends of a chain: a source that sends frames of full HD, and a sink that notes when it is entered.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;
use majlis_abi::entry::{Enter, Entry};
use majlis_abi::host::NotEmitted;
use majlis_abi::plugin::{CallHandle, HostHandle};
use majlis_abi::raw::{RawError, RawFlow, RawOpen, error, flow};

/// A frame of 1920 x 1080 pixels of three bytes, and its header. Nobody in a chain looks at it.
pub(crate) const FRAME: usize = 64 + 1_920 * 1_080 * 3;

/// How the source goes on after a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// With the next one as soon as its thread has nothing else to do: on one thread, when the sink has had it.
    Next,
    /// The sink sends the next one, from its own thread: one frame at a time, all threads of the chain asleep but one.
    Answered,
    /// As `Answered`, in one visit.
    AnsweredInVisit,
    /// After this many nanoseconds.
    Every(u64),
    /// At once, for as long as the queue takes them.
    Stream,
}

/// Frames of one call of a source that streams: enough that its wakes do not count.
const IN_A_CALL: usize = 256;

/// What both ends of a chain note, by frame. No edge of a chain drops a packet and each keeps their order, so the n-th
/// that arrives is the n-th that was sent.
pub(crate) struct Tap {
    beat: Beat,
    clock: Instant,
    next: AtomicUsize,
    sent: Box<[AtomicU64]>,
    seen: Box<[AtomicU64]>,
    /// Told once the last frame has arrived.
    done: Sender<()>,
    /// The source's, for the sink that sends in its name.
    origin: Mutex<Option<HostHandle>>,
}

fn zeros(frames: usize) -> Box<[AtomicU64]> {
    (0..frames).map(|_| AtomicU64::new(0)).collect()
}

impl Tap {
    pub(crate) fn new(beat: Beat, frames: usize, done: Sender<()>) -> Self {
        let (sent, seen) = (zeros(frames), zeros(frames));
        Self { beat, clock: Instant::now(), next: AtomicUsize::new(0), sent, seen, done, origin: Mutex::new(None) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Sends the next frame; false after the last one.
    fn send(&self, host: &HostHandle, emit: impl FnOnce(majlis_abi::plugin::Buffer) -> Result<(), NotEmitted>) -> bool {
        let number = self.next.load(Ordering::Relaxed);
        let Some(sent) = self.sent.get(number) else { return false };
        self.next.store(number + 1, Ordering::Relaxed);
        let frame = host.buffer(FRAME).freeze();
        sent.store(self.now(), Ordering::Relaxed);
        // A frame that was not taken is missing at the sink, and the run then fails by its time limit.
        let _ = emit(frame);
        true
    }

    /// By frame, nanoseconds from its emission to the sink's entry.
    pub(crate) fn latencies(&self) -> Vec<u64> {
        let time = |time: &AtomicU64| time.load(Ordering::Relaxed);
        self.sent.iter().zip(&self.seen).map(|(sent, seen)| time(seen).saturating_sub(time(sent))).collect()
    }

    /// By frame, when the sink was entered.
    pub(crate) fn arrivals(&self) -> Vec<u64> {
        self.seen.iter().map(|time| time.load(Ordering::Relaxed)).collect()
    }
}

/// Sends frames.
pub(crate) struct Source {
    tap: Arc<Tap>,
}

impl Source {
    pub(crate) fn new(tap: Arc<Tap>) -> Self {
        Self { tap }
    }
}

impl Enter for Source {
    fn open(&mut self, _: &RawOpen<'_>, host: HostHandle) -> Result<(), RawError> {
        *self.tap.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(host);
        Ok(())
    }

    fn process(&mut self, entry: Entry<'_>, mut call: CallHandle<'_>) -> Result<RawFlow, RawError> {
        let Entry::Wake { due, .. } = entry else { return Ok(RawFlow::CONTINUE) };
        let frames = if self.tap.beat == Beat::Stream { IN_A_CALL } else { 1 };
        if self.tap.beat == Beat::AnsweredInVisit {
            // The visit stays open until the run is over.
            call.open_visit(None).map_err(|_| RawError::new(error::REFUSED, "there is no visit to send frames in"))?;
        }
        let mut more = true;
        for _ in 0..frames {
            let host = call.host().clone();
            more = self.tap.send(&host, |frame| call.emit(0, frame));
        }
        let at = match self.tap.beat {
            Beat::Answered | Beat::AnsweredInVisit => return Ok(RawFlow::CONTINUE),
            Beat::Next | Beat::Stream => due + 1,
            Beat::Every(period) => due + period,
        };
        let kind = if more { flow::WAKE_AT } else { flow::CANCEL_WAKE };
        Ok(RawFlow { kind, reserved: 0, at })
    }
}

/// Notes when it is entered.
pub(crate) struct Sink {
    tap: Arc<Tap>,
    seen: usize,
    origin: Option<HostHandle>,
}

impl Sink {
    pub(crate) fn new(tap: Arc<Tap>) -> Self {
        Self { tap, seen: 0, origin: None }
    }
}

impl Enter for Sink {
    fn open(&mut self, _: &RawOpen<'_>, _: HostHandle) -> Result<(), RawError> {
        Ok(())
    }

    fn process(&mut self, entry: Entry<'_>, _: CallHandle<'_>) -> Result<RawFlow, RawError> {
        let now = self.tap.now();
        let Entry::Packet(packet, _) = entry else { return Ok(RawFlow::CONTINUE) };
        if let Some(seen) = self.tap.seen.get(self.seen) {
            seen.store(now, Ordering::Relaxed);
        }
        self.seen += 1;
        if self.seen == self.tap.seen.len() {
            // Nobody listens any more only if the run was given up.
            let _ = self.tap.done.send(());
        }
        if matches!(self.tap.beat, Beat::Answered | Beat::AnsweredInVisit) {
            // Taken out of the tap, which outlives the run: a handle in it would keep the run alive for ever.
            let tap = &self.tap;
            let host = self.origin.get_or_insert_with(|| {
                let source = tap.origin.lock().unwrap_or_else(PoisonError::into_inner).take();
                source.expect("a source is opened before its first frame")
            });
            let (visit, time) = (packet.visit, packet.time);
            tap.send(host, |frame| host.emit(0, visit, time, frame));
        }
        Ok(RawFlow::CONTINUE)
    }
}
