//! What a call allocates, what an arena holds and what is mapped: measured in a process with the real allocator, each
//! figure right to 64 KiB.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::fs::File;
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use majlis_meter::alloc::{self, Jemalloc};
use majlis_meter::ledger::{HeapInputs, Kind, Line, Owner, ResidentInputs, StageFlow};
use majlis_meter::resident::{self, Snapshot, ThisProcess, mapped_since};
use majlis_meter::thread::{Cost, Peak};
use majlis_meter::{Arenas, CallMeter, Monotonic};

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const MIB: u64 = 1 << 20;
const NEAR: u64 = 64 << 10;

/// Some figures are the whole process's, and any test may disturb them: they run one after another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn metered(call: impl FnOnce()) -> Cost {
    let clock = Monotonic::new();
    let meter = CallMeter::start(&clock);
    call();
    meter.stop(&clock)
}

/// As a C library inside a plugin would.
fn c_malloc(bytes: u64) -> *mut libc::c_void {
    // SAFETY: any size may be asked for.
    let block = unsafe { libc::malloc(bytes as usize) };
    assert!(!block.is_null());
    black_box(block)
}

fn c_free(block: *mut libc::c_void) {
    // SAFETY: every block of these tests is freed once.
    unsafe { libc::free(block) }
}

#[track_caller]
fn assert_near(what: &str, got: u64, wanted: u64) {
    assert!(got.abs_diff(wanted) <= NEAR, "{what}: {got} is not near {wanted}");
}

#[test]
fn the_allocator_is_available_and_took_our_settings() {
    let _alone = alone();
    assert!(alloc::available());
    assert_eq!(alloc::option(c"opt.narenas"), Some(2));
    assert_eq!(alloc::option(c"opt.dirty_decay_ms"), Some(2_000));
    assert_eq!(alloc::option(c"opt.muzzy_decay_ms"), Some(0));
    assert_eq!(alloc::option(c"opt.background_thread"), Some(1));
}

#[test]
fn native_blocks_are_counted_with_their_peak_after_another_used_the_thread() {
    let _alone = alone();
    thread::spawn(|| {
        let other = metered(|| drop(black_box(vec![1_u8; 200 << 20])));
        assert_near("the other's peak", other.peak, 200 * MIB);
        assert_eq!(other.live, 0);

        let mut blocks = Vec::with_capacity(64);
        let cost = metered(|| {
            blocks.extend((0..64).map(|_| c_malloc(MIB)));
            blocks.drain(8..).for_each(c_free);
        });
        assert_near("peak", cost.peak, 64 * MIB);
        assert_near("live", cost.live as u64, 8 * MIB);
        assert_near("allocated", cost.allocated, 64 * MIB);
        assert_near("freed", cost.freed, 56 * MIB);

        let back = metered(|| blocks.drain(..).for_each(c_free));
        assert_eq!((back.live, back.peak), (-8 * MIB as i64, 0));
    })
    .join()
    .unwrap();
}

#[test]
fn what_a_shared_library_allocates_is_counted_too() {
    let _alone = alone();
    let text = std::ffi::CString::new(vec![b'x'; 300_000]).unwrap();
    let mut copy = std::ptr::null_mut();
    // SAFETY: a zero-ended text; `strdup` lies in the C library, which comes to `malloc` through the dynamic linker.
    let cost = metered(|| copy = black_box(unsafe { libc::strdup(text.as_ptr()) }));
    assert!(cost.live >= 300_001, "{cost:?}");
    c_free(copy.cast());
}

#[test]
fn peaks_are_right_to_their_resolution_whatever_the_pieces() {
    let _alone = alone();
    for (piece, pieces) in [(100, 3_000), (4_096, 200), (40_000, 50), (300_000, 4), (5_000_000, 2)] {
        let mut kept: Vec<Vec<u8>> = Vec::with_capacity(pieces);
        let cost = metered(|| {
            kept.extend((0..pieces).map(|_| Vec::with_capacity(piece)));
            kept.clear();
        });
        assert_eq!(cost.live, 0);
        assert!(cost.peak <= cost.allocated, "{piece} x {pieces}: {cost:?}");
        assert!(cost.allocated - cost.peak < Peak::RESOLUTION, "{piece} x {pieces}: {cost:?}");
    }
}

#[test]
fn a_call_below_the_resolution_says_so_and_not_zero() {
    let _alone = alone();
    let cost = metered(|| drop(black_box(vec![0_u8; 10_000])));
    assert!(cost.allocated >= 10_000);
    assert_eq!(Peak(cost.peak).to_string(), "< 64 KiB");
}

#[test]
fn memory_asked_for_and_never_touched_is_in_the_heap_and_not_resident() {
    let _alone = alone();
    thread::spawn(|| {
        // The test harness allocates on threads of its own meanwhile, so look at this thread's row.
        let arena = Arenas::process().named("untouched");
        Arenas::process().bind(arena);
        let row = || {
            let line = Line { arena, name: "untouched".to_owned(), owner: Owner::Host, stages: Vec::new() };
            HeapInputs::measure(vec![line]).unwrap().ledger().of(Kind::Host) as u64
        };
        let measure = || ResidentInputs::measure(&ThisProcess).unwrap();
        let (heap_before, resident_before) = (row(), measure());
        // SAFETY: any size may be asked for.
        let block = black_box(unsafe { libc::calloc(64, MIB as usize) });
        let (heap, resident) = (row(), measure());
        c_free(block);

        assert_near("heap", heap - heap_before, 64 * MIB);
        let grown = resident.snapshot.rss.saturating_sub(resident_before.snapshot.rss);
        assert!(grown < MIB, "{grown} bytes became resident");
        assert_eq!(resident.ledger().difference(), Some(0));
        assert!(resident.untouched() >= 60 * MIB, "{}", resident.untouched());
    })
    .join()
    .unwrap();
}

#[test]
fn what_an_adopted_thread_keeps_is_held_in_the_background_arena() {
    let _alone = alone();
    let arenas = Arenas::process();
    let background = arenas.named("avatar (background)");
    assert_eq!(arenas.named("avatar (background)"), background);
    let held = || {
        alloc::refresh();
        arenas.held(background).unwrap()
    };
    let keep = |mib: usize| {
        thread::spawn(move || {
            assert!(arenas.bind(background));
            vec![1_u8; mib << 20]
        })
        .join()
        .unwrap()
    };
    let kept = keep(32);
    assert_near("held", held().bytes, 32 * MIB);

    let line = Line { arena: background, name: "Avatar".to_owned(), owner: Owner::Background, stages: Vec::new() };
    let ledger = HeapInputs::measure(vec![line]).unwrap().ledger();
    assert_near("row", ledger.of(Kind::Background) as u64, 32 * MIB);
    assert_near("difference", ledger.difference().unwrap().unsigned_abs(), 0);

    // Another thread of the same name, another arena's thread that frees.
    let more = keep(4);
    assert_near("held by two", held().bytes, 36 * MIB);
    drop((kept, more));
    alloc::thread_tcache_flush();
    assert_near("held by nobody", held().bytes, 0);
}

#[test]
fn a_thread_that_is_bound_late_is_charged_from_then_on() {
    let _alone = alone();
    let arenas = Arenas::process();
    let arena = arenas.named("late");
    thread::spawn(move || {
        let before: Vec<Vec<u8>> = (0..20_000).map(|_| vec![1; 100]).collect();
        drop(before);
        assert!(arenas.bind(arena));
        let kept: Vec<Vec<u8>> = (0..1_000).map(|_| vec![1; 100]).collect();
        alloc::refresh();
        let held = arenas.held(arena).unwrap();
        let wanted = 1_000 * 112 + 1_000 * size_of::<Vec<u8>>() as u64;
        assert!(held.bytes.abs_diff(wanted) < 2_000, "{held:?}, wanted {wanted}");
        arenas.unbind();
        drop(kept);
        alloc::thread_tcache_flush();
        alloc::refresh();
        assert!(arenas.held(arena).unwrap().bytes < 2_000);
    })
    .join()
    .unwrap();
}

#[test]
fn stages_alone_and_stages_that_share_a_thread_add_up_to_the_allocators_total() {
    let _alone = alone();
    let arenas = Arenas::process();
    let (vision, faces) = (arenas.named("vision"), arenas.named("faces"));
    let on_vision = thread::spawn(move || {
        arenas.bind(vision);
        let (mut scene, mut mood) = (Vec::new(), Vec::new());
        let a = metered(|| scene.extend(std::iter::repeat_with(|| vec![1_u8; 102_400]).take(20)));
        let b = metered(|| mood.extend(std::iter::repeat_with(|| vec![1_u8; 102_400]).take(5)));
        (a.live, b.live, (scene, mood))
    });
    let on_faces = thread::spawn(move || {
        arenas.bind(faces);
        vec![1_u8; 7_000_000]
    });
    let (scene, mood, _kept) = on_vision.join().unwrap();
    let _faces = on_faces.join().unwrap();
    let flow = |name: &str, live| StageFlow { name: name.to_owned(), live };
    let line = |arena, stages| Line { arena, name: "vision".to_owned(), owner: Owner::Stages, stages };
    let ledger = HeapInputs::measure(vec![
        line(vision, vec![flow("Scene", scene), flow("Mood", mood)]),
        line(faces, vec![flow("Faces", 0)]),
    ])
    .unwrap()
    .ledger();
    let bytes = |name: &str| ledger.rows.iter().find(|row| row.name == name).unwrap().bytes as u64;
    assert_near("Faces", bytes("Faces"), 7_000_000);
    assert_near("Scene", bytes("Scene"), 20 * 102_400);
    assert_near("Mood", bytes("Mood"), 5 * 102_400);
    assert_near("difference", ledger.difference().unwrap().unsigned_abs(), 0);
}

#[test]
fn a_file_mapped_during_an_opening_is_found_by_its_name_with_the_bytes_that_were_touched() {
    let _alone = alone();
    const LEN: usize = 100_000_000;
    const TOUCHED: usize = 40 << 20;
    let path = std::env::temp_dir().join(format!("majlis-model-{}.onnx", std::process::id()));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    file.set_len(LEN as u64).unwrap();

    let before = Snapshot::take(&ThisProcess).unwrap();
    // SAFETY: a new private mapping of a file that nobody cuts before it is unmapped.
    let model = unsafe {
        let (read, private) = (rustix::mm::ProtFlags::READ, rustix::mm::MapFlags::PRIVATE);
        rustix::mm::mmap(std::ptr::null_mut(), LEN, read, private, &file, 0).unwrap()
    };
    for at in (0..TOUCHED).step_by(4_096) {
        // SAFETY: inside the mapping.
        black_box(unsafe { model.cast::<u8>().add(at).read_volatile() });
    }
    let after = Snapshot::take(&ThisProcess).unwrap();
    let grown = mapped_since(&before, &after);
    let ledger = ResidentInputs::measure(&ThisProcess).unwrap().ledger();
    // SAFETY: the mapping of above, used no more.
    unsafe { rustix::mm::munmap(model, LEN).unwrap() };
    std::fs::remove_file(&path).unwrap();

    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(grown[0].name(), name);
    assert_near("touched", grown[0].resident, TOUCHED as u64);
    assert_eq!(grown[0].mapped, (LEN as u64).next_multiple_of(4_096));
    assert!(!grown[0].library);
    let row = ledger.rows.iter().find(|row| row.name == name).unwrap();
    assert_near("row", row.bytes as u64, TOUCHED as u64);
    assert_eq!(ledger.difference(), Some(0));
}

#[test]
fn a_purged_arena_keeps_no_pages_back() {
    let _alone = alone();
    let arenas = Arenas::process();
    let arena = arenas.named("purged");
    thread::spawn(move || {
        arenas.bind(arena);
        drop(black_box(vec![1_u8; 48 << 20]));
        let before = resident::rss(&ThisProcess).unwrap();
        alloc::purge(arena);
        let after = resident::rss(&ThisProcess).unwrap();
        assert!(before.saturating_sub(after) > 40 * MIB, "{before} -> {after}");
    })
    .join()
    .unwrap();
}

#[test]
fn threads_that_nobody_adopted_are_listed_until_somebody_does() {
    let _alone = alone();
    let (adopted_now, wait) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    let listed = || resident::strangers(&ThisProcess).unwrap().iter().any(|name| name == "stray");
    thread::scope(|scope| {
        thread::Builder::new()
            .name("stray".to_owned())
            .spawn_scoped(scope, || {
                adopted_now.wait();
                wait.wait();
                Arenas::process().bind(Arenas::process().named("stray"));
                adopted_now.wait();
                wait.wait();
            })
            .unwrap();
        adopted_now.wait();
        assert!(listed());
        wait.wait();
        adopted_now.wait();
        assert!(!listed());
        wait.wait();
    });
}
