//! Packets' memory: who holds what, what is used again, what is given back, and what nobody may see.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use majlis_meter::slab::{self, HOST, InFlight, QUEUE, REST_LIMIT, Slot, SlotMut};
use majlis_meter::thread::counters;
use majlis_meter::{Jemalloc, Pool};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const A: u16 = 0;
const B: u16 = 1;
const FRAME: usize = 1_920 * 1_080 * 3;

fn pool() -> Pool {
    Pool::new(4).unwrap()
}

fn filled(pool: &Pool, producer: u16, len: usize, byte: u8) -> Slot {
    let mut slot = pool.take(producer, len).unwrap();
    slot.fill(byte);
    slot.freeze()
}

/// Bytes of the shared file, as a worker that maps it would see them.
fn file_bytes(pool: &Pool, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let read = rustix::io::pread(pool.fd().as_fd(), &mut bytes, offset).unwrap();
    assert_eq!(read, len);
    bytes
}

#[test]
fn of_a_thousand_buffers_of_a_the_table_shows_the_eight_that_b_keeps() {
    let pool = pool();
    let mut kept = Vec::new();
    for n in 0..1_000 {
        let mut slot = filled(&pool, A, 30_000, 1);
        slot.move_to(QUEUE);
        slot.move_to(B);
        if n >= 992 {
            kept.push(slot);
        }
    }
    assert_eq!(pool.made(A), 1_000);
    assert_eq!(pool.table(), [InFlight { producer: A, holder: B, count: 8, bytes: 240_000 }]);
    assert_eq!((pool.usage().held, pool.usage().held_bytes), (8, 240_000));
    kept.clear();
    assert_eq!(pool.table(), []);
}

#[test]
fn a_slot_that_several_hold_stands_in_each_row_and_once_in_the_sum() {
    let pool = pool();
    let mut first = filled(&pool, A, 1_000, 1);
    let second = first.share(B);
    let _third = second.share(B);
    first.move_to(QUEUE);
    let row = |holder| InFlight { producer: A, holder, count: 1, bytes: 1_000 };
    assert_eq!(pool.table(), [row(B), row(QUEUE)]);
    assert_eq!((pool.usage().held, pool.usage().held_bytes), (1, 1_000));
    drop(second);
    assert_eq!(pool.table(), [row(B), row(QUEUE)]);
}

#[test]
fn a_holder_beyond_the_stages_is_the_host() {
    let pool = pool();
    let slot = filled(&pool, 77, 10, 1);
    assert_eq!(pool.table(), [InFlight { producer: 77, holder: HOST, count: 1, bytes: 10 }]);
    assert_eq!(pool.made(HOST), 1);
    drop(slot);
    assert_eq!(pool.table(), []);
}

#[test]
fn a_hold_that_a_thread_of_nobody_gives_back_leaves_none_behind() {
    let pool = pool();
    let kept = filled(&pool, A, 5_000, 1);
    let raw = kept.share(B).into_raw();
    // SAFETY: the hold of `raw`, given back once, on a wrong account.
    unsafe { slab::release(raw.token, HOST) };
    assert_eq!(pool.table().iter().map(|row| row.count).sum::<u64>(), 1);
    drop(kept);
    assert_eq!(pool.usage().held, 0);
}

#[test]
fn raw_parts_go_over_a_boundary_and_come_back() {
    let pool = pool();
    let raw = filled(&pool, A, 700, 9).into_raw();
    assert_eq!((raw.len, raw.ptr.addr() % 64), (700, 0));
    // SAFETY: `raw` has one hold; each of the others is taken and given back here.
    unsafe {
        slab::retain(raw.token, QUEUE);
        slab::move_holder(raw.token, QUEUE, B);
        slab::release(raw.token, B);
        let slot = Slot::from_raw(raw.token, A);
        assert_eq!(&slot[..], [9; 700]);
        assert_eq!((slot.producer(), slot.holder(), slab::offset_of(raw.token)), (A, A, slot.offset()));
    }
    assert_eq!(pool.usage().held, 0);
}

#[test]
fn a_slot_of_any_length_is_where_the_file_says_and_another_process_would_see_it() {
    let pool = pool();
    let lengths = [0, 1, 256, 257, 4_096, 65_536, 65_537, 100_000, FRAME];
    let slots: Vec<Slot> = lengths.iter().zip(1..).map(|(len, byte)| filled(&pool, A, *len, byte)).collect();
    for ((slot, byte), len) in slots.iter().zip(1..).zip(lengths) {
        assert_eq!(slot.len(), len);
        assert_eq!(slot.as_ptr().addr() % 64, 0);
        assert!(slot.iter().all(|b| *b == byte));
        assert_eq!(file_bytes(&pool, slot.offset(), len), &slot[..]);
    }
}

#[test]
fn no_former_visitors_bytes_lie_beyond_a_slots_length() {
    let pool = pool();
    for (long, short) in [(256, 10), (65_536, 20_000), (FRAME, FRAME - 3_000)] {
        let former = filled(&pool, A, long, 0xEE);
        let offset = former.offset();
        drop(former);
        let reused = filled(&pool, B, short, 1);
        assert_eq!(reused.offset(), offset, "the same slot again");
        assert_eq!(file_bytes(&pool, offset + short as u64, long - short), vec![0; long - short]);
        drop(reused);
        let longer = pool.take(A, long).unwrap();
        assert!(longer[short..].iter().all(|byte| *byte == 0), "{long}");
    }
}

#[test]
fn a_slot_taken_zeroed_shows_nothing_of_its_last_use() {
    let pool = pool();
    drop(filled(&pool, A, 50_000, 0xEE));
    assert!(pool.take_zeroed(A, 40_000).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn slots_are_used_again_without_any_allocation() {
    let pool = pool();
    let round = || {
        let frames: [SlotMut; 4] = std::array::from_fn(|_| pool.take(A, FRAME).unwrap());
        let audio: [SlotMut; 8] = std::array::from_fn(|_| pool.take(B, 1_920).unwrap());
        let mut shared = frames.map(SlotMut::freeze).map(|frame| (frame.share(B), frame));
        shared.iter_mut().for_each(|(copy, _)| copy.move_to(QUEUE));
        drop((audio, shared));
    };
    round();
    let (before, resident) = (counters(), pool.resident_bytes());
    for _ in 0..1_000 {
        round();
    }
    assert_eq!(counters(), before);
    assert_eq!(pool.resident_bytes(), resident);
}

#[test]
fn memory_is_taken_when_it_is_written_and_not_before() {
    let pool = pool();
    assert_eq!(pool.resident_bytes(), 0);
    let mut slot = pool.take(A, FRAME).unwrap();
    assert_eq!(pool.resident_bytes(), 0);
    slot[..40_960].fill(1);
    assert_eq!(pool.resident_bytes(), 40_960);
}

#[test]
fn idle_frames_are_kept_up_to_the_limit_and_the_oldest_go_first() {
    const SMALL: usize = 1_000_000;
    let limit = 2 * SMALL.next_multiple_of(4_096) as u64;
    let pool = Pool::with_idle_limit(4, limit).unwrap();
    let slots: Vec<Slot> = (0..6).map(|_| filled(&pool, A, SMALL, 1)).collect();
    let full = pool.resident_bytes();
    let offsets: Vec<u64> = slots.iter().map(Slot::offset).collect();
    slots.into_iter().for_each(drop);
    pool.shrink();
    assert_eq!((pool.usage().idle_bytes, pool.resident_bytes()), (limit, full / 3));
    let mut again: Vec<u64> = (0..2).map(|_| pool.take(A, SMALL).unwrap()).map(|slot| slot.freeze().offset()).collect();
    again.dedup();
    assert_eq!(again, [offsets[5]], "the newest, again and again");
}

#[test]
fn of_the_frames_of_a_visit_little_stays_when_the_last_visit_has_closed() {
    let frame = FRAME.next_multiple_of(4_096) as u64;
    let pool = Pool::new(4).unwrap();
    drop((0..5).map(|_| pool.take(A, FRAME).unwrap().freeze()).collect::<Vec<_>>());
    assert_eq!(pool.usage().idle_bytes, 5 * frame);
    pool.shrink();
    assert_eq!(pool.usage().idle_bytes, REST_LIMIT / frame * frame);
}

#[test]
fn after_a_burst_as_many_frames_as_it_needed_stay_until_the_pool_is_shrunk_or_used_less_for_a_while() {
    let frame = FRAME.next_multiple_of(4_096) as u64;
    let pool = Pool::with_idle_limit(4, frame).unwrap();
    let burst = || drop((0..6).map(|_| pool.take(A, FRAME).unwrap().freeze()).collect::<Vec<_>>());
    burst();
    assert_eq!(pool.usage().idle_bytes, 6 * frame);
    pool.shrink();
    assert_eq!(pool.usage().idle_bytes, frame);
    burst();
    for _ in 0..3 * 64 {
        drop(pool.take(A, FRAME).unwrap());
    }
    assert_eq!(pool.usage().idle_bytes, frame);
}

#[test]
fn another_size_does_not_starve_behind_idle_slots_of_the_last_one() {
    let pool = Pool::with_idle_limit(4, 1 << 20).unwrap();
    drop(filled(&pool, A, 1 << 20, 1));
    let offset = filled(&pool, A, 500_000, 1).offset();
    assert_eq!(pool.take(A, 500_000).unwrap().freeze().offset(), offset);
    assert_eq!(pool.usage().idle_bytes, 500_000_u64.next_multiple_of(4_096));
}

#[test]
fn a_trimmed_pool_has_only_what_is_held() {
    let pool = pool();
    let kept = filled(&pool, A, 16_384, 7);
    let many: Vec<Slot> = (0..50).map(|n| filled(&pool, A, 10_000 + n * 1_000, 1)).collect();
    let frame = filled(&pool, A, FRAME, 1);
    drop((many, frame));
    pool.trim();
    assert_eq!(pool.resident_bytes(), 16_384);
    assert!(kept.iter().all(|byte| *byte == 7));
    assert!(pool.take(A, 60_000).unwrap().iter().all(|byte| *byte == 0), "what was given back shows zeros");
}

#[test]
fn a_slot_outlives_its_pool() {
    let slot = {
        let pool = pool();
        drop(filled(&pool, A, FRAME, 1));
        filled(&pool, A, FRAME, 5)
    };
    assert!(slot.iter().all(|byte| *byte == 5));
}

#[test]
fn a_pool_gives_all_its_memory_back() {
    use majlis_meter::resident::{Snapshot, ThisProcess};
    for _ in 0..200 {
        let pool = pool();
        let slots: Vec<Slot> = [100, 5_000, 70_000, FRAME].map(|len| filled(&pool, A, len, 1)).into();
        drop(pool);
        drop(slots);
    }
    // Other tests of this file have pools too, but not 200 of them.
    assert!(Snapshot::take(&ThisProcess).unwrap().packets < 100 * FRAME as u64);
}

#[test]
fn holds_taken_and_given_back_by_many_threads_at_once_are_neither_lost_nor_doubled() {
    let pool = pool();
    let slot = filled(&pool, A, 4_096, 3);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4_u16)
            .map(|stage| {
                let (pool, slot) = (&pool, &slot);
                scope.spawn(move || {
                    for n in 0..20_000_usize {
                        let mut mine = slot.share(stage);
                        mine.move_to(QUEUE);
                        let again = mine.share(stage);
                        drop(mine);
                        assert_eq!(again[n % 4_096], 3);
                        let len = [64, 900, 3_000, 60_000, 90_000, 200_000][n % 6];
                        let mut own = pool.take(stage, len).unwrap();
                        own[0] = stage as u8;
                        own[len - 1] = stage as u8;
                        let own = own.freeze();
                        let other = own.share(HOST);
                        drop(own);
                        assert_eq!((other[0], other[len - 1]), (stage as u8, stage as u8));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert!(pool.table().iter().all(|row| row.count <= 9));
                pool.trim();
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        stop.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|end| end.unwrap());
    });
    assert_eq!(pool.table(), [InFlight { producer: A, holder: A, count: 1, bytes: 4_096 }]);
    assert_eq!((0..4).map(|stage| pool.made(stage)).sum::<u64>(), 80_001);
}
