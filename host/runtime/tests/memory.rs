//! What the host itself needs: frames are never copied, the steady state allocates nothing for them, and neither calls
//! nor visits make the host grow. Alone in its process: it counts the allocator's bytes.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::*;
use majlis_meter::{Arenas, Jemalloc, alloc, thread};
use majlis_plugin_api::{Flow, Frame, FrameMut, In, Out, PixelFormat};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// One test at a time: they count what the process allocates.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const FRAME_OUT: Out<Frame> = Out::at(0);
const FRAME_IN: In<Frame> = In::at(0);

#[test]
fn a_frame_has_one_address_in_all_its_stages_and_the_steady_state_allocates_nothing() {
    let _alone = alone();
    let mut bench = Bench::new();
    let addresses = Arc::new(Mutex::new(vec![Vec::<usize>::new(); 100]));
    let allocated = Arc::new(AtomicU64::new(0));
    let (seen, own) = (Arc::clone(&addresses), Arc::clone(&allocated));
    bench.stage("camera", move |_| {
        let (mut count, mut visit, seen, own) = (0_u64, None, Arc::clone(&seen), Arc::clone(&own));
        script(move |entry, out| {
            if let At::Wake(..) = entry {
                let before = thread::counters().0;
                if visit.is_none() {
                    visit = Some(out.open_visit()?);
                } else {
                    let mut frame = FrameMut::new(out.host(), 1_920, 1_080, PixelFormat::Rgb8)?;
                    frame.pixels_mut()[..8].copy_from_slice(&count.to_le_bytes());
                    let frame = frame.freeze()?;
                    seen.lock().unwrap()[count as usize].push(frame.pixels().as_ptr().addr());
                    out.emit(FRAME_OUT, frame)?;
                    count += 1;
                    if count > 10 {
                        own.fetch_add(thread::counters().0 - before, Ordering::Relaxed);
                    }
                }
                if count == 100 {
                    visit.take().unwrap().end();
                    return Ok(Flow::Ended);
                }
                return Ok(Flow::WakeAt(out.now()));
            }
            Ok(Flow::Continue)
        })
    });
    for name in ["a", "b", "c", "d"] {
        let (seen, own) = (Arc::clone(&addresses), Arc::clone(&allocated));
        bench.stage(name, move |_| {
            let (seen, own) = (Arc::clone(&seen), Arc::clone(&own));
            script(move |entry, out| {
                if let At::Packet(packet) = &entry {
                    let before = thread::counters().0;
                    let frame = packet.get(FRAME_IN)?.unwrap();
                    let count = u64::from_le_bytes(frame.pixels()[..8].try_into().unwrap());
                    out.emit(FRAME_OUT, frame.clone())?;
                    if count >= 10 {
                        own.fetch_add(thread::counters().0 - before, Ordering::Relaxed);
                    }
                    seen.lock().unwrap()[count as usize].push(frame.pixels().as_ptr().addr());
                }
                Ok(Flow::Continue)
            })
        });
    }
    // A fan-out and a chain.
    for (from, to) in [("camera.0", "a.0"), ("camera.0", "b.0"), ("b.0", "c.0"), ("c.0", "d.0")] {
        bench.edge(from, to).depth(1);
    }
    let run = bench.start();
    run.wait();
    let addresses = addresses.lock().unwrap();
    for (count, frame) in addresses.iter().enumerate() {
        assert_eq!(frame.len(), 5, "frame {count}");
        assert!(frame.iter().all(|address| *address == frame[0]), "frame {count}: {frame:x?}");
    }
    let mut slots: Vec<usize> = addresses.iter().skip(10).map(|frame| frame[0]).collect();
    slots.sort_unstable();
    slots.dedup();
    assert!(slots.len() <= 16, "{} slots for 90 frames", slots.len());
    // Of a frame of 6 MB nothing, of a packet on its way what its queue and its records need.
    let each = allocated.load(Ordering::Relaxed) / (90 * 5);
    assert!(each < 1_024, "{each} bytes for each call");
}

#[test]
fn of_a_thousand_buffers_that_a_made_for_b_those_that_b_keeps_are_in_flight_and_held_by_b() {
    let _alone = alone();
    let (mut bench, log) = (Bench::new(), Log::new());
    bench.stage("a", |_| {
        script(|_, out| {
            for value in 0..1_000 {
                out.emit(self::out(0), num(value))?;
            }
            Ok(Flow::Continue)
        })
    });
    let said = log.clone();
    bench.stage("b", move |_| {
        let (said, mut kept) = (said.clone(), Vec::new());
        script(move |entry, _| {
            if let At::Packet(packet) = &entry {
                if number(packet).is_multiple_of(125) {
                    kept.push(packet.get(In::<majlis_plugin_api::Any>::at(0))?.unwrap());
                }
                if number(packet) == 999 {
                    said.say("done");
                }
            }
            Ok(Flow::Continue)
        })
    });
    bench.chain(&["a", "b"]);
    let run = bench.start();
    log.wait("done");
    // The last call is over when its totals say so.
    while totals(&run.runtime.snapshot())["b"].calls < 1_000 {
        std::thread::yield_now();
    }
    let rows = run.runtime.snapshot().in_flight;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].producer.as_str(), rows[0].holder.as_str(), rows[0].count), ("a", "b", 8));
    assert_eq!(rows[0].bytes, 64);
    run.kill();
}

#[test]
fn what_an_adopted_thread_keeps_stands_in_its_stage_s_background() {
    let _alone = alone();
    let (mut bench, log) = (Bench::new(), Log::new());
    let (give, keep) = std::sync::mpsc::channel::<Vec<u8>>();
    let (give, said) = (Mutex::new(give), log.clone());
    bench.stage("room", move |host| {
        let (give, said) = (give.lock().unwrap().clone(), said.clone());
        host.spawn("codec", move || {
            give.send(vec![1; 32 << 20]).unwrap();
            said.say("kept");
        })?;
        script(|_, _| Ok(Flow::Continue))
    });
    let run = bench.start();
    log.wait("kept");
    let kept = keep.recv().unwrap();
    alloc::refresh();
    let held = |name: &str| {
        let arenas = Arenas::process().all();
        let arena = arenas.iter().find(|(its, _)| its == name).unwrap_or_else(|| panic!("no arena of {name}")).1;
        Arenas::process().held(arena).unwrap().bytes
    };
    let background = held("room (background)");
    assert!((32 << 20..33 << 20).contains(&background), "{background}");
    assert!(held("room") < 1 << 20);
    drop(kept);
    run.kill();
}

fn process_allocated() -> u64 {
    alloc::refresh();
    alloc::totals().unwrap().allocated
}

#[test]
fn the_host_grows_neither_with_calls_nor_with_visits() {
    const LIMIT: u64 = 64 << 10;
    const SETTLES: Duration = Duration::from_millis(300);
    let _alone = alone();
    let mut bench = Bench::new();
    let plan: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
    let todo = Arc::clone(&plan);
    // For each (visits, calls) of the plan so many visits, one after the other, of so many calls each.
    bench
        .stage("camera", move |_| {
            let todo = Arc::clone(&todo);
            let (mut now, mut visit, mut left) = ((0, 0), None::<majlis_plugin_api::Visit>, 0);
            script(move |entry, out| {
                let At::Wake(..) = entry else { return Ok(Flow::Continue) };
                if now.0 == 0 {
                    match todo.lock().unwrap().pop() {
                        Some(order) => now = order,
                        None => return Ok(Flow::WakeAt(at(out.now().as_nanos() / 1_000_000 + 1))),
                    }
                }
                if visit.is_none() {
                    // As many as may be open are still closing: once more.
                    let Ok(opened) = out.open_visit() else { return Ok(Flow::WakeAt(out.now())) };
                    (visit, left) = (Some(opened), now.1);
                }
                // Of its own visit only in the call that opened it: then it is an origin like any other.
                let id = visit.as_ref().map(|visit| visit.id());
                let origin = out.host().origin();
                while left > 0 && origin.emit(self::out(0), id, out.now(), num(left)).is_ok() {
                    left -= 1;
                }
                if left == 0 {
                    visit.take().unwrap().end();
                    now.0 -= 1;
                }
                Ok(Flow::WakeAt(out.now()))
            })
        })
        .thread("all");
    bench.stage("a", recorder_of_nothing()).thread("all");
    bench.stage("b", recorder_of_nothing()).thread("all");
    bench.chain(&["camera", "a", "b"]);
    bench.edges[0].depth(1_000);
    let run = bench.start();
    run.seen.forgets.store(true, Ordering::Relaxed);
    let mut made = 0;
    let mut after = |visits: u64, calls: u64| {
        plan.lock().unwrap().push((visits, calls));
        made += visits * calls;
        let begin = std::time::Instant::now();
        loop {
            run.advance(1);
            std::thread::yield_now();
            let record = run.runtime.snapshot();
            let drops: u64 = record.totals[1].drops.iter().map(|drops| drops.packets).sum();
            let [a, b] = ["a", "b"].map(|name| totals(&record)[name].calls);
            if record.visits.opened == record.visits.ended && drops == 0 && (a, b) == (made, made) {
                break;
            }
            let so_far = (record.visits.opened, record.visits.ended, a, b);
            assert!(begin.elapsed().as_secs() < 60, "{made} packets did not come to their end: {so_far:?}");
            assert_eq!(drops, 0);
        }
        // The last visit's record, up to a megabyte, is on its way to whoever keeps it: what stays is the least that is seen.
        let readings = (0..SETTLES.as_millis()).map(|_| {
            run.advance(1);
            std::thread::sleep(Duration::from_millis(1));
            process_allocated()
        });
        readings.min().unwrap_or_default()
    };
    // Caches, histograms and the list of recent visits have their size after this.
    after(200, 100);
    after(1, 10_000);
    // What threads keep at hand goes up and down by some tens of kilobytes; what has grown stays.
    let few_calls = (0..4).map(|_| after(1, 10_000)).max().unwrap();
    let many_calls = after(1, 1_000_000).min((0..3).map(|_| after(1, 10_000)).min().unwrap());
    assert!(many_calls <= few_calls + LIMIT, "calls: from {few_calls} to {many_calls} bytes");
    let few_visits = (0..4).map(|_| after(1_000, 1)).max().unwrap();
    let many_visits = after(100_000, 1).min((0..3).map(|_| after(1_000, 1)).min().unwrap());
    assert!(many_visits <= few_visits + LIMIT, "visits: from {few_visits} to {many_visits} bytes");
    run.kill();
}

fn recorder_of_nothing()
-> impl Fn(&majlis_plugin_api::Host) -> majlis_plugin_api::Result<Script> + Send + Sync + 'static {
    |_| {
        script(|entry, out| {
            if let At::Packet(packet) = &entry {
                out.forward(self::out(0), packet)?;
            }
            Ok(Flow::Continue)
        })
    }
}
