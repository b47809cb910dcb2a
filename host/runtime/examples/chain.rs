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

/// Nanoseconds of a stage's call, the fastest of twenty rounds: the others were disturbed. And bytes that it allocates.
fn one_thread(metering: bool, visit: bool) -> (f64, f64) {
    // An edge of its own thread takes 1,024 of a call, and all of these are served before the next call.
    const BATCH: u64 = 1_000;
    const ROUND: u64 = 20;
    // Of a visit one packet at a time, as a camera would send them: a call then stands in a record, with its waits.
    let (batch, round) = if visit { (1, 2_000) } else { (BATCH, ROUND) };
    let log = Log::new();
    let mut bench = bench(metering);
    let said = log.clone();
    bench
        .stage("source", move |_| {
            let (said, mut rounds, mut begun) = (said.clone(), 0, (Instant::now(), 0));
            let mut opened = None;
            script(move |entry, out| {
                let At::Wake(..) = entry else { return Ok(Flow::Continue) };
                if rounds > 0 && rounds % round == 0 {
                    let calls = (batch * round * STAGES as u64) as f64;
                    let nanos = begun.0.elapsed().as_nanos() as f64 / calls;
                    let bytes = (majlis_meter::thread::counters().0 - begun.1) as f64 / calls;
                    said.say(format!("{nanos} {bytes}"));
                }
                if rounds % round == 0 {
                    begun = (Instant::now(), majlis_meter::thread::counters().0);
                }
                if rounds == 20 * round {
                    drop(opened.take());
                    return Ok(Flow::Ended);
                }
                rounds += 1;
                if visit && opened.is_none() {
                    opened = Some(out.open_visit()?);
                    return Ok(Flow::WakeAt(out.now()));
                }
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
    for name in &NAMES[1..=STAGES] {
        bench.stage(name, |_| script(|_, _| Ok(Flow::Continue))).thread("all");
    }
    bench.chain(&NAMES[..=STAGES]);
    bench.start().wait();
    let figures = log.lines();
    let figures = figures.iter().filter_map(|line| line.split_once(' '));
    let figures = figures.map(|(nanos, bytes)| (nanos.parse::<f64>().unwrap(), bytes.parse::<f64>().unwrap()));
    figures.fold((f64::MAX, f64::MAX), |best, figure| (best.0.min(figure.0), best.1.min(figure.1)))
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
