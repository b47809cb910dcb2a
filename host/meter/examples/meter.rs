//! What metering costs on this machine: `cargo run --release -p majlis-meter --example meter`.

use std::hint::black_box;
use std::time::Instant;

use majlis_meter::ledger::ResidentInputs;
use majlis_meter::resident::{Snapshot, ThisProcess, rss};
use majlis_meter::{Arenas, CallMeter, Clock, Histogram, Monotonic, Pool, alloc, thread};

#[global_allocator]
static ALLOCATOR: majlis_meter::Jemalloc = majlis_meter::Jemalloc;

/// The fastest of ten rounds: the others were disturbed.
fn nanos<T>(rounds: u32, mut f: impl FnMut() -> T) -> f64 {
    (0..10)
        .map(|_| {
            let begin = Instant::now();
            (0..rounds).for_each(|_| drop(black_box(f())));
            begin.elapsed().as_nanos() as f64 / f64::from(rounds)
        })
        .fold(f64::MAX, f64::min)
}

fn main() {
    let clock: &dyn Clock = &Monotonic::new();
    println!("resident at the start        {:9.2} MB", rss(&ThisProcess).unwrap_or(0) as f64 / 1e6);
    println!("allocator available          {:>9}", alloc::available());
    let row = |name: &str, value: f64| println!("{name:28} {value:9.1} ns");
    row("a call: start and stop", nanos(100_000, || CallMeter::start(clock).stop(clock)));
    row("  with processor time", nanos(20_000, || CallMeter::start_as(clock, true).stop(clock)));
    row("  clock", nanos(100_000, || clock.now()));
    row("  counters", nanos(100_000, thread::counters));
    row("  peak: reset", nanos(100_000, alloc::peak_reset));
    row("  peak: read", nanos(100_000, alloc::peak_read));
    let histogram = Histogram::new();
    let mut value = 1_u64;
    row(
        "histogram: record",
        nanos(100_000, || {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            histogram.record(value >> 34);
        }),
    );
    let Ok(pool) = Pool::new(12) else { return };
    let Ok(slot) = pool.take(0, 6_220_800).map(|slot| slot.freeze()) else {
        return;
    };
    row("slot: retain and release", nanos(100_000, || slot.share(1)));
    row("slot: take and release", nanos(100_000, || pool.take(0, 2_000)));
    row("  of 6.2 MB", nanos(100_000, || pool.take(0, 6_220_800)));
    let many: Vec<_> = (0..1_000).map(|_| pool.take(0, 2_000)).collect();
    row("slots: table of 1,000", nanos(100, || pool.table()));
    drop(many);
    row("arenas: refresh", nanos(100, alloc::refresh));
    let arena = Arenas::process().named("faces");
    row("arenas: held", nanos(10_000, || Arenas::process().held(arena)));
    row("resident: quick", nanos(100, || rss(&ThisProcess)));
    row("resident: snapshot", nanos(10, || Snapshot::take(&ThisProcess)));
    if let Ok(inputs) = ResidentInputs::measure(&ThisProcess) {
        println!("\nresident, in MB");
        for row in inputs.ledger().rows {
            println!("{:28} {:9.2}", row.name, row.bytes as f64 / 1e6);
        }
    }
}
