//! What a stage call costs: `cargo run --release -p majlis-runtime --example chain`.
//!
//! Five stages that pass packets on stand behind the real boundary, in this process. On one thread the figure is the
//! time of a stage; on five it is that of one packet through all of them, the next one sent when it has come out.
#![allow(clippy::unwrap_used, reason = "it measures, and says where it could not")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::time::Instant;

use common::{At, Bench, Door, Log, num, out, script};
use majlis_abi::entry::stage_box;
use majlis_meter::Monotonic;
use majlis_plugin_api::export::Exported;
use majlis_plugin_api::{Any, Flow, Host, Input, Out, Output, Result, Stage, Value};
use majlis_runtime::{OpenError, Opened, Opener};

#[global_allocator]
static ALLOCATOR: majlis_meter::Jemalloc = majlis_meter::Jemalloc;

const STAGES: usize = 5;
const PASSED: Out<Any> = Out::at(0);

struct Identity;

impl Stage for Identity {
    type Config = Value;
    fn open(_: Value, _: &Host) -> Result<Self> {
        Ok(Self)
    }
    fn process(&mut self, input: Input<'_>, out: &mut Output<'_>) -> Result<Flow> {
        if let Input::Packet(packet) = input {
            out.forward(PASSED, &packet)?;
        }
        Ok(Flow::Continue)
    }
}

/// The first and the last stage are closures, those between them pass packets on.
struct Chain;

impl Opener for Chain {
    fn create(&self, stage: usize) -> std::result::Result<Opened, OpenError> {
        let made = match stage {
            0 | 6 => stage_box(Exported::<common::Scripted>::new()),
            _ => stage_box(Exported::<Identity>::new()),
        };
        Ok(Opened { stage: made })
    }
}

fn bench(metering: bool) -> Bench {
    let mut bench = Bench::new();
    bench.clock = Arc::new(Monotonic::new());
    bench.opener = Arc::new(Chain);
    bench.metering = metering;
    bench
}

const NAMES: [&str; STAGES + 2] = ["source", "a", "b", "c", "d", "e", "sink"];

/// Nanoseconds of a round through so many stages of one thread, the fastest of 300 rounds: the others were
/// disturbed. And bytes that it allocates.
fn round(stages: usize, metering: bool, visit: bool) -> (f64, f64) {
    const ROUNDS: u64 = 300;
    const CALLS: u64 = 300;
    // Of a visit one packet at a time, as a camera would send them.
    let batch = if visit { 1 } else { 10 };
    let log = Log::new();
    let mut bench = bench(metering);
    let said = log.clone();
    bench
        .stage("source", move |_| {
            let (said, mut calls, mut begun) = (said.clone(), 0, (Instant::now(), 0));
            let mut opened = None;
            script(move |entry, out| {
                let At::Wake(..) = entry else { return Ok(Flow::Continue) };
                if visit && opened.is_none() {
                    opened = Some(out.open_visit()?);
                    return Ok(Flow::WakeAt(out.now()));
                }
                let bytes = majlis_meter::thread::counters().0;
                if calls > 0 && calls % CALLS == 0 {
                    let packets = (batch * CALLS) as f64;
                    said.say(format!(
                        "{} {}",
                        begun.0.elapsed().as_nanos() as f64 / packets,
                        (bytes - begun.1) as f64 / packets
                    ));
                }
                if calls % CALLS == 0 {
                    begun = (Instant::now(), majlis_meter::thread::counters().0);
                }
                if calls == ROUNDS * CALLS {
                    drop(opened.take());
                    return Ok(Flow::Ended);
                }
                calls += 1;
                for value in 0..batch {
                    match &opened {
                        Some(visit) => {
                            let _ = out.host().origin().emit(self::out(0), Some(visit.id()), out.now(), num(value));
                        }
                        None => out.emit(self::out(0), num(value))?,
                    }
                }
                Ok(Flow::WakeAt(out.now()))
            })
        })
        .thread("all");
    for name in &NAMES[1..=stages] {
        bench.stage(name, |_| script(|_, _| Ok(Flow::Continue))).thread("all");
    }
    bench.chain(&NAMES[..=stages]);
    bench.start().wait();
    let figures = log.lines();
    let figures = figures.iter().filter_map(|line| line.split_once(' '));
    let figures = figures.map(|(nanos, bytes)| (nanos.parse::<f64>().unwrap(), bytes.parse::<f64>().unwrap()));
    figures.fold((f64::MAX, f64::MAX), |best, figure| (best.0.min(figure.0), best.1.min(figure.1)))
}

/// What four stages more cost, each: so without the source.
fn one_thread(metering: bool, visit: bool) -> (f64, f64) {
    let (few, many) = (round(1, metering, visit), round(STAGES, metering, visit));
    let more = (STAGES - 1) as f64;
    ((many.0 - few.0) / more, (many.1 - few.1) / more)
}

/// Microseconds of a packet through five threads: the median and the 95th of a hundred.
fn five_threads(metering: bool) -> (f64, f64) {
    let mut bench = bench(metering);
    let door: Door = bench.door("source");
    for name in &NAMES[1..=STAGES] {
        bench.stage(name, |_| script(|_, _| Ok(Flow::Continue)));
    }
    let (came, come) = std::sync::mpsc::channel::<()>();
    let came = std::sync::Mutex::new(came);
    bench
        .stage("sink", move |_| {
            let came = came.lock().unwrap().clone();
            script(move |entry, _| {
                if let At::Packet(_) = entry {
                    came.send(()).unwrap();
                }
                Ok(Flow::Continue)
            })
        })
        .thread("e");
    bench.chain(&NAMES);
    let run = bench.start();
    let mut times: Vec<f64> = (0..20_000)
        .map(|value| {
            let begin = Instant::now();
            door.send_at(0, None, 0, value);
            come.recv().unwrap();
            begin.elapsed().as_nanos() as f64 / 1e3
        })
        .collect();
    run.kill();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 95 / 100])
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("one") {
        // For a profiler.
        (0..20).for_each(|_| println!("{:?}", round(STAGES, false, false)));
        return;
    }
    println!("one thread, a stage         ns    bytes allocated");
    for (metering, visit) in [(false, false), (true, false), (false, true), (true, true)] {
        let (nanos, bytes) = one_thread(metering, visit);
        let metered = if metering { "metered" } else { "unmetered" };
        println!("{metered:>10}, {:>9} {nanos:9.0} {bytes:9.1}", if visit { "a visit" } else { "no visit" });
    }
    println!("five threads, a packet      µs   95 of 100");
    for metering in [false, true] {
        let (median, slow) = five_threads(metering);
        println!("{:>20} {median:10.1} {slow:9.1}", if metering { "metered" } else { "unmetered" });
    }
}
