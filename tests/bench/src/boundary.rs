//! One call across the boundary, without a runtime around it: the real `identity` between a host that does nothing.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use majlis_abi::host::{Awaited, CallSide, Closing, Ending, HostSide, NoVisit, NotEmitted, Notice, PendingSide};
use majlis_abi::host::{host_handle, with_call};
use majlis_abi::plugin::{Buffer, BufferMut};
use majlis_abi::raw::{RawInput, RawOpen, RawPacket, StageBox};
use majlis_meter::{CallMeter, Clock, Monotonic, Pool};

use crate::stages::FRAME;

const CALLS: u32 = 100_000;

/// A host that has buffers and a clock.
struct Bare {
    clock: Monotonic,
    pool: Pool,
}

struct NoWork;

/// Lets go of what a call emits.
struct Taker;

impl HostSide for Bare {
    type Pending = NoWork;
    fn now(&self) -> u64 {
        self.clock.now()
    }
    fn buffer(&self, len: usize) -> BufferMut {
        self.pool.buffer(0, len)
    }
    fn log_enabled(&self, _: u32, _: &str) -> bool {
        false
    }
    fn log(&self, _: u32, _: &str, _: &str) {}
    fn print(&self, _: u64, _: &str) {}
    fn model(&self, name: &str) -> Result<String, String> {
        Err(format!("there is no model `{name}` here"))
    }
    fn open_visit(&self, _: Option<u64>) -> Result<u64, NoVisit> {
        Err(NoVisit::Draining)
    }
    fn close_visit(&self, _: u64, _: Closing) {}
    fn emit(&self, _: u32, _: u64, _: u64, _: Buffer) -> Result<(), NotEmitted> {
        Err(NotEmitted::Gone)
    }
    fn adopt_thread(&self, _: &str) -> usize {
        0
    }
    fn leave_thread(&self, _: usize) {}
    fn service(&self, service: &str, _: &str, _: &[u8]) -> Result<Vec<u8>, String> {
        Err(format!("there is no service `{service}` here"))
    }
}

impl PendingSide for NoWork {
    fn emit(&self, _: u32, _: Buffer) -> Result<(), NotEmitted> {
        Err(NotEmitted::Gone)
    }
    fn notify(&self, _: Awaited, notice: Notice) {
        notice.give();
    }
    fn cancelled(&self) -> bool {
        true
    }
    fn mark(&self, _: &str) {}
    fn milestone(&self, _: &str) {}
    fn visit(&self) -> u64 {
        0
    }
    fn end(self: Arc<Self>, _: Ending) {}
}

impl CallSide for Taker {
    type Host = Bare;
    #[inline(never)]
    fn emit(&mut self, _: u32, buffer: Buffer) -> Result<(), NotEmitted> {
        drop(black_box(buffer));
        Ok(())
    }
    #[inline(never)]
    fn forward(&mut self, output: u32) -> Result<(), NotEmitted> {
        black_box(output);
        Ok(())
    }
    fn open_visit(&mut self, _: Option<u64>) -> Result<u64, NoVisit> {
        Err(NoVisit::Draining)
    }
    fn defer(&mut self, _: &str) -> Arc<NoWork> {
        Arc::new(NoWork)
    }
    fn flush(&mut self, _: u32) {}
    fn milestone(&mut self, _: &str) {}
    fn step(&mut self, _: &str) {}
    fn fact(&mut self, _: &str, _: &str) {}
    fn cancelled(&self) -> bool {
        false
    }
    fn visit(&self) -> u64 {
        0
    }
}

/// What `identity` does, as a function of this program.
#[inline(never)]
fn direct(frame: &Buffer, call: &mut Taker) -> Result<(), NotEmitted> {
    black_box(frame);
    call.forward(0)
}

fn each(mut once: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..CALLS {
        once();
    }
    begun.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

/// Nanoseconds of one round.
pub(crate) struct Round {
    /// A call across the boundary with metering, less a direct one.
    pub(crate) overhead: f64,
    /// Metering alone.
    pub(crate) meter: f64,
}

/// Rounds of direct calls, metered calls across the boundary and the meter alone, in turn.
pub(crate) fn rounds(mut stage: StageBox, rounds: usize) -> Result<Vec<Round>, String> {
    let clock = Monotonic::new();
    let pool = Pool::new(1).map_err(|error| error.to_string())?;
    let host = host_handle(Arc::new(Bare { clock: clock.clone(), pool }));
    let open = RawOpen {
        config: "{}".into(),
        stage: "identity".into(),
        language: "en".into(),
        time_zone: "UTC".into(),
        base: "".into(),
        edges: (&[][..]).into(),
        host: host.as_raw(),
    };
    stage.open(&open).into_result().map_err(|error| error.message.to_string())?;
    let frame = host.buffer(FRAME).freeze();
    let packet = RawPacket { input: 0, edge: 0, sequence: 1, time: 0, visit: 0, cause: 0, buffer: frame.as_raw() };
    let clock: &dyn Clock = &clock;
    let mut failed = None;
    let measured = (0..rounds)
        .map(|_| {
            let direct = each(|| drop(black_box(direct(black_box(&frame), &mut Taker))));
            let across = each(|| {
                let meter = CallMeter::start(clock);
                let flow = with_call(&mut Taker, |call| stage.process(black_box(&RawInput::packet(&packet)), call));
                black_box(meter.stop(clock));
                failed = flow.into_result().err().or(failed.take());
            });
            let meter = each(|| _ = black_box(CallMeter::start(clock).stop(clock)));
            Round { overhead: across - direct, meter }
        })
        .collect();
    failed.map_or(Ok(measured), |error| Err(error.message.to_string()))
}
